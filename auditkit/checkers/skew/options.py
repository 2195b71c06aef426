"""Options of `[checkers.skew]` and the references that they name."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from auditkit.checkers.skew import codes
from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.lexicon import countries
from auditkit.checkers.skew.regions import Reference, population_shares
from auditkit.errors import ConfigError, suggestion
from auditkit.resources import resource

NAMED = ("world-population", "uniform", "ag-news", "alpaca", "dolly")  # the last three: training/profiles.py


@dataclass(frozen=True)
class Rebalance:
    """`[checkers.skew.rebalance]`: rows are dropped until every share is within `tolerance` of its target.

    target: part -> share; shares of all parts must add up to 1. Without it `reference` is the target.
    by_label: every label by itself comes within tolerance. seconds: what the search for the optimum may take; what it
    has found by then is used, and the metric `rebalance.gap` says how far it can be from the optimum.
    """

    dimension: Literal["region", "continent"] = "region"
    tolerance: float = 0.02
    reference: str = "world-population"
    target: Mapping[str, float] = field(default_factory=dict)
    by_label: bool = False
    seconds: float = 60.0

    def check(self) -> Iterable[tuple[str, str]]:
        """Values that make no sense."""
        if not 0 <= self.tolerance < 1:
            yield "tolerance", f"expected 0 <= tolerance < 1, got {self.tolerance}"
        if self.seconds <= 0:
            yield "seconds", f"expected more than 0, got {self.seconds}"
        names = scheme(self.dimension).names
        for name, share in self.target.items():
            if name not in names:
                yield "target", f"unknown {self.dimension} '{name}'{suggestion(name, names)}"
            elif share < 0:
                yield "target", f"'{name}': expected 0 or more, got {share}"
        if self.target and abs(sum(self.target.values()) - 1) > 1e-3:
            yield "target", f"the shares add up to {sum(self.target.values()):.4g}, not 1; name every {self.dimension}"


@dataclass(frozen=True)
class SkewOptions:
    """`[checkers.skew]`: what the regions are held against, and whether to repair; see the checker's page.

    reference: "world-population", "uniform", a known corpus ("ag-news", "alpaca", "dolly"), a CSV file with columns
    region,share, or the folder of an earlier run.
    baseline: the folder of a first round: a slow drift that passes against the round before does not pass here.
    counts_as: ISO code -> ISO code of the country that it counts as, e.g. EH = "MA".
    home: ISO 3166 code of the country or state that the texts come from: "CA", "CA-ON".
    """

    reference: str = "world-population"
    baseline: str = ""
    confidence: float = 0.95
    tolerated_ratio: float = 1.25
    counts_as: Mapping[str, str] = field(default_factory=dict)
    home: str = ""
    rebalance: Rebalance | None = None

    def check(self) -> Iterable[tuple[str, str]]:
        """Values that make no sense."""
        if not 0.5 <= self.confidence < 1:
            yield "confidence", f"expected 0.5 <= confidence < 1, got {self.confidence}"
        if self.tolerated_ratio <= 1:
            yield "tolerated_ratio", f"expected more than 1, got {self.tolerated_ratio}"
        known = [country.code for country in countries()]
        for code in (*self.counts_as, *self.counts_as.values()):
            if code not in known:
                yield "counts_as", f"unknown country code '{code}'; expected ISO 3166-1 alpha-2 such as MA"
        if self.home and self.home not in (*known, *codes.STATES):
            yield (
                "home",
                f"unknown place '{self.home}'; expected a country such as CA or a state such as CA-ON, US-TX, AU-NSW",
            )
        for key in ("reference", "baseline"):
            name = getattr(self, key)
            if name and name not in NAMED and not Path(name).exists():
                yield key, f"there is no file or run folder '{name}'{suggestion(name, NAMED)}"


def target_of(options: Rebalance) -> Reference:
    """What the rows are brought to."""
    if not options.target:
        return reference(options.reference, options.dimension)
    shares = np.array([options.target.get(name, 0.0) for name in scheme(options.dimension).names])
    return Reference("target", shares / shares.sum())


def reference(name: str, dimension: str = "region") -> Reference:
    """The shares that this name stands for; ConfigError when a file does not have them."""
    parts = scheme(dimension).names
    if name == "world-population":
        return Reference(name, population_shares(dimension))
    if name == "uniform":
        return Reference(name, np.full(len(parts), 1 / len(parts)))
    path = Path(name)
    found = _of_profile(name, dimension) if name in NAMED else None
    if found is None:
        found = _of_run(path, dimension) if path.is_dir() else _of_csv(path)
    unknown = sorted(set(found) - set(parts))
    if unknown:
        raise ConfigError(f"{name}: unknown {dimension} '{unknown[0]}'{suggestion(unknown[0], parts)}")
    known = [found.get(part, Share(0.0)) for part in parts]
    shares = np.array([share.value for share in known])
    if not shares.sum() > 0:
        raise ConfigError(f"{name}: no share of any {dimension}")
    return Reference(path.name, shares / shares.sum(), np.array([share.reach for share in known]))


def _of_profile(name: str, dimension: str) -> dict[str, Share]:
    """The shares of a public corpus, as measured by training/profiles.py."""
    with resource("rules/lexicons/profiles.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["corpus"], row["dimension"]) == (name, dimension)]
    return {row["part"]: _share(*(float(row[bound]) for bound in ("share", "low", "high"))) for row in rows}


class Share(NamedTuple):
    """A share, and half the width of the interval of its logarithm."""

    value: float
    reach: float = 0.0


def _of_run(folder: Path, dimension: str) -> dict[str, Share]:
    """The shares of an earlier run, from its metrics.json."""
    try:
        rows = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder}: it has no readable metrics.json") from error
    wanted = (row for row in rows if (row["checker"], row["metric"]) == ("skew", f"{dimension}.share"))
    return {row["slice"]: _share(row["value"], row.get("low"), row.get("high")) for row in wanted}


def _share(value: float | None, low: float | None, high: float | None) -> Share:
    """The share with its reach; that of a share whose interval begins at 0 is taken from the upper bound."""
    if not value or high is None:
        return Share(value or 0.0)
    up = float(np.log(high / value))
    return Share(value, max(up, float(np.log(value / low))) if low else up)


def _of_csv(path: Path) -> dict[str, Share]:
    """The shares in a CSV file with the columns region and share (or any first and second column)."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) > 1]
        return {row[0]: Share(float(row[1])) for row in rows[1:]}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a CSV file with a header and the columns region,share") from error
