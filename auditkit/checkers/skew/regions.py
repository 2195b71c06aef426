"""Metrics of places: regions against a reference, continents, countries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import scheme, stands_for
from auditkit.checkers.skew.lexicon import countries
from auditkit.findings import Metric, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from auditkit.checker import State

NAME = "skew"
LARGE_COUNTRY = 1_000_000  # people: smaller countries do not count as erased (Schwöbel et al. 2023, arXiv 2310.14777)
ERASED = 3.0  # population share over corpus share above which a country is erased: the r of the same paper


@dataclass(frozen=True)
class Reference:
    """What the shares are held against: its name, and one share per part, in the order of the scheme.

    reach: half the width of the interval of each share's logarithm, where the reference is itself a sample; else None.
    """

    name: str
    shares: NDArray[np.float64]
    reach: NDArray[np.float64] | None = None


def population_shares(field: str) -> NDArray[np.float64]:
    """Share of the world's population in each part of the scheme "region" or "continent"."""
    names = scheme(field).names
    people = np.zeros(len(names))
    for country in countries():
        if country.population:
            people[names.index(getattr(country, field))] += country.population
    shares: NDArray[np.float64] = people / people.sum()
    return shares


def region_metrics(
    places: NDArray[np.uint32], reference: Reference, *, confidence: float, tolerated: float
) -> Iterable[Metric]:
    """region.share, region.ratio, region.mentions_needed, region.tv_distance, region.js_divergence."""
    regions = scheme("region")
    found = stats.cells(regions.masks(places), len(regions.names))
    drawn = stats.replicates(found)
    single = stats.estimates(found, drawn, confidence=confidence)
    joint = stats.estimates(found, drawn, confidence=confidence, tests=len(regions.names))
    reach = np.zeros(len(regions.names)) if reference.reach is None else reference.reach
    for at, (name, one, many) in enumerate(zip(regions.names, single, joint, strict=True)):
        yield _share_metric("region.share", name, one, reference.name)
        if reference.shares[at] > 0:
            expected = Expected(reference.name, float(reference.shares[at]), float(reach[at]))
            yield from ratio_metrics(name, many, expected, tolerated=tolerated)
    yield from distance_metrics(found, drawn, reference, confidence=confidence)


def _share_metric(metric: str, name: str, found: stats.Estimate, reference: str | None) -> Metric:
    """The share of one part with its interval."""
    if not found.whole:
        return Metric(NAME, metric, None, name, None, None, 0, 0, reference, "not_checkable")
    return Metric(NAME, metric, found.value, name, found.low, found.high, found.total, found.whole, reference)


@dataclass(frozen=True)
class Expected:
    """The share that a part should have, whose it is, and how well that is known (see Reference.reach)."""

    reference: str
    share: float
    reach: float = 0.0

    def ratio(self, found: stats.Estimate) -> tuple[float, float, float]:
        """(value, low, high) of the share over the expected one; the intervals of both join in logarithms."""
        value, low, high = (number / self.share for number in (found.value, found.low, found.high))
        if self.reach and value > 0:
            low = value * np.exp(-np.hypot(np.log(value / low), self.reach)) if low > 0 else 0.0
            high = value * np.exp(np.hypot(np.log(high / value), self.reach))
        return value, float(low), float(high)


def ratio_metrics(name: str, found: stats.Estimate, expected: Expected, *, tolerated: float) -> Iterable[Metric]:
    """region.ratio of one region, and how many mentions would decide when these do not."""
    if not found.whole:
        yield Metric(NAME, "region.ratio", None, name, None, None, 0, 0, expected.reference, "not_checkable")
        return
    value, low, high = expected.ratio(found)
    bounds = stats.Bounds(1 / tolerated, tolerated)
    status = stats.judge(low, high, bounds)
    yield Metric(NAME, "region.ratio", value, name, low, high, found.value, expected.share, expected.reference, status)
    more = stats.needed((value, low, high), found.whole, bounds) if status == "undecided" else None
    if more is not None:
        yield Metric(NAME, "region.mentions_needed", float(more), name, reference=expected.reference, status=status)


def distance_metrics(
    found: stats.Cells, drawn: NDArray[np.float64], reference: Reference, *, confidence: float
) -> Iterable[Metric]:
    """region.tv_distance and region.js_divergence, with the bias of small samples taken out of their intervals."""
    whole = int(found.totals.sum())
    value, sampled = stats.shares(found.totals), stats.shares(drawn)
    for metric, distance in (("region.tv_distance", stats.tv_distance), ("region.js_divergence", stats.js_divergence)):
        if not whole:  # nothing is known: any distance is possible, and a gate is undecided
            yield Metric(NAME, metric, 0.0, "", 0.0, 1.0, denominator=0, reference=reference.name, status="undecided")
            continue
        far = float(distance(value, reference.shares))
        low, high = stats.distance_interval(far, distance(sampled, reference.shares), confidence=confidence)
        yield Metric(NAME, metric, far, "", low, high, denominator=whole, reference=reference.name)


def baseline_metrics(
    places: NDArray[np.uint32], baseline: Reference, *, confidence: float, tolerated: float
) -> Iterable[Metric]:
    """region.ratio_to_baseline and region.tv_to_baseline: the same figures against the first round."""
    names = {"region.ratio": "region.ratio_to_baseline", "region.tv_distance": "region.tv_to_baseline"}
    for metric in region_metrics(places, baseline, confidence=confidence, tolerated=tolerated):
        if metric.metric in names:
            yield replace(metric, metric=names[metric.metric])


def place_metrics(state: State, n_rows: int, counts_as: Mapping[str, str], *, confidence: float) -> Iterable[Metric]:
    """region.rows_share, region.list_rows, continent.share, country.ratio, country.erased_share."""
    yield share(NAME, "region.rows_share", int((state["places"] > 0).sum()), n_rows, confidence=confidence)
    yield Metric(NAME, "region.list_rows", float(len(state["lists"])), denominator=n_rows)
    continents = scheme("continent")
    found = stats.cells(continents.masks(state["places"]), len(continents.names))
    shares = stats.estimates(found, stats.replicates(found), confidence=confidence)
    for name, one in zip(continents.names, shares, strict=True):
        yield _share_metric("continent.share", name, one, None)
    yield from country_metrics(state["countries"], counts_as, confidence=confidence)


def country_metrics(counts: NDArray[np.int64], counts_as: Mapping[str, str], *, confidence: float) -> Iterable[Metric]:
    """country.ratio of each country that is named or large: share of row mentions over share of population; erasure."""
    whole = int(counts.sum())
    people = np.zeros(len(counts))
    np.add.at(people, stands_for(counts_as), [country.population for country in countries()])
    large = people >= LARGE_COUNTRY
    expected = people / people.sum()
    bounds = stats.Bounds(1 / ERASED, ERASED)
    for at in np.flatnonzero((large | (counts > 0)) & (people > 0)) if whole else ():
        part = share(NAME, "country.ratio", int(counts[at]), whole, confidence=confidence)
        value, low, high = (float(number or 0.0) / expected[at] for number in (part.value, part.low, part.high))
        status = stats.judge(low, high, bounds)
        code, names = countries()[at].code, "world-population"
        yield Metric(
            NAME, "country.ratio", float(value), code, float(low), float(high), int(counts[at]), whole, names, status
        )
    erased = int((large & (counts / max(whole, 1) * ERASED < expected)).sum())
    total, status = int(large.sum()), "ok" if whole else "not_checkable"
    value = erased / total if whole else None
    yield Metric(NAME, "country.erased_share", value, "", None, None, erased, total, "world-population", status)
