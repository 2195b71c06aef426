"""Strict scanning of JSON lines over bytes: which lines are clean beyond doubt, and where their fields are.

A line is clean when it is one JSON object of RFC 8259 in UTF-8 without duplicate names, lone surrogates, numbers that
overflow, or nesting beyond the limit. The scan may doubt a good line (a name written with escapes, an object of more
names than the table holds); it never calls a bad line clean. Import this module inside functions only: it uses numba.
"""

from __future__ import annotations

import numpy as np

from auditkit.text.jit import kernel
from auditkit.text.json_words import NULL, SCALAR, Bytes, Ints, name_at, scalar_at, skip_space, string_at

__all__ = ["ABSENT", "BLANK", "CLEAN", "DOUBT", "MORE", "NESTED", "NULL", "SCALAR", "STRING", "scan_lines"]

CLEAN, DOUBT, BLANK, _FULL, MORE = 0, 1, 2, 3, 4
ABSENT, STRING, NESTED = 0, 1, 4
"""What a wanted field holds: nothing, a string, SCALAR (a number or boolean), NULL, or a list or object."""

_VALUE, _FIRST_NAME, _NAME, _FIRST_ITEM, _AFTER = 0, 1, 2, 3, 4
_MAX_NAMES = 512  # names of all open objects; more makes the line doubtful
_MAX_DEPTH = 256


@kernel
def _wanted(data: Bytes, i: int, stop: int, names: Bytes, bounds: Ints, first: int, last: int) -> int:  # noqa: PLR0917
    """The index in first..last of the wanted name that stands at i..stop, or -1."""
    for k in range(first, last):
        if bounds[k + 1] - bounds[k] == stop - i:
            same = True
            for j in range(stop - i):
                if names[bounds[k] + j] != data[i + j]:
                    same = False
                    break
            if same:
                return k
    return -1


@kernel
def _known(hashes: Ints, first: int, last: int) -> bool:
    """Whether hashes[last] is among hashes[first:last]."""
    for k in range(first, last):  # noqa: SIM110 - numba has no generators here
        if hashes[k] == hashes[last]:
            return True
    return False


@kernel
def _scan_line(  # noqa: C901, PLR0911, PLR0912, PLR0915, PLR0917 - one automaton: calls would cost half its speed
    data: Bytes,
    i: int,
    end: int,
    names: Bytes,
    bounds: Ints,
    limits: Ints,
    spans: Ints,
    kinds: Bytes,
    tally: Ints,
    found: Ints,
    work: Ints,
) -> int:
    max_nesting, n_top, listed, n_told = limits[0], limits[1], limits[2], limits[3]
    if i + 3 <= end and data[i] == 0xEF and data[i + 1] == 0xBB and data[i + 2] == 0xBF:
        i += 3
    i = skip_space(data, i, end)
    if i == end:
        return BLANK
    if data[i] != 123:
        return DOUBT
    hashes, firsts = work[:_MAX_NAMES], work[_MAX_NAMES:]  # names of the open objects; where each level's names begin
    n_names = 0
    depth = 0
    wanted = (
        -1
    )  # the wanted name whose value comes next: at depth 1 one of the first n_top, in the list one of the rest
    in_list = False
    more = False
    state = _VALUE
    while True:
        i = skip_space(data, i, end)
        if depth == 0 and state == _AFTER:
            return DOUBT if i < end else MORE if more else CLEAN
        if i >= end:
            return DOUBT
        c = data[i]
        if (c == 125 and state in (_AFTER, _FIRST_NAME)) or (c == 93 and state in (_AFTER, _FIRST_ITEM)):
            if (firsts[depth] >= 0) != (c == 125):
                return DOUBT
            if c == 125:
                n_names = firsts[depth]
            depth -= 1
            in_list &= depth > 1
            state = _AFTER
            i += 1
            continue
        if state == _AFTER:
            if c != 44:
                return DOUBT
            state = _NAME if firsts[depth] >= 0 else _VALUE
            i += 1
            continue
        if state in (_NAME, _FIRST_NAME):
            if c != 34 or n_names == _MAX_NAMES:
                return DOUBT
            stop, hashes[n_names] = name_at(data, i + 1, end)
            if stop < 0 or _known(hashes, firsts[depth], n_names):
                return DOUBT
            wanted = -1
            if depth == 1:
                wanted = _wanted(data, i + 1, stop, names, bounds, 0, n_top)
            elif depth == 3 and in_list:
                wanted = _wanted(data, i + 1, stop, names, bounds, n_top, len(bounds) - 1)
            n_names += 1
            i = skip_space(data, stop + 1, end)
            if i >= end or data[i] != 58:
                return DOUBT
            i += 1
            state = _VALUE
            continue
        if depth == 2 and in_list:
            wanted = n_top if len(bounds) - 1 == n_top else -1
            tally[0] += 1
        if c in (123, 91):
            depth += 1
            if depth > max_nesting or depth >= _MAX_DEPTH:
                return DOUBT
            if depth == 2 and wanted >= 0:
                kinds[wanted] = NESTED
                in_list = wanted == listed and c == 91
            more |= wanted >= n_told
            wanted = -1
            firsts[depth] = n_names if c == 123 else -1
            state = _FIRST_NAME if c == 123 else _FIRST_ITEM
            i += 1
            continue
        if c == 34:
            first = i + 1
            stop, size = string_at(data, first, end)
            kind = STRING
            i = stop + 1
        else:
            first = i
            stop, kind = scalar_at(data, i, end)
            size = stop - i
            i = stop
        if stop < 0:
            return DOUBT
        if wanted >= n_told:
            more |= kind != NULL and size > 0
        elif wanted >= 0:
            if depth == 1:
                spans[wanted, 0], spans[wanted, 1], spans[wanted, 2] = first, stop, size
                kinds[wanted] = kind
            elif kind == STRING:
                n = tally[1]
                if n == len(found):
                    return _FULL
                found[n, 0], found[n, 1], found[n, 2], found[n, 3] = wanted - n_top, first, stop, size
                tally[1] = n + 1
        state = _AFTER


@kernel
def scan_lines(  # noqa: PLR0917 - kernels take arrays by position
    data: Bytes,
    starts: Ints,
    ends: Ints,
    names: Bytes,
    bounds: Ints,
    limits: Ints,
    status: Bytes,
    spans: Ints,
    kinds: Bytes,
    counts: Ints,
    found: Ints,
) -> int:
    """Fill status[line], kinds[line, k] and spans[line, k] = (start, end, bytes when unescaped) of the wanted names.

    starts, ends: the lines in data, line ends left out. names, bounds: name k is names[bounds[k]:bounds[k + 1]].
    limits: (nesting, n, l, m). The first n names count at the top level of the object. If l >= 0, name l is a list, and
    the strings in it are found too: its own elements, or with m > n those of the names up to m in its objects; a line
    in which an object has a value (not null, not "") under a name from m on is MORE instead of CLEAN.
    They fill found[j] = (name - n, start, end, bytes when unescaped), in order, counts[line] = (elements, strings).
    The result is how many were found, or -1 when `found` is too short. Of a line that is not CLEAN nothing else counts.
    """
    work = np.empty(_MAX_NAMES + _MAX_DEPTH, np.int64)
    tally = np.zeros(2, np.int64)
    for line in range(len(starts)):
        tally[0] = 0
        before = tally[1]
        status[line] = _scan_line(
            data, starts[line], ends[line], names, bounds, limits, spans[line], kinds[line], tally, found, work
        )
        if status[line] == _FULL:
            return -1
        if status[line] != CLEAN:
            tally[1] = before
        counts[line, 0], counts[line, 1] = tally[0], tally[1] - before
    return int(tally[1])
