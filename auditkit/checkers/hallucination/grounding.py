"""How much of a response its source does not support: lexical features, a logistic weighing of them, no neural model.

The score ranks: 0 = every word stands in the source as it stands there, 1 = nothing does. It is no probability of a
hallucination. A faithful paraphrase in other words scores as high as an invention in other words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np

from auditkit.checkers.hallucination.words import COMMON, NEGATIONS
from auditkit.resources import resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = (
    "novel",
    "novel_weight",
    "novel_pairs",
    "novel_triples",
    "apart",
    "elsewhere",
    "numbers",
    "negation",
    "quotes",
)
NEAR_WORDS = 12  # neighbours in the response should stand that close in the source: about half a sentence
MAX_PLACES = 24  # places of one word in the source that are compared
MAX_SENTENCES = 400  # of a response that are scored one by one

_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,:]\d+)*")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?=\S))+[.!?]*[\"'”’)\]]*")
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{12,300})[\"”]")
_ENDINGS = ("ing", "ed", "es", "ly", "s")
STEM_LETTERS = 6


def stem(word: str) -> str:
    """The word without an inflection, at most six letters: `announced`, `announces`, `announcement` are one."""
    for ending in _ENDINGS:
        if len(word) > len(ending) + 3 and word.endswith(ending):
            return word[: -len(ending)][:STEM_LETTERS]
    return word[:STEM_LETTERS]


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers, in order."""
    return _WORD.findall(text.lower())


class Sentence(NamedTuple):
    """Part of a response: where it stands and how unsupported it is."""

    start: int
    end: int
    score: float


class Source:
    """The index of a source: its stems, their neighbours and places. Built once, linear in the source."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.lower().split())
        words = words_of(text)
        self.words = set(words)
        stems = {word: stem(word) for word in self.words}
        self.order = [stems[word] for word in words]
        self.stems = set(self.order)
        self.pairs = set(pairwise(self.order))
        self.triples = set(zip(self.order, self.order[1:], self.order[2:], strict=False))
        self.negated = [place for place, word in enumerate(words) if word in NEGATIONS]
        self._places: dict[str, list[int]] | None = None

    def places(self, word: str) -> list[int]:
        """The first MAX_PLACES places of a stem."""
        if self._places is None:
            self._places = {}
            for place, known in enumerate(self.order):
                found = self._places.setdefault(known, [])
                if len(found) < MAX_PLACES:
                    found.append(place)
        return self._places.get(word, [])

    def near(self, first: str, second: str) -> bool:
        """Whether the two stems stand within NEAR_WORDS of each other somewhere."""
        others = self.places(second)
        return any(abs(place - other) <= NEAR_WORDS for place in self.places(first) for other in others)


def features(source: Source, text: str, weights: dict[int, float]) -> list[float] | None:
    """The values of FEATURES, each growing with what the source lacks; None when the text has no word."""
    words = words_of(text)
    if not words:
        return None
    order = [stem(word) for word in words]
    content = [known for word, known in zip(words, order, strict=True) if word not in COMMON]
    novel = [known for known in content if known not in source.stems]
    pairs = list(pairwise(order))
    triples = list(zip(order, order[1:], order[2:], strict=False))
    neighbours = list(pairwise(content))
    numbers = [word for word in words if word[0].isdigit()]
    return [
        _share(len(novel), len(content)),
        math.log1p(sum(weight_of(known, weights) for known in novel)),
        _share(sum(pair not in source.pairs for pair in pairs), len(pairs)),
        _share(sum(triple not in source.triples for triple in triples), len(triples)),
        _share(sum(not source.near(*pair) for pair in neighbours), len(neighbours)),
        _elsewhere(source, content),
        math.log1p(sum(number not in source.words for number in numbers)),
        _negation(source, words, content),
        _quotes(source, text),
    ]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def weight_of(known: str, weights: dict[int, float]) -> float:
    """How telling a word is, 0..1: common words little, names, numbers and rare words much."""
    return weights.get(crc32(known.encode("utf-8", "surrogatepass")), 1.0)


def _elsewhere(source: Source, content: Sequence[str]) -> float:
    """Share of the known content words outside the stretch of the source that holds most of them."""
    known = set(content) & source.stems
    if len(known) < 2:
        return 0.0
    places = sorted((place, word) for word in known for place in source.places(word))
    width = 4 * max(10, len(content))
    best, low = 0, 0
    inside: dict[str, int] = {}
    for place, word in places:
        inside[word] = inside.get(word, 0) + 1
        while place - places[low][0] > width:
            gone = places[low][1]
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
            low += 1
        best = max(best, len(inside))
    return 1 - best / len(known)


def _negation(source: Source, words: Sequence[str], content: Sequence[str]) -> float:
    """1 when the text negates and the source nowhere near its words, or the other way round for short texts."""
    if not any(word in NEGATIONS for word in words):
        return 0.0
    known = [place for word in set(content) for place in source.places(word)]
    return float(
        not any(abs(place - negated) <= NEAR_WORDS for negated in source.negated[:200] for place in known[:50])
    )


def _quotes(source: Source, text: str) -> float:
    """1 when words in quotation marks do not stand in the source."""
    quoted = (" ".join(match.lower().split()) for match in _QUOTE.findall(text))
    return float(any(quote.strip(" .,") not in source.text for quote in quoted))


@dataclass(frozen=True)
class Model:
    """Weights of FEATURES, made by training/grounding.py; words: how telling a stem is, by its CRC-32."""

    weights: NDArray[np.float64]
    bias: float
    words: dict[int, float]

    def score(self, source: Source, text: str) -> float:
        """0..1, higher = less supported; NaN for a text without words."""
        values = features(source, text, self.words)
        if values is None:
            return math.nan
        sum_ = self.bias + float(np.dot(self.weights, values))
        return round(1 / (1 + math.exp(-sum_)), 4)

    def sentences(self, source: Source, text: str) -> Iterator[Sentence]:
        """The score of each sentence of at least three words."""
        for number, (start, end) in enumerate(sentence_spans(text)):
            if number == MAX_SENTENCES:
                return
            if len(words_of(text[start:end])) >= 3:
                yield Sentence(start, end, self.score(source, text[start:end]))


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the sentences, without the blanks around them."""
    for match in _SENTENCE.finditer(text):
        shown = match.group()
        start = match.start() + len(shown) - len(shown.lstrip())
        if start < match.end():
            yield start, match.start() + len(shown.rstrip())


@cache
def model() -> Model:
    """The shipped model, read once per process."""
    stored = np.load(resource("rules/lexicons/grounding.npz"))
    telling = stored["telling"].astype(np.float64) / 255
    words = dict(zip(stored["words"].tolist(), telling.tolist(), strict=True))
    return Model(stored["weights"], float(stored["bias"]), words)
