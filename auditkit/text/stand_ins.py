"""The kernels of `settled`: UTF-8 bytes whose characters a table exchanges for others of as many bytes.

Import this module inside functions only: it uses numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auditkit.text.jit import kernel


@kernel
def _length(lead: int) -> int:
    """Bytes of the character that begins with this byte."""
    if lead < 0xC0:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@kernel
def _code(data: NDArray[np.uint8], i: int, n: int) -> int:
    """The code point of the n > 1 bytes at i."""
    code = int(data[i]) & (0x7F >> n)
    for k in range(i + 1, i + n):
        code = code << 6 | int(data[k]) & 0x3F
    return code


@kernel
def first_young(data: NDArray[np.uint8], table: NDArray[np.int32]) -> int:
    """Where the first character begins that the table changes; -1 = nowhere. Well-formed UTF-8."""
    i = 0
    while i < len(data):
        if data[i] < 0x80:
            i += 1
            continue
        n = _length(data[i])
        code = _code(data, i, n)
        if code < len(table) and table[code] != code:
            return i
        i += n
    return -1


@kernel
def put_stand_ins(data: NDArray[np.uint8], table: NDArray[np.int32], start: int) -> None:
    """Exchange, in place and from byte `start` on, what the table changes."""
    i = start
    while i < len(data):
        n = _length(data[i])
        if n > 1:
            code = _code(data, i, n)
            if code < len(table):
                other = table[code]
                for k in range(i + n - 1, i, -1):
                    data[k] = 0x80 | other & 0x3F
                    other >>= 6
                data[i] = data[i] & ~(0x7F >> n) & 0xFF | other
        i += n
