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
    Texts above 2,000 bytes are scored sentence by sentence; the document's score is that of its worst sentence,
    and the finding's detail names it.
What it misses (measured in docs/model-cards/toxicity.md)
    Sarcasm, implied hate and counter-speech: it sees words, not stance. German and Chinese have one score, `toxic`,
    and a weaker one. A document in another language is reported as not looked at, not as clean, unless something was
    found in it; its score stands, and means little.
Options
    threshold: documents at or above it get findings.
    engine: "embedded"; "detoxify" with checkpoint = "FILE", Detoxify's own .ckpt, read without running code from it, in
    precision "fp32" or "int8"; "http" with url and model of an OpenAI-compatible moderation or chat endpoint;
    "cascade": a judge for the doubtful texts alone; `auditkit judge calibrate` fits the embedded scorer to the judge,
    says from which score on to ask and what share of the judge's positives that keeps; calibration = "FILE" uses it.
    Details: options.ToxicityOptions.
Source
    Wang & Manning 2012 (log count ratios); Jigsaw 2018 (labels); Pavlopoulos et al. 2021 (toxic spans).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from auditkit.checker import Checked, Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.toxicity import judge, refit, scorer
from auditkit.checkers.toxicity.embedded import LABELS, SHA256, model
from auditkit.checkers.toxicity.languages import KNOWN
from auditkit.checkers.toxicity.options import ToxicityOptions
from auditkit.documents import Batch
from auditkit.endpoint import Client, Endpoint, Estimate, total
from auditkit.findings import Found, Metric, detail, found_table, mask
from auditkit.models.download import sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shares = dict[str, NDArray[np.float64]]

JUDGES = ("detoxify", "http")
"""Engines that read every text themselves."""
KINDS = {"threat": "threat", "identity_hate": "identity_hate", "identity_attack": "identity_hate", "insult": "insult"}
KINDS |= {"obscene": "obscene"}
"""Label of an engine -> rule."""
SEVERE = 0.9  # share from which `severe_toxic` names the finding: such texts are also obscene, nearly always


class Toxicity:
    """The checker `toxicity`."""

    name: ClassVar[str] = "toxicity"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = ToxicityOptions
    METRICS: ClassVar[tuple[str, ...]] = ("bias_bpsn", "bias_bnsp", "bias_subgroup", "foreign_share", "judged_share")
    default_action: ClassVar[str] = "flag"
    finish_order: ClassVar[int] = 0

    def __init__(self, options: ToxicityOptions) -> None:
        self.options = options

    def rules(self) -> Sequence[Rule]:
        """One rule per label."""
        return rule_pack("toxicity")

    def models(self) -> Mapping[str, str]:
        """The embedded table, the checkpoint or the judge's calibration -> SHA-256."""
        from auditkit.checkers.toxicity import detoxify

        options = self.options
        used = {"toxicity.npz": SHA256}
        if options.asks == "detoxify":
            used |= detoxify.hashes(options.checkpoint)
        if options.calibration:
            used[Path(options.calibration).name] = sha256_of(Path(options.calibration))
        return used

    def check(self, batch: Batch) -> Checked:
        """Scores of every document, findings with the toxic words of those at or above the threshold."""
        texts = batch.texts.column("text")
        scores = scorer.score(texts, model())
        shares, asked = self._shares(texts, scores)
        chosen = np.flatnonzero(shares["toxic"] >= self.options.threshold)
        foreign, flagged = np.zeros(len(batch), bool), np.zeros(len(batch), bool)
        np.logical_or.at(foreign, batch.owners, ~np.isin(scores.languages, KNOWN))
        flagged[batch.owners[chosen]] = True
        empty = np.bincount(batch.owners, minlength=len(batch)) == 0
        read, unanswered = np.zeros(len(batch), bool), np.zeros(len(batch), bool)
        read[batch.owners[asked]] = True
        unanswered[batch.owners[np.isnan(shares["toxic"])]] = True
        return Checked(
            found_table(_found(batch, scores, shares, chosen)),
            {label: _per_document(batch, values, empty) for label, values in shares.items()},
            looked=(~foreign | flagged | read) & ~unanswered,
            tallies={
                ("foreign_share", ""): (int(foreign.sum()), len(batch)),
                ("judged_share", ""): (int((read & ~unanswered).sum()), len(batch)),
            },
        )

    def _shares(self, texts: pa.Array, scores: scorer.Scores) -> tuple[Shares, NDArray[np.bool_]]:
        """(label -> score of each text as it is written, rounded to 1e-4, `toxic` first; which texts a judge read)."""
        own = {label: np.round(scores.labels[:, i], 4) for i, label in enumerate(LABELS)}
        options, asked = self.options, np.full(len(texts), self.options.engine in JUDGES)
        if options.engine == "embedded":
            return own, asked
        if options.engine == "cascade":
            asked = self.doubtful(texts, own) | ~np.isin(scores.languages, KNOWN)
        labels, values = self.judged(texts.filter(pa.array(asked)).to_pylist())
        shares = {"toxic": np.where(asked, np.nan, own["toxic"])}
        for i, label in enumerate(labels):
            shares.setdefault(label, np.full(len(texts), np.nan))[asked] = np.round(values[:, i], 4)
        shares["toxic"][asked] = np.round(values[:, 0], 4)
        return shares, asked

    def doubtful(self, texts: pa.Array, own: Shares) -> NDArray[np.bool_]:
        """Which texts the cascade's judge is asked about, from the embedded scores of known languages."""
        if not self.options.calibration:
            return own["toxic"] >= self.options.escalate_from
        known = refit.load(self.options.calibration)
        likely: NDArray[np.bool_] = known.score(texts, own) >= known.guarantee.escalate_from
        return likely | (own["toxic"] >= self.options.threshold)

    def judged(self, texts: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """(labels of the judge, its scores of the texts); the first label is what it calls toxic."""
        options = self.options
        if options.asks == "http":
            return ("toxic",), judge.score(self._client, texts)[:, None]
        from auditkit.checkers.toxicity import detoxify

        scorer_of = detoxify.load(options.checkpoint, options.precision)
        return scorer_of.labels, scorer_of.score(texts)

    @cached_property
    def _client(self) -> Client:
        """The endpoint of engine "http"."""
        keys = ("url", "model", "api", "hosts", "key_variable", "cache", "per_second", "concurrency", "budget_tokens")
        return Client(Endpoint(**{key: getattr(self.options, key) for key in keys}))

    def estimate(self, batches: Iterable[Batch]) -> Estimate | None:
        """What the HTTP judge will take for these documents at most; None where none is asked."""
        if self.options.asks != "http":
            return None
        return total(judge.estimate(self._client, batch.texts.column("text").to_pylist()) for batch in batches)

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
        if self.options.engine in JUDGES:
            unknown = Metric(
                "toxicity", "bias_bpsn", None, status="not_looked_for", reference="not measured for a judge"
            )
            return Outcome(found_table([]), [unknown])
        return Outcome(found_table([]), [*_bias_metrics()])

    def state_bytes(self, n_docs: int) -> int:
        """One number."""
        del n_docs
        return 8


def _per_document(batch: Batch, values: NDArray[np.float64], empty: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The highest value of each document's texts, NaN where none has one; 0 for an empty document."""
    highest = np.where(empty, 0.0, np.nan)
    np.fmax.at(highest, batch.owners, values)
    return highest


def _found(batch: Batch, scores: scorer.Scores, shares: Shares, chosen: NDArray[np.int64]) -> Iterator[Found]:
    """One finding per toxic word of the chosen texts. A Python loop: about 5 us a finding."""
    why = scorer.reasons(batch.texts.column("text"), scores, chosen, model())
    rows = batch.texts.take(chosen).to_pylist()
    labels = {label: values[chosen].tolist() for label, values in shares.items()}
    last, shared, rule = -1, "", ""
    columns = (why.texts, why.starts, why.ends, np.round(why.weights, 4))
    for i, start, end, weight in zip(*(column.tolist() for column in columns), strict=True):
        if i != last:
            mine = {label: values[i] for label, values in labels.items() if not isnan(values[i])}
            shared, rule = detail(scores=mine, sentence=why.sentences[i].tolist())[:-1], f"toxicity/{_rule(mine)}"
            last = i
        row = rows[i]
        place = (row["doc"], rule, row["field"], start, end)
        # the sorted JSON of all findings of a text differs in its last key alone
        yield Found(*place, labels["toxic"][i], mask(row["text"][start:end]), f'{shared},"weight":{weight}}}')


def _rule(shares: Mapping[str, float]) -> str:
    """The kind of toxicity that is most likely, `toxic` where none is more likely than not."""
    if max(shares.get("severe_toxic", 0), shares.get("severe_toxicity", 0)) >= SEVERE:
        return "severe_toxic"
    kind = max(KINDS, key=lambda label: shares.get(label, 0))
    return KINDS[kind] if shares.get(kind, 0) > 0.5 else "toxic"


def _bias_metrics() -> Iterator[Metric]:
    """The AUCs of each identity term on each data set of the model card (Borkan et al. 2019)."""
    for row in model().card["bias"]:
        for name in ("subgroup", "bpsn", "bnsp"):
            yield Metric(
                "toxicity",
                f"bias_{name}",
                row[name],
                f"{row['data']}/{row['term']}",
                denominator=row["n"],
                reference="model card",
            )
