"""Kernels that find which documents of an index share a hash or band key with those that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

MOST_PER_KEY = 64
"""Documents of the index that one key of one document may name, the earliest; more come from texts of one template."""
MOST_PER_DOCUMENT = 64
"""Documents of the index that one document is compared to, those with most keys in common first."""

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@kernel
def marked(ordered: Hashes, shift: int) -> NDArray[np.bool_]:
    """bool[2^(64 - shift)]: whether any of the values begins with these bits; spares most searches."""
    marks = np.zeros(1 << (64 - shift), np.bool_)
    for value in ordered:
        marks[value >> np.uint64(shift)] = True
    return marks


@kernel
def first_equal(texts: Hashes, ordered: Hashes, shift: int, earliest: Places, number: int) -> None:
    """Writes into earliest[i], where it is -1, the number of the first text equal to ordered[i].

    The first text has this number; ordered is sorted; shift as for `marked`. Texts of hash 0 equal none.
    """
    marks = marked(ordered, shift)
    for i in range(texts.size):
        text = texts[i]
        if text != 0 and marks[text >> np.uint64(shift)]:
            at = np.searchsorted(ordered, text)
            while at < ordered.size and ordered[at] == text:
                if earliest[at] < 0:
                    earliest[at] = number + i
                at += 1


@kernel
def shared_keys(
    keys: NDArray[np.uint32], sizes: NDArray[np.uint32], ordered: Hashes, shift: int, hits: NDArray[np.uint8]
) -> tuple[Places, Places]:
    """(who asks, document of the index) for each band in which they have the same key.

    keys: uint32[n, bands] of the index; documents of size 0 have none. ordered: uint64[bands, q], the keys of those who
    ask, sorted, in the upper half, who in the lower. hits[band, who]: how often a key has been answered so far.
    """
    n_bands = ordered.shape[0]
    marks = np.empty((n_bands, 1 << (64 - shift)), np.bool_)
    for band in range(n_bands):
        marks[band] = marked(ordered[band], shift)
    asks, answers = np.empty(1024, np.int64), np.empty(1024, np.int64)
    p = 0
    for i in range(sizes.size):
        for band in range(n_bands if sizes[i] else 0):
            key = np.uint64(keys[i, band]) << _32
            if marks[band, key >> np.uint64(shift)]:
                if p + ordered.shape[1] > asks.size:
                    asks, answers = grown(asks, p + ordered.shape[1]), grown(answers, p + ordered.shape[1])
                p = answer(key, i, (ordered[band], hits[band]), (asks, answers), p)
    return asks[:p], answers[:p]


@kernel
def grown(places: Places, size: int) -> Places:
    """The places in an array of at least this size, twice as large as before."""
    larger = np.empty(max(size, 2 * places.size), np.int64)
    larger[: places.size] = places
    return larger


@kernel
def answer(
    key: np.uint64, number: int, band: tuple[Hashes, NDArray[np.uint8]], found: tuple[Places, Places], p: int
) -> int:
    """The position behind the answers that a document of the index gives with one key.

    All who ask with one key have been answered equally often, so that a key of a template costs one look from then on.
    """
    ordered, hits = band
    asks, answers = found
    at = np.searchsorted(ordered, key)
    while at < ordered.size and ordered[at] >> _32 == key >> _32:
        who = np.int64(ordered[at] & _LOW)
        if hits[who] == MOST_PER_KEY:
            break
        hits[who] += 1
        asks[p], answers[p] = who, number
        at += 1
        p += 1
    return p
