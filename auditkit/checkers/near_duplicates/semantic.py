"""Texts that say the same in other words: neighbours of their MiniLM vectors, apart from lexical copies.

Every document that stays is held against every earlier one that stays, exactly and in blocks: no index, nothing missed,
the same on every machine. Encoding takes 30 to 50 ms per document on one core (its first 128 word pieces); comparing
takes 0.8 s for 5,000 documents and grows with the square of their number: up to a million encoding is the cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.findings import Found, detail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import Context, State
    from auditkit.documents import Batch

RULE = "near_duplicates/semantic"
WIDTH = 384
BYTES_PER_DOCUMENT = 8 + 2 * WIDTH
APPENDED = ("vector_doc", "vector")
BLOCK = 1 << 12
"""Documents in a block: 6 MB of vectors, 64 MB of cosines."""


class Nearest(NamedTuple):
    """Per row of a block: place of the nearest document of another block, -1 where none is near enough; its cosine."""

    place: NDArray[np.int64]
    cosine: NDArray[np.float32]


def nothing() -> State:
    """No vector."""
    return {"vector_doc": np.zeros(0, np.int64), "vector": np.zeros((0, WIDTH), np.float16)}


def encoded(batch: Batch) -> State:
    """Columns vector_doc int64 and vector float16[n, 384]: unit vectors of the documents that have any word.

    A document is its texts one after the other. MissingDependency when the extra is not installed.
    """
    from auditkit.encoder import embed

    texts: dict[int, list[str]] = {}
    for text in batch.iter_texts():
        texts.setdefault(text.doc, []).append(text.text)
    docs = np.array(list(texts), np.int64)
    vectors = embed(["\n".join(parts) for parts in texts.values()]).astype(np.float16)
    known = vectors.any(axis=1)
    return {"vector_doc": docs[known], "vector": vectors[known].reshape(-1, WIDTH)}


def reported(state: State, gone: NDArray[np.int64], threshold: float, context: Context) -> Iterator[Found]:
    """A finding for each document that is near to an earlier one, which is the nearest; those `gone` do not count."""
    docs = np.asarray(state["vector_doc"])
    rows = np.flatnonzero(~np.isin(docs, gone))
    found = context.run(nearest, _pairs(state["vector"], rows, threshold))
    for low in range(0, len(rows), BLOCK):
        n = min(BLOCK, len(rows) - low)
        place, cosine = np.full(n, -1), np.full(n, -1, np.float32)
        for other in range(0, low + 1, BLOCK):
            near = next(found)
            better = (near.place >= 0) & (near.cosine > cosine)  # of equal ones the first
            place[better], cosine[better] = other + near.place[better], near.cosine[better]
        for at in np.flatnonzero(place >= 0).tolist():
            doc, first = int(docs[rows[low + at]]), int(docs[rows[place[at]]])
            score = round(min(1.0, float(cosine[at])), 4)
            yield Found(doc, RULE, score=score, detail=detail(cosine=score, first_doc=first), group=f"{RULE}:{first}")


def _pairs(
    vectors: NDArray[np.float16], rows: NDArray[np.int64], threshold: float
) -> Iterator[tuple[NDArray[np.float16], NDArray[np.float16], bool, float]]:
    """(vectors of a block, of an earlier one or the same, whether it is the same, threshold)."""
    for low in range(0, len(rows), BLOCK):
        for other in range(0, low + 1, BLOCK):
            yield vectors[rows[low : low + BLOCK]], vectors[rows[other : other + BLOCK]], low == other, threshold


def nearest(item: tuple[NDArray[np.float16], NDArray[np.float16], bool, float]) -> Nearest:
    """For each vector of the block the nearest of the other block, which within one block stands before it."""
    vectors, others, same, threshold = item
    cosines = np.round(vectors.astype(np.float32) @ others.astype(np.float32).T, 4)
    if same:
        cosines[np.triu_indices(len(vectors))] = -1
    place = cosines.argmax(axis=1)
    cosine = cosines[np.arange(len(vectors)), place]
    return Nearest(np.where(cosine >= threshold, place, -1), cosine)
