"""Whose surrogate a value is: what `surrogate` made with this key is no finding on a second run.

Each test undoes one maker: the value must be of its range and bear the mark that the key gives it. How often a
foreign value is taken for an own one: e-mail and web addresses 1 in a million, IPv6 1 in 65,536, MACs 1 in 4,096,
cards, IBANs and NHS numbers 1 in 100, names 1 in 70 per word of four syllables, UK phones and IPv4 1 in 2, US phones
1 in 4; all of these only within their reserved ranges, where nobody lives. Identifiers without a reserved range
(passports, licences, accounts) 1 in 10,000 of nine digits and more, 1 in 1,000 of seven.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from auditkit.checkers.pii import surrogate as made
from auditkit.checkers.pii.marks import digest, is_marked, letters_mark, mark, marks_of, phone_digits

if TYPE_CHECKING:
    from collections.abc import Callable


_MADE_UP = re.compile(rf"(?:[{made.CONSONANTS}][{made.VOWELS}]){{{made.SYLLABLES + 1}}}")


def is_own(entity: str, value: str, key: bytes) -> bool:
    """Whether this value is a surrogate for this entity that this key made."""
    return _TESTS.get(entity, _alike(entity))(value, key)


def _email(value: str, key: bytes) -> bool:
    match = re.fullmatch(
        rf"([a-z]{{6}}\.[a-z0-9]{{7}})([a-z0-9]{{{made.TAG_LETTERS}}})@example\.(?:com|org|net)", value
    )
    return match is not None and match[2] == letters_mark("EMAIL_ADDRESS", match[1], key, made.TAG_LETTERS)


def _phone(value: str, key: bytes) -> bool:
    digits = phone_digits(value)
    american = re.fullmatch(r"([2-9]\d\d)55501(\d\d)", digits)
    if american:
        place = (int(american[1]) - 200) * 100 + int(american[2])
        return is_marked("US_PHONE", place, made.US_PHONES[1], key)
    if re.fullmatch(r"07700900\d{3}", digits):
        return is_marked("UK_MOBILE", int(digits[-3:]), made.UK_MOBILES[1], key)
    areas = [area.replace(" ", "") for area in made.UK_AREAS]
    if digits[:-3] in areas:
        place = areas.index(digits[:-3]) * 1000 + int(digits[-3:])
        return is_marked("UK_PHONE", place, made.UK_PHONES[1], key)
    return False


def _card(value: str, key: bytes) -> bool:
    digits = re.sub(r"\D", "", value)
    head, marks = made.CARD_HEADS.get(len(digits), made.CARD_HEAD), len(made.CARD_MARK)
    body, tail = digits[: -marks - 1], digits[-marks - 1 : -1]
    return digits.startswith(head) and tail == mark("CREDIT_CARD", body, key, made.CARD_MARK)


def _iban(value: str, key: bytes) -> bool:
    code = re.sub(r"[^0-9A-Za-z]", "", value).upper()
    rest, tail = code[8 : -made.IBAN_MARKS], code[-made.IBAN_MARKS :]
    return set(code[4:8]) <= set("0X") and tail == mark("IBAN_CODE", code[:2] + rest, key, tail)


def _ip(value: str, key: bytes) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if address.version == 4:
        head, _, last = value.rpartition(".")
        if head + "." not in made.IPV4_HEADS:
            return False
        return is_marked("IPV4", made.IPV4_HEADS.index(head + ".") << 8 | int(last), made.IPV4_PLACES[1], key)
    groups = [f"{int(group, 16):x}" for group in address.exploded.split(":")]
    tail = int.from_bytes(digest("mark IP_ADDRESS", ":".join(groups[2:7]), key)[:2], "big")
    return groups[:2] == ["2001", "db8"] and int(groups[7], 16) == tail


def _nhs(value: str, key: bytes) -> bool:
    digits = re.sub(r"\D", "", value)
    return digits.startswith(made.NHS_HEAD) and digits[7:9] == mark("UK_NHS", digits[:7], key, made.NHS_MARK)


def _mac(value: str, key: bytes) -> bool:
    code = re.sub(r"[^0-9A-Za-z]", "", value).lower()
    body, tail = code[: -made.MAC_MARK], code[-made.MAC_MARK :]
    return code.startswith("02") and tail == digest("mark MAC_ADDRESS", body, key).hex()[: made.MAC_MARK]


def _url(value: str, key: bytes) -> bool:
    match = re.fullmatch(r"(?:\w+://)?([a-z]{4}-[a-z0-9]{4})([a-z0-9]{4})\.example\.com", value)
    return match is not None and match[2] == letters_mark("URL", match[1], key, made.TAG_LETTERS)


def _name(value: str, key: bytes) -> bool:
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", value)]
    return bool(words) and all(_MADE_UP.fullmatch(word) and word == made.last_marked(word[:-2], key) for word in words)


def _secret(value: str, _: bytes) -> bool:
    return bool(re.fullmatch(r"EXAMPLE-[a-z0-9]{16}", value))


def _alike(entity: str) -> Callable[[str, bytes], bool]:
    """For identifiers without a reserved range: the last signs are the mark of the others."""

    def test(value: str, key: bytes) -> bool:
        code = "".join(filter(str.isalnum, value)).upper()
        marks = marks_of(len(code))
        return marks > 0 and code[-marks:] == mark(entity, code[:-marks], key, code[-marks:])

    return test


_TESTS: dict[str, Callable[[str, bytes], bool]] = {
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": _card,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "UK_NHS": _nhs,
    "MAC_ADDRESS": _mac,
    "URL": _url,
    "PERSON": _name,
    "LOCATION": _name,
    "API_KEY": _secret,
}
