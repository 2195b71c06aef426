"""Characters as every Python sees them: those that came into Unicode after version 14 stand for others.

What is a letter, a capital or a digit, and what a character decomposes to, each Python says by the Unicode version that
it was built with: 14.0 in 3.11, 15.0 in 3.12, 15.1 in 3.13. Here a character that 14.0 does not have is exchanged for
an old and rare one of its kind (a letter, an ideograph, a symbol) and of as many bytes, so that places in a text stay
the same; so are the few whose properties were changed since. What checkers see is therefore the same on every Python;
what is kept, cut out and quoted is the text itself.

Known misses: capitals, digits and marks of scripts younger than Unicode 14 (September 2021) count as letters without
case; texts that differ in nothing but young characters may look equal; judges and larger models read the stand-ins.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from auditkit.resources import resource

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

UNASSIGNED = "rules/unassigned-14.txt"
PLANES = 0x40000
STAND_INS = (  # of what is young from .. to: the first that stands in and how many there are, taken in turn
    (0x80, 0x7FF, 0x1BB, 1),  # a Latin letter without case
    (0x800, 0x1FFF, 0x1401, 620),  # Canadian syllables: letters without case
    (0x2000, 0x33FF, 0x2800, 256),  # Braille: symbols
    (0x3400, 0xFFFF, 0x1401, 620),
    (0x10000, 0x16FFF, 0x12000, 922),  # cuneiform: letters
    (0x17000, 0x18DFF, 0x17000, 6000),  # Tangut: ideographs
    (0x18E00, 0x1BFFF, 0x12000, 922),
    (0x1C000, 0x1D7FF, 0x1F700, 116),  # alchemical symbols
    (0x1D800, 0x1EFFF, 0x12000, 922),
    (0x1F000, 0x1FFFF, 0x1F700, 116),
    (0x20000, 0x3FFFF, 0x20000, 42_711),  # Han, extension B: ideographs
)
CHANGED = {
    0x295: 0x1BB,  # a small letter until Unicode 17, then one without case
    0x10FC: 0x1401,  # modifier letters that are small letters since 15.0
    0xA7F2: 0x1402,
    0xA7F3: 0x1403,
    0xA7F4: 0x1404,
    0xAB69: 0x1405,
    0x1171E: 0x12000,  # a mark that takes no room until 17, then one that does
}


@cache
def stand_ins() -> NDArray[np.int32]:
    """int32[0x40000]: what each code point of the first four planes is seen as, most of them as themselves; 1 MB."""
    table = np.arange(PLANES, dtype=np.int32)
    words = (word for line in resource(UNASSIGNED).read_text().splitlines() if line[0] != "#" for word in line.split())
    ranges = (tuple(int(end, 16) for end in word.split("-")) for word in words)
    young = np.concatenate([np.arange(first, last + 1, dtype=np.int32) for first, last in ranges])
    for low, high, first, n in STAND_INS:
        own = young[(young >= low) & (young <= high)]
        table[own] = first + own % n
    for code, other in CHANGED.items():
        table[code] = other
    return table


def settled(text: str) -> str:
    """The text with the stand-ins in it; as many characters, as many bytes."""
    if text.isascii():
        return text
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    return _settled(data).tobytes().decode("utf-8", "surrogatepass")


def restored(made: str, value: str) -> str:
    """What was made of settled(value), with the characters of `value` again where it has their stand-ins."""
    seen = settled(value)
    return made if seen == value else made.translate(dict(zip(map(ord, seen), value, strict=True)))


def settled_texts(texts: pa.Array) -> pa.Array:
    """The large_utf8 array with the stand-ins in it; the array itself where no text has one. Without nulls.

    One pass over the bytes, 1 to 2.5 ns each; a copy only where something changes.
    """
    import pyarrow as pa

    from auditkit.text.buffers import utf8_buffers

    data, bounds = utf8_buffers(texts)
    whole = data[bounds[0] : bounds[-1]]
    new = _settled(whole)
    if new is whole:
        return texts
    offsets = pa.py_buffer(np.ascontiguousarray(bounds - bounds[0]))
    return pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(new))


def _settled(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The UTF-8 bytes with the stand-ins in them; the array itself where nothing changes."""
    from auditkit.text.stand_ins import first_young, put_stand_ins

    start = first_young(data, stand_ins())
    if start < 0:
        return data
    new = data.copy()
    put_stand_ins(new, stand_ins(), start)
    return new
