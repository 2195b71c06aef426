"""Map stages over parts of the corpus's hashes: who has an equal one, who shares a band with whom.

An item is a part of the hashes, cut by their highest bits and never by the number of workers; the results are small.
Main memory holds 9 bytes per document for rows, clusters and parts; hashes are read from mapped files.
A run has room for 2^32 documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import Context

    Rows = NDArray[np.uint32]
    Usable = Callable[[slice], NDArray[np.bool_]]

PART = 1 << 21
"""Hashes in an item: about 50 MB while they are sorted."""
MOST_PARTS = 64
"""Parts at most, since each is found by reading all hashes: larger corpora have larger parts."""
CHUNK = 1 << 19
"""Hashes read at a time."""

_32 = np.uint64(32)


class Equal(NamedTuple):
    """Rows that equal an earlier row, ascending, and the first row that each of them equals."""

    rows: Rows
    firsts: Rows


def equal(values: NDArray[np.uint64], context: Context, usable: Usable | None = None) -> Equal:
    """The rows whose value an earlier usable row has; 0 equals nothing."""
    none = {"rows": np.zeros(0, np.uint32), "firsts": np.zeros(0, np.uint32)}
    found = [none, *(same._asdict() for same in context.run(equal_in, parts(values, usable)))]
    rows, firsts = (np.concatenate([part[name] for part in found]) for name in none)
    order = np.argsort(rows, kind="stable")
    return Equal(rows[order], firsts[order])


def equal_in(item: tuple[NDArray[np.uint64], Rows]) -> Equal:
    """The rows of a part that equal an earlier one."""
    values, rows = item
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    if not len(again):
        return Equal(rows[:0], rows[:0])
    opens = np.flatnonzero(np.diff(again, prepend=-1) != 1)  # the first repetition of each value
    firsts = np.repeat(again[opens] - 1, np.diff(opens, append=len(again)))
    return Equal(rows[order[again]], rows[order[firsts]])


def parts(values: NDArray[np.uint64], usable: Usable | None = None) -> Iterator[tuple[NDArray[np.uint64], Rows]]:
    """(values, rows) of each part, found by reading all values once per part."""
    bits = part_bits(len(values))
    for part in range(1 << bits):
        pieces, rows = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
        for low in range(0, len(values), CHUNK):
            here = slice(low, min(low + CHUNK, len(values)))
            chunk = np.asarray(values[here])
            wanted = chunk != 0
            if bits:
                wanted &= (chunk >> np.uint64(64 - bits)) == part
            if usable is not None:
                wanted &= usable(here)
            pieces.append(chunk[wanted])
            rows.append((low + np.flatnonzero(wanted)).astype(np.uint32))
        yield np.concatenate(pieces), np.concatenate(rows)


def part_bits(n: int) -> int:
    """How many of the highest bits of a hash name its part."""
    return (min(MOST_PARTS, -(-n // PART)) - 1).bit_length() if n else 0


def clusters(keys: NDArray[np.uint32], rows: Rows, context: Context) -> Rows:
    """uint32 per row: the place in `rows` of the first one that is linked to it through shared bands."""
    from auditkit.checkers.near_duplicates.leaders import roots, unite

    parents = np.arange(len(rows), dtype=np.uint32)
    for pairs in context.run(sharing, _bands(keys, rows, context)):
        unite(parents, pairs[0], pairs[1])
    roots(parents)
    return parents


def sharing(item: tuple[NDArray[np.uint32], Rows | None]) -> NDArray[np.uint32]:
    """uint32[2, k]: neighbours among the places with the same key in the same band.

    item: keys uint32[m, bands] and their places; None stands for 0 to m - 1.
    """
    keys, places = item
    pairs = [np.zeros((2, 0), np.uint32)]
    for band in range(keys.shape[1]):
        ordered = in_band(keys[:, band])
        same = (ordered[1:] >> _32) == (ordered[:-1] >> _32)
        pairs.append(np.stack([ordered[:-1][same], ordered[1:][same]]).astype(np.uint32))
    linked = np.concatenate(pairs, axis=1)
    return linked if places is None else places[linked]


def in_band(keys: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Sorted uint64: the key in the upper half, the index in the lower."""
    ordered = keys.astype(np.uint64)  # each step in place: of some million keys
    ordered <<= _32
    ordered |= np.arange(len(keys), dtype=np.uint64)
    ordered.sort()
    return ordered


def _bands(keys: NDArray[np.uint32], rows: Rows, context: Context) -> Iterator[tuple[NDArray[np.uint32], Rows | None]]:
    """Items for `sharing`: several bands of few rows, or a part of one band of many."""
    bits, n_bands = part_bits(len(rows)), keys.shape[1]
    if not bits:
        several = max(1, PART // max(1, len(rows)))
        for first in range(0, n_bands, several):
            yield keys[rows, first : first + several], None
        return
    chunks = (keys[rows[low : low + CHUNK]] for low in range(0, len(rows), CHUNK))
    columns = context.gather({str(band): chunk[:, band] for band in range(n_bands)} for chunk in chunks)
    for band in range(n_bands):
        own = columns[str(band)]
        part_of = (own >> np.uint32(32 - bits)).astype(np.uint8)
        for part in range(1 << bits):
            places = np.flatnonzero(part_of == part)
            yield own[places, np.newaxis], places.astype(np.uint32)
