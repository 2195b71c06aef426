"""The arms of the experiment, and one seed of it: write, gate, train, measure; round after round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from auditkit.loop.experiment import gates
from auditkit.loop.experiment import model as models
from auditkit.loop.experiment.measure import measured
from auditkit.loop.experiment.pool import Mix, batches, evenly
from auditkit.loop.experiment.tasks import ANSWER_TOKENS, EXACT, TASKS, Rows, is_right, prompts, seed_rows

SAMPLES, TEMPERATURE = 6, 0.8
"""Answers per exact problem where agreement is asked for: Huang et al. 2022 take 32 at T = 0.7."""
Line = dict[str, object]


@dataclass(frozen=True)
class Arm:
    """One way to go on from the seed model.

    keep: which of the written rows are learnt; None: nothing is written, the real rows are learnt again.
    samples: answers written per exact problem. accumulate: real data and earlier rounds stay in the mix.
    weigh: how stories are weighted like the real ones, and sentences with them; None: every row counts once.
    """

    name: str
    keep: Callable[[gates.Written], dict[str, Rows]] | None
    samples: int = 1
    accumulate: bool = True
    weigh: gates.Weigh | None = None
    temperature: float = TEMPERATURE


def _both_regimes(
    name: str, keep: Callable[[gates.Written], dict[str, Rows]], samples: int, weigh: gates.Weigh | None = None
) -> list[Arm]:
    return [Arm(f"{name}_{word}", keep, samples, word == "accumulate", weigh) for word in ("accumulate", "replace")]


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        *_both_regimes("ungated", gates.ungated, 1),
        *_both_regimes("agreement", partial(gates.audited, policy=gates.AGREEMENT), SAMPLES),
        *_both_regimes("gated", partial(gates.audited, policy=gates.ALL_GATES), SAMPLES, gates.by_bands),
        *_both_regimes("verifier", gates.verified, 1),
        Arm("seed_only", None),
    )
}


@dataclass(frozen=True)
class Scale:
    """How large the experiment is. real: rows of the seed corpus; prompts: of a round; steps of training."""

    real: Mapping[str, int] = field(default_factory=lambda: {"sort": 120, "add": 500, "job": 1200, "story": 1500})
    prompts: Mapping[str, int] = field(default_factory=lambda: {"sort": 600, "add": 600, "job": 1200, "story": 1500})
    seed_steps: int = 700
    round_steps: int = 100
    rounds: int = 4
    n_problems: int = 1000
    n_stories: int = 3000
    arms: tuple[str, ...] = tuple(ARMS)


QUICK = Scale(
    real={"sort": 120, "add": 400, "job": 600, "story": 800},
    prompts={"sort": 200, "add": 200, "job": 480, "story": 600},
    seed_steps=300,
    round_steps=40,
    rounds=3,
    n_problems=400,
    n_stories=1500,
    arms=(
        "ungated_accumulate",
        "gated_accumulate",
        "ungated_replace",
        "gated_replace",
        "verifier_accumulate",
        "seed_only",
    ),
)
"""For CI: every part of it, half as large and without the arms that only tell which gate does what."""


def run_seed(task: tuple[int, Scale]) -> list[Line]:
    """All lines of one seed: round 0 of each arm is the seed model, which they share. Runs on one thread."""
    seed, scale = task
    models.one_thread()
    real = seed_rows(scale.real, _rng(seed, "real"))
    begun = models.new_model(_number(seed, "weights"))
    pool = {task: evenly(rows) for task, rows in real.items()}
    models.train(begun, batches(pool, scale.seed_steps, _rng(seed, "order")), scale.seed_steps)
    first = _measured(begun, seed, scale) | {"precision": 1.0, "n_rows": sum(map(len, real.values()))}
    lines: list[Line] = []
    for name in scale.arms:
        lines.append({"seed": seed, "arm": name, "round": 0, **first})
        lines += run_arm(ARMS[name], begun, real, seed=seed, scale=scale)
    return lines


def run_arm(arm: Arm, begun: models.Model, real: Mapping[str, Rows], *, seed: int, scale: Scale) -> list[Line]:
    """The lines of rounds 1 and on: each goes on with the weights of the round before."""
    model = models.copied(begun)
    lines: list[Line] = []
    pool = {task: evenly(rows) for task, rows in real.items()}
    for number in range(1, scale.rounds + 1):
        kept: Mapping[str, Rows] = real
        if arm.keep is not None:
            kept = arm.keep(written(model, arm, scale, (seed, arm.name, number)))
            new = gates.like_reference(real, kept, arm.weigh) if arm.weigh else _even(kept)
            pool = {task: pool[task] + new[task] if arm.accumulate else new[task] for task in TASKS}
        order = _rng(seed, arm.name, number, "order")
        models.train(model, batches(pool, scale.round_steps, order), scale.round_steps)
        counts = {"precision": _precision(kept), "n_rows": sum(map(len, kept.values()))}
        lines.append({"seed": seed, "arm": arm.name, "round": number, **_measured(model, seed, scale), **counts})
    return lines


def written(model: models.Model, arm: Arm, scale: Scale, place: tuple[int, str, int]) -> dict[str, list[Rows]]:
    """What the model writes in a round: the same prompts in every arm, `arm.samples` answers to exact ones."""
    seed, _, number = place
    rng = _rng(seed, "prompts", number)
    answers: dict[str, list[Rows]] = {}
    for task in TASKS:
        n = arm.samples if task in EXACT else 1
        asked = [prompt for prompt in prompts(task, scale.prompts[task], rng) for _ in range(n)]
        rows = models.continued(
            model, asked, ANSWER_TOKENS[task], temperature=arm.temperature, seed=_number(*place, "answers", task)
        )
        answers[task] = [rows[at : at + n] for at in range(0, len(rows), n)]
    return answers


def _even(kept: Mapping[str, Rows]) -> dict[str, Mix]:
    return {task: evenly(rows) for task, rows in kept.items()}


def _measured(model: models.Model, seed: int, scale: Scale) -> dict[str, float]:
    return measured(model, n_problems=scale.n_problems, n_stories=scale.n_stories, seed=_number(seed, "test"))


def _precision(kept: Mapping[str, Rows]) -> float | None:
    """Share of the kept exact rows that are right; null where there is none."""
    right = [is_right(row) for task in EXACT for row in kept[task]]
    return float(np.mean(right)) if right else None


def _number(*parts: object) -> int:
    """A number of 48 bits that belongs to these parts: no draw depends on how many seeds or arms there are."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng(_number(*parts))
