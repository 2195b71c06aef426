"""What takes the place of a found value: mask, label, keyed hash, or a surrogate that looks alike and is nobody's.

mask: `*****`, five stars whatever the length, so that the length is not told. label: `[EMAIL_ADDRESS]`.
hash: `[EMAIL_ADDRESS:1f2e3d4c5b6a7988]`, 64 bits of keyed BLAKE2b (RFC 7693). surrogate: a value of the same kind
from ranges that are reserved for documentation or never issued; equal values (same key; case, separators, country
prefix and extension aside) get equal surrogates. Where two values of a corpus draw the same one, or one that stands
in the corpus, `ledger` asks for the next by `attempt`.

How many there are for one key: 2**29 and more of e-mail, names of two words, IPv6, MACs, SSNs, web addresses and
keys; 10**7 cards of 16 digits; 20,000 US phone numbers (555-01xx in 800 area codes), 500 UK mobile and 8,000 other UK
numbers, with an extension once these are used up; 384 documentation addresses of IPv4 (RFC 5737), then 131,072 of the
range for benchmarks (198.18.0.0/15, RFC 2544), then 2**28 reserved ones (240.0.0.0/4, RFC 1112). Only the marked part
of a range is used, so that `own` can tell on a second run whose surrogate a value is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditkit.checkers.pii.marks import LETTERS, digest, identity, letters_mark, mark, marked, marks_of, phone_digits

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "*****"
TAG_LETTERS = 4  # 20 bits: one foreign address in a million under example.com is taken for a surrogate
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def replace(entity: str, value: str, *, style: str, key: bytes, attempt: int = 0) -> str:
    """The replacement of `value` in this style; `attempt` chooses another surrogate where the first is taken."""
    if style == "mask":
        return MASK
    if style == "label":
        return f"[{entity}]"
    who = identity(entity, value)
    if style == "hash":
        return f"[{entity}:{digest(entity, who, key).hex()[:16]}]"
    return _MAKERS.get(entity, _alike)(value, _Draw(entity, who, key, attempt))


class _Draw:
    """Numbers, letters and digits drawn from the keyed digest of one value."""

    def __init__(self, entity: str, text: str, key: bytes, attempt: int) -> None:
        self.entity, self.key, self.attempt = entity, key, attempt
        self.text = f"{text}\2{attempt}" if attempt else text
        self._left = int.from_bytes(digest(entity, self.text, key), "big")

    def below(self, n: int) -> int:
        """A number 0 <= x < n; the pool of 512 bits is refilled from itself when it runs low."""
        if self._left < n << 64:
            self._left = int.from_bytes(digest(self.entity, f"{self.text}\1{self._left}", self.key), "big")
        self._left, drawn = divmod(self._left, n)
        return drawn

    def letters(self, n: int) -> str:
        return "".join(LETTERS[self.below(32)] for _ in range(n))

    def digits(self, n: int) -> str:
        return "".join(str(self.below(10)) for _ in range(n))

    def place(self, kind: str, number: int, size: int, share: int) -> int:
        """A marked place below size * share; `size` neighbouring numbers get different ones at the first attempt."""
        chosen = self.below(size) if self.attempt else self._permuted(kind, number, size)
        return marked(kind, chosen, share, self.key)

    def _permuted(self, kind: str, number: int, size: int) -> int:
        block, within = divmod(number, size)
        offset = int.from_bytes(digest(kind, f"block {block}", self.key)[:8], "big")
        return (_permutation(within, size, digest(kind, "permutation", self.key)) + offset) % size


def _permutation(number: int, size: int, key: bytes) -> int:
    """A keyed permutation of 0..size-1: a Feistel network of six rounds over the next even power of two, walked back
    into range.
    """
    half = max(1, (size - 1).bit_length() + 1) // 2
    low_half = (1 << half) - 1
    while True:
        left, right = number >> half, number & low_half
        for turn in range(6):
            mixed = digest(str(turn), str(right), key)
            left, right = right, left ^ (int.from_bytes(mixed[:8], "big") & low_half)
        number = left << half | right
        if number < size:
            return number


def _word(draw: _Draw, syllables: int) -> str:
    return "".join(CONSONANTS[draw.below(14)] + VOWELS[draw.below(5)] for _ in range(syllables))


def _email(_: str, draw: _Draw) -> str:
    name = f"{_word(draw, 3)}.{draw.letters(7)}"
    tag = letters_mark("EMAIL_ADDRESS", name, draw.key, TAG_LETTERS)
    return f"{name}{tag}@example.{('com', 'org', 'net')[draw.below(3)]}"


US_PHONES, UK_MOBILES, UK_PHONES = (20_000, 4), (500, 2), (8_000, 2)
"""(how many numbers are marked, one of how many is): 555-0100 to 555-0199 in area codes 200-999; Ofcom's for drama."""
UK_AREAS = (
    *("0113 496 0", "0114 496 0", "0115 496 0", "0116 496 0", "0117 496 0", "0118 496 0", "0121 496 0", "0131 496 0"),
    *("0141 496 0", "0151 496 0", "0161 496 0", "020 7946 0", "0191 498 0", "029 2018 0", "01632 960", "0306 999 0"),
)
"""Ofcom's telephone numbers for drama: three digits follow."""
TRIES_IN_KIND, TRIES_WITHOUT_EXTENSION = 8, 32


def _phone(value: str, draw: _Draw) -> str:
    digits = phone_digits(value)
    extension = f" x{1000 + draw.below(99_000)}" if draw.attempt >= TRIES_WITHOUT_EXTENSION else ""
    if re.match(r"\+44|0044|07\d|0[12]0", re.sub(r"[^\d+]", "", value)):
        return _uk_phone(value, digits, draw) + extension
    line = draw.place("US_PHONE", int(digits[-10:] or "0"), *US_PHONES)
    return _shaped(value, str(200 + line // 100), "555", f"01{line % 100:02d}") + extension


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
    """A UK number from Ofcom's ranges for drama; 07700 900000-900999 are the mobile ones."""
    if digits.startswith("07") and draw.attempt < TRIES_IN_KIND:
        number = f"07700 900{draw.place('UK_MOBILE', int(digits[-9:]), *UK_MOBILES):03d}"
    else:
        line = draw.place("UK_PHONE", int(digits[-10:] or "0"), *UK_PHONES)
        number = f"{UK_AREAS[line // 1000]}{line % 1000:03d}"
    if re.match(r"\s*\(?(?:\+|0044)", value):
        number = "+44" + (" " if re.match(r"\D*\d\d ", value) else "") + number[1:]
    return number if " " in value.strip() else number.replace(" ", "")


CARD_HEADS = {15: "370000", 14: "360000"}
CARD_HEAD = "400000"
"""First digits of ranges that test guides use and no bank issues: Amex, Diners, Visa."""
CARD_MARK = "00"


def _card(value: str, draw: _Draw) -> str:
    """A card number of the same length that passes the Luhn test, in a range that no bank issues."""
    n = sum(ch.isdigit() for ch in value)
    head = CARD_HEADS.get(n, CARD_HEAD)
    body = head + draw.digits(max(0, n - len(head) - len(CARD_MARK) - 1))
    body += mark("CREDIT_CARD", body, draw.key, CARD_MARK)
    return _refilled(value, body + luhn_digit(body))


def luhn_digit(body: str) -> str:
    """The check digit that makes body + digit pass the Luhn test (ISO/IEC 7812-1, annex B)."""
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(map(int, reversed(body))))
    return str(-total % 10)


def _refilled(value: str, digits: str) -> str:
    """The value with its digits replaced in order; what does not fit is left out."""
    fresh = iter(digits)
    return "".join(next(fresh, "") if ch.isdigit() else ch for ch in value)


def _resigned(value: str, signs: str) -> str:
    """The value with its letters and digits replaced in order; what does not fit is left out."""
    fresh = iter(signs)
    return "".join(next(fresh, "") if ch.isalnum() else ch for ch in value)


IBAN_MARKS = 2


def _iban(value: str, draw: _Draw) -> str:
    """Same country and length, valid check digits, a bank code of zeros or X that no bank has."""
    old = re.sub(r"[^0-9A-Za-z]", "", value).upper()
    bank = "".join("X" if ch.isalpha() else "0" for ch in old[4:8])
    rest = "".join(_same_class(ch, draw) for ch in old[8:-IBAN_MARKS])
    rest += mark("IBAN_CODE", old[:2] + rest, draw.key, old[-IBAN_MARKS:])
    number = "".join(str(int(ch, 36)) for ch in bank + rest + old[:2] + "00")
    return _resigned(value, f"{old[:2]}{98 - int(number) % 97:02d}{bank}{rest}")


def _same_class(ch: str, draw: _Draw) -> str:
    """A drawn sign of the same class: digit, capital, small letter; anything else stays."""
    if ch.isdigit():
        return str(draw.below(10))
    if ch.isalpha():
        fresh = chr(97 + draw.below(26))
        return fresh.upper() if ch.isupper() else fresh
    return ch


def _alike(value: str, draw: _Draw) -> str:
    """Same length, same classes of signs, the last few a mark: for identifiers without a reserved range."""
    signs = [ch for ch in value if ch.isalnum()]
    n = len(signs) - marks_of(len(signs))
    while True:
        fresh = "".join(_same_class(ch, draw) for ch in signs[:n])
        tail = mark(draw.entity, fresh.upper(), draw.key, "".join(signs[n:]))
        tail = "".join(new if old.isupper() else new.lower() for new, old in zip(tail, signs[n:], strict=True))
        made = _resigned(value, fresh + tail)
        if made != value or not signs:
            return made


IPV4_PLACES = (384, 2)
IPV4_HEADS = ("192.0.2.", "198.51.100.", "203.0.113.")  # RFC 5737
TRIES_IN_BENCHMARKS = 64


def _ip(value: str, draw: _Draw) -> str:
    if ":" in value:
        groups = ":".join(f"{draw.below(65536):x}" for _ in range(5))
        return f"2001:db8:{groups}:{int.from_bytes(digest('mark IP_ADDRESS', groups, draw.key)[:2], 'big'):x}"
    if draw.attempt >= TRIES_IN_BENCHMARKS:
        return ".".join(map(str, (240 + draw.below(15), draw.below(256), draw.below(256), draw.below(256))))
    if draw.attempt >= TRIES_IN_KIND:
        return f"198.{18 + draw.below(2)}.{draw.below(256)}.{draw.below(256)}"
    parts = [int(part) for part in re.findall(r"\d+", value)[:4]]
    number = sum(part << shift for part, shift in zip(parts, (24, 16, 8, 0), strict=False))
    place = draw.place("IPV4", number, *IPV4_PLACES)
    return IPV4_HEADS[place >> 8] + str(place & 255)


def _ssn(value: str, draw: _Draw) -> str:
    """Area 900-999 with group 01-49: neither an SSN nor an ITIN was ever issued there."""
    return _refilled(value, f"9{draw.below(100):02d}{1 + draw.below(49):02d}{1 + draw.below(9999):04d}")


NHS_HEAD, NHS_MARK = "999", "00"  # NHS test range 999 000 0000 - 999 999 9999, which is never issued


def _nhs(value: str, draw: _Draw) -> str:
    """A number of the test range with a valid check digit."""
    while True:
        body = NHS_HEAD + draw.digits(4)
        body += mark("UK_NHS", body, draw.key, NHS_MARK)
        check = -sum(int(ch) * weight for ch, weight in zip(body, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return _refilled(value, f"{body}{check}")


MAC_MARK = 3


def _mac(value: str, draw: _Draw) -> str:
    """A locally administered address (IEEE 802: second bit of the first octet), which no maker was ever given."""
    body = "02" + "".join(f"{draw.below(16):x}" for _ in range(10 - MAC_MARK))
    return _resigned(value, body + digest("mark MAC_ADDRESS", body, draw.key).hex()[:MAC_MARK])


def _url(value: str, draw: _Draw) -> str:
    scheme = re.match(r"['\"]?[A-Za-z][A-Za-z0-9+.-]*://", value)
    name = f"{_word(draw, 2)}-{draw.letters(4)}"
    host = f"{name}{letters_mark('URL', name, draw.key, TAG_LETTERS)}.example.com"
    return f"{scheme.group().lstrip(chr(34) + chr(39)) if scheme else ''}{host}"


def _secret(_: str, draw: _Draw) -> str:
    return f"EXAMPLE-{draw.letters(16)}"


SYLLABLES = 3


def _name(value: str, draw: _Draw) -> str:
    """Made-up words in the case of the value's, the last syllable of each a mark."""
    return " ".join(_cased(word, last_marked(_word(draw, SYLLABLES), draw.key)) for word in value.split() or [value])


def last_marked(word: str, key: bytes) -> str:
    """The word and the syllable that the key gives to it."""
    drawn = digest("mark PERSON", word, key)
    return word + CONSONANTS[drawn[0] % 14] + VOWELS[drawn[1] % 5]


def _cased(pattern: str, word: str) -> str:
    return (
        word.upper() if pattern.isupper() and len(pattern) > 1 else word.capitalize() if pattern[:1].isupper() else word
    )


def _uuid(value: str, draw: _Draw) -> str:
    """A version-8 UUID (RFC 9562), which generators of other versions never make."""
    hexes = "".join(f"{draw.below(16):x}" for _ in range(32))
    return _resigned(value, hexes[:12] + "8" + hexes[13:16] + "8" + hexes[17:])


_MAKERS: dict[str, Callable[[str, _Draw], str]] = {
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": _card,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "US_SSN": _ssn,
    "US_ITIN": _ssn,
    "UK_NHS": _nhs,
    "MAC_ADDRESS": _mac,
    "URL": _url,
    "API_KEY": _secret,
    "PERSON": _name,
    "LOCATION": _name,
    "UUID": _uuid,
}
