"""From hashes and gram sets to copies: who may be similar, who is, who stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates.relations import answers_of
from auditkit.checkers.near_duplicates.stages import Equal, clusters, in_band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import Context, State
    from auditkit.checkers.near_duplicates.leaders import Buckets, Sets
    from auditkit.checkers.near_duplicates.stages import Rows

_32 = np.uint64(32)
PACK = 1 << 21
"""Grams in an item of verification: 16 MB; a larger cluster is an item of its own."""
CROWDED = 1000
"""Pairs per document in the buckets of bands above which rare grams are cheaper: 32,802 manuals have 60, pages of one
template thousands."""


class Ranks(NamedTuple):
    """Per row: priority, the higher, the sooner it stays; stays, False for those that may only be removed."""

    priority: NDArray[np.float64]
    stays: NDArray[np.bool_]


RanksOf = Callable[["Rows"], Ranks]


class Copies(NamedTuple):
    """Documents doc[i] that are copies of kept[i], which stays; ascending. exact: the same words in the same order."""

    doc: NDArray[np.int64]
    kept: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    exact: NDArray[np.bool_]


class Near(NamedTuple):
    """Rows that stand for a group of equal texts, ascending, the row that each is similar to, how similar they are."""

    rows: Rows
    leaders: Rows
    similarity: NDArray[np.float64]


class Groups(NamedTuple):
    """Groups of equal texts with more than one row. first: their first rows, ascending; best: the row that stays."""

    first: Rows
    best: Rows

    def speakers(self, rows: Rows) -> Rows:
        """The row that stays for the group of each of these first rows; the row itself where it is alone."""
        if not len(self.first):
            return rows
        at = np.minimum(np.searchsorted(self.first, rows), len(self.first) - 1)
        spoken: Rows = np.where(self.first[at] == rows, self.best[at], rows)
        return spoken


def first_rows(n: int, same: Equal, usable: NDArray[np.bool_] | None = None) -> Rows:
    """The rows of n, usable ones if that is given, that no earlier row equals."""
    first = np.ones(n, bool) if usable is None else usable
    first[same.rows] = False
    rows: Rows = np.flatnonzero(first).astype(np.uint32)
    return rows


def long_enough(words: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Whether each document has 5 words. What is shorter is found by its text hash or not at all."""
    from auditkit.text.shingles import GRAM

    enough: NDArray[np.bool_] = np.asarray(words) >= GRAM
    return enough


def candidates(state: State, same: Equal, context: Context) -> NDArray[np.int64]:
    """Sorted keys of the documents, one of each group of equal texts, that share a band with another."""
    rows = first_rows(len(state["doc"]), same, long_enough(state["words"]))
    root = clusters(state["keys"], rows, context)
    docs: NDArray[np.int64] = state["doc"][rows[linked(root)]]
    return docs


def linked(root: Rows) -> NDArray[np.bool_]:
    """Whether each place is in a cluster with another one."""
    together: NDArray[np.bool_] = root != np.arange(len(root), dtype=np.uint32)
    together[root[together]] = True
    return together


def copies(state: State, same: Equal, near: Near, ranks_of: RanksOf) -> Copies:
    """Every document that is a copy of one that stays, in document order."""
    groups = grouped(same, ranks_of)
    alone = near.rows[~np.isin(near.rows, groups.first)]
    rows = np.concatenate([same.rows, groups.first, alone])
    firsts = np.concatenate([same.firsts, groups.first, alone])
    order = np.argsort(rows, kind="stable")
    rows, firsts = rows[order], firsts[order]
    kept, similarity, exact = groups.speakers(firsts), np.ones(len(rows)), np.ones(len(rows), bool)
    if len(near.rows):
        at = np.minimum(np.searchsorted(near.rows, firsts), len(near.rows) - 1)
        led = near.rows[at] == firsts
        kept = np.where(led, groups.speakers(near.leaders[at]), kept)
        similarity[led], exact[led] = near.similarity[at[led]], False
    gone = (kept != rows) & ranks_of(kept).stays
    return Copies(state["doc"][rows[gone]], state["doc"][kept[gone]], similarity[gone], exact[gone])


def grouped(same: Equal, ranks_of: RanksOf) -> Groups:
    """The groups of equal texts: of each, who stays first."""
    first = np.unique(same.firsts)
    members = np.concatenate([first, same.rows])
    owner = np.concatenate([first, same.firsts])
    ranks = ranks_of(members)
    order = np.lexsort((members, -ranks.priority, ~ranks.stays, owner))
    return Groups(first, members[order[np.flatnonzero(np.diff(owner[order], prepend=-1))]])


class Asked(NamedTuple):
    """What verification needs to know: both looks, who is equal to whom, how documents are ranked."""

    state: State
    looked: State
    same: Equal
    ranks_of: RanksOf
    threshold: float


class Pack(NamedTuple):
    """An item of verification: whole clusters, by priority; the first n_leaders may remove others."""

    rows: Rows
    n_leaders: int
    keys: NDArray[np.uint32]
    sets: Sets


def near_copies(asked: Asked, context: Context) -> Near:
    """The documents of the second look that are similar enough to one that stays, each cluster for itself."""
    found = [nothing_near(), *context.run(verified, _packs(asked, context))]
    near = Near(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    order = np.argsort(near.rows, kind="stable")
    return Near(near.rows[order], near.leaders[order], near.similarity[order])


def nothing_near() -> Near:
    """Nobody is similar to anybody."""
    return Near(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0))


def _packs(asked: Asked, context: Context) -> Iterator[Pack]:
    """The clusters of the second look, some at a time, in the order of their first documents."""
    groups = grouped(asked.same, asked.ranks_of)
    rows = np.searchsorted(asked.state["doc"], asked.looked["doc"]).astype(np.uint32)
    root = clusters(asked.state["keys"], rows, context)
    order = np.argsort(root, kind="stable").astype(np.uint32)
    order = order[linked(root)[order]]
    sizes = np.asarray(asked.looked["sizes"])
    ends = np.cumsum(sizes)
    before = np.cumsum(sizes[order]) - sizes[order]
    opens = np.flatnonzero(np.diff(root[order].astype(np.int64), prepend=-1))
    number = before[opens] // PACK
    cuts = opens[np.flatnonzero(np.diff(number, prepend=-1))]
    for members in np.split(order, cuts[1:]) if len(order) else ():
        yield _pack(asked, groups, rows[members], (ends[members] - sizes[members], ends[members]))


def _pack(asked: Asked, groups: Groups, rows: Rows, places: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Pack:
    """The item for these rows, whose gram sets begin and end at these places."""
    from auditkit.checkers.near_duplicates.leaders import Sets, taken

    speakers = groups.speakers(rows)
    ranks = asked.ranks_of(speakers)
    order = np.lexsort((speakers, -ranks.priority, ~ranks.stays))
    rows, starts, ends = rows[order], places[0][order], places[1][order]
    answers = answers_of(asked.state, rows)
    after = np.cumsum(ends - starts)
    grams = taken(asked.looked["grams"], starts, ends)
    sets = Sets(grams, after - (ends - starts), after, asked.threshold, answers.hashes, answers.sizes)
    return Pack(rows, int(ranks.stays.sum()), asked.state["keys"][rows], sets)


def verified(pack: Pack) -> Near:
    """The rows of a pack that are removed for one that stays."""
    from auditkit.checkers.near_duplicates.leaders import leaders

    buckets, sets = _band_buckets(pack.keys), pack.sets
    if _pairs(buckets) > CROWDED * len(pack.rows):
        buckets, sets = _rare_gram_buckets(sets)
    found = leaders(buckets, sets, pack.n_leaders)
    near = np.flatnonzero(found.leader >= 0)
    return Near(pack.rows[near], pack.rows[found.leader[near]], found.similarity[near])


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
