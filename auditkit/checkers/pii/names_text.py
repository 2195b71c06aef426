"""Texts as a name model reads them: sentences, words with their places, word pieces, and what a word looks like.

A *word* is a run of letters and digits or one other sign; places are code points of the text. Training uses these
functions too, so that a model is asked only what it was taught.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from auditkit.resources import resource

WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*|[^\w\s]|_")
SENTENCE_END = re.compile(r"[.!?]+[\"')\]\u2019\u201d]*$")
_GO_ON = (
    "mr mrs ms dr prof sen rep gov gen col lt sgt capt rev hon st mt ft jr sr vs no dept inc ltd co corp "
    "jan feb mar apr jun jul aug sep sept oct nov dec e i p u"
)
ABBREVIATIONS = frozenset(_GO_ON.split())
"""Words after whose full stop a sentence goes on."""

_BEFORE_NAMES = (
    "mr mrs ms miss dr prof professor sir lord lady king queen prince princess president senator judge captain "
    "colonel general uncle aunt aunty grandma grandpa sheikh imam rabbi father sister brother dear hi hello"
)
TITLES = frozenset(_BEFORE_NAMES.split())
"""Words that stand before names."""

FIRST, LAST, PLACE, PLACE_START, PLACE_REST, COMMON = (1 << bit for bit in range(6))
SHAPES = ("lower", "Title", "CAPITALS", "C", "Mixed", "digits", "sign", "other")
N_FEATURES = len(SHAPES) + 6 + 4
"""Shape one-hot, six bits of the lexicon, title, first of its sentence, sentence without small letters, with none but
them."""


class Sentence(NamedTuple):
    """A stretch of one line, at most `LONGEST` words; starts and ends of its words, words as they are
    written (their first `LONGEST_SPELLING` signs).
    """

    starts: list[int]
    ends: list[int]
    words: list[str]


LONGEST_SPELLING = 64  # signs of a word that are looked at, so that what is remembered of words stays small
LONGEST = 60  # words; one sentence in 400 of web comments is longer


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text in order; a line break always ends one."""
    found: list[Sentence] = []
    open_: Sentence | None = None
    last_end = 0
    for match in WORD.finditer(text):
        start, end = match.span()
        if open_ is None or len(open_.words) >= LONGEST or _breaks(text, open_, last_end, start):
            open_ = Sentence([], [], [])
            found.append(open_)
        open_.starts.append(start)
        open_.ends.append(end)
        open_.words.append(match.group()[:LONGEST_SPELLING])
        last_end = end
    return found


def _breaks(text: str, before: Sentence, end: int, start: int) -> bool:
    """Whether a sentence ends in the space between two words."""
    if end == start:
        return False
    gap = text[end:start]
    if "\n" in gap or "\r" in gap:
        return True
    if not SENTENCE_END.search(text[max(0, end - 4) : end]):
        return False
    closing = next((word for word in reversed(before.words[-4:]) if word.isalnum()), "")
    if before.words[-1] == "." and (closing.casefold() in ABBREVIATIONS or len(closing) == 1):
        return False
    return not text[start].islower()


@lru_cache(1 << 16)
def folded(word: str) -> str:
    """The word in small letters without accents, as the pieces and the lexicon hold it."""
    lowered = word.lower()
    if lowered.isascii():
        return lowered
    return "".join(ch for ch in unicodedata.normalize("NFD", lowered) if unicodedata.category(ch) != "Mn")


class Pieces:
    """WordPiece numbers of words (Wu et al. 2016; greedy longest match), from a vocabulary in BERT's order."""

    def __init__(self, vocabulary: list[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown, self.start, self.end = (self._numbers[name] for name in ("[UNK]", "[CLS]", "[SEP]"))
        self._known: dict[str, tuple[int, ...]] = {}

    def __call__(self, word: str) -> tuple[int, ...]:
        """The pieces of a folded word, never none, at most `LONGEST_WORD`."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) > 1 << 17:  # forget, so that memory stays bounded
                self._known.clear()
            known = self._known[word] = self._cut(word)
        return known

    def _cut(self, word: str) -> tuple[int, ...]:
        found: list[int] = []
        start = 0
        while start < len(word) and len(found) < LONGEST_WORD:
            head = "##" if start else ""
            end = next(
                (e for e in range(min(len(word), start + 30), start, -1) if head + word[start:e] in self._numbers), 0
            )
            if not end:
                return (self.unknown,)
            found.append(self._numbers[head + word[start:end]])
            start = end
        return tuple(found) or (self.unknown,)


LONGEST_WORD = 8  # pieces; what follows in a longer word tells nothing about names


@lru_cache(1)
def lexicon() -> dict[int, int]:
    """CRC-32 of a folded word -> bits FIRST, LAST, PLACE, PLACE_START, PLACE_REST, COMMON; made by training/."""
    with np.load(resource("rules/lexicons/names.npz")) as arrays:
        return dict(zip(arrays["words"].tolist(), arrays["bits"].tolist(), strict=True))


@lru_cache(1 << 16)
def known_as(word: str) -> int:
    """The lexicon's bits of a word as it is written."""
    return lexicon().get(zlib.crc32(folded(word).encode("utf-8", "surrogatepass")), 0)


@lru_cache(1 << 16)
def _row(word: str) -> tuple[float, ...]:
    bits = known_as(word)
    row = [0.0] * N_FEATURES
    row[shape(word)] = 1.0
    for bit in range(6):
        row[len(SHAPES) + bit] = float(bits >> bit & 1)
    row[len(SHAPES) + 6] = float(folded(word) in TITLES)
    return tuple(row)


def shape(word: str) -> int:
    """The place of a word's shape in SHAPES."""
    if word.isdigit():
        return 5
    if not word[0].isalnum():
        return 6
    if word.islower():
        return 0
    if word.isupper():
        return 3 if len(word) == 1 else 2
    if word[0].isupper() and word[1:].islower():
        return 1
    return 4 if any(ch.isupper() for ch in word) else 7


def features(words: list[str]) -> np.ndarray:
    """float32[words, N_FEATURES]: what each word of a sentence looks like and is known as."""
    rows = np.array([_row(word) for word in words], np.float32)
    rows[0, -3] = 1.0
    small, capital = rows[:, 0].any(), rows[:, 1:5].any()
    rows[:, -2] = float(not small)
    rows[:, -1] = float(not capital)
    return rows


def may_hold_names(sentence: Sentence) -> bool:
    """Whether a model should read the sentence: it has a word that is written or known like a name."""
    for place, word in enumerate(sentence.words):
        if word[0].isupper() and not (place == 0 and known_as(word) & COMMON) and word != "I":
            return True
        bits = known_as(word)
        if (bits & (FIRST | PLACE) and not bits & COMMON) or folded(word) in TITLES:
            return True
    return False
