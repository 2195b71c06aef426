"""Skew under conditions: within a label, where two groups meet, and in the scores of other checkers."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.people import memberships
from auditkit.findings import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from auditkit.checker import State
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


def score_metrics(state: State, scores: Mapping[str, NDArray[np.float64]], *, confidence: float) -> Iterable[Metric]:
    """toxicity.gap: mean toxicity of the rows that name a group minus that of all other rows that were scored."""
    if SCORE not in scores:
        return
    column = scores[SCORE]
    known = column[~np.isnan(column)]
    here = column[state["doc"]]
    scored = ~np.isnan(here)
    tested = []
    for name, member in memberships(state).items():
        inside = here[member & scored]
        n_out = len(known) - len(inside)
        if len(inside) < FEW or n_out < FEW:
            continue
        total, squares = known.sum() - inside.sum(), (known**2).sum() - (inside**2).sum()
        out, out_variance = total / n_out, max(squares / n_out - (total / n_out) ** 2, 0.0)
        gap = float(inside.mean() - out)
        error = float(np.sqrt(inside.var() / len(inside) + out_variance / n_out))
        if error > 0:
            tested.append(Tested(Metric(NAME, "toxicity.gap", gap, name, None, None, gap, len(inside)), error, 0.0))
    yield from judged(tested, confidence=confidence)


def intersection_metrics(state: State, n_rows: int, *, confidence: float) -> Iterable[Metric]:
    """intersection.log_lift of `axis=a&axis=b`: natural log of rows naming both over what chance would give.

    Of pairs from two axes with at least 30 rows, observed or expected; a positive number means that they come together.
    """
    groups = {name: member for name, member in memberships(state).items() if member.sum() >= FEW}
    names = list(groups)
    matrix = np.stack([groups[name] for name in names], axis=1).astype(np.float64) if names else np.zeros((0, 0))
    both = matrix.T @ matrix
    totals = np.diag(both)
    tested = []
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            expected = totals[one] * totals[other] / n_rows
            if names[one].split("=")[0] == names[other].split("=")[0] or max(both[one, other], expected) < FEW:
                continue
            seen = both[one, other] + 0.5
            lift, slice_ = float(np.log(seen / expected)), f"{names[one]}&{names[other]}"
            error = float(np.sqrt(max(1 / seen - 1 / totals[one] - 1 / totals[other] + 1 / n_rows, 1e-12)))
            metric = Metric(NAME, "intersection.log_lift", lift, slice_, None, None, both[one, other], float(expected))
            tested.append(Tested(metric, error, 0.0))
    yield from judged(tested, confidence=confidence)
