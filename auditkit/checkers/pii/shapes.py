"""Profile `precise`: what values look like, and what must be true of one where it stands.

A shape is a pattern that is run on the regions of one family of anchors. What it matches is a candidate; `accept`
sees the
whole text and says which part of the candidate is the value, or None.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from auditkit.checkers.pii import validators as v

if TYPE_CHECKING:
    from collections.abc import Callable

    Place = tuple[int, int] | None
    Accept = Callable[[str, int, int], Place]

SURE, LIKELY = 1.0, 0.85
BEFORE = 60  # characters in which a word that speaks of the value may stand before it

EMAIL = re.compile(
    r"(?<![\w.+%-])[\w!#$%'*+^`{|}~-](?:[\w.!#$%'*+^`{|}~-]{0,62}[\w!#$%'*+^`{|}~-])?"
    r"@(?:\w(?:[\w-]{0,61}\w)?\.){1,10}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_]|-\w)"
)
IP = re.compile(
    r"(?<![^\W_])(?<![.:])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![^\W_]|\.\d|-\d)"
    r"|(?=[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:)[0-9a-fA-F:]{4,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]))"
)
MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})(?![\w:-])"
)
CARD = re.compile(
    r"(?<![^\W_])(?<!\d[.,-])(?:\d{4}(?:([ -])\d{4}){2}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}|\d{12,19})(?![^\W_]|[.,-]\d)"
)
SSN = re.compile(r"(?<![^\W_])(?<![\d.-][.-])(?<!-)\d{3}([- .]?)\d{2}\1\d{4}(?![^\W_]|[.-]\d)")
NHS = re.compile(r"(?<![^\W_])(?<!-)\d{3}([ -]?)\d{3}\1\d{4}(?![^\W_]|[.-]\d)")
WORD = re.compile(r"(?<![^\W_])[A-Za-z0-9]{2,19}(?![^\W_])")
WALLET = re.compile(r"(?<![^\W_])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|BC1)[0-9A-Za-z]{11,71})(?![^\W_])")

PASSPORT = re.compile(r"\d{9}|[A-Za-z]\d{8}")
LICENSE = re.compile(
    r"[A-Za-z]\d{5,14}|[A-Za-z]{1,2}\d{5,7}|\d{7,9}[A-Za-z]?|\d{2}[A-Za-z]{3}\d{5,6}|[A-Za-z]{2}\d{6}[A-Za-z]"
)
ACCOUNT = re.compile(r"\d{8,17}")
DEA = re.compile(r"[A-HJ-NP-UXa-hj-np-ux][A-Za-z9]\d{7}")

SAYS = {
    "CREDIT_CARD": (
        r"\b(?:credit|debit|cards?|cc|visa|master ?card|amex|american express|maestro|discover|diners|jcb"
        r"|payment)\b"
    ),
    "US_SSN": r"\b(?:ssns?|social security|soc\.? sec)\b",
    "US_ITIN": r"\b(?:itin|taxpayer|tax(?: id)?|tin)\b",
    "UK_NHS": r"\b(?:nhs|national health)\b",
    "US_PASSPORT": r"\bpassports?\b",
    "US_DRIVER_LICENSE": (
        r"\b(?:driv(?:er|ing)(?:['’]?s)? licen[cs]es?|driver'?s lic|dl(?:n| no| number)?|licen[cs]e (?:number"
        r"|no\.?|#))\b"
    ),
    "US_BANK_NUMBER": (
        r"\b(?:(?:bank|checking|savings?|debit) ac(?:count|ct)|ac(?:count|ct)\.? ?(?:number|no\.?|nr\.?|#)"
        r"|bank|acct)\b"
    ),
    "MEDICAL_LICENSE": r"\b(?:dea|medical|prescriber|certificate)\b",
}
_SAYS = {entity: re.compile(pattern, re.IGNORECASE) for entity, pattern in SAYS.items()}


class Shape(NamedTuple):
    """What a value of one entity looks like: the family of regions, the pattern, who accepts, and the score."""

    entity: str
    family: str
    pattern: re.Pattern[str]
    accept: Accept
    score: float = SURE


def spoken_of(entity: str, text: str, start: int) -> bool:
    """Whether a word for the entity stands shortly before the place."""
    return _SAYS[entity].search(text, max(0, start - BEFORE), start) is not None


def _email(text: str, start: int, end: int) -> Place:
    value = text[start:end]
    while value and value[0] in "_'!#$%&*/=?^`{|}~-":  # signs that the standard allows and prose puts around addresses
        value, start = value[1:], start + 1
    user, _, host = value.rpartition("@")
    if not user or ".." in user or not v.has_tld(host):
        return None
    return start, end


def _ip(text: str, start: int, end: int) -> Place:
    value = text[start:end].rstrip(":") if text[start:end].count("::") == 0 else text[start:end]
    before = text[max(0, start - 40) : start]
    if not v.is_host_ip(value) or v.is_version(before) or v.is_small_quad(value, before):
        return None
    return start, start + len(value)


def _card(text: str, start: int, end: int) -> Place:
    value = text[start:end]
    digits = sum(ch.isdigit() for ch in value)
    if not v.is_card(value):
        return None
    common = digits in (15, 16) and (value.isdigit() or len(value) > digits)
    return (start, end) if common or spoken_of("CREDIT_CARD", text, start) else None


def _ssn(text: str, start: int, end: int) -> Place:
    value = text[start:end]
    if not v.is_ssn(value):
        return None
    return (start, end) if value[3] == "-" or spoken_of("US_SSN", text, start) else None


def _said(entity: str, valid: Callable[[str], object]) -> Accept:
    """Accepts valid values of which the text speaks before."""

    def accept(text: str, start: int, end: int) -> Place:
        return (start, end) if valid(text[start:end]) and spoken_of(entity, text, start) else None

    return accept


def _valid(test: Callable[[str], object]) -> Accept:
    """Accepts whatever passes the test."""

    def accept(text: str, start: int, end: int) -> Place:
        return (start, end) if test(text[start:end]) else None

    return accept


@cache
def shapes() -> tuple[Shape, ...]:
    """All shapes that are patterns; phones, URLs, IBANs and secrets have code of their own."""
    return (
        Shape("EMAIL_ADDRESS", "EmailRecognizer", EMAIL, _email),
        Shape("IP_ADDRESS", "IpRecognizer", IP, _ip, LIKELY),
        Shape("MAC_ADDRESS", "MacAddressRecognizer", MAC, _valid(v.is_mac), LIKELY),
        Shape("CREDIT_CARD", "UsSsnRecognizer", CARD, _card),
        Shape("US_SSN", "UsSsnRecognizer", SSN, _ssn, LIKELY),
        Shape("US_ITIN", "UsItinRecognizer", SSN, _said("US_ITIN", v.is_itin), LIKELY),
        Shape("UK_NHS", "NhsRecognizer", NHS, _said("UK_NHS", v.is_nhs)),
        Shape("CRYPTO", "CryptoRecognizer", WALLET, _valid(v.is_wallet)),
        Shape("US_PASSPORT", "UsPassportRecognizer", WORD, _said("US_PASSPORT", PASSPORT.fullmatch), LIKELY),
        Shape("US_DRIVER_LICENSE", "UsLicenseRecognizer", WORD, _said("US_DRIVER_LICENSE", LICENSE.fullmatch), LIKELY),
        Shape("US_BANK_NUMBER", "UsBankRecognizer", WORD, _said("US_BANK_NUMBER", ACCOUNT.fullmatch), LIKELY),
        Shape("MEDICAL_LICENSE", "MedicalLicenseRecognizer", WORD, _said("MEDICAL_LICENSE", _dea), SURE),
    )


def _dea(value: str) -> bool:
    return bool(DEA.fullmatch(value)) and v.is_dea(value)


def iban_end(text: str, start: int) -> int:
    """Where the IBAN that begins here ends: its country's length in signs, at most one space or hyphen between two;
    or 0.
    """
    left = v.IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    end = start
    while left and end < len(text):
        if text[end] in " -" and text[end - 1] not in " -":
            end += 1
        if not (text[end : end + 1].isalnum() and text[end].isascii()):
            return 0
        end, left = end + 1, left - 1
    follows = text[end : end + 1]
    whole = not left and end > start and not (follows.isalnum() and follows.isascii())
    return end if whole and v.is_iban(text[start:end]) else 0
