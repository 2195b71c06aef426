"""Presidio itself: the one place that imports presidio-analyzer, spaCy and tldextract."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from auditkit.checkers.pii.locales import added, phone_regions
from auditkit.checkers.pii.registry import read
from auditkit.checkers.pii.spans import Span, rule_of
from auditkit.errors import MissingDependency
from auditkit.models import weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

PROVEN_VERSION = "2.2.366"
"""The presidio-analyzer whose recognisers the anchors were proven against."""

PATTERN_SECONDS = 20.0
"""For one pattern of an added recogniser over one text; one that needs more makes the batch a gap."""

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
def analyzer(languages: tuple[str, ...] = (), registry: str = "") -> Any:
    """Presidio's AnalyzerEngine with its default registry and a spaCy engine without weights: nothing is downloaded.

    languages, registry: whose recognisers are added, all for one pass in English. The pipeline is a blank one whose
    lemma is the token's text: with empty lemmas no context word would ever count.
    """
    with _without_heavy_imports():
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    known: Any = RecognizerRegistryProvider().create_recognizer_registry()
    recognizer: Any
    for recognizer in known.recognizers:
        if type(recognizer).__name__ == "EmailRecognizer":
            recognizer.validate_result = has_registered_domain
        if type(recognizer).__name__ == "PhoneRecognizer":
            recognizer.supported_regions = phone_regions(languages)
    known.recognizers.extend(added_recognizers(languages, registry))
    return AnalyzerEngine(registry=known, nlp_engine=_nlp_engine(), supported_languages=["en"])


@cache
def _analyzer_of_added(languages: tuple[str, ...], registry: str) -> Any:
    """An AnalyzerEngine with the added recognisers alone."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    known = RecognizerRegistry(list(added_recognizers(languages, registry)), supported_languages=["en"])
    return AnalyzerEngine(registry=known, nlp_engine=_nlp_engine(), supported_languages=["en"])


@cache
def added_recognizers(languages: tuple[str, ...], registry: str) -> tuple[Any, ...]:
    """Presidio's recognisers of these languages and the user's own, none of which its default registry has."""
    with _without_heavy_imports():
        from presidio_analyzer import PatternRecognizer, predefined_recognizers

    own = [PatternRecognizer.from_dict(dict(entry.table)) for entry in read(registry).entries] if registry else []
    located = [getattr(predefined_recognizers, name)(supported_language="en") for name in added(languages)]
    return (*located, *own)


@cache
def _added_patterns(languages: tuple[str, ...], registry: str) -> tuple[Any, ...]:
    """The compiled patterns of the added recognisers: where none matches none of them finds anything."""
    import regex

    every = added_recognizers(languages, registry)
    return tuple(regex.compile(p.regex, one.global_regex_flags) for one in every for p in one.patterns)


def analyze_added(text: str, languages: tuple[str, ...], registry: str) -> list[Span]:
    """What the added recognisers find in the text; TimeoutError where a pattern runs out of time."""
    patterns = _added_patterns(languages, registry)
    if not text or not any(pattern.search(text, timeout=PATTERN_SECONDS) for pattern in patterns):
        return []
    return _spans(_analyzer_of_added(languages, registry).analyze(text, "en", score_threshold=0))


@cache
def _nlp_engine() -> Any:
    """A tokeniser whose lemmas are the tokens themselves."""
    with _without_heavy_imports():
        import spacy
        from presidio_analyzer.nlp_engine import SlimSpacyNlpEngine

    logging.getLogger("presidio-analyzer").addFilter(_NoSilentTimeout())
    engine: Any = SlimSpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}], auto_download=False)
    pipeline = spacy.blank("en")
    pipeline.max_length = TEXT_LIMIT
    _lemma_component()
    pipeline.add_pipe("auditkit_lemma_is_text")
    engine.nlp = {"en": pipeline}
    return engine


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


def analyze(text: str, languages: tuple[str, ...] = (), registry: str = "") -> list[Span]:
    """Everything that Presidio finds in the text, by its slowest and surest way."""
    return _spans(analyzer(languages, registry).analyze(text, "en", score_threshold=0)) if text else []


def _spans(results: Sequence[Any]) -> list[Span]:
    return [
        Span(found.start, found.end, found.entity_type, round(found.score, 4), rule_of(found.entity_type))
        for found in results
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
