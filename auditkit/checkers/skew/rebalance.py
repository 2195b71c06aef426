"""The smallest set of rows whose removal brings the shares within a tolerance of a target, with its certificate.

Rows that name the same parts (and have the same label) are alike to the shares: one integer per cell says how many of
them stay. That integer programme has a few hundred variables however many rows there are; HiGHS solves it to the
optimum and also gives a bound that no other selection can pass (Huangfu and Hall 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEPS = 10_000  # document scores are rounded to 1e-4
SLACK = 1e-9  # the solver keeps its constraints to about 1e-7 of a row; the shares must not be off by it


@dataclass(frozen=True)
class Problem:
    """What to solve.

    member: bool[c, k], does cell c name part k. count: int64[c] rows of each cell; fixed: int64[c] of them that must
    stay. block: int64[c], cells of one block (label) come within tolerance by themselves. target: float64[k].
    """

    member: NDArray[np.bool_]
    count: NDArray[np.int64]
    fixed: NDArray[np.int64]
    block: NDArray[np.int64]
    target: NDArray[np.float64]
    tolerance: float


@dataclass(frozen=True)
class Plan:
    """int64[c] rows to keep of each cell, and the most rows that any plan can keep; kept == bound is the optimum."""

    keep: NDArray[np.int64]
    bound: int


def solve(problem: Problem, *, seconds: float) -> Plan | None:
    """The plan that keeps most rows; None when the rows that must stay make every plan miss the target."""
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
    except ImportError as error:
        raise MissingDependency("rebalancing needs scipy: pip install 'auditkit[sklearn]'") from error
    found = milp(
        -np.ones(len(problem.count)),
        constraints=LinearConstraint(_constraints(problem), -np.inf, 0.0),
        bounds=Bounds(problem.fixed.astype(float), problem.count.astype(float)),
        integrality=np.ones(len(problem.count)),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    keep = np.round(found.x).astype(np.int64)
    bound = found.mip_dual_bound if found.mip_dual_bound is not None else -float(problem.count.sum())
    return Plan(keep, max(int(np.floor(-bound + 1e-6)), int(keep.sum())))


def _constraints(problem: Problem) -> NDArray[np.float64]:
    """One row per block, part and side: rows naming the part - (target +- tolerance) * all row-part pairs <= 0."""
    member = problem.member.astype(np.float64)
    pairs = member.sum(axis=1)
    rows, slack = [], min(SLACK, problem.tolerance / 10)
    for block in np.unique(problem.block):
        inside = np.where(problem.block == block, 1.0, 0.0)
        for part, share in enumerate(problem.target):
            most, least = share + problem.tolerance - slack, share - problem.tolerance + slack
            rows.append(inside * (member[:, part] - most * pairs))
            if least > 0:
                rows.append(inside * (least * pairs - member[:, part]))
    return np.array(rows)


def rows_to_drop(
    cell: NDArray[np.int64], keep: NDArray[np.int64], badness: Sequence[NDArray[np.float64]], docs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Indices of the rows to drop: in each cell the worst ones, of equal ones those with the highest key.

    cell: int64[n], cell of each row. badness: float64[n] columns of 0..1, the first decides; -inf is a row that must
    stay. docs: ascending keys. One sort of whole numbers: scores count to four decimals.
    """
    order = _worst_first(cell, badness, docs)
    sizes = np.bincount(cell, minlength=len(keep))
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    rank = np.arange(len(cell)) - starts[cell[order]]
    dropped: NDArray[np.int64] = np.sort(order[rank < (sizes - keep)[cell[order]]])
    return dropped


def _worst_first(
    cell: NDArray[np.int64], badness: Sequence[NDArray[np.float64]], docs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows by cell, then worst first, then highest key first."""
    good = np.zeros(len(docs), np.int64)
    for column in badness:
        good = good * (STEPS + 2) + (STEPS - np.round(np.clip(column, -1 / STEPS, 1.0) * STEPS)).astype(np.int64)
    key = cell * (STEPS + 2) ** len(badness) + good
    backwards = np.argsort(key[::-1], kind="stable")
    order: NDArray[np.int64] = len(docs) - 1 - backwards
    return order


def raking_weights(
    member: NDArray[np.bool_], count: NDArray[np.int64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[c]: a weight per cell so that the weighted shares are the target and no row is dropped; mean 1.

    Iterative proportional fitting (Deming and Stephan 1940): a cell's weight is the geometric mean over its parts.
    """
    weight, pairs = np.ones(len(count)), np.maximum(member.sum(axis=1), 1)
    for _ in range(500):
        totals = (weight * count) @ member
        shares = totals / totals.sum()
        factor = np.divide(target, shares, out=np.ones_like(shares), where=(shares > 0) & (target > 0))
        if np.abs(np.where(shares > 0, shares - target, 0.0)).max() < 1e-6:
            break
        weight *= np.exp((member * np.log(factor)).sum(axis=1) / pairs)
    scaled: NDArray[np.float64] = weight * count.sum() / (weight @ count)
    return scaled


def effective_size(weight: NDArray[np.float64], count: NDArray[np.int64]) -> float:
    """How many equally weighted rows tell as much as these (Kish 1965)."""
    return float((weight @ count) ** 2 / (weight**2 @ count))
