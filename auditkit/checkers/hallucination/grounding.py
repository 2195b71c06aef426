"""How much of a response its source does not support: lexical signals, fixed weights, no neural model.

The score ranks: 0 = every word stands in the source as it stands there, 1 = nothing does. It is no probability of a
hallucination. A faithful paraphrase in other words scores as high as an invention in other words.

Two signals carry it. Order: the share of neighbouring words that are not neighbours in the source, which saturates,
since beyond it a response is merely worded freely. Invention: how telling the new words are (idf squared, as in a
tf-idf product; a number counts fully), times the share of new neighbours. Quotations and negations that the source
lacks add a little. Each has the same weight after scaling (Dawes 1979, "improper linear models"), because no set of
human judgements may be trained on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np

from auditkit.checkers.hallucination.words import COMMON, NEGATIONS
from auditkit.resources import resource

FEATURES = ("order", "invention", "negation", "quotes")
WEIGHTS = (1.0, 1.0, 0.3, 0.3)  # order and invention alike; the two rare ones shift a score without deciding it
NEAR_WORDS = 12  # a negation speaks of words that close to it: about half a sentence
MAX_PLACES = 24  # places of one word in the source that are compared
MAX_SENTENCES = 400  # of a response that are scored one by one

_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,:]\d+)*")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?=\S))+[.!?]*[\"'”’)\]]*")
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{12,300})[\"”]")
_ENDINGS = ("ing", "ed", "es", "ly", "s")
STEM_LETTERS = 6


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The word without an inflection, at most six letters: `announced`, `announces`, `announcement` are one.

    Kept for the words seen last, some 10 MB: words come back from text to text, and this is a third of the time.
    """
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


def features(source: Source, text: str, telling: Mapping[int, float], saturation: float) -> list[float] | None:
    """The values of FEATURES, each growing with what the source lacks; None when the text has no word.

    telling: weight of a stem by its CRC-32. saturation: share of new neighbours at which `order` is 1.
    """
    words = words_of(text)
    if not words:
        return None
    order = [stem(word) for word in words]
    content = [known for word, known in zip(words, order, strict=True) if word not in COMMON]
    new = [
        1.0 if word[0].isdigit() else weight_of(known, telling)
        for word, known in zip(words, order, strict=True)
        if known not in source.stems and word not in COMMON
    ]
    pairs = list(pairwise(order))
    new_pairs = sum(pair not in source.pairs for pair in pairs) / len(pairs) if pairs else float(bool(new))
    return [
        min(1.0, new_pairs / saturation),
        new_pairs * math.log1p(math.fsum(new)),
        _negation(source, words, content),
        _quotes(source, text),
    ]


def weight_of(known: str, telling: Mapping[int, float]) -> float:
    """How telling a word is, 0..1: common words little, names and rare words much."""
    return telling.get(crc32(known.encode("utf-8", "surrogatepass")), 1.0) ** 2


def _negation(source: Source, words: Sequence[str], content: Sequence[str]) -> float:
    """1 when the text negates and the source does not near the same words."""
    if not any(word in NEGATIONS for word in words):
        return 0.0
    known = [place for word in dict.fromkeys(content) for place in source.places(word)]
    return float(
        not any(abs(place - negated) <= NEAR_WORDS for negated in source.negated[:200] for place in known[:50])
    )


def _quotes(source: Source, text: str) -> float:
    """1 when words in quotation marks do not stand in the source."""
    quoted = (" ".join(match.lower().split()) for match in _QUOTE.findall(text))
    return float(any(quote.strip(" .,") not in source.text for quote in quoted))


@dataclass(frozen=True)
class Model:
    """What training/grounding.py found: how telling stems are, where order saturates, slope and offset of the score."""

    telling: Mapping[int, float]
    saturation: float
    slope: float
    offset: float

    def weigh(self, source: str, prompt: str, response: str) -> tuple[float, list[Sentence]]:
        """(score of the response, its sentences with theirs), as every engine gives them."""
        del prompt
        index = indexed(source)
        return self.score(index, response), list(self.sentences(index, response))

    def score(self, source: Source, text: str) -> float:
        """0..1, higher = less supported; NaN for a text without words."""
        values = features(source, text, self.telling, self.saturation)
        if values is None:
            return math.nan
        total = math.fsum(weight * value for weight, value in zip(WEIGHTS, values, strict=True))
        return round(1 / (1 + math.exp(-(self.slope * total + self.offset))), 4)

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


@lru_cache(maxsize=1)
def indexed(source: str) -> Source:
    """The index of a source; that of the last one is kept for the other responses of its document."""
    return Source(source)


@cache
def model() -> Model:
    """The shipped model, read once per process."""
    stored = np.load(resource("rules/lexicons/grounding.npz"))
    telling = dict(zip(stored["words"].tolist(), (stored["telling"] / 255).tolist(), strict=True))
    return Model(telling, float(stored["saturation"]), float(stored["slope"]), float(stored["offset"]))
