"""The packaged name model: a convolution over words, taught by the larger model; numba alone, no extra to install."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auditkit.checkers.pii import names_text
from auditkit.checkers.pii.names_text import Pieces, Sentence
from auditkit.resources import pinned

Floats = NDArray[np.float32]

WEIGHTS = "auditkit/models/names-small.npz"
SHA256 = "69c7e2ca7e7b2edafc0a824421dc992b5f641b72fdaf26aba40ada58a49c8fbf"  # training/names_small.py prints it
DECIMALS = 4  # of the logits, so that machines agree


class Small:
    """Logits of the words of sentences."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self._pieces = Pieces(arrays["vocabulary"].tobytes().decode().splitlines())
            self._vectors, self._scale = arrays["vectors"], arrays["scale"].astype(np.float32)
            self._weights = tuple(
                np.ascontiguousarray(arrays[name], np.float32)
                for name in ("enter", "enter_bias", "layers", "layer_bias", "head", "head_bias")
            )
        self._vector = lru_cache(1 << 16)(self._vector_of)

    def _vector_of(self, word: str) -> Floats:
        ids = np.array(self._pieces(names_text.folded(word)))
        values: Floats = (self._vectors[ids] * self._scale[ids, None]).sum(0, dtype=np.float32) / np.float32(len(ids))
        return values

    def logits(self, sentences: Sequence[Sentence]) -> list[Floats]:
        """float32[words, labels] of each sentence, rounded."""
        from auditkit.checkers.pii import names_kernels

        found = []
        for sentence in sentences:
            vectors = np.stack([self._vector(word) for word in sentence.words])
            rows = np.concatenate([vectors, names_text.features(sentence.words)], axis=1)
            found.append(np.round(names_kernels.logits(rows, *self._weights), DECIMALS))
        return found


@cache
def model() -> Small:
    """The packaged model, one per process."""
    return Small(pinned(WEIGHTS, SHA256))
