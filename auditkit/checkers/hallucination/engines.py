"""Neural engines for grounding, read from a local folder: nothing is downloaded, no pickle opened, no code of it run.

similarity   a sentence encoder (MiniLM and its kin): one minus the highest cosine with a sentence of the source.
nli          a cross-encoder with a label for entailment (or one number for consistency): one minus the highest
             probability that a window of the source entails the sentence (SummaC's zero-shot rule, Laban et al. 2022).
tokens       a token classifier of the kind of LettuceDetect (Kovács & Recski 2025, arXiv 2502.17125), class 1 =
             unsupported: the highest probability of a token of the response; runs of tokens are the findings.

A folder holds config.json, model.safetensors and a fast tokenizer. Scores are rounded to 1e-4 and do not depend on what
else is in a batch. They rank; how they do on your data is for you to measure: no such model is part of the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from auditkit.checkers.hallucination.grounding import Sentence, sentence_spans, words_of
from auditkit.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_TOKENS = 1024  # of one window: attention costs their square, and encoders of this kind were trained on 512
STRIDE = 64  # tokens that two windows of a source share, so that no sentence is cut in both
PAIRS = 16  # windows in one run of the network
MAX_SENTENCES = 400  # of a response, and of a source that an encoder reads


class Engine(Protocol):
    """Weighs a response against its source."""

    def weigh(self, source: str, prompt: str, response: str) -> tuple[float, list[Sentence]]:
        """(score of the whole in 0..1, higher = less supported, NaN without words; its parts with their scores)."""
        ...


@dataclass(frozen=True)
class Network:
    """A loaded network with its tokenizer and the most tokens that it reads at once."""

    model: Any
    tokenizer: Any
    limit: int

    def run(self, encoded: Any, first: int, last: int) -> Any:
        """Logits or hidden states of windows first..last, without gradients."""
        import torch

        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
        with torch.inference_mode():
            return self.model(**{name: torch.tensor(encoded[name][first:last]) for name in names})[0].double()

    def windows(self, source: str, response: str) -> Any:
        """The pair in windows over the source, all of them with the whole response."""
        inside = len(self.tokenizer(response, add_special_tokens=False)["input_ids"])
        if inside > self.limit // 2:  # the response would leave no room for its source
            return None
        return self.tokenizer(
            source, response, truncation="only_first", max_length=self.limit, stride=min(STRIDE, self.limit // 8),
            return_overflowing_tokens=True, return_offsets_mapping=True, padding=True,
        )  # fmt: skip


@cache
def load(kind: str, folder: str) -> Engine:
    """The engine of this kind in this folder; MissingDependency or ConfigError says what is not there."""
    kinds: dict[str, Callable[[Path], Engine]] = {"similarity": Similarity, "nli": Entailment, "tokens": Tokens}
    return kinds[kind](Path(folder))


def _network(folder: Path, head: str) -> Network:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependency("this engine needs pip install 'auditkit[semantic]'") from error
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise MissingDependency(f"the model folder has no {name}; it needs config, safetensors and fast tokenizer")
    how = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **how)
    model = getattr(transformers, head).from_pretrained(folder, use_safetensors=True, **how).eval()
    longest = getattr(model.config, "max_position_embeddings", None) or MOST_TOKENS
    return Network(model, tokenizer, int(min(tokenizer.model_max_length, longest - 2, MOST_TOKENS)))


def _parts(response: str) -> list[tuple[int, int]]:
    """The sentences that say something; all of a response that has no sentence of three words."""
    spans = [(low, high) for low, high in sentence_spans(response) if len(words_of(response[low:high])) >= 3]
    return spans[:MAX_SENTENCES] or ([(0, len(response))] if words_of(response) else [])


def _whole(parts: Sequence[Sentence]) -> tuple[float, list[Sentence]]:
    """The mean over the sentences, as in SummaC."""
    if not parts:
        return float("nan"), []
    return round(math.fsum(part.score for part in parts) / len(parts), 4), list(parts)


class Similarity:
    """A sentence encoder."""

    def __init__(self, folder: Path) -> None:
        self.network = _network(folder, "AutoModel")

    def weigh(self, source: str, prompt: str, response: str) -> tuple[float, list[Sentence]]:
        """One minus the cosine of each sentence with the nearest of the source."""
        del prompt
        spans, known = _parts(response), [source[low:high] for low, high in _parts(source)]
        if not spans or not known:
            return float("nan"), []
        there, here = self.vectors(known), self.vectors([response[low:high] for low, high in spans])
        worst = np.clip(1 - (here @ there.T).max(axis=1), 0, 1)
        return _whole([Sentence(*span, round(float(far), 4)) for span, far in zip(spans, worst, strict=True)])

    def vectors(self, texts: Sequence[str]) -> Floats:
        """float64[n, d] of unit length: the mean of the last hidden states. Each text is run by itself."""
        found = []
        for text in texts:
            encoded = self.network.tokenizer([text], truncation=True, max_length=self.network.limit)
            hidden = self.network.run(encoded, 0, 1)[0].mean(dim=0).numpy()
            found.append(hidden / max(float(np.linalg.norm(hidden)), 1e-12))
        return np.array(found)


class Entailment:
    """A cross-encoder for natural language inference, or one with a single number for consistency."""

    def __init__(self, folder: Path) -> None:
        self.network = _network(folder, "AutoModelForSequenceClassification")
        labels = {str(name).lower(): int(at) for at, name in self.network.model.config.id2label.items()}
        named = [at for name, at in labels.items() if name in ("entailment", "entailed", "consistent", "supported")]
        if len(labels) > 1 and not named:
            raise ConfigError(f"the model has no label for entailment; it has: {', '.join(sorted(labels))}")
        self.entails = named[0] if len(labels) > 1 else None

    def weigh(self, source: str, prompt: str, response: str) -> tuple[float, list[Sentence]]:
        """One minus the highest probability of entailment of each sentence."""
        del prompt
        spans = _parts(response)
        return _whole([Sentence(low, high, self.doubt(source, response[low:high])) for low, high in spans])

    def doubt(self, source: str, sentence: str) -> float:
        """One minus the highest probability that a window of the source entails the sentence; 1 if it is too long."""
        import torch

        encoded = self.network.windows(source, sentence)
        if encoded is None:
            return 1.0
        best = 0.0
        for first in range(0, len(encoded["input_ids"]), PAIRS):
            logits = self.network.run(encoded, first, first + PAIRS)
            chances = torch.sigmoid(logits[:, 0]) if self.entails is None else logits.softmax(dim=1)[:, self.entails]
            best = max(best, float(chances.max()))
        return round(1 - best, 4)


class Tokens:
    """A token classifier; class 1 says that the token is not supported."""

    def __init__(self, folder: Path) -> None:
        self.network = _network(folder, "AutoModelForTokenClassification")
        if self.network.model.config.num_labels != 2:
            raise ConfigError("the model of engine tokens must have two labels, 1 = unsupported")

    def weigh(self, source: str, prompt: str, response: str) -> tuple[float, list[Sentence]]:
        """The highest probability of a token; parts are runs of tokens at least half as likely as not."""
        if not words_of(response):
            return float("nan"), []
        encoded = self.network.windows(_asked(prompt, source), response)
        if encoded is None:
            return 1.0, []
        chances = self._chances(encoded)
        runs = groupby(sorted(chances.items()), key=lambda item: item[1] >= 0.5)
        parts = [_run(list(run)) for unsupported, run in runs if unsupported]
        return round(max(chances.values()), 4), parts

    def _chances(self, encoded: Any) -> dict[tuple[int, int], float]:
        """Span of each token of the response -> its lowest probability over the windows: one may hold its support."""
        found: dict[tuple[int, int], float] = {}
        for first in range(0, len(encoded["input_ids"]), PAIRS):
            chances = self.network.run(encoded, first, first + PAIRS).softmax(dim=2)[:, :, 1].tolist()
            for at, row in enumerate(chances, first):
                for place, chance in _of_response(encoded, at, row):
                    found[place] = min(chance, found.get(place, 1.0))
        return found


def _of_response(encoded: Any, at: int, row: Sequence[float]) -> Iterator[tuple[tuple[int, int], float]]:
    """(span, probability) of the tokens of the response in one window."""
    for number, part in enumerate(encoded.sequence_ids(at)):
        if part == 1:
            low, high = encoded["offset_mapping"][at][number]
            yield (int(low), int(high)), row[number]


def _run(tokens: Sequence[tuple[tuple[int, int], float]]) -> Sentence:
    return Sentence(tokens[0][0][0], tokens[-1][0][1], round(max(chance for _, chance in tokens), 4))


def _asked(prompt: str, source: str) -> str:
    """The form in which LettuceDetect's models have seen prompts and sources."""
    if not prompt:
        return f"Summarize the following text:\n{source}\noutput:"
    rest = f"Bear in mind that your response should be strictly based on the following 1 passages:\npassage 1: {source}"
    return f"Briefly answer the following question:\n{prompt}\n{rest}\noutput:"
