# ruff: noqa: PLR0917, FBT001 - numba passes arguments by position
r"""Presidio's four URL patterns without a regex: exact, linear in the length of a chunk, and no time-outs.

The patterns are a scheme or none, quotes or none, around `(www\\d{0,3}[.])?[a-z0-9.\\-]{1,253}[.]TLD(/path)?`, where
TLD is the first of 1,400
alternatives that fits. A dot is good when a TLD follows it. From a start the greedy label reaches the last good dot
within 253 signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Ints = NDArray[np.int64]

LABEL = 253
HOST, STOP, QUOTE = 1, 2, 4
"""Bits of kinds[b]: sign of a host; ASCII sign that ends a path; quote."""


@kernel
def _tld(data: Bytes, start: int, high: int, trie: Ints, after: int) -> tuple[int, int]:
    """(end, rank) of the TLD at `start` that comes first in the list after rank `after`; (-1, 0) when there is none."""
    node, best, end = 0, 1 << 40, -1
    for i in range(start, high):
        b = data[i] | 32
        if b < 97 or b > 122:
            break
        node = trie[node, b - 97]
        if node == 0:
            break
        rank = trie[node, 26]
        if rank > after and rank < best:
            best, end = rank, i + 1
    return end, best


@kernel
def _path_end(data: Bytes, start: int, high: int, kinds: Bytes, spaces: Bytes) -> int:
    """Where the path that begins at `start` ends, or `start` when there is no slash."""
    if start >= high or data[start] != 47:
        return start
    i = start
    while i < high:
        b = np.int64(data[i])
        if b < 0x80:
            if kinds[b] & 2:
                break
            i += 1
            continue
        size = 2 if b < 0xE0 else 3 if b < 0xF0 else 4
        point = b & (0x7F >> size)
        for k in range(1, size):
            point = point << 6 | (np.int64(data[i + k]) & 0x3F)
        if spaces[point]:
            break
        i += size
    return i


@kernel
def _www(data: Bytes, start: int, high: int) -> int:
    """Length of `www`, up to three digits and a dot at `start`; 0 when they are not there."""
    if start + 3 >= high:
        return 0
    for i in range(start, start + 3):
        if data[i] | 32 != 119:
            return 0
    i = start + 3
    while i < high and i < start + 6 and 48 <= data[i] <= 57:
        i += 1
    return i + 1 - start if i < high and data[i] == 46 else 0


@kernel
def _host_end(data: Bytes, start: int, high: int, kinds: Bytes) -> int:
    """Where the run of host signs that begins at `start` ends."""
    i = start
    while i < high and kinds[data[i]] & 1:
        i += 1
    return i


@kernel
def _last_good(data: Bytes, first: int, last: int, high: int, trie: Ints) -> int:
    """The last good dot at first <= place <= last, or -1."""
    for i in range(last, first - 1, -1):
        if data[i] == 46 and _tld(data, i + 1, high, trie, 0)[0] > 0:
            return i
    return -1


@kernel
def _closed(data: Bytes, dot: int, high: int, kinds: Bytes, spaces: Bytes, trie: Ints) -> int:
    """End of TLD, path and closing quote behind this dot, trying TLDs in their order; -1 without a quote."""
    rank = 0
    while True:
        end, rank = _tld(data, dot + 1, high, trie, rank)
        if end < 0:
            return -1
        stop = _path_end(data, end, high, kinds, spaces)
        if stop < high and kinds[data[stop]] & 4:
            return stop + 1


@kernel
def _base(data: Bytes, start: int, high: int, kinds: Bytes, spaces: Bytes, trie: Ints, quoted: bool) -> int:
    """End of the base pattern that begins at `start` (with the closing quote, if quoted), or -1."""
    skip = _www(data, start, high)
    host = _host_end(data, start, min(high, start + skip + LABEL + 1), kinds)
    while True:
        dot = min(start + skip + LABEL, host - 1)
        while dot >= 0:
            dot = _last_good(data, start + skip + 1, dot, high, trie)
            if dot >= 0 and not quoted:
                return _path_end(data, _tld(data, dot + 1, high, trie, 0)[0], high, kinds, spaces)
            end = _closed(data, dot, high, kinds, spaces, trie) if dot >= 0 else -1
            if end > 0:
                return end
            dot -= 1
        if skip == 0:
            return -1
        skip = 0


@kernel
def _scheme(data: Bytes, start: int, high: int) -> int:
    """Length of `http://` or `https://` at `start`, in any case; 0 when there is none."""
    if start + 7 > high or data[start] | 32 != 104 or data[start + 1] | 32 != 116:
        return 0
    if data[start + 2] | 32 != 116 or data[start + 3] | 32 != 112:
        return 0
    i = start + 4
    if data[i] | 32 == 115:
        i += 1
    if i + 3 <= high and data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47:
        return i + 3 - start
    return 0


@kernel
def _first_good(data: Bytes, start: int, high: int, kinds: Bytes, trie: Ints) -> tuple[int, int]:
    """(first good dot behind `start` in its run of host signs or -1, where the search ended)."""
    i = start + 1
    while i < high and kinds[data[i]] & 1:
        if data[i] == 46 and _tld(data, i + 1, high, trie, 0)[0] > 0:
            return i, i
        i += 1
    return -1, i


@kernel
def bare(data: Bytes, low: int, high: int, kinds: Bytes, spaces: Bytes, trie: Ints) -> tuple[int, int]:
    """(start, end) of the first match of the pattern without a scheme from `low` on; (-1, -1) without one."""
    i = low
    while i < high:
        if kinds[data[i]] & 1 == 0:
            i += 1
            continue
        dot, stop = _first_good(data, i, high, kinds, trie)
        if dot < 0:
            i = stop
            continue
        for start in range(max(i, dot - LABEL - 7), dot):
            end = _base(data, start, high, kinds, spaces, trie, False)
            if end > 0:
                return start, end
        i = dot
    return -1, -1


@kernel
def marked(data: Bytes, low: int, high: int, kinds: Bytes, spaces: Bytes, trie: Ints, mode: int) -> tuple[int, int]:
    """(start, end) of the first match from `low` on of the pattern with a scheme (1), quotes (2), or both (3)."""
    for i in range(low, high):
        if mode & 2 and kinds[data[i]] & 4 == 0:
            continue
        start = i + (mode >> 1)
        if mode & 1:
            scheme = _scheme(data, start, high)
            if scheme == 0:
                continue
            start += scheme
        end = _base(data, start, high, kinds, spaces, trie, mode > 1)
        if end > 0:
            return i, end
    return -1, -1


@kernel
def urls(data: Bytes, regions: Ints, kinds: Bytes, spaces: Bytes, trie: Ints) -> Ints:
    """int64[n, 4]: text, start, end, pattern (0 none, 1 scheme, 2 quotes, 3 both) of each match in regions (text,
    start, end).
    """
    out = np.empty((1024, 4), np.int64)
    n = 0
    for k in range(regions.shape[0]):
        high = regions[k, 2]
        for mode in range(4):
            at = regions[k, 1]
            while True:
                if mode:
                    start, end = marked(data, at, high, kinds, spaces, trie, mode)
                else:
                    start, end = bare(data, at, high, kinds, spaces, trie)
                if start < 0:
                    break
                if n == out.shape[0]:
                    bigger = np.empty((2 * n, 4), np.int64)
                    bigger[:n] = out
                    out = bigger
                out[n, 0], out[n, 1], out[n, 2], out[n, 3] = regions[k, 0], start, end, mode
                n += 1
                at = end
    return out[:n]
