"""Kernels over the lines of texts, as they stand in the bytes, 8 of them at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.text.jit import kernel
from auditkit.text.shingles import Texts
from auditkit.text.words import eight_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

SHORTEST = 32
"""Bytes of the shortest line that is counted: headings, list marks and table rules say nothing when they recur."""
BUCKETS = 1 << 16

_LOW = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_COUNT = np.uint64(0x0001020304050607)  # times 1 << 8n, shifted down by 56: n
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)
_SEED = np.uint64(0xCBF29CE484222325)
_1, _3, _7, _29, _32, _48, _56 = (np.uint64(number) for number in (1, 3, 7, 29, 32, 48, 56))


class Lines(NamedTuple):
    """Lines of hot buckets, one row per line and document: its hash, document, text, and byte span in the data."""

    hashes: Hashes
    documents: Places
    texts: Places
    starts: Places
    ends: Places


@kernel
def line_end(data: Bytes, eights: Hashes, start: int, last: int) -> int:
    """The position of the first newline from `start` on, or last."""
    i = start
    while i + 16 <= last:
        eight = eight_at(eights, i) ^ _NEWLINES
        found = (eight - _LOW) & ~eight & _HIGH
        if found:
            return int(i + np.int64((((found & (~found + _1)) >> _7) * _COUNT) >> _56))
        i += 8
    while i < last and data[i] != 10:
        i += 1
    return i


@kernel
def trimmed(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """The span without the ASCII white space and control characters at its ends."""
    while start < end and data[start] <= 32:
        start += 1
    while end > start and data[end - 1] <= 32:
        end -= 1
    return start, end


@kernel
def line_hash(data: Bytes, eights: Hashes, start: int, end: int) -> np.uint64:
    """64-bit hash of the bytes of a line, never 0."""
    value = _SEED ^ np.uint64(end - start)
    while end - start >= 16:
        value = (value ^ eight_at(eights, start)) * _MULTIPLY
        value ^= value >> _32
        start += 8
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * _MULTIPLY
    value ^= value >> _29
    return np.uint64((value * _MULTIPLY) | _1)


@kernel
def lines_of(texts: Texts, eights: Hashes, doc: int, lines: Lines) -> tuple[int, Lines]:
    """(n, lines): the lines of a document that are long enough are the first n; the arrays are new when they grew."""
    n = 0
    for text in range(texts.bounds[doc], texts.bounds[doc + 1]):
        start, last = texts.offsets[text], texts.offsets[text + 1]
        while last - start >= SHORTEST:
            stop = line_end(texts.data, eights, start, last)
            first, end = trimmed(texts.data, start, stop)
            if end - first >= SHORTEST:
                if n == lines.hashes.size:
                    lines = grown(lines)
                lines.hashes[n] = line_hash(texts.data, eights, first, end)
                lines.documents[n], lines.texts[n], lines.starts[n], lines.ends[n] = doc, text, first, end
                n += 1
            start = stop + 1
    return n, lines


@kernel
def new_lines(size: int) -> Lines:
    """Room for so many lines."""
    places = np.empty(size, np.int64)
    return Lines(np.empty(size, np.uint64), places, places.copy(), places.copy(), places.copy())


@kernel
def grown(lines: Lines) -> Lines:
    """The lines with room for as many more."""
    return Lines(
        np.append(lines.hashes, lines.hashes),
        np.append(lines.documents, lines.documents),
        np.append(lines.texts, lines.texts),
        np.append(lines.starts, lines.starts),
        np.append(lines.ends, lines.ends),
    )


@kernel
def words_of_eight(data: Bytes) -> Hashes:
    """The bytes as uint64, the rest of less than 8 bytes left out."""
    return data[: data.size // 8 * 8].view(np.uint64)


@kernel
def count_lines(texts: Texts, counts: NDArray[np.uint32]) -> None:
    """Adds to counts[bucket], for every document, one for each bucket into which a line of it falls."""
    eights = words_of_eight(texts.data)
    lines = new_lines(64)
    last = np.full(counts.size, -1, np.int64)
    for doc in range(texts.bounds.size - 1):
        n, lines = lines_of(texts, eights, doc, lines)
        for i in range(n):
            bucket = lines.hashes[i] >> _48
            if last[bucket] != doc:
                last[bucket] = doc
                counts[bucket] += 1


@kernel
def hot_lines(texts: Texts, hot: NDArray[np.bool_]) -> Lines:
    """The lines that fall into a hot bucket."""
    eights = words_of_eight(texts.data)
    lines, kept = new_lines(64), new_lines(64)
    p = 0
    for doc in range(texts.bounds.size - 1):
        n, lines = lines_of(texts, eights, doc, lines)
        for i in range(n):
            if hot[lines.hashes[i] >> _48]:
                if p == kept.hashes.size:
                    kept = grown(kept)
                kept.hashes[p], kept.documents[p], kept.texts[p] = lines.hashes[i], lines.documents[i], lines.texts[i]
                kept.starts[p], kept.ends[p] = lines.starts[i], lines.ends[i]
                p += 1
    return Lines(kept.hashes[:p], kept.documents[:p], kept.texts[:p], kept.starts[:p], kept.ends[:p])
