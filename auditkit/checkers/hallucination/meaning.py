"""Entropy over meanings: answers whose sentence vectors lie close together are taken as one (Kuhn et al. 2023).

The source clusters by entailment in both directions; here by cosine, since a vector can be kept in a state that shards
fill apart, one byte a dimension. Where the vectors' model is poor, so is the clustering: choose `same_meaning` on your
own data. Source: arXiv 2302.09664; Farquhar et al. 2024, Nature 630:625.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checkers.hallucination.engines import Similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = 127  # steps of a stored dimension: a cosine errs by less than 0.01
MAX_MEMBERS = 256  # answers of one group that are clustered
MAX_CHARACTERS = 2000  # of an answer that are read
MAX_DIMENSIONS = 4096  # of a vector, for the bound of the state


def vectors(encoder: Similarity, answers: Sequence[str]) -> NDArray[np.int8]:
    """int8[n, d]: the direction of each answer."""
    found = encoder.vectors([answer[:MAX_CHARACTERS] or " " for answer in answers])
    size = int(encoder.network.model.config.hidden_size)
    return np.round(found.reshape(len(answers), size) * SCALE).astype(np.int8)


def clusters(directions: NDArray[np.int8], same: float) -> list[int]:
    """Number of the cluster of each row: the first whose first member is at least this similar, else a new one."""
    floats = directions.astype(np.float64)
    floats /= np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-12)
    leaders: list[int] = []
    found = []
    for row, vector in enumerate(floats):
        near = [number for number, leader in enumerate(leaders) if float(floats[leader] @ vector) >= same]
        if not near:
            leaders.append(row)
        found.append(near[0] if near else len(leaders) - 1)
    return found


def entropy(members: Iterable[Any]) -> float:
    """Entropy in bits of what these are, 0 when all are the same."""
    kinds = list(members)
    counts = np.array([kinds.count(kind) for kind in dict.fromkeys(kinds)], float)
    return entropy_of(counts)


def entropy_of(counts: NDArray[np.float64]) -> float:
    """Entropy in bits of a distribution given by counts."""
    shares = counts / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def spread(directions: NDArray[np.int8], same: float) -> float:
    """Entropy of these meanings over its largest possible value, 0..1; NaN of fewer than two. The first MAX_MEMBERS."""
    counted = directions[:MAX_MEMBERS]
    if len(counted) < 2:
        return math.nan
    return round(entropy(clusters(counted, same)) / math.log2(len(counted)), 4)


def of_groups(groups: NDArray[np.uint64], directions: NDArray[np.int8], same: float) -> NDArray[np.float64]:
    """The spread of each row's group. Rows of a group must come in order of their document."""
    found = np.full(len(groups), np.nan)
    order = np.argsort(groups, kind="stable")
    changes = (np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1).tolist()
    for first, last in zip([0, *changes], [*changes, len(groups)], strict=True):
        rows = order[first:last]
        found[rows] = spread(directions[rows], same)
    return found
