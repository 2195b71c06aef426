"""Profile `presidio` finds what Presidio finds: entity, place and score, context words included."""

import logging
import random
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.checker import build
from auditkit.checkers.pii import presidio, reference
from auditkit.documents import batch_of_texts


@pytest.fixture(scope="module")
def engine():
    """The reference as issue and documentation define it, built here from Presidio's own parts."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SlimSpacyNlpEngine
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
    from spacy.language import Language

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    if not Language.has_factory("test_lemma_is_text"):

        @Language.component("test_lemma_is_text")
        def lemma_is_text(doc):
            for token in doc:
                token.lemma_ = token.text
            return doc

    pipeline = spacy.blank("en")
    pipeline.add_pipe("test_lemma_is_text")
    nlp = SlimSpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}], auto_download=False)
    nlp.nlp = {"en": pipeline}
    registry = RecognizerRegistryProvider().create_recognizer_registry()
    for recognizer in registry.recognizers:
        if recognizer.name == "EmailRecognizer":
            recognizer.validate_result = lambda value: extract(value).fqdn != ""
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])


def expected(engine, text):
    found = engine.analyze(text, "en", score_threshold=0) if text else []
    return sorted((result.start, result.end, result.entity_type, round(result.score, 4)) for result in found)


def compare(engine, texts):
    found = presidio.find(pa.array(texts, pa.large_utf8()))
    for text, spans in zip(texts, found, strict=True):
        assert [span[:4] for span in spans] == expected(engine, text), ascii(text)


WORDS = [
    "call",
    "phone",
    "number:",
    "mobile",
    "email",
    "the",
    "us",
    "bank",
    "account",
    "link",
    "website",
    "url",
    "ip",
    "IPv4",
    "license",
    "permit",
    "driver's",
    "card",
    "visa",
    "ssn",
    "social",
    "security",
    "passport",
    "date",
    "iban",
    "tax",
    "nhs",
    "wallet",
    "mac",
    "guid",
    "be",
    "not",
    "-PRON-",
    "don't",
    "can't",
    ":)",
    ":D",
    "):",
    "e.g.",
    "Inc.",
    "a.m.",
    "x:the",
]
VALUES = (
    *("joe@corp.com", "212-555-0142", "+49 (0) 2762 712134", "1640", "1695", "(020) 7946 0958", "345-899-3560x4587"),
    *(
        "4111 1111 1111 1111",
        "GB82WEST12345698765432",
        "192.168.0.1",
        "fe80::1",
        "::",
        "2001:db8::68/64",
        "00:1A:2B:3C:4D:5E",
    ),
    *("460-89-9847", "912-70-1234", "123456789", "A1234567", "H12234567", "AB1234563", "943 476 5919", "1e100"),
    *(
        "http://www.foo.com/bar?x=1",
        "https://a.b-c.co.uk",
        '"foo.community"',
        "www3.x.org.",
        "std::vector",
        "12/24/1980",
    ),
    *("2014-12-06", "06-JAN-2020", "2024-01-31T12:30:00Z", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "A-Z]]123"),
    *(
        "123e4567-e89b-42d3-a456-426614174000",
        "0x80004003",
        "12 ext. 3456",
        "555-1234 #12",
        "10.0.19041.1",
        "a@b",
        "@@",
        "1.2",
    ),
)
SEPARATORS = (
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    ", ",
    ". ",
    ":",
    "-",
    "/",
    "\u00a0",
    "\u2003",
    "\u200b",
    "\x1c",
    "(",
    ")",
    "",
)
ODD = (
    "é",
    "\u017f",
    "\u212a",
    "\u0661\u0662\u0663",
    "\uff11",
    "\uff0b",
    "\u2013",
    "\U0001f600",
    "İ",
    "日本",
    "\u0301",
    "x",
    "1",
    ".",
    "@",
    "_",
)


def made_up(seed):
    """A text of words, values, odd characters and separators."""
    draw = random.Random(seed)
    parts = []
    for _ in range(draw.randrange(1, 30)):
        kind = draw.random()
        part = draw.choice(WORDS if kind < 0.45 else VALUES if kind < 0.85 else ODD)
        parts.append(part.swapcase() if draw.random() < 0.2 else part)
        parts.append(draw.choice(SEPARATORS))
    text = "".join(parts)
    if draw.random() < 0.3:  # break some values
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice("0123456789.-@ x/") + text[place + draw.randrange(2) :]
    return text


@pytest.mark.parametrize("part", range(4))
def test_two_thousand_texts_of_values_and_context(engine, part):
    compare(engine, [made_up(seed) for seed in range(part * 500, part * 500 + 500)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("0123456789-. ()+x/:@abcfkstwzKſıK\n,#~;٣é–\xa0ABGB"), max_size=60),
        min_size=1,
        max_size=8,
    )
)
def test_texts_that_love_digits_and_separators(engine, texts):
    compare(engine, texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_text(engine, texts):
    compare(engine, texts)


def test_long_tokens_and_long_distances(engine):
    compare(
        engine,
        [
            "a" * 3000 + ".com", "x." * 300 + "com", "a." * 140 + "org/" + "p" * 500, "call " + "the " * 3000 + "212-555-0142",
            "call" + "\n" * 500 + "212-555-0142", "9" * 2000, "1 " * 800, "http://" + "b" * 260 + ".net", "lic " + "#" * 5000 + " A1234567",
            "12" + " " * 200 + "ext" + " " * 200 + "345678", "(" * 30 + "2125550142", "x" * 80 + "212-555-0142",
        ],
    )  # fmt: skip


def test_a_token_with_a_colon_elsewhere_can_take_the_place_of_the_keyword_ahead(engine):
    compare(engine, [f"\u200bx-http://www.foo.com/barlink\nmobile number{end}" for end in (":/", "")])


@pytest.mark.parametrize(
    "text",
    [
        "pay gb82west12345698765432 now",
        "Gb82west12345698765432",
        "us9434765919 GB82WEST12345698765432",
        "de89 3704 0044 0532 0130 00 and DE89370400440532013000",
    ],
)
def test_the_iban_pattern_knows_no_case(engine, text):
    compare(engine, [text])


def test_another_presidio_takes_the_full_path(monkeypatch):
    monkeypatch.setattr(presidio, "PROVEN", "another")
    presidio.proven.cache_clear()
    try:
        assert not presidio.proven()
        assert presidio.find(pa.array(["joe@corp.com"], pa.large_utf8()))[0] == reference.analyze("joe@corp.com")
    finally:
        monkeypatch.undo()
        presidio.proven.cache_clear()
    assert presidio.proven()


def test_batches_do_not_matter():
    texts = [made_up(seed) for seed in range(40)]
    checker = build("pii", {"profile": "presidio"})
    together = checker.check(batch_of_texts(texts)).findings.drop_columns(["doc"])
    alone = pa.concat_tables([checker.check(batch_of_texts([text])).findings for text in texts]).drop_columns(["doc"])
    assert together.equals(alone)


@pytest.mark.parametrize(
    "text",
    ["1" * 200_000, "@" * 100_000, "a" * 1_000_000, " " * 300_000, "a-" * 100_000, "a." * 100_000, "1 " * 20_000],
    ids=["digits", "at signs", "one token", "spaces", "hyphens", "dots", "numbers"],
)
def test_hostile_texts_end(text):
    assert build("pii", {"profile": "presidio"}).check(batch_of_texts([text])).findings.num_rows >= 0


def test_a_pattern_out_of_time_is_an_error():
    said = logging.LogRecord("presidio-analyzer", 30, "", 0, "Regex pattern '%s' timed out after %s seconds", (), None)
    reference.analyzer()
    with pytest.raises(TimeoutError):
        logging.getLogger("presidio-analyzer").handle(said)


def test_no_value_reaches_a_log(caplog):
    with caplog.at_level(logging.DEBUG):
        reference.analyze("IBAN GB82 WEST 1234 5698 7654 3\u0661, mail joe@corp.com")
    assert "joe@corp" not in caplog.text
    assert "1234" not in caplog.text


def test_presidio_loads_without_frameworks_that_it_would_only_look_at():
    code = (
        "import sys; from auditkit.checkers.pii import reference; reference.analyzer();"
        " print(sorted(set(reference.HEAVY) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
