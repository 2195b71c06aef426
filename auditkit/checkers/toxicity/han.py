"""Kernels of the Chinese head: runs of 1 to 3 characters, and the sums of their table entries.

Chinese has no spaces between words, so the features are the characters themselves. Imported inside functions only:
importing it loads numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.toxicity.grams import SPREAD, SPREAD_3, SPREAD_4, TAG, add_distinct, decoded
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = int | np.int64

TWENTY_ONE = np.uint64(21)  # bits of a code point
FORTY_TWO = np.uint64(42)


@kernel
def characters(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8],
    first: int,
    last: int,
    fold: NDArray[np.uint8],
    points: NDArray[np.int64],
    edges: NDArray[np.int64],
) -> int:
    """Number of characters of data[first:last] that count; points: code points, 0 = separator; edges: byte ranges."""
    n = 0
    p: Int = first
    while p < last:
        point: Int = np.int64(data[p])
        width: Int = 1
        if point >= 128:
            point, width = decoded(data, p, last)
        symbol = np.int64(fold[point]) if point < 0x20000 else point
        edges[n, 0], edges[n, 1] = p, p + width
        p += width
        if symbol == 0:
            continue
        points[n] = 0 if symbol == 32 else (symbol if symbol < 128 else point)
        n += 1
    return n


@kernel
def keys_of(
    points: NDArray[np.int64], n: int, shift: np.uint64, keys: NDArray[np.uint32], ends: NDArray[np.int64]
) -> int:
    """Number of keys written: the buckets of the runs of 1, 2, 3 characters that end at each of n characters."""
    m, run = 0, 0
    for i in range(n):
        run = 0 if points[i] == 0 else run + 1
        if run >= 1:
            one = np.uint64(points[i])
            keys[m], ends[m] = (one * SPREAD) >> shift, i
            m += 1
        if run >= 2:
            two = (np.uint64(points[i - 1]) << TWENTY_ONE) | one
            keys[m], ends[m] = (two * SPREAD_3) >> shift, i
            m += 1
        if run >= 3:
            keys[m], ends[m] = (((np.uint64(points[i - 2]) << FORTY_TWO) | two) * SPREAD_4) >> shift, i
            m += 1
    return m


@kernel
def totals(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    fold: NDArray[np.uint8],
    table: NDArray[np.uint64],
    shift: np.uint64,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(int32[n, 8] sums, int32[n] numbers of distinct runs) of n segments."""
    sums, distinct = np.zeros((len(starts), 8), np.int32), np.zeros(len(starts), np.int32)
    seen = np.zeros(len(table) // 64 + 1, np.uint64)
    for i in range(len(starts)):
        room = ends[i] - starts[i]
        points, edges = np.empty(room, np.int64), np.empty((room, 2), np.int64)
        keys, lasts = np.empty(3 * room, np.uint32), np.empty(3 * room, np.int64)
        n = characters(data, starts[i], ends[i], fold, points, edges)
        distinct[i] = add_distinct(keys, keys_of(points, n, shift, keys, lasts), table, seen, sums[i])
    return sums, distinct


@kernel
def character_sums(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8], first: int, last: int, fold: NDArray[np.uint8], table: NDArray[np.uint64], shift: np.uint64
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(int64[c, 2] byte ranges, int32[c] sums in lane 0) of the characters; a run counts for each character in it."""
    room = last - first
    points, edges = np.empty(room, np.int64), np.empty((room, 2), np.int64)
    keys, lasts = np.empty(3 * room, np.uint32), np.empty(3 * room, np.int64)
    n = characters(data, first, last, fold, points, edges)
    sums = np.zeros(n, np.int32)
    length = 0
    for i in range(keys_of(points, n, shift, keys, lasts)):
        length = 1 if i == 0 or lasts[i] != lasts[i - 1] else length + 1
        entry = np.int64(table[keys[i]] & TAG) - 128
        for j in range(length):
            sums[lasts[i] - j] += entry
    return edges[:n].copy(), sums
