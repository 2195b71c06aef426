"""Presidio itself: the one place that imports presidio-analyzer, spaCy and tldextract."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from auditkit.checkers.pii.spans import Span, rule_of
from auditkit.errors import MissingDependency
from auditkit.models import weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

PROVEN_VERSION = "2.2.366"
"""The presidio-analyzer whose recognisers the anchors were proven against."""

TEXT_LIMIT = 1 << 30
"""spaCy refuses longer texts to guard models; a tokeniser alone needs no guard."""


class _NoSilentTimeout(logging.Filter):
    """Presidio logs a regex that ran out of time and goes on without its findings; here the text counts as not looked
    at.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Raise on that message, swallow every other."""
        if "timed out" in str(record.msg):
            raise TimeoutError("a pattern of Presidio ran out of time")
        return False  # other messages quote values, which no log may hold


HEAVY = ("torch", "transformers", "tensorflow", "mxnet", "cupy")
NEEDS_HEAVY = ("spacy_transformers", "spacy_curated_transformers", "spacy_llm")


@contextmanager
def _without_heavy_imports() -> Iterator[None]:
    """Presidio and spaCy load without the frameworks that they would only look at: 830 MB and 8 s with PyTorch.

    Where one is loaded already, or a package is installed that runs spaCy pipelines on it, nothing is held back.
    """
    held = [] if any(map(find_spec, NEEDS_HEAVY)) else [name for name in HEAVY if name not in sys.modules]
    if len(held) < len(HEAVY):
        held = []
    sys.modules |= dict.fromkeys(held)  # type: ignore[arg-type]  # None: an import of it fails
    try:
        yield
    finally:
        for name in held:
            del sys.modules[name]


@cache
def analyzer() -> Any:
    """Presidio's AnalyzerEngine with its default registry and a spaCy engine without weights: nothing is downloaded.

    The pipeline is a blank one whose lemma is the token's text: with empty lemmas no context word would ever count.
    """
    with _without_heavy_imports():
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SlimSpacyNlpEngine
        from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    logging.getLogger("presidio-analyzer").addFilter(_NoSilentTimeout())
    registry = RecognizerRegistryProvider().create_recognizer_registry()
    recognizer: Any
    for recognizer in registry.recognizers:
        if type(recognizer).__name__ == "EmailRecognizer":
            recognizer.validate_result = has_registered_domain
    engine: Any = SlimSpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}], auto_download=False)
    pipeline = spacy.blank("en")
    pipeline.max_length = TEXT_LIMIT
    _lemma_component()
    pipeline.add_pipe("auditkit_lemma_is_text")
    engine.nlp = {"en": pipeline}
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


@cache
def _lemma_component() -> None:
    """Register the pipeline component that makes each token its own lemma."""
    from spacy.language import Language

    def lemma_is_text(doc: Any) -> Any:
        for token in doc:
            token.lemma_ = token.text
        return doc

    Language.component("auditkit_lemma_is_text", func=lemma_is_text)


@cache
def _domains() -> Any:
    """Tldextract with the suffix list of its own package: no request leaves the machine."""
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def has_registered_domain(value: str) -> bool:
    """What Presidio asks of an e-mail address: its host ends in a public suffix below which names are registered."""
    return bool(_domains()(value).fqdn)


def tokenizer() -> Any:
    """A fresh tokeniser like the analyzer's, with an empty vocabulary that computes no attributes of new words."""
    import spacy

    pipeline: Any = spacy.blank("en")
    pipeline.vocab.lex_attr_getters = {}
    return pipeline.tokenizer


def stop_words() -> frozenset[str]:
    """SpaCy's English stop words."""
    from spacy.lang.en.stop_words import STOP_WORDS

    return frozenset(STOP_WORDS)


@cache
def _everything() -> str:
    """Every character that is not ASCII and no surrogate."""
    return "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x110000))))


def _table(pattern: str) -> NDArray[np.uint8]:
    """uint8 per code point: 1 for the non-ASCII characters that the pattern matches by regex or by re."""
    import numpy as np
    import regex

    marked = np.zeros(0x110000, np.uint8)
    for found in (regex.finditer(pattern, _everything()), re.finditer(pattern, _everything())):
        marked[[ord(match.group()) for match in found]] = 1
    return marked


@cache
def unusual_characters() -> NDArray[np.uint8]:
    """uint8 per code point: 1 for non-ASCII digits and for what an ASCII letter matches when case is ignored."""
    return _table(r"(?i)[a-z]|\d")


@cache
def spaces() -> NDArray[np.uint8]:
    """uint8 per code point: 1 for non-ASCII white space."""
    return _table(r"\s")


def presidio_version() -> str:
    """The version of presidio-analyzer that is installed."""
    from importlib.metadata import version

    return version("presidio-analyzer")


def recognizers() -> Sequence[Any]:
    """Presidio's English recogniser objects."""
    found: Sequence[Any] = analyzer().registry.get_recognizers(language="en", all_fields=True)
    return found


def analyze(text: str) -> list[Span]:
    """Everything that Presidio finds in the text, by its slowest and surest way."""
    if not text:
        return []
    return [
        Span(found.start, found.end, found.entity_type, round(found.score, 4), rule_of(found.entity_type))
        for found in analyzer().analyze(text, "en", score_threshold=0)
    ]


@cache
def _name_model(pipeline: str) -> Any:
    """A spaCy pipeline, fetched or installed, with what names do not need switched off."""
    import spacy

    fetched = weights.find(pipeline)
    if fetched is None and find_spec(pipeline) is None:
        raise MissingDependency(
            f"the spaCy pipeline {pipeline} is neither fetched nor installed: auditkit models fetch {pipeline}"
        )
    loaded = spacy.load(fetched or pipeline, exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
    loaded.max_length = TEXT_LIMIT
    return loaded


def pipeline_version(pipeline: str) -> dict[str, str]:
    """Pipeline -> hash of what was fetched, or the version of the installed package; nothing when it is neither."""
    from importlib.metadata import PackageNotFoundError, version

    fetched = weights.find(pipeline)
    if fetched is not None:
        return {pipeline: weights.sha256_of_fetched(fetched)}
    try:
        return {pipeline: version(pipeline)}
    except PackageNotFoundError:
        return {}


PLACES = (
    "GPE",
    "LOC",
    "FAC",
)  # as in Presidio's default mapping of spaCy's labels, save facilities, which it calls LOCATION too
NAME_SCORE = 0.85  # what Presidio gives to every finding of a spaCy model


def names(texts: Sequence[str], wanted: frozenset[str], *, pipeline: str) -> list[list[Span]]:
    """PERSON and LOCATION spans of each text by a spaCy pipeline; MissingDependency when there is none of this name."""
    found = []
    for doc in _name_model(pipeline).pipe(texts):
        entities = [
            ("PERSON" if e.label_ in ("PERSON", "PER") else "LOCATION", e) for e in doc.ents if e.label_ in _LABELS
        ]
        found.append(
            [Span(e.start_char, e.end_char, name, NAME_SCORE, rule_of(name)) for name, e in entities if name in wanted]
        )
    return found


_LABELS = frozenset(("PERSON", "PER", *PLACES))
