"""Detoxify's models, loaded without running anything that is in the file, and fed in a way that a CPU likes.

A checkpoint is Detoxify's own .ckpt: `state_dict` and `config`, of which `config["arch"]["args"]["model_type"]` names a
folder with config.json and the tokenizer's files, absolute or beside the checkpoint; or a folder that `convert` made of
one (`auditkit models convert`); or the name of a model that `auditkit models fetch` brought. Nothing is downloaded.

Scores are those of `Detoxify.predict` text by text. The work is arranged otherwise: parts sorted by length in windows,
batches filled up to a number of tokens, so that little padding is computed; a text above the model's limit is cut at
sentence ends and its score is that of its worst part, where Detoxify would look at its beginning alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.errors import ConfigError, MissingDependency
from auditkit.models import weights
from auditkit.models.download import sha256_of
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

RENAMED = {"toxic": "toxicity", "identity_hate": "identity_attack", "severe_toxic": "severe_toxicity"}
"""Detoxify's own names for Jigsaw's labels."""

WEIGHTS, SETTINGS, ONNX = "model.safetensors", "judge.json", "model.onnx"  # of a converted checkpoint
ENCODER = (  # files of an encoder's settings and tokenizer
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
)
NEEDS = "engine 'detoxify' needs torch, transformers and safetensors: pip install 'auditkit[detoxify]'"

WINDOW = 1024  # parts sorted together: 1.02 times the tokens of no padding at all, where file order costs 3 to 5 times
TOKENS = 1024  # per batch, padding included: what stays in a core's cache; measured best of 512 to 8192 on BERT base


@dataclass(frozen=True)
class Judge:
    """A loaded checkpoint: the network, its tokenizer, its labels in Detoxify's names, its limit in tokens."""

    network: Any
    tokenizer: Any
    labels: tuple[str, ...]
    limit: int

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """float64[n, labels] in 0..1; an empty text is judged like any other."""
        rows, parts = [], []
        for row, text in enumerate(texts):
            for part in self._parts(text):
                rows.append(row)
                parts.append(part)
        scores = np.zeros((len(texts), len(self.labels)))
        for first in range(0, len(parts), WINDOW):
            for batch in _batches(parts[first : first + WINDOW]):
                found = self._run([parts[first + i] for i in batch])
                np.maximum.at(scores, [rows[first + i] for i in batch], found)
        return scores

    def _parts(self, text: str) -> list[list[int]]:
        """The text as token ids, cut at sentence ends where it is above the limit."""
        whole: list[int] = self._ids(text)
        if len(whole) <= self.limit:
            return [whole]
        return [ids for piece in _pieces(text, self._fits) for ids in [self._ids(piece)[: self.limit]]]

    def _ids(self, text: str) -> list[int]:
        """Token ids with the model's own marks at both ends, of any length."""
        ids: list[int] = self.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return ids

    def _fits(self, text: str) -> bool:
        """Whether the model can read the text at once."""
        return len(self._ids(text)) <= self.limit

    def _run(self, parts: Sequence[list[int]]) -> NDArray[np.float64]:
        """Scores of parts in one batch, padded to the longest."""
        import torch

        longest = max(map(len, parts))
        ids = torch.full((len(parts), longest), self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros((len(parts), longest), dtype=torch.long)
        for row, part in enumerate(parts):
            ids[row, : len(part)] = torch.tensor(part)
            mask[row, : len(part)] = 1
        with torch.inference_mode():
            logits = self.network(input_ids=ids, attention_mask=mask)[0]
        return np.asarray(torch.sigmoid(logits).double().numpy())


def _batches(parts: Sequence[list[int]]) -> Iterator[list[int]]:
    """Indices of parts in batches of similar length, longest first, at most TOKENS tokens with padding each."""
    order = sorted(range(len(parts)), key=lambda i: (-len(parts[i]), i))
    batch: list[int] = []
    for i in order:
        if batch and len(parts[batch[0]]) * (len(batch) + 1) > TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _pieces(text: str, fits: Any) -> Iterator[str]:
    """The text in pieces that fit, cut behind a sentence end where there is one, else behind a word, else in half."""
    import re

    while text and not fits(text):
        low = _longest(text, fits)
        ends = [match.end() for match in re.finditer(r"[.!?。！？]\s+|\n+", text[:low])] or [
            match.end() for match in re.finditer(r"\s+", text[:low])
        ]
        cut = ends[-1] if ends else max(low, 1)
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def _longest(text: str, fits: Any) -> int:
    """The most characters of the beginning that fit, to within 1 in 16 (each trial tokenises)."""
    low, high = 0, len(text)
    while high - low > max(1, low // 16):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(text[:middle]) else (low, middle)
    return low


class Stored(NamedTuple):
    """What a checkpoint holds: weights (none where `onnx` has them), settings, the folder with the encoder's own."""

    name: str
    state: Mapping[str, Any]
    arguments: Mapping[str, Any]
    classes: Sequence[str]
    folder: Path
    onnx: Path | None = None


@cache
def load(checkpoint: str, precision: str) -> Judge:
    """The judge in this file or folder, or the fetched one of this name.

    ConfigError says what is wrong with it, MissingDependency what is not installed.
    """
    stored = _stored(checkpoint, precision)
    network, tokenizer = _network(stored)
    limit = _limit(network, tokenizer)
    if stored.onnx is not None:
        network = _session(stored.onnx)
    elif precision == "int8":
        network = _quantised(network)
    return Judge(network, tokenizer, tuple(RENAMED.get(label, label) for label in stored.classes), limit)


def convert(checkpoint: str, folder: Path, *, onnx: bool) -> None:
    """The checkpoint as files that hold nothing but numbers and settings, in `folder`, which must be empty.

    model.safetensors, judge.json (labels, names of the classes), the encoder's config.json and tokenizer; with `onnx`
    also model.onnx, its linear layers in 8-bit whole numbers, for precision "int8". `load` takes the folder.
    """
    from safetensors.torch import save_file

    stored = _stored(checkpoint, "fp32")
    network, _ = _network(stored)
    save_file({name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}, folder / WEIGHTS)
    for name in ENCODER:  # byte for byte: what a library writes differs from version to version
        if (stored.folder / name).is_file():
            shutil.copyfile(stored.folder / name, folder / name)
    names = {key: stored.arguments[key] for key in ("model_name", "tokenizer_name", "num_classes")}
    settings = {"labels": list(stored.classes), **names}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1, sort_keys=True), encoding="utf-8")
    if onnx:
        _export(network, folder / ONNX)


def _stored(checkpoint: str, precision: str) -> Stored:
    """What is in the checkpoint; nothing of it is run."""
    place = Path(checkpoint)
    if not place.exists():
        place = _fetched(checkpoint)
    if place.is_dir():
        return _converted(place, precision)
    held = _read(str(place))
    try:
        arguments, classes, state = (
            held["config"]["arch"]["args"],
            held["config"]["dataset"]["args"]["classes"],
            held["state_dict"],
        )
        folder = _folder(place, arguments["model_type"])
    except (KeyError, TypeError):
        message = (
            f"checkpoint {checkpoint}: not a Detoxify checkpoint (it needs state_dict, config.arch, config.dataset)"
        )
        raise ConfigError(message) from None
    return Stored(checkpoint, state, arguments, classes, folder)


def hashes(checkpoint: str) -> dict[str, str]:
    """File -> SHA-256 of the weights that this checkpoint stands for; empty where there are none. Needs no torch."""
    place = Path(checkpoint)
    if not place.exists():
        place = weights.find(checkpoint) or place
    files = (
        [place] if place.is_file() else sorted(place / name for name in (WEIGHTS, ONNX)) + sorted(place.glob("*.ckpt"))
    )
    return {file.name: sha256_of(file) for file in files if file.is_file()}


def _fetched(name: str) -> Path:
    """Where the fetched model of this name lies."""
    found = weights.find(name)
    if found is None:
        raise ConfigError(
            f"checkpoint {printable(name)}: no such file, folder or fetched model; "
            "`auditkit models list` names those that `auditkit models fetch` brings"
        )
    files = sorted(found.glob("*.ckpt"))
    return files[0] if files and not (found / SETTINGS).is_file() else found


def _converted(folder: Path, precision: str) -> Stored:
    """What `convert` wrote."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        classes = [str(label) for label in settings["labels"]]
    except (OSError, ValueError, KeyError, TypeError):
        message = (
            f"checkpoint {printable(str(folder))}: a folder without {SETTINGS}; make one with `auditkit models convert`"
        )
        raise ConfigError(message) from None
    if precision == "int8" and (folder / ONNX).is_file():
        return Stored(str(folder), {}, settings, classes, folder, folder / ONNX)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise MissingDependency(NEEDS) from None
    try:
        return Stored(str(folder), load_file(folder / WEIGHTS), settings, classes, folder)
    except (OSError, SafetensorError):
        raise ConfigError(f"checkpoint {printable(str(folder))}: {WEIGHTS} is missing or damaged") from None


def _limit(network: Any, tokenizer: Any) -> int:
    """The most tokens that the network can read; RoBERTa's kind numbers its positions from 2."""
    positions = network.config.max_position_embeddings
    if "roberta" in network.config.model_type:
        positions -= network.config.pad_token_id + 1
    return int(min(tokenizer.model_max_length, positions))


def _read(checkpoint: str) -> Mapping[str, Any]:
    """What is in the file: tensors, dicts, lists, strings and numbers; anything else is refused, never run."""
    try:
        import torch
    except ImportError:
        raise MissingDependency(NEEDS) from None
    from pickle import UnpicklingError

    try:
        stored: Mapping[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, UnpicklingError, RuntimeError, EOFError, ValueError):
        message = f"checkpoint {checkpoint}: refused, it holds more than weights and settings, or is damaged"
        raise ConfigError(message) from None
    return stored


def _folder(checkpoint: Path, model_type: str) -> Path:
    """The local folder with the network's settings and its tokenizer."""
    for folder in (Path(model_type), checkpoint.parent / model_type):
        if (folder / "config.json").is_file():
            return folder
    message = (
        f"checkpoint {checkpoint}: its model_type {model_type!r} is not a folder with config.json and a tokenizer. "
        f"Put one at {checkpoint.parent / model_type}; nothing is downloaded during an audit"
    )
    raise ConfigError(message)


def _network(stored: Stored) -> tuple[Any, Any]:
    """(network with the checkpoint's weights, or its settings alone where ONNX has them; tokenizer).

    Classes come from transformers, by name, nowhere else.
    """
    try:
        import transformers
    except ImportError:
        raise MissingDependency(NEEDS) from None
    arguments = stored.arguments
    wanted = (str(arguments["model_name"]), str(arguments["tokenizer_name"]))
    model_class, tokenizer_class = (getattr(transformers, name, None) for name in wanted)
    kinds = wanted[0].endswith("ForSequenceClassification") and wanted[1].endswith(("Tokenizer", "TokenizerFast"))
    if not kinds or model_class is None or tokenizer_class is None:
        message = (
            f"checkpoint {stored.name}: transformers {transformers.__version__} has no such {' with '.join(wanted)}"
        )
        raise ConfigError(message)
    settings = model_class.config_class.from_pretrained(
        stored.folder, num_labels=arguments["num_classes"], local_files_only=True
    )
    tokenizer = tokenizer_class.from_pretrained(stored.folder, local_files_only=True)
    if stored.onnx is not None:
        return SimpleNamespace(config=settings), tokenizer
    network = model_class(settings)
    _fill(network, stored)
    return network.eval(), tokenizer


def _fill(network: Any, stored: Stored) -> None:
    """Put the weights into the network; ConfigError where they do not fit."""
    try:
        missing, unexpected = network.load_state_dict(stored.state, strict=False)
    except RuntimeError:  # tensors of another shape
        missing, unexpected = ["shapes differ"], []
    odd = [name for name in (*missing, *unexpected) if not name.endswith("position_ids")]
    if odd:
        raise ConfigError(
            f"checkpoint {stored.name}: its weights do not fit {stored.folder / 'config.json'}: {', '.join(odd[:3])}"
        )


def _session(path: Path) -> Any:
    """The ONNX network as a function of the same arguments as torch's."""
    import torch

    try:
        import onnxruntime
    except ImportError:
        raise MissingDependency("model.onnx needs onnxruntime: pip install 'auditkit[detoxify]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # workers are processes
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def network(*, input_ids: Any, attention_mask: Any) -> tuple[Any]:
        fed = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        return (torch.from_numpy(session.run(None, fed)[0]),)

    return network


def _export(network: Any, path: Path) -> None:
    """Write the network as ONNX with its linear layers in 8-bit whole numbers."""
    import tempfile
    import warnings

    import torch

    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise MissingDependency("--onnx needs onnx and onnxruntime: pip install 'auditkit[detoxify]'") from None
    ids = torch.ones((2, 8), dtype=torch.long)
    axes = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")} | {"logits": {0: "batch"}}
    with tempfile.TemporaryDirectory(dir=path.parent) as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter tells of its successor, which needs one more package
        whole = Path(work) / "whole.onnx"
        torch.onnx.export(
            network, (ids, torch.ones_like(ids)), str(whole), input_names=["input_ids", "attention_mask"],
            output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
        quantize_dynamic(whole, path, weight_type=QuantType.QInt8)


def _quantised(network: Any) -> Any:
    """The network with its linear layers in 8-bit whole numbers: scores move by some thousandths."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces where this function will move
        quantise: Any = torch.ao.quantization.quantize_dynamic
        return quantise(network, {torch.nn.Linear}, dtype=torch.qint8)
