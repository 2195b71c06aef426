"""PERSON and LOCATION: which model looks for them, and what its answers say about a text.

Engines: `minilm` (extra `[names]`: better), `small` (in the package: always there, ten times as fast), the name of a
spaCy pipeline, installed or fetched by `auditkit models fetch`, or of fetched differences to MiniLM (a file that
training/names_pack.py made). Speed and quality: docs/model-cards/names.md.
`auto` is the better of the first two that is installed; a run's manifest names the model and its hash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auditkit.checkers.pii import names_minilm, names_small, names_text, reference
from auditkit.checkers.pii.names_text import Sentence
from auditkit.checkers.pii.options import OWN_NAMES
from auditkit.checkers.pii.spans import Span, rule_of
from auditkit.models import weights

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
KINDS = ("", "PERSON", "PERSON", "LOCATION", "LOCATION")
BEGINS = (False, True, False, True, False)
ADDRESS = re.compile(r"(?<![^\s@])[^\s@]+@[^\s@]+\.\w+|(?:(?<!\w)\w+://|www\.)\S+")
"""An e-mail or web address, roughly; the look-behinds keep long words linear."""

SENTENCES_AT_ONCE = 4096  # bounds what is held of a large batch


class Model(Protocol):
    """What looks at sentences."""

    def logits(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """float32[words, labels] of each sentence; no sentence depends on another."""
        ...


def engine(wanted: str) -> str:
    """The engine that `wanted` means on this machine."""
    if wanted != "auto":
        return wanted
    return "minilm" if names_minilm.base_folder() else "small"


def hashes(wanted: str) -> dict[str, str]:
    """Model -> hash of its packaged file, for the manifest; of a spaCy pipeline its version."""
    chosen = engine(wanted)
    if chosen == "minilm":
        return {"names-minilm": names_minilm.SHA256}
    return {"names-small": names_small.SHA256} if chosen == "small" else reference.pipeline_version(chosen)


def find(texts: Sequence[str], wanted: frozenset[str], *, engine_wanted: str) -> list[list[Span]]:
    """The spans of each text; MissingDependency when the engine is not installed."""
    chosen = engine(engine_wanted)
    model = _model(chosen)
    if model is None:
        return reference.names(texts, wanted, pipeline=chosen)
    return search(model, texts, wanted)


def search(model: Model, texts: Sequence[str], wanted: frozenset[str]) -> list[list[Span]]:
    """The spans of each text by a model, sentence by sentence; those that hold nothing like a name are not read."""
    found: list[list[Span]] = [[] for _ in texts]
    todo: list[tuple[int, Sentence]] = []
    for number, text in enumerate(texts):
        todo += [(number, item) for item in names_text.sentences(text) if names_text.may_hold_names(item)]
        if len(todo) >= SENTENCES_AT_ONCE or number == len(texts) - 1:
            _look(model, todo, wanted, found)
            todo = []
    return [_outside_addresses(text, spans) for text, spans in zip(texts, found, strict=True)]


def _outside_addresses(text: str, spans: list[Span]) -> list[Span]:
    """The spans that are not parts of an e-mail or web address: those are found, or left, as a whole."""
    if not spans or ("@" not in text and "://" not in text and "www." not in text):
        return spans
    places = [match.span() for match in ADDRESS.finditer(text)]
    return [span for span in spans if not any(start < span.end and span.start < end for start, end in places)]


def _model(chosen: str) -> Model | None:
    """The model of this name; None where spaCy knows it."""
    if chosen in OWN_NAMES:
        return names_minilm.model() if chosen == "minilm" else names_small.model()
    fetched = weights.file_of(chosen)
    return names_minilm.model(fetched) if fetched and fetched.suffix == ".npz" else None


def _look(model: Model, todo: Sequence[tuple[int, Sentence]], wanted: frozenset[str], found: list[list[Span]]) -> None:
    every = model.logits([sentence for _, sentence in todo])
    for (number, sentence), logits in zip(todo, every, strict=True):
        found[number] += [span for span in spans_of(sentence, logits) if span.entity in wanted]


def spans_of(sentence: Sentence, logits: NDArray[np.float32]) -> list[Span]:
    """Names as runs of words: a word that begins one, or goes on with one of another kind, starts anew.

    The score is the lowest probability among the words that the label is not `O`, to two decimals.
    """
    tags = logits.argmax(1).tolist()
    if not any(tags):
        return []
    sure = _named(logits)
    runs: list[tuple[int, int, str]] = []
    for place, tag in enumerate(tags):
        kind = KINDS[tag]
        if kind and runs and runs[-1][1] == place and runs[-1][2] == kind and not BEGINS[tag]:
            runs[-1] = (runs[-1][0], place + 1, kind)
        elif kind:
            runs.append((place, place + 1, kind))
    trimmed = [(*_trimmed(sentence.words, a, b), kind) for a, b, kind in runs]
    return [
        Span(sentence.starts[a], sentence.ends[b - 1], kind, round(float(sure[a:b].min()), 2), rule_of(kind))
        for a, b, kind in trimmed
        if any(map(_may_be_a_name, sentence.words[a:b]))
    ]


def _trimmed(words: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """The run without signs at its ends; a full stop behind it stays, as in "U.S."."""
    while start < end and not words[start][0].isalnum():
        start += 1
    while start < end and not words[end - 1][0].isalnum() and words[end - 1] != ".":
        end -= 1
    return start, end


def _may_be_a_name(word: str) -> bool:
    """Whether a word can carry a name: it has a letter and is no everyday word in small letters ("young", "temple")."""
    return word[0].isalpha() and not (word.islower() and names_text.known_as(word) & names_text.COMMON)


def _named(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(1.0 - powers[:, 0] / powers.sum(1))
