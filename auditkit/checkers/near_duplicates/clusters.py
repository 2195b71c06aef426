"""From band keys and gram sets to copies: who shares a band, who is similar enough, who stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates.relations import answers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.leaders import Buckets, Sets

_32 = np.uint64(32)
CROWDED = 1000
"""Pairs per document in the buckets of bands above which rare grams are cheaper: 32,802 manuals have 60, pages of one
template thousands."""


class Copy(NamedTuple):
    """Document `doc` is a copy of `kept`, which stays. exact: the same words in the same order."""

    doc: int
    kept: int
    jaccard: float
    exact: bool


class Groups(NamedTuple):
    """Documents with the same words. group: int64 per document; first: int64 per group, its first document's index."""

    group: NDArray[np.int64]
    first: NDArray[np.int64]


def exact_groups(state: State) -> Groups:
    """The groups of documents with equal text hash; a document with nothing visible is a group of its own."""
    hashes = state["text"]
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    opens = np.ones(len(order), bool)
    opens[1:] = (ordered[1:] != ordered[:-1]) | (ordered[1:] == 0)
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(opens) - 1
    return Groups(group, order[opens])


def candidates(state: State) -> NDArray[np.int64]:
    """Sorted keys of the documents, one of each exact group, that share a band with another."""
    from auditkit.text.shingles import GRAM

    rows = np.sort(exact_groups(state).first)
    rows = rows[state["words"][rows] >= GRAM]
    together = np.zeros(len(rows), bool)
    for band in range(state["keys"].shape[1]):
        ordered = in_band(state["keys"][rows, band])
        same = (ordered[1:] >> _32) == (ordered[:-1] >> _32)
        places = (ordered & np.uint64(0xFFFFFFFF)).astype(np.int64)
        together[places[1:][same]] = True
        together[places[:-1][same]] = True
    docs: NDArray[np.int64] = state["doc"][rows[together]]
    return docs


def in_band(keys: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Sorted uint64: the key in the upper half, the index in the lower."""
    ordered = (keys.astype(np.uint64) << _32) | np.arange(len(keys), dtype=np.uint64)
    ordered.sort()
    return ordered


class Ranks(NamedTuple):
    """Per document: priority, the higher, the sooner it stays; stays, False for those that may only be removed."""

    priority: NDArray[np.float64]
    stays: NDArray[np.bool_]


class Kept(NamedTuple):
    """Per exact group: the index of the document that stays for it, and the similarity to that one."""

    document: NDArray[np.int64]
    similarity: NDArray[np.float64]


def copies(state: State, looked: State | None, ranks: Ranks, threshold: float) -> list[Copy]:
    """Every document that is a copy of one that stays, in document order."""
    groups = exact_groups(state)
    best = best_of_groups(groups, ranks)
    kept = Kept(best.copy(), np.ones(len(best)))
    if looked is not None:
        _near(state, looked, groups, best=best, ranks=ranks, threshold=threshold, kept=kept)
    keeper = kept.document[groups.group]
    removed = np.flatnonzero((keeper != np.arange(len(keeper))) & ranks.stays[keeper])
    docs = state["doc"]
    exact = groups.group[keeper[removed]] == groups.group[removed]
    columns = (docs[removed], docs[keeper[removed]], kept.similarity[groups.group[removed]], exact)
    return [Copy(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def best_of_groups(groups: Groups, ranks: Ranks) -> NDArray[np.int64]:
    """int64 per group: the index of the document that stays first among its exact copies."""
    order = np.lexsort((-ranks.priority, ~ranks.stays, groups.group))
    _, firsts = np.unique(groups.group[order], return_index=True)
    best: NDArray[np.int64] = order[firsts]
    return best


def _near(
    state: State,
    looked: State,
    groups: Groups,
    *,
    best: NDArray[np.int64],
    ranks: Ranks,
    threshold: float,
    kept: Kept,
) -> None:
    """Writes into `kept`, for each group that is similar enough to one that stays, that one and the similarity."""
    from auditkit.checkers.near_duplicates.leaders import Sets, leaders

    rows = np.searchsorted(state["doc"], looked["doc"])
    nodes = groups.group[rows]
    speakers = best[nodes]
    order = np.lexsort((speakers, -ranks.priority[speakers], ~ranks.stays[speakers]))
    nodes, speakers = nodes[order], speakers[order]
    ends = np.cumsum(looked["sizes"])
    answers = answers_of(state)
    starts, ends, asked = (ends - looked["sizes"])[order], ends[order], rows[order]
    sets = Sets(looked["grams"], starts, ends, threshold, answers.hashes[asked], answers.sizes[asked])
    buckets = _band_buckets(state["keys"][asked])
    if _pairs(buckets) > CROWDED * len(order):
        buckets, sets = _rare_gram_buckets(sets)
    found = leaders(buckets, sets, int(ranks.stays[speakers].sum()))
    near = np.flatnonzero(found.leader >= 0)
    kept.document[nodes[near]] = speakers[found.leader[near]]
    kept.similarity[nodes[near]] = found.similarity[near]


def _band_buckets(keys: NDArray[np.uint32]) -> Buckets:
    """Documents with the same key in the same band; documents that are alone in theirs are left out."""
    from auditkit.checkers.near_duplicates.leaders import Buckets

    members, opens = [np.zeros(0, np.uint32)], [np.zeros(0, bool)]
    for band in range(keys.shape[1]):
        ordered = in_band(keys[:, band])
        shared, first = _shared(ordered >> _32)
        members.append(ordered[shared].astype(np.uint32))
        opens.append(first[shared])
    return Buckets(np.concatenate(members), np.concatenate(opens))


def _rare_gram_buckets(sets: Sets) -> tuple[Buckets, Sets]:
    """Documents that share one of their rarest grams, and the sets with the rarest first.

    They are a superset of the similar pairs, whatever they have in common else: texts from one template share most
    bands without being similar enough, but what they share is frequent, and not here.
    """
    from auditkit.checkers.near_duplicates.leaders import Buckets, frequencies, rare_grams, rarest_first

    shift = 64 - max(16, len(sets.values).bit_length() + 1)
    sets = sets._replace(values=rarest_first(sets, frequencies(sets.values, shift), shift))
    grams, documents = rare_grams(sets)
    order = np.argsort(grams, kind="stable")
    shared, first = _shared(grams[order])
    return Buckets(documents[order][shared], first[shared]), sets


def _shared(ordered: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(is it equal to a neighbour, is it the first of its run) for each of the sorted values."""
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    last = np.ones(len(ordered), bool)
    last[:-1] = first[1:]
    return ~(first & last), first


def _pairs(buckets: Buckets) -> int:
    """Pairs of documents in the buckets, each counted once per bucket."""
    edges = np.append(np.flatnonzero(buckets.opens), len(buckets.opens))
    sizes = np.diff(edges)
    return int((sizes * (sizes - 1) // 2).sum())
