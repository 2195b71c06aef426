"""Which words go with masculine and which with feminine rows: log-odds over rows, so that one row is one witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew.conditional import Tested, judged
from auditkit.checkers.skew.folding import letters
from auditkit.checkers.skew.lexicon import gender_bits, lexicon
from auditkit.findings import Metric
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

NAME = "skew"
KEEP = 1 << 16  # words in the state; of more, those whose hash is small enough, the same for every split of the corpus
WORD_BYTES = 24
FEW = 30  # rows that a word must stand in: rarer ones tell of single texts, and could tell of a person
PRIOR = 10.0  # rows of prior belief that the word goes with nobody; Monroe, Colaresi and Quinn 2008
HALF = 0.5  # of a row, so that a word in all rows has a logarithm (Haldane 1956)
SHOWN = 40  # words in the report, the surest first
STATE_BYTES = KEEP * (8 + WORD_BYTES + 16) + 16
NAMES = ("word_hash", "word_name", "word_rows")


def word_state(batch: Batch, people: NDArray[np.uint64]) -> State:
    """word_hash (sorted), word_name, word_rows int64[n, 2], gender_rows int64[2]: of rows with one gender only.

    people: uint64 group mask of each row of the batch.
    """
    from auditkit.checkers.skew.word_kernels import count_words

    men, women = ((people & np.uint64(1 << bit)) > 0 for bit in gender_bits())
    sides = np.where(men & ~women, 0, np.where(women & ~men, 1, -1)).astype(np.int8)
    data, offsets = utf8_buffers(batch.texts.column("text"))
    found = count_words(data, offsets, batch.owners, sides, letters())
    used = np.flatnonzero(found.keys)
    used = used[np.argsort(found.keys[used])]
    names = [data[at:to].tobytes()[:WORD_BYTES] for at, to in zip(found.start[used], found.stop[used], strict=True)]
    table = np.array(names, f"S{WORD_BYTES}")
    return limited(found.keys[used], table, found.rows[used]) | {
        "gender_rows": np.array([(sides == 0).sum(), (sides == 1).sum()], np.int64)
    }


def limited(hashes: NDArray[np.uint64], names: NDArray[np.bytes_], rows: NDArray[np.int64]) -> State:
    """The words below the largest limit 2**64, 2**63, ... that leaves at most KEEP of them; hashes are mixed first."""
    mixed = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    limit = ~np.uint64(0)
    while (mixed <= limit).sum() > KEEP:
        limit >>= np.uint64(1)
    kept = mixed <= limit
    return dict(zip(NAMES, (hashes[kept], names[kept], rows[kept]), strict=True))


def merged_words(left: State, right: State) -> State:
    """Both tables."""
    hashes, first, inverse = np.unique(
        np.concatenate([left["word_hash"], right["word_hash"]]), return_index=True, return_inverse=True
    )
    rows = np.zeros((len(hashes), 2), np.int64)
    np.add.at(rows, inverse, np.concatenate([left["word_rows"], right["word_rows"]]))
    names = np.concatenate([left["word_name"], right["word_name"]])[first]
    return limited(hashes, names, rows) | {"gender_rows": left["gender_rows"] + right["gender_rows"]}


def word_metrics(state: State, *, confidence: float) -> Iterable[Metric]:
    """word.log_odds of the words that go with one gender: above 0 masculine, below 0 feminine; the 40 surest.

    A row is one witness however often it repeats a word: this is the bootstrap over documents, whose replicates of a
    count are binomial, in closed form. Words of gender themselves are left out.
    """
    totals = state["gender_rows"].astype(np.float64)
    rows = state["word_rows"].astype(np.float64)
    known = np.flatnonzero((rows.sum(axis=1) >= FEW) & ~np.isin(state["word_hash"], _gender_hashes()))
    if totals.min() < FEW or not len(known):
        return
    rows = rows[known]
    prior = PRIOR * rows.sum(axis=1, keepdims=True) / totals.sum()
    with_, without = rows + prior + HALF, totals - rows + PRIOR - prior + HALF
    odds = np.log(with_ / without)
    value = odds[:, 0] - odds[:, 1]
    error = np.sqrt((1 / with_ + 1 / without).sum(axis=1))
    tested = [
        Tested(_metric(state, int(at), float(one)), float(spread), 0.0)
        for at, one, spread in zip(known, value, error, strict=True)
    ]
    sure = [metric for metric in judged(tested, confidence=confidence) if metric.status == "fail"]
    yield from sorted(sure, key=lambda metric: (-min(abs(metric.low or 0), abs(metric.high or 0)), metric.slice))[
        :SHOWN
    ]


def _metric(state: State, at: int, value: float) -> Metric:
    """The figure of one word; numerator and denominator are its masculine and its feminine rows."""
    word = bytes(state["word_name"][at]).decode("utf-8", "ignore").lower()
    men, women = (int(number) for number in state["word_rows"][at])
    return Metric(NAME, "word.log_odds", value, word, None, None, men, women)


def _gender_hashes() -> NDArray[np.uint64]:
    """Hashes of the words of gender."""
    words = lexicon()
    bits = np.uint64(sum(1 << bit for bit in gender_bits()))
    used = words.terms.keys > 0
    entries = words.terms.slots[used]
    hashes: NDArray[np.uint64] = words.terms.keys[used][words.members[entries] & bits > 0]
    return hashes
