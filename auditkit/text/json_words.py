"""The words of JSON over bytes: strings, numbers, literals, and well-formed UTF-8.

Import this module inside functions only: it uses numba.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from auditkit.text.jit import kernel

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]

SCALAR, NULL = 2, 3
"""The kinds that scalar_at tells apart: a number or boolean, null."""

_QUOTE, _ESCAPE, _BAD, _TWO, _THREE, _FOUR = 1, 2, 3, 4, 5, 6
_SAFE_DIGITS = 200  # with an exponent of two digits this stays below the largest double, 1.8e308
_FNV_OFFSET = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
_FNV_PRIME = np.uint64(0x100000001B3)


def _classes() -> Bytes:
    table = np.zeros(256, np.uint8)
    table[:0x20] = _BAD
    table[0x80:] = _BAD
    table[0xC2:0xE0] = _TWO
    table[0xE0:0xF0] = _THREE
    table[0xF0:0xF5] = _FOUR
    table[0x22] = _QUOTE
    table[0x5C] = _ESCAPE
    return table


def _simple_escapes() -> Bytes:
    table = np.zeros(256, np.uint8)
    for letter, value in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
        table[letter] = value
    return table


_CLASS = _classes()
_SIMPLE = _simple_escapes()
_LITERALS = (
    np.frombuffer(b"true", np.uint8),
    np.frombuffer(b"false", np.uint8),
    np.frombuffer(b"null", np.uint8),
)


@kernel
def _hex(data: Bytes, i: int) -> int:
    """The value of the four hexadecimal digits at i, or -1."""
    value = 0
    for k in range(i, i + 4):
        c = data[k]
        if 48 <= c <= 57:
            digit = c - 48
        elif 97 <= c <= 102:
            digit = c - 87
        elif 65 <= c <= 70:
            digit = c - 55
        else:
            return -1
        value = value * 16 + digit
    return value


@kernel
def _escape(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """(length, bytes in UTF-8) of the escape whose backslash is at i; (0, 0) when it is none or a lone surrogate."""
    if i + 1 >= end:
        return 0, 0
    c = data[i + 1]
    if c != 117:  # u
        known = c in (34, 92, 47, 98, 102, 110, 114, 116)
        return (2, 1) if known else (0, 0)
    code = _hex(data, i + 2) if i + 6 <= end else -1
    if code < 0 or 0xDC00 <= code < 0xE000:
        return 0, 0
    if 0xD800 <= code < 0xDC00:
        paired = i + 12 <= end and data[i + 6] == 92 and data[i + 7] == 117
        low = _hex(data, i + 8) if paired else -1
        return (12, 4) if 0xDC00 <= low < 0xE000 else (0, 0)
    return 6, 1 if code < 0x80 else 2 if code < 0x800 else 3


@kernel
def sequence_at(data: Bytes, i: int, end: int) -> int:
    """The length of the well-formed UTF-8 sequence of two to four bytes at i (Unicode 16, table 3-7), or 0."""
    c = data[i]
    kind = _CLASS[c]
    length = 2 if kind == _TWO else 3 if kind == _THREE else 4 if kind == _FOUR else 0
    if length == 0 or i + length > end:
        return 0
    low = 0xA0 if c == 0xE0 else 0x90 if c == 0xF0 else 0x80
    high = 0x9F if c == 0xED else 0x8F if c == 0xF4 else 0xBF
    if not low <= data[i + 1] <= high:
        return 0
    for k in range(i + 2, i + length):
        if data[k] & 0xC0 != 0x80:
            return 0
    return length


@kernel
def string_at(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """(closing quote, bytes of the value in UTF-8) of the string whose first character is at i; (-1, 0) if bad."""
    first = i
    saved = 0
    while i < end:
        kind = _CLASS[data[i]]
        if kind == 0:
            i += 1
        elif kind == _QUOTE:
            return i, i - first - saved
        elif kind == _ESCAPE:
            length, size = _escape(data, i, end)
            if length == 0:
                return -1, 0
            i += length
            saved += length - size
        else:
            length = sequence_at(data, i, end) if kind != _BAD else 0
            if length == 0:
                return -1, 0
            i += length
    return -1, 0


@kernel
def name_at(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """(closing quote, 64-bit FNV-1a hash) of the name whose first character is at i; (-1, 0) if it has escapes."""
    state = _FNV_OFFSET
    stop, size = string_at(data, i, end)
    if stop < 0 or size != stop - i:
        return -1, 0
    for k in range(i, stop):
        state = (state ^ np.uint64(data[k])) * _FNV_PRIME
    return stop, np.int64(state)  # type: ignore[return-value]


@kernel
def _digits(data: Bytes, i: int, end: int) -> int:
    while i < end and 48 <= data[i] <= 57:
        i += 1
    return i


@kernel
def _number(data: Bytes, i: int, end: int) -> int:
    """Where the number at i ends, or -1 when it is not one or might overflow a double."""
    if data[i] == 45:
        i += 1
    whole = _digits(data, i, end)
    if whole == i or whole - i > _SAFE_DIGITS or (whole - i > 1 and data[i] == 48):
        return -1
    i = whole
    if i < end and data[i] == 46:
        i = _digits(data, whole + 1, end)
        if i == whole + 1:
            return -1
    if i < end and data[i] | 32 == 101:
        tiny = i + 1 < end and data[i + 1] == 45
        first = i + 2 if tiny or (i + 1 < end and data[i + 1] == 43) else i + 1
        i = _digits(data, first, end)
        if i == first or (i - first > 2 and not tiny):
            return -1
    return i


@kernel
def _literal(data: Bytes, i: int, end: int) -> int:
    """Where `true`, `false` or `null` at i ends, or -1."""
    for word in _LITERALS:
        n = len(word)
        if i + n <= end and data[i] == word[0]:
            for k in range(n):
                if data[i + k] != word[k]:
                    return -1
            return i + n
    return -1


@kernel
def scalar_at(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """(end, kind) of the number or literal at i; end is -1 when it is neither."""
    c = data[i]
    if c == 45 or 48 <= c <= 57:
        return _number(data, i, end), SCALAR
    return _literal(data, i, end), NULL if c == 110 else SCALAR


@kernel
def skip_space(data: Bytes, i: int, end: int) -> int:
    """The place of the first byte at or after i that is no JSON white space."""
    while i < end and data[i] in (32, 9, 13, 10):
        i += 1
    return i


@kernel
def _put(out: Bytes, at: int, code: int) -> int:
    """Write one code point in UTF-8; where the next goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 63
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | code >> 6 & 63
        out[at + 2] = 0x80 | code & 63
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | code >> 12 & 63
    out[at + 2] = 0x80 | code >> 6 & 63
    out[at + 3] = 0x80 | code & 63
    return at + 4


@kernel
def _decode(data: Bytes, i: int, end: int, out: Bytes, at: int) -> None:
    """Write the unescaped string data[i:end], known to be well-formed, to out from `at`."""
    while i < end:
        c = data[i]
        if c != 92:
            out[at] = c
            at += 1
            i += 1
        elif data[i + 1] != 117:
            out[at] = _SIMPLE[data[i + 1]]
            at += 1
            i += 2
        else:
            code = _hex(data, i + 2)
            i += 6
            if 0xD800 <= code < 0xDC00:
                code = 0x10000 + ((code - 0xD800) << 10) + _hex(data, i + 2) - 0xDC00
                i += 6
            at = _put(out, at, code)


@kernel
def copy_strings(data: Bytes, spans: Ints, offsets: Ints, out: Bytes) -> None:
    """Write each (start, end, size) string of spans, unescaped, to out[offsets[k]:offsets[k] + size]."""
    for k in range(len(spans)):
        first, last, size = spans[k, 0], spans[k, 1], spans[k, 2]
        if last - first == size:
            out[offsets[k] : offsets[k] + size] = data[first:last]
        else:
            _decode(data, first, last, out, offsets[k])
