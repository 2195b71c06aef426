"""Kernels that turn UTF-8 texts into folded words and words into 64-bit hashes, 8 bytes at a time.

A folded text is a run of bytes in which 0 stands between words and everything else is lower-case UTF-8 of a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.folding import EXPAND, HANGUL, IGNORE, IOTA, IOTA_BELOW, MARK, REORDER, SEPARATE, SINGLE, Folding
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Marks = NDArray[np.uint32]

MAX_GROWTH = 12
"""Folded bytes per non-ASCII byte at most: U+FDFA, 3 bytes, decomposes into 18 letters of 33 bytes."""
PADDING = 128
"""Zero bytes that a folded text has behind its end, so that steps of 64 bytes stay inside the buffer."""
LONGEST_MARKS = 30
"""Combining marks brought into canonical order at a time; Unicode Standard Annex 15, stream-safe text format."""

_SEED = np.uint64(0xCBF29CE484222325)  # offset basis of FNV-1a (Noll 1991)
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)  # first constant of the 64-bit finaliser of MurmurHash3 (Appleby 2011)
_HIGH = np.uint64(0x8080808080808080)
_GATHER = np.uint64(0x0102040810204080)  # brings bit 0 of each byte together in the highest byte
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # every 6-bit window differs (Leiserson, Prokop, Randall 1998)
_POSITION = np.zeros(64, np.uint8)
_POSITION[[((0x03F79D71B4CB0A89 << bit) & (2**64 - 1)) >> 58 for bit in range(64)]] = np.arange(64)
_1, _3, _7, _29, _32, _56, _58, _63 = (np.uint64(number) for number in (1, 3, 7, 29, 32, 56, 58, 63))


@kernel
def folded_bound(text: Bytes) -> int:
    """The most bytes that this text takes when folded."""
    high = 0
    for start in range(0, text.size, 128):  # sums of up to 128 bits fit a byte, which the compiler adds 32 at a time
        block = np.uint8(0)
        for byte in text[start : start + 128]:
            block = np.uint8(block + (byte >> np.uint8(7)))
        high += int(block)
    return text.size + MAX_GROWTH * high


@kernel
def fold_ascii(text: Bytes, out: Bytes) -> None:
    """Fills out, of the same length, with the folded ASCII text."""
    for i in range(text.size):
        byte = text[i]
        lower = np.uint8(byte | np.uint8(32))
        is_letter = np.uint8(lower - np.uint8(97)) < np.uint8(26)
        is_digit = np.uint8(byte - np.uint8(48)) < np.uint8(10)
        out[i] = lower if is_letter else (byte if is_digit else np.uint8(0))


@kernel
def ascii_end(text: Bytes, first: int) -> int:
    """The first position from `first` on with a byte of 128 or more, or the end."""
    i = first
    while i + 32 <= text.size:
        high = np.uint8(0)
        for byte in text[i : i + 32]:
            high |= byte
        if high >= 128:
            break
        i += 32
    while i < text.size and text[i] < 128:
        i += 1
    return i


@kernel
def decode(text: Bytes, i: int) -> tuple[int, int]:
    """(code point, bytes) of the character of two or more bytes at i; the text is valid UTF-8."""
    lead, second = int(text[i]), int(text[i + 1]) & 63
    if lead < 0xE0:
        return ((lead & 31) << 6) | second, 2
    third = int(text[i + 2]) & 63
    if lead < 0xF0:
        return ((lead & 15) << 12) | (second << 6) | third, 3
    return ((lead & 7) << 18) | (second << 12) | (third << 6) | (int(text[i + 3]) & 63), 4


@kernel
def encode(code: int, out: Bytes, p: int) -> int:
    """The position behind the UTF-8 of `code`, which is written to out from p."""
    if code < 0x80:
        out[p] = code
        return p + 1
    if code < 0x800:
        out[p] = 0xC0 | (code >> 6)
        out[p + 1] = 0x80 | (code & 63)
        return p + 2
    if code < 0x10000:
        out[p] = 0xE0 | (code >> 12)
        out[p + 1] = 0x80 | ((code >> 6) & 63)
        out[p + 2] = 0x80 | (code & 63)
        return p + 3
    out[p] = 0xF0 | (code >> 18)
    out[p + 1] = 0x80 | ((code >> 12) & 63)
    out[p + 2] = 0x80 | ((code >> 6) & 63)
    out[p + 3] = 0x80 | (code & 63)
    return p + 4


@kernel
def put_marks(unicode: Folding, marks: Marks, out: Bytes, p: int) -> int:
    """The position behind the waiting marks, written in canonical order; marks[0] is how many wait."""
    for i in range(2, marks[0] + 1):
        mark = marks[i]
        j = i - 1
        while j >= 1 and unicode.combining[marks[j]] > unicode.combining[mark]:
            marks[j + 1] = marks[j]
            j -= 1
        marks[j + 1] = mark
    for i in range(1, marks[0] + 1):
        is_letter = marks[i] == IOTA_BELOW
        p = encode(IOTA, out, put_break(marks, out, p)) if is_letter else encode(marks[i], out, p)
    marks[0] = 0
    return p


@kernel
def put_break(marks: Marks, out: Bytes, p: int) -> int:
    """The position behind a separator where the last character was a word of its own, else p."""
    if not marks[LONGEST_MARKS + 1]:
        return p
    marks[LONGEST_MARKS + 1] = 0
    out[p] = 0
    return p + 1


@kernel
def put(code: int, unicode: Folding, marks: Marks, out: Bytes, p: int) -> int:
    """The position behind one folded character. out[p - 1] == 0 means that no word is open."""
    step = unicode.step[code]
    if step == IGNORE:
        return p
    if step == REORDER:
        if out[p - 1] != 0 or code == IOTA_BELOW:
            marks[0] += 1
            marks[marks[0]] = code
            if marks[0] == LONGEST_MARKS:
                p = put_marks(unicode, marks, out, p)
        return p
    p = put_marks(unicode, marks, out, p)
    if step == MARK:
        return encode(code, out, p) if out[p - 1] != 0 else p
    if step in (SEPARATE, SINGLE):
        marks[LONGEST_MARKS + 1] = 1
    p = put_break(marks, out, p)
    marks[LONGEST_MARKS + 1] = step == SINGLE
    return p if step == SEPARATE else encode(code, out, p)


@kernel
def put_hangul(code: int, unicode: Folding, marks: Marks, out: Bytes, p: int) -> int:
    """The position behind the letters of a Hangul syllable (Unicode Standard, section 3.12)."""
    index = code - 0xAC00
    p = put(0x1100 + index // 588, unicode, marks, out, p)
    p = put(0x1161 + index % 588 // 28, unicode, marks, out, p)
    if index % 28:
        p = put(0x11A7 + index % 28, unicode, marks, out, p)
    return p


@kernel
def put_any(code: int, unicode: Folding, marks: Marks, out: Bytes, p: int) -> int:
    """The position behind what any character folds to."""
    step = unicode.step[code]
    if step == HANGUL:
        return put_hangul(code, unicode, marks, out, p)
    if step < EXPAND:
        return put(code, unicode, marks, out, p)
    for i in range(unicode.starts[step - EXPAND], unicode.starts[step - EXPAND + 1]):
        p = put(unicode.codes[i], unicode, marks, out, p)
    return p


@kernel
def fold_text(text: Bytes, unicode: Folding, out: Bytes, p: int) -> int:
    """The position behind the folded text, written to out from p > 0 with out[p - 1] == 0."""
    marks = np.zeros(LONGEST_MARKS + 2, np.uint32)
    i = 0
    while i < text.size:
        end = ascii_end(text, i)
        if end > i:
            p = put_break(marks, out, put_marks(unicode, marks, out, p))
            fold_ascii(text[i:end], out[p : p + end - i])
            p += end - i
            i = end
        while i < text.size and text[i] >= 128:
            code, width = decode(text, i)
            p = put_any(code, unicode, marks, out, p)
            i += width
    p = put_marks(unicode, marks, out, p)
    out[p] = 0
    return p + 1


@kernel
def word_bits(eights: NDArray[np.uint64], i: int) -> np.uint64:
    """64 bits, one per byte of eights[i : i + 8]: is it part of a word?"""
    bits = np.uint64(0)
    for k in range(8):
        eight = eights[i + k]
        inside = (((eight & ~_HIGH) + ~_HIGH) | eight) & _HIGH
        bits |= (((inside >> _7) * _GATHER) >> _56) << np.uint64(8 * k)
    return bits


@kernel
def word_edges(eights: NDArray[np.uint64], n_bytes: int, edges: NDArray[np.int64]) -> int:
    """Number of edges; fills edges with the byte positions where words start and end, in turn."""
    n = 0
    before = np.uint64(0)
    for i in range(0, n_bytes // 8 + 1, 8):
        bits = word_bits(eights, i)
        toggles = bits ^ ((bits << _1) | before)
        before = bits >> _63
        while toggles:
            lowest = toggles & (~toggles + _1)
            edges[n] = i * 8 + _POSITION[(lowest * _DE_BRUIJN) >> _58]
            n += 1
            toggles ^= lowest
    return n


@kernel
def eight_at(eights: NDArray[np.uint64], i: int) -> np.uint64:
    """The 8 bytes from byte i on."""
    shift = np.uint64(i & 7) << _3
    low, high = eights[i >> 3], eights[(i >> 3) + 1]
    return np.uint64((low >> shift) | ((high << (_63 - shift)) << _1))


@kernel
def word_hash(eights: NDArray[np.uint64], start: int, end: int) -> np.uint64:
    """64-bit hash of the folded word at bytes start..end."""
    value = _SEED
    while end - start > 8:
        value = (value ^ eight_at(eights, start)) * _MULTIPLY
        value ^= value >> _32
        start += 8
    unused = np.uint64(8 - (end - start)) << _3
    value = (value ^ ((eight_at(eights, start) << unused) >> unused)) * _MULTIPLY
    return value ^ (value >> _29)
