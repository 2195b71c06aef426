"""Characters as every Python sees them: those that came into Unicode after version 14 stand for others.

What is a letter, a capital or a digit, and what a character decomposes to, each Python says by the Unicode version that
it was built with: 14.0 in 3.11, 15.0 in 3.12, 15.1 in 3.13. Here a character that 14.0 does not have is exchanged for
one that no version will ever give a meaning, of as many bytes, so that places in a text stay the same; so are the few
whose properties were changed since. What checkers see is therefore the same on every Python; what is kept, cut out
and quoted is the text itself.

Known misses: a word of a script younger than Unicode 14 (September 2022 and later: Kawi, Nag Mundari) is no word;
a young character is taken for its stand-in where a text has both (stand-ins are private, unassigned or very rare).
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
NEVER = 0x3A2  # the hole among Greek capitals where a final sigma would stand: the stand-in of two bytes
PRIVATE = 0xE000  # private use: the stand-ins of three bytes, in order
FAR = 0x40000  # four planes on nothing is assigned, nor planned: the stand-ins of four bytes
IDEOGRAPHS = (
    (0x2EBF0, 0x2EE5D, 0x26BF0),  # extension I (15.1) as ideographs of extension B, which are words as well
    (0x31350, 0x33479, 0x21350),  # extensions H (15.0) and J (17.0)
)
CHANGED = {
    0x295: 0x1BB,  # a small letter until 17, then one without case; stands as a letter without case
    0x10FC: 0xA78F,  # modifier letters that became small letters in 15.0; likewise
    0xA7F2: 0xA78F,
    0xA7F3: 0xA78F,
    0xA7F4: 0xA78F,
    0xAB69: 0xA78F,
    0x1171E: 0x1171E + FAR,  # a mark that takes no room until 17, then one that does
}


@cache
def stand_ins() -> NDArray[np.int32]:
    """int32[0x40000]: what each code point of the first four planes is seen as, most of them as themselves; 1 MB."""
    table = np.arange(PLANES, dtype=np.int32)
    words = (word for line in resource(UNASSIGNED).read_text().splitlines() if line[0] != "#" for word in line.split())
    ranges = (tuple(int(end, 16) for end in word.split("-")) for word in words)
    young = np.concatenate([np.arange(first, last + 1, dtype=np.int32) for first, last in ranges])
    table[young[young < 0x800]] = NEVER
    short = young[(young >= 0x800) & (young < 0x10000)]
    table[short] = PRIVATE + np.arange(len(short))
    table[young[young >= 0x10000]] += FAR
    for first, last, other in IDEOGRAPHS:
        table[first : last + 1] = np.arange(other, other + last + 1 - first)
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

    One pass over the bytes, about 1 ns each; a copy only where something changes.
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
