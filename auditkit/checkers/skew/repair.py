"""Repair of a corpus: which rows to drop so that the shares come near a target, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.checkers.skew import rebalance
from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.options import target_of
from auditkit.findings import FOUND, Metric, detail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from auditkit.checker import Context, State
    from auditkit.checkers.skew.options import Rebalance

NAME, RULE = "skew", "skew/rebalance"
QUALITY = ("hallucination/unsupported", "toxicity/toxic")
"""Document scores that say which of two like rows is the worse one; the first counts more."""


def repaired(state: State, context: Context, options: Rebalance) -> tuple[pa.Table, list[Metric]]:
    """A finding per row to drop, and the metrics rebalance.* (dropped, bound, gap, weights).

    Rows that another checker drops are gone already; rows that a certificate names as the kept copy stay.
    """
    target = target_of(options)
    rows = _Rows(state, context, options)
    if not len(rows.docs):
        return FOUND.empty_table(), [
            Metric(NAME, "rebalance.dropped", 0.0, reference=target.name, status="not_checkable")
        ]
    problem = rebalance.Problem(
        rows.member, rows.count, rows.fixed, rows.block, target.shares.astype(np.float64), options.tolerance
    )
    plan = rebalance.solve(problem, seconds=options.seconds)
    if plan is None:
        return FOUND.empty_table(), [Metric(NAME, "rebalance.dropped", None, reference=target.name, status="fail")]
    dropped = rebalance.rows_to_drop(rows.cell, plan.keep, rows.badness, rows.docs)
    return _findings(rows, dropped), list(_metrics(rows, plan, target.name, target.shares))


def _findings(rows: _Rows, dropped: NDArray[np.int64]) -> pa.Table:
    """One finding per dropped row, made by columns: there may be millions."""
    details = pa.array([detail(names=rows.names(cell)) for cell in range(len(rows.count))], pa.utf8())
    n = len(dropped)
    columns = {
        "doc": pa.array(rows.docs[dropped], pa.int64()),
        "rule": pa.repeat(pa.scalar(RULE), n),
        "score": pa.repeat(pa.scalar(1.0), n),
        "evidence": pa.repeat(pa.scalar(""), n),
        "detail": details.take(pa.array(rows.cell[dropped])),
    }
    return pa.table([columns.get(field.name, pa.nulls(n, field.type)) for field in FOUND], schema=FOUND)


class _Rows:
    """The rows that may be dropped: their keys, cells and quality.

    docs: int64[n] keys; cell: int64[n]; member, count, fixed, block: per cell, as in rebalance.Problem.
    """

    def __init__(self, state: State, context: Context, options: Rebalance) -> None:
        parts = scheme(options.dimension)
        self.parts = parts.names
        masks = parts.masks(state["places"])
        gone = np.concatenate([np.zeros(0, np.int64), *context.dropped.values()])
        here = (masks > 0) & ~np.isin(state["doc"], gone)
        self.docs: NDArray[np.int64] = state["doc"][here]
        label = state["label"][here].astype(np.int64) if options.by_label else np.zeros(int(here.sum()), np.int64)
        code = label << 32 | masks[here]
        cells, self.cell, self.count = np.unique(code, return_inverse=True, return_counts=True)
        self.block = cells >> 32
        self.member = (cells[:, None] >> np.arange(len(parts.names)) & 1).astype(np.bool_)
        protected = np.zeros(0, np.int64) if context.protected is None else context.protected
        stays = np.isin(self.docs, protected)
        self.fixed = np.bincount(self.cell[stays], minlength=len(cells)).astype(np.int64)
        scores = [context.scores[name][self.docs] for name in QUALITY if name in context.scores]
        worst = [np.nan_to_num(column, nan=0.0) for column in scores] or [np.zeros(len(self.docs))]
        self.badness = [np.where(stays, -np.inf, column) for column in worst]

    def names(self, cell: int) -> list[str]:
        """The parts that the rows of a cell name."""
        return [name for name, member in zip(self.parts, self.member[cell], strict=True) if member]


def _metrics(rows: _Rows, plan: rebalance.Plan, name: str, target: NDArray[np.float64]) -> Iterable[Metric]:
    """rebalance.dropped, rebalance.bound (the fewest that any plan drops), rebalance.gap; and what weights would do."""
    n_rows, kept = int(rows.count.sum()), int(plan.keep.sum())
    yield Metric(NAME, "rebalance.dropped", float(n_rows - kept), "", None, None, n_rows - kept, n_rows, name)
    yield Metric(NAME, "rebalance.bound", float(n_rows - plan.bound), "", None, None, n_rows - plan.bound, n_rows, name)
    gap = (plan.bound - kept) / max(n_rows - kept, 1)
    yield Metric(NAME, "rebalance.gap", gap, "", None, None, plan.bound - kept, n_rows - kept, name)
    for part, total in zip(rows.parts, plan.keep @ rows.member.astype(np.int64), strict=True):
        pairs = int((plan.keep @ rows.member.astype(np.int64)).sum())
        value = int(total) / pairs if pairs else None
        yield Metric(NAME, "rebalance.share", value, part, None, None, int(total), pairs, name)
    weight = rebalance.raking_weights(rows.member, rows.count, target)
    size = rebalance.effective_size(weight, rows.count)
    yield Metric(NAME, "rebalance.effective_rows", size, "", None, None, size, n_rows, name)


def weight_scores(state: State, context: Context, options: Rebalance) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(keys, weight) of the rows that name a place: the column skew/weight, the way to repair without dropping."""
    rows = _Rows(state, context, options)
    if not len(rows.docs):
        return rows.docs, np.zeros(0)
    weight = rebalance.raking_weights(rows.member, rows.count, target_of(options).shares)
    return rows.docs, weight[rows.cell]
