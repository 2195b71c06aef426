"""Sketches of gram sets from which the exact size of a small difference can be read.

An index remembers a document's grams in 3 bytes per gram that a similar document may differ in, not 8 bytes per gram:
at threshold 0.8 a quarter of the grams. The sketch of a set is the sums of the odd powers of its elements in the field
with 2^24 elements; the sum of two sketches is the sketch of their symmetric difference, and the shortest linear
recurrence of its powers (Berlekamp 1968, Massey 1969) has as many terms as the difference has elements, as long as
these are no more than the sketch has sums. Source: Dodis, Ostrovsky, Reyzin, Smith 2008 (PinSketch).

Grams enter as 24 bits of their hash. Two of a hundred differing grams fall together with probability 0.0003; then the
difference is read 2 too small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Sums = NDArray[np.uint32]

PART = 1024
"""Grams per part of a sketch: sums cost one field multiplication per gram and sum, so that large sets are divided."""
DEVIATIONS = 3.0
"""Standard deviations by which the difference may be spread unevenly over the parts of a large set."""
BYTES_PER_SUM = 3

_ORDER = 4095  # of the multiplicative group of the field with 2^12 elements
_POLYNOMIAL = 0x1053  # x^12 + x^6 + x^4 + x + 1, primitive (Peterson 1961)
_NO_LOG = 2 * _ORDER  # the logarithm of 0: behind it all powers are 0


def _powers() -> NDArray[np.uint16]:
    """Powers of x, twice over, then zeros: exp[log a + log b] is the product also where a or b is 0."""
    powers = np.zeros(4 * _ORDER + 1, np.uint16)
    value = 1
    for exponent in range(_ORDER):
        powers[exponent] = powers[exponent + _ORDER] = value
        value <<= 1
        if value >> 12:
            value ^= _POLYNOMIAL
    return powers


_EXP = _powers()
_LOG = np.full(_ORDER + 1, _NO_LOG, np.uint16)
_LOG[_EXP[:_ORDER]] = np.arange(_ORDER)


def _trace(value: int) -> int:
    """Sum of value^(2^i), i < 12: 0 or 1."""
    total = 0
    for _ in range(12):
        total ^= value
        value = int(_EXP[2 * int(_LOG[value])]) if value else 0
    return total


_DELTA = next(value for value in range(1, 4096) if _trace(value) == 1)  # y^2 + y + delta is irreducible
_LOG_DELTA = int(_LOG[_DELTA])


@kernel
def product(a: np.int64, b: np.int64) -> np.int64:
    """Product in the field with 2^24 elements: pairs over the one with 2^12, y^2 = y + delta."""
    a1, a0, b1, b0 = a >> 12, a & 4095, b >> 12, b & 4095
    high = _EXP[_LOG[a1] + _LOG[b1]]
    low = _EXP[_LOG[a0] + _LOG[b0]]
    cross = _EXP[_LOG[a1 ^ a0] + _LOG[b1 ^ b0]]
    return (np.int64(cross ^ low) << 12) | np.int64(low ^ _EXP[_LOG[high] + _LOG_DELTA])


@kernel
def inverse(a: np.int64) -> np.int64:
    """The element whose product with `a`, not 0, is 1: the conjugate divided by the norm."""
    a1, a0 = a >> 12, a & 4095
    norm = _EXP[2 * _LOG[a0]] ^ _EXP[_LOG[a0] + _LOG[a1]] ^ _EXP[_LOG[_EXP[2 * _LOG[a1]]] + _LOG_DELTA]
    log = _ORDER - _LOG[norm]
    return (np.int64(_EXP[_LOG[a1] + log]) << 12) | np.int64(_EXP[_LOG[a0 ^ a1] + log])


@kernel
def parts_of(n: int) -> int:
    """Number of parts of the sketch of n grams."""
    return max(1, (n + PART - 1) // PART)


@kernel
def capacity(n: int, threshold: float) -> int:
    """Sums per part of the sketch of n grams: a set with this similarity to it differs in at most (1 - t) / t * n."""
    parts = parts_of(n)
    share = n * (1 - threshold) / threshold / parts
    if parts == 1:
        return int(share + 1e-9) + 1
    return int(np.ceil(share + DEVIATIONS * np.sqrt(share))) + 1


@kernel
def add_to_sketch(grams: Hashes, parts: int, sums: Sums) -> None:
    """Adds the odd powers 1, 3, 5, ... of each gram to the sums of its part: sums[part * size + k]."""
    size = sums.size // parts
    elements, squares = np.empty(grams.size, np.int64), np.empty(grams.size, np.int64)
    firsts = np.empty(grams.size, np.int64)
    for i in range(grams.size):
        elements[i] = max(grams[i] >> np.uint64(40), np.uint64(1))
        squares[i] = product(elements[i], elements[i])
        firsts[i] = ((np.int64(grams[i] & np.uint64(0xFFFF)) * parts) >> 16) * size
    for k in range(size):  # the grams in the inner loop: their products do not wait for one another
        for i in range(grams.size):
            sums[firsts[i] + k] ^= elements[i]
            elements[i] = product(elements[i], squares[i])


@kernel
def difference(sums: Sums) -> int:
    """Number of elements of the set whose sketch this is; meaningless above sums.size."""
    powers = np.zeros(2 * sums.size, np.int64)
    for k in range(sums.size):
        powers[2 * k] = sums[k]
    for k in range(sums.size):
        powers[2 * k + 1] = product(powers[k], powers[k])
    now = np.zeros(2 * sums.size + 2, np.int64)
    now[0] = 1
    before, kept = now.copy(), now.copy()
    length, shift, last = 0, 1, np.int64(1)
    for n in range(0, powers.size, 2):  # at odd n the gap of sums of powers in characteristic 2 is 0
        gap = np.int64(0)
        for i in range(length + 1):
            gap ^= product(now[i], powers[n - i])
        if gap:
            factor = product(gap, inverse(last))
            top = n + 1 - length if 2 * length <= n else length
            kept[:] = now
            for i in range(top - shift + 1):
                now[i + shift] ^= product(factor, before[i])
            if top > length:
                before[:] = kept
                length, shift, last = top, 0, gap
        shift += 2
    return length


@kernel
def sketch_size(n: int, threshold: float) -> int:
    """Sums of the sketch of n grams, all parts together; 0 for a document without a set."""
    return parts_of(n) * capacity(n, threshold) if n else 0


@kernel
def sketch_ends(sizes: NDArray[np.uint32], threshold: float) -> NDArray[np.int64]:
    """Where the sketch of each document ends, in bytes."""
    ends = np.empty(sizes.size, np.int64)
    end = 0
    for i in range(sizes.size):
        end += BYTES_PER_SUM * sketch_size(int(sizes[i]), threshold)
        ends[i] = end
    return ends


@kernel
def sketch_all(
    grams: Hashes, starts: NDArray[np.int64], sizes: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.uint8]
) -> None:
    """Fills out with the sketches of the sets grams[starts[i]:starts[i] + sizes[i]]."""
    first = 0
    for i in range(sizes.size):
        n_sums = (ends[i] - first) // BYTES_PER_SUM
        if n_sums:
            sums = np.zeros(n_sums, np.uint32)
            add_to_sketch(grams[starts[i] : starts[i] + sizes[i]], parts_of(sizes[i]), sums)
            for k in range(n_sums):
                for byte in range(BYTES_PER_SUM):
                    out[first + BYTES_PER_SUM * k + byte] = (sums[k] >> np.uint32(8 * byte)) & np.uint32(255)
        first = ends[i]


@kernel
def largest_sketch(grams: Hashes, threshold: float) -> Sums:
    """The sums of one part that suffice for every set of up to PART grams which may be similar to this one."""
    sums = np.zeros(capacity(min(PART, int(grams.size / threshold) + 1), threshold), np.uint32)
    add_to_sketch(grams, 1, sums)
    return sums


@kernel
def similarity(grams: Hashes, own: Sums, n: int, sketch: NDArray[np.uint8], threshold: float) -> float:
    """Exact Jaccard similarity of a set to one of n grams, known by its sketch; -1 when below the threshold.

    own: the set's `largest_sketch`; its beginning is the sketch of any smaller size.
    """
    if min(grams.size, n) < threshold * max(grams.size, n) - 1e-9:
        return -1.0
    parts = parts_of(n)
    sums = np.zeros(sketch.size // BYTES_PER_SUM, np.uint32)
    for k in range(sums.size):
        for byte in range(BYTES_PER_SUM):
            sums[k] |= np.uint32(sketch[BYTES_PER_SUM * k + byte]) << np.uint32(8 * byte)
    if parts == 1:
        sums ^= own[: sums.size]
    else:
        add_to_sketch(grams, parts, sums)
    size = sums.size // parts
    differing = 0
    for part in range(parts):
        found = difference(sums[part * size : (part + 1) * size])
        if found >= size:
            return -1.0
        differing += found
    both = grams.size + n
    if differing > both or (both - differing) % 2:
        return -1.0
    common = (both - differing) // 2
    jaccard = common / (both - common)
    return jaccard if jaccard >= threshold else -1.0
