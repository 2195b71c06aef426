"""Two corpora side by side: has the share of any region changed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import cells_of, scheme
from auditkit.documents import batch_of_texts
from auditkit.findings import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NOTICED = 1.1  # a change of a tenth: a smaller one is no failure, however sure it is
TOLERATED = 1.25  # 4/5 rule of the US EEOC Uniform Guidelines, 29 CFR 1607.4(D)
HALF = 0.5  # of a row is added to every count, so that none has no logarithm (Haldane 1956)

METRICS = pa.schema(
    [
        ("checker", pa.utf8()),
        ("metric", pa.utf8()),
        ("slice", pa.utf8()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("reference", pa.utf8()),
        ("status", pa.utf8()),
    ]
)
"""The columns of metrics.json."""


def compare(left: Sequence[str], right: Sequence[str], confidence: float = 0.95) -> pa.Table:
    """How the regions' shares in `left` stand to those in `right`: one row `region.ratio` per region.

    value: share in left / share in right, null when right never names the region. low, high: hold for all regions at
    the same time. numerator, denominator: rows that name the region, left and right. status: `fail` when the interval
    leaves out 1 and the change is a tenth or more, `pass` when the interval lies within 4/5..5/4, else `undecided`.
    """
    regions = scheme("region")
    sides = [
        stats.cells(regions.masks(cells_of(batch_of_texts(list(texts)))[0]["places"]), len(regions.names))
        for texts in (left, right)
    ]
    rows = ratio_metrics(sides[0], sides[1], regions.names, confidence=confidence)
    return pa.Table.from_pylist([row.as_dict() for row in rows], schema=METRICS)


def any_changed(left: Sequence[str], right: Sequence[str], confidence: float = 0.95) -> Metric:
    """Whether any region's share differs between two corpora: `region.any_changed`, slice = the region furthest off.

    value: p-value of a permutation test: the share of 4,000 random divisions of all rows into two corpora of these
    sizes whose largest deviation of a region is as large. Exact whatever the sizes; says nothing of how much.
    """
    regions = scheme("region")
    masks = [regions.masks(cells_of(batch_of_texts(list(texts)))[0]["places"]) for texts in (left, right)]
    both = stats.cells(np.concatenate(masks), len(regions.names))
    one = stats.cells(masks[0], len(regions.names))
    n_left, n_both = int(one.count.sum()), int(both.count.sum())
    if not 0 < n_left < n_both:
        return Metric("skew", "region.any_changed", None, status="undecided")
    draw = np.random.default_rng(stats.SEED)
    member = both.member.astype(np.float64)
    drawn = draw.multivariate_hypergeometric(both.count, n_left, size=stats.REPLICATES, method="marginals") @ member
    rows = np.vstack([one.totals[None, :], drawn])
    apart = stats.shares(rows) - stats.shares(both.totals - rows)
    spread = apart[1:].std(axis=0)
    far = np.abs(apart) / np.where(spread > 0, spread, np.inf)
    largest = far.max(axis=1)
    p_value = float((largest >= largest[0] - 1e-12).mean())
    status = "fail" if p_value <= 1 - confidence else "undecided"
    worst = regions.names[int(far[0].argmax())]
    return Metric("skew", "region.any_changed", p_value, worst, None, None, n_left, n_both - n_left, "other", status)


def ratio_metrics(
    left: stats.Cells, right: stats.Cells, names: Sequence[str], *, confidence: float, metric: str = "region.ratio"
) -> list[Metric]:
    """The metric of each part; see compare."""
    shares = [stats.shares(side.totals) for side in (left, right)]
    if not left.count.sum() or not right.count.sum():
        return [Metric("skew", metric, None, name, status="undecided") for name in names]
    middle, spread = _log_ratio(left, right)
    reach = _critical(left, right, middle, spread, confidence) * spread
    found = []
    for at, name in enumerate(names):
        value = float(shares[0][at] / shares[1][at]) if shares[1][at] > 0 else None
        low, high = (float(np.exp(middle[at] + sign * reach[at])) for sign in (-1, 1))
        low, high = (min(low, value), max(high, value)) if value is not None else (low, high)
        counts = (float(left.totals[at]), float(right.totals[at]))
        found.append(Metric("skew", metric, value, name, low, high, *counts, "other", _status(value, low, high)))
    return found


def _status(value: float | None, low: float, high: float) -> str:
    """`fail`, `pass` or `undecided`; a region that only one side names has no value but may have changed."""
    changed = value is None or not 1 / NOTICED < value < NOTICED
    if changed and (low > 1 or high < 1):
        return "fail"
    return "pass" if low >= 1 / TOLERATED and high <= TOLERATED else "undecided"


def _log_ratio(left: stats.Cells, right: stats.Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithm of the ratio of shares of each part, and its standard error."""
    (one, one_error), (other, other_error) = _log_share(left), _log_share(right)
    return one - other, np.sqrt(one_error + other_error)


def _log_share(side: stats.Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithm of each share and its variance, from the influence of each row (infinitesimal jackknife)."""
    totals = side.totals + HALF
    whole = float(totals.sum())
    member = side.member.astype(np.float64)
    influence = member / totals - member.sum(axis=1, keepdims=True) / whole
    variance: NDArray[np.float64] = side.count @ influence**2 + HALF / totals**2
    return np.log(totals / whole), variance


def _critical(
    left: stats.Cells, right: stats.Cells, middle: NDArray[np.float64], spread: NDArray[np.float64], confidence: float
) -> float:
    """How many standard errors hold all parts at the same time: quantile of the largest deviation in the bootstrap."""
    one = stats.replicates(left) + HALF
    other = stats.replicates(right, seed=stats.SEED + 1) + HALF
    ratio = np.log(one / one.sum(axis=1, keepdims=True)) - np.log(other / other.sum(axis=1, keepdims=True))
    largest = np.abs((ratio - middle) / spread).max(axis=1)
    return float(np.quantile(largest, confidence))
