# ruff: noqa: SLF001 - steps of phonenumbers are taken one by one, as it takes them
"""Whether bare digits are a valid number of a region, by the metadata of phonenumbers and without its parser.

What `PhoneNumberMatcher` decides at leniency VALID for a candidate of ASCII digits, where nothing speaks for another
country: the digits begin neither with an international prefix nor with the region's own country code. Then parsing is
to strip the national prefix, and verifying is to match the patterns of every region with this country code and to ask
whether the number's format demands the prefix.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

TYPES = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("voip", "personal_number", "pager", "uan", "voicemail"),
)
SHORTEST_NATIONAL, LONGEST_NATIONAL = 2, 17  # phonenumbers: _MIN_LENGTH_FOR_NSN, _MAX_LENGTH_FOR_NSN


class Numbers(NamedTuple):
    """Pattern and lengths of one kind of number; no length stands for every length."""

    pattern: re.Pattern[str]
    lengths: frozenset[int]

    def has(self, number: str) -> bool:
        """Whether the number is of this kind."""
        return (not self.lengths or len(number) in self.lengths) and self.pattern.fullmatch(number) is not None


class Territory(NamedTuple):
    """One of the regions that share a country code."""

    leading: re.Pattern[str] | None
    all_numbers: Numbers | None
    kinds: tuple[Numbers, ...]

    def has(self, number: str) -> bool:
        """Whether the number is of a known type here."""
        return bool(self.all_numbers and self.all_numbers.has(number)) and any(k.has(number) for k in self.kinds)


class Format(NamedTuple):
    """How numbers with these leading digits are written, and whether they may be without their national prefix."""

    leading: re.Pattern[str]
    pattern: re.Pattern[str]
    free: bool


class Rules(NamedTuple):
    """The metadata of one region and of those that share its code."""

    code: str
    abroad: re.Pattern[str]
    prefix: re.Pattern[str]
    territories: tuple[Territory, ...]
    formats: tuple[Format, ...]
    is_main: bool
    metadata: Any

    def valid(self, digits: str) -> bool | None:
        """Whether the ASCII digits are a valid number; None where only the parser of phonenumbers can tell."""
        if digits.startswith(self.code) or self.abroad.match(digits):
            return None
        number, stripped = self._national(digits)
        if not SHORTEST_NATIONAL <= len(number) <= LONGEST_NATIONAL:
            return False
        if not self._is_number(number):
            return False
        return self._is_free(number) or (stripped if self.is_main else None)

    def _national(self, digits: str) -> tuple[str, bool]:
        """(number without national prefix, whether there was one)."""
        if not self.prefix.match(digits):
            return digits, False
        from phonenumbers import phonenumberutil as library

        _, number, stripped = library._maybe_strip_national_prefix_carrier_code(digits, self.metadata)
        result = library._test_number_length(number, self.metadata)
        kinds = library.ValidationResult
        if result in (kinds.TOO_SHORT, kinds.IS_POSSIBLE_LOCAL_ONLY, kinds.INVALID_LENGTH):
            return digits, stripped
        return number, stripped

    def _is_number(self, number: str) -> bool:
        """The first territory whose leading digits or numbers fit decides."""
        if len(self.territories) == 1:
            return self.territories[0].has(number)
        for territory in self.territories:
            known = territory.has(number)
            if known or (territory.leading and territory.leading.match(number)):
                return known
        return False

    def _is_free(self, number: str) -> bool:
        """Whether the number may stand without its national prefix."""
        for form in self.formats:
            if form.leading.match(number) and form.pattern.fullmatch(number):
                return form.free
        return True


def rules_of(region: str) -> Rules:
    """The rules of a region."""
    import phonenumbers as pn

    own = metadata_of(region)
    names = pn.COUNTRY_CODE_TO_REGION_CODE[own.country_code]
    return Rules(
        str(own.country_code),
        re.compile(own.international_prefix or "(?!)"),
        re.compile(own.national_prefix_for_parsing or "(?!)"),
        tuple(_territory(metadata_of(name)) for name in names),
        tuple(format_of(item) for item in metadata_of(names[0]).number_format),
        region == names[0],
        own,
    )


def metadata_of(region: str) -> Any:
    """What phonenumbers knows of a region."""
    import phonenumbers as pn

    return pn.PhoneMetadata.metadata_for_region(region)


def format_of(item: Any) -> Format:
    """A format of the metadata."""
    from phonenumbers.phonenumberutil import _formatting_rule_has_first_group_only as first_group_only

    rule = item.national_prefix_formatting_rule
    free = not rule or item.national_prefix_optional_when_formatting or first_group_only(rule)
    leading = item.leading_digits_pattern[-1] if item.leading_digits_pattern else ""
    return Format(re.compile(leading), re.compile(item.pattern), bool(free))


def _territory(metadata: Any) -> Territory:
    kinds = (_numbers(getattr(metadata, kind)) for kind in TYPES)
    leading = re.compile(metadata.leading_digits) if metadata.leading_digits is not None else None
    return Territory(leading, _numbers(metadata.general_desc), tuple(kind for kind in kinds if kind))


def _numbers(description: Any) -> Numbers | None:
    if description is None or not description.national_number_pattern:
        return None
    return Numbers(re.compile(description.national_number_pattern), frozenset(description.possible_length))
