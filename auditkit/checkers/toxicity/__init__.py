"""Toxic language: how likely people would call a text toxic, and the words that make it so.

What it finds
    Insults, obscenity, threats, attacks on groups of people. Every document gets scores in 0..1: `toxic`, and
    `severe_toxic obscene threat insult identity_hate hate`. A score is the share of texts scored alike that
    people called so. A document whose `toxic` reaches `threshold` gets one finding per toxic word.
Why it matters
    Models trained on toxic text produce it unprompted, and self-training amplifies what one round lets through.
How
    A linear model on hashed words, word pairs and runs of characters, of which the table is part of the package: no
    download, no torch. A word's share in the score is the sum of its table entries, so a finding shows its reasons.
    Texts above 1,000 bytes are scored sentence by sentence; the document's score is that of its worst sentence,
    and the finding's detail names it.
What it misses (measured in docs/model-cards/toxicity.md)
    Sarcasm, implied hate and counter-speech: it sees words, not stance. German and Chinese have one score, `toxic`,
    and a weaker one. A document in another language is reported as not looked at, not as clean, unless something was
    found in it; its score stands, and means little.
Options
    threshold: documents at or above it get findings.
Source
    Wang & Manning 2012 (log count ratios); Jigsaw 2018 (labels); Pavlopoulos et al. 2021 (toxic spans).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from auditkit.checker import Checked, Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.toxicity import scorer
from auditkit.checkers.toxicity.embedded import LABELS, model
from auditkit.checkers.toxicity.languages import KNOWN
from auditkit.documents import Batch
from auditkit.findings import Found, Metric, detail, found_table, mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("threat", "identity_hate", "insult", "obscene")
SEVERE = 0.9  # share from which `severe_toxic` names the finding: such texts are also obscene, nearly always


@dataclass(frozen=True)
class ToxicityOptions:
    """Options of `[checkers.toxicity]`."""

    threshold: float = 0.5
    engine: Literal["embedded"] = "embedded"

    def check(self) -> Iterable[tuple[str, str]]:
        """A threshold outside 0..1 is a mistake."""
        if not 0 <= self.threshold <= 1:
            yield "threshold", f"expected a number from 0 to 1, got {self.threshold}"


class Toxicity:
    """The checker `toxicity`."""

    name: ClassVar[str] = "toxicity"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = ToxicityOptions
    METRICS: ClassVar[tuple[str, ...]] = ("bias_bpsn", "foreign_share")
    default_action: ClassVar[str] = "flag"
    finish_order: ClassVar[int] = 0

    def __init__(self, options: ToxicityOptions) -> None:
        self.options = options

    def rules(self) -> Sequence[Rule]:
        """One rule per label."""
        return rule_pack("toxicity")

    def check(self, batch: Batch) -> Checked:
        """Scores of every document, findings with the toxic words of those at or above the threshold."""
        scores = scorer.score(batch.texts.column("text"), model())
        labels = np.full((len(batch), len(LABELS)), np.nan)
        np.fmax.at(labels, batch.owners, scores.labels)
        labels[:, 0] = np.nan_to_num(labels[:, 0])  # a document without a text is not toxic
        foreign = np.zeros(len(batch), bool)
        np.logical_or.at(foreign, batch.owners, ~np.isin(scores.languages, KNOWN))
        flagged = np.zeros(len(batch), bool)
        flagged[batch.owners[self._toxic(scores)]] = True
        return Checked(
            found_table(self._found(batch, scores)),
            {label: np.round(labels[:, i], 4) for i, label in enumerate(LABELS)},
            looked=~foreign | flagged,
            tallies={("foreign_share", ""): (int(foreign.sum()), len(batch))},
        )

    def _toxic(self, scores: scorer.Scores) -> NDArray[np.int64]:
        """Indices of the texts that get findings; the score counts as it is written, rounded to 1e-4."""
        return np.flatnonzero(np.round(scores.labels[:, 0], 4) >= self.options.threshold)

    def _found(self, batch: Batch, scores: scorer.Scores) -> Iterator[Found]:
        """One finding per toxic word. A Python loop: over the flagged texts only."""
        chosen = self._toxic(scores)
        rows = batch.texts.take(chosen).to_pylist()
        for i, row in zip(chosen, rows, strict=True):
            text: str = row["text"]
            first, last, language = int(scores.starts[i]), int(scores.ends[i]), int(scores.languages[i])
            why = scorer.reasons(text, first, last, language=language, known=model())
            shares = {
                label: float(value)
                for label, value in zip(LABELS, np.round(scores.labels[i], 4), strict=True)
                if value == value  # noqa: PLR0124 - NaN: not a label of this language
            }
            rule = _rule(shares)
            for start, end, weight in why.words:
                more = detail(sentence=why.sentence, scores=shares, weight=round(weight, 4))
                place = (row["doc"], f"toxicity/{rule}", row["field"], start, end)
                yield Found(*place, shares["toxic"], mask(text[start:end]), more)

    def map(self, batch: Batch) -> State:
        """Nothing is remembered but how many documents there were."""
        return {"documents": np.array([len(batch)])}

    def merge(self, left: State, right: State) -> State:
        """The documents of both."""
        return {"documents": left["documents"] + right["documents"]}

    def again(self, state: State, context: Context) -> State | None:
        """No second look."""
        del state, context
        return None

    def map_again(self, batch: Batch, wanted: State) -> State:
        """Never called: there is no second look."""
        del batch
        return wanted

    def merge_again(self, left: State, right: State) -> State:
        """Never called: there is no second look."""
        del right
        return left

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """The scorer's own bias, as measured for the model card: it belongs beside every verdict."""
        del state, looked, context
        return Outcome(found_table([]), [*_bias_metrics()])

    def state_bytes(self, n_docs: int) -> int:
        """One number."""
        del n_docs
        return 8


def _rule(shares: Mapping[str, float]) -> str:
    """The kind of toxicity that is most likely, `toxic` where none is more likely than not."""
    if shares.get("severe_toxic", 0) >= SEVERE:
        return "severe_toxic"
    kind = max(KINDS, key=lambda label: shares.get(label, 0))
    return kind if shares.get(kind, 0) > 0.5 else "toxic"


def _bias_metrics() -> Iterator[Metric]:
    """BPSN AUC (Borkan et al. 2019) of each identity term on each data set of the model card."""
    for row in model().card["bias"]:
        yield Metric(
            "toxicity",
            "bias_bpsn",
            row["bpsn"],
            f"{row['data']}/{row['term']}",
            denominator=row["n"],
            reference="model card",
        )
