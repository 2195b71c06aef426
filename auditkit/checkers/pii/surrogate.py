"""What takes the place of a found value: mask, label, keyed hash, or a surrogate that looks alike and is nobody's.

mask: `*****`, five stars whatever the length, so that the length is not told. label: `[EMAIL_ADDRESS]`.
hash: `[EMAIL_ADDRESS:1f2e3d4c5b6a7988]`, 64 bits of keyed BLAKE2b (RFC 7693). surrogate: a value of the same kind
from ranges
that are reserved for documentation or never issued; equal values (same key, case and separators aside) get equal
surrogates.

Distinct values get distinct surrogates as far as the reserved ranges allow: e-mail, cards, IBANs, IPv6, MACs, SSNs
and keys have 2**29 and more; US phone numbers have 80,000 (555-01xx in 800 area codes) and IPv4 has 768 (RFC 5737).
Neighbouring
values (80,000 numbers of one area code, 768 addresses) never meet; values far apart may, with the odds of a birthday.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "*****"
TAG_LETTERS = 4  # 20 bits: one foreign address in a million under example.com is taken for a surrogate
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789q"  # 32 signs, none that is read as another
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def replace(entity: str, value: str, *, style: str, key: bytes) -> str:
    """The replacement of `value` in this style."""
    if style == "mask":
        return MASK
    if style == "label":
        return f"[{entity}]"
    if style == "hash":
        return f"[{entity}:{_digest(entity, canonical(entity, value), key).hex()[:16]}]"
    maker = _MAKERS.get(entity, _alike)
    return maker(value, _Draw(entity, canonical(entity, value), key))


def canonical(entity: str, value: str) -> str:
    """The value without what its writers vary: case of addresses, separators of numbers."""
    if entity in _NUMBERS:
        return re.sub(r"[^0-9A-Za-z+*#]", "", value).upper()
    return " ".join(value.split()).casefold() if entity in _CASELESS else " ".join(value.split())


_NUMBERS = frozenset(
    {"PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "US_ITIN", "UK_NHS", "US_BANK_NUMBER", "MAC_ADDRESS"}
)
_CASELESS = frozenset({"EMAIL_ADDRESS", "URL", "IP_ADDRESS", "UUID", "PERSON", "LOCATION"})


def _digest(entity: str, text: str, key: bytes) -> bytes:
    """64 bytes that depend on the entity, the text and the key; keys longer than BLAKE2b takes are hashed first."""
    short = key if len(key) <= 64 else hashlib.blake2b(key).digest()
    return hashlib.blake2b(f"{entity}\0{text}".encode("utf-8", "surrogatepass"), key=short).digest()


class _Draw:
    """Numbers, letters and digits drawn from the keyed digest of one value."""

    def __init__(self, entity: str, text: str, key: bytes) -> None:
        self.entity, self.text, self.key = entity, text, key
        self._left = int.from_bytes(_digest(entity, text, key), "big")

    def below(self, n: int) -> int:
        """A number 0 <= x < n; the pool of 512 bits is refilled from itself when it runs low."""
        if self._left < n << 64:
            self._left = int.from_bytes(_digest(self.entity, f"{self.text}\1{self._left}", self.key), "big")
        self._left, drawn = divmod(self._left, n)
        return drawn

    def letters(self, n: int) -> str:
        return "".join(_LETTERS[self.below(32)] for _ in range(n))

    def digits(self, n: int) -> str:
        return "".join(str(self.below(10)) for _ in range(n))

    def permuted(self, number: int, size: int) -> int:
        """Number -> 0..size-1 so that any `size` neighbouring numbers of one block stay distinct."""
        block, within = divmod(number, size)
        offset = int.from_bytes(_digest(self.entity, f"block {block}", self.key)[:8], "big")
        return (_permutation(within, size, _digest(self.entity, "permutation", self.key)) + offset) % size


def _permutation(number: int, size: int, key: bytes) -> int:
    """A keyed permutation of 0..size-1: a Feistel network of six rounds over the next even power of two, walked back
    into range.
    """
    half = max(1, (size - 1).bit_length() + 1) // 2
    mask = (1 << half) - 1
    while True:
        left, right = number >> half, number & mask
        for turn in range(6):
            mixed = hashlib.blake2b(bytes((turn,)) + right.to_bytes(8, "big"), key=key, digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(mixed, "big") & mask)
        number = left << half | right
        if number < size:
            return number


def _word(draw: _Draw, syllables: int) -> str:
    return "".join(_CONSONANTS[draw.below(14)] + _VOWELS[draw.below(5)] for _ in range(syllables))


def _tag(name: str, key: bytes) -> str:
    """The last letters of an e-mail surrogate: they prove that the key made it."""
    return "".join(_LETTERS[b & 31] for b in _digest("tag", name, key)[:TAG_LETTERS])


def _email(_: str, draw: _Draw) -> str:
    name = f"{_word(draw, 3)}.{draw.letters(7)}"
    return f"{name}{_tag(name, draw.key)}@example.{('com', 'org', 'net')[draw.below(3)]}"


def is_own_email(value: str, key: bytes) -> bool:
    """Whether this e-mail address is a surrogate that this key made."""
    match = re.fullmatch(rf"([a-z]{{6}}\.[a-z0-9]{{7}})([a-z0-9]{{{TAG_LETTERS}}})@example\.(?:com|org|net)", value)
    return bool(match and hmac.compare_digest(match[2], _tag(match[1], key)))


def _phone(value: str, draw: _Draw) -> str:
    digits = re.sub(r"\D", "", value)
    if re.match(r"\+44|0044|07\d|0[12]0", re.sub(r"[^\d+]", "", value)):
        return _uk_phone(value, digits, draw)
    line = draw.permuted(int(digits[-10:] or "0"), 80_000)
    area, last = str(200 + line // 100), f"01{line % 100:02d}"
    return _shaped(value, area, "555", last)


def _shaped(value: str, area: str, exchange: str, last: str) -> str:
    """A North American number with the signs between its groups that the value has."""
    country = re.match(r"\s*(\+|00)?1?[ .-]?", value)
    plus = "+1" if value.lstrip().startswith("+") else "1" if country and value.lstrip()[:1] == "1" else ""
    if "(" in value:
        return f"{plus} ({area}) {exchange}-{last}".lstrip()
    signs = re.findall(r"\d([ .\u2010-\u2015-]+)\d", value)
    sign = signs[-1][:1] if signs else ""
    return (
        sign.join(part for part in (plus, area, exchange, last) if part)
        if sign or not plus
        else f"{plus}{area}{exchange}{last}"
    )


def _uk_phone(value: str, digits: str, draw: _Draw) -> str:
    """A UK mobile number from Ofcom's range for drama, 07700 900000-900999."""
    line = draw.permuted(int(digits[-9:] or "0"), 1000)
    gap = " " if " " in value.strip() else ""
    return f"{'+447' if '44' in digits[:4] else '07'}700{gap}900{line:03d}"


def _card(value: str, draw: _Draw) -> str:
    """A card number that passes the Luhn test in a range that test guides use and no bank issues, of the same
    length.
    """
    n = sum(ch.isdigit() for ch in value)
    head = {15: "370000", 14: "360000"}.get(n, "400000")
    body = head + draw.digits(max(0, n - len(head) - 1))
    return _refilled(value, body + luhn_digit(body))


def luhn_digit(body: str) -> str:
    """The check digit that makes body + digit pass the Luhn test (ISO/IEC 7812-1, annex B)."""
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(map(int, reversed(body))))
    return str(-total % 10)


def _refilled(value: str, digits: str) -> str:
    """The value with its digits replaced in order; what does not fit is left out."""
    fresh = iter(digits)
    return "".join(next(fresh, "") if ch.isdigit() else ch for ch in value)


def _iban(value: str, draw: _Draw) -> str:
    """Same country and length, valid check digits, a bank code of zeros or X that no bank has."""
    old = re.sub(r"[^0-9A-Za-z]", "", value).upper()
    bank = "".join("X" if ch.isalpha() else "0" for ch in old[4:8])
    rest = "".join(_same_class(ch, draw) for ch in old[8:])
    number = "".join(str(int(ch, 36)) for ch in bank + rest + old[:2] + "00")
    fresh = iter(f"{old[:2]}{98 - int(number) % 97:02d}{bank}{rest}")
    return "".join(next(fresh, "") if ch.isalnum() else ch for ch in value)


def _same_class(ch: str, draw: _Draw) -> str:
    """A drawn sign of the same class: digit, capital, small letter; anything else stays."""
    if ch.isdigit():
        return str(draw.below(10))
    if ch.isalpha():
        fresh = chr(97 + draw.below(26))
        return fresh.upper() if ch.isupper() else fresh
    return ch


def _alike(value: str, draw: _Draw) -> str:
    """Same length, same classes of signs: for identifiers without a reserved range."""
    fresh = "".join(_same_class(ch, draw) for ch in value)
    return fresh if fresh != value else "".join(_same_class(ch, draw) for ch in value)


def _ip(value: str, draw: _Draw) -> str:
    if ":" in value:
        groups = [f"{draw.below(65536):x}" for _ in range(6)]
        return "2001:db8:" + ":".join(groups)
    parts = [int(part) for part in re.findall(r"\d+", value)[:4]]
    place = draw.permuted(sum(part << shift for part, shift in zip(parts, (24, 16, 8, 0), strict=False)), 768)
    return ("192.0.2.", "198.51.100.", "203.0.113.")[place >> 8] + str(place & 255)


def _ssn(value: str, draw: _Draw) -> str:
    """Area 900-999 with group 01-49: neither an SSN nor an ITIN was ever issued there."""
    return _refilled(value, f"9{draw.below(100):02d}{1 + draw.below(49):02d}{1 + draw.below(9999):04d}")


def _mac(value: str, draw: _Draw) -> str:
    """A locally administered address (IEEE 802: second bit of the first octet), which no maker was ever given."""
    fresh = iter("02" + "".join(f"{draw.below(16):x}" for _ in range(10)))
    return "".join(next(fresh, "") if ch.isalnum() else ch for ch in value)


def _url(value: str, draw: _Draw) -> str:
    scheme = re.match(r"['\"]?[A-Za-z][A-Za-z0-9+.-]*://", value)
    return f"{scheme.group().lstrip(chr(34) + chr(39)) if scheme else ''}{_word(draw, 2)}-{draw.letters(8)}.example.com"


def _secret(_: str, draw: _Draw) -> str:
    return f"EXAMPLE-{draw.letters(16)}"


def _name(value: str, draw: _Draw) -> str:
    words = value.split() or [value]
    return " ".join(_cased(word, _word(draw, 3)) for word in words)


def _cased(pattern: str, word: str) -> str:
    return (
        word.upper() if pattern.isupper() and len(pattern) > 1 else word.capitalize() if pattern[:1].isupper() else word
    )


def _uuid(value: str, draw: _Draw) -> str:
    """A version-8 UUID (RFC 9562), which generators of other versions never make."""
    hexes = "".join(f"{draw.below(16):x}" for _ in range(32))
    fresh = iter(hexes[:12] + "8" + hexes[13:16] + "8" + hexes[17:])
    return "".join(next(fresh, "") if ch.isalnum() else ch for ch in value)


_MAKERS: dict[str, Callable[[str, _Draw], str]] = {
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": _card,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "US_SSN": _ssn,
    "US_ITIN": _ssn,
    "MAC_ADDRESS": _mac,
    "URL": _url,
    "API_KEY": _secret,
    "PERSON": _name,
    "LOCATION": _name,
    "UUID": _uuid,
}
