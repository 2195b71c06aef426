"""Figures of the text sample with intervals: distinct-n, entropy, rare words, likeness; of all and per label; topics.

The interval is the delete-a-group jackknife over 16 groups of documents (Quenouille 1956; Kott 2001): each figure is
computed anew without each group, from counts per group, so that the words of one document never count as independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.checkers.diversity import sample as samples
from auditkit.findings import Metric
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from auditkit.checkers.diversity.sample import Sample

NAME = "diversity"
GROUPS = 16
STUDENT = 2.131  # 97.5 % quantile of Student's t with 15 degrees of freedom: 95 % intervals
FEW = 2 * GROUPS  # documents below which a sample has no intervals worth their name


class Words(NamedTuple):
    """All words of a sample: uint64 hash and document of each."""

    hashes: NDArray[np.uint64]
    ends: NDArray[np.int64]

    @property
    def owners(self) -> NDArray[np.int64]:
        """The document of each word."""
        return np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))


class Counts(NamedTuple):
    """How often each item occurs in each group of documents: int64[items, GROUPS]."""

    table: NDArray[np.int64]

    def without(self) -> Iterable[NDArray[np.int64]]:
        """The counts of all items, then those without each group."""
        whole = self.table.sum(axis=1)
        yield whole
        for group in range(GROUPS):
            yield whole - self.table[:, group]


def words_of(sample: Sample) -> Words:
    """The folded words of the sample."""
    from auditkit.text.folding import folding
    from auditkit.text.shingles import Texts, all_words

    texts = [text.decode("utf-8", "ignore") for text in sample.texts]
    data, offsets = utf8_buffers(pa.array(texts, pa.large_utf8()))
    return Words(*all_words(Texts(data, offsets, np.arange(len(texts) + 1)), folding()))


def counts_of(items: NDArray[np.uint64], owners: NDArray[np.int64]) -> Counts:
    """The table of these items; the group of a document is its place in the sample modulo GROUPS."""
    known, at = np.unique(items, return_inverse=True)
    flat = np.bincount(at * GROUPS + owners % GROUPS, minlength=len(known) * GROUPS)
    return Counts(flat.reshape(-1, GROUPS))


def metrics_of_sample(sample: Sample) -> Iterable[Metric]:
    """sample.* of the whole corpus, and label.* of each label that has a sample."""
    whole = sample.first(samples.SIZE)
    words = words_of(whole)
    yield from gram_metrics(words, "sample.distinct_n", (1, 2, 3))
    yield from word_metrics(words, "")
    yield from _likeness(words)
    for label in samples.labels_in(sample.labels):
        own = words_of(sample.only(label))
        name = label.decode("utf-8", "ignore")
        yield from gram_metrics(own, "label.distinct_n", (2,), slice=name)
        yield from word_metrics(own, name)


def gram_metrics(words: Words, metric: str, orders: Sequence[int], slice: str | None = None) -> Iterable[Metric]:
    """Distinct n-grams over n-grams, of each order."""
    from auditkit.checkers.diversity.kernels import gram_items

    for order in orders:
        counts = counts_of(*gram_items(words.hashes, words.ends, order))
        yield _metric(metric, str(order) if slice is None else slice, words, _each(counts, _distinct))


def word_metrics(words: Words, label: str) -> Iterable[Metric]:
    """word_entropy, hapax_share and words_per_document of a sample."""
    counts = counts_of(words.hashes, words.owners)
    kind = "label" if label else "sample"
    yield _metric(f"{kind}.word_entropy", label, words, _each(counts, _entropy))
    yield _metric(f"{kind}.hapax_share", label, words, _each(counts, _hapax))
    lengths, groups = np.diff(words.ends).astype(float), np.arange(len(words.ends) - 1) % GROUPS
    means = [lengths.mean() if len(lengths) else None, *(_mean(lengths[groups != group]) for group in range(GROUPS))]
    yield _metric(f"{kind}.words_per_document", label, words, means)


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _each(counts: Counts, figure: Callable[[NDArray[np.int64]], float]) -> list[float | None]:
    """The figure of all documents, then without each group."""
    return [figure(found) if found.sum() else None for found in counts.without()]


def _distinct(counts: NDArray[np.int64]) -> float:
    return float((counts > 0).sum() / counts.sum())


def _hapax(counts: NDArray[np.int64]) -> float:
    return float((counts == 1).sum() / counts.sum())


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _likeness(words: Words) -> Iterable[Metric]:
    """sample.pairwise_similarity; sample.topics, so many of equal size it amounts to; topic.share of each.

    Topics have no interval: to draw other documents is to draw other topics (measured: intervals of a fixed clustering
    miss a second sample four times as often as they should).
    """
    from auditkit.checkers.diversity.topics import topics_of, vectors_of

    n = len(words.ends) - 1
    vectors = vectors_of(words)
    yield _metric("sample.pairwise_similarity", "", words, _similarities(vectors))
    topics = topics_of(vectors)
    if topics is None:
        yield Metric(NAME, "sample.topics", None, denominator=n, status="not_checkable")
        return
    sizes = np.bincount(topics)
    effective = 2.0 ** _entropy(sizes)
    yield Metric(NAME, "sample.topics", round(effective, 4), denominator=n)
    for topic, size in enumerate(sizes.tolist()):
        yield Metric(NAME, "topic.share", round(size / n, 6), f"topic {topic + 1}", denominator=n)


def _similarities(vectors: NDArray[np.float32]) -> list[float | None]:
    """Mean cosine of two different documents: of all, then without each group; from sums, not from pairs."""
    n = len(vectors)
    groups = [np.arange(first, n, GROUPS) for first in range(GROUPS)]
    sums = np.stack([vectors[group].sum(axis=0, dtype=np.float64) for group in groups])
    squares = np.square(vectors).sum(axis=1, dtype=np.float64)
    whole, found = sums.sum(axis=0), []
    for left_out in (None, *range(GROUPS)):
        rest = whole if left_out is None else whole - sums[left_out]
        own = squares.sum() - (0.0 if left_out is None else squares[groups[left_out]].sum())
        size = n if left_out is None else n - len(groups[left_out])
        found.append(float((rest @ rest - own) / (size * (size - 1))) if size > 1 else None)
    return found


def _metric(name: str, slice: str, words: Words, figures: Sequence[float | None]) -> Metric:
    """The figure with its jackknife interval: figures[0] is that of all documents, the rest without one group each."""
    n = len(words.ends) - 1
    value, rest = figures[0], figures[1:]
    if value is None:
        return Metric(NAME, name, None, slice, denominator=n, status="not_checkable")
    known = [figure for figure in rest if figure is not None]
    if n < FEW or len(known) < GROUPS:
        return Metric(NAME, name, round(value, 6), slice, denominator=n)
    spread = np.sqrt((GROUPS - 1) / GROUPS * np.square(np.array(known) - np.mean(known)).sum())
    reach = STUDENT * float(spread)
    return Metric(
        NAME, name, round(value, 6), slice, round(max(value - reach, 0.0), 6), round(value + reach, 6), None, n
    )
