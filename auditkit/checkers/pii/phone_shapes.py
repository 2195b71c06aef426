"""Profile `precise`: phone numbers by their form, their numbering plan and the words around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditkit.checkers.pii.phones import Phones

if TYPE_CHECKING:
    from collections.abc import Iterator

_GAP = r"[ .\-\u2010-\u2013\xa0]"
_EXT = rf"(?:{_GAP}?(?:x|ext\.?|extension|#){_GAP}?\d{{1,6}})?"
CANDIDATE = re.compile(
    r"(?<![^\W_])(?<![\d$€£][.,/:])(?<![\d.]-)(?:"
    rf"(?P<international>\+{_GAP}?\d{{1,3}}{_GAP}?(?:\(\d{{1,4}}\){_GAP}?)?\d{{1,5}}"
    rf"(?:[ .\-\u2010-\u2013\xa0/]?\d{{1,5}}){{1,5}}{_EXT})"
    rf"|(?P<american>(?:(?:001|1){_GAP}?)?(?:\(\d{{3}}\)[ \-\xa0]?|\d{{3}}{_GAP})\d{{3}}{_GAP}\d{{4}}{_EXT})"
    rf"|(?P<bare>(?:1)?\d{{10}}{_EXT})"
    rf"|(?P<grouped>(?:\(\d{{2,6}}\){_GAP}?|\d{{2,6}}{_GAP})\(?\d{{1,8}}\)?(?:{_GAP}\d{{2,6}}){{0,5}}{_EXT})"
    r"|(?P<digits>\d{7,13}))(?![^\W_]|[.,/:-]\d)",
    re.IGNORECASE,
)
SAYS = re.compile(
    r"(?:\b(?:tele)?(?:phone|fon)s?|\btel|\bph|\bcall(?:ed|ing)?|\bmob(?:ile)?|\bcell(?:phone|ular)?|\b(?:tele)?fax"
    r"|\bsms|\bdial(?:l?ing|l?ed)?|\btext(?:ed|ing)?|\bring|\breach(?:ed)?|\bcontact(?:ed)?|\bhotline|\bhelpline"
    r"|\bwhats ?app|\bvoicemail|\banswering at|\bmessages? (?:to|at)|\bmy number|\bnumber is"
    r"|\u260e\ufe0f?|\U0001f4de|\U0001f4f1"
    r"|\b(?:desk|office|home|work|landline|toll[- ]free|pager|registered)(?: (?:phone|number))?)"
    r"(?![a-z])[^\d\n]{0,24}\n?[^\d\n]{0,4}$",
    re.IGNORECASE,
)
SAID_AFTER = re.compile(
    r"[\s\-\u2010-\u2014,(]{0,3}(?:office|fax|mobile|cell|phone|tel|home|work|desk|direct)\b", re.IGNORECASE
)
NO_NUMBER = re.compile(
    r"(?:19|20)\d\d([.\- ]?)[01]?\d\1[0-3]?\d(?!\d)|[0-3]?\d([.\- ])[0-3]?\d\2(?:19|20)\d\d(?!\d)"  # dates
    r"|(?:1[5-9]|20)\d\d ?[\-\u2010-\u2013] ?(?:1[5-9]|20)\d\d$"  # years from to
    r"|\d{1,3}(?:\.\d{1,3}){3}$|\d{5}-\d{4}$|\d{3}-\d\d-\d{4}$|\d\d(?: \d\d){5,}$"  # IPs, US ZIP+4, SSNs, bytes
)
DUMP_BEFORE, DUMP_AFTER = re.compile(r"\b[0-9A-Fa-f]{2} $"), re.compile(r" [0-9A-Fa-f]{2}\b")  # bytes in rows
NOT_A_PHONE = re.compile(
    r"(?:\b(?:isbn|issn|passport|licen[cs]e(?: plate)?|social security|ssn|itin|tax|nhs|dea|iban|order|invoice"
    r"|ref(?:erence)?|serial|part|model|version|id|account|card|case|ticket|doi|issue|pages?|pp)"
    r"\W{0,3}(?:no|number|nr|num)?\W{0,3}(?:is|was)?\W{0,3})$",
    re.IGNORECASE,
)
ACCOUNT_BEFORE = re.compile(
    r"\b[A-Z]{2}\d{2}[ -](?:[A-Z0-9]{4}[ -])*$"
)  # an IBAN, whether its check digits hold or not
SURE, LIKELY, POSSIBLE = 1.0, 0.85, 0.6


class PhoneShapes:
    """Finds phone numbers in a stretch of a text."""

    def __init__(self, regions: tuple[str, ...]) -> None:
        self._plans = Phones(regions, 1)

    def find(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, float]]:
        """(start, end, score) of the numbers that begin in text[start:end]."""
        at = start
        while (match := CANDIDATE.search(text, at, end)) is not None:
            score = self._score(text, match)
            at = match.end() if score else _after_first_digits(match)
            if score:
                yield match.start(), match.end(), score

    def _score(self, text: str, match: re.Match[str]) -> float:
        """0 for no phone number."""
        value, first, last = match.group(), match.start(), match.end()
        digits = "".join(filter(str.isdigit, re.split(r"x|ext|#", value.lower())[0]))
        if not 6 <= len(digits) <= 15 or len(set(digits)) < 3 or NO_NUMBER.match(value):
            return 0.0
        before = text[max(0, first - 48) : first]
        if NOT_A_PHONE.search(before) or ACCOUNT_BEFORE.search(before):
            return 0.0
        if SAYS.search(before) or SAID_AFTER.match(text, last):
            return SURE if self._is_valid(match.lastgroup or "", value, digits) else LIKELY
        if DUMP_BEFORE.search(before) or DUMP_AFTER.match(text, last):
            return 0.0
        return self._alone(match.lastgroup or "", value, digits)

    def _alone(self, kind: str, value: str, digits: str) -> float:
        """The score of a number of which nobody speaks: its form must be one that only phone numbers have."""
        if kind == "international":
            return LIKELY if self._is_valid(kind, value, digits) else 0.0
        if kind == "american":
            plain = digits.removeprefix("00").removeprefix("1") if len(digits) > 10 else digits
            return LIKELY if plain[0] >= "2" and plain[3] >= "2" else 0.0
        if kind == "grouped" and digits[0] == "0" and len(digits) >= 10:
            return POSSIBLE if self._is_valid(kind, value, digits) else 0.0
        return 0.0

    def _is_valid(self, kind: str, value: str, digits: str) -> bool:
        """Whether a numbering plan has the number."""
        if kind != "international":
            return bool(self._plans.valid_in(digits))
        import phonenumbers

        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(value))
        except phonenumbers.NumberParseException:
            return False


def _after_first_digits(match: re.Match[str]) -> int:
    """Where the first run of digits of the match ends: the next candidate may begin there."""
    value = match.group()
    first = next(i for i, ch in enumerate(value) if ch.isdigit())
    return match.start() + next((i for i in range(first, len(value)) if not value[i].isdigit()), len(value))
