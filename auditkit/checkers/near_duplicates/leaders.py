"""The kernel that visits documents by priority and lets each one that is still there remove its near-copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.text.jit import kernel
from auditkit.text.shingles import jaccard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

_48 = np.uint64(48)
_LOW_48 = np.uint64((1 << 48) - 1)


class Sets(NamedTuple):
    """Gram sets: that of document i is values[starts[i]:ends[i]], sorted; similar from the threshold on.

    answers: hash of the response, 0 without; answer_sizes: grams in it.
    """

    values: NDArray[np.uint64]
    starts: Places
    ends: Places
    threshold: float
    answers: NDArray[np.uint64]
    answer_sizes: Places


class Buckets(NamedTuple):
    """Who may be similar: bucket after bucket, ascending in each; opens[i]: members[i] is the first of a bucket."""

    members: NDArray[np.uint32]
    opens: NDArray[np.bool_]


class Walk(NamedTuple):
    """Where each document stands: places[starts[i]:starts[i + 1]] in the buckets; after: the next place still taken."""

    starts: Places
    places: NDArray[np.uint32]
    after: NDArray[np.uint32]


class Found(NamedTuple):
    """Per document: its leader (-1: it stays), the similarity to it, and the last leader it was compared to."""

    leader: Places
    similarity: NDArray[np.float64]
    seen: Places


@kernel
def walk_of(buckets: Buckets, n: int) -> Walk:
    """The places of n documents, everybody still there."""
    starts = np.zeros(n + 1, np.int64)
    for member in buckets.members:
        starts[member + 1] += 1
    starts = np.cumsum(starts)
    fill = starts[:-1].copy()
    places = np.empty(buckets.members.size, np.uint32)
    for i in range(buckets.members.size):
        member = buckets.members[i]
        places[fill[member]] = i
        fill[member] += 1
    return Walk(starts, places, np.arange(1, buckets.members.size + 1).astype(np.uint32))


@kernel
def answers_differ(left: int, right: int, sets: Sets, similarity: float) -> bool:
    """Whether two documents may be the same prompt with different answers.

    Sets of similarity J and sizes n, m differ in (n + m) (1 - J) / (1 + J) grams. Only when these are more than a third
    of the grams of both answers can the answers have less than half of their grams in common.
    """
    if sets.answers[left] == 0 or sets.answers[right] == 0 or sets.answers[left] == sets.answers[right]:
        return False
    both = sets.ends[left] - sets.starts[left] + sets.ends[right] - sets.starts[right]
    differing = both * (1 - similarity) / (1 + similarity)
    return bool(3 * differing > sets.answer_sizes[left] + sets.answer_sizes[right] + 1e-6)


@kernel
def visit(place: int, buckets: Buckets, walk: Walk, sets: Sets, found: Found) -> None:
    """Compares the leader at this place with everyone behind it in the bucket, and takes the removed ones out."""
    leader = int(buckets.members[place])
    last = place
    at = int(walk.after[place])
    while at < buckets.members.size and not buckets.opens[at]:
        other = int(buckets.members[at])
        if found.leader[other] < 0 and found.seen[other] != leader:
            found.seen[other] = leader
            similarity = jaccard(
                sets.values[sets.starts[leader] : sets.ends[leader]],
                sets.values[sets.starts[other] : sets.ends[other]],
                sets.threshold,
            )
            if similarity >= 0 and not answers_differ(leader, other, sets, similarity):
                found.leader[other] = leader
                found.similarity[other] = similarity
        if found.leader[other] >= 0:
            walk.after[last] = walk.after[at]
        else:
            last = at
        at = int(walk.after[at])


@kernel
def leaders(buckets: Buckets, sets: Sets, n_leaders: int) -> Found:
    """Who removes whom; documents are numbered by priority, and only the first n_leaders may remove others.

    A removed document is taken out of its buckets, so that a bucket of copies is walked once and not once per pair.
    """
    n = sets.starts.size
    walk = walk_of(buckets, n)
    found = Found(np.full(n, -1, np.int64), np.ones(n), np.full(n, -1, np.int64))
    for i in range(n_leaders):
        if found.leader[i] < 0:
            for k in range(walk.starts[i], walk.starts[i + 1]):
                visit(int(walk.places[k]), buckets, walk, sets, found)
    return found


@kernel
def frequencies(values: NDArray[np.uint64], shift: int) -> NDArray[np.uint16]:
    """Counts of the grams by their highest 64 - shift bits, up to 65535: at least how often each one occurs."""
    counts = np.zeros(1 << (64 - shift), np.uint16)
    for value in values:
        place = value >> np.uint64(shift)
        counts[place] = min(int(counts[place]) + 1, 65535)
    return counts


@kernel
def rarest_first(sets: Sets, counts: NDArray[np.uint16], shift: int) -> NDArray[np.uint64]:
    """The values of the sets, each set sorted by count, which fills the upper 16 bits, and then by gram.

    Sets that differ in what is rare are told apart after a few steps of `jaccard`.
    """
    keys = np.empty(sets.values.size, np.uint64)
    for i in range(keys.size):
        value = sets.values[i]
        keys[i] = (np.uint64(counts[value >> np.uint64(shift)]) << _48) | (value & _LOW_48)
    for i in range(sets.starts.size):
        keys[sets.starts[i] : sets.ends[i]].sort()
    return keys


@kernel
def rare_grams(sets: Sets) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """(gram, document) for the rarest grams of each document, of which two similar ones share at least one.

    Prefix filter (Bayardo, Ma, Srikant 2007): of n grams at least threshold * n are shared, so among the rarest
    n - threshold * n + 1 in any common order there is a shared one. Grams that occur once are left out.
    """
    total = 0
    for i in range(sets.starts.size):
        total += prefix_size(sets.ends[i] - sets.starts[i], sets.threshold)
    grams, documents = np.empty(total, np.uint64), np.empty(total, np.uint32)
    p = 0
    for i in range(sets.starts.size):
        own = sets.values[sets.starts[i] : sets.ends[i]]
        for key in own[: prefix_size(own.size, sets.threshold)]:
            if key >> _48 > 1:
                grams[p] = key
                documents[p] = i
                p += 1
    return grams[:p], documents[:p]


@kernel
def prefix_size(n: int, threshold: float) -> int:
    """How many of n grams must be looked at to meet one that a similar document shares."""
    return n - int(np.ceil(threshold * n - 1e-9)) + 1


@kernel
def root_of(parents: NDArray[np.uint32], place: int) -> int:
    """The smallest place of a cluster; the way to it is halved."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = int(parents[place])
    return place


@kernel
def unite(parents: NDArray[np.uint32], left: NDArray[np.uint32], right: NDArray[np.uint32]) -> None:
    """Makes one cluster of the clusters of each pair."""
    for i in range(left.size):
        a, b = root_of(parents, int(left[i])), root_of(parents, int(right[i]))
        parents[max(a, b)] = min(a, b)


@kernel
def roots(parents: NDArray[np.uint32]) -> None:
    """Writes the root of every place; a parent is never behind its children."""
    for i in range(parents.size):
        parents[i] = parents[parents[i]]


@kernel
def taken(values: NDArray[np.uint64], starts: Places, ends: Places) -> NDArray[np.uint64]:
    """values[starts[i]:ends[i]] for each i, in a row."""
    out = np.empty((ends - starts).sum(), np.uint64)
    p = 0
    for i in range(starts.size):
        n = ends[i] - starts[i]
        out[p : p + n] = values[starts[i] : ends[i]]
        p += n
    return out
