"""Claims that carry their own proof: check digits, calendars, life spans, letter counts, top-level domains.

Each function yields the spans of one text that cannot be true. What cannot be decided is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import NamedTuple

from auditkit.checkers.hallucination import calendars
from auditkit.checkers.hallucination.artefacts import Rows, candidates
from auditkit.checkers.hallucination.words import NUMBERS
from auditkit.documents import Text

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


_DATE = re.compile(
    rf"\b(?P<m1>{calendars.MONTH})\.? (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d|%|,\d{{3}})(?:,? (?P<y1>\d{{4}})\b)?"
    rf"|(?<![:\d])\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{calendars.MONTH})\b(?:,? (?P<y2>\d{{4}})\b)?"
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
        month = calendars.MONTHS[month_name.lower()] if month_name else int(parts["m3"])
        day = int(parts["d1"] or parts["d2"] or parts["d3"])
        year = int(parts["y1"] or parts["y2"] or parts["y3"] or 4)
        around = text[max(0, match.start() - 80) : match.end() + 80]
        if not calendars.possible(day, month, year) and day <= 39 and not _DOUBTED.search(around):
            yield match.span()


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


_EVENT = (
    r"(?i:founded|established|started|opened|invented|discovered|wrote|composed|painted|published|directed|married"
    r"|graduated|won|joined|played|recorded|released|elected)"
)
_BEFORE_BIRTH = re.compile(
    rf"\b{_EVENT} (?:in |on )?(?:[A-Z][a-z]+ (?:\d{{1,2}},? )?)?(?P<event1>1\d{{3}}|20\d\d) by [A-Z][^.;()\n]{{2,60}}"
    r"\((?:born |b\. )?(?:in )?(?P<birth1>1\d{3}|20\d\d)\b"
    r"|\b(?:was )?born (?:in |on )?[^.;\n]{0,60}?\b(?P<birth2>1\d{3}|20\d\d)\b[^.;\n]{0,60}?[.,;]?\s"
    rf"(?:and |[Hh]e |[Ss]he )(?:also |later |first |then )?{_EVENT} [^.;\n]{{0,60}}?\b"
    r"in (?P<event2>1\d{3}|20\d\d)\b(?!\s?(?:BCE?|B\.C))"
)


def before_birth(text: str) -> Iterator[tuple[int, int]]:
    """`Founded in 1890 by Ada Byron (born 1920)`, `born in 1960 ... she graduated in 1931`: a deed before the birth."""
    for match in _BEFORE_BIRTH.finditer(text):
        parts = match.groupdict()
        event, birth = (int(parts[f"{name}1"] or parts[f"{name}2"]) for name in ("event", "birth"))
        if event < birth:
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
    return {"vowels": vowels, "consonants": len(word) - vowels}.get((kind or "").rstrip("s") + "s", len(word))


_THERE = re.compile(
    r"""\b[Tt]here\s(?:is|are)\s(?:exactly\s|only\s)?(?P<count>\d{1,2}|[a-z]{3,6})\s
    (?:(?P<kind>letters?|characters|vowels?|consonants?)|(?:letter\s)?["'“‘]?(?P<letter>[A-Za-z])["'”’]?(?:['’]?s)?)\s
    in\s(?:the\s(?:word|term)\s)?["'“‘](?P<word>[A-Za-z]{2,40})["'”’]""",
    re.VERBOSE,
)
_WORDS = re.compile(
    r"""\b(?:sentence|phrase|title)\s["“](?P<said>[^"“”\n]{3,300})["”]\s(?:has|contains|consists\sof|is\smade\sup\sof)\s
    (?:exactly\s|only\s)?(?P<count>\d{1,2}|[a-z]{3,6})\swords\b""",
    re.VERBOSE,
)
_SPOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def wrong_counts_within(text: str) -> Iterator[tuple[int, int]]:
    """`There are 4 vowels in "banana"`, `the sentence "Row on." has 3 words`, beside wrong_counts."""
    yield from wrong_counts(text)
    for match in _THERE.finditer(text):
        said = NUMBERS.get(match["count"], match["count"])
        if said.isdigit() and int(said) != _counted(match["word"].lower(), match["kind"], match["letter"]):
            yield match.span()
    for match in _WORDS.finditer(text):
        said = NUMBERS.get(match["count"], match["count"])
        if said.isdigit() and int(said) not in (len(_SPOKEN.findall(match["said"])), len(match["said"].split())):
            yield match.span()


_HOST = re.compile(r"\bhttps?://(?:[^\s/@]{1,80}@)?(?P<host>[A-Za-z0-9_.-]{1,253})(?=[:/?#\s)\]\"'<>,;]|$)")
_PRIVATE = frozenset(["local", "localhost", "internal", "lan", "intranet", "corp", "home", "test", "example", "onion"])
"""Last labels that name no public host and are none's invention: RFC 2606, 6761, 6762, 7686, and what offices use."""


@cache
def _top_domains() -> frozenset[str]:
    """The last labels of the public suffix list inside the tldextract package; domains made since are missing."""
    import tldextract

    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None).tlds
    return frozenset(suffix.rpartition(".")[2] for suffix in suffixes)


def impossible_hosts(text: str) -> Iterator[tuple[int, int]]:
    """Addresses whose last label is no top-level domain, or that have an empty label."""
    for match in _HOST.finditer(text):
        host = match["host"].rstrip(".").lower()
        top = host.rpartition(".")[2]
        if "." not in host or re.fullmatch(r"[\d.]+", host):
            continue  # localhost, an intranet name, an IP address
        known = top in _top_domains() or top in _PRIVATE or re.fullmatch(r"xn--[a-z0-9-]+", top)
        if not known or ".." in host:
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
        rf"{calendars.MONTH}\.? \d|\d(?:st|nd|rd|th)?(?: of)? {calendars.MONTH}\b|[12]\d\d\d-\d\d-\d\d",
        impossible_dates,
    ),
    "hallucination/impossible-span": Claim(
        r"\(?[12]\d\d\d ?[-–—] ?[12]\d\d\d\)|\bborn |\bfrom [12]\d\d\d (?:to|until) ", impossible_spans
    ),
    "hallucination/before-birth": Claim(r"\bborn |\((?:b\. )?[12]\d\d\d", before_birth),
    "hallucination/letter-count": Claim(
        r"\b(?:word|term|sentence|phrase|title) .{2,310}(?:has|contains|consists of|made up of) "
        r"|[Tt]here (?:is|are) .{3,40} in ",
        wrong_counts_within,
    ),
    "hallucination/impossible-url": Claim(r"https?://", impossible_hosts),
    "hallucination/weekday": Claim(rf"(?:{calendars.DAY_NAMES}),? ", calendars.wrong_weekdays),
    "hallucination/duration": Claim(calendars.ANCHOR, calendars.wrong_durations),
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
