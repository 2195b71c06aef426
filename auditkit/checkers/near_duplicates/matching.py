"""Documents held against an index: which of them are copies of what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates.clusters import long_enough
from auditkit.checkers.near_duplicates.documents import gram_sets, signed
from auditkit.checkers.near_duplicates.index import Index, open_index
from auditkit.checkers.near_duplicates.relations import answers_of, related
from auditkit.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

BLOCK = 1 << 15
"""Documents that ask at a time: at most 64 answers per band and document are kept until they are counted."""
NONE = -1
_NUMBER_BITS = 44  # of a document of the index; with 15 bits for who asks they fit one integer


class Match(NamedTuple):
    """Row `row` of `file` is a copy of `kept_row` of `kept_file`. exact: the same words in the same order."""

    file: str
    row: int
    kept_file: str
    kept_row: int
    jaccard: float
    exact: bool


class Candidates(NamedTuple):
    """Who may be a copy of what. exact: int64[q], the first document of the index with the same words, or NONE.

    who, number: pairs that share a band, by who, then most bands, then number.
    """

    exact: NDArray[np.int64]
    who: NDArray[np.int64]
    number: NDArray[np.int64]


class Answer(NamedTuple):
    """Per document that was asked for: number in the index of what it is a copy of, or NONE, and their similarity."""

    number: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    exact: NDArray[np.bool_]


def query(path: str, batches: Iterable[Batch], *, threshold: float | None = None) -> Iterator[Match]:
    """The documents that are copies of one in the index at this path, in order; threshold: else the index's."""
    index = open_index(path)
    wanted = index.manifest.threshold if threshold is None else threshold
    check_threshold(index, wanted)
    for batch in batches:
        state = signed(batch, index.bands) | related(batch)
        found = candidates(index, state)
        docs = state["doc"][np.unique(found.who)]
        answer = verified(index, found, state, gram_sets(batch, docs), wanted)
        files, rows = (batch.records.column(name).to_pylist() for name in ("file", "row"))
        for at in np.flatnonzero(answer.number != NONE).tolist():
            kept_file, kept_row = index.place(int(answer.number[at]))
            jaccard, exact = float(answer.jaccard[at]), bool(answer.exact[at])
            yield Match(files[at], rows[at], kept_file, kept_row, jaccard, exact)


def check_threshold(index: Index, threshold: float) -> None:
    """ConfigError when the index cannot answer for this threshold."""
    if threshold < index.manifest.threshold:
        raise ConfigError(
            f"{index.path}: built for thresholds from {index.manifest.threshold}, asked for {threshold}; "
            f"build it with the lower threshold"
        )


def candidates(index: Index, state: State) -> Candidates:
    """What each document of the state may be a copy of; time grows with the index, about 20 ns per document of it."""
    exact = _first_equal(index, state["text"])
    pairs = [np.zeros((2, 0), np.int64)]
    rows = np.flatnonzero((exact == NONE) & long_enough(state["words"]))
    for start in range(0, len(rows), BLOCK):
        pairs.append(_sharing(index, state["keys"], rows[start : start + BLOCK]))
    who, number = np.concatenate(pairs, axis=1)
    return Candidates(exact, who, number)


def verified(index: Index, found: Candidates, state: State, looked: State | None, threshold: float) -> Answer:
    """The first candidate of each document that is similar enough; `looked` has the gram sets of whoever has any."""
    from auditkit.checkers.near_duplicates.sketches import largest_sketch, similarity

    number, exact = found.exact.copy(), found.exact != NONE
    jaccard = exact.astype(np.float64)
    answers = answers_of(state, np.arange(len(state["doc"])))
    ends = np.cumsum(looked["sizes"]) if looked is not None else np.zeros(0, np.int64)
    asking, grams, own = NONE, np.zeros(0, np.uint64), np.zeros(0, np.uint32)
    for who, candidate in zip(found.who.tolist(), found.number.tolist(), strict=True):
        if number[who] != NONE:
            continue
        if who != asking:
            asking, grams = who, _set_of(looked, ends, int(state["doc"][who]))
            own = largest_sketch(grams, index.manifest.threshold)
        n, sketch, other_answer = _remembered(index, candidate)
        similar = similarity(grams, own, n, sketch, threshold)
        differing = (len(grams) + n) * (1 - similar) / (1 + similar) if similar >= 0 else 0.0
        answer = int(answers.hashes[who])
        if answer and other_answer and answer != other_answer and 3 * differing > 2 * answers.sizes[who] + 1e-6:
            continue  # the same prompt with another answer, see `leaders.answers_differ`
        if similar >= 0:
            number[who], jaccard[who] = candidate, similar
    return Answer(number, jaccard, exact)


def _shift(n: int) -> int:
    """Bits to drop from a hash so that a table of what is left has at least 16 places per value."""
    return 64 - min(26, max(16, n.bit_length() + 4))


def _first_equal(index: Index, texts: NDArray[np.uint64]) -> NDArray[np.int64]:
    """int64[q]: the first document of the index with this text hash, or NONE."""
    from auditkit.checkers.near_duplicates.lookup import first_equal

    order = np.argsort(texts, kind="stable")
    earliest = np.full(len(texts), NONE, np.int64)
    first = 0
    for segment in index.segments:
        first_equal(segment.texts, texts[order], _shift(len(texts)), earliest, first)
        first += len(segment.texts)
    result = np.empty_like(earliest)
    result[order] = earliest
    return result


def _sharing(index: Index, keys: NDArray[np.uint32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[2, n]: (who of the rows, number in the index) sharing a band: by who, then most bands, then number."""
    from auditkit.checkers.near_duplicates.lookup import MOST_PER_DOCUMENT, shared_keys
    from auditkit.checkers.near_duplicates.stages import in_band

    ordered = np.stack([in_band(keys[rows, band]) for band in range(keys.shape[1])])
    hits = np.zeros(ordered.shape, np.uint8)
    pairs = [np.zeros((2, 0), np.int64)]
    first = 0
    for segment in index.segments:
        who, number = shared_keys(segment.keys, segment.sizes, ordered, _shift(len(rows)), hits)
        pairs.append(np.stack([who, number + first]))
        first += len(segment.sizes)
    who, number = np.concatenate(pairs, axis=1)
    distinct, shared = np.unique(who << _NUMBER_BITS | number, return_counts=True)
    who, number = distinct >> _NUMBER_BITS, distinct & ((1 << _NUMBER_BITS) - 1)
    order = np.lexsort((number, -shared, who))
    who, number = who[order], number[order]
    rank = np.arange(len(who)) - np.searchsorted(who, who)
    best = rank < MOST_PER_DOCUMENT
    return np.stack([rows[who[best]], number[best]])


def _set_of(looked: State | None, ends: NDArray[np.int64], doc: int) -> NDArray[np.uint64]:
    """The gram set of a document of the second look; none where it was not looked at."""
    at = int(np.searchsorted(looked["doc"], doc)) if looked is not None else 0
    if looked is None or at == len(ends) or looked["doc"][at] != doc:
        return np.zeros(0, np.uint64)
    return np.asarray(looked["grams"][ends[at] - looked["sizes"][at] : ends[at]])


def _remembered(index: Index, number: int) -> tuple[int, NDArray[np.uint8], int]:
    """(grams, sketch, hash of the response) of a document of the index."""
    for segment in index.segments:
        if number < len(segment.sizes):
            start = int(segment.ends[number - 1]) if number else 0
            sketch = segment.sketches[start : int(segment.ends[number])]
            return int(segment.sizes[number]), sketch, int(segment.answers[number])
        number -= len(segment.sizes)
    raise IndexError(number)
