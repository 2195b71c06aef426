"""Kernels that find where prints of shared passages stand in texts, and how far two passages are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.text.folding import IGNORE, SEPARATE, Folding
from auditkit.text.jit import kernel
from auditkit.text.shingles import PASSAGE, PRINT, Texts, print_power, prints_of
from auditkit.text.words import (
    LONGEST_MARKS,
    PADDING,
    ascii_end,
    decode,
    fold_ascii,
    folded_bound,
    put_any,
    put_break,
    put_marks,
    word_edges,
    word_hash,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]
    Points = NDArray[np.uint32]


class Words(NamedTuple):
    """The words of a text: hashes, and the code points at which each begins and ends."""

    hashes: Hashes
    starts: Points
    ends: Points


@kernel
def fold_with_places(text: Bytes, unicode: Folding, out: Bytes, places: NDArray[np.int32]) -> int:
    """`words.fold_text` from position 1 on; places[p] is the byte of the text that made out[p]."""
    marks = np.zeros(LONGEST_MARKS + 2, np.uint32)
    i, p = 0, 1
    while i < text.size:
        end = ascii_end(text, i)
        if end > i:
            q = put_break(marks, out, put_marks(unicode, marks, out, p))
            places[p:q] = i
            p = q
            fold_ascii(text[i:end], out[p : p + end - i])
            for k in range(end - i):
                places[p + k] = i + k
            p += end - i
            i = end
        while i < text.size and text[i] >= 128:
            code, width = decode(text, i)
            q = put_any(code, unicode, marks, out, p)
            places[p:q] = i
            p = q
            i += width
    q = put_marks(unicode, marks, out, p)
    places[p : q + 1] = text.size
    out[q] = 0
    return q + 1


@kernel
def word_end(text: Bytes, unicode: Folding, start: int, end: int) -> int:
    """The end without characters that separate words or are not seen."""
    while end > start:
        last = end - 1
        while last > start and text[last] & 0xC0 == 0x80:
            last -= 1
        code = decode(text, last)[0] if text[last] >= 128 else int(text[last])
        step = unicode.step[code]
        if step not in (SEPARATE, IGNORE):
            break
        end = last
    return end


@kernel
def words_with_places(text: Bytes, unicode: Folding) -> Words:
    """The words of a text."""
    size = folded_bound(text) + 2 + PADDING
    eights = np.empty(size // 8 + 2, np.uint64)
    out = eights.view(np.uint8)
    places = np.empty(size, np.int32)
    out[0] = 0
    p = fold_with_places(text, unicode, out, places)
    out[p : p + PADDING] = 0
    edges = np.empty(p + 2, np.int64)
    n = word_edges(eights, p, edges) // 2
    words = Words(np.empty(n, np.uint64), np.empty(n, np.uint32), np.empty(n, np.uint32))
    at = points = 0
    for i in range(n):
        words.hashes[i] = word_hash(eights, edges[2 * i], edges[2 * i + 1])
        start = int(places[edges[2 * i]])
        end = word_end(text, unicode, start, int(places[edges[2 * i + 1]]))
        while at < start:
            points += text[at] & 0xC0 != 0x80
            at += 1
        words.starts[i] = points
        while at < end:
            points += text[at] & 0xC0 != 0x80
            at += 1
        words.ends[i] = points
    return words


@kernel
def print_places(prints: Hashes, wanted: Hashes, found: Places) -> int:
    """How many of these prints are among the sorted wanted ones; found[:n] is where, ascending."""
    marks, n = np.zeros(1 << 12, np.bool_), 0
    for value in wanted:
        marks[value >> np.uint64(52)] = True
    for at in range(prints.size):
        if marks[prints[at] >> np.uint64(52)]:
            place = np.searchsorted(wanted, prints[at])
            if place < wanted.size and wanted[place] == prints[at]:
                found[n] = at
                n += 1
    return n


class Regions(NamedTuple):
    """Parts of texts around prints. Region r is the words first[r]:last[r]; text: the text that it is in."""

    text: Places
    first: Places
    last: Places


class Prints(NamedTuple):
    """Prints in regions: value, region, and the word at which it begins."""

    values: Hashes
    regions: Places
    words: Places


@kernel
def scan(texts: Texts, unicode: Folding, wanted: Hashes, bounds: Places) -> tuple[Words, Regions, Prints]:
    """Words around the wanted prints, with the regions that they make and the prints in them.

    The prints wanted in document i are wanted[bounds[i]:bounds[i + 1]], sorted. Words count from the first of all.
    """
    words = Words(np.empty(1 << 12, np.uint64), np.empty(1 << 12, np.uint32), np.empty(1 << 12, np.uint32))
    regions = Regions(np.empty(1 << 8, np.int64), np.empty(1 << 8, np.int64), np.empty(1 << 8, np.int64))
    prints = Prints(np.empty(1 << 10, np.uint64), np.empty(1 << 10, np.int64), np.empty(1 << 10, np.int64))
    n_words = n_regions = n_prints = 0
    power = print_power()
    for doc in range(texts.bounds.size - 1):
        asked = wanted[bounds[doc] : bounds[doc + 1]]
        if not asked.size:
            continue
        for text in range(texts.bounds[doc], texts.bounds[doc + 1]):
            own = words_with_places(texts.data[texts.offsets[text] : texts.offsets[text + 1]], unicode)
            own_prints, found = np.empty(own.hashes.size, np.uint64), np.empty(own.hashes.size, np.int64)
            n_own = prints_of(own.hashes, own.hashes.size, power, own_prints)
            n_found = print_places(own_prints[:n_own], asked, found)
            sizes = (n_words + own.hashes.size, n_regions + n_found, n_prints + n_found)
            words, regions, prints = with_room(words, regions, prints, sizes)
            last = -1
            for at in found[:n_found]:
                first, end = max(last, 0, at - PASSAGE), min(own.hashes.size, at + PRINT + PASSAGE)
                if first > last:
                    regions.text[n_regions], regions.first[n_regions] = text, n_words
                    n_regions += 1
                n_words = copied(own, words, (first, end), n_words)
                last = end
                regions.last[n_regions - 1] = n_words
                prints.values[n_prints], prints.regions[n_prints] = own_prints[at], n_regions - 1
                prints.words[n_prints] = n_words - (end - at)
                n_prints += 1
    return (
        Words(words.hashes[:n_words], words.starts[:n_words], words.ends[:n_words]),
        Regions(regions.text[:n_regions], regions.first[:n_regions], regions.last[:n_regions]),
        Prints(prints.values[:n_prints], prints.regions[:n_prints], prints.words[:n_prints]),
    )


@kernel
def copied(own: Words, words: Words, span: tuple[int, int], n: int) -> int:
    """The number of words after own[span[0]:span[1]] has been copied behind the first n."""
    first, end = span
    if end <= first:
        return n
    words.hashes[n : n + end - first] = own.hashes[first:end]
    words.starts[n : n + end - first] = own.starts[first:end]
    words.ends[n : n + end - first] = own.ends[first:end]
    return n + end - first


@kernel
def with_room(
    words: Words, regions: Regions, prints: Prints, sizes: tuple[int, int, int]
) -> tuple[Words, Regions, Prints]:
    """The same arrays, or copies that are twice as large, with room for so many words, regions and prints."""
    if sizes[0] > words.hashes.size:
        n = 2 * sizes[0]
        words = Words(longer(words.hashes, n), longer(words.starts, n), longer(words.ends, n))
    if sizes[1] > regions.text.size:
        n = 2 * sizes[1]
        regions = Regions(longer(regions.text, n), longer(regions.first, n), longer(regions.last, n))
    if sizes[2] > prints.values.size:
        n = 2 * sizes[2]
        prints = Prints(longer(prints.values, n), longer(prints.regions, n), longer(prints.words, n))
    return words, regions, prints


@kernel
def longer(values: Any, size: int) -> Any:
    """The values at the front of an array of this size."""
    larger = np.empty(size, values.dtype)
    larger[: values.size] = values
    return larger


@kernel
def extended(hashes: Hashes, left: tuple[int, int, int], right: tuple[int, int, int]) -> tuple[int, int]:
    """(words before, words after) by which two equal words stand in a longer equal passage.

    left, right: a word and the first and last of its region.
    """
    before = after = 0
    while left[0] - before > left[1] and right[0] - before > right[1]:
        if hashes[left[0] - before - 1] != hashes[right[0] - before - 1]:
            break
        before += 1
    while left[0] + after < left[2] and right[0] + after < right[2]:
        if hashes[left[0] + after] != hashes[right[0] + after]:
            break
        after += 1
    return before, after


class Ordered(NamedTuple):
    """Prints by value, then document, then word: value, document, region, word of each."""

    values: Hashes
    docs: Places
    regions: Places
    words: Places


@kernel
def passages(
    ordered: Ordered, hashes: Hashes, firsts: Places, lasts: Places, most: int
) -> tuple[Places, Places, Places, Places]:
    """(first word, words, first word of the other, its region) of every passage that an earlier document has, too.

    A print is held against those of the `most` earliest documents that have it. Passages may repeat one another.
    """
    out = np.empty((4, 1 << 10), np.int64)
    n = start = 0
    while start < ordered.values.size:
        stop = start
        while stop < ordered.values.size and ordered.values[stop] == ordered.values[start]:
            stop += 1
        for at in range(start + 1, stop):
            docs, before = 0, -1
            for other in range(start, at):
                if ordered.docs[other] == ordered.docs[at] or docs > most:
                    break
                docs += ordered.docs[other] != before
                before = ordered.docs[other]
                here, there = ordered.regions[at], ordered.regions[other]
                left = (ordered.words[at], firsts[here], lasts[here])
                right = (ordered.words[other], firsts[there], lasts[there])
                head, tail = extended(hashes, left, right)
                if head + tail >= PASSAGE:
                    if n == out.shape[1]:
                        larger = np.empty((4, 2 * n), np.int64)
                        larger[:, :n] = out
                        out = larger
                    out[0, n], out[1, n] = left[0] - head, head + tail
                    out[2, n], out[3, n] = right[0] - head, there
                    n += 1
        start = stop
    return out[0, :n], out[1, :n], out[2, :n], out[3, :n]
