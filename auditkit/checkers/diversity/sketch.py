"""The state of the checker: sketches of n-grams, lines and openings, exact totals, and a small sample of the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.diversity import sample
from auditkit.checkers.diversity.sample import merged_samples, sample_of, spoken
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

KEEP = 1 << 15  # hashes per sketch: distinct counts within 1.1 % at 95 % beyond it, exact below
WORD_SLOTS = 1 << 16  # hashed word counts for the entropy; collisions lower it by 0.1 bits at 60,000 words
OPENING_SLOTS = 1 << 14
VECTOR = 64  # dimensions of the hashed word vectors: d x d fits every state
LENGTH_BINS = 256
KINDS = ("gram1", "gram2", "gram3", "gram4", "line", "opening")


def length_bin(n_words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of each length: exact up to 63 words, then 8 bins per doubling."""
    long = 64 + np.floor(8 * (np.log2(np.maximum(n_words, 64)) - 6)).astype(np.int64)
    return np.minimum(np.where(n_words < 64, n_words, long), LENGTH_BINS - 1)


def bin_start(index: int) -> float:
    """The smallest length of the bin."""
    return float(index) if index < 64 else float(np.ceil(2 ** (6 + (index - 64) / 8)))


def state_of(batch: Batch) -> State:
    """The state of one batch."""
    from auditkit.checkers.diversity import kernels
    from auditkit.text.folding import folding
    from auditkit.text.shingles import Texts, all_words

    data, offsets = utf8_buffers(batch.texts.column("text"))
    bounds = np.searchsorted(batch.text_docs, np.append(batch.docs, np.iinfo(np.int64).max))
    texts = Texts(data, offsets, bounds.astype(np.int64))
    words, stops = all_words(texts._replace(bounds=np.arange(len(offsets))), folding())
    ends = stops[bounds]
    lengths = np.diff(ends)
    chosen = spoken(batch)
    told = chosen[chosen >= 0]
    items = [kernels.gram_items(words, ends, order) for order in range(1, kernels.ORDERS + 1)]
    items += [kernels.line_items(texts), kernels.opening_items(words, stops[told], stops[told + 1])]
    state: State = {}
    for kind, (hashes, owners) in zip(KINDS, items, strict=True):
        state |= _sketch(kind, hashes, owners)
    total, outer, squares = kernels.vector_sums(words, ends, VECTOR)
    return state | {
        "docs": np.array([len(batch), int((lengths > 0).sum()), int(lengths.sum()), squares], np.int64),
        "lengths": np.bincount(length_bin(lengths), minlength=LENGTH_BINS).astype(np.int64),
        "words": _slots(items[0][0], WORD_SLOTS),
        "openings": _slots(items[5][0], OPENING_SLOTS),
        "vector": total,
        "outer": outer,
        **sample_of(batch, chosen, data, offsets),
    }


def _slots(hashes: NDArray[np.uint64], size: int) -> NDArray[np.int32]:
    return np.bincount((hashes % np.uint64(size)).astype(np.int64), minlength=size).astype(np.int32)


def _sketch(kind: str, hashes: NDArray[np.uint64], owners: NDArray[np.int64]) -> State:
    """KIND_hash (sorted), KIND_count, KIND_docs, and KIND_total."""
    from auditkit.checkers.diversity.kernels import sketch_items

    keep = min(KEEP, 1 << max(len(hashes).bit_length(), 4))
    found = sketch_items(hashes, owners, keep)
    used = np.flatnonzero(found.keys)
    order = used[np.argsort(found.keys[used])][:KEEP]
    return {
        f"{kind}_hash": found.keys[order],
        f"{kind}_count": found.counts[order].astype(np.int32),  # of one batch; merged counts have 64 bits
        f"{kind}_docs": found.docs[order].astype(np.int32),
        f"{kind}_total": np.array([len(hashes)], np.int64),
    }


def merged(left: State, right: State) -> State:
    """Both states: totals added, sketches joined and cut to the smallest hashes."""
    added = ("docs", "lengths", "words", "openings", "vector", "outer", *(f"{kind}_total" for kind in KINDS))
    state: State = {name: left[name].astype(np.int64) + right[name] for name in added}
    for kind in KINDS:
        hashes = np.concatenate([left[f"{kind}_hash"], right[f"{kind}_hash"]])
        known, inverse = np.unique(hashes, return_inverse=True)
        state[f"{kind}_hash"] = known[:KEEP]
        for name in (f"{kind}_count", f"{kind}_docs"):
            sums = np.zeros(len(known), np.int64)
            np.add.at(sums, inverse, np.concatenate([left[name], right[name]]))
            state[name] = sums[:KEEP]
    return state | merged_samples(left, right)


STATE_BYTES = (
    len(KINDS) * (24 * KEEP + 8)
    + 8 * (WORD_SLOTS + OPENING_SLOTS + LENGTH_BINS + VECTOR + VECTOR * VECTOR + 4)
    + sample.STATE_BYTES
)


def distinct(state: State, kind: str) -> float:
    """Number of distinct items: exact below KEEP, else from the largest hash kept (Bar-Yossef et al. 2002)."""
    hashes = state[f"{kind}_hash"]
    if len(hashes) < KEEP:
        return float(len(hashes))
    return (KEEP - 1) / (float(hashes[-1]) / 2**64)
