"""What copies say about one another: splits that leak, labels and answers that disagree, answers given to all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checkers.near_duplicates.documents import texts_of
from auditkit.documents import Batch
from auditkit.findings import Found, detail
from auditkit.text.folding import folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.clusters import Copy

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
    """Per document of a state: hash of its response, 0 where it answers nothing, and number of grams in it."""

    hashes: NDArray[np.uint64]
    sizes: NDArray[np.int64]


def answers_of(state: State) -> Answers:
    """The responses of the documents of a state."""
    from auditkit.text.shingles import GRAM

    found = Answers(np.zeros(len(state["doc"]), np.uint64), np.zeros(len(state["doc"]), np.int64))
    rows = np.searchsorted(state["doc"], state["pair_doc"])
    found.hashes[rows] = state["pair_response"]
    found.sizes[rows] = np.maximum(1, state["pair_words"].astype(np.int64) - (GRAM - 1))
    return found


def disagreements(state: State, copies: Sequence[Copy]) -> Iterator[Found]:
    """Findings about copies in another split, or with another label, than the copy that stays."""
    for rule, name in ((LEAKAGE, "split"), (LABELS, "label")):
        if not len(state[f"{name}_doc"]):
            continue
        values = dict(zip(state[f"{name}_doc"].tolist(), state[name].tolist(), strict=True))
        for copy in copies:
            own, other = values.get(copy.doc), values.get(copy.kept)
            if own is not None and other is not None and own != other:
                yield Found(
                    copy.doc,
                    rule,
                    score=copy.jaccard,
                    detail=detail(jaccard=copy.jaccard, kept_doc=copy.kept),
                    group=f"near_duplicates:{copy.kept}",
                )


def answers(state: State) -> Iterator[Found]:
    """Findings about the same prompt with another answer, and the same answer to many prompts."""
    docs, groups = state["pair_doc"], state["pair_group"]
    prompts, responses = state["pair_prompt"], state["pair_response"]
    loose = (groups == 0) & (prompts != 0)
    for first, others in _equal(prompts, loose):
        for row in others[responses[others] != responses[first]].tolist():
            yield _about(ANSWERS, int(docs[row]), int(docs[first]))
    enough = (state["pair_words"] >= 5) & (responses != 0)
    for first, others in _equal(responses, enough):
        n_prompts = len(np.unique(prompts[[first, *others]]))
        if n_prompts >= MOST_PROMPTS:
            for row in others.tolist():
                yield _about(REPEATED, int(docs[row]), int(docs[first]), n_prompts=n_prompts)


def _about(rule: str, doc: int, first: int, **more: int) -> Found:
    """A finding about a document and the first one like it."""
    return Found(doc, rule, detail=detail(first_doc=first, **more), group=f"{rule}:{first}")


def _equal(values: NDArray[np.uint64], usable: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(first row, other rows) of each value that more than one usable row has, in order of the first row."""
    rows = np.flatnonzero(usable)
    order = rows[np.argsort(values[rows], kind="stable")]
    edges = np.flatnonzero(np.diff(values[order], prepend=np.uint64(0), append=np.uint64(0)))
    several = np.flatnonzero(np.diff(edges) > 1)
    runs = [order[edges[at] : edges[at + 1]] for at in several.tolist()]
    for run in sorted(runs, key=lambda run: int(run[0])):
        yield int(run[0]), run[1:]


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
