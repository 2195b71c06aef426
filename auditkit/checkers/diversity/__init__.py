"""How varied a corpus is: words, phrases, lines, openings, lengths.

What it finds
    The share of distinct n-grams, the size of the vocabulary, in how many documents an n-gram returns, how far a sample
    compresses, lines that are copies of one another, openings that are always the same, the distribution of lengths.
    Findings name what a reader must not miss: one opening for a quarter of the documents, mostly copied lines, texts
    that compress as lists of copies do.

Why it matters
    Models that are trained on what models wrote lose the tails of the distribution first and end in a few phrases
    (Shumailov et al. 2024, Nature 631:755). Text of one prompt is far less varied than human text (Yu et al. 2023,
    arXiv 2306.15895), and the loss shows in these numbers before it shows in a loss curve.

How
    Words are folded and hashed once; n-grams, lines and openings go into bottom-k sketches of 32,768 hashes, exact up
    to that many distinct items and within 1.1 % beyond. Everything adds up over shards, and 256 documents chosen by
    their key stand for the rest where the text itself is needed. Word vectors are hashed into 64 dimensions and kept in
    whole numbers, so that sums do not depend on their order.

    Figures of a whole corpus depend on its size, so 512 documents chosen by their key (and 64 of each of 16 labels),
    the first 1,024 bytes of the response or text of each, give figures that compare between rounds and labels:
    `sample.*` and `label.*`, with 95 % intervals by a jackknife over documents. Topics are clusters of that sample:
    `sample.topics` is how many of equal size they amount to.

What it misses
    Paraphrases: two texts that say the same in other words count as varied. The Vendi score cannot exceed 64, the
    dimensions of the vectors. The topics of 512 news texts of four desks are 72 to 77 % of one desk each; they have no
    names, which could be those of persons. Figures other than `sample.*` and `label.*` depend on the size of a corpus.

Options
    reference   the folder of an earlier run: the metric `change` is each figure over that run's
    The findings' bounds are in rules/packs/diversity.toml.

Source
    distinct-n: Li et al. 2016, arXiv 1510.03055. Inter-sample n-gram frequency: Mishra et al. 2020, arXiv 2005.00816;
    here the mean number of documents that a distinct n-gram occurs in. Compression ratio: Shaib et al. 2024, arXiv
    2403.00553. Self-BLEU: Zhu et al. 2018, arXiv 1802.01886. Vendi score: Friedman and Dieng 2023, arXiv 2210.02410.
    Duplicate lines: Rae et al. 2021 (Gopher), Table A1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from auditkit.checker import Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.diversity import report, sketch
from auditkit.findings import Found, detail, found_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditkit.documents import Batch
    from auditkit.findings import Metric

FIGURES = ("distinct_n", "word_entropy", "hapax_share", "words_per_document")


@dataclass(frozen=True)
class DiversityOptions:
    """reference: the folder of an earlier run that this corpus is held against (metric `change`); "" = none."""

    reference: str = ""

    def check(self) -> Iterable[tuple[str, str]]:
        """A folder that is not there."""
        if self.reference and not Path(self.reference).is_dir():
            yield "reference", f"there is no run folder '{self.reference}'"


class Diversity:
    """How varied the corpus is."""

    name: ClassVar[str] = "diversity"
    version: ClassVar[str] = "3"
    Options: ClassVar[type] = DiversityOptions
    METRICS: ClassVar[tuple[str, ...]] = (
        "vocabulary",
        "distinct_n",
        "ingf",
        "hapax_share",
        "word_entropy",
        "empty_share",
        "words_per_document",
        "duplicate_lines_share",
        "distinct_openings",
        "top_opening_share",
        "compression_ratio",
        "self_bleu",
        "change",
        "pairwise_similarity",
        "vendi_score",
        *(f"{kind}.{figure}" for kind in ("sample", "label") for figure in FIGURES),
        "sample.pairwise_similarity",
        "sample.topics",
        "topic.share",
    )
    default_action: ClassVar[str] = "flag"
    finish_order: ClassVar[int] = 0

    def __init__(self, options: DiversityOptions) -> None:
        self.options = options

    def rules(self) -> Sequence[Rule]:
        """All rules."""
        return rule_pack("diversity")

    def map(self, batch: Batch) -> State:
        """Counts, sketches and the sample of these documents; see sketch.state_of."""
        return sketch.state_of(batch)

    def merge(self, left: State, right: State) -> State:
        """Both states."""
        return sketch.merged(left, right)

    def again(self, state: State, context: Context) -> State | None:
        """No second look."""
        del state, context
        return None

    def map_again(self, batch: Batch, wanted: State) -> State:
        """Nothing; there is no second look."""
        del batch, wanted
        return {}

    def merge_again(self, left: State, right: State) -> State:
        """Nothing; there is no second look."""
        del left, right
        return {}

    def state_bytes(self, n_docs: int) -> int:
        """7.4 MB, however large the corpus."""
        del n_docs
        return sketch.STATE_BYTES

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """All metrics, and findings about the corpus where one lies beyond its rule's bound."""
        del looked, context
        metrics = report.metrics_of(state)
        if self.options.reference:
            metrics += report.change_metrics(metrics, Path(self.options.reference))
        return Outcome(found_table(_findings(metrics, self.rules())), metrics)


def _findings(metrics: Sequence[Metric], rules: Sequence[Rule]) -> Iterable[Found]:
    """One finding per rule whose metric, lower bound first, is above its `max` with at least `least` items counted."""
    by_name = {(metric.metric, metric.slice): metric for metric in metrics}
    for rule in rules:
        metric = by_name[str(rule.options["metric"]), ""]
        bound, least = (float(str(rule.options[name])) for name in ("max", "least"))
        sure = metric.low if metric.low is not None else metric.value
        if sure is not None and sure > bound and (metric.denominator or 0) >= least:
            facts = {"value": round(metric.value or 0.0, 4), "max": bound}
            yield Found(None, rule.id, score=round(min(1.0, sure / (2 * bound)), 4), detail=detail(**facts))
