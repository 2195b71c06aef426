"""A text with its disguises taken off, and where each character of the result stands in the original.

What it undoes: characters that are not seen (zero-width, soft hyphens, bidi marks), other shapes of ASCII
(full-width, mathematical,
circled), digits of other scripts, HTML character references, percent-encoded signs, right-to-left overrides. What
stays: everything else,
accents and other scripts included.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.settled import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

ENCODED = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,24});|%[2-7][0-9a-fA-F]")
OVERRIDE, EMBEDDED_END = "\u202e", "\u202c"
_REVERSED = re.compile(f"{OVERRIDE}([^{OVERRIDE}{EMBEDDED_END}\n]*)({EMBEDDED_END}?)")
SIGNS = frozenset("@.+-_/:()[]#")
KEPT = frozenset("ªº²³¹\u00a0\u2026")  # typography of ordinary prose


@dataclass(frozen=True)
class Folded:
    """`text` is the result; its character i comes from original[starts[i]:ends[i]]."""

    text: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that text[start:end] comes from, hidden characters inside included."""
        return int(self.starts[start:end].min()), int(self.ends[start:end].max())


def same(text: str) -> Folded:
    """The text as it is."""
    places = np.arange(len(text), dtype=np.int64)
    return Folded(text, places, places + 1)


@cache
def shapes() -> dict[int, str]:
    """str.translate table: characters that are another shape of one ASCII sign to that sign, unseen characters to
    nothing.
    """
    table: dict[int, str] = {}
    for code in (*range(0x80, 0x3400), *range(0xA000, 0xAC00), *range(0xFB00, 0x20000), *range(0xE0000, 0xE01F0)):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F:
            table[code] = ""
        elif category == "Nd":
            table[code] = str(unicodedata.digit(character))
        elif character not in KEPT:
            plain = unicodedata.normalize("NFKC", character)
            if len(plain) == 1 and plain.isascii() and (plain.isalnum() or plain in SIGNS):
                table[code] = plain
    return table


@cache
def suspicious() -> NDArray[np.uint8]:
    """uint8 per code point: 1 for what `shapes` changes; a text without any is left alone."""
    marks = np.zeros(0x110000, np.uint8)
    marks[list(shapes())] = 1
    return marks


def fold(text: str) -> Folded:
    """The text with every disguise of this module taken off; linear in its length."""
    folded = same(text)
    if OVERRIDE in text:
        folded = _turned(folded)
    if "&" in text or "%" in text:
        folded = rewritten(folded, ENCODED, _decoded)
    if not folded.text.isascii():
        folded = _reshaped(folded)
    return folded


def rewritten(folded: Folded, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str | None]) -> Folded:
    """The text with each match replaced by what `new` says (None = left as it is); each new character has the match's
    place.
    """
    parts: list[str] = []
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    last = 0
    for match in pattern.finditer(folded.text):
        fresh = new(match)
        if fresh is None:
            continue
        low, high = match.span()
        first, final = folded.place(low, high)
        parts += [folded.text[last:low], fresh]
        starts += [folded.starts[last:low], np.full(len(fresh), first, np.int64)]
        ends += [folded.ends[last:low], np.full(len(fresh), final, np.int64)]
        last = high
    if not parts:
        return folded
    return _joined([*parts, folded.text[last:]], [*starts, folded.starts[last:]], [*ends, folded.ends[last:]])


def _joined(parts: Sequence[str], starts: Sequence[NDArray[np.int64]], ends: Sequence[NDArray[np.int64]]) -> Folded:
    return Folded("".join(parts), np.concatenate(starts), np.concatenate(ends))


def _decoded(match: re.Match[str]) -> str | None:
    """The character of a reference or of a percent-encoded byte; None where it is none."""
    code = match.group()
    if code[0] == "%":
        return chr(int(code[1:], 16))
    character = html.unescape(code)
    return settled(character) if len(character) == 1 else None


def _reshaped(folded: Folded) -> Folded:
    """Other shapes of ASCII made ASCII, unseen characters taken out."""
    table = shapes()
    signs = [table.get(ord(ch), ch) for ch in folded.text]
    kept = np.array([bool(sign) for sign in signs], bool)
    return Folded("".join(signs), folded.starts[kept], folded.ends[kept])


def _turned(folded: Folded) -> Folded:
    """What stands between a right-to-left override and its end, turned round; the two signs go with its edges."""
    text, starts, ends = list(folded.text), folded.starts.copy(), folded.ends.copy()
    for match in _REVERSED.finditer(folded.text):
        low, high = match.span(1)
        if low == high:
            continue
        text[low:high] = text[low:high][::-1]
        starts[low:high], ends[low:high] = starts[low:high][::-1].copy(), ends[low:high][::-1].copy()
        starts[high - 1], ends[low] = match.start(), match.end()
    return Folded("".join(text), starts, ends)
