"""Detoxify's models, loaded without running anything that is in the file, and fed in a way that a CPU likes.

The one place that imports torch and transformers. A checkpoint is Detoxify's own .ckpt: `state_dict` and `config`, of
which `config["arch"]["args"]["model_type"]` names a folder with config.json and the tokenizer's files, absolute or
beside the checkpoint. Nothing is downloaded.

Scores are those of `Detoxify.predict` text by text. The work is arranged otherwise: parts sorted by length in windows,
batches filled up to a number of tokens, so that little padding is computed; a text above the model's limit is cut at
sentence ends and its score is that of its worst part, where Detoxify would look at its beginning alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

RENAMED = {"toxic": "toxicity", "identity_hate": "identity_attack", "severe_toxic": "severe_toxicity"}
"""Detoxify's own names for Jigsaw's labels."""

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


@cache
def load(checkpoint: str, precision: str) -> Judge:
    """The judge in this file; ConfigError says what is wrong with it, MissingDependency what is not installed."""
    stored = _read(checkpoint)
    try:
        arguments = stored["config"]["arch"]["args"]
        classes = stored["config"]["dataset"]["args"]["classes"]
        state = stored["state_dict"]
    except (KeyError, TypeError):
        message = (
            f"checkpoint {checkpoint}: not a Detoxify checkpoint (it needs state_dict, config.arch, config.dataset)"
        )
        raise ConfigError(message) from None
    folder = _folder(checkpoint, arguments["model_type"])
    network, tokenizer = _network(checkpoint, arguments, folder, state)
    limit = _limit(network, tokenizer)
    if precision == "int8":
        network = _quantised(network)
    return Judge(network, tokenizer, tuple(RENAMED.get(label, label) for label in classes), limit)


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
        raise MissingDependency(
            "engine 'detoxify' needs torch and transformers: pip install 'auditkit[detoxify]'"
        ) from None
    from pickle import UnpicklingError

    try:
        stored: Mapping[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"checkpoint {checkpoint}: no such file") from None
    except (UnpicklingError, RuntimeError, EOFError, ValueError):
        message = f"checkpoint {checkpoint}: refused, it holds more than weights and settings, or is damaged"
        raise ConfigError(message) from None
    return stored


def _folder(checkpoint: str, model_type: str) -> Path:
    """The local folder with the network's settings and its tokenizer."""
    for folder in (Path(model_type), Path(checkpoint).parent / model_type):
        if (folder / "config.json").is_file():
            return folder
    message = (
        f"checkpoint {checkpoint}: its model_type {model_type!r} is not a folder with config.json and a tokenizer. "
        f"Put one at {Path(checkpoint).parent / model_type}; nothing is downloaded during an audit"
    )
    raise ConfigError(message)


def _network(checkpoint: str, arguments: Mapping[str, Any], folder: Path, state: Mapping[str, Any]) -> tuple[Any, Any]:
    """(network with the checkpoint's weights, tokenizer). Classes come from transformers, by name, nowhere else."""
    import transformers

    wanted = (str(arguments["model_name"]), str(arguments["tokenizer_name"]))
    model_class, tokenizer_class = (getattr(transformers, name, None) for name in wanted)
    kinds = wanted[0].endswith("ForSequenceClassification") and wanted[1].endswith(("Tokenizer", "TokenizerFast"))
    if not kinds or model_class is None or tokenizer_class is None:
        message = (
            f"checkpoint {checkpoint}: transformers {transformers.__version__} has no such {' with '.join(wanted)}"
        )
        raise ConfigError(message)
    settings = model_class.config_class.from_pretrained(
        folder, num_labels=arguments["num_classes"], local_files_only=True
    )
    network = model_class(settings)
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError:  # tensors of another shape
        missing, unexpected = ["shapes differ"], []
    odd = [name for name in (*missing, *unexpected) if not name.endswith("position_ids")]
    if odd:
        raise ConfigError(
            f"checkpoint {checkpoint}: its weights do not fit {folder / 'config.json'}: {', '.join(odd[:3])}"
        )
    return network.eval(), tokenizer_class.from_pretrained(folder, local_files_only=True)


def _quantised(network: Any) -> Any:
    """The network with its linear layers in 8-bit whole numbers: scores move by some thousandths."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces where this function will move
        quantise: Any = torch.ao.quantization.quantize_dynamic
        return quantise(network, {torch.nn.Linear}, dtype=torch.qint8)
