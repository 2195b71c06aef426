"""The training mix: rows with weights, each task with a share of every batch of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.loop.experiment.tasks import TASKS, Rows
from auditkit.loop.tail import resampled

BATCH: Mapping[str, int] = {"sort": 24, "add": 36, "job": 24, "story": 24}
"""Rows of each task in a batch, the same in every arm: a gate changes which rows are learnt, not how much of a task."""
BLOCK = 20  # steps: 480 sentences, 20 for each pair of job and pronoun
Batch = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Mix:
    """The rows of one task that are trained on, and how often each is drawn (float64, any scale)."""

    rows: Rows
    weights: NDArray[np.float64]

    def __add__(self, other: Mix) -> Mix:
        return Mix(self.rows + other.rows, np.concatenate([self.weights, other.weights]))


def evenly(rows: Rows) -> Mix:
    """Every row as often as any other."""
    return Mix(rows, np.ones(len(rows)))


def batches(pool: Mapping[str, Mix], steps: int, rng: np.random.Generator) -> Iterator[Batch]:
    """So many batches: for each task BATCH[task] rows, drawn by their weights; a task without rows is left out.

    Rows are drawn block by block, evenly over their sorted list: each block has the shares of the whole pool, so that
    what a model has learnt at the end does not hang on which rows came last.
    """
    present = {task: Mix(*_sorted(pool[task])) for task in TASKS if pool[task].rows}
    tokens = {task: np.array(mix.rows, np.int64) for task, mix in present.items()}
    for start in range(0, steps, BLOCK):
        n = min(BLOCK, steps - start)
        drawn = {task: _drawn(mix.weights, n * BATCH[task], rng).reshape(n, -1) for task, mix in present.items()}
        for step in range(n):
            yield {task: tokens[task][drawn[task][step]] for task in present}


def _sorted(mix: Mix) -> tuple[Rows, NDArray[np.float64]]:
    order = sorted(range(len(mix.rows)), key=mix.rows.__getitem__)
    return [mix.rows[at] for at in order], mix.weights[order]


def _drawn(weights: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers drawn in proportion to the weights, shuffled."""
    return rng.permutation(resampled(weights, n, seed=int(rng.integers(2**31))))
