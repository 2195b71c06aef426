"""Kernels that find the word n-grams of items in documents; the lengths of n differ from item to item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.text.buffers import utf8_buffers
from auditkit.text.folding import Folding
from auditkit.text.jit import kernel
from auditkit.text.shingles import Texts, document_words, new_scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

LONGEST, SHORTEST = 13, 5
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


class Table(NamedTuple):
    """Which items have which gram: items[starts[i]:starts[i + 1]] have grams[i]; grams ascend.

    marks: bool, at least 16 places per gram, whether a gram shifted down by `shift` is one of them.
    lengths: which n occur.
    """

    grams: Hashes
    starts: Places
    items: Places
    marks: NDArray[np.bool_]
    shift: int
    lengths: Places


def table_of(texts: Sequence[str], unicode: Folding) -> tuple[Table, Places]:
    """(the table of these items, number of distinct grams of each); items of fewer than 5 words have none."""
    data, offsets = utf8_buffers(pa.array(texts, pa.large_utf8()))
    grams, items, lengths = item_grams(Texts(data, offsets, np.arange(len(texts) + 1)), unicode)
    order = np.lexsort((items, grams))
    grams, items = grams[order], items[order]
    new = np.ones(len(grams), bool)
    new[1:] = (grams[1:] != grams[:-1]) | (items[1:] != items[:-1])
    grams, items = grams[new], items[new]
    distinct, starts = np.unique(grams, return_index=True)
    bits = min(28, max(16, len(distinct).bit_length() + 4))
    marks = np.zeros(1 << bits, bool)
    marks[(distinct >> np.uint64(64 - bits)).astype(np.int64)] = True
    sizes = np.bincount(items, minlength=len(texts)).astype(np.int64)
    starts = np.append(starts, len(grams)).astype(np.int64)
    return Table(distinct, starts, items, marks, 64 - bits, np.flatnonzero(lengths)), sizes


@kernel
def prefixes(words: Hashes, n: int) -> Hashes:
    """The polynomial hash of the first 0, 1, .. n words."""
    sums = np.zeros(n + 1, np.uint64)
    for i in range(n):
        sums[i + 1] = sums[i] * _BASE + words[i]
    return sums


@kernel
def gram_at(sums: Hashes, i: int, length: int, power: np.uint64) -> np.uint64:
    """The hash of `length` words from word i on; power: the base to that length."""
    gram = (sums[i + length] - sums[i] * power) ^ np.uint64(length)
    gram = (gram ^ (gram >> _32)) * _MULTIPLY
    return np.uint64(gram ^ (gram >> _32))


@kernel
def power_of(length: int) -> np.uint64:
    """The base to this power."""
    power = np.uint64(1)
    for _ in range(length):
        power *= _BASE
    return power


@kernel
def item_grams(texts: Texts, unicode: Folding) -> tuple[Hashes, Places, NDArray[np.bool_]]:
    """(gram, item) for every gram of every item, and which lengths of grams there are: bool[14]."""
    scratch = new_scratch(1 << 16)
    lengths = np.zeros(LONGEST + 1, np.bool_)
    grams, items = np.empty(1 << 12, np.uint64), np.empty(1 << 12, np.int64)
    p = 0
    for item in range(texts.bounds.size - 1):
        n, scratch = document_words(texts, item, unicode, scratch)
        if n < SHORTEST:
            continue
        length = min(n, LONGEST)
        lengths[length] = True
        sums, power = prefixes(scratch.words, n), power_of(length)
        if p + n > grams.size:
            grams, items = np.append(grams, np.empty(p + n, np.uint64)), np.append(items, np.empty(p + n, np.int64))
        for i in range(n - length + 1):
            grams[p], items[p] = gram_at(sums, i, length, power), item
            p += 1
    return grams[:p], items[:p], lengths


@kernel
def held(texts: Texts, unicode: Folding, table: Table) -> tuple[Places, Places]:
    """(document, place in the table's grams) wherever a document holds a gram, once per place in the document."""
    scratch = new_scratch(1 << 16)
    documents, places = np.empty(1 << 12, np.int64), np.empty(1 << 12, np.int64)
    p = 0
    for doc in range(texts.bounds.size - 1):
        n, scratch = document_words(texts, doc, unicode, scratch)
        sums = prefixes(scratch.words, n)
        for length in table.lengths:
            power = power_of(length)
            for i in range(n - length + 1):
                gram = gram_at(sums, i, length, power)
                if not table.marks[gram >> np.uint64(table.shift)]:
                    continue
                at = np.searchsorted(table.grams, gram)
                if at < table.grams.size and table.grams[at] == gram:
                    if p == places.size:
                        documents, places = np.append(documents, documents), np.append(places, places)
                    documents[p], places[p] = doc, at
                    p += 1
    return documents[:p], places[:p]


def contained(
    texts: Texts, unicode: Folding, table: Table, sizes: Places
) -> tuple[Places, Places, NDArray[np.float64]]:
    """(document, item, share of the item's grams in the document) for every pair with a gram in common, in order."""
    documents, places = held(texts, unicode, table)
    seen = np.unique(documents * len(table.grams) + places)
    documents, places = np.divmod(seen, max(1, len(table.grams)))
    counts = np.diff(table.starts)[places]
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    items = table.items[np.repeat(table.starts[places], counts) + within]
    pairs, shared = np.unique(np.repeat(documents, counts) * len(sizes) + items, return_counts=True)
    documents, items = np.divmod(pairs, max(1, len(sizes)))
    return documents, items, shared / sizes[items]
