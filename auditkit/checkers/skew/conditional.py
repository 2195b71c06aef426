"""Skew under conditions: within a label, where two groups meet, and in the scores of other checkers."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import scheme
from auditkit.findings import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.skew.patterns import Patterns
    from auditkit.checkers.skew.regions import Reference

NAME = "skew"
FEW = 30  # rows: a smaller label, intersection or group has no figure of its own
SCORE = "toxicity/toxic"


def label_metrics(state: State, reference: Reference, *, confidence: float) -> Iterable[Metric]:
    """label.tv_distance of the regions within each label, and label.region_share per `label/region`."""
    regions = scheme("region")
    masks = regions.masks(state["places"])
    labels = [(hashed, name) for hashed, name in zip(state["label_hash"], state["label_name"], strict=True) if hashed]
    for hashed, name in sorted(labels, key=lambda label: bytes(label[1])):
        found = stats.cells(masks[state["label"] == hashed], len(regions.names))
        whole = int(found.totals.sum())
        if whole < FEW:
            continue
        drawn, label = stats.replicates(found), bytes(name).decode("utf-8", "replace")
        far = float(stats.tv_distance(stats.shares(found.totals), reference.shares))
        low, high = stats.distance_interval(
            far, stats.tv_distance(stats.shares(drawn), reference.shares), confidence=confidence
        )
        yield Metric(NAME, "label.tv_distance", far, label, low, high, denominator=whole, reference=reference.name)
        for part, one in zip(regions.names, stats.estimates(found, drawn, confidence=confidence), strict=True):
            slice_ = f"{label}/{part}"
            yield Metric(NAME, "label.region_share", one.value, slice_, one.low, one.high, one.total, one.whole)


class Tested(NamedTuple):
    """A figure with its standard error, waiting for the others of its family."""

    metric: Metric
    error: float
    null: float


def judged(tested: Sequence[Tested], *, confidence: float) -> Iterable[Metric]:
    """The figures with `fail` where they differ from their null after Benjamini and Hochberg 1995, else `undecided`."""
    normal, rate = NormalDist(), 1 - confidence
    p_values = np.array([2 * (1 - normal.cdf(abs((one.metric.value or 0.0) - one.null) / one.error)) for one in tested])
    order = np.argsort(p_values, kind="stable")
    passing = np.flatnonzero(p_values[order] <= rate * (np.arange(len(tested)) + 1) / max(len(tested), 1))
    found = set(order[: passing[-1] + 1].tolist()) if len(passing) else set()
    reach = normal.inv_cdf(0.5 + confidence / 2)
    for at, one in enumerate(tested):
        value = one.metric.value or 0.0
        low, high = value - reach * one.error, value + reach * one.error
        status = "fail" if at in found else "undecided"
        metric = one.metric
        yield Metric(
            NAME, metric.metric, value, metric.slice, low, high, metric.numerator, metric.denominator, None, status
        )


def score_metrics(
    state: State, found: Patterns, scores: Mapping[str, NDArray[np.float64]], *, confidence: float
) -> Iterable[Metric]:
    """toxicity.gap: mean toxicity of the rows that name a group minus that of all other rows that were scored."""
    if SCORE not in scores:
        return
    known = scores[SCORE][~np.isnan(scores[SCORE])]
    here = scores[SCORE][state["doc"]]
    scored = ~np.isnan(here)
    n, total, squares = found.rows(scored), found.sums(here, scored), found.sums(here**2, scored)
    whole = Moments(len(known), float(known.sum()), float((known**2).sum()))
    tested = []
    for name, member in found.member.items():
        inside = Moments(int(n[member].sum()), float(total[member].sum()), float(squares[member].sum()))
        outside = Moments(whole.n - inside.n, whole.total - inside.total, whole.squares - inside.squares)
        if min(inside.n, outside.n) < FEW:
            continue
        gap = inside.mean - outside.mean
        error = float(np.sqrt(inside.variance / inside.n + outside.variance / outside.n))
        if error > 0:
            tested.append(Tested(Metric(NAME, "toxicity.gap", gap, name, None, None, gap, inside.n), error, 0.0))
    yield from judged(tested, confidence=confidence)


class Moments(NamedTuple):
    """Count, sum and sum of squares of some scores."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """Their variance."""
        return max(self.squares / self.n - self.mean**2, 0.0)


def intersection_metrics(found: Patterns, n_rows: int, *, confidence: float) -> Iterable[Metric]:
    """intersection.log_lift of `axis=a&axis=b`: natural log of rows naming both over what chance would give.

    Of pairs from two axes with at least 30 rows, observed or expected; a positive number means that they come together.
    """
    named = {name: member for name, member in found.member.items() if found.count[member].sum() >= FEW}
    names = list(named)
    matrix = np.stack([named[name] for name in names], axis=1).astype(np.float64) if names else np.zeros((0, 0))
    both = matrix.T @ (matrix * found.count[:, None]) if names else matrix
    pairs = [
        (one, other)
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if names[one].split("=")[0] != names[other].split("=")[0]
    ]
    lifts = (_lift(both, pair, names, n_rows) for pair in pairs)
    yield from judged([lift for lift in lifts if lift is not None], confidence=confidence)


def _lift(both: NDArray[np.float64], pair: tuple[int, int], names: Sequence[str], n_rows: int) -> Tested | None:
    """The log lift of one pair of groups with its standard error; None for too few rows."""
    one, other = pair
    expected = float(both[one, one] * both[other, other] / n_rows)
    if max(both[one, other], expected) < FEW:
        return None
    seen = float(both[one, other]) + 0.5
    error = float(np.sqrt(max(1 / seen - 1 / both[one, one] - 1 / both[other, other] + 1 / n_rows, 1e-12)))
    slice_ = f"{names[one]}&{names[other]}"
    lift = float(np.log(seen / expected))
    counted = float(both[one, other])
    return Tested(Metric(NAME, "intersection.log_lift", lift, slice_, None, None, counted, expected), error, 0.0)
