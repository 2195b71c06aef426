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
import unicodedata
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from auditkit.checkers.pii.phone_rules import TYPES, Format, Rules, format_of, metadata_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Place = tuple[int, int] | None

PLAIN = re.compile(r"[\d ().\[\]/xX\xad\u2010-\u2015\u2212\xa0\u200b\u2060\u3000-]*")
SHORTEST = 4  # digits; no number of the eight regions is shorter, checked when the recogniser is loaded
DIGIT_BLOCK = 20  # the most digits that a candidate holds without a sign between them
VALID = 1  # phonenumbers: Leniency.VALID, which PhoneRecognizer asks for
PLUS = "+\uff0b"
MAX_TRIES = 65_535  # the default of PhoneNumberMatcher
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

    code: str
    valid: re.Pattern[str]
    abroad: re.Pattern[str]
    prefix: re.Pattern[str]
    rewrites: bool
    codes: frozenset[str]
    formats: tuple[Format, ...]

    def may_be_valid(self, digits: str) -> bool:
        """A necessary condition of being a valid number of this region."""
        if self._is_abroad(digits) or (self.rewrites and self._is_rewritten(digits)):
            return True
        if not self.valid.fullmatch(digits):
            return False
        return digits.startswith(self.code) or self.prefix.match(digits) is not None or self._free(digits)

    def _is_abroad(self, digits: str) -> bool:
        """Whether the digits begin with an international prefix and then a country code: any country's rules apply."""
        match = self.abroad.match(digits)
        rest = digits[match.end() :] if match else ""
        return len(rest) > 2 and rest[0] != "0" and has_country_code(rest, self.codes)

    def _is_rewritten(self, digits: str) -> bool:
        """Whether the national prefix is one that phonenumbers replaces by other digits, alone or behind another."""
        for start in (digits, digits.removeprefix(self.code)):
            rest = start
            for _ in range(2):
                match = self.prefix.match(rest)
                if match and match.groups() and match.groups()[-1] is not None:
                    return True
                rest = rest[match.end() :] if match else ""
        return False

    def _free(self, digits: str) -> bool:
        for leading, pattern, free in self.formats:
            if leading.match(digits) and pattern.fullmatch(digits):
                return free
        return True


def has_country_code(digits: str, codes: frozenset[str]) -> bool:
    """Whether the digits begin with a country calling code; none is longer than three digits."""
    return digits[:1] in codes or digits[:2] in codes or digits[:3] in codes


def plan_of(region: str) -> Plan:
    """The plan of a region from the metadata of all regions that share its country code."""
    import phonenumbers as pn

    main = metadata_of(region)
    names = pn.COUNTRY_CODE_TO_REGION_CODE[main.country_code]
    patterns = set()
    for name in names:
        descriptions = (getattr(metadata_of(name), kind) for kind in TYPES)
        patterns |= {d.national_number_pattern for d in descriptions if d is not None and d.national_number_pattern}
    prefixes = {metadata_of(name).national_prefix_for_parsing for name in (region, names[0])} - {None}
    prefix = "|".join(sorted(prefixes)) or "(?!)"
    return Plan(
        str(main.country_code),
        re.compile(f"(?:{main.country_code})?(?:{prefix}){{0,2}}(?:{'|'.join(sorted(patterns))})"),
        re.compile(main.international_prefix or "(?!)"),
        re.compile(prefix),
        bool(main.national_prefix_transform_rule),
        country_codes(),
        tuple(format_of(item) for item in metadata_of(names[0]).number_format),
    )


@cache
def country_codes() -> frozenset[str]:
    """All country calling codes, as digits."""
    import phonenumbers as pn

    return frozenset(map(str, pn.COUNTRY_CODE_TO_REGION_CODE))


class Phones:
    """The places of phone numbers as Presidio's PhoneRecognizer with these regions and this leniency finds them."""

    def __init__(self, regions: Sequence[str], leniency: int) -> None:
        from phonenumbers import phonenumbermatcher as library

        self._library: Any = library
        self._regions, self._leniency = tuple(regions), leniency
        self._memo: dict[tuple[str, str, str], tuple[tuple[Place, ...], int]] = {}
        self._valid_digits: dict[str, tuple[int, ...]] = {}
        self._kinds = {"": ""}
        self._fits: dict[str, tuple[int, ...]] = {}
        self._nothing: tuple[Place, ...] = (None,) * len(self._regions)

    @cached_property
    def rules(self) -> tuple[Rules, ...]:
        """The rules of each region."""
        return tuple(map(rules_of, self._regions))

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """The plan of each region."""
        return tuple(map(plan_of, self._regions))

    def whole(self, text: str) -> set[tuple[int, int]]:
        """All places in the text, by phonenumbers alone."""
        return {
            (match.start, match.end)
            for region in self._regions
            for match in self._library.PhoneNumberMatcher(text, region, leniency=self._leniency)
        }

    def find(self, text: str, start: int, end: int) -> set[tuple[int, int]] | None:
        """All places in text[start:end], where no candidate reaches out of it; the rest of the text is context.

        None where phonenumbers would try so often that it may give up before the end.
        """
        found: set[tuple[int, int]] = set()
        digits = text[start:end]
        if len(digits) <= DIGIT_BLOCK and digits.isdigit() and self._places(text, start, digits)[0] is self._nothing:
            return found
        at, tries = start, 0
        while (match := self._library._PATTERN.search(text, at, end)) is not None:
            first, candidate = self._candidate(match)
            places, needed = self._places(text, first, candidate)
            tries += needed
            if tries > MAX_TRIES:
                return None
            if places is not self._nothing and not found:
                self._each_region(text, start, end, found)
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
                place = self._places(text, first, candidate)[0][index]
                at = first + (place[1] if place else len(candidate))
                if place:
                    found.add((first + place[0], at))

    def _candidate(self, match: re.Match[str]) -> tuple[int, str]:
        """Start and text of a candidate, cut where a second number begins."""
        candidate = match.group()
        second = self._library._SECOND_NUMBER_START_PATTERN.search(candidate)
        return match.start(), candidate[: second.start()] if second else candidate

    def _places(self, text: str, first: int, candidate: str) -> tuple[tuple[Place, ...], int]:
        """(for each region where in the candidate its number is, the most tries that takes); equal neighbours, equal
        answer.
        """
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

    def _looked_up(self, before: str, candidate: str, after: str) -> tuple[tuple[Place, ...], int]:
        library = self._library
        if library._SLASH_SEPARATED_DATES.search(candidate):
            return self._nothing, 1
        if library._TIME_STAMPS.search(candidate) and library._TIME_STAMPS_SUFFIX.match(after):
            return self._nothing, 1
        places: list[Place] = [None] * len(self._regions)
        text, tries = before + candidate + after, 1
        for offset, group in self._groups(candidate):
            tries += 1
            for index in self._valid_in(text, group, offset + len(before)):
                places[index] = places[index] or (offset, offset + len(group))
        return (tuple(places) if any(places) else self._nothing), tries

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

    def _valid_in(self, text: str, group: str, start: int) -> Iterator[int]:
        """The regions in which the group, which stands at `start` of the text, is a number."""
        digits = "".join(filter(str.isdigit, group))
        if not digits.isascii() and PLAIN.fullmatch(group):
            digits = "".join(str(unicodedata.digit(ch)) for ch in digits)  # as phonenumbers reads them
        if len(digits) < SHORTEST or not self._stands_well(text, group, start):
            return
        marks = group.lower().count("x")
        if not PLAIN.fullmatch(group) or marks > 2:
            yield from self._parsed(text, group, start)
        elif not marks:
            yield from self._valid_as_digits(digits)
        else:
            for index in sorted({i for reading in _readings(group) for i in self._possible(reading)}):
                if self._valid(text, group, start, index):
                    yield index

    def _stands_well(self, text: str, group: str, start: int) -> bool:
        """What phonenumbers asks before it parses: matching brackets, no page numbers, neighbours that are no
        letters.
        """
        library = self._library
        if not library._MATCHING_BRACKETS.fullmatch(group) or library._PUB_PAGES.search(group):
            return False
        end = start + len(group)
        free = start == 0 or library._LEAD_PATTERN.match(group) or self._blocks(text[start - 1]) != "a"
        return bool(free) and (end >= len(text) or self._blocks(text[end]) != "a")

    def _parsed(self, text: str, group: str, start: int) -> Iterator[int]:
        """The regions in which phonenumbers takes the group; behind a plus and a country code they are all alike."""
        first = next((i for i, ch in enumerate(group) if ch in PLUS or ch.isdigit()), 0)
        digits = group[first:].lstrip(PLUS)
        if group[first] in PLUS and has_country_code(digits.split(" ")[0], country_codes()):
            yield from range(len(self._regions)) if self._valid(text, group, start, 0) else ()
            return
        yield from (index for index in range(len(self._regions)) if self._valid(text, group, start, index))

    def valid_in(self, digits: str) -> tuple[str, ...]:
        """The regions in which these digits are a valid number."""
        return tuple(self._regions[index] for index in self._valid_as_digits(digits))

    def _valid_as_digits(self, digits: str) -> tuple[int, ...]:
        """The regions in which the digits alone are a valid number: signs between digits cannot make a number valid."""
        known = self._valid_digits.get(digits)
        if known is None:
            if len(self._valid_digits) >= CACHE:
                self._valid_digits.clear()
            valid = (index for index in self._possible(digits) if self._is_valid(digits, index))
            known = self._valid_digits[digits] = tuple(valid)
        return known

    def _is_valid(self, digits: str, index: int) -> bool:
        """Whether the region takes the digits; by its rules where they can tell."""
        direct = digits.isascii() and self._leniency == VALID
        known = self.rules[index].valid(digits) if direct else None
        return self._valid(digits, digits, 0, index) if known is None else known

    def accepted(self, digits: str) -> tuple[str, ...]:
        """The regions in which phonenumbers itself takes these digits."""
        return tuple(region for i, region in enumerate(self._regions) if self._valid(digits, digits, 0, i))

    def _possible(self, digits: str) -> tuple[int, ...]:
        """The regions whose plan these digits fit."""
        known = self._fits.get(digits)
        if known is None:
            if len(self._fits) >= CACHE:
                self._fits.clear()
            fits = (index for index, plan in enumerate(self.plans) if plan.may_be_valid(digits))
            known = self._fits[digits] = tuple(fits)
        return known

    def _valid(self, text: str, group: str, offset: int, index: int) -> bool:
        matcher = self._library.PhoneNumberMatcher(text, self._regions[index], leniency=self._leniency)
        return matcher._parse_and_verify(group, offset) is not None


def _readings(group: str) -> list[str]:
    """What phonenumbers may take for the number where an x may start an extension: the digits up to each x, and all.

    Digits behind a single x inside must be the extension, or phonenumbers refuses the x: only those before it count.
    """
    parts = re.split("[xX]", group)
    least = ["".join(filter(str.isdigit, "".join(parts[:n]))) for n in range(1, len(parts) + 1)]
    return least[:1] if len(parts) == 2 and parts[1] else least
