"""Kernels that count n-grams, lines and openings into bottom-k sketches. Imported inside functions only: numba.

A bottom-k sketch keeps the k smallest hashes that occur, each with its exact counts: whatever is among the k smallest
of the corpus is among the k smallest of every part of it, so that parts merge without loss. With fewer than k distinct
hashes it is not a sketch but the whole table. Cohen and Kaplan 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.text.shingles import Texts

ORDERS = 4  # n-grams of 1..4 words: distinct-n and self-BLEU are reported up to 4 (Li et al. 2016; Zhu et al. 2018)
LINES, OPENINGS = 4, 5  # the kinds of items after the n-grams
KINDS = 6
OPENING_WORDS = 3
_FIRST = np.uint64(0x9E3779B97F4A7C15)  # golden ratio (Knuth 1973)
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # finaliser of MurmurHash3 (Appleby 2011)
_MORE = np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


class Sketch(NamedTuple):
    """An open-addressing table of the smallest hashes: hash (0 = free), occurrences, documents, last document + 1."""

    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]
    docs: NDArray[np.int64]
    last: NDArray[np.int64]


@kernel
def mixed(value: np.uint64) -> np.uint64:
    """The value with all bits mixed, never 0."""
    value = (value ^ (value >> _33)) * _MIX
    value = (value ^ (value >> _33)) * _MORE
    value ^= value >> _33
    return value or np.uint64(1)


@kernel
def empty_sketch(size: int) -> Sketch:
    """A table with `size` slots, a power of two."""
    return Sketch(
        np.zeros(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    )


@kernel
def slot_of(sketch: Sketch, hashed: np.uint64) -> int:
    """The slot that holds this hash, or the free one where it belongs."""
    mask = np.uint64(len(sketch.keys) - 1)
    at = hashed & mask
    while sketch.keys[at] != 0 and sketch.keys[at] != hashed:
        at = (at + np.uint64(1)) & mask
    return int(at)


@kernel
def kept_below(sketch: Sketch, keep: int) -> tuple[Sketch, np.uint64]:
    """The sketch of its `keep` smallest hashes, and the largest of them."""
    known = np.sort(sketch.keys[sketch.keys > 0])
    limit = known[keep - 1]
    smaller = empty_sketch(len(sketch.keys))
    for at in range(len(sketch.keys)):
        hashed = sketch.keys[at]
        if hashed != 0 and hashed <= limit:
            slot = slot_of(smaller, hashed)
            smaller.keys[slot], smaller.counts[slot] = hashed, sketch.counts[at]
            smaller.docs[slot], smaller.last[slot] = sketch.docs[at], sketch.last[at]
    return smaller, limit


@kernel
def sketch_items(items: NDArray[np.uint64], owners: NDArray[np.int64], keep: int) -> Sketch:
    """The sketch of these hashes, each with the number of its document; owners ascend."""
    sketch = empty_sketch(4 * keep)
    keys, counts, docs, last = sketch
    mask, limit, filled = np.uint64(len(keys) - 1), ~np.uint64(0), 0
    for i in range(len(items)):
        hashed = items[i]
        if hashed > limit:
            continue
        at = hashed & mask
        while keys[at] != 0 and keys[at] != hashed:
            at = (at + np.uint64(1)) & mask
        filled += keys[at] == 0
        keys[at] = hashed
        counts[at] += 1
        if last[at] != owners[i] + 1:
            last[at] = owners[i] + 1
            docs[at] += 1
        if filled > 2 * keep:
            sketch, limit = kept_below(sketch, keep)
            keys, counts, docs, last = sketch
            filled = keep
    return sketch


@kernel
def gram_items(
    words: NDArray[np.uint64], bounds: NDArray[np.int64], order: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hash of each n-gram, index of its document); document i has words[bounds[i]:bounds[i + 1]]."""
    room = len(words)
    items, owners = np.empty(room, np.uint64), np.empty(room, np.int64)
    n = 0
    for doc in range(len(bounds) - 1):
        for at in range(bounds[doc], bounds[doc + 1] - order + 1):
            value = np.uint64(order) * _FIRST
            for step in range(order):
                value = (value ^ words[at + step]) * _MIX
                value ^= value >> _33
            items[n], owners[n] = mixed(value), doc
            n += 1
    return items[:n], owners[:n]


@kernel
def opening_items(
    words: NDArray[np.uint64], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hash of the first OPENING_WORDS words, number of the text) of each text that has as many words."""
    items, owners = np.empty(len(starts), np.uint64), np.empty(len(starts), np.int64)
    n = 0
    for text in range(len(starts)):
        if stops[text] - starts[text] >= OPENING_WORDS:
            value = _FIRST
            for step in range(OPENING_WORDS):
                value = (value ^ words[starts[text] + step]) * _MIX
                value ^= value >> _33
            items[n], owners[n] = mixed(value), text
            n += 1
    return items[:n], owners[:n]


@kernel
def line_items(texts: Texts) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hash, index of its document) of each line that is more than blanks; blanks at both ends do not count."""
    size = len(texts.offsets)
    for at in range(texts.offsets[0], texts.offsets[-1]):
        size += texts.data[at] == 10
    items, owners = np.empty(size, np.uint64), np.empty(size, np.int64)
    n = 0
    for doc in range(len(texts.bounds) - 1):
        for text in range(texts.bounds[doc], texts.bounds[doc + 1]):
            at, end = texts.offsets[text], texts.offsets[text + 1]
            while at < end:
                hashed, at = line_hash(texts.data, at, end)
                if hashed != 0:
                    items[n], owners[n] = hashed, doc
                    n += 1
    return items[:n], owners[:n]


@kernel
def line_hash(data: NDArray[np.uint8], at: int, end: int) -> tuple[np.uint64, int]:
    """(hash of the line that starts at `at` without blanks at its ends, 0 for a blank one; start of the next line)."""
    stop = at
    while stop < end and data[stop] != 10:
        stop += 1
    last = stop
    while at < last and data[at] <= 32:
        at += 1
    while last > at and data[last - 1] <= 32:
        last -= 1
    value = _FIRST
    for byte in data[at:last]:
        value = (value ^ np.uint64(byte)) * _MIX
        value ^= value >> _33
    return (mixed(value) if last > at else np.uint64(0)), stop + 1


@kernel
def vector_sums(
    words: NDArray[np.uint64], bounds: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """(sum of the documents' vectors, sum of their outer products, sum of their squared lengths), 2**-10 steps squared.

    A document's vector has a signed, hashed count of each word, scaled to length 2**10 and rounded, so that sums are
    whole numbers and do not depend on their order.
    """
    total, outer = np.zeros(size, np.int64), np.zeros((size, size), np.int64)
    squares = 0
    vector = np.zeros(size, np.float64)
    steps = np.zeros(size, np.int64)
    for doc in range(len(bounds) - 1):
        if bounds[doc] == bounds[doc + 1]:
            continue
        vector[:] = 0.0
        for at in range(bounds[doc], bounds[doc + 1]):
            value = mixed(words[at])
            vector[np.int64(value % np.uint64(size))] += 1.0 if value >> np.uint64(63) else -1.0
        length = np.sqrt((vector * vector).sum())
        if length == 0:
            continue
        for i in range(size):
            steps[i] = np.int64(np.round(vector[i] * 1024.0 / length))
        total += steps
        for i in range(size):
            if steps[i]:
                outer[i] += steps[i] * steps
        squares += (steps * steps).sum()
    return total, outer, squares
