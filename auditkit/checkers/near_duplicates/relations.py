"""What copies say about one another: splits that leak, labels and answers that disagree, answers given to all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checkers.near_duplicates.documents import texts_of
from auditkit.checkers.near_duplicates.stages import equal
from auditkit.documents import Batch
from auditkit.findings import Found, detail
from auditkit.messages import heard
from auditkit.text.folding import folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import Context, State
    from auditkit.checkers.near_duplicates.clusters import Copies

LEAKAGE = "near_duplicates/leakage"
LABELS = "near_duplicates/label-conflict"
ANSWERS = "near_duplicates/answer-conflict"
REPEATED = "near_duplicates/repeated-response"

MOST_PROMPTS = 3
"""Prompts to which the same response of 5 words or more is given before it is reported: two may be one asked twice."""
BYTES_PER_DOCUMENT = 68

_SPLIT = re.compile(r"(?:^|[/_.-])(train|training|valid|validation|val|dev|test|eval)(?=[/_.-]|$)", re.IGNORECASE)
_SAME_SPLIT = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation", "eval": "test"}


def related(batch: Batch) -> State:
    """What is known of the documents of a batch, for those of which it is known.

    split_doc int64, split uint64; label_doc int64, label uint64; pair_doc int64, pair_prompt, pair_response, pair_group
    uint64 (hashes, 0 = none) and pair_words uint32 of documents with a prompt and a response.
    """
    return (
        _labelled("split", batch, _splits(batch)) | _labelled("label", batch, _column("label", batch)) | _pairs(batch)
    )


class Answers(NamedTuple):
    """Per document: hash of its response, 0 where it answers nothing, and number of grams in it."""

    hashes: NDArray[np.uint64]
    sizes: NDArray[np.int64]


def answers_of(state: State, rows: NDArray[np.integer[Any]]) -> Answers:
    """The responses of the documents in these rows of a state."""
    from auditkit.text.shingles import GRAM

    asked = np.asarray(state["doc"][rows])
    found = Answers(np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.int64))
    if not len(state["pair_doc"]):
        return found
    at = np.minimum(np.searchsorted(state["pair_doc"], asked), len(state["pair_doc"]) - 1)
    has = np.flatnonzero(state["pair_doc"][at] == asked)
    found.hashes[has] = state["pair_response"][at[has]]
    found.sizes[has] = np.maximum(1, state["pair_words"][at[has]].astype(np.int64) - (GRAM - 1))
    return found


def disagreements(state: State, copies: Copies) -> Iterator[Found]:
    """Findings about copies in another split, or with another label, than the copy that stays."""
    for rule, name in ((LEAKAGE, "split"), (LABELS, "label")):
        own, other = (_values_of(state, name, docs) for docs in (copies.doc, copies.kept))
        for at in np.flatnonzero((own != other) & (own != 0) & (other != 0)).tolist():
            doc, kept, jaccard = int(copies.doc[at]), int(copies.kept[at]), float(copies.jaccard[at])
            why = detail(jaccard=jaccard, kept_doc=kept)
            yield Found(doc, rule, score=jaccard, detail=why, group=f"near_duplicates:{kept}")


def _values_of(state: State, name: str, docs: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The split or label of each of these documents, 0 where it is not known."""
    keys = state[f"{name}_doc"]
    if not len(keys):
        return np.zeros(len(docs), np.uint64)
    at = np.minimum(np.searchsorted(keys, docs), len(keys) - 1)
    values: NDArray[np.uint64] = np.where(keys[at] == docs, state[name][at], np.uint64(0))
    return values


def answers(state: State, context: Context) -> Iterator[Found]:
    """Findings about the same prompt with another answer, and the same answer to many prompts."""
    docs, groups, words = state["pair_doc"], state["pair_group"], state["pair_words"]
    prompts, responses = state["pair_prompt"], state["pair_response"]
    same = equal(prompts, context, lambda rows: groups[rows] == 0)
    for at in np.flatnonzero(responses[same.rows] != responses[same.firsts]).tolist():
        yield _about(ANSWERS, int(docs[same.rows[at]]), int(docs[same.firsts[at]]))
    same = equal(responses, context, lambda rows: words[rows] >= 5)
    order = np.argsort(same.firsts, kind="stable")
    rows, firsts = same.rows[order], same.firsts[order]
    edges = np.flatnonzero(np.diff(firsts.astype(np.int64), prepend=-1, append=-1))
    for low, high in pairwise(edges.tolist()):
        n_prompts = len(np.unique(prompts[[firsts[low], *rows[low:high]]]))
        if n_prompts >= MOST_PROMPTS:
            for row in rows[low:high].tolist():
                yield _about(REPEATED, int(docs[row]), int(docs[firsts[low]]), n_prompts=n_prompts)


def _about(rule: str, doc: int, first: int, **more: int) -> Found:
    """A finding about a document and the first one like it."""
    return Found(doc, rule, detail=detail(first_doc=first, **more), group=f"{rule}:{first}")


def _labelled(name: str, batch: Batch, values: pa.Array) -> State:
    """Columns NAME_doc and NAME of the documents whose value is not null."""
    known = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return {f"{name}_doc": batch.docs[known], name: _hashes(values)[known]}


def _column(name: str, batch: Batch) -> pa.Array:
    return batch.records.column(name)


def _hashes(values: pa.Array) -> NDArray[np.uint64]:
    """64-bit hash of each string, 0 for null; equal strings are hashed once."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    table = [
        int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") | 1
        for text in encoded.dictionary.to_pylist()
    ]
    indices = pc.fill_null(encoded.indices, len(table)).to_numpy(zero_copy_only=False)
    hashes: NDArray[np.uint64] = np.array([*table, 0], np.uint64)[indices]
    return hashes


def _splits(batch: Batch) -> pa.Array:
    """The split of each document: its own field, else what the name of its file says of train, validation or test."""
    files = batch.records.column("file")
    names = pa.array([_split_of(name) for name in files.dictionary.to_pylist()], pa.utf8())
    return pc.coalesce(_column("split", batch), names.take(files.indices))


def _split_of(file: str) -> str | None:
    """The split that a file name speaks of; None where it speaks of none."""
    word = str(next(iter(_SPLIT.findall(file)[-1:]), "")).lower()
    return _SAME_SPLIT.get(word, word) or None


def _pairs(batch: Batch) -> State:
    """Hashes of the response and of what it answers (prompt, context) for the documents that have both."""
    batch = heard(batch)
    responses, words = _words("response", batch=batch)
    prompts = _words("prompt", "context", "text", batch=batch)[0] if responses.any() else responses
    both = (prompts != 0) & (responses != 0)
    return {
        "pair_doc": batch.docs[both],
        "pair_prompt": prompts[both],
        "pair_response": responses[both],
        "pair_words": words[both],
        "pair_group": _hashes(_column("group", batch))[both],
    }


def _words(*roles: str, batch: Batch) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """(hash of the words, number of words) of the texts with these roles, per document; 0 without any."""
    hashes, words = np.zeros(len(batch), np.uint64), np.zeros(len(batch), np.uint32)
    texts = batch.of_roles(*roles)
    if texts.num_rows:
        from auditkit.text.shingles import word_hashes

        word_hashes(texts_of(Batch(texts, batch.records)), folding(), words, hashes)
    return hashes, words
