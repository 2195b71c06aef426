"""The gates between two rounds: auditkit's own checkers, policies and tail weights over what the model wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from auditkit.audit import audit
from auditkit.checkers.skew.rebalance import raking_weights
from auditkit.errors import AuditkitError
from auditkit.loop import tail
from auditkit.loop.experiment.pool import Mix, evenly
from auditkit.loop.experiment.tasks import EXACT, HERS, HIS, TASKS, VOCABULARY, Rows, is_right, record

_PATIENT = {"shard_deadline_s": 3600.0}  # a slow machine must not change which rows are kept
AGREEMENT: Mapping[str, Any] = {
    "version": 1,
    "corpus": _PATIENT,
    "checkers": {"hallucination": {"only": ["no-agreement"], "min_agreement": 0.75, "action": "drop"}},
}
"""Agreement and nothing else: every answer that three quarters of the samples of its prompt give stays."""
ALL_GATES: Mapping[str, Any] = {"version": 1, "extends": "self-training", "corpus": _PATIENT}
"""The packaged policy: all six checkers."""
Written = Mapping[str, Sequence[Rows]]
"""What a model wrote in a round: for each task the samples of each prompt."""
Weigh = Callable[[Rows, Rows], Mix]
"""(reference stories, kept stories) -> the mix that is trained on."""


def ungated(written: Written) -> dict[str, Rows]:
    """The first sample of every prompt."""
    return {task: [samples[0] for samples in written[task]] for task in TASKS}


def verified(written: Written) -> dict[str, Rows]:
    """The first sample of every prompt, where it is right or there is no right answer."""
    return {
        task: [row for row in rows if task not in EXACT or is_right(row)] for task, rows in ungated(written).items()
    }


def audited(written: Written, policy: Any) -> dict[str, Rows]:
    """The rows that this policy does not drop; all samples of a prompt are one group.

    The verdict over all samples is not asked: answers that agree are copies of one another by intent. AuditkitError
    when a checker did not look at all of them: such a round would be another experiment.
    """
    named = [
        (task, f"{task}-{number}", row)
        for task in TASKS
        for number, samples in enumerate(written[task])
        for row in samples
    ]
    result = audit(pa.Table.from_pylist([record(row, group) for _, group, row in named]), policy)
    if result.verdict.word == "incomplete" or result.counts["quarantined"]:
        raise AuditkitError("a gate of the experiment is incomplete:\n" + "\n".join(result.verdict.reasons))
    kept: dict[str, Rows] = {task: [] for task in TASKS}
    for (task, _, row), decision in zip(named, result.documents.column("decision").to_pylist(), strict=True):
        if decision != "drop":
            kept[task].append(row)
    return kept


def like_reference(reference: Mapping[str, Rows], kept: Mapping[str, Rows], weigh: Weigh) -> dict[str, Mix]:
    """The kept rows, weighted so that sentences and stories have the shares of the reference corpus."""
    mixes = {task: evenly(rows) for task, rows in kept.items()}
    return mixes | {
        "job": by_pronoun(reference["job"], kept["job"]),
        "story": weigh(reference["story"], kept["story"]),
    }


def by_pronoun(reference: Rows, rows: Rows) -> Mix:
    """Weights with which each job goes with he and she as often as in the reference; other sentences keep theirs."""
    return _raked(rows, _pairs(rows), _pairs(reference))


def _raked(rows: Rows, found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Mix:
    """The rows with the weights of the checker skew, by which each column has its share of all hits of `wanted`."""
    if not found.any() or not wanted.any():
        return evenly(rows)
    target = wanted.sum(axis=0) / wanted.sum()
    return Mix(rows, raking_weights(found, np.ones(len(rows), np.int64), target))


def _pairs(rows: Rows) -> NDArray[np.bool_]:
    """bool[rows, jobs x pronouns]: which job goes with which pronoun."""
    known = {(job, word): i for i, (job, word) in enumerate((j, w) for j in HIS + HERS for w in ("he", "she"))}
    found = np.zeros((len(rows), len(known)), np.bool_)
    for at, row in enumerate(rows):
        pair = known.get((VOCABULARY[row[1]], VOCABULARY[row[2]]))
        if pair is not None:
            found[at, pair] = True
    return found


def _texts(rows: Rows) -> list[str]:
    return [record(row, "")["response"] for row in rows]


def by_bands(reference: Rows, rows: Rows) -> Mix:
    """Weights with which every band of rarity has its share of the reference."""
    return Mix(rows, tail.tail_weights(_texts(reference), _texts(rows)))


def by_ratio(reference: Rows, rows: Rows) -> Mix:
    """Weights by the mean ratio of reference share to present share of a story's words."""
    return Mix(rows, tail.ratio_weights(_texts(reference), _texts(rows)))


def by_words(reference: Rows, rows: Rows) -> Mix:
    """Weights with which every single word has its share of the reference."""
    return _raked(rows, _words(rows), _words(reference))


def _words(rows: Rows) -> NDArray[np.bool_]:
    """bool[rows, vocabulary]: which words a story has."""
    found = np.zeros((len(rows), len(VOCABULARY)), np.bool_)
    for at, row in enumerate(rows):
        found[at, row[1:]] = True
    return found


def by_refill(reference: Rows, rows: Rows) -> Mix:
    """The rows, and real stories rich in rare words until the tail has its share of the reference."""
    again = tail.refill(_texts(reference), _texts(rows))
    return evenly(rows) + evenly([reference[at] for at in again])


def as_they_are(reference: Rows, rows: Rows) -> Mix:
    """Every row that passed the checkers as often as any other."""
    del reference
    return evenly(rows)
