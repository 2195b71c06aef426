"""Kernel that counts in how many masculine and feminine rows each word stands. Imported inside functions only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew.codes import UPPER, WORD
from auditkit.checkers.skew.kernels import SEED, one_blank, quick_word, read_gap, read_word
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checkers.skew.folding import Letters

SHORTEST = 3  # letters: shorter words are articles and pronouns


class Words(NamedTuple):
    """An open-addressing table: hash (0 = free), first byte and byte after of its first use, last row + 1, rows."""

    keys: NDArray[np.uint64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    last: NDArray[np.int64]
    rows: NDArray[np.int64]


@kernel
def new_words(size: int) -> Words:
    """An empty table of `size` slots, a power of two."""
    zeros = np.zeros(size, np.int64)
    return Words(np.zeros(size, np.uint64), zeros, zeros.copy(), zeros.copy(), np.zeros((size, 2), np.int64))


@kernel
def slot(keys: NDArray[np.uint64], hashed: np.uint64) -> int:
    """Where this hash is, or the free place where it belongs."""
    mask = np.uint64(len(keys) - 1)
    at = (hashed ^ (hashed >> np.uint64(29))) & mask
    while keys[at] != 0 and keys[at] != hashed:
        at = (at + np.uint64(1)) & mask
    return int(at)


@kernel
def doubled(words: Words) -> Words:
    """The same words in a table of twice the size."""
    larger = new_words(2 * len(words.keys))
    for at in range(len(words.keys)):
        if words.keys[at] != 0:
            to = slot(larger.keys, words.keys[at])
            larger.keys[to], larger.start[to], larger.stop[to] = words.keys[at], words.start[at], words.stop[at]
            larger.last[to] = words.last[at]
            larger.rows[to] = words.rows[at]
    return larger


@kernel
def word_at(data: NDArray[np.uint8], at: int, end: int, letters: Letters) -> tuple[np.uint64, int]:
    """(hash, byte after it) of the word that starts at `at`; hash 0 for a number and a word that is too short."""
    hashed, stop = quick_word(data, at, end, letters.kinds, letters.folds)
    if stop < 0:
        word = read_word(data, at, end, SEED, letters)
        hashed, stop = word.hashed, word.end
    counts = stop - at >= SHORTEST and letters.kinds[data[at]] in (WORD, UPPER) and not 48 <= data[at] <= 57
    return (hashed if counts else np.uint64(0)), stop


@kernel
def count_words(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    owners: NDArray[np.int64],
    sides: NDArray[np.int8],
    letters: Letters,
) -> Words:
    """The words of the texts whose row has a side (0 or 1; -1 = none), and the rows of each side they stand in."""
    words, filled = new_words(1 << 14), 0
    keys, last, kinds = words.keys, words.last, letters.kinds
    for text in range(len(offsets) - 1):
        side, row, end = sides[owners[text]], owners[text] + 1, offsets[text + 1]
        at = offsets[text] if side >= 0 else end
        _, at = read_gap(data, at, end, letters)
        while at < end:
            hashed, stop = word_at(data, at, end, letters)
            place = slot(keys, hashed)
            if hashed and last[place] != row:
                last[place] = row
                words.rows[place, side] += 1
                if keys[place] == 0:
                    keys[place], words.start[place], words.stop[place] = hashed, at, stop
                    filled += 1
                if 2 * filled > len(keys):
                    words = doubled(words)
                    keys, last = words.keys, words.last
            if one_blank(data, stop, end, kinds):
                at = stop + 1
            else:
                _, at = read_gap(data, stop, end, letters)
    return words
