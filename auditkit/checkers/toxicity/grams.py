"""Kernels of the embedded scorer: a text as hashed n-grams, and the sums of their table entries.

The features of a text are its words, word pairs and runs of 3 to 5 characters within a word and its edges, each counted
once. Text is folded on the
way: case, accents, look-alike letters of other scripts, digits and signs inside words (`sh1t`), spelled-out words
(`f u c k`), stretched letters, invisible characters. A word that names a group of people counts as the word GROUP, so
that what is said of one group holds for all.

`fold` is uint8[0x20000]: code point -> symbol, 32 = separator, 0 = nothing at all. `classes` is uint16[CLASS_SLOTS]:
a hash set of words with a class each (function words of a language, names of groups). Both are part of the model.

Imported inside functions only: importing it loads numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = int | np.int64

GAP = np.uint64(32)
BYTE = np.uint64(8)
WORD_SEED = np.uint64(14695981039346656037)  # FNV-1a: offset basis and prime
WORD_PRIME = np.uint64(1099511628211)
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
SPREAD_3 = np.uint64(0xD1B54A32D192ED03)  # large odd numbers: one hash function per length
SPREAD_4 = np.uint64(0xABC98388FB8FAC03)
SPREAD_5 = np.uint64(0x8CB92BA72F3D8DD7)
SPREAD_PAIR = np.uint64(0xC6A4A7935BD1E995)
THREE = np.uint64(0xFFFFFF)
FOUR = np.uint64(0xFFFFFFFF)
FIVE = np.uint64(0xFFFFFFFFFF)

CLASS_BITS = 15
CLASS_SLOTS = 1 << CLASS_BITS
CLASS_SHIFT = np.uint64(64 - CLASS_BITS)
TAG_SHIFT = np.uint64(24)
TAG = np.uint64(0xFF)
GROUP = 32  # class of words that name a group of people; classes below it are languages
GROUP_WORD = np.uint64(0x47524F5550)

LETTERS, HAN, KANA, FOREIGN, GROUPS = 16, 17, 18, 19, 20
COUNTS = 21
"""What is counted per segment: function words of language i at index i < 16, letters in all and by script, groups."""

MAX_PER_BYTE = 6  # keys: three runs, and at most a word and a pair for every two bytes


@kernel
def decoded(data: NDArray[np.uint8], p: Int, last: Int) -> tuple[Int, Int]:
    """(code point, number of bytes) of the character at p."""
    b = np.int64(data[p])
    if b < 0xE0:
        if p + 1 < last:
            return ((b & 0x1F) << 6) | (np.int64(data[p + 1]) & 0x3F), 2
    elif b < 0xF0:
        if p + 2 < last:
            return ((b & 0x0F) << 12) | ((np.int64(data[p + 1]) & 0x3F) << 6) | (np.int64(data[p + 2]) & 0x3F), 3
    elif p + 3 < last:
        high = ((b & 0x07) << 18) | ((np.int64(data[p + 1]) & 0x3F) << 12)
        return high | ((np.int64(data[p + 2]) & 0x3F) << 6) | (np.int64(data[p + 3]) & 0x3F), 4
    return 0xFFFD, last - p


@kernel
def _script(point: Int) -> int:
    """Where a letter of this script is counted, -1 for Latin; FOREIGN also holds the look-alikes of Latin letters."""
    if point < 0x370 or 0x1E00 <= point < 0x1F00:
        return -1
    if point < 0x2000 or 0xAC00 <= point < 0xD7B0 or 0xA000 <= point < 0xABFF:
        return FOREIGN
    if 0x3040 <= point < 0x3100:
        return KANA
    if 0x3400 <= point < 0xA000 or 0xF900 <= point < 0xFB00 or point >= 0x20000:
        return HAN
    return -1


@kernel
def _wide(
    data: NDArray[np.uint8], p: Int, last: Int, fold: NDArray[np.uint8], counts: NDArray[np.int32]
) -> tuple[Int, Int]:
    """(symbol, number of bytes) of the character at p, which is not ASCII; its script is counted."""
    point, width = decoded(data, p, last)
    symbol = np.int64(fold[point]) if point < 0x20000 else 128 + (point & 127)
    script = _script(point)
    if script >= 0 and symbol not in (0, 32):
        counts[script] += 1
    return symbol, width


@kernel
def _letter(symbol: Int) -> bool | np.bool_:
    """Whether the symbol is a folded Latin letter."""
    return 97 <= symbol <= 122


@kernel
def _leet(symbol: Int) -> Int:
    """The letter that a digit or @ stands for after a letter, else the symbol itself."""
    if symbol == 48:
        return 111
    if symbol == 49:
        return 105
    if symbol == 51:
        return 101
    if symbol in (52, 64):
        return 97
    if symbol == 53:
        return 115
    return 116 if symbol == 55 else symbol


@kernel
def _disguised(symbol: Int, previous: Int, following: Int) -> Int:
    """The letter that a digit or sign stands for beside a letter, else the symbol itself."""
    after = _letter(previous)
    if symbol == 36:  # $hit, a$$
        return 115 if after or _letter(following) else symbol
    if not after:
        return symbol
    if symbol == 33:  # b!tch, but not stop!
        return 105 if _letter(following) else symbol
    return _leet(symbol)


@kernel
def _ascii_at(data: NDArray[np.uint8], p: Int, last: Int, fold: NDArray[np.uint8]) -> Int:
    """The symbol of the byte at p where it is ASCII, else a separator."""
    return np.int64(fold[data[p]]) if p < last and data[p] < 128 else 32


@kernel
def _class(word: np.uint64, classes: NDArray[np.uint16]) -> Int:
    """The class of the word with this hash, 0 = none. One in ten thousand other words is mistaken for a known one."""
    mixed = word * SPREAD
    slot = np.int64(mixed >> CLASS_SHIFT)
    tag = np.int64((mixed >> TAG_SHIFT) & TAG)
    while classes[slot] != 0:
        if np.int64(classes[slot]) >> 8 == tag:
            return np.int64(classes[slot]) & 0xFF
        slot = (slot + 1) & (CLASS_SLOTS - 1)
    return 0


@kernel
def grams(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one automaton; a call per character would cost half the speed
    data: NDArray[np.uint8],
    first: int,
    last: int,
    fold: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    shift: np.uint64,
    keys: NDArray[np.uint32],
    counts: NDArray[np.int32],
    owners: NDArray[np.int32],
    edges: NDArray[np.int64],
) -> int:
    """Number of keys written: the buckets of the n-grams of data[first:last] in text order, repeats included.

    keys: room for MAX_PER_BYTE * (last - first + 2). counts: int32[COUNTS], added to. owners and edges may be empty;
    otherwise owners[i] becomes the number of the word that key i lies in (-1: a pair), edges[w] the
    byte range of word w, and edges[-1, 0] the number of words.
    """
    traced = len(owners) > 0
    n, n_words = 0, 0
    window, run = GAP, 1
    word, length, before, raw = WORD_SEED, 0, np.uint64(0), 0
    previous: Int = 32
    earlier: Int = 32
    start: Int = first
    end: Int = first
    p: Int = first
    while p <= last:
        symbol: Int = 32
        width: Int = 1
        if p < last:
            if data[p] < 128:
                symbol = np.int64(fold[data[p]])
                if symbol < 97:
                    following = _ascii_at(data, p + 1, last, fold)
                    if symbol != 32:
                        symbol = _disguised(symbol, previous, following)
                    elif raw == 1 and following != 32 and _ascii_at(data, p + 2, last, fold) == 32:
                        symbol = 0  # `f u c k`: what stands between lone letters does not separate
                        raw = 0
            else:
                symbol, width = _wide(data, p, last, fold, counts)
        here = p
        p += width
        if symbol == 0 or (symbol == previous and symbol in (32, earlier)):
            if symbol != 0:
                end = p if symbol != 32 else end
            continue
        run += 1
        if symbol == 32:
            if length > 0:
                kind = _class(word, classes)
                counts[LETTERS] += length
                if kind == GROUP:
                    word = GROUP_WORD
                    counts[GROUPS] += 1
                elif kind > 0:
                    counts[kind] += 1
                keys[n] = (word * SPREAD) >> shift
                n += 1
                if before != 0:
                    keys[n] = (((before * np.uint64(31) + word) ^ (word >> np.uint64(29))) * SPREAD_PAIR) >> shift
                    n += 1
                if traced:
                    owners[n - 1] = -1
                    owners[n - 1 - (before != 0)] = n_words
                    edges[n_words, 0], edges[n_words, 1] = start, end
                    n_words += 1
                before = word
            word, length, raw = WORD_SEED, 0, 0
        else:
            if length == 0:
                start = here
            word = (word ^ np.uint64(symbol)) * WORD_PRIME
            length += 1
            raw += 1
            end = p
        earlier, previous = previous, symbol
        window = (window << BYTE) | np.uint64(symbol)
        if run >= 3:
            keys[n] = ((window & THREE) * SPREAD_3) >> shift
            n += 1
            if run >= 4:
                keys[n] = ((window & FOUR) * SPREAD_4) >> shift
                n += 1
                if run >= 5:
                    keys[n] = ((window & FIVE) * SPREAD_5) >> shift
                    n += 1
            if traced:
                for k in range(min(run, 5) - 2):
                    owners[n - 1 - k] = n_words - (symbol == 32)
        if symbol == 32:
            run = 1
    if traced:
        edges[len(edges) - 1, 0] = n_words
    return n


@kernel
def totals(  # noqa: PLR0917 - kernels take arrays by position
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    fold: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    table: NDArray[np.uint64],
    shift: np.uint64,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """(int32[n, 8] sums, int32[n] numbers of distinct n-grams, int32[n, COUNTS] counts) of n segments.

    table: 8 lanes of one byte per bucket, each entry + 128, so that one load and two additions serve all lanes.
    """
    n_segments = len(starts)
    sums = np.zeros((n_segments, 8), np.int32)
    distinct = np.zeros(n_segments, np.int32)
    counts = np.zeros((n_segments, COUNTS), np.int32)
    longest = 0
    for i in range(n_segments):
        longest = max(longest, ends[i] - starts[i])
    keys = np.empty(MAX_PER_BYTE * (longest + 2), np.uint32)
    seen = np.zeros(len(table) // 64 + 1, np.uint64)
    owners, edges = np.empty(0, np.int32), np.empty((1, 2), np.int64)
    for i in range(n_segments):
        n = grams(data, starts[i], ends[i], fold, classes, shift, keys, counts[i], owners, edges)
        distinct[i] = add_distinct(keys, n, table, seen, sums[i])
    return sums, distinct, counts


LANE_MASK = np.uint64(0x00FF00FF00FF00FF)
LOW = np.uint64(0xFFFF)
SIX = np.uint64(6)
LOW_SIX = np.uint64(63)
ONE = np.uint64(1)
FLUSH = 256  # 256 * 255 < 2^16: sums of 16-bit lanes cannot spill over


@kernel
def add_distinct(
    keys: NDArray[np.uint32], n: int, table: NDArray[np.uint64], seen: NDArray[np.uint64], sums: NDArray[np.int32]
) -> int:
    """Number of distinct keys among the first n; adds their entries to sums. `seen` is all zero before and after."""
    m, pending = 0, 0
    even, odd = np.uint64(0), np.uint64(0)
    for i in range(n):
        key = np.uint64(keys[i])
        bit = ONE << (key & LOW_SIX)
        if seen[key >> SIX] & bit:
            continue
        seen[key >> SIX] |= bit
        keys[m] = keys[i]
        m += 1
        entry = table[key]
        even += entry & LANE_MASK
        odd += (entry >> BYTE) & LANE_MASK
        pending += 1
        if pending == FLUSH:
            _flush(even, odd, pending, sums)
            even, odd, pending = np.uint64(0), np.uint64(0), 0
    _flush(even, odd, pending, sums)
    for i in range(m):
        seen[keys[i] >> 6] = np.uint64(0)
    return m


@kernel
def _flush(even: np.uint64, odd: np.uint64, pending: int, sums: NDArray[np.int32]) -> None:
    """Add the 16-bit lanes to sums, less the 128 that every entry carries."""
    for lane in range(4):
        by = np.uint64(16 * lane)
        sums[2 * lane] += np.int64((even >> by) & LOW) - 128 * pending
        sums[2 * lane + 1] += np.int64((odd >> by) & LOW) - 128 * pending


@kernel
def log_odds(
    sums: NDArray[np.int32], distinct: NDArray[np.int32], numbers: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """float64[n, k]: calibrated log odds of the first k lanes; `least` for a text without n-grams.

    numbers: float64[4, k], of each lane what one unit is worth, its bias, and slope and offset of its calibration.
    """
    n, k = len(sums), numbers.shape[1]
    result = np.full((n, k), least)
    for i in range(n):
        if distinct[i] > 0:
            norm = 1 / np.sqrt(float(distinct[i]))
            for a in range(k):
                raw = sums[i, a] * numbers[0, a] * norm + numbers[1, a]
                result[i, a] = min(max(raw * numbers[2, a] + numbers[3, a], least), -least)
    return result


@kernel
def stacked(
    logits: NDArray[np.float64],
    distinct: NDArray[np.int32],
    groups: NDArray[np.int32],
    stack: NDArray[np.float64],
    hate: int,
) -> NDArray[np.float64]:
    """float64[n]: log odds of `toxic` from those of all lanes and the length; see embedded.Head.

    stack: float64[4 + k, k] for k inputs, the lanes and log length: their means, scales, linear weights, (constant,
    weight of the lane `hate` where groups > 0, its usual value), quadratic weights (upper triangle).
    """
    n, k = len(logits), stack.shape[1]
    result, x = np.full(n, stack[3, 0]), np.empty(k)
    for i in range(n):
        for a in range(k):
            value = logits[i, a] if a < k - 1 else np.log(float(max(distinct[i], 1)))
            x[a] = min(max((value - stack[0, a]) / stack[1, a], -4.0), 4.0)
        for a in range(k):
            inner = stack[2, a]
            for b in range(a, k):
                inner += stack[4 + a, b] * x[b]
            result[i] += inner * x[a]
        if groups[i] > 0:
            result[i] += stack[3, 1] * (logits[i, hate] - stack[3, 2])
    return result
