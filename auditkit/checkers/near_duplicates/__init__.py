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

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auditkit.checker import Certificate, Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.near_duplicates import against, clusters, documents, relations
from auditkit.checkers.near_duplicates.against import Against, Known
from auditkit.checkers.near_duplicates.clusters import Copy, Ranks
from auditkit.checkers.near_duplicates.options import Options as NearDuplicatesOptions
from auditkit.documents import Batch
from auditkit.errors import CheckerError, suggestion
from auditkit.findings import Found, Metric, detail, found_table, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NearDuplicates"]

EXACT, NEAR = "near_duplicates/exact-copy", "near_duplicates/near-copy"
CONTAMINATION = "near_duplicates/contamination"
BYTES_PER_DOCUMENT = 24
BYTES_PER_BAND = 4


class NearDuplicates:
    """Which documents are copies of one that stays, each with its certificate."""

    name: ClassVar[str] = "near_duplicates"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = NearDuplicatesOptions
    METRICS: ClassVar[tuple[str, ...]] = (
        "removed_share",
        "clusters",
        "largest_cluster",
        "known_share",
        "contaminated_share",
        "contaminated_items",
        "leaked_share",
    )
    default_action: ClassVar[str] = "drop"
    finish_order: ClassVar[int] = 1

    def __init__(self, options: NearDuplicatesOptions) -> None:
        self.options = options
        self.against = Against(options)

    def rules(self) -> Sequence[Rule]:
        """The rules of rules/packs/near_duplicates.toml."""
        return rule_pack("near_duplicates")

    def map(self, batch: Batch) -> State:
        """Lengths, hashes and band keys of the documents, their splits and labels, and the items they contain.

        Columns in `documents.signed`, `relations.related` and `Against.contained`.
        """
        signed = documents.signed(batch, self.against.bands)
        return signed | relations.related(batch) | self.against.contained(batch)

    def merge(self, left: State, right: State) -> State:
        """The documents of both."""
        return {name: np.concatenate([left[name], right[name]]) for name in left}

    def again(self, state: State, context: Context) -> State | None:
        """The documents that share a band with another one, here or in an index: their gram sets are needed."""
        del context
        docs = np.union1d(clusters.candidates(state), self.against.asked(state))
        return {"docs": docs} if len(docs) else None

    def map_again(self, batch: Batch, wanted: State) -> State:
        """The gram sets of the wanted documents; columns in `documents.gram_sets`."""
        return documents.gram_sets(batch, wanted["docs"])

    def merge_again(self, left: State, right: State) -> State:
        """The gram sets of both."""
        return self.merge(left, right)

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """One finding and one certificate per document that is a copy of one that stays; other findings flag."""
        known = self.against.known(state, looked)
        known_docs = np.array([one.doc for one in known], np.int64)
        gone = np.union1d(self._dropped(context), known_docs)
        ranks = Ranks(self._priority(state, context), ~np.isin(state["doc"], gone))
        in_index = set(known_docs.tolist())
        found_copies = clusters.copies(state, looked, ranks, self.options.threshold)
        copies = [copy for copy in found_copies if copy.doc not in in_index]
        disagree = list(relations.disagreements(state, copies))
        contained = list(self._contained(state))
        found = [*map(_found, copies), *map(_found_known, known), *disagree, *relations.answers(state), *contained]
        return Outcome(
            found_table(found),
            self._metrics(copies, known, disagree, contained, state),
            certificates=[*map(_certificate, copies), *map(_certificate_known, known)],
            looked=state["doc"],
        )

    def state_bytes(self, n_docs: int) -> int:
        """24 bytes per document, 4 per band (18 at threshold 0.8), 68 for splits, labels, prompts and responses.

        384 more when items are looked for.
        """
        each = BYTES_PER_DOCUMENT + BYTES_PER_BAND * self.against.bands.n + relations.BYTES_PER_DOCUMENT
        items = against.BYTES_PER_DOCUMENT if self.options.against or self.options.withheld else 0
        return int(n_docs * (each + items))

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

    def _contained(self, state: State) -> Iterator[Found]:
        """A finding per document and item that it contains."""
        items = self.against.items
        for doc, number, contained in zip(
            *(state[name].tolist() for name in ("item_doc", "item", "item_share")), strict=True
        ):
            assert items is not None
            item = items.items[number]
            yield Found(
                doc,
                CONTAMINATION,
                score=contained,
                detail=detail(
                    benchmark_file=item.file, benchmark_row=item.row, benchmark_field=item.field, contained=contained
                ),
                group=f"near_duplicates:{item.file}:{item.row}",
            )

    def _metrics(
        self,
        copies: Sequence[Copy],
        known: Sequence[Known],
        disagree: Sequence[Found],
        contained: Sequence[Found],
        state: State,
    ) -> list[Metric]:
        """Shares of the documents, and of the rows of each benchmark; members of a cluster include the kept one."""
        n_docs = len(state["doc"])
        _, sizes = np.unique([copy.kept for copy in copies], return_counts=True)
        leaked = sum(one.rule == relations.LEAKAGE for one in disagree)
        metrics = [
            share(self.name, "removed_share", len(copies) + len(known), n_docs),
            Metric(self.name, "clusters", float(len(sizes))),
            Metric(self.name, "largest_cluster", float(sizes.max()) + 1 if len(sizes) else 0.0),
            self._if_asked(bool(self.against.indexes), share(self.name, "known_share", len(known), n_docs)),
            self._if_asked(
                self.against.items is not None,
                share(self.name, "contaminated_share", len({one.doc for one in contained}), n_docs),
            ),
            self._if_asked(bool(len(state["split_doc"])), share(self.name, "leaked_share", leaked, n_docs)),
        ]
        return metrics + self._benchmarks(state)

    def _benchmarks(self, state: State) -> list[Metric]:
        """Rows of each benchmark of which a document contains a text; the slice is the name of its file."""
        items = self.against.items
        if items is None:
            return [Metric(self.name, "contaminated_items", None, status="not_looked_for")]
        rows = {(items.items[number].file, items.items[number].row) for number in state["item"].tolist()}
        return [
            share(self.name, "contaminated_items", sum(name == file for name, _ in rows), n_rows, slice=file)
            for file, n_rows in items.n_rows.items()
        ]

    def _if_asked(self, asked: bool, metric: Metric) -> Metric:  # noqa: FBT001 - a fact, not a switch
        """The metric, or that nobody asked for it."""
        return metric if asked else Metric(self.name, metric.metric, None, status="not_looked_for")


def _rule(copy: Copy | Known) -> str:
    """The rule that this copy breaks."""
    return EXACT if copy.exact else NEAR


def _certificate(copy: Copy) -> Certificate:
    """The certificate of a copy of a document of the run."""
    return Certificate(copy.doc, copy.kept, copy.jaccard, _rule(copy))


def _certificate_known(known: Known) -> Certificate:
    """The certificate of a copy of a document of an index."""
    return Certificate(known.doc, None, known.jaccard, _rule(known), known.kept_file, known.kept_row)


def _found(copy: Copy) -> Found:
    """The finding of one copy; its group is named after the copy that stays."""
    return Found(
        copy.doc,
        _rule(copy),
        score=copy.jaccard,
        detail=detail(jaccard=copy.jaccard, kept_doc=copy.kept),
        group=f"near_duplicates:{copy.kept}",
    )


def _found_known(known: Known) -> Found:
    """The finding of a document that an index holds."""
    return Found(
        known.doc,
        _rule(known),
        score=known.jaccard,
        detail=detail(jaccard=known.jaccard, kept_file=known.kept_file, kept_row=known.kept_row),
        group=f"near_duplicates:{known.kept_file}:{known.kept_row}",
    )
