"""The numbers of a round: what its audits counted, how varied and how rare its words are, how often agreement is right.

A metric of a round has a stage in front: `samples` what the model said, `kept` what may be trained on, `probe` the
questions whose answers are known. `kept.loop.tail_share` is the stage, the checker (`loop` = measured here), the name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.findings import Metric, share
from auditkit.loop.folder import Row
from auditkit.loop.protocols import Prompt
from auditkit.loop.sampling import votes
from auditkit.loop.tail import Rarity, Words, tail_mass, words_of
from auditkit.policy import Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOOP = "loop"
DRAWN = 1000
"""Words among which different ones are counted, so that corpora of any size compare (Hurlbert 1971, Ecology 52:577)."""
RESAMPLES = 100
"""Bootstrap resamples of the texts; the standard deviation of an interval then errs by 7 %."""


def of_run(run: Path, stage: str) -> list[dict[str, object]]:
    """The metrics of a run folder, with their stage."""
    rows: list[dict[str, object]] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return [{"stage": stage, **row} for row in rows]


def with_stage(stage: str, metrics: Sequence[Metric]) -> list[dict[str, object]]:
    """The metrics as rows of metrics.json with their stage."""
    return [{"stage": stage, **metric.as_dict()} for metric in metrics]


def word_metrics(known: Rarity, texts: Sequence[str]) -> list[Metric]:
    """tail_share, tail_covered, new_words_share; word_entropy and distinct words and word pairs among DRAWN."""
    words = words_of(texts)
    mass = tail_mass(known, words)
    n = mass.n_words
    if not n:
        names = ("tail_share", "tail_covered", "new_words_share", "word_entropy", "distinct_words", "distinct_pairs")
        return [Metric(LOOP, name, None, denominator=0, status="not_checkable") for name in names]
    return [
        Metric(LOOP, "tail_share", mass.share, "", mass.low, mass.high, None, n, "the reference's rarest words"),
        Metric(LOOP, "tail_covered", mass.covered, denominator=int(known.tail.sum())),
        share(LOOP, "new_words_share", round(mass.new * n), n),
        *_varied(words),
    ]


def _varied(words: Words) -> list[Metric]:
    """Entropy in bits (Miller 1955 correction) and expected different words and pairs of neighbours among DRAWN."""
    n_texts = len(words.bounds) - 1
    owners = words.owners
    next_same = np.append(owners[1:] == owners[:-1], False)[: len(owners)]
    pairs = words.hashes[next_same] * np.uint64(0x9E3779B97F4A7C15) + np.roll(words.hashes, -1)[next_same]
    singles, doubles = (np.unique(items, return_inverse=True)[1] for items in (words.hashes, pairs))
    draws = (
        np.random.Generator(np.random.PCG64(1))
        .multinomial(n_texts, np.full(n_texts, 1 / n_texts), RESAMPLES)
        .astype(np.float64)
    )
    metrics = []
    for name, items, owner, value_of in (
        ("word_entropy", singles, owners, _entropy),
        ("distinct_words", singles, owners, _distinct),
        ("distinct_pairs", doubles, owners[next_same], _distinct),
    ):
        if len(items) < (DRAWN if value_of is _distinct else 1):
            metrics.append(Metric(LOOP, name, None, denominator=len(items), status="not_checkable"))
            continue
        value = value_of(np.bincount(items).astype(np.float64))
        spread = np.std(
            [value_of(np.bincount(items, weights=draw[owner]).astype(np.float64)) for draw in draws.astype(np.float64)]
        )
        low, high = (round(float(value + side * 1.96 * spread), 6) for side in (-1, 1))
        metrics.append(Metric(LOOP, name, round(value, 6), "", low, high, None, len(items)))
    return metrics


def _entropy(counts: Floats) -> float:
    there = counts[counts > 0]
    p = there / there.sum()
    return float(-(p * np.log2(p)).sum() + (len(there) - 1) / (2 * there.sum() * np.log(2)))


def _distinct(counts: Floats) -> float:
    p = counts / counts.sum()
    return float((1 - (1 - p) ** DRAWN).sum())


def probe_metrics(rows: Sequence[Row], prompts: Sequence[Prompt], policy: Policy) -> list[Metric]:
    """How often agreement is right, on questions whose answers are known: their rows are never trained on.

    accuracy: prompts whose majority answer is right. sample_accuracy: samples that are right. agreement_precision:
    right samples among those that the policy's hallucination checker lets through; agreement_recall: of the right ones.
    """
    from auditkit.checkers.hallucination.answers import canonical, final_answer

    expected = {prompt.id: canonical(prompt.answer, prompt.text, stated=True) for prompt in prompts}
    right = [final_answer(str(row["response"]), str(row["prompt"])) == expected[str(row["group"])] for row in rows]
    kept = _let_through(rows, policy)
    both = sum(one and two for one, two in zip(right, kept, strict=True))
    voted = [vote.answer == expected[group] for group, vote in votes(rows).items()]
    return [
        share(LOOP, "accuracy", sum(voted), len(prompts)),
        share(LOOP, "sample_accuracy", sum(right), len(rows)),
        share(LOOP, "agreement_precision", both, sum(kept)),
        share(LOOP, "agreement_recall", both, sum(right)),
    ]


def _let_through(rows: Sequence[Row], policy: Policy) -> list[bool]:
    """Whether the hallucination checker of the policy, by itself, keeps each row."""
    from auditkit.audit import audit

    if not rows or "hallucination" not in policy.checkers:
        return [True] * len(rows)
    alone = replace(policy, checkers={"hallucination": policy.checkers["hallucination"]}, gates=())
    table = pa.Table.from_pylist([{key: row[key] for key in ("id", "group", "prompt", "response")} for row in rows])
    decisions = audit(table, alone).documents.column("decision").to_pylist()
    return [decision != "drop" for decision in decisions]


def yield_metrics(n_rows: int, n_prompts: int, before: Sequence[Row], after: Sequence[Row]) -> list[Metric]:
    """Rows and prompts that remain, without and with recovery; rows are of those first sampled."""
    metrics = []
    for name, rows in (("before", before), ("after", after)):
        groups = len({row.get("group") for row in rows})
        metrics.append(
            Metric(LOOP, f"rows_{name}_recovery", len(rows) / n_rows if n_rows else None, denominator=n_rows)
        )
        metrics.append(share(LOOP, f"prompts_{name}_recovery", min(groups, n_prompts), n_prompts))
    return metrics


def named(row: Mapping[str, object]) -> tuple[str, str]:
    """(stage.checker.metric, slice) of a row of metrics.json."""
    return f"{row['stage']}.{row['checker']}.{row['metric']}", str(row["slice"] or "")
