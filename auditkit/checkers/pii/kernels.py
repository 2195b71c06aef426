# ruff: noqa: PLR0917 - numba passes arguments by position
"""Scans over UTF-8 bytes that find where a value may be. Import inside functions only: numba compiles on first use.

Every kernel takes the bytes of many texts with their offsets and never crosses from one text into the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Ints = NDArray[np.int64]
    Shorts = NDArray[np.int16]

MEMBER = 1 << 62
MOST = 32_000


@kernel
def _grown(rows: Ints) -> Ints:
    """The same rows with room for twice as many."""
    bigger = np.empty((2 * rows.shape[0], rows.shape[1]), np.int64)
    bigger[: rows.shape[0]] = rows
    return bigger


@kernel
def _run_from(data: Bytes, first: int, high: int, weights: Ints) -> tuple[int, int]:
    """(end, counts) of the run that begins at `first`."""
    counts = 0
    i = first
    while i < high and weights[data[i]]:
        if i - first < MOST:
            counts += weights[data[i]] & (MEMBER - 1)
        i += 1
    return i, counts


@kernel
def _next_key(data: Bytes, start: int, high: int, weights: Ints) -> int:
    """The first place from `start` on with a key byte. By itself: an array that may grow slows the loop around it
    tenfold.
    """
    i = start
    while i < high and weights[data[i]] & 1 == 0:
        i += 1
    return i


@kernel
def runs(data: Bytes, offsets: Ints, weights: Ints, need: int) -> Ints:
    """int64[n, 3]: start, end and counts of every maximal run of member bytes with at least `need` key bytes.

    weights[b] = 0 for bytes that are no member, else MEMBER plus what it adds to the counts, four of 15 bits each in
    one
    number; key bytes add one to the first. Counting stops after MOST members: counts of longer runs are lower bounds.
    """
    out = np.empty((1024, 3), np.int64)
    n = 0
    for t in range(offsets.shape[0] - 1):
        edge, high = offsets[t], offsets[t + 1]
        i = _next_key(data, edge, high, weights)
        while i < high:
            first = i
            while first > edge and weights[data[first - 1]]:
                first -= 1
            edge, counts = _run_from(data, first, high, weights)
            if (counts & 0x7FFF) >= need:
                if n == out.shape[0]:
                    out = _grown(out)
                out[n, 0], out[n, 1], out[n, 2] = first, edge, counts
                n += 1
            i = _next_key(data, edge, high, weights)
    return out[:n]


@kernel
def _in_trie(data: Bytes, start: int, stop: int, trie: Ints) -> bool:
    """Whether a word of the trie starts at `start`; ASCII letters of any case are alike."""
    node = 0
    for i in range(start, stop):
        b = data[i] | 32
        if b < 97 or b > 122:
            return False
        node = trie[node, b - 97]
        if node == 0 or trie[node, 26]:
            return bool(node)
    return False


@kernel
def _mark_at(data: Bytes, i: int, low: int, high: int, marks: Ints) -> int:
    """The marks of place i; beyond the ends of the text stands a newline."""
    before = data[i - 1] if i > low else np.uint8(10)
    after = data[i + 1] if i + 1 < high else np.uint8(10)
    return int(marks[0, before] & marks[1, data[i]] & marks[2, after])


@kernel
def _chunk_around(data: Bytes, i: int, low: int, high: int, space: Bytes) -> tuple[int, int]:
    """Start and end of what stands between ASCII spaces around i."""
    first, stop = i, i
    while first > low and not space[data[first - 1]]:
        first -= 1
    while stop < high and not space[data[stop]]:
        stop += 1
    return first, stop


@kernel
def chunks(data: Bytes, offsets: Ints, space: Bytes, marks: Ints, trie: Ints) -> Ints:
    """int64[n, 4]: start, end, marks and (dots << 32 | colons) of each chunk between ASCII spaces that has a mark.

    A place i has mark j when bit j is set in marks[0, byte before], marks[1, byte] and marks[2, byte after]. Bit 0
    counts
    dots between digits, bit 1 colons; bit 2 is kept only where a word of the trie follows the byte.
    """
    out = np.empty((1024, 4), np.int64)
    n = 0
    for t in range(offsets.shape[0] - 1):
        low, high = offsets[t], offsets[t + 1]
        stop = low
        for i in range(low, high):
            if not marks[1, data[i]]:
                continue
            mark = _mark_at(data, i, low, high, marks)
            if mark & 4 and not _in_trie(data, i + 1, high, trie):
                mark &= ~4
            if mark:
                if i >= stop:
                    if n == out.shape[0]:
                        out = _grown(out)
                    first, stop = _chunk_around(data, i, low, high, space)
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = first, stop, 0, 0
                    n += 1
                out[n - 1, 2] |= mark
                out[n - 1, 3] += (mark & 1) << 32 | (mark >> 1) & 1
    return out[:n]


@kernel
def iban_starts(data: Bytes, offsets: Ints, kinds: Bytes) -> Ints:
    """Where an IBAN may start: two letters and two digits, no letter or digit before, twelve bytes in all.

    kinds[b]: 1 = letter, 2 = digit.
    """
    out = np.empty((64, 1), np.int64)
    n = 0
    for t in range(offsets.shape[0] - 1):
        low, high = offsets[t], offsets[t + 1]
        for i in range(low, high - 11):
            if not (
                kinds[data[i]] & 1 and kinds[data[i + 1]] & 1 and kinds[data[i + 2]] & 2 and kinds[data[i + 3]] & 2
            ):
                continue
            if i > low and kinds[data[i - 1]]:
                continue
            if n == out.shape[0]:
                out = _grown(out)
            out[n, 0] = i
            n += 1
    return out[:n, 0].copy()


@kernel
def _cluster_from(data: Bytes, first: int, high: int, kinds: Bytes) -> tuple[int, int, int]:
    """(place after the last digit, digits, place to go on from) of the cluster that begins at `first`."""
    i, last, digits, signs = first, first, 0, 0
    while i < high and kinds[data[i]]:
        kind = kinds[data[i]]
        if kind == 1:
            digits += 1
            last, signs = i, 0
        elif kind == 2:
            signs += 1
            if signs > 4:
                break
        i += 1
    return last + 1, digits, i


@kernel
def clusters(data: Bytes, offsets: Ints, kinds: Bytes) -> Ints:
    """int64[n, 3]: start, end and digits of each group of digits that are at most four signs apart.

    kinds[b]: 1 = digit, 2 = sign that may stand between digits of a phone number or first byte of a non-ASCII
    character,
    4 = byte inside a non-ASCII character.
    """
    out = np.empty((1024, 3), np.int64)
    n = 0
    for t in range(offsets.shape[0] - 1):
        i, high = offsets[t], offsets[t + 1]
        while i < high:
            if kinds[data[i]] != 1:
                i += 1
                continue
            if n == out.shape[0]:
                out = _grown(out)
            out[n, 0] = i
            out[n, 1], out[n, 2], i = _cluster_from(data, i, high, kinds)
            n += 1
    return out[:n]


@kernel
def _skipped(data: Bytes, start: int, stop: int, kinds: Bytes, kind: int, most: int) -> int:
    """The first place from `start` on whose byte is not of this kind, at most `most` further."""
    i = start
    while i < stop and i - start < most and kinds[data[i]] & kind:
        i += 1
    return i


@kernel
def with_leads_and_extensions(data: Bytes, offsets: Ints, found: Ints, kinds: Bytes) -> Ints:
    """int64[n, 4]: text, start, end, digits of clusters, each with the signs before it and what may be its extension.

    kinds[b]: 1 = sign that may lead (or non-ASCII), 2 = space, tab, comma (or non-ASCII), 4 = starts an extension word,
    8 = inside such a word, 16 = between that word and its digits, 32 = digit.
    """
    out = np.empty((found.shape[0], 4), np.int64)
    t = 0
    for k in range(found.shape[0]):
        start, end = found[k, 0], found[k, 1]
        while offsets[t + 1] <= start:
            t += 1
        low, high = offsets[t], offsets[t + 1]
        back = start
        while back > low and start - back < 30 and kinds[data[back - 1]] & 1:
            back -= 1
        while back > low and (data[back] & 0xC0) == 0x80:
            back -= 1
        i = _skipped(data, end, high, kinds, 2, 1 << 40)
        if i < high and kinds[data[i]] & 4:
            i = _skipped(data, i, high, kinds, 8, 24)
            i = _skipped(data, i, high, kinds, 16, 1 << 40)
            end = _skipped(data, i, high, kinds, 32 + 8, 24)
        while end < high and (data[end] & 0xC0) == 0x80:
            end += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = t, back, end, found[k, 2]
    return out


@kernel
def foreign(data: Bytes, offsets: Ints, table: Bytes) -> Bytes:
    """uint8[texts]: 0 = ASCII only, 1 = has other characters, 2 = has one that the table (by code point) marks."""
    out = np.zeros(offsets.shape[0] - 1, np.uint8)
    for t in range(offsets.shape[0] - 1):
        i, high = offsets[t], offsets[t + 1]
        while i < high:
            b = np.int64(data[i])
            if b < 0x80:
                i += 1
                continue
            size = 2 if b < 0xE0 else 3 if b < 0xF0 else 4
            point = b & (0x7F >> size)
            for k in range(1, size):
                point = point << 6 | (np.int64(data[i + k]) & 0x3F)
            out[t] = max(out[t], np.uint8(1 + table[point]))
            i += size
    return out


@kernel
def points(data: Bytes, firsts: Ints, places: Ints) -> Ints:
    """Code points between byte firsts[i] and byte places[i]; rows with equal `firsts` stand together, places
    ascending.
    """
    out = np.empty(places.shape[0], np.int64)
    at, count, first = np.int64(0), 0, np.int64(-1)
    for k in range(places.shape[0]):
        if firsts[k] != first:
            first, at, count = firsts[k], firsts[k], 0
        while at < places[k]:
            count += (data[at] & 0xC0) != 0x80
            at += 1
        out[k] = count
    return out


@kernel
def _next_word(data: Bytes, start: int, high: int, trie: Shorts) -> tuple[int, int]:
    """(place, word) of the next word of the trie from `start` on; (-1, 0) when there is none."""
    for first in range(start, high):
        node = trie[0, data[first]]
        i = first + 1
        while node > 0 and trie[node, 256] == 0 and i < high:
            node = trie[node, data[i]]
            i += 1
        if node > 0 and trie[node, 256]:
            return first, trie[node, 256]
    return -1, 0


@kernel
def _put(out: Ints, n: int, text: int, place: int, word: int) -> tuple[Ints, int]:
    """The table with one more row, and its number of rows."""
    if n == out.shape[0]:
        out = _grown(out)
    out[n, 0], out[n, 1], out[n, 2] = text, place, word
    return out, n + 1


@kernel
def words(data: Bytes, offsets: Ints, trie: Shorts, near: int) -> Ints:
    """int64[n, 3]: text, place and number (from 1) of words of the trie; of words with a common start the shortest.

    Of a chain of equal words, each at most `near` bytes from the next, its ends are there and so many between them that
    they are no further apart: a text that is nothing but one word has few rows. Rows of a text are in no order.
    trie[node, byte] = next node, trie[node, 256] = number of the word that ends there.
    """
    out = np.empty((256, 3), np.int64)
    n, n_words = 0, int(trie[:, 256].max()) + 1
    kept, last = np.full(n_words, -1, np.int64), np.full(n_words, -1, np.int64)  # places of each word
    waiting, since = np.empty(n_words, np.int64), np.full(n_words, -1, np.int64)  # words with a place that is not out
    for t in range(offsets.shape[0] - 1):
        start, n_waiting = offsets[t], 0
        place, word = _next_word(data, start, offsets[t + 1], trie)
        while place >= 0:
            if kept[word] >= start and last[word] > kept[word] and place - kept[word] > near:
                out, n = _put(out, n, t, last[word], word)
                kept[word] = last[word]
            if kept[word] < start or place - kept[word] > near:
                out, n = _put(out, n, t, place, word)
                kept[word] = place
            elif since[word] != t:
                waiting[n_waiting], since[word] = word, t
                n_waiting += 1
            last[word] = place
            place, word = _next_word(data, place + 1, offsets[t + 1], trie)
        for k in range(n_waiting):
            if last[waiting[k]] > kept[waiting[k]]:
                out, n = _put(out, n, t, last[waiting[k]], waiting[k])
    return out[:n]
