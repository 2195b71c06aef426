"""The embedded scorer: texts as calibrated scores and languages, flagged texts as their toxic words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.toxicity.embedded import LABELS, Head, Model
from auditkit.checkers.toxicity.languages import CHINESE, GERMAN, languages

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

WHOLE_BYTES = 1000  # longer texts are scored sentence by sentence
LONGEST_BYTES = 1000  # a sentence without an end is cut here


@dataclass(frozen=True)
class Scores:
    """Scores of m texts.

    labels: float64[m, len(LABELS)] in 0..1, NaN where the language's head does not know the label. languages: int64[m].
    starts, ends: int64[m], byte range of the worst sentence of each text, or of all of a short one.
    """

    labels: NDArray[np.float64]
    languages: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """The parts of some texts that are scored by themselves: byte ranges, in the order of their texts.

    first: int64[m], index of each text's first part.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    first: NDArray[np.int64]

    def per_text(self) -> NDArray[np.int64]:
        """int64[m]: the number of parts of each text."""
        return np.diff(np.append(self.first, len(self.starts)))

    def of(self, texts: NDArray[np.bool_]) -> Parts:
        """The parts of these texts."""
        numbers = self.per_text()
        keep = np.repeat(texts, numbers)
        return Parts(self.starts[keep], self.ends[keep], np.cumsum(numbers[texts]) - numbers[texts])


def score(texts: pa.Array, known: Model) -> Scores:
    """Scores of a large_utf8 array without nulls. About 45 MB per CPU-second; memory about the size of the texts."""
    from auditkit.checkers.toxicity import grams
    from auditkit.text.buffers import utf8_buffers

    data, offsets = utf8_buffers(texts)
    if len(offsets) == 1:
        nothing = np.zeros(0, np.int64)
        return Scores(np.zeros((0, len(LABELS))), nothing, nothing, nothing)
    starts, ends, owners = grams.segments(data, offsets, WHOLE_BYTES, LONGEST_BYTES)
    parts = Parts(starts, ends, np.searchsorted(owners, np.arange(len(offsets) - 1)))
    sums, distinct, counts = _totals(data, parts, known, known.english)
    found = _judged(parts, known.english, sums, distinct, len(LABELS))
    found.languages[:] = languages(np.add.reduceat(counts, parts.first, axis=0))
    for language, head in ((GERMAN, known.german), (CHINESE, known.chinese)):
        chosen = found.languages == language
        if chosen.any():
            own = parts.of(chosen)
            sums, distinct, _ = _totals(data, own, known, head)
            _replace(found, chosen, _judged(own, head, sums, distinct, 1))
    return Scores(found.labels, found.languages, found.starts - offsets[:-1], found.ends - offsets[:-1])


def _totals(
    data: NDArray[np.uint8], parts: Parts, known: Model, head: Head
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """(sums, numbers of distinct n-grams, counts) of the parts in this head's tables."""
    from auditkit.checkers.toxicity import grams, han

    if head is known.chinese:
        sums, distinct = han.totals(data, parts.starts, parts.ends, known.fold, head.table, head.shift)
        return sums, distinct, np.zeros((len(sums), grams.COUNTS), np.int32)
    return grams.totals(data, parts.starts, parts.ends, known.fold, known.classes, head.table, head.shift)


def _judged(parts: Parts, head: Head, sums: NDArray[np.int32], distinct: NDArray[np.int32], n_labels: int) -> Scores:
    """Scores of the texts of these parts: of the whole text, or of its worst part where that is higher.

    The worst of n sentences loses half of log n, in logits, for being the worst of n: without that one in eight pages
    of technical prose has a sentence above 0.5, with it one in fifty.
    """
    each = head.logits(sums, distinct, n_labels)
    numbers = parts.per_text()
    whole = head.logits(np.add.reduceat(sums, parts.first, axis=0), np.add.reduceat(distinct, parts.first), n_labels)
    highest = np.maximum.reduceat(each, parts.first, axis=0)
    logits = np.maximum(whole, highest - 0.5 * np.log(numbers)[:, None])
    at = np.flatnonzero(each[:, 0] == np.repeat(highest[:, 0], numbers))
    worst = at[np.searchsorted(at, parts.first)]
    labels = np.full((len(numbers), len(LABELS)), np.nan)
    labels[:, :n_labels] = 1 / (1 + np.exp(-logits))
    return Scores(labels, np.zeros(len(numbers), np.int64), parts.starts[worst], parts.ends[worst])


def _replace(found: Scores, chosen: NDArray[np.bool_], better: Scores) -> None:
    """The scores of the chosen texts are those of their own language's head."""
    found.labels[chosen] = better.labels
    found.starts[chosen], found.ends[chosen] = better.starts, better.ends


@dataclass(frozen=True)
class Reasons:
    """Why a text is toxic: its worst sentence, and (start, end, weight) of the words that count most; code points."""

    sentence: tuple[int, int]
    words: tuple[tuple[int, int, float], ...]


def reasons(text: str, first: int, last: int, *, language: int, known: Model) -> Reasons:
    """The toxic words of bytes first..last of the text; where none is above the cut, the heaviest one alone."""
    from auditkit.checkers.toxicity import grams, han
    from auditkit.text.buffers import code_points

    head = {GERMAN: known.german, CHINESE: known.chinese}.get(language, known.english)
    data = np.frombuffer(text.encode(), np.uint8)
    if head is known.chinese:
        edges, sums = han.character_sums(data, first, last, known.fold, head.table, head.shift)
    else:
        edges, sums = grams.word_sums(
            data, first, last, known.fold, known.classes, head.table, head.shift, head.word_lane
        )
    sentence = code_points(data, 0, np.array([first, last]))
    weights = sums * head.steps[head.word_lane]
    chosen = np.flatnonzero(weights >= min(head.word_cut, weights.max())) if len(weights) else np.zeros(0, np.int64)
    places = code_points(data, 0, edges[chosen].ravel()).reshape(-1, 2)
    words = [(int(a), int(b), float(weight)) for (a, b), weight in zip(places, weights[chosen], strict=True)]
    return Reasons((int(sentence[0]), int(sentence[1])), tuple(_joined(words) if head is known.chinese else words))


def _joined(places: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Neighbouring characters as one place, with their highest weight."""
    result: list[tuple[int, int, float]] = []
    for start, end, weight in places:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end, max(result[-1][2], weight))
        else:
            result.append((start, end, weight))
    return result
