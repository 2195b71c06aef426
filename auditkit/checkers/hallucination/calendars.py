"""Dates and durations that can be computed: days of the week, spans of time, ages at death."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1,
    )
    for name in names.split()
}  # fmt: skip
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?)"
)
DAY_NAMES = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
GREGORIAN = 1924  # Greece was the last to change, in 1923: a date before may be of the old calendar
MINUTES_A_DAY = 24 * 60


def possible(day: int, month: int, year: int) -> bool:
    """Whether the Gregorian calendar has this date."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= DAYS[month - 1] - (month == 2 and not leap)


_NAMED_DAY = re.compile(
    rf"\b(?P<name>{DAY_NAMES}),? (?:the )?(?:(?P<m1>{MONTH})\.? (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{MONTH})),? (?P<year>[12]\d{{3}})\b"
)


def wrong_weekdays(text: str) -> Iterator[tuple[int, int]]:
    """`Tuesday, May 3, 2021`, which was a Monday. Dates before GREGORIAN and impossible ones are left alone."""
    for match in _NAMED_DAY.finditer(text):
        parts = match.groupdict()
        month, day = MONTHS[(parts["m1"] or parts["m2"]).lower()], int(parts["d1"] or parts["d2"])
        year = int(parts["year"])
        if year < GREGORIAN or not possible(day, month, year):
            continue
        if dt.date(year, month, day).weekday() != DAY_NAMES.split("|").index(parts["name"]):
            yield match.span()


_SAID = (
    r"(?:,? (?:which|that|this|it) (?:is|was|makes|gives|lasts|lasted|takes|took)|,? (?:is|was|lasts|lasted|takes|took"
    r"|equals|makes|gives)|,?\s?=|,?\s?\((?:a total of |for )?|,? for| a total of|,? so)\s?"
    r"(?:a (?:total|period|span|duration) of |exactly |a |that is |it is |it takes )?"
)
_TIME = r"(?P<{0}h>\d{{1,2}})(?::(?P<{0}m>[0-5]\d))?\s?(?P<{0}half>[ap]\.?m\b\.?)?"
_FROM = r"\b(?:[Ff]rom|[Bb]etween)\s"
_CLOCK = re.compile(
    _FROM + _TIME.format("a") + r"\s?(?:to|until|till|and|-|–)\s?" + _TIME.format("b") + _SAID
    + r"(?:(?P<hours>\d{1,2}(?:\.\d{1,2})?)[ -]hours?(?:,? and (?P<minutes>\d{1,2}) minutes)?"
    + r"|(?P<only>\d{1,4})[ -]minutes)\b",
    re.IGNORECASE,
)  # fmt: skip
_YEARS = re.compile(
    _FROM + r"(?P<a>1\d{3}|20\d\d)\s(?:to|until|and)\s(?P<b>1\d{3}|20\d\d)" + _SAID
    + r"(?P<n>\d{1,4})[ -]years?\b(?! (?:before|later|ago|old))",
    re.IGNORECASE,
)  # fmt: skip
_DATES = re.compile(
    _FROM + rf"(?P<m1>{MONTH}) (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s(?:to|until|and)\s(?P<m2>{MONTH}) (?P<d2>\d{{1,2}})"
    + r"(?:st|nd|rd|th)?" + _SAID + r"(?P<n>\d{1,3}) days\b"
)  # fmt: skip
_AGE = re.compile(
    r"\bborn (?:in |on )?[^.\n]{0,40}?\b(?P<a>1\d{3}|20\d\d)\b[^.\n]{0,80}?\b(?:died|passed away) (?:in |on )?"
    r"[^.\n]{0,40}?\b(?P<b>1\d{3}|20\d\d)\b,?\s(?:at (?:the )?age (?:of )?|aged )(?P<n>\d{1,3})\b"
)
ANCHOR = r"(?i)(?:from|between)\s(?:\d|[A-Z]).{1,90}(?:hour|minute|year|day)|\bborn .{1,250}(?:\bage |\baged )"


def wrong_durations(text: str) -> Iterator[tuple[int, int]]:
    """`from 9:30 to 11:00 is 2 hours`, `from 1990 to 1995, which is 7 years`, `born in 1900, died in 1950 aged 60`."""
    for pattern, holds in ((_CLOCK, _clock_holds), (_YEARS, _years_hold), (_DATES, _days_hold), (_AGE, _age_holds)):
        for match in pattern.finditer(text):
            if not holds(match.groupdict()):
                yield match.span()


def _minutes(parts: Mapping[str, str | None], which: str) -> list[int]:
    """Minutes after midnight that a time of day may mean: both halves of the day where it does not say which."""
    hour, minute = int(parts[f"{which}h"] or 0), int(parts[f"{which}m"] or 0)
    half = (parts[f"{which}half"] or "").lower()[:1]
    if hour > 24 or (half and not 1 <= hour <= 12):
        return []
    if half:
        return [(hour % 12 + (12 if half == "p" else 0)) * 60 + minute]
    return [hour * 60 + minute] + ([(hour % 12 + 12) * 60 + minute, hour % 12 * 60 + minute] if hour <= 12 else [])


def _clock_holds(parts: Mapping[str, str | None]) -> bool:
    """Also true where the times cannot be told from other numbers: `from 3 to 5`."""
    plain = not any(parts[key] for key in ("am", "bm", "ahalf", "bhalf"))
    begins, ends = _minutes(parts, "a"), _minutes(parts, "b")
    if plain or not begins or not ends:
        return True
    only, hours = parts["only"], parts["hours"]
    said = float(only) if only else float(hours or 0) * 60 + int(parts["minutes"] or 0)
    spans = {(end - begin) % MINUTES_A_DAY for begin in begins for end in ends}
    return any(abs(said - span) < 1 for span in spans)


def _years_hold(parts: Mapping[str, str | None]) -> bool:
    """A year more counts both ends, a year less begins late and ends early."""
    return abs(int(parts["n"] or 0) - (int(parts["b"] or 0) - int(parts["a"] or 0))) <= 1


def _days_hold(parts: Mapping[str, str | None]) -> bool:
    """In a common or a leap year, with or without the first day."""
    (one, first), (other, last) = (
        (MONTHS[str(parts[f"m{n}"]).lower()], int(parts[f"d{n}"] or 0)) for n in (1, 2)
    )  # fmt: skip
    if not possible(first, one, 4) or not possible(last, other, 4):
        return True  # hallucination/impossible-date
    spans = set()
    for year in (2023, 2024, 2027):  # common, leap, common before a leap year
        start = dt.date(year, one, min(first, 28) if (one, year % 4) == (2, 3) else first)
        later = year + ((other, last) < (one, first))
        end = dt.date(later, other, min(last, 28) if other == 2 and later % 4 else last)
        spans |= {(end - start).days, (end - start).days + 1}
    return int(parts["n"] or 0) in spans


def _age_holds(parts: Mapping[str, str | None]) -> bool:
    """The difference of the years, or one less before the birthday."""
    lived = int(parts["b"] or 0) - int(parts["a"] or 0)
    return int(parts["n"] or 0) in (lived, lived - 1)
