"""Boilerplate: lines that stand in many documents, which ones, and in how many.

First look: every line of at least 32 bytes counts in one of 65,536 buckets, once per document; sums of buckets do not
depend on how the corpus is cut. Second look: lines of buckets that are full enough are counted one by one. A line in
fewer than 5 documents, or in fewer than one document of two hundred, is a quotation and not reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.near_duplicates.documents import texts_of
from auditkit.findings import Found, detail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

RULE = "near_duplicates/repeated-line"
FEWEST = 5
SHARE = 0.005
"""A line is boilerplate from this many documents and this share of all documents on."""
REPORTED = 100
"""Lines reported, those in most documents first."""
STATE_BYTES = 4 << 16


def counted(batch: Batch) -> State:
    """Column line_counts uint32[1, 65536]: documents with a line in each bucket."""
    from auditkit.checkers.near_duplicates.line_scan import BUCKETS, count_lines

    counts = np.zeros((1, BUCKETS), np.uint32)
    if len(batch):
        count_lines(texts_of(batch), counts[0])
    return {"line_counts": counts}


def fewest(n_docs: int) -> int:
    """Documents from which a line is boilerplate."""
    return max(FEWEST, int(np.ceil(SHARE * n_docs)))


def hot_buckets(state: State) -> NDArray[np.bool_]:
    """bool[65536]: the buckets that may hold a line of enough documents."""
    hot: NDArray[np.bool_] = state["line_counts"].sum(axis=0) >= fewest(len(state["doc"]))
    return hot


def found_in(batch: Batch, hot: NDArray[np.bool_]) -> State:
    """The lines of hot buckets, one row per line, by hash.

    Columns line uint64 (hash), line_docs int64, and where it stands first: line_doc int64, line_field str, line_start
    and line_end int64 (code points).
    """
    from auditkit.checkers.near_duplicates.line_scan import hot_lines, points_before

    texts = texts_of(batch)
    lines = hot_lines(texts, hot)
    order = np.lexsort((lines.starts, lines.documents, lines.hashes))
    hashes, documents = lines.hashes[order], lines.documents[order]
    new_line = np.diff(hashes, prepend=np.uint64(0)) != 0
    new_document = new_line | (np.diff(documents, prepend=-1) != 0)
    first = order[new_line]
    origins = texts.offsets[lines.texts[first]]
    fields = batch.texts.column("field").take(lines.texts[first]).to_pylist()
    return {
        "line": lines.hashes[first],
        "line_docs": np.bincount(np.cumsum(new_line)[new_document] - 1, minlength=len(first)).astype(np.int64),
        "line_doc": batch.docs[lines.documents[first]],
        "line_field": np.array(fields, np.str_),
        "line_start": points_before(texts.data, origins, lines.starts[first]),
        "line_end": points_before(texts.data, origins, lines.ends[first]),
    }


def summed(left: State, right: State) -> State:
    """The lines of both: documents added up, the place in the first document."""
    both = {name: np.concatenate([left[name], right[name]]) for name in left if name.startswith("line")}
    _, first, place = np.unique(both["line"], return_index=True, return_inverse=True)
    total = np.bincount(place, both["line_docs"], len(first)).astype(np.int64)
    return {name: values[first] for name, values in both.items()} | {"line_docs": total}


def repeated(looked: State, n_docs: int) -> Iterator[Found]:
    """A finding at the first document of each line that stands in enough documents; its score is their share."""
    rows = np.flatnonzero(looked["line_docs"] >= fewest(n_docs))
    order = np.lexsort((looked["line"][rows], -looked["line_docs"][rows]))[:REPORTED]
    for row in rows[order].tolist():
        n_with = int(looked["line_docs"][row])
        yield Found(
            int(looked["line_doc"][row]),
            RULE,
            str(looked["line_field"][row]),
            int(looked["line_start"][row]),
            int(looked["line_end"][row]),
            score=n_with / n_docs,
            detail=detail(n_documents=n_with),
            group=f"{RULE}:{int(looked['line'][row]):016x}",
        )
