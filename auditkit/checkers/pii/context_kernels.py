# ruff: noqa: PLR0917 - numba passes arguments by position
"""Whether a context word can be near a finding, asked of bytes: a superset that spares most findings any token.

The reach of Presidio's context ends at the sixth keyword before and the first behind a finding. Words of three ASCII
letters or more
between spaces, points and brackets are keywords for sure unless a stop word or special case of the tokeniser;
counting only these reaches
at least as far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Ints = NDArray[np.int64]

FAR = 4096  # bytes; further away nothing is proven and every word may be near


@kernel
def _spelled(data: Bytes, first: int, last: int, trie: Ints) -> bool:
    """Whether data[first:last] is a word of the trie; ASCII letters of any case are alike."""
    node = 0
    for i in range(first, last):
        b = data[i] | 32
        if b < 97 or b > 122:
            return False
        node = trie[node, b - 97]
        if node == 0:
            return False
    return bool(trie[node, 26])


@kernel
def _is_sure(data: Bytes, first: int, last: int, kinds: Bytes, unsure: Ints) -> bool:
    """Whether the chunk data[first:last] is a keyword for sure. kinds[b]: 1 = space, 2 = sign at the edge, 4 =
    letter.
    """
    while first < last and kinds[data[first]] & 2:
        first += 1
    while last > first and kinds[data[last - 1]] & 2:
        last -= 1
    if last - first < 3:
        return False
    for i in range(first, last):
        if kinds[data[i]] & 4 == 0:
            return False
    return not _spelled(data, first, last, unsure)


@kernel
def _reach(data: Bytes, start: int, edge: int, step: int, need: int, kinds: Bytes, unsure: Ints) -> int:
    """The place where, going from `start` by `step` to `edge`, the `need`-th sure keyword ends; chunks that touch
    start do not count.
    """
    i = start
    while i != edge and kinds[data[i if step > 0 else i - 1]] & 1 == 0:
        i += step
    while i != edge:
        while i != edge and kinds[data[i if step > 0 else i - 1]] & 1:
            i += step
        begin = i
        while i != edge and kinds[data[i if step > 0 else i - 1]] & 1 == 0:
            i += step
        if i != edge and _is_sure(data, min(begin, i), max(begin, i), kinds, unsure):
            need -= 1
            if need == 0:
                return i
    return edge


@kernel
def _mentioned(data: Bytes, low: int, high: int, words: Ints) -> int:
    """Bits of the context words that stand between the places, also inside other words; words[node, 26] holds the
    bits.
    """
    bits = 0
    for first in range(low, high):
        node = 0
        for i in range(first, high):
            b = data[i] | 32
            if b < 97 or b > 122:
                break
            node = words[node, b - 97]
            if node == 0:
                break
            bits |= words[node, 26]
    return bits


@kernel
def near(data: Bytes, lows: Ints, highs: Ints, starts: Ints, kinds: Bytes, unsure: Ints, words: Ints) -> Ints:
    """Bits of the context words within reach of each place starts[k] of the text lows[k]:highs[k]; all bits where
    that is far.
    """
    out = np.zeros(starts.shape[0], np.int64)
    for k in range(starts.shape[0]):
        if k and starts[k] == starts[k - 1]:
            out[k] = out[k - 1]
            continue
        low, high = max(lows[k], starts[k] - FAR), min(highs[k], starts[k] + FAR)
        back = _reach(data, starts[k], low, -1, 6, kinds, unsure)
        ahead = _reach(data, starts[k], high, 1, 1, kinds, unsure)
        if (back == low and low > lows[k]) or (ahead == high and high < highs[k]):
            out[k] = -1
        else:
            out[k] = _mentioned(data, back, ahead, words)
    return out
