"""A row of the corpus, how its attributes are drawn, and how it is kept unlike the rows before it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from auditkit.demo.templates import Slots, texts
from auditkit.errors import ConfigError

MAX_LIKENESS = 0.4  # Jaccard of word 5-grams; half of what near_duplicates calls a near-copy by default
MAX_DRAWS = 60
DOMINANT = {"north_america": 0.45, "europe": 0.35}  # the planted skew: 80 % of the places in two regions of eight


@dataclass(frozen=True)
class Row:
    """One instruction with its answer. `slots` fill the faults that are planted into it."""

    topic: str
    region: str | None
    style: str
    instruction: str
    input: str
    output: str
    slots: Slots
    context: str | None = None
    question_id: str | None = None

    def words(self) -> list[str]:
        """The words of all texts, in lower case."""
        parts = (self.instruction, self.input, self.context or "", self.output)
        return re.findall(r"\w+", " ".join(parts).lower())

    def grams(self) -> set[tuple[str, ...]]:
        """The distinct word 5-grams."""
        words = self.words()
        return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def likeness(left: set[Any], right: set[Any]) -> float:
    """Jaccard similarity of two sets, 0 for two empty ones."""
    return len(left & right) / max(1, len(left | right))


class Novelty:
    """Rows so far; a draw too near to one of them is drawn again, as Self-Instruct (arXiv 2212.10560) rejects."""

    def __init__(self) -> None:
        self._rows_of: dict[tuple[str, ...], list[int]] = {}
        self._sizes: list[int] = []

    def fresh(self, draw: Callable[[], Row]) -> Row:
        """The first draw that resembles no earlier row; ConfigError when the templates give no more."""
        for _ in range(MAX_DRAWS):
            row = draw()
            grams = row.grams()
            if self._likeness(grams) < MAX_LIKENESS:
                for gram in grams:
                    self._rows_of.setdefault(gram, []).append(len(self._sizes))
                self._sizes.append(len(grams))
                return row
        raise ConfigError(
            f"--rows: the templates of the demo give no more than about {len(self._sizes)} different rows"
        )

    def _likeness(self, grams: set[tuple[str, ...]]) -> float:
        """The highest similarity to an earlier row."""
        shared: Counter[int] = Counter()
        for gram in grams:
            shared.update(self._rows_of.get(gram, ()))
        return max((n / (len(grams) + self._sizes[row] - n) for row, n in shared.items()), default=0.0)


class Attributes:
    """Draws what a row is conditioned on: people, place, days. `balanced`: places by the people of the world."""

    def __init__(self, rng: Random, *, balanced: bool) -> None:
        self._rng = rng
        self._table = texts("attributes")
        regions = self._table["region"]
        self._regions = list(regions)
        rest = math.fsum(regions[name]["share"] for name in regions if name not in DOMINANT)
        skewed = [
            DOMINANT.get(name, (1 - math.fsum(DOMINANT.values())) * regions[name]["share"] / rest) for name in regions
        ]
        self._weights = [regions[name]["share"] for name in regions] if balanced else skewed

    def place(self) -> tuple[str, dict[str, str]]:
        """(name of the region, slots for a city of it)."""
        name = self._rng.choices(self._regions, self._weights)[0]
        region = self._table["region"][name]
        city, country = self._rng.choice(region["places"])
        return region["label"], {"city": city, "place": f"{city}, {country}"}

    def people(self) -> dict[str, str]:
        """Slots for four different first names and four full names; women and men are equally likely."""
        named = {}
        free = {"she": list(self._table["she"]), "he": list(self._table["he"])}
        for slot, pronoun in (("name", "they"), ("other", "they2"), ("third", "they3"), ("fourth", "they4")):
            which = self._rng.choice(("she", "he"))
            named[slot] = free[which].pop(self._rng.randrange(len(free[which])))
            named[pronoun] = which
        families = self._rng.sample(self._table["family"], 4)
        for slot, first, family in zip(
            ("full", "full2", "alien", "alien2"), ("third", "fourth", "name", "other"), families, strict=True
        ):
            named[slot] = f"{named[first]} {family}"
        return named

    def time(self) -> dict[str, str]:
        """Slots for a month, a weekday and an hour."""
        return {slot: self._rng.choice(self._table[slot]) for slot in ("month", "day", "hour")}
