"""What a loop asks of the outside: a generator that answers prompts, a trainer that learns from what was kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Prompt:
    """One question of a round. id: unique in its round. attributes: what it was made from (class, length, region ...).

    answer: the right answer where it is known (a probe), else "".
    """

    id: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


@dataclass(frozen=True)
class Ask:
    """A prompt as it goes to the generator: `n` samples at this temperature, the same ones for the same seed.

    prompt: its id. first: number of the first sample, so that later samples of one prompt get numbers of their own.
    """

    prompt: str
    text: str
    n: int = 1
    temperature: float = 0.7
    seed: int = 0
    first: int = 0


@dataclass(frozen=True)
class Sample:
    """One answer. prompt: id of its prompt; number: 0-based among its samples; finish: stop | length.

    logprob: mean log probability per token, where the generator tells.
    """

    prompt: str
    number: int
    text: str
    logprob: float | None = None
    finish: str = "stop"


@dataclass(frozen=True)
class Unanswered:
    """A prompt with fewer samples than asked for, and why; never text of the prompt or of an answer."""

    prompt: str
    reason: str


@dataclass(frozen=True)
class TrainingSet:
    """What a trainer gets. folder: the round's export/, with one file per format; rows: the kept rows as in kept.jsonl.

    regime: accumulate (reference, earlier rounds and this one) | replace (this one alone). model: what was asked.
    """

    folder: Path
    rows: Sequence[Mapping[str, object]]
    model: str
    round: int
    seed: int
    regime: str = "accumulate"


@runtime_checkable
class Generator(Protocol):
    """Answers prompts. `model` is what the trainer of the round before returned, "" for the first round."""

    def describe(self) -> Mapping[str, object]:
        """Name and parameters for the lineage: JSON values, no secrets, the same for the same answers."""
        ...

    def sample(self, asks: Sequence[Ask], *, model: str) -> Iterable[Sample | Unanswered]:
        """`ask.n` samples per ask, numbered from `ask.first`, in any order; Unanswered where there are fewer."""
        ...


@runtime_checkable
class Trainer(Protocol):
    """Learns from a training set."""

    def describe(self) -> Mapping[str, object]:
        """Name and parameters for the lineage."""
        ...

    def train(self, training: TrainingSet, out: Path) -> str:
        """The id of the trained model, which the next round's generator is given; files go into `out`."""
        ...
