"""Kernels that find the terms of a lexicon in UTF-8 text: one pass, whole words, leftmost and longest.

A word is a run of letters and digits; each character of Chinese, Japanese, Korean and Thai is a word of its own. Words
are folded (case, accents) and hashed; a phrase is the running hash of its words, so one table holds words, phrases and
the beginnings of phrases, and no name has to be stored. Imported inside functions only: it needs numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew.codes import (
    ALL_CAPS,
    AT_SIGN,
    CAPITAL,
    GAP_AMPERSAND,
    GAP_COMMA,
    GAP_DOT,
    GAP_DOT_SPACE,
    GAP_END,
    GAP_HYPHEN,
    GAP_NONE,
    GAP_OTHER,
    GAP_PAREN,
    GAP_QUOTE,
    GAP_SENTENCE,
    GAP_SPACE,
    GAP_SPACES,
    MARK,
    MAX_WORDS,
    NEXT_ALL_CAPS,
    NEXT_CAPITAL,
    OWN,
    OWN_SCRIPT,
    PREV_CAPITAL,
    SEPARATOR,
    UPPER,
    WORD,
    WORDS_CAPITAL,
)
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checkers.skew.folding import Letters
    from auditkit.checkers.skew.lexicon import Terms

    Bytes = NDArray[np.uint8]

SEED = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bit: Fowler, Noll, Vo; RFC 9923
PRIME = np.uint64(0x100000001B3)
SPACE = np.uint64(32)
SIEVE_BITS = 20  # 128 kB: stays in the second-level cache, and one word in nine passes by chance or by right
SIEVE_SHIFT = np.uint64(64 - SIEVE_BITS)
OWN_INITIAL = 2  # in place of "starts with a capital": a script without capitals
SHORT_GAPS = (
    (0, GAP_NONE),
    (0x20, GAP_SPACE),
    (0xC2A0, GAP_SPACE),
    (0x2D, GAP_HYPHEN),
    (0x27, GAP_QUOTE),
    (0xE28099, GAP_QUOTE),
    (0x2E, GAP_DOT),
    (0x2E20, GAP_DOT_SPACE),
    (0x2C20, GAP_COMMA),
    (0x2028, GAP_PAREN),
    (0x202620, GAP_AMPERSAND),
)  # bytes of the separators, read as one number


class Case(NamedTuple):
    """The case of a match so far: all capitals; a capital on every word over three letters; how many letters."""

    capitals: bool
    initials: bool
    letters: int


class Word(NamedTuple):
    """A word: its hash, the byte after it, its letters, its capital letters, 1 if it starts with one."""

    hashed: np.uint64
    end: int
    size: int
    capitals: int
    first: int


@kernel
def character(data: Bytes, at: int) -> tuple[int, int]:
    """The code point at byte `at` of valid UTF-8, and the byte after it."""
    first = int(data[at])
    if first < 0x80:
        return first, at + 1
    second = int(data[at + 1]) & 0x3F
    if first < 0xE0:
        return ((first & 0x1F) << 6) | second, at + 2
    third = int(data[at + 2]) & 0x3F
    if first < 0xF0:
        return ((first & 0x0F) << 12) | (second << 6) | third, at + 3
    return ((first & 0x07) << 18) | (second << 12) | (third << 6) | (int(data[at + 3]) & 0x3F), at + 4


@kernel
def kind_of(code: int, kinds: NDArray[np.uint8]) -> int:
    """SEPARATOR, WORD, UPPER, OWN or MARK; the table covers U+0000..U+1FFF, blocks decide beyond."""
    if code < 0x2000:
        return int(kinds[code])
    if code < 0x2C00 or 0x2E00 <= code < 0x3005 or 0xE000 <= code < 0xF900 or 0x1F000 <= code < 0x20000:
        return SEPARATOR
    if 0x3040 <= code < 0xA000 or 0xAC00 <= code < 0xD7B0 or 0xF900 <= code < 0xFB00 or code >= 0x20000:
        return OWN
    if 0xFE00 <= code < 0xFE50 or 0xFF00 <= code < 0xFF10 or 0xFFF0 <= code < 0x10000 or code < 0x3040:
        return SEPARATOR
    return WORD


@kernel
def read_word(data: Bytes, at: int, end: int, seed: np.uint64, letters: Letters) -> Word:
    """The word that starts at byte `at`; its hash goes on from `seed`."""
    hashed = seed
    size = capitals = first = 0
    while at < end:
        code, after = character(data, at)
        kind = kind_of(code, letters.kinds)
        if kind == SEPARATOR or (kind == OWN and size):
            break
        at = after
        if kind == MARK:
            continue
        if kind == UPPER:
            capitals += 1
            first += size == 0
        size += 1
        hashed = (hashed ^ (np.uint64(letters.folds[code]) if code < 0x2000 else np.uint64(code))) * PRIME
        if kind == OWN:
            return Word(hashed, at, 1, 0, OWN_INITIAL)
    return Word(hashed, at, size, capitals, first)


@kernel
def read_gap(data: Bytes, at: int, end: int, letters: Letters) -> tuple[int, int]:
    """What stands between a word that ends at `at` and the next: a GAP_ code, and where the next word starts."""
    start = at
    shape = 0  # bits: 1 a blank, 2 a line end, 4 . ! ? : ; or line end, 8 anything else
    while at < end:
        code, after = character(data, at)
        kind = kind_of(code, letters.kinds)
        if kind in (WORD, UPPER, OWN):
            break
        shape |= 1 if code in (32, 9, 0xA0, 13) else 7 if code == 10 else 4 if code in (46, 33, 63, 58, 59) else 8
        at = after
    if at >= end:
        return GAP_END, at
    if at - start <= 3:
        known = short_gap(data, start, at)
        if known != GAP_OTHER:
            return known, at
    if shape in (1, 7) and at - start <= 4:
        return GAP_SPACES, at
    return (GAP_SENTENCE if shape & 4 else GAP_OTHER), at


@kernel
def short_gap(data: Bytes, start: int, end: int) -> int:
    """The GAP_ code of up to three bytes of separators that may join words; GAP_OTHER for all others."""
    value = 0
    for at in range(start, end):
        value = value << 8 | int(data[at])
    for known, gap in SHORT_GAPS:
        if value == known:
            return gap
    return GAP_OTHER


@kernel
def joins(gap: int, letters: int) -> bool:
    """Whether words on both sides of this gap can belong to one phrase; `. ` only after two letters (St. Louis)."""
    if gap == GAP_DOT_SPACE:
        return letters <= 2
    return gap in (GAP_SPACE, GAP_HYPHEN, GAP_QUOTE, GAP_DOT, GAP_SPACES, GAP_AMPERSAND, GAP_NONE)


@kernel
def look_up(hashed: np.uint64, terms: Terms) -> int:
    """The entry with this hash, or -1. Open addressing, linear probing; hash 0 marks a free slot."""
    mask = np.uint64(len(terms.keys) - 1)
    at = (hashed ^ (hashed >> np.uint64(29))) & mask
    while terms.keys[at] != 0:
        if terms.keys[at] == hashed:
            return int(terms.slots[at])
        at = (at + np.uint64(1)) & mask
    return -1


@kernel
def fill(hashes: NDArray[np.uint64], keys: NDArray[np.uint64], slots: NDArray[np.int32]) -> None:
    """Put entry i under hashes[i] into the empty table keys/slots, whose length is a power of two."""
    mask = np.uint64(len(keys) - 1)
    for entry in range(len(hashes)):
        hashed = hashes[entry]
        at = (hashed ^ (hashed >> np.uint64(29))) & mask
        while keys[at] != 0:
            at = (at + np.uint64(1)) & mask
        keys[at] = hashed
        slots[at] = entry


@kernel
def phrase_hashes(
    data: Bytes, offsets: NDArray[np.int64], letters: Letters
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """For each text the hashes after its 1st, 2nd, ... word: uint64[n, MAX_WORDS], and how many words it has."""
    n = len(offsets) - 1
    hashes = np.zeros((n, MAX_WORDS), np.uint64)
    counts = np.zeros(n, np.int64)
    for text in range(n):
        end = offsets[text + 1]
        _, at = read_gap(data, offsets[text], end, letters)
        hashed = SEED
        while at < end and counts[text] < MAX_WORDS:
            if counts[text]:
                hashed = (hashed ^ SPACE) * PRIME
            word = read_word(data, at, end, hashed, letters)
            hashed = word.hashed
            hashes[text, counts[text]] = hashed
            counts[text] += 1
            _, at = read_gap(data, word.end, end, letters)
    return hashes, counts


@kernel
def longest(data: Bytes, first: Word, end: int, terms: Terms, letters: Letters) -> tuple[int, int, int]:
    """The longest term that begins with `first`: (entry or -1, the byte after it, flags of its letter case)."""
    entry = look_up(first.hashed, terms)
    if entry < 0:
        return -1, first.end, 0
    best, stop = (entry if terms.is_term[entry] else -1), first.end
    case = Case(first.capitals == first.size, first.first == 1, first.size)
    flags = case_flags(first.first, case)
    word, n_words = first, 1
    while entry >= 0 and terms.is_prefix[entry] and n_words < MAX_WORDS:
        gap, start = read_gap(data, word.end, end, letters)
        if not joins(gap, word.size):
            break
        word = read_word(data, start, end, (word.hashed ^ SPACE) * PRIME, letters)
        case = Case(
            case.capitals and word.capitals == word.size,
            case.initials and (word.first == 1 or word.size <= 3),
            case.letters + word.size,
        )
        n_words += 1
        entry = look_up(word.hashed, terms)
        if entry >= 0 and terms.is_term[entry]:
            best, stop, flags = entry, word.end, case_flags(first.first, case)
    return best, stop, flags


@kernel
def case_flags(first: int, case: Case) -> int:
    """CAPITAL, WORDS_CAPITAL, ALL_CAPS, OWN_SCRIPT of a match."""
    if first == OWN_INITIAL:
        return OWN_SCRIPT
    flags = CAPITAL if first == 1 else 0
    if case.initials:
        flags |= WORDS_CAPITAL
    if case.capitals and case.letters > 1:
        flags |= ALL_CAPS
    return flags


@kernel
def word_beside(data: Bytes, start: int, end: int, terms: Terms, letters: Letters) -> tuple[Word, int]:
    """The word that starts at `start`, and its class."""
    word = read_word(data, start, end, SEED, letters)
    entry = look_up(word.hashed, terms)
    return word, (int(terms.classes[entry]) if entry >= 0 else 0)


@kernel
def quick_word(
    data: Bytes, at: int, end: int, kinds: NDArray[np.uint8], folds: NDArray[np.uint16]
) -> tuple[np.uint64, int]:
    """(hash, byte after it) of a word of ASCII; the byte is negative when something else stands in it."""
    hashed = SEED
    while at < end:
        byte = data[at]
        if byte >= 128:
            return hashed, -1
        if kinds[byte] == SEPARATOR:
            break
        hashed = (hashed ^ np.uint64(folds[byte])) * PRIME
        at += 1
    return hashed, at


@kernel
def one_blank(data: Bytes, stop: int, end: int, kinds: NDArray[np.uint8]) -> bool:
    """Whether one blank stands between the word that ends at `stop` and the next, as it mostly does."""
    return stop + 1 < end and data[stop] == 32 and data[stop + 1] < 128 and kinds[data[stop + 1]] != SEPARATOR


@kernel
def scan_texts(data: Bytes, offsets: NDArray[np.int64], terms: Terms, letters: Letters, hits: NDArray[np.int64]) -> int:
    """Write every match of every text into `hits` (int64[capacity, 8]) and say how many there are.

    Columns: text, first byte, byte after, entry, flags, gap before << 8 | gap after, class of the word before, class of
    the word after. More matches than rows: the rest is only counted, so that the caller can come again with room.
    Most words are none of the lexicon's: the sieves, which fit the cache, tell so.
    """
    n_hits = 0
    sieve, small_sieve, kinds, folds = terms.sieve, terms.small_sieve, letters.kinds, letters.folds
    for text in range(len(offsets) - 1):
        end = offsets[text + 1]
        _, at = read_gap(data, offsets[text], end, letters)
        gap, before = GAP_SENTENCE, -1
        while at < end:
            hashed, stop = quick_word(data, at, end, kinds, folds)
            if stop < 0:
                word = read_word(data, at, end, SEED, letters)
                hashed, stop = word.hashed, word.end
            bit = np.int64(hashed >> SIEVE_SHIFT)
            small = kinds[data[at]] == WORD and data[at] < 128
            if (small_sieve if small else sieve)[bit >> 3] >> (bit & 7) & 1:
                entry, stop, flags = longest(data, read_word(data, at, end, SEED, letters), end, terms, letters)
                if entry >= 0:
                    if n_hits < len(hits):
                        hit = hits[n_hits]
                        hit[0], hit[1], hit[2], hit[3], hit[4], hit[5] = text, at, stop, entry, flags, gap << 8
                        describe(hit, data, (offsets[text], before, end), terms, letters)
                    n_hits += 1
            before = at
            if one_blank(data, stop, end, kinds):
                gap, at = GAP_SPACE, stop + 1
            else:
                gap, at = read_gap(data, stop, end, letters)
    return n_hits


@kernel
def describe(hit: NDArray[np.int64], data: Bytes, around: tuple[int, int, int], terms: Terms, letters: Letters) -> None:
    """Complete the flags, gaps and classes of a hit from the words beside it.

    around: bytes where the text starts, where the word before starts (-1 = none), where the text ends.
    """
    first, before, end = around
    if before >= 0:
        word, hit[6] = word_beside(data, before, end, terms, letters)
        hit[4] |= PREV_CAPITAL if word.first == 1 else 0
    else:
        hit[6] = 0
    if hit[1] > first and data[hit[1] - 1] in (64, 47, 95):  # @name /path _name
        hit[4] |= AT_SIGN
    gap, start = read_gap(data, hit[2], end, letters)
    hit[5] |= gap
    hit[7] = 0
    if start < end:
        word, hit[7] = word_beside(data, start, end, terms, letters)
        hit[4] |= NEXT_CAPITAL if word.first == 1 else 0
        hit[4] |= NEXT_ALL_CAPS if word.capitals == word.size else 0


@kernel
def sieve_of(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """uint8: one bit for the first 20 bits of each hash."""
    sieve = np.zeros(1 << (SIEVE_BITS - 3), np.uint8)
    for hashed in hashes:
        bit = np.int64(hashed >> SIEVE_SHIFT)
        sieve[bit >> 3] |= np.uint8(1 << (bit & 7))
    return sieve
