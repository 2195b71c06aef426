"""Kernels over the word 5-grams of documents: signatures, band keys, exact gram sets and their Jaccard similarity.

The texts of a document are read one after the other. Its grams are the hashes of 5 words in a row; a document of 1 to 4
words has one gram, all of it. Signatures are one-permutation minimum hashes (Li, Owen, Zhang 2012) with optimal
densification (Shrivastava 2017): one hash per gram instead of one per gram and permutation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.text.folding import Folding
from auditkit.text.jit import kernel
from auditkit.text.words import PADDING, fold_text, folded_bound, word_edges, word_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

GRAM = 5
"""Words per gram: Broder 1997; also datatrove, NeMo Curator and this checker's public definition."""
PASSAGE = 50
"""Words of the shortest passage that documents surely share a print of: Lee et al. 2022, section 4.1."""
PRINT = 24
"""Words under a print; of every PASSAGE - PRINT + 1 in a row the smallest is kept (winnowing)."""
MOST_PRINTS = 1024
"""Prints of a document at most: one of more than about 12,000 words is sampled by their value."""
PROBES = 64
"""Remembered probes per bin when empty bins are filled; beyond them the next filled bin is taken."""

_A, _B, _C, _D, _E = (
    np.uint64(number)  # odd constants of wyhash and of the golden ratio (Wang Yi 2019; Knuth 1973)
    for number in (0x8CB92BA72F3D8DD7, 0xAEF17502108EF2D9, 0xD6E8FEB86659FD93, 0xE7037ED1A0B428DB, 0x9E3779B97F4A7C15)
)
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)
_29, _32 = np.uint64(29), np.uint64(32)
_EMPTY = np.uint32(0xFFFFFFFF)


class Texts(NamedTuple):
    """Text i is data[offsets[i]:offsets[i + 1]], document i has the texts bounds[i]..bounds[i + 1]."""

    data: Bytes
    offsets: Places
    bounds: Places


class Scratch(NamedTuple):
    """Working memory that grows with the largest document: its folded bytes, 8 in one, and its words."""

    eights: Hashes
    words: Hashes


class Signed(NamedTuple):
    """What `sign` fills, per document: number of words, hash of all words, band keys, where its prints end.

    print_ends has no element where no prints are wanted.
    """

    words: NDArray[np.uint32]
    hashes: Hashes
    keys: NDArray[np.uint32]
    print_ends: Places


def probes(bins: int) -> NDArray[np.int16]:
    """int16[bins, PROBES]: the bins that an empty bin looks at, in order, for a filled one; seeded, always the same."""
    return np.random.Generator(np.random.PCG64(1)).integers(0, bins, (bins, PROBES)).astype(np.int16)


@kernel
def new_scratch(n_bytes: int) -> Scratch:
    """Room for a document that takes n_bytes when folded; edges of words are kept where the words will be."""
    return Scratch(np.empty(n_bytes // 8 + 1, np.uint64), np.empty(n_bytes + 1, np.uint64))


@kernel
def document_words(texts: Texts, doc: int, unicode: Folding, scratch: Scratch) -> tuple[int, Scratch]:
    """(n, scratch): the word hashes of the document are scratch.words[:n]; it is a new scratch when it had to grow."""
    first, last = texts.bounds[doc], texts.bounds[doc + 1]
    need = 1 + PADDING
    for text in range(first, last):
        need += folded_bound(texts.data[texts.offsets[text] : texts.offsets[text + 1]]) + 1
    if need > scratch.eights.size * 8:
        scratch = new_scratch(2 * need)
    out = scratch.eights.view(np.uint8)
    out[0] = 0
    p = 1
    for text in range(first, last):
        p = fold_text(texts.data[texts.offsets[text] : texts.offsets[text + 1]], unicode, out, p)
    out[p : p + PADDING] = 0
    words = scratch.words
    edges = words.view(np.int64)
    n = word_edges(scratch.eights, p, edges) // 2
    for i in range(n):
        words[i] = word_hash(scratch.eights, edges[2 * i], edges[2 * i + 1])
    return n, scratch


@kernel
def code_points(texts: Texts) -> NDArray[np.uint32]:
    """Number of code points of each document; about 10 GB/s."""
    points = np.empty(texts.bounds.size - 1, np.uint32)
    for doc in range(points.size):
        first, last = texts.offsets[texts.bounds[doc]], texts.offsets[texts.bounds[doc + 1]]
        n = last - first
        for start in range(first, last, 128):  # up to 128 of them fit a byte, see `words.folded_bound`
            block = np.uint8(0)
            for byte in texts.data[start : min(start + 128, last)]:
                block = np.uint8(block + np.uint8(np.uint8(byte & np.uint8(0xC0)) == np.uint8(0x80)))
            n -= int(block)
        points[doc] = n
    return points


@kernel
def text_hash(words: Hashes, n: int) -> np.uint64:
    """64-bit hash of the words in their order."""
    value = np.uint64(n)
    for i in range(n):
        value = (value ^ words[i]) * _MULTIPLY
        value ^= value >> _32
    return value


@kernel
def grams(words: Hashes, n: int) -> int:
    """Number of grams; words[i] becomes the hash of the gram that starts there."""
    if n < GRAM:
        if n > 0:
            words[0] = text_hash(words, n)
        return min(n, 1)
    for i in range(n - GRAM + 1):
        gram = words[i] * _A + words[i + 1] * _B + words[i + 2] * _C + words[i + 3] * _D + words[i + 4] * _E
        gram ^= gram >> _32
        gram *= _MULTIPLY
        words[i] = gram ^ (gram >> _29)
    return n - GRAM + 1


@kernel
def signature(hashes: Hashes, n: int, probe: NDArray[np.int16], bins: NDArray[np.uint32]) -> None:
    """Fills bins with the minimum hash of the grams that fall into each; empty ones copy a filled one."""
    size = np.uint64(bins.size)
    bins[:] = _EMPTY
    for i in range(n):
        place = ((hashes[i] >> _32) * size) >> _32
        bins[place] = min(bins[place], np.uint32(hashes[i]))
    filled = bins != _EMPTY
    for empty in range(bins.size):
        if not filled[empty]:
            bins[empty] = bins[filled_bin(filled, probe[empty])]


@kernel
def filled_bin(filled: NDArray[np.bool_], probe: NDArray[np.int16]) -> int:
    """The first filled bin among the probes, else the first after the last probe."""
    for i in range(PROBES):
        if filled[probe[i]]:
            return int(probe[i])
    place = int(probe[PROBES - 1])
    while not filled[place]:
        place = (place + 1) % filled.size
    return place


@kernel
def band_keys(bins: NDArray[np.uint32], keys: NDArray[np.uint32]) -> None:
    """Fills keys[band] with the hash of that band's share of the bins."""
    rows = bins.size // keys.size
    for band in range(keys.size):
        value = np.uint64(band)
        for row in range(rows):
            value = (value ^ np.uint64(bins[band * rows + row])) * _MULTIPLY
            value ^= value >> _32
        keys[band] = np.uint32(value)


@kernel
def print_power() -> np.uint64:
    """The base of prints to the power of their length: what the word that leaves is worth."""
    power = np.uint64(1)
    for _ in range(PRINT):
        power *= _E
    return power


@kernel
def prints_of(words: Hashes, n: int, power: np.uint64, out: Hashes) -> int:
    """Number of prints of n words; out[i] becomes the one of the words from i on."""
    rolling = np.uint64(0)
    for i in range(min(n, PRINT)):
        rolling = rolling * _E + words[i]
    for i in range(n - PRINT + 1):
        value = (rolling ^ (rolling >> _32)) * _MULTIPLY
        out[i] = value ^ (value >> _29)
        if i + PRINT < n:
            rolling = rolling * _E + words[i + PRINT] - words[i] * power
    return max(0, n - PRINT + 1)


@kernel
def winnow(all_prints: Hashes, n: int, prints: Hashes, p: int) -> int:
    """The position behind the kept ones of n prints, which are written from p; equal passages share them.

    The smallest of each window of prints, once while it stays the smallest (Schleimer, Wilkerson, Aiken 2003).
    """
    window, last = PASSAGE - PRINT + 1, p + MOST_PRINTS
    highest = ~np.uint64(0)
    if n > 12 * MOST_PRINTS:
        highest = highest // np.uint64(n) * np.uint64(MOST_PRINTS * 4 // 5)
    best = -1
    for first in range(n - window + 1):
        end = first + window
        if best >= first and all_prints[end - 1] >= all_prints[best]:
            continue
        best = smallest(all_prints, first, end) if best < first else end - 1
        if all_prints[best] <= highest and p < last:
            prints[p] = all_prints[best]
            p += 1
    return p


@kernel
def smallest(values: Hashes, first: int, end: int) -> int:
    """The first place of the smallest of values[first:end]."""
    best = first
    for i in range(first + 1, end):
        if values[i] < values[best]:
            best = i
    return best


@kernel
def grown(values: Hashes, n: int, room: int) -> Hashes:
    """The values, the first n of which count, with this room behind them."""
    if n + room <= values.size:
        return values
    larger = np.empty(2 * (n + room), np.uint64)
    larger[:n] = values[:n]
    return larger


@kernel
def sign(texts: Texts, unicode: Folding, probe: NDArray[np.int16], signed: Signed) -> Hashes:
    """The prints of all documents, where they are wanted; fills `signed`.

    Documents of fewer than 5 words get keys 0: they have one gram, and the hash says all.
    """
    scratch = new_scratch(1 << 16)
    bins = np.empty(probe.shape[0], np.uint32)
    prints, room, p, power = np.empty(1 << 10, np.uint64), np.empty(1 << 10, np.uint64), 0, print_power()
    for doc in range(texts.bounds.size - 1):
        n, scratch = document_words(texts, doc, unicode, scratch)
        words = scratch.words
        signed.words[doc] = n
        signed.hashes[doc] = text_hash(words, n)
        if signed.print_ends.size:
            prints, room = grown(prints, p, MOST_PRINTS), grown(room, 0, n)
            p = winnow(room, prints_of(words, n, power, room), prints, p)
            signed.print_ends[doc] = p
        if n < GRAM:
            signed.keys[doc] = 0
            continue
        signature(words, grams(words, n), probe, bins)
        band_keys(bins, signed.keys[doc])
    return prints[:p]


@kernel
def word_hashes(texts: Texts, unicode: Folding, n_words: NDArray[np.uint32], hashes: Hashes) -> None:
    """Fills the number of words of each document and the hash of all of them; 0 for a document without words."""
    scratch = new_scratch(1 << 16)
    for doc in range(texts.bounds.size - 1):
        n, scratch = document_words(texts, doc, unicode, scratch)
        n_words[doc] = n
        hashes[doc] = text_hash(scratch.words, n)


@kernel
def gram_lists(texts: Texts, unicode: Folding, wanted: NDArray[np.bool_], ends: Places) -> Hashes:
    """The grams of the wanted documents, one after the other; those of document i end at ends[i]."""
    scratch = new_scratch(1 << 16)
    out = np.empty(1 << 16, np.uint64)
    p = 0
    for doc in range(texts.bounds.size - 1):
        if wanted[doc]:
            n, scratch = document_words(texts, doc, unicode, scratch)
            out = grown(out, p, n)
            m = grams(scratch.words, n)
            out[p : p + m] = scratch.words[:m]
            p += m
        ends[doc] = p
    return out[:p]


@kernel
def distinct(values: Hashes, ends: Places) -> int:
    """How many values remain when each run values[ends[i - 1]:ends[i]], sorted, keeps one of each.

    They move to the front of values; ends becomes their ends.
    """
    start = p = 0
    for i in range(ends.size):
        end = ends[i]
        for k in range(start, end):
            if k == start or values[k] != values[k - 1]:
                values[p] = values[k]
                p += 1
        start = end
        ends[i] = p
    return p


@kernel
def jaccard(left: Hashes, right: Hashes, threshold: float) -> float:
    """Exact Jaccard similarity of two sorted sets, or -1 as soon as it is certain to be below the threshold."""
    both = left.size + right.size
    allowed = both - 2 * threshold / (1 + threshold) * both + 1e-6
    i = j = common = missed = 0
    if abs(left.size - right.size) > allowed:
        return -1.0
    while i < left.size and j < right.size:
        if left[i] == right[j]:
            common += 1
            i += 1
            j += 1
            continue
        missed += 1
        if missed > allowed:
            return -1.0
        if left[i] < right[j]:
            i += 1
        else:
            j += 1
    similarity = common / (both - common)
    return similarity if similarity >= threshold else -1.0


@kernel
def all_words(texts: Texts, unicode: Folding) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(word hashes of all documents in a row, int64[n + 1] bounds of each document's)."""
    n_docs = len(texts.bounds) - 1
    n_bytes = texts.offsets[-1] - texts.offsets[0]
    bounds = np.zeros(n_docs + 1, np.int64)
    words = np.empty(n_bytes // 4 + 64, np.uint64)
    scratch = new_scratch(4096)
    for doc in range(n_docs):
        n, scratch = document_words(texts, doc, unicode, scratch)
        end = bounds[doc] + n
        if end > len(words):
            larger = np.empty(2 * end, np.uint64)
            larger[: bounds[doc]] = words[: bounds[doc]]
            words = larger
        words[bounds[doc] : end] = scratch.words[:n]
        bounds[doc + 1] = end
    return words[: bounds[n_docs]], bounds
