"""Metrics of groups of people: shares within each axis, the balance of genders, and what filters do to whom."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import axes
from auditkit.checkers.skew.lexicon import lexicon
from auditkit.findings import Metric, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.skew.patterns import Patterns

NAME = "skew"
REMOVAL_TOLERATED = 1.25  # removal risk ratio; 4/5 rule of the US EEOC Uniform Guidelines, 29 CFR 1607.4(D)
LEAST_REMOVED = 5  # rows: the log interval of a ratio is not to be trusted with fewer events (Agresti 2002, 3.1)


def people_metrics(known: Patterns, n_rows: int, *, confidence: float) -> Iterable[Metric]:
    """For each axis: AXIS.rows_share and AXIS.share of each group; and gender.masculine_feminine_ratio."""
    for axis, bits in axes().items():
        found = stats.cells(axis_masks(known.people, bits), len(bits), known.count)
        yield share(NAME, f"{axis}.rows_share", int(found.count.sum()), n_rows, confidence=confidence)
        shares = stats.estimates(found, stats.replicates(found), confidence=confidence)
        for bit, one in zip(bits, shares, strict=True):
            if one.whole:
                name = lexicon().groups[bit].name
                yield Metric(NAME, f"{axis}.share", one.value, name, one.low, one.high, one.total, one.whole)
    yield gender_ratio(known, confidence=confidence)


def axis_masks(people: NDArray[np.uint64], bits: list[int]) -> NDArray[np.uint32]:
    """uint32 per row: these neighbouring bits, moved to 0, 1, ..."""
    width = np.uint64((1 << len(bits)) - 1)
    masks: NDArray[np.uint32] = (people >> np.uint64(bits[0]) & width).astype(np.uint32)
    return masks


def gender_ratio(known: Patterns, *, confidence: float) -> Metric:
    """gender.masculine_feminine_ratio: rows with a masculine word over rows with a feminine one."""
    bits = axes()["gender"]
    names = [lexicon().groups[bit].name for bit in bits]
    found = stats.cells(axis_masks(known.people, bits), len(bits), known.count)
    he, she = names.index("masculine"), names.index("feminine")
    men, women = int(found.totals[he]), int(found.totals[she])
    metric = "gender.masculine_feminine_ratio"
    if not men or not women:
        return Metric(NAME, metric, None, "", None, None, men, women, status="not_checkable")
    drawn = stats.replicates(found) + 0.5  # half a row, so that a replicate without women has a ratio
    low, high = np.quantile(drawn[:, he] / drawn[:, she], [(1 - confidence) / 2, (1 + confidence) / 2])
    value = men / women
    return Metric(NAME, metric, value, "", min(float(low), value), max(float(high), value), men, women)


def impact_metrics(
    state: State, found: Patterns, dropped: Mapping[str, NDArray[np.int64]], *, confidence: float
) -> Iterable[Metric]:
    """filter_impact.risk_ratio per checker and group: P(removed | row names it) / P(removed | it does not).

    filter_impact.max_risk_ratio is the one whose lower bound is highest among those that are not a matter of chance.
    """
    n_rows = int(state["n_rows"][0])
    ratios = []
    for checker in sorted(dropped):
        removed = np.unique(dropped[checker])
        if len(removed):
            gone = found.rows(np.isin(state["doc"], removed, assume_unique=True))
            ratios += _of_checker(checker, found, gone, (len(removed), n_rows), confidence)
    yield from ratios
    metric = "filter_impact.max_risk_ratio"
    unfair = [ratio for ratio in ratios if ratio.status == "fail"]
    if not unfair:
        yield Metric(NAME, metric, 1.0, "", 1.0, 1.0, status="pass")
        return
    worst = max(unfair, key=lambda ratio: ratio.low or 0.0)
    yield Metric(NAME, metric, worst.value, "", worst.low, worst.high, reference=worst.slice, status="fail")


def _of_checker(
    checker: str, found: Patterns, gone: NDArray[np.int64], totals: tuple[int, int], confidence: float
) -> list[Metric]:
    """The risk ratios of one checker; their status holds for all groups together. totals: (removed rows, rows)."""
    groups = {name: member for name, member in found.member.items() if member.any()}
    level = 1 - (1 - confidence) / max(len(groups), 1)
    ratios = []
    for name, member in groups.items():
        hit, named = int(gone[member].sum()), int(found.count[member].sum())
        others = (totals[0] - hit, totals[1] - named)
        single = risk_ratio(f"{checker}/{name}", (hit, named), others, confidence=confidence)
        joint = risk_ratio(f"{checker}/{name}", (hit, named), others, confidence=level)
        ratios.append(replace(single, status=joint.status))
    return ratios


def risk_ratio(name: str, those: tuple[int, int], others: tuple[int, int], *, confidence: float) -> Metric:
    """Ratio of two risks, each (removed, of), with the log interval of Katz et al. 1978; zeros get half a row."""
    half = 0.5 if not those[0] or not others[0] else 0.0
    a, n, b, m = those[0] + half, those[1] + 2 * half, others[0] + half, max(others[1], 0) + 2 * half
    metric = "filter_impact.risk_ratio"
    if not m:
        return Metric(NAME, metric, None, name, None, None, those[0], those[1], status="not_checkable")
    value = (a / n) / (b / m)
    spread = NormalDist().inv_cdf(0.5 + confidence / 2) * float(np.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0)))
    low, high = value * float(np.exp(-spread)), value * float(np.exp(spread))
    status = stats.judge(low, high, stats.Bounds(0.0, REMOVAL_TOLERATED))
    if status == "fail" and those[0] < LEAST_REMOVED:  # one removed row would make any group it names look hit
        status = "undecided"
    return Metric(NAME, metric, value, name, low, high, those[0], those[1], status=status)
