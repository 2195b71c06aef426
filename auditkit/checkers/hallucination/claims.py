"""Claims that carry their own proof: check digits, calendars, life spans, letter counts, top-level domains.

Each function yields the spans of one text that cannot be true. What cannot be decided is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import NamedTuple

from auditkit.checkers.hallucination.artefacts import Rows, candidates
from auditkit.checkers.hallucination.words import NUMBERS
from auditkit.documents import Text
from auditkit.resources import resource

TRUSTED_ROLES = ("response", "text")
MAX_FOUND = 20  # findings of one rule in one text


class Claim(NamedTuple):
    """A kind of claim: where to look (RE2, a superset) and what is wrong in a text."""

    anchor: str
    wrong: Callable[[str], Iterator[tuple[int, int]]]


def luhn(digits: str) -> bool:
    """The check digit of cards. ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def isbn_holds(text: str) -> bool:
    """ISBN-10 (modulo 11) or ISBN-13 (modulo 10, prefix 978 or 979). ISO 2108."""
    signs = [10 if sign in "xX" else int(sign) for sign in text]
    if len(signs) == 10 and 10 not in signs[:9]:
        return sum((10 - place) * sign for place, sign in enumerate(signs)) % 11 == 0
    if len(signs) != 13 or 10 in signs or text[:3] not in ("978", "979"):
        return False
    return sum(sign * (1 + 2 * (place % 2)) for place, sign in enumerate(signs)) % 10 == 0


def issn_holds(text: str) -> bool:
    """Eight signs, modulo 11. ISO 3297."""
    signs = [10 if sign in "xX" else int(sign) for sign in text]
    return sum((8 - place) * sign for place, sign in enumerate(signs)) % 11 == 0


def orcid_holds(text: str) -> bool:
    """Sixteen signs, modulo 11-2. ISO 7064."""
    total = 0
    for sign in text[:-1]:
        total = (total + int(sign)) * 2
    return (12 - total % 11) % 11 == (10 if text[-1] in "xX" else int(text[-1]))


def iban_holds(text: str) -> bool:
    """Modulo 97 of the rearranged number. ISO 13616."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "12345678123457923456789" + "0123456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin_holds(text: str) -> bool:
    """The ninth sign of a North American vehicle number, modulo 11; other makers need not have one. 49 CFR 565.15."""
    if text[0] not in "12345":
        return True
    total = sum(int(_VIN_VALUES[sign]) * weight for sign, weight in zip(text, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == text[8]


def arxiv_holds(text: str) -> bool:
    """YYMM.number: four digits from 0704, five from 1501; or archive/YYMMnumber before."""
    month, after = re.split(r"[./]", text)[0:2] if "." in text else ("", text.rpartition("/")[2])
    if month:
        when = int(month)
        return when >= 704 and 1 <= when % 100 <= 12 and len(after) == (5 if when >= 1501 else 4)
    return 1 <= int(after[2:4]) <= 12


def _checked(pattern: str, holds: Callable[[str], bool]) -> Callable[[str], Iterator[tuple[int, int]]]:
    """The first group of each match without blanks and hyphens must hold."""
    compiled = re.compile(pattern)

    def wrong(text: str) -> Iterator[tuple[int, int]]:
        for match in compiled.finditer(text):
            if not holds(re.sub(r"[\s-]", "", match.group(1))):
                yield match.span(1)

    return wrong


_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1,
    )
    for name in names.split()
}  # fmt: skip
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE = re.compile(
    rf"\b(?P<m1>{_MONTH})\.? (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d|%|,\d{{3}})(?:,? (?P<y1>\d{{4}})\b)?"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{_MONTH})\b(?:,? (?P<y2>\d{{4}})\b)?"
    r"|(?<![\d-])(?P<y3>[12]\d{3})-(?P<m3>\d\d)-(?P<d3>\d\d)(?![\d-])"
)
_DOUBTED = re.compile(
    r"\b(?:not|n['’]t|invalid|impossible|wrong|incorrect|exist|error|never|no such|real)\b", re.IGNORECASE
)


def impossible_dates(text: str) -> Iterator[tuple[int, int]]:
    """30 February, 31 April, 29 February of a common year, 2021-13-40; not where the text itself doubts it."""
    for match in _DATE.finditer(text):
        parts = match.groupdict()
        month_name = parts["m1"] or parts["m2"]
        month = _MONTHS[month_name.lower()] if month_name else int(parts["m3"])
        day = int(parts["d1"] or parts["d2"] or parts["d3"])
        year = int(parts["y1"] or parts["y2"] or parts["y3"] or 4)
        around = text[max(0, match.start() - 80) : match.end() + 80]
        if not _possible(day, month, year) and day <= 39 and not _DOUBTED.search(around):
            yield match.span()


def _possible(day: int, month: int, year: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] - (month == 2 and not leap)


_SPAN = re.compile(
    r"\((?:born |b\. )?(?P<from1>1\d{3}|20\d\d)\s?[-–—]\s?(?P<to1>1\d{3}|20\d\d)\)(?!\s?(?:BCE?|B\.C))"
    r"|\bborn (?:in |on )?[^.\n]{0,40}?\b(?P<from2>1\d{3}|20\d\d)\b[^.\n]{0,80}?"
    r"\b(?:died|passed away) (?:in |on )?[^.\n]{0,40}?\b(?P<to2>1\d{3}|20\d\d)\b"
    r"|\bfrom (?P<from3>1[5-9]\d\d|20\d\d) (?:to|until) (?P<to3>1[5-9]\d\d|20\d\d)\b"
)
MAX_LIFE = 123  # years; Jeanne Calment lived 122 years and 164 days


def impossible_spans(text: str) -> Iterator[tuple[int, int]]:
    """Lives and periods that end before they begin; lives of more than MAX_LIFE years."""
    for match in _SPAN.finditer(text):
        parts = match.groupdict()
        first = int(parts["from1"] or parts["from2"] or parts["from3"])
        last = int(parts["to1"] or parts["to2"] or parts["to3"])
        life = parts["from2"] is not None
        before = text[max(0, match.start() - 30) : match.end() + 12]
        countdown = re.search(r"\bBC|B\.C|\bcount|declin|decreas|drop|fell|reduc|lower|descend", before)
        if (last < first and not countdown) or (life and last - first > MAX_LIFE):
            yield match.span()


_COUNT = re.compile(
    r"""\b(?:the\s)?(?:word|term)\s["'“‘]?(?!that\b|which\b|it\b)(?P<word>[A-Za-z]{2,40})["'”’]?\s(?:has|contains|consists\sof|is\smade\sup\sof)\s
    (?:exactly\s|only\s)?(?P<count>\d{1,2}|[a-z]{3,6})\s(?:(?P<kind>letters|characters|vowels|consonants)\b
    |(?:letter\s)?["'“‘]?(?P<letter>[A-Za-z])["'”’]?(?:['’]?s)?\b(?!\w))""",
    re.VERBOSE,
)


def wrong_counts(text: str) -> Iterator[tuple[int, int]]:
    """`The word "hello" has 6 letters`, `the word strawberry has two r's`."""
    for match in _COUNT.finditer(text):
        said = NUMBERS.get(match["count"], match["count"])
        word = match["word"].lower()
        if said.isdigit() and int(said) != _counted(word, match["kind"], match["letter"]):
            yield match.span()


def _counted(word: str, kind: str | None, letter: str | None) -> int:
    if letter:
        return word.count(letter.lower())
    vowels = sum(sign in "aeiou" for sign in word)
    return {"vowels": vowels, "consonants": len(word) - vowels}.get(kind or "", len(word))


_HOST = re.compile(r"\bhttps?://(?:[^\s/@]{1,80}@)?(?P<host>[A-Za-z0-9_.-]{1,253})(?=[:/?#\s)\]\"'<>,;]|$)")
_SPECIAL = frozenset(["invalid", "nonexistent", "fake"])
_NOT_ISO = frozenset(["uk", "eu", "su", "ac"])


@cache
def _country_domains() -> frozenset[str]:
    """The two-letter domains: ISO 3166-1 codes of rules/lexicons/countries.csv, and four that are none."""
    import csv

    with resource("rules/lexicons/countries.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        codes = {value.lower() for row in rows for value in list(row.values())[:1] if value and len(value) == 2}
    return frozenset(codes) | _NOT_ISO


def impossible_hosts(text: str) -> Iterator[tuple[int, int]]:
    """Addresses whose last label cannot be a top-level domain: digits, one letter, an unknown pair of letters."""
    for match in _HOST.finditer(text):
        host = match["host"].rstrip(".").lower()
        top = host.rpartition(".")[2]
        if "." not in host or re.fullmatch(r"[\d.]+", host):
            continue  # localhost, an intranet name, an IP address
        unknown = len(top) == 2 and top.isalpha() and top not in _country_domains()
        if unknown or top in _SPECIAL or not re.fullmatch(r"[a-z]{2,24}|xn--[a-z0-9-]+", top) or ".." in host:
            yield match.span()


_CELSIUS = re.compile(
    r"(?P<a>-?\d{1,4}(?:\.\d)?)\s?(?:°\s?|degrees )(?P<from>F|C|Fahrenheit|Celsius)\b"
    r"\s(?:is|=|equals|is equal to|is about|is equivalent to)\s(?:about )?"
    r"(?P<b>-?\d{1,4}(?:\.\d{1,2})?)\s?(?:°\s?|degrees )(?P<to>F|C|Fahrenheit|Celsius)\b"
)


def wrong_temperatures(text: str) -> Iterator[tuple[int, int]]:
    """`100 °C is 200 °F`; a degree of rounding is allowed."""
    for match in _CELSIUS.finditer(text):
        shown, said = float(match["a"]), float(match["b"])
        if match["from"][0] == match["to"][0]:
            continue
        meant = shown * 9 / 5 + 32 if match["from"][0] == "C" else (shown - 32) * 5 / 9
        if abs(meant - said) > 1:
            yield match.span()


def _doi_holds(text: str) -> bool:
    """Prefix 10. and a registrant of four to nine digits. ISO 26324."""
    return re.match(r"10\.\d{4,9}(?:\.\d+)*/\S", text) is not None


CLAIMS: Mapping[str, Claim] = {
    "hallucination/isbn": Claim(
        r"ISBN", _checked(r"\bISBN(?:-1[03])?(?: \(1[03]\))?:?\s?((?:\d[ -]?){9,12}[\dXx])(?![\d-])", isbn_holds)
    ),
    "hallucination/issn": Claim(r"ISSN", _checked(r"\b(?:e|p)?-?ISSN:?\s?(\d{4}-\d{3}[\dXx])\b", issn_holds)),
    "hallucination/doi": Claim(
        r"(?i)doi", _checked(r"(?:\bdoi:\s?|\bDOI:?\s|//(?:dx\.)?doi\.org/)(\d[^\s,;\"'<>)\]]{3,200})", _doi_holds)
    ),
    "hallucination/orcid": Claim(
        r"(?i)orcid", _checked(r"(?i:orcid)(?:\.org/|(?: id)?:?\s?)(\d{4}-\d{4}-\d{4}-\d{3}[\dXx])\b", orcid_holds)
    ),
    "hallucination/arxiv": Claim(
        r"(?i)arxiv",
        _checked(r"(?i:arxiv)(?::\s?|\.org/(?:abs|pdf)/)(\d{4}\.\d{4,5}|[a-z]{2,8}-[a-z]{2}/\d{7})\b", arxiv_holds),
    ),
    "hallucination/iban": Claim(
        r"IBAN", _checked(r"\bIBAN(?: is)?:?\s?([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b", iban_holds)
    ),
    "hallucination/vin": Claim(r"VIN", _checked(r"\bVIN(?: is)?:?\s?([A-HJ-NPR-Z0-9]{17})\b", vin_holds)),
    "hallucination/card-number": Claim(
        r"(?i)card", _checked(r"(?i)\bcard(?: number| no\.?)?(?: is)?:?\s?((?:\d[ -]?){12,18}\d)\b", luhn)
    ),
    "hallucination/impossible-date": Claim(
        rf"{_MONTH}\.? \d|\d(?:st|nd|rd|th)?(?: of)? {_MONTH}\b|[12]\d\d\d-\d\d-\d\d", impossible_dates
    ),
    "hallucination/impossible-span": Claim(
        r"\(?[12]\d\d\d ?[-–—] ?[12]\d\d\d\)|\bborn |\bfrom [12]\d\d\d (?:to|until) ", impossible_spans
    ),
    "hallucination/letter-count": Claim(
        r"\b(?:word|term) .{2,44}(?:has|contains|consists of|made up of) ", wrong_counts
    ),
    "hallucination/impossible-url": Claim(r"https?://", impossible_hosts),
    "hallucination/temperature": Claim(r"(?:°|degrees) ?[FC]", wrong_temperatures),
}


def check_of(claim: Claim) -> Callable[[Rows], Iterator[tuple[Text, int, int]]]:
    """The claim as a check over a batch."""

    def check(rows: Rows) -> Iterator[tuple[Text, int, int]]:
        for text in candidates(rows.column(TRUSTED_ROLES), claim.anchor):
            for start, end in islice(claim.wrong(text.text), MAX_FOUND):
                yield text, start, end

    return check


CHECKS = {name: check_of(claim) for name, claim in CLAIMS.items()}
