"""The embedded model: its file, its hash, its arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import AuditkitError
from auditkit.resources import resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "auditkit/models/toxicity.npz"
SHA256 = "35dd9fe13b62bf2d3df99286e9a7d75a75172eaef1f4f28762cbc138de8ea06b"  # of MODEL; training/toxicity.py prints it

LABELS = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate", "hate")
"""The first lanes of the English head; the others have `toxic` alone."""
LEAST = -700.0  # log odds of nothing: exp(700) is about the last power that a float holds


@dataclass(frozen=True)
class Head:
    """One language's tables.

    table: 8 lanes of one byte per bucket, each entry + 128. steps: what one unit of a lane is worth. biases, slopes,
    offsets: from a lane's sum to calibrated log odds. word_lane: the lane that marks words, word_cut: from which sum.
    stack: what grams.stacked needs, or empty.
    """

    table: NDArray[np.uint64]
    steps: NDArray[np.float64]
    biases: NDArray[np.float64]
    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    word_lane: int
    word_cut: float
    stack: NDArray[np.float64]

    @property
    def n_labels(self) -> int:
        """How many of LABELS it knows: all of them, or the first."""
        return len(LABELS) if len(self.stack) else 1

    @property
    def shift(self) -> np.uint64:
        """64 less the number of bits of a bucket."""
        return np.uint64(65 - len(self.table).bit_length())

    def logits(
        self, sums: NDArray[np.int32], distinct: NDArray[np.int32], groups: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """float64[n, n_labels]: log odds that people call such a text so; LEAST for a text without words.

        `toxic` is a quadratic form of all lanes' log odds and the length of the text; where the text names a group of
        people, the log odds of `hate` are added: an attack on a group is toxic whether or not it swears.
        """
        from auditkit.checkers.toxicity import grams

        numbers = np.stack([self.steps, self.biases, self.slopes, self.offsets])[:, : self.n_labels]
        logits = grams.log_odds(sums, distinct, numbers, LEAST)
        if len(self.stack):
            toxic = grams.stacked(logits, distinct, groups, self.stack, LABELS.index("hate"))
            logits[:, 0] = np.where(distinct > 0, np.clip(toxic, LEAST, -LEAST), LEAST)
        return logits


@dataclass(frozen=True)
class Model:
    """What training/toxicity.py wrote: folding, word classes, a head per language, the figures of the model card."""

    fold: NDArray[np.uint8]
    classes: NDArray[np.uint16]
    english: Head
    german: Head
    chinese: Head
    card: Mapping[str, Any]


@cache
def model() -> Model:
    """The embedded model; AuditkitError when the file is not the one that this version was released with."""
    import hashlib
    import io

    data = resource(MODEL).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        message = f"{MODEL} is not the file that this version was released with: install auditkit again"
        raise AuditkitError(message)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return from_arrays({name: arrays[name] for name in arrays.files})


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Model:
    """The model of these arrays, as the model file names them."""
    heads = {language: _head(arrays, language) for language in ("english", "german", "chinese")}
    return Model(arrays["fold"], arrays["classes"], card=json.loads(arrays["card"].tobytes()), **heads)


def _head(arrays: Mapping[str, NDArray[Any]], language: str) -> Head:
    """One head. `LANGUAGE.table` is uint8[buckets, lanes used]; the other lanes are filled with nothing."""
    stored = arrays[f"{language}.table"]
    lanes = np.full((len(stored), 8), 128, np.uint8)
    lanes[:, : stored.shape[1]] = stored
    numbers = arrays[f"{language}.numbers"]
    return Head(
        lanes.view(np.uint64)[:, 0],
        steps=numbers[0],
        biases=numbers[1],
        slopes=numbers[2],
        offsets=numbers[3],
        word_lane=int(numbers[4, 0]),
        word_cut=float(numbers[4, 1]),
        stack=arrays.get(f"{language}.stack", np.zeros((0, 0))),
    )
