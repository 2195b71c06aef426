"""Kernels that say which words of a flagged text count most, in code points.

Imported inside functions only: importing it loads numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.toxicity.grams import BYTE, COUNTS, MAX_PER_BYTE, TAG, grams
from auditkit.checkers.toxicity.han import character_sums
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def word_sums(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8],
    first: int,
    last: int,
    fold: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    table: NDArray[np.uint64],
    shift: np.uint64,
    lane: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(int64[w, 2] byte ranges, int32[w] sums in one lane) of the words of data[first:last].

    A word's sum is that of its own entry and of the runs of characters that lie within it and its edges.
    """
    room = last - first + 2
    keys, owners = np.empty(MAX_PER_BYTE * room, np.uint32), np.empty(MAX_PER_BYTE * room, np.int32)
    edges, counts = np.empty((room, 2), np.int64), np.zeros(COUNTS, np.int32)
    n = grams(data, first, last, fold, classes, shift, keys, counts, owners, edges)
    n_words = edges[room - 1, 0]
    sums = np.zeros(n_words, np.int32)
    by = BYTE * np.uint64(lane)
    for i in range(n):
        if owners[i] >= 0:
            sums[owners[i]] += np.int64((table[keys[i]] >> by) & TAG) - 128
    return edges[:n_words].copy(), sums


@kernel
def marks(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    fold: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    table: NDArray[np.uint64],
    shift: np.uint64,
    lane: int,
    cut: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """(int64[k, 3] text number, start, end; int32[k] sums; int64[n, 2] start and end of the part) in code points.

    Of each part data[starts[i]:ends[i]] of the text that begins at begins[i]: its words whose sum is at least `cut`, or
    where there is none the heaviest. lane -1: the characters of the Chinese head; neighbouring ones become one place.
    """
    room = 0
    for i in range(len(starts)):
        room += ends[i] - starts[i] + 1
    places, weights = np.empty((room, 3), np.int64), np.empty(room, np.int32)
    parts = np.empty((len(starts), 2), np.int64)
    n = 0
    for i in range(len(starts)):
        if lane < 0:
            edges, sums = character_sums(data, starts[i], ends[i], fold, table, shift)
        else:
            edges, sums = word_sums(data, starts[i], ends[i], fold, classes, table, shift, lane)
        at, point = begins[i], 0
        at, point = _walk(data, at, point, starts[i])
        parts[i, 0] = point
        least = min(cut, float(sums.max())) if len(sums) > 0 else cut
        first = n
        for w in range(len(sums)):
            if sums[w] < least:
                continue
            at, point = _walk(data, at, point, edges[w, 0])
            joined = lane < 0 and n > first and places[n - 1, 2] == point
            if not joined:
                places[n, 0], places[n, 1], weights[n] = i, point, sums[w]
                n += 1
            at, point = _walk(data, at, point, edges[w, 1])
            places[n - 1, 2], weights[n - 1] = point, max(weights[n - 1], sums[w])
        at, point = _walk(data, at, point, ends[i])
        parts[i, 1] = point
    return places[:n].copy(), weights[:n].copy(), parts


@kernel
def _walk(data: NDArray[np.uint8], at: int, point: int, to: int) -> tuple[int, int]:
    """(to, number of the character that begins at byte `to`), counted on from character `point` at byte `at`."""
    for p in range(at, to):
        if data[p] & 0xC0 != 0x80:
            point += 1
    return to, point
