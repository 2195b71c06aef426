"""Who learns: nobody here (files are exported), a Python function, or a small local model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditkit.errors import InputError
from auditkit.loop.generators import called
from auditkit.loop.protocols import Trainer, TrainingSet
from auditkit.loop.settings import Loop


def trainer_of(loop: Loop) -> Trainer:
    """The trainer that loop.toml names."""
    table = loop.trainer
    if table.kind == "callable":
        return Taught(table.call, called(table.call, loop.folder))
    if table.kind == "transformers":
        from auditkit.loop.local_model import FineTune

        return FineTune(
            loop.path(table.model), table.epochs, table.batch_size, table.learning_rate, table.max_length, table.fresh
        )
    return Exported()


@dataclass(frozen=True)
class Exported:
    """Trains nothing: export/ holds files and configs for TRL, axolotl and LLaMA-Factory.

    Name the models that you train in [generator] model with {round}, such as "mine-{round}", and run the loop again.
    """

    def describe(self) -> Mapping[str, object]:
        """The kind."""
        return {"kind": "export"}

    def train(self, training: TrainingSet, out: Path) -> str:  # noqa: ARG002 - the files are there already
        """The empty id: the next round asks the model that [generator] names."""
        return ""


@dataclass(frozen=True)
class Taught:
    """A Python function: function(rows, *, folder, out, model, round, seed, regime) -> id of the trained model.

    rows: {prompt, response, ...}, repeated as often as they count; folder: export/; out: a folder for its files.
    """

    name: str
    function: Callable[..., Any]

    def describe(self) -> Mapping[str, object]:
        """The function's name."""
        return {"kind": "callable", "call": self.name}

    def train(self, training: TrainingSet, out: Path) -> str:
        """What the function returns; InputError when that is no text."""
        model = self.function(
            training.rows, folder=training.folder, out=out, model=training.model, round=training.round,
            seed=training.seed, regime=training.regime,
        )  # fmt: skip
        if not isinstance(model, str):
            raise InputError(self.name, f"expected the model's id as a text, got {type(model).__name__}")
        return model
