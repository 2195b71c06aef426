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

WHOLE_BYTES = 2000  # longer texts are scored sentence by sentence
LONGEST_BYTES = 1000  # a sentence without an end is cut here
DISCOUNT = 0.5  # per log of the number of sentences, in logits


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
    from auditkit.checkers.toxicity.segments import segments
    from auditkit.text.buffers import utf8_buffers

    data, offsets = utf8_buffers(texts)
    if len(offsets) == 1:
        nothing = np.zeros(0, np.int64)
        return Scores(np.zeros((0, len(LABELS))), nothing, nothing, nothing)
    starts, ends, owners = segments(data, offsets, WHOLE_BYTES, LONGEST_BYTES)
    parts = Parts(starts, ends, np.searchsorted(owners, np.arange(len(offsets) - 1)))
    sums, distinct, counts = _totals(data, parts, known, known.english)
    found = _judged(parts, known.english, sums, distinct, counts)
    found.languages[:] = languages(np.add.reduceat(counts, parts.first, axis=0))
    for head, chosen in _by_head(known, found.languages)[1:]:
        if chosen.any():
            own = parts.of(chosen)
            _replace(found, chosen, _judged(own, head, *_totals(data, own, known, head)))
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


def _judged(
    parts: Parts, head: Head, sums: NDArray[np.int32], distinct: NDArray[np.int32], counts: NDArray[np.int32]
) -> Scores:
    """Scores of the texts of these parts: of the whole text, or of its worst part where that is higher.

    The worst of n sentences loses half of log n, in logits, for being the worst of n: without that one in eight pages
    of technical prose has a sentence above 0.5, with it one in fifty.
    """
    from auditkit.checkers.toxicity.grams import GROUPS

    groups, numbers = counts[:, GROUPS], parts.per_text()
    each = head.logits(sums, distinct, groups)
    together = [np.add.reduceat(values, parts.first, axis=0) for values in (sums, distinct, groups)]
    whole = head.logits(*together) if len(each) > len(numbers) else each
    highest = np.maximum.reduceat(each, parts.first, axis=0)
    logits = np.maximum(whole, highest - DISCOUNT * np.log(numbers)[:, None])
    at = np.flatnonzero(each[:, 0] == np.repeat(highest[:, 0], numbers))
    worst = at[np.searchsorted(at, parts.first)]
    labels = np.full((len(numbers), len(LABELS)), np.nan)
    labels[:, : head.n_labels] = 1 / (1 + np.exp(-logits))
    return Scores(labels, np.zeros(len(numbers), np.int64), parts.starts[worst], parts.ends[worst])


def _replace(found: Scores, chosen: NDArray[np.bool_], better: Scores) -> None:
    """The scores of the chosen texts are those of their own language's head."""
    found.labels[chosen] = better.labels
    found.starts[chosen], found.ends[chosen] = better.starts, better.ends


@dataclass(frozen=True)
class Reasons:
    """Why some texts are toxic, in code points, in the order in which they were asked for.

    sentences: int64[n, 2], the worst sentence of each. texts, starts, ends, weights: the words that count most;
    texts[k] is the number of the text that word k belongs to.
    """

    sentences: NDArray[np.int64]
    texts: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]


def reasons(texts: pa.Array, scores: Scores, chosen: NDArray[np.int64], known: Model) -> Reasons:
    """The toxic words in the worst sentences of the chosen texts; each text that has a word has at least one."""
    from auditkit.checkers.toxicity.marks import marks
    from auditkit.text.buffers import utf8_buffers

    data, offsets = utf8_buffers(texts)
    begins, starts, ends = offsets[:-1][chosen], scores.starts[chosen], scores.ends[chosen]
    sentences = np.zeros((len(chosen), 2), np.int64)
    found, weights = [], []
    for head, mine in _by_head(known, scores.languages[chosen]):
        rows = np.flatnonzero(mine)
        begin, step = begins[rows], float(head.steps[head.word_lane])
        lane = -1 if head is known.chinese else head.word_lane
        tables = (known.fold, known.classes, head.table, head.shift, lane, head.word_cut / step)
        places, sums, sentences[rows] = marks(data, begin, begin + starts[rows], begin + ends[rows], *tables)
        places[:, 0] = rows[places[:, 0]]
        found.append(places)
        weights.append(sums * step)
    places, values = np.concatenate(found), np.concatenate(weights)
    order = np.lexsort((places[:, 1], places[:, 0]))
    owners, first, last = places[order].T
    return Reasons(sentences, owners, first, last, values[order])


def _by_head(known: Model, languages: NDArray[np.int64]) -> list[tuple[Head, NDArray[np.bool_]]]:
    """Each head, and which texts are its own."""
    german, chinese = languages == GERMAN, languages == CHINESE
    return [(known.english, ~german & ~chinese), (known.german, german), (known.chinese, chinese)]
