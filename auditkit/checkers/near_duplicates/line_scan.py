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
    at = start >> 3
    asked = ~np.uint64(0) << np.uint64((start & 7) << 3)  # not the bytes before start
    while at < min(eights.size, (last + 7) >> 3):
        eight = eights[at] ^ _NEWLINES
        found = ~(((eight & ~_HIGH) + ~_HIGH) | eight | ~_HIGH) & asked
        if found:
            return min(last, int((at << 3) + np.int64((((found & (~found + _1)) >> _7) * _COUNT) >> _56)))
        asked = ~np.uint64(0)
        at += 1
    i = max(start, at << 3)
    while i < last and data[i] != 10:
        i += 1
    return min(i, last)


@kernel
def trimmed(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """The span without the ASCII white space and control characters at its ends."""
    while start < end and data[start] <= 32:
        start += 1
    while end > start and data[end - 1] <= 32:
        end -= 1
    return start, end


@kernel
def eight_bytes(data: Bytes, eights: Hashes, i: int) -> np.uint64:
    """The 8 bytes from byte i on, also at the very end of the data."""
    if (i >> 3) + 1 < eights.size:
        return eight_at(eights, i)
    value = np.uint64(0)
    for k in range(8):
        value |= np.uint64(data[i + k]) << np.uint64(8 * k)
    return value


@kernel
def line_hash(data: Bytes, eights: Hashes, start: int, end: int) -> np.uint64:
    """64-bit hash of the 8 bytes or more of a line, never 0; the last 8 bytes may overlap with those before."""
    value = _SEED ^ np.uint64(end - start)
    while start + 8 < end:
        value = (value ^ eight_bytes(data, eights, start)) * _MULTIPLY
        value ^= value >> _32
        start += 8
    value = (value ^ eight_bytes(data, eights, end - 8)) * _MULTIPLY
    value ^= value >> _29
    return np.uint64((value * _MULTIPLY) | _1)


@kernel
def points_before(data: Bytes, firsts: Places, positions: Places) -> Places:
    """Number of code points in data[firsts[i]:positions[i]]."""
    points = np.empty(positions.size, np.int64)
    for i in range(positions.size):
        count = 0
        for byte in data[firsts[i] : positions[i]]:
            count += (byte & 0xC0) != 0x80
        points[i] = count
    return points


@kernel
def words_of_eight(data: Bytes) -> Hashes:
    """The bytes as uint64, the rest of less than 8 bytes left out."""
    return data[: data.size // 8 * 8].view(np.uint64)


@kernel
def count_lines(texts: Texts, counts: NDArray[np.uint32]) -> None:
    """Adds to counts[bucket], for every document, one for each bucket into which a line of it falls."""
    data, offsets = texts.data, texts.offsets
    eights = words_of_eight(data)
    last_doc = np.full(counts.size, -1, np.int64)
    for doc in range(texts.bounds.size - 1):
        for text in range(texts.bounds[doc], texts.bounds[doc + 1]):
            start, last = offsets[text], offsets[text + 1]
            while last - start >= SHORTEST:
                stop = line_end(data, eights, start, last)
                first, end = trimmed(data, start, stop)
                if end - first >= SHORTEST:
                    bucket = line_hash(data, eights, first, end) >> _48
                    counts[bucket] += last_doc[bucket] != doc
                    last_doc[bucket] = doc
                start = stop + 1


@kernel
def hot_lines(texts: Texts, hot: NDArray[np.bool_]) -> Lines:
    """The lines that fall into a hot bucket."""
    data, offsets = texts.data, texts.offsets
    eights = words_of_eight(data)
    room = (offsets[-1] - offsets[0]) // SHORTEST + 1  # more lines there cannot be; untouched pages cost nothing
    hashes, documents, of_text = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    n = 0
    for doc in range(texts.bounds.size - 1):
        for text in range(texts.bounds[doc], texts.bounds[doc + 1]):
            start, last = offsets[text], offsets[text + 1]
            while last - start >= SHORTEST:
                stop = line_end(data, eights, start, last)
                first, end = trimmed(data, start, stop)
                start = stop + 1
                if end - first < SHORTEST:
                    continue
                value = line_hash(data, eights, first, end)
                if hot[value >> _48]:
                    hashes[n], documents[n], of_text[n], starts[n], ends[n] = value, doc, text, first, end
                    n += 1
    return Lines(hashes[:n], documents[:n], of_text[:n], starts[:n], ends[:n])
