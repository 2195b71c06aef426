"""Records and fields of delimited text (RFC 4180) over bytes. Import this module inside functions only: it uses numba.

A field that begins with a quote ends with one, and doubles those inside; a record ends with LF (a CR before it belongs
to the line end), or with CR in a file that knows no LF. Whatever else is done with quotes makes the record bad: readers
differ in what they make of it.
"""

from __future__ import annotations

from auditkit.text.jit import kernel
from auditkit.text.json_words import Bytes, Ints, sequence_at

FIELD, PLAIN, QUOTED, CLOSED, SKIP = 0, 1, 2, 3, 4
"""Where a scan is: before a field, in a plain or quoted one, after its second quote, in the rest of a bad record."""
GOOD, RAGGED, MISQUOTED, BARE_CR, NOT_UTF8, NUL = 0, 1, 2, 3, 4, 5
"""What a record is."""

_QUOTE, _CR, _LF = 34, 13, 10


@kernel
def record_ends(data: Bytes, state: int, delimiter: int, newline: int, ends: Ints) -> tuple[int, int]:
    """(how many, state): the places after each record's line end are written to `ends`, as long as data.

    state: where the bytes before data left off; FIELD at the start.
    """
    n = 0
    for i in range(len(data)):
        c = data[i]
        if state == QUOTED:
            if c == _QUOTE:
                state = CLOSED
        elif c == newline:
            ends[n] = i + 1
            n += 1
            state = FIELD
        elif state == SKIP:
            continue
        elif c == delimiter:
            state = FIELD
        elif c == _QUOTE:
            state = PLAIN if state == PLAIN else QUOTED
        else:
            state = SKIP if state == CLOSED and c != _CR else PLAIN
    return n, state


@kernel
def _well_formed(data: Bytes, i: int, end: int) -> int:
    """GOOD, or NUL or NOT_UTF8 for what is in data[i:end]."""
    while i < end:
        c = data[i]
        if 0 < c < 0x80:
            i += 1
            continue
        if c == 0:
            return NUL
        length = sequence_at(data, i, end)
        if length == 0:
            return NOT_UTF8
        i += length
    return GOOD


@kernel
def _quoted(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """(place after the closing quote, bytes of the value) of the field whose opening quote is at i; (-1, 0) if open."""
    first = i + 1
    doubled = 0
    i = first
    while i < end:
        if data[i] != _QUOTE:
            i += 1
        elif i + 1 < end and data[i + 1] == _QUOTE:
            doubled += 1
            i += 2
        else:
            return i + 1, i - first - doubled
    return -1, 0


@kernel
def _record(  # noqa: C901, PLR0917 - one automaton
    data: Bytes, i: int, end: int, delimiter: int, slots: Ints, spans: Ints
) -> int:
    """What the record data[i:end] is; the (start, end, size) of its wanted fields are written to spans."""
    column = 0
    while True:
        if i < end and data[i] == _QUOTE:
            first = i + 1
            i, size = _quoted(data, i, end)
            if i < 0 or (i < end and data[i] != delimiter):
                return MISQUOTED
            last = i - 1
        else:
            first = i
            while i < end and data[i] != delimiter:
                if data[i] == _CR or data[i] == _LF:
                    return BARE_CR
                if data[i] == _QUOTE and delimiter == 44:
                    return MISQUOTED
                i += 1
            last, size = i, i - first
        if column == len(slots):
            return RAGGED
        if slots[column] >= 0:
            spans[slots[column], 0], spans[slots[column], 1], spans[slots[column], 2] = first, last, size
        column += 1
        if i >= end:
            return GOOD if column == len(slots) else RAGGED
        i += 1


@kernel
def records(  # noqa: PLR0917 - kernels take arrays by position
    data: Bytes, starts: Ints, ends: Ints, delimiter: int, slots: Ints, status: Bytes, spans: Ints
) -> None:
    """Fill status[record] and spans[record, slot] = (start, end, bytes when unquoted) of the wanted fields.

    starts, ends: the records in data without their line ends. slots: for each column its place in spans, or -1.
    """
    for k in range(len(starts)):
        kind = _well_formed(data, starts[k], ends[k])
        if kind == GOOD:
            kind = _record(data, starts[k], ends[k], delimiter, slots, spans[k])
        status[k] = kind


@kernel
def copy_fields(data: Bytes, spans: Ints, offsets: Ints, out: Bytes) -> None:
    """Write each (start, end, size) field, its doubled quotes made single, to out[offsets[k]:offsets[k] + size]."""
    for k in range(len(spans)):
        i, last, at = spans[k, 0], spans[k, 1], offsets[k]
        if last - i == spans[k, 2]:
            out[at : at + last - i] = data[i:last]
            continue
        while i < last:
            out[at] = data[i]
            at += 1
            i += 2 if data[i] == _QUOTE else 1
