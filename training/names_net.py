"""The encoder of names.py in PyTorch: MiniLM-L6 (BERT layers), frozen, with low-rank differences that are trained."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from auditkit.checkers.pii.names_text import N_FEATURES

HEADS = 12


class LowRank(nn.Module):
    """x @ (W + up @ down) + b with W frozen."""

    def __init__(self, weight: Tensor, bias: Tensor, rank: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the whole matrix."""
        return F.linear(x, self.weight, self.bias) + F.linear(F.linear(x, self.down), self.up)


class Net(nn.Module):
    """Logits of each piece: (pieces, features, mask) -> [batch, length, 5]."""

    def __init__(self, folder: Path, *, layers: int, rank: int, labels: int) -> None:
        super().__init__()
        base = load_file(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())
        self.layers = layers
        width = base["embeddings.word_embeddings.weight"].shape[1]
        self.register_buffer("word", base["embeddings.word_embeddings.weight"])
        self.register_buffer(
            "position",
            base["embeddings.position_embeddings.weight"] + base["embeddings.token_type_embeddings.weight"][0],
        )
        self.look = nn.Parameter(torch.zeros(N_FEATURES, width))
        self.norms = nn.ParameterDict()
        self.linear = nn.ModuleDict()
        self._norm("embeddings.LayerNorm", base)
        for i in range(layers):
            at = f"encoder.layer.{i}."
            for name in (
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            ):
                self.linear[_flat(at + name)] = LowRank(base[f"{at}{name}.weight"], base[f"{at}{name}.bias"], rank)
            self._norm(at + "attention.output.LayerNorm", base)
            self._norm(at + "output.LayerNorm", base)
        self.head = nn.Linear(width, labels)

    def _norm(self, name: str, base: dict[str, Tensor]) -> None:
        self.norms[_flat(name) + "_weight"] = nn.Parameter(base[f"{name}.weight"].clone())
        self.norms[_flat(name) + "_bias"] = nn.Parameter(base[f"{name}.bias"].clone())

    def _normed(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(
            x, x.shape[-1:], self.norms[_flat(name) + "_weight"], self.norms[_flat(name) + "_bias"], 1e-12
        )

    def forward(self, pieces: Tensor, features: Tensor, mask: Tensor, drop: float = 0.0) -> Tensor:
        """Logits; `drop` = share that dropout takes while training."""
        x = self.word[pieces] + self.position[: pieces.shape[1]] + features @ self.look
        x = F.dropout(self._normed(x, "embeddings.LayerNorm"), drop, self.training)
        seen = mask[:, None, None, :]
        for i in range(self.layers):
            at = f"encoder.layer.{i}."
            q, k, v = (
                self._heads(self._linear(at + f"attention.self.{name}", x)) for name in ("query", "key", "value")
            )
            mixed = F.scaled_dot_product_attention(q, k, v, seen).transpose(1, 2).reshape(x.shape)
            out = F.dropout(self._linear(at + "attention.output.dense", mixed), drop, self.training)
            x = self._normed(x + out, at + "attention.output.LayerNorm")
            inner = F.gelu(self._linear(at + "intermediate.dense", x))
            out = F.dropout(self._linear(at + "output.dense", inner), drop, self.training)
            x = self._normed(x + out, at + "output.LayerNorm")
        return self.head(F.dropout(x, drop, self.training))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return self.linear[_flat(name)](x)

    @staticmethod
    def _heads(x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2)


def _flat(name: str) -> str:
    return name.replace(".", "_")
