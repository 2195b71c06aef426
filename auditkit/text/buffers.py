"""Arrow strings as the bytes and offsets that kernels read, and byte offsets as code points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray


def utf8_buffers(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(uint8 data, int64[n + 1] offsets) of a large_utf8 array without a copy; text i is data[offsets[i]:offsets[i+1]].

    Nulls must not be in it: a batch has none.
    """
    array = texts.cast(pa.large_utf8()) if texts.type != pa.large_utf8() else texts
    _, offsets, data = array.buffers()
    if offsets is None or len(array) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return (np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)), bounds


def code_points(data: NDArray[np.uint8], first: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each byte position (absolute, at the start of a character) its code point index counted from byte `first`."""
    if not len(positions):
        return np.zeros(0, np.int64)
    last = int(positions.max())
    starts = (data[first:last] & 0xC0) != 0x80
    counts = np.concatenate([np.zeros(1, np.int64), np.cumsum(starts, dtype=np.int64)])
    return counts[positions - first]
