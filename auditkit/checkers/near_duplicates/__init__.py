"""Near-duplicates: documents that are copies, or nearly copies, of another document that stays.

What it finds: `near_duplicates/exact-copy` (the same words in the same order) and `near_duplicates/near-copy` (Jaccard
similarity of the word 5-grams at or above `threshold`). Every finding names the copy that stays, and the exact
similarity to it; no document is removed for the sake of one that is removed itself.

Why it matters: copies are memorised, leak from training into test data, and weigh a corpus towards whatever was copied
(Lee et al. 2022). Removal without a check loses text: measured, 4.35 % of what connected components remove is below the
threshold to the copy that is kept.

How: a document is its texts of all roles, one after the other, case-folded and compatibility-decomposed (NFKD); every
character that is not a letter, digit or mark separates words; characters of scripts without spaces (Chinese, Japanese,
Thai, Khmer, ...) are words of their own. Its grams are 5 words in a row; a document of 1 to 4 words is one gram.
Exact copies are found by a 64-bit hash of the words. Near-copies are looked for among documents that share a band of a
one-permutation minimum-hash signature, and verified on their whole gram sets. Then the documents are visited by
priority (`keep`): whoever has not been removed stays and removes every document that is similar enough to it.
A document that another checker drops may be removed, but never is the copy that stays.

What it misses: pairs at the threshold share no band with probability 1e-4, more similar ones less often. A document
without a letter or digit is a copy only of one with the same symbols; one with nothing visible is never a copy.
Paraphrases and translations share no words and are not looked for.

Options: see `Options`.

Source: Broder 1997 (resemblance); Li, Owen, Zhang 2012 and Shrivastava 2017 (one-permutation hashing).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auditkit.checker import Certificate, Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.near_duplicates import clusters, documents
from auditkit.checkers.near_duplicates.clusters import Copy, Ranks
from auditkit.checkers.near_duplicates.options import Options as NearDuplicatesOptions
from auditkit.documents import Batch
from auditkit.errors import CheckerError, suggestion
from auditkit.findings import Found, Metric, detail, found_table, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NearDuplicates"]

EXACT, NEAR = "near_duplicates/exact-copy", "near_duplicates/near-copy"
BYTES_PER_DOCUMENT = 24
BYTES_PER_BAND = 4


class NearDuplicates:
    """Which documents are copies of one that stays, each with its certificate."""

    name: ClassVar[str] = "near_duplicates"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = NearDuplicatesOptions
    METRICS: ClassVar[tuple[str, ...]] = ("removed_share", "clusters", "largest_cluster")
    default_action: ClassVar[str] = "drop"
    finish_order: ClassVar[int] = 1

    def __init__(self, options: NearDuplicatesOptions) -> None:
        self.options = options
        self.bands = options.bands()

    def rules(self) -> Sequence[Rule]:
        """The rules of rules/packs/near_duplicates.toml."""
        return rule_pack("near_duplicates")

    def map(self, batch: Batch) -> State:
        """Keys, lengths, word hashes and band keys of the documents; columns in `documents.signed`."""
        return documents.signed(batch, self.bands)

    def merge(self, left: State, right: State) -> State:
        """The documents of both."""
        return {name: np.concatenate([left[name], right[name]]) for name in left}

    def again(self, state: State, context: Context) -> State | None:
        """The documents that share a band with another one: their gram sets are needed."""
        del context
        docs = clusters.candidates(state)
        return {"docs": docs} if len(docs) else None

    def map_again(self, batch: Batch, wanted: State) -> State:
        """The gram sets of the wanted documents; columns in `documents.gram_sets`."""
        return documents.gram_sets(batch, wanted["docs"])

    def merge_again(self, left: State, right: State) -> State:
        """The gram sets of both."""
        return self.merge(left, right)

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """One finding and one certificate per document that is a copy of one that stays."""
        ranks = Ranks(self._priority(state, context), ~np.isin(state["doc"], self._dropped(context)))
        copies = clusters.copies(state, looked, ranks, self.options.threshold)
        return Outcome(
            found_table(map(_found, copies)),
            self._metrics(copies, len(state["doc"])),
            certificates=[Certificate(copy.doc, copy.kept, copy.jaccard, _rule(copy)) for copy in copies],
            looked=state["doc"],
        )

    def state_bytes(self, n_docs: int) -> int:
        """24 bytes per document and 4 per band: 96 per document at threshold 0.8."""
        return int(n_docs * (BYTES_PER_DOCUMENT + BYTES_PER_BAND * self.bands.n))

    def _priority(self, state: State, context: Context) -> NDArray[np.float64]:
        """float64 per document of the state: the higher, the sooner it stays; NaN, no score, comes last."""
        if self.options.keep == "first":
            return np.zeros(len(state["doc"]))
        if self.options.keep == "longest":
            return state["chars"].astype(np.float64)
        name = self.options.score.removeprefix("-")
        if name not in context.scores:
            raise CheckerError(f"keep = \"best\": no document has the score '{name}'{suggestion(name, context.scores)}")
        values = context.scores[name][state["doc"]]
        best = -values if self.options.score.startswith("-") else values
        return np.where(np.isnan(best), -np.inf, best)

    def _dropped(self, context: Context) -> NDArray[np.int64]:
        """The keys that other checkers drop."""
        return np.concatenate([np.zeros(0, np.int64), *(context.dropped[name] for name in sorted(context.dropped))])

    def _metrics(self, copies: Sequence[Copy], n_docs: int) -> list[Metric]:
        """Share of documents removed, number of clusters, members of the largest (the kept one included)."""
        _, sizes = np.unique([copy.kept for copy in copies], return_counts=True)
        largest = float(sizes.max()) + 1 if len(sizes) else 0.0
        return [
            share(self.name, "removed_share", len(copies), n_docs),
            Metric(self.name, "clusters", float(len(sizes))),
            Metric(self.name, "largest_cluster", largest),
        ]


def _rule(copy: Copy) -> str:
    """The rule that this copy breaks."""
    return EXACT if copy.exact else NEAR


def _found(copy: Copy) -> Found:
    """The finding of one copy; its group is named after the copy that stays."""
    return Found(
        copy.doc,
        _rule(copy),
        score=copy.jaccard,
        detail=detail(jaccard=copy.jaccard, kept_doc=copy.kept),
        group=f"near_duplicates:{copy.kept}",
    )
