"""The kernel that visits documents by priority and lets each one that is still there remove its near-copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.text.jit import kernel
from auditkit.text.shingles import jaccard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Sets(NamedTuple):
    """Gram sets: that of document i is values[starts[i]:ends[i]], sorted; similar from the threshold on."""

    values: NDArray[np.uint64]
    starts: Places
    ends: Places
    threshold: float


class Bands(NamedTuple):
    """Buckets: ordered uint64[bands, n], each band sorted, key in the upper half and document in the lower.

    place: where document i stands in each band. after: the next place that is still taken.
    """

    ordered: NDArray[np.uint64]
    place: NDArray[np.uint32]
    after: NDArray[np.uint32]


class Found(NamedTuple):
    """Per document: its leader (-1: it stays), the similarity to it, and the last leader it was compared to."""

    leader: Places
    similarity: NDArray[np.float64]
    seen: Places


@kernel
def bands_of(ordered: NDArray[np.uint64]) -> Bands:
    """The buckets with everybody in them; 16 bytes per document and band."""
    place, after = np.empty(ordered.shape, np.uint32), np.empty(ordered.shape, np.uint32)
    for band in range(ordered.shape[0]):
        for i in range(ordered.shape[1]):
            place[band, ordered[band, i] & _LOW] = i
            after[band, i] = i + 1
    return Bands(ordered, place, after)


@kernel
def visit(leader: int, band: int, bands: Bands, sets: Sets, found: Found) -> None:
    """Compares a leader with everyone behind it in its bucket, and takes the removed ones out."""
    row, after = bands.ordered[band], bands.after[band]
    last = np.int64(bands.place[band, leader])
    key = row[last] >> _32
    at = np.int64(after[last])
    while at < row.size and row[at] >> _32 == key:
        other = np.int64(row[at] & _LOW)
        if found.leader[other] < 0 and found.seen[other] != leader:
            found.seen[other] = leader
            similarity = jaccard(
                sets.values[sets.starts[leader] : sets.ends[leader]],
                sets.values[sets.starts[other] : sets.ends[other]],
                sets.threshold,
            )
            if similarity >= 0:
                found.leader[other] = leader
                found.similarity[other] = similarity
        if found.leader[other] >= 0:
            after[last] = after[at]
        else:
            last = at
        at = np.int64(after[at])


@kernel
def leaders(ordered: NDArray[np.uint64], sets: Sets, n_leaders: int) -> Found:
    """Who removes whom; documents are numbered by priority, and only the first n_leaders may remove others.

    A removed document is taken out of its buckets, so that a bucket of copies is walked once and not once per pair.
    """
    n = ordered.shape[1]
    bands = bands_of(ordered)
    found = Found(np.full(n, -1, np.int64), np.ones(n), np.full(n, -1, np.int64))
    for i in range(n_leaders):
        if found.leader[i] < 0:
            for band in range(ordered.shape[0]):
                visit(i, band, bands, sets, found)
    return found
