"""Signals of hallucination that need no large model: agreement, arithmetic, grounding, artefacts of generation.

What it finds
    agreement: for rows that answer one prompt, the share that gives the same final answer (score `agreement`, higher is
    better) and rows below `min_agreement` (no-agreement). arithmetic: equations that hold under no reading of rounding,
    percent and units. unsupported: what a response says beyond its context (score `unsupported`, higher is worse).
    selfcheck: how far the samples of one row are from one another. Claims that carry their own proof: check digits,
    dates, days of the week, durations, counts of letters, top-level domains; your own facts.
    Artefacts: refusals, placeholders, truncation, loops, echoes, leaked prompts and chat tokens, merged instructions,
    media that nobody saw, links from nowhere, claimed actions, broken encoding, wrong language, empty answers.
    Structure: turns and speakers of chats, tool calls, code, JSON, slots; whether rows load into TRL and axolotl.
    A judge behind HTTP, where the policy names one, with a measurement of the judge itself.

Why it matters
    A model trained on its own inventions repeats them with more confidence each round.

How
    Answers are extracted and normalised (numbers, fractions, percents, choices, yes/no, short spans) and hashed; the
    state of a corpus is 51 bytes a document. Equations are tokenised and computed again. Grounding weighs lexical
    features of a response against the index of its source. Rules are patterns of rules/packs/hallucination.toml.

What it misses (measured; benchmarks/hallucination.py prints all of it)
    A fluent false statement without source, samples or equation is invisible to it: `not_checkable` counts such rows.
    Agreement is skill only where prompts have one right answer; open-ended prompts and questions about what a person is
    are refused. `unsupported`, `selfcheck`, `semantic_entropy` and `judge` rank and are no probabilities; a faithful
    paraphrase in other words scores high. Tool calls are read in files whose first rows hold one.

Options
    options.HallucinationOptions, and docs/guides/hallucination-scores.md. The gate of self-training, which keeps all
    paths to the majority answer and asks nothing else: only = ["no-agreement"], min_agreement = 0.75, action = "drop".

Source
    Huang et al. 2022 (arXiv 2210.11610), Wang et al. 2022 (2203.11171), Cobbe et al. 2021 (2110.14168),
    Maynez et al. 2020 (2005.00661), Grusky et al. 2018 (1804.11283), AlpacaDataCleaned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from auditkit.checker import Checked, Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.hallucination import (
    agreement,
    engines,
    facts,
    grounding,
    judge,
    meaning,
    per_document,
    preflight,
)
from auditkit.checkers.hallucination.artefacts import Check
from auditkit.checkers.hallucination.options import PREFIX, HallucinationOptions
from auditkit.documents import Batch
from auditkit.endpoint import Estimate
from auditkit.findings import Found, Metric, detail, found_table, share
from auditkit.messages import heard

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORES = {
    "agreement": "count", "agreement_weighted": "count", "verbosity": "count", "filler": "count",
    "semantic_entropy": "rank only", "selfcheck": "rank only", "unsupported": "rank only", "judge": "rank only",
}  # fmt: skip
"""Every document score, and what may be made of it: a share that was counted, or an order without a scale."""
THRESHOLDS = (0.25, 0.5, 0.75, 1.0)
"""Of agreement, for which the run says what they keep."""


class Hallucination:
    """The checker `hallucination`; the module docstring is its manual page."""

    name: ClassVar[str] = "hallucination"
    version: ClassVar[str] = "2"
    Options: ClassVar[type] = HallucinationOptions
    METRICS: ClassVar[tuple[str, ...]] = (
        "agreement_mean",
        "agreement_entropy",
        "agreement_semantic_entropy",
        "agreement_kept_share",
        "agreement_groups",
        "agreement_precision",
        "arithmetic_checked",
        "arithmetic_wrong",
        "grounding_checked",
        "unsupported_share",
        "not_checkable",
        *preflight.METRICS,
        *judge.METRICS,
    )
    default_action: ClassVar[str] = "flag"
    finish_order: ClassVar[int] = 0

    def __init__(self, options: HallucinationOptions) -> None:
        self.options = options

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        """The rules that may speak under these options."""
        only, silent = (
            {name.removeprefix(PREFIX) for name in names} for names in (self.options.only, self.options.disable)
        )
        named = [(rule.id.removeprefix(PREFIX), rule) for rule in rule_pack("hallucination")]
        return tuple(rule for name, rule in named if name not in silent and (not only or name in only))

    @cached_property
    def _checks(self) -> dict[str, Check]:
        """What rules without a pattern run: the built-in checks, and the user's facts."""
        known = facts.read_facts(self.options.facts, self.options.facts_file)
        return {**per_document.BUILTIN, facts.RULE: facts.contradictions(known)}

    @cached_property
    def _engine(self) -> engines.Engine:
        """What weighs responses against their sources."""
        options = self.options
        return grounding.model() if options.engine == "lexical" else engines.load(options.engine, options.model)

    @cached_property
    def _judge(self) -> judge.Judge | None:
        """The judge that the policy names, if any."""
        return judge.Judge(self.options.judge) if self.options.judge is not None else None

    def rules(self) -> Sequence[Rule]:
        """All rules that are not disabled; that of a judge comes from its rubric."""
        return self._rules if self._judge is None else (*self._rules, self._judge.rubric.rule())

    def other_rules(self) -> Sequence[Rule]:
        """The rule of a judge, as the first packaged rubric words it."""
        return [judge.read_rubric(judge.RUBRICS[0]).rule()]

    def reads(self) -> Mapping[str, str]:
        """The files of facts, of a rubric of one's own and of a model -> SHA-256."""
        return self.options.files()

    def models(self) -> Mapping[str, str]:
        """The files of a neural engine, and the rubric of a judge -> SHA-256."""
        found = {path: sha256 for path, sha256 in self.options.files().items() if path != self.options.facts_file}
        rubric = self._judge.rubric if self._judge is not None else None
        return found | ({f"rubric {rubric.name} {rubric.version}": rubric.sha256} if rubric else {})

    def estimate(self, batches: Iterable[Batch]) -> Estimate | None:
        """What a judge will take for these documents; None without a judge."""
        return self._judge.estimate(map(heard, batches)) if self._judge is not None else None

    def check(self, batch: Batch) -> Checked:
        """Artefacts, equations and grounding of each document by itself; what a judge says of it."""
        batch, threshold = heard(batch), self.options.unsupported_threshold
        checked = per_document.check(batch, self._rules, self._checks, self._engine, threshold=threshold)
        if self._judge is None:
            return checked
        judged = self._judge.judged(batch)
        return replace(
            checked,
            findings=pa.concat_tables([checked.findings, found_table(judged.found)]),
            scores={**checked.scores, "judge": judged.scores},
            looked=~judged.missing if checked.looked is None else checked.looked & ~judged.missing,
            tallies={**checked.tallies, **judged.tallies},
        )

    def map(self, batch: Batch) -> State:
        """Hashes of group and final answer of each document that has a response; the direction of its meaning."""
        batch = heard(batch)
        state = agreement.state_of(batch)
        if self.options.clusters == "meaning" and isinstance(self._engine, engines.Similarity):
            state["meaning"] = meaning.vectors(self._engine, agreement.answers_of(batch, state))
            state["spread"] = agreement.spread_of_lists(batch, state, self._engine, self.options.same_meaning)
        return state

    def merge(self, left: State, right: State) -> State:
        """Both states, in document order."""
        return agreement.merged(left, right)

    def again(self, state: State, context: Context) -> None:
        """No second look."""

    def map_again(self, batch: Batch, wanted: State) -> State:  # noqa: ARG002 - never asked for
        """Nothing."""
        return {}

    def merge_again(self, left: State, right: State) -> State:  # noqa: ARG002 - never asked for
        """Nothing."""
        return left

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:  # noqa: ARG002 - no second look
        """Score `agreement` of every document with a group, its findings and metrics."""
        result = agreement.agreed(state, min_group=self.options.min_group)
        votes = result.weighted if self.options.votes == "weighted" else result.shares
        low = result.judged & (votes < self.options.min_agreement)
        rule = f"{PREFIX}no-agreement"
        shown = zip(result.docs[low].tolist(), votes[low].tolist(), strict=True)
        found = [
            Found(doc, rule, score=round(1 - part, 4), detail=detail(share=round(part, 4)))
            for doc, part in shown
            if any(known.id == rule for known in self._rules)
        ]
        scores = {"agreement": (result.docs, result.shares)}
        metrics = self._metrics(result, context.n_docs)
        if np.isfinite(result.weighted).any() or self.options.votes == "weighted":
            scores["agreement_weighted"] = (result.docs, result.weighted)
            metrics += self._kept(result.weighted, result.labels, "weighted share>=")
            n_without = context.n_docs - int(np.isfinite(result.weighted).sum())
            metrics.append(share(self.name, "not_checkable", n_without, context.n_docs, slice="agreement_weighted"))
        if "meaning" in state:
            docs, spread, mean, n_groups = agreement.spread_of(state, self.options.same_meaning)
            scores["semantic_entropy"] = (docs, spread)
            metrics.append(_entropy(self.name, "agreement_semantic_entropy", mean, n_groups))
        if self._judge is not None:
            metrics += self._judge.metrics()
        return Outcome(found_table(found), metrics, scores)

    def state_bytes(self, n_docs: int) -> int:
        """At most one row of hashes per document."""
        vector = meaning.MAX_DIMENSIONS + 8 if self.options.clusters == "meaning" else 0
        return 1024 + n_docs * (agreement.BYTES_PER_DOC + vector)

    def _metrics(self, result: agreement.Agreed, n_docs: int) -> list[Metric]:
        """Mean, entropy, groups; what each threshold keeps, and how much of it is right where labels tell."""
        known = result.shares[np.isfinite(result.shares)]
        total, n_known = round(float(known.sum()), 4), len(known)
        status = "ok" if n_known else "not_checkable"
        mean = round(total / n_known, 6) if n_known else None
        metrics = [
            Metric(self.name, "agreement_mean", mean, numerator=total, denominator=n_known, status=status),
            _entropy(self.name, "agreement_entropy", result.entropy, result.n_groups),
            Metric(self.name, "agreement_groups", result.n_groups, numerator=result.n_groups, denominator=n_docs),
            share(self.name, "not_checkable", n_docs - n_known, n_docs, slice="agreement"),
        ]
        return metrics + self._kept(result.shares, result.labels, "share>=")

    def _kept(self, shares: NDArray[np.float64], labels: NDArray[np.int8], what: str) -> list[Metric]:
        """What each threshold keeps, and how much of it is right where labels tell: a policy can choose by it."""
        n_known = int(np.isfinite(shares).sum())
        metrics = []
        for threshold in THRESHOLDS:
            kept = shares >= threshold
            labelled = kept & (labels >= 0)
            right, shown = int((labels[labelled] == 1).sum()), f"{what}{threshold:g}"
            metrics.append(share(self.name, "agreement_kept_share", int(kept.sum()), n_known, slice=shown))
            metrics.append(share(self.name, "agreement_precision", right, int(labelled.sum()), slice=shown))
        return metrics


def _entropy(checker: str, metric: str, mean: float | None, n_groups: int) -> Metric:
    """A mean over groups, with their sum as its numerator."""
    total = None if mean is None else round(mean * n_groups, 4)
    status = "not_checkable" if mean is None else "ok"
    return Metric(checker, metric, mean, numerator=total, denominator=n_groups, status=status)
