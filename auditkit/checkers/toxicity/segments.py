"""The kernel that cuts long texts into the parts that are scored by themselves.

Imported inside functions only: importing it loads numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


SHORTEST = 16  # bytes: `1. `, `Mr. `, blank lines are too little to stand alone


@kernel
def segments(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], whole: int, longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(starts, ends, text index) of the parts that are scored by themselves, in text order.

    A text of up to `whole` bytes is one part; a longer one is cut behind sentence ends and line ends, and where a
    sentence is longer than `longest` bytes, at a separator near there.
    """
    room = len(offsets) - 1
    for i in range(len(offsets) - 1):
        if offsets[i + 1] - offsets[i] > whole:
            room += (offsets[i + 1] - offsets[i]) // SHORTEST
    starts, ends, owners = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    n = 0
    for i in range(len(offsets) - 1):
        start, last = offsets[i], offsets[i + 1]
        if last - start > whole:
            for p in range(start, last - 1):
                if data[p] > 63 and data[p] != 0x82 and p - start < longest:  # a letter, nearly always
                    continue
                if _ends_sentence(data, p, p - start, longest):
                    starts[n], ends[n], owners[n] = start, p + 1, i
                    n += 1
                    start = p + 1
        starts[n], ends[n], owners[n] = start, last, i
        n += 1
    return starts[:n].copy(), ends[:n].copy(), owners[:n].copy()


@kernel
def _ends_sentence(data: NDArray[np.uint8], p: int, length: int, longest: int) -> bool:
    """Whether a part that has `length` bytes before p ends with the byte at p (which is not the last of the text)."""
    b = data[p]
    if length < SHORTEST:
        return False
    if b == 10:
        return True
    if b in (33, 46, 63):
        return data[p + 1] in (32, 10, 9, 13)
    if b == 0x82 and data[p - 1] == 0x80 and data[p - 2] == 0xE3:  # ideographic full stop
        return True
    if length < longest:
        return False
    return b == 32 or (length > longest + 64 and data[p + 1] & 0xC0 != 0x80)
