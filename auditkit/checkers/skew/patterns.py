"""Rows that name the same regions and groups, counted together: ten million rows are some thousand patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.lexicon import lexicon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from auditkit.checker import State


@dataclass(frozen=True)
class Patterns:
    """The distinct patterns of a state.

    people: uint64[p] group masks. count: int64[p] rows. index: int64[n] pattern of each row of the state.
    member: `axis=group` -> bool[p].
    """

    people: NDArray[np.uint64]
    count: NDArray[np.int64]
    index: NDArray[np.int64]
    member: Mapping[str, NDArray[np.bool_]]

    def rows(self, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """int64[p]: rows of each pattern, of the chosen ones only."""
        if chosen is None:
            return self.count
        return np.bincount(self.index[chosen], minlength=len(self.count)).astype(np.int64)

    def sums(self, values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[p]: sum of the chosen rows' values."""
        return np.bincount(self.index[chosen], weights=values[chosen], minlength=len(self.count)).astype(np.float64)


def patterns(state: State) -> Patterns:
    """The patterns of all rows; one sort of the rows."""
    regions, groups = scheme("region"), lexicon().groups
    shift = np.uint64(len(groups))
    code = regions.masks(state["places"]).astype(np.uint64) << shift | state["people"]
    known, index, count = np.unique(code, return_inverse=True, return_counts=True)
    people, masks = known & ((np.uint64(1) << shift) - np.uint64(1)), known >> shift
    member = {f"region={name}": _bit(masks, at) for at, name in enumerate(regions.names)}
    member |= {f"{group.axis}={group.name}": _bit(people, at) for at, group in enumerate(groups)}
    return Patterns(people, count.astype(np.int64), index.astype(np.int64), member)


def _bit(masks: NDArray[np.uint64], at: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (masks >> np.uint64(at) & np.uint64(1)).astype(np.bool_)
    return found
