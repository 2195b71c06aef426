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
    stack: what `stacked` needs, or empty.
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
        """float64[n, n_labels]: log odds that people call such a text so; LEAST for a text without words."""
        lanes = slice(0, self.n_labels)
        raw = sums[:, lanes] * self.steps[lanes] / np.sqrt(np.maximum(distinct, 1))[:, None] + self.biases[lanes]
        logits = raw * self.slopes[lanes] + self.offsets[lanes]
        if len(self.stack):
            logits[:, 0] = stacked(logits, distinct, groups > 0, self.stack)
        return np.clip(np.where(distinct[:, None] > 0, logits, LEAST), LEAST, -LEAST)


def stacked(
    logits: NDArray[np.float64], distinct: NDArray[np.int32], groups: NDArray[np.bool_], stack: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[n]: log odds of `toxic` from those of all lanes and the length of the text.

    A quadratic form of the lanes' log odds and log length; where the text names a group of people (`groups`), the log
    odds of `hate` are added, since an attack on a group is toxic whether or not it swears. stack: float64[4 + k, k] for
    k inputs: their means, scales, linear weights, (constant, weight of hate, its usual value), quadratic weights.
    """
    from auditkit.checkers.toxicity.grams import quadratic

    inputs = np.column_stack([logits, np.log(np.maximum(distinct, 1))])
    plain = quadratic(np.clip((inputs - stack[0]) / stack[1], -4, 4), stack[2], stack[4:], stack[3, 0])
    hate = stack[3, 1] * (logits[:, LABELS.index("hate")] - stack[3, 2])
    return plain + np.where(groups, hate, 0.0)


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
