# ruff: noqa: PLR0917 - numba passes arguments by position
"""Whether a context word is near a finding, asked of bytes: most findings need no token to tell.

The reach of Presidio's context ends at the sixth keyword before and the first behind a finding. Two bounds:

- May be near: counting only what is a keyword for sure reaches at least as far. A chunk without a colon that holds a
  digit holds one, since no stop word and no punctuation has digits; so does one that holds three ASCII letters in a row
  or more, unless they are a stop word or a special case of the tokeniser, since no token ends inside letters.
- Is near: counting every token as a keyword reaches at most as far. A plain word is one token, so is each sign at its
  edges; anything else has at most as many as bytes. A context word in a keyword for sure within that reach counts.
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
def _core(data: Bytes, first: int, last: int, kinds: Bytes) -> tuple[int, int]:
    """Start and end of the chunk data[first:last] without the signs at its edges and one colon at its end.

    kinds[b]: 1 = space, 2 = sign at the edge, 4 = letter, 8 = digit, 16 = colon, 32 = apostrophe or
    not ASCII.
    """
    while first < last and kinds[data[first]] & 2:
        first += 1
    if last > first and kinds[data[last - 1]] & 16:
        last -= 1
    while last > first and kinds[data[last - 1]] & 2:
        last -= 1
    return first, last


@kernel
def _is_word(data: Bytes, first: int, last: int, kinds: Bytes, unsure: Ints) -> bool:
    """Whether data[first:last] is a keyword wherever it stands: three letters or more, or six with points inside.

    The points stand between small letters, where the tokeniser does not split; stop words and special cases with
    points inside are shorter.
    """
    size = last - first
    for i in range(first, last):
        if kinds[data[i]] & 4:
            continue
        inside = size >= 6 and data[i] == 46 and first < i < last - 1
        if not inside or data[i - 1] < 97 or data[i - 1] > 122 or data[i + 1] < 97 or data[i + 1] > 122:
            return False
    return size >= 3 and not _spelled(data, first, last, unsure)


@kernel
def _is_sure(data: Bytes, first: int, last: int, kinds: Bytes, unsure: Ints) -> bool:
    """Whether the chunk data[first:last] holds a keyword for sure: a digit, or letters that are no part of a stop word.

    Not where the chunk has a colon, but at its end, where it is a token by itself; letters not where it has an
    apostrophe or another sign (32) at which special cases of the tokeniser split words.
    """
    number, word, plain = False, False, True
    begin = first
    for i in range(first, last + 1):
        kind = kinds[data[i]] if i < last else np.uint8(0)
        if kind & 4:
            continue
        if i - begin >= 3 and not _spelled(data, begin, i, unsure):
            word = True
        begin = i + 1
        if kind & 16 and i < last - 1:
            return False
        if kind & 8:
            number = True
        if kind & 32:
            plain = False
    return number or (word and plain)


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
def _certain(data: Bytes, low: int, start: int, kinds: Bytes, unsure: Ints, words: Ints, most: int) -> int:
    """Bits of the context words that are in one of the last `most` keywords up to the token at `start`, for sure."""
    i = start
    while i > low and kinds[data[i - 1]] & 1 == 0:
        i -= 1
    left = most - 1 - (start - i)
    bits = 0
    while left > 0 and i > low:
        stop = i
        while i > low and kinds[data[i - 1]] & 1:
            i -= 1
        left -= 0 if stop - i == 1 and data[i] == 32 and i > low else stop - i
        stop = i
        while i > low and kinds[data[i - 1]] & 1 == 0:
            i -= 1
        first, last = _core(data, i, stop, kinds)
        is_word = _is_word(data, first, last, kinds, unsure)
        left -= stop - i - (last - first) + 1 if is_word else stop - i
        if is_word and left >= 0:
            bits |= _mentioned(data, first, last, words)
    return bits


@kernel
def near(
    data: Bytes, lows: Ints, highs: Ints, starts: Ints, kinds: Bytes, unsure: Ints, words: Ints, most: int
) -> tuple[Ints, Ints]:
    """(bits of the context words that may be near, bits of those that are) of each place starts[k] of lows[k]:highs[k].

    All bits may be near where that is far. most: how many keywords back the context reaches.
    """
    out = np.zeros(starts.shape[0], np.int64)
    sure = np.zeros(starts.shape[0], np.int64)
    for k in range(starts.shape[0]):
        if k and starts[k] == starts[k - 1]:
            out[k], sure[k] = out[k - 1], sure[k - 1]
            continue
        low, high = max(lows[k], starts[k] - FAR), min(highs[k], starts[k] + FAR)
        back = _reach(data, starts[k], low, -1, most, kinds, unsure)
        ahead = _reach(data, starts[k], high, 1, 1, kinds, unsure)
        if (back == low and low > lows[k]) or (ahead == high and high < highs[k]):
            out[k] = -1
        else:
            out[k] = _mentioned(data, back, ahead, words)
        sure[k] = _certain(data, low, starts[k], kinds, unsure, words, most)
    return out, sure
