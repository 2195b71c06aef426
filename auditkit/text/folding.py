"""What each Unicode character becomes when texts are compared: tables for the kernels of `words`.

A text is compared as `NFKD(casefold(NFKD(text)))`: composed and decomposed, full- and half-width, upper and lower case
are equal; accents are not dropped. Each character then separates words, belongs to one, or is a word of its own.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SEPARATE, WORD, SINGLE, MARK, REORDER, IGNORE, HANGUL, EXPAND = range(8)
"""Between words; part of a word; a word of its own; joins the character before it, in place or in canonical order;
invisible, as if it were not there; a Hangul syllable (decomposes by arithmetic); EXPAND + i: sequence i."""

IOTA_BELOW, IOTA = 0x345, 0x3B9
"""The one mark that folds to a letter, but only after canonical ordering."""

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x30FF),  # iteration marks, hiragana, katakana
    (0x3105, 0x312F),  # bopomofo
    (0x31A0, 0x31FF),  # bopomofo, katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA000, 0xA4CF),  # Yi
    (0xA980, 0xA9DF),  # Javanese
    (0xA9E0, 0xA9FF),  # Myanmar extended
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0x11700, 0x1174F),  # Ahom
    (0x17000, 0x18DFF),  # Tangut, Khitan
    (0x1AFF0, 0x1B2FF),  # kana supplements, Nushu
    (0x20000, 0x3FFFF),  # Han extensions B and later
)
"""Blocks of scripts that put no spaces between words (Unicode line-break classes ID, SA): each character is a word."""

_UNIFORM = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x17000, 0x187F7), (0x20000, 0x2A6DF), (0x2A700, 0x2EE5D))
"""Blocks without case or decomposition: filled at once, because asking for each character takes a second."""

_FILLERS = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F})


class Folding(NamedTuple):
    """The tables.

    step: uint16 per code point, what it does. combining: its canonical combining class.
    starts, codes: sequence i of an expansion is codes[starts[i]:starts[i + 1]].
    """

    step: NDArray[np.uint16]
    combining: NDArray[np.uint8]
    starts: NDArray[np.int32]
    codes: NDArray[np.uint32]


@cache
def folding() -> Folding:
    """The tables of this Python's Unicode version; 3.3 MB, made once per process in about 0.1 s."""
    step = np.zeros(0x110000, np.uint16)
    combining = np.zeros(0x110000, np.uint8)
    for first, last in _UNIFORM:
        step[first : last + 1] = SINGLE
    step[0xAC00:0xD7A4] = HANGUL
    sequences: list[str] = []
    for code in _looked_up():
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cn":
            continue
        folded = _folded(character)
        if folded != character:
            step[code] = EXPAND + len(sequences)
            sequences.append(folded)
            continue
        step[code] = _step(character, category)
        combining[code] = unicodedata.combining(character)
    lengths = [len(sequence) for sequence in sequences]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    codes = np.array([ord(character) for sequence in sequences for character in sequence], np.uint32)
    return Folding(step, combining, starts, codes)


def fold(text: str) -> str:
    """The text as it is compared: compatibility-decomposed and case-folded."""
    once = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return once if once == text else unicodedata.normalize("NFKD", once.casefold())


def _folded(character: str) -> str:
    """What the table says of one character: its folded form, in which IOTA_BELOW still waits among the marks."""
    if ord(character) < 0x80:
        return character
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part if ord(part) == IOTA_BELOW else fold(part) for part in parts)


def _looked_up() -> Iterator[int]:
    """The code points that are asked for one by one: all but the uniform blocks, Hangul, surrogates and private use."""
    for first, last in (
        (0x00, 0x33FF),
        (0x4DC0, 0x4DFF),
        (0xA000, 0xABFF),
        (0xD7B0, 0xD7FF),
        (0xF900, 0x16FFF),
        (0x187F8, 0x1FFFF),
        (0x2F800, 0x2FA1F),
        (0x30000, 0x323AF),
        (0xE0000, 0xE01EF),
    ):
        yield from range(first, last + 1)


def _step(character: str, category: str) -> int:
    """What a character that folds to itself does."""
    code = ord(character)
    if category == "Cf" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or code in _FILLERS:
        return IGNORE  # the default-ignorable characters of Unicode: soft hyphen, joiners, variation selectors, bidi
    if category.startswith("M"):
        return REORDER if unicodedata.combining(character) else MARK
    if not character.isalnum():
        return SEPARATE
    return SINGLE if any(first <= code <= last for first, last in UNSPACED) else WORD
