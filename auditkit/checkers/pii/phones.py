# ruff: noqa: SLF001 - the matcher's steps are taken one by one, as it takes them
"""PhoneRecognizer's findings without its cost.

phonenumbers looks for candidates (digits with a few signs between them) and parses each in eight regions. Here
candidates are
found once for all regions, and a region parses a candidate only when its digits, with or without the region's country
code and national prefix,
match one of the number patterns of its metadata: a necessary condition of being valid, so nothing is lost.
Candidates with a plus sign, letters or an extension go to phonenumbers unchecked.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Place = tuple[int, int] | None

PLAIN = re.compile(r"[0-9 ().\[\]/xX\xad\u2010-\u2015\u2212\xa0\u200b\u2060\u3000-]*")
TYPES = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("voip", "personal_number", "pager", "uan", "voicemail"),
)
SHORTEST = 4  # digits; no number of the eight regions is shorter, checked when the recogniser is loaded
DIGIT_BLOCK = 20  # the most digits that a candidate holds without a sign between them
CACHE = 1 << 16
MAX_CANDIDATE_CHARS = 9_000
"""Texts with more are left to phonenumbers itself, which gives up after 65,535 tries: six tries a character and some
cannot reach it.
"""


class Plan(NamedTuple):
    """What the digits of a valid number of one region look like, when that cannot be told, and when digits are bare.

    Bare digits have neither country code nor national prefix. `formats`: the region's patterns of leading digits and of
    whole numbers, with whether a number of that format is valid without its national prefix.
    """

    valid: re.Pattern[str]
    unclear: re.Pattern[str]
    dressed: re.Pattern[str]
    formats: tuple[tuple[re.Pattern[str], re.Pattern[str], bool], ...]

    def may_be_valid(self, digits: str) -> bool:
        """A necessary condition of being a valid number of this region."""
        if self.unclear.match(digits):
            return True
        if not self.valid.fullmatch(digits):
            return False
        return self.dressed.match(digits) is not None or self._free(digits)

    def _free(self, digits: str) -> bool:
        for leading, pattern, free in self.formats:
            if leading.match(digits) and pattern.fullmatch(digits):
                return free
        return True


def plan_of(region: str) -> Plan:
    """The plan of a region from the metadata of all regions that share its country code."""
    import phonenumbers as pn

    main = _metadata(region)
    names = pn.COUNTRY_CODE_TO_REGION_CODE[main.country_code]
    patterns = set()
    for name in names:
        descriptions = (getattr(_metadata(name), kind) for kind in TYPES)
        patterns |= {d.national_number_pattern for d in descriptions if d is not None and d.national_number_pattern}
    prefixes = {_metadata(name).national_prefix_for_parsing for name in (region, names[0])} - {None}
    prefix = "|".join(sorted(prefixes)) or "(?!)"
    rewritten = f"(?:{main.country_code})?(?:{prefix})" if main.national_prefix_transform_rule else "(?!)"
    return Plan(
        re.compile(f"(?:{main.country_code})?(?:{prefix}){{0,2}}(?:{'|'.join(sorted(patterns))})"),
        re.compile(f"(?:{main.international_prefix or '(?!)'})|(?:{rewritten})"),
        re.compile(f"{main.country_code}|{prefix}"),
        tuple(_format(item) for item in _metadata(names[0]).number_format),
    )


def _metadata(region: str) -> Any:
    import phonenumbers as pn

    return pn.PhoneMetadata.metadata_for_region(region)


def _format(item: Any) -> tuple[re.Pattern[str], re.Pattern[str], bool]:
    """(leading digits, whole number, whether it may stand without its national prefix) of a format of the metadata."""
    from phonenumbers.phonenumberutil import _formatting_rule_has_first_group_only as first_group_only

    rule = item.national_prefix_formatting_rule
    free = not rule or item.national_prefix_optional_when_formatting or first_group_only(rule)
    leading = item.leading_digits_pattern[-1] if item.leading_digits_pattern else ""
    return re.compile(leading), re.compile(item.pattern), bool(free)


class Phones:
    """The places of phone numbers as Presidio's PhoneRecognizer with these regions and this leniency finds them."""

    def __init__(self, regions: Sequence[str], leniency: int) -> None:
        from phonenumbers import phonenumbermatcher as library

        self._library: Any = library
        self._regions, self._leniency = tuple(regions), leniency
        self._memo: dict[tuple[str, str, str], tuple[Place, ...]] = {}
        self._valid_digits: dict[str, tuple[int, ...]] = {}
        self._kinds = {"": ""}
        self._fits: dict[str, tuple[int, ...]] = {}
        self._nothing: tuple[Place, ...] = (None,) * len(self._regions)

    @cached_property
    def _plans(self) -> tuple[Plan, ...]:
        return tuple(map(plan_of, self._regions))

    def whole(self, text: str) -> set[tuple[int, int]]:
        """All places in the text, by phonenumbers alone."""
        return {
            (match.start, match.end)
            for region in self._regions
            for match in self._library.PhoneNumberMatcher(text, region, leniency=self._leniency)
        }

    def find(self, text: str, start: int, end: int) -> set[tuple[int, int]]:
        """All places in text[start:end], where no candidate reaches out of it; the rest of the text is context."""
        found: set[tuple[int, int]] = set()
        digits = text[start:end]
        if len(digits) <= DIGIT_BLOCK and digits.isdigit() and self._places(text, start, digits) is self._nothing:
            return found
        at = start
        while (match := self._library._PATTERN.search(text, at, end)) is not None:
            first, candidate = self._candidate(match)
            places = self._places(text, first, candidate)
            if places is not self._nothing:
                self._each_region(text, start, end, found)
                break
            at = first + len(candidate)
        return found

    def _each_region(self, text: str, start: int, end: int, found: set[tuple[int, int]]) -> None:
        """The same search for each region by itself: after a number it goes on behind that number, not behind the
        candidate.
        """
        for index in range(len(self._regions)):
            at = start
            while (match := self._library._PATTERN.search(text, at, end)) is not None:
                first, candidate = self._candidate(match)
                place = self._places(text, first, candidate)[index]
                at = first + (place[1] if place else len(candidate))
                if place:
                    found.add((first + place[0], at))

    def _candidate(self, match: re.Match[str]) -> tuple[int, str]:
        """Start and text of a candidate, cut where a second number begins."""
        candidate = match.group()
        second = self._library._SECOND_NUMBER_START_PATTERN.search(candidate)
        return match.start(), candidate[: second.start()] if second else candidate

    def _places(self, text: str, first: int, candidate: str) -> tuple[Place, ...]:
        """For each region where in the candidate its number is; neighbours of a kind give the same answer."""
        end = first + len(candidate)
        after = text[end : end + 3] if candidate[-3:-2] == " " else self._blocks(text[end : end + 1])
        key = (self._blocks(text[first - 1 : first] if first else ""), candidate, after)
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= CACHE:
                self._memo.clear()
            known = self._memo[key] = self._looked_up(*key)
        return known

    def _blocks(self, neighbour: str) -> str:
        """`a` for a character beside which phonenumbers takes no number, a space for any other, nothing for none."""
        known = self._kinds.get(neighbour)
        if known is None:
            matcher = self._library.PhoneNumberMatcher
            blocks = matcher._is_invalid_punctuation_symbol(neighbour) or matcher._is_latin_letter(neighbour)
            known = self._kinds[neighbour] = "a" if blocks else " "
        return known

    def _looked_up(self, before: str, candidate: str, after: str) -> tuple[Place, ...]:
        library = self._library
        if library._SLASH_SEPARATED_DATES.search(candidate):
            return self._nothing
        if library._TIME_STAMPS.search(candidate) and library._TIME_STAMPS_SUFFIX.match(after):
            return self._nothing
        places: list[Place] = [None] * len(self._regions)
        plain = PLAIN.fullmatch(candidate) is not None
        for offset, group in self._groups(candidate):
            for index in self._worth_parsing(group, plain=plain):
                if places[index] is None and self._valid(
                    before + candidate + after, group, offset + len(before), index
                ):
                    places[index] = (offset, offset + len(group))
        return tuple(places) if any(places) else self._nothing

    def _groups(self, candidate: str) -> Iterator[tuple[int, str]]:
        """The candidate and the parts of it that phonenumbers tries in turn."""
        yield 0, candidate
        trimmed = self._library._UNWANTED_END_CHAR_PATTERN
        for pattern in self._library._INNER_MATCHES:
            match = pattern.search(candidate)
            if match:
                yield 0, trimmed.sub("", candidate[: match.start()])
            while match:
                yield match.start(1), trimmed.sub("", match.group(1))
                match = pattern.search(candidate, match.start() + 1)

    def _worth_parsing(self, group: str, *, plain: bool) -> Iterator[int]:
        """The regions in which the group can be valid."""
        digits = "".join(filter(str.isdigit, group))
        if len(digits) < SHORTEST:
            return
        if not plain or group.lower().count("x") > 2:
            yield from range(len(self._regions))
            return
        if "x" not in group and "X" not in group:
            yield from self._valid_as_digits(digits)
            return
        yield from sorted({i for reading in _readings(group) for i in self._possible(reading)})

    def valid_in(self, digits: str) -> tuple[str, ...]:
        """The regions in which these digits are a valid number."""
        return tuple(self._regions[index] for index in self._valid_as_digits(digits))

    def _valid_as_digits(self, digits: str) -> tuple[int, ...]:
        """The regions in which the digits alone are a valid number: signs between digits cannot make a number valid."""
        known = self._valid_digits.get(digits)
        if known is None:
            if len(self._valid_digits) >= CACHE:
                self._valid_digits.clear()
            valid = (index for index in self._possible(digits) if self._valid(digits, digits, 0, index))
            known = self._valid_digits[digits] = tuple(valid)
        return known

    def _possible(self, digits: str) -> tuple[int, ...]:
        """The regions whose plan these digits fit."""
        known = self._fits.get(digits)
        if known is None:
            if len(self._fits) >= CACHE:
                self._fits.clear()
            fits = (index for index, plan in enumerate(self._plans) if plan.may_be_valid(digits))
            known = self._fits[digits] = tuple(fits)
        return known

    def _valid(self, text: str, group: str, offset: int, index: int) -> bool:
        matcher = self._library.PhoneNumberMatcher(text, self._regions[index], leniency=self._leniency)
        return matcher._parse_and_verify(group, offset) is not None


def _readings(group: str) -> list[str]:
    """What phonenumbers may take for the number where an x may start an extension: the digits up to each x, and all.

    Digits behind a single x inside must be the extension, or phonenumbers refuses the x: then only those before it count.
    """
    parts = re.split("[xX]", group)
    least = ["".join(filter(str.isdigit, "".join(parts[:n]))) for n in range(1, len(parts) + 1)]
    return least[:1] if len(parts) == 2 and parts[1] else least
