"""Passages: 50 words or more in a row that also stand in another document that is no copy.

First look: prints of 24 words, of every 27 in a row the smallest, so that two documents with 50 words in a row in
common have a print in common (winnowing). Second look: the words around the prints that several documents have, with
the places at which they stand. At the end passages are extended word by word as far as both documents agree.
A print is followed in the 50 earliest documents that have it, so that of boilerplate not every document is named, and
held against the 4 earliest of them. Passages do not go from one field into the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates.documents import texts_of
from auditkit.checkers.near_duplicates.stages import CHUNK, part_bits, parts
from auditkit.findings import Found, detail
from auditkit.text.folding import folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import Context, State
    from auditkit.checkers.near_duplicates.stages import Equal
    from auditkit.documents import Batch

RULE = "near_duplicates/shared-passage"
FOLLOWED = 50
"""Documents in which a print is followed, the earliest."""
EARLIEST = 4
"""Documents that a print is held against."""
BYTES_PER_DOCUMENT = 16 * 1024
"""Of the first look at most: 1,024 prints, see `shingles.MOST_PRINTS`."""
MOST = 16
"""Passages reported per document, the longest first."""
ASKED = ("passage_print", "passage_doc")
APPENDED = (
    *("print", "print_doc", "print_value", "print_word", "region_doc", "region_words", "region_prints"),
    *("region_field", "field_name", "word", "word_start", "word_end"),
)


class Shared(NamedTuple):
    """Prints that several documents have, and one of these documents for each."""

    passage_print: NDArray[np.uint64]
    passage_doc: NDArray[np.int64]


def nothing() -> Shared:
    """No print."""
    return Shared(np.zeros(0, np.uint64), np.zeros(0, np.int64))


def asked(state: State, same: Equal, context: Context) -> State:
    """Columns passage_print, passage_doc: prints of several documents, by document; those of equal texts once."""
    copies = np.asarray(state["doc"][same.rows])
    shared = context.run(shared_in, _parts(state, copies))
    found = context.gather(part._asdict() for part in itertools.chain([nothing()], shared))
    order = np.argsort(found["passage_doc"], kind="stable")
    return {name: values[order] for name, values in found.items()}


def shared_in(item: tuple[NDArray[np.uint64], NDArray[np.int64]]) -> Shared:
    """Those of these prints that several documents have."""
    values, docs = item
    order = np.lexsort((docs, values))
    values, docs = values[order], docs[order]
    new = np.ones(len(values), bool)
    new[1:] = (values[1:] != values[:-1]) | (docs[1:] != docs[:-1])
    values, docs = values[new], docs[new]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
    counts = np.diff(starts, append=len(values))
    n_docs = np.repeat(counts, counts)
    rank = np.arange(len(values)) - np.repeat(starts, counts)
    kept = (n_docs > 1) & (rank < FOLLOWED)
    return Shared(values[kept], docs[kept])


def _parts(state: State, copies: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """(values, documents) of each part of the prints; `copies` have none of their own."""
    bits, n = part_bits(len(state["print"])), len(state["print"])
    for part in range(1 << bits):
        values, docs = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for low in range(0, n, CHUNK):
            chunk = np.asarray(state["print"][low : low + CHUNK])
            wanted = chunk >> np.uint64(64 - bits) == part if bits else np.ones(len(chunk), bool)
            own = state["print_doc"][low : low + CHUNK][wanted]
            original = ~np.isin(own, copies)
            values.append(chunk[wanted][original])
            docs.append(own[original])
        yield np.concatenate(values), np.concatenate(docs)


def part_of(wanted: State, first: int, last: int) -> State:
    """The prints of the documents first <= key < last."""
    low, high = np.searchsorted(wanted["passage_doc"], [first, last])
    return {name: wanted[name][low:high] for name in ASKED}


def found_in(batch: Batch, wanted: State) -> State:
    """The prints in a batch, the regions around them, and the words of these.

    print_value uint64 and print_word uint32, counted from its region. region_doc int64, and uint32 how many words,
    prints and bytes of the field's name it has. field_name uint8. word uint64, word_start and word_end uint32.
    """
    from auditkit.checkers.near_duplicates.passage_scan import scan

    own = part_of(wanted, int(batch.docs[0]), int(batch.docs[-1]) + 1) if len(batch) else nothing()._asdict()
    order = np.lexsort((own["passage_print"], own["passage_doc"]))
    values, docs = own["passage_print"][order], own["passage_doc"][order]
    bounds = np.searchsorted(docs, np.append(batch.docs, np.iinfo(np.int64).max))
    texts = texts_of(batch)
    words, regions, prints = scan(texts, folding(), values, bounds)
    fields = [name.encode() for name in batch.texts.column("field").take(regions.text).to_pylist()]
    counted = np.diff(np.searchsorted(prints.regions, np.arange(len(regions.text) + 1)))
    return {
        "print_value": prints.values,
        "print_word": (prints.words - regions.first[prints.regions]).astype(np.uint32),
        "region_doc": batch.text_docs[regions.text],
        "region_words": (regions.last - regions.first).astype(np.uint32),
        "region_prints": counted.astype(np.uint32),
        "region_field": np.array([len(name) for name in fields], np.uint32),
        "field_name": np.frombuffer(b"".join(fields), np.uint8),
        "word": words.hashes,
        "word_start": words.starts,
        "word_end": words.ends,
    }


class Passages(NamedTuple):
    """Passages: first word, number of words, first word in the other document, the region of that."""

    first: NDArray[np.int64]
    n_words: NDArray[np.int64]
    other: NDArray[np.int64]
    region: NDArray[np.int64]


def reported(looked: State, state: State, gone: NDArray[np.int64]) -> Iterator[Found]:
    """A finding for each passage that an earlier document has, too; documents that are `gone` do not count.

    Its score is the share of the document's words that it is.
    """
    found = _longest(_passages(looked, gone), looked)
    ends = np.cumsum(looked["region_words"], dtype=np.int64)
    names = np.cumsum(looked["region_field"], dtype=np.int64)
    for first, n_words, other, there in zip(*(column.tolist() for column in found), strict=True):
        here = int(np.searchsorted(ends, first, "right"))
        doc, before = int(looked["region_doc"][here]), int(looked["region_doc"][there])
        start, end = int(looked["word_start"][first]), int(looked["word_end"][first + n_words - 1])
        why = detail(
            words=n_words,
            first_doc=before,
            first_field=_field(looked, names, there),
            first_start=int(looked["word_start"][other]),
            first_end=int(looked["word_end"][other + n_words - 1]),
        )
        group = f"{RULE}:{before}:{int(looked['word_start'][other])}"
        share = min(1.0, n_words / int(state["words"][np.searchsorted(state["doc"], doc)]))
        yield Found(doc, RULE, _field(looked, names, here), start, end, score=share, detail=why, group=group)


def _field(looked: State, names: NDArray[np.int64], region: int) -> str:
    """The name of the field that a region is in."""
    return looked["field_name"][names[region] - int(looked["region_field"][region]) : names[region]].tobytes().decode()


def _passages(looked: State, gone: NDArray[np.int64]) -> Passages:
    """All passages, some of them within others."""
    from auditkit.checkers.near_duplicates.passage_scan import Ordered, passages

    regions = np.repeat(np.arange(len(looked["region_doc"]), dtype=np.uint32), looked["region_prints"])
    lasts = np.cumsum(looked["region_words"], dtype=np.int64)
    firsts = lasts - looked["region_words"]
    hashes = np.array(looked["word"])
    found = [Passages(*np.zeros((4, 0), np.int64))]
    for values, rows in parts(looked["print_value"]):
        docs = looked["region_doc"][regions[rows]]
        words = firsts[regions[rows]] + looked["print_word"][rows]
        order = np.lexsort((words, docs, values))
        order = order[~np.isin(docs[order], gone)]
        ordered = Ordered(values[order], docs[order], regions[rows[order]].astype(np.int64), words[order])
        found.append(Passages(*passages(ordered, hashes, firsts, lasts, EARLIEST)))
    return Passages(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _longest(found: Passages, looked: State) -> Passages:
    """The passages that are not within another one, the longest of each document."""
    order = np.lexsort((found.region, found.other, -found.n_words, found.first))
    end = (found.first + found.n_words)[order]
    new = np.ones(len(order), bool)
    new[1:] = end[1:] > np.maximum.accumulate(end)[:-1]
    order = order[new]
    ends = np.cumsum(looked["region_words"], dtype=np.int64)
    docs = looked["region_doc"][np.searchsorted(ends, found.first[order], "right")]
    by_size = np.lexsort((found.first[order], -found.n_words[order], docs))
    rank = np.arange(len(order)) - np.searchsorted(docs[by_size], docs[by_size])
    return Passages(*(column[order[np.sort(by_size[rank < MOST])]] for column in found))
