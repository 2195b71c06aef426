"""Names and places: spans over many lines, engines, what is said when nobody looked, surrogates; no data but our own."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from auditkit.checkers.pii import names, names_minilm, names_small, names_text
from auditkit.errors import MissingDependency

BOTH = frozenset(("PERSON", "LOCATION"))
ENGINES = ["small", "minilm"] if names_minilm.base_folder() else ["small"]

TEXT = """Hello Anna,

Dr. Peter Novak moved from London to New York last year.
He likes it. \tRegards,\r
Maria Garcia
"""


def found(text, engine="small", wanted=BOTH):
    return [(text[s.start : s.end], s.entity) for s in names.find([text], wanted, engine_wanted=engine)[0]]


@pytest.mark.parametrize("engine", ENGINES)
def test_spans_are_exact_over_many_lines(engine):
    assert found(TEXT, engine) == [
        ("Anna", "PERSON"),
        ("Peter Novak", "PERSON"),
        ("London", "LOCATION"),
        ("New York", "LOCATION"),
        ("Maria Garcia", "PERSON"),
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_signs_outside_the_basic_plane_move_no_span(engine):
    assert found("\U0001f600\U0001f600 I met Maria Garcia in Berlin \U0001f600.", engine) == [
        ("Maria Garcia", "PERSON"),
        ("Berlin", "LOCATION"),
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_only_what_is_wanted_is_found(engine):
    assert found(TEXT, engine, frozenset(["LOCATION"])) == [("London", "LOCATION"), ("New York", "LOCATION")]


@pytest.mark.parametrize("engine", ENGINES)
def test_neighbours_in_a_batch_do_not_matter(engine):
    lines = [line for line in (TEXT * 3).splitlines() if line] + [
        "John went to Paris with " + "Mary and " * n for n in range(20)
    ]
    alone = [names.find([line], BOTH, engine_wanted=engine)[0] for line in lines]
    assert names.find(lines, BOTH, engine_wanted=engine) == alone
    assert names.find(lines[::-1], BOTH, engine_wanted=engine) == alone[::-1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "\ud800 John",
        "ﬀ\u0301\u0301 \u200b",
        "x" * 5000,
        "Ω" * 300 + " John",
        "A. " * 500,
        "名前 はジョン",
        "\x00John\x00",
    ],
    ids=["empty", "lines", "lone surrogate", "ligature", "long word", "long Greek word", "initials", "Japanese", "nul"],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_any_text_is_looked_at(text, engine):
    for span in names.find([text], BOTH, engine_wanted=engine)[0]:
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_word_of_a_long_sentence_is_left_out(engine):
    text = "the dog and the cat and the " * 30 + "lawyer Maria Garcia of London"
    assert found(text, engine)[-1] == ("London", "LOCATION")


def test_small_letters_lose_some_and_not_all():
    assert found("i met maria garcia in london last week") != []


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("It rained. We left.", ["It rained .", "We left ."]),
        ("Dr. Smith met J. Doe.", ["Dr . Smith met J . Doe ."]),
        ("one\ntwo\r\nthree", ["one", "two", "three"]),
        ('He said "no." Then left', ['He said " no . "', "Then left"]),
        ("at 3.14 p.m. today", ["at 3 . 14 p . m . today"]),
        ("Why? because", ["Why ? because"]),
    ],
    ids=["full stop", "abbreviations", "line breaks", "quotation", "numbers", "small letter goes on"],
)
def test_sentences(text, cut):
    sentences = names_text.sentences(text)
    assert [" ".join(sentence.words) for sentence in sentences] == cut
    for sentence in sentences:
        assert [text[a:b] for a, b in zip(sentence.starts, sentence.ends, strict=True)] == sentence.words


def test_pieces_are_greedy_and_never_none():
    pieces = names_text.Pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "new", "##ton", "n", "##e", "##w"])
    assert pieces("newton") == (4, 5)
    assert pieces("nee") == (6, 7, 7)
    assert pieces("newtön") == (1,)
    assert pieces("") == (1,)


def test_the_kernels_equal_plain_matrices():
    rng = np.random.default_rng(0)
    from auditkit.checkers.pii import names_kernels

    x = rng.normal(size=(7, 12)).astype(np.float32)
    enter, layer, head = (rng.normal(size=s).astype(np.float32) for s in ((12, 8), (1, 3, 8, 8), (8, 5)))
    bias = [rng.normal(size=s).astype(np.float32) for s in (8, (1, 8), 5)]
    y = np.maximum(x @ enter + bias[0], 0)
    padded = np.vstack([np.zeros((1, 8)), y, np.zeros((1, 8))])
    y = y + np.maximum(sum(padded[k : k + 7] @ layer[0, k] for k in range(3)) + bias[1][0], 0)
    got = names_kernels.logits(x, enter, bias[0], layer, bias[1], head, bias[2])
    np.testing.assert_allclose(got, y @ head + bias[2], rtol=1e-4, atol=1e-4)


@pytest.fixture
def gate(command, write, tmp_path):
    """gate(texts, options) -> (CompletedProcess, RUN) with `[checkers.pii]` as given."""

    def run(texts, options):
        policy = tmp_path / "policy.toml"
        policy.write_text("version = 1\n[checkers.pii]\n" + options + "\n", encoding="utf-8")
        source = write("in/a.jsonl", [{"text": text} for text in texts])
        return command("gate", source, "--out", tmp_path / "run", "--policy", policy), tmp_path / "run"

    return run


def test_entities_switch_the_model_on(gate):
    result, run = gate([TEXT, "nothing here"], 'entities = ["PERSON", "LOCATION"]')
    assert result.returncode == 0, result.stderr
    rows = pq.read_table(run / "findings.parquet").to_pylist()
    assert [(TEXT[r["start"] : r["end"]], r["rule"]) for r in rows][:2] == [
        ("Anna", "pii/person"),
        ("Peter Novak", "pii/person"),
    ]
    assert {json.loads(r["detail"])["entity"] for r in rows} == BOTH
    assert not any("Novak" in str(r["evidence"]) for r in rows)
    manifest = json.loads((run / "manifest.json").read_text())
    assert any(name.startswith("names-") for name in manifest["checkers"][0]["models"])


def test_names_are_said_not_to_be_looked_for(gate):
    _, run = gate([TEXT], "")
    said = [m for m in json.loads((run / "metrics.json").read_text()) if m["metric"] == "not_looked_for"]
    assert {m["slice"] for m in said} == BOTH
    assert "names" in said[0]["reference"]


def test_a_pipeline_that_is_not_there_makes_the_run_incomplete(gate):
    result, _ = gate([TEXT], 'entities = ["PERSON"]\nnames = "en_core_web_none"')
    assert result.returncode == 3
    assert "auditkit models fetch en_core_web_none" in " ".join((result.stdout + result.stderr).split())


def test_a_misspelt_engine_is_a_wrong_policy(gate):
    result, _ = gate([TEXT], 'entities = ["PERSON"]\nnames = "mini-lm"')
    assert result.returncode == 2
    assert "minilm" in result.stderr


def test_a_fetched_pipeline_is_used(gate, command, tmp_path, monkeypatch):
    import spacy

    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Zaphod"}, {"label": "GPE", "pattern": "Betelgeuse"}])
    place = tmp_path / "models/en_tiny"
    place.parent.mkdir()
    pipeline.to_disk(place)
    (place / "model.json").write_text(json.dumps({"sha256": "0" * 64, "files": {}}))
    monkeypatch.setenv("AUDITKIT_MODELS", str(tmp_path / "models"))
    _, run = gate(["Zaphod left Betelgeuse."], 'entities = ["PERSON", "LOCATION"]\nnames = "en_tiny"')
    rows = pq.read_table(run / "findings.parquet").to_pylist()
    assert [(r["start"], r["end"], r["rule"]) for r in rows] == [(0, 6, "pii/person"), (12, 22, "pii/location")]
    assert json.loads((run / "manifest.json").read_text())["checkers"][0]["models"] == {"en_tiny": "0" * 64}


def test_fetched_differences_take_the_place_of_the_packaged_ones(tmp_path, monkeypatch):
    from auditkit.resources import resource

    place = tmp_path / "models/names_own"
    place.mkdir(parents=True)
    (place / "names_own.npz").write_bytes(resource(names_minilm.DIFFERENCES).read_bytes())
    (place / "model.json").write_text(json.dumps({"sha256": "1" * 64, "files": {"names_own.npz": ""}}))
    monkeypatch.setenv("AUDITKIT_MODELS", str(tmp_path / "models"))
    assert names.hashes("names_own") == {"names_own": "1" * 64}
    if "minilm" in ENGINES:
        assert found(TEXT, "names_own") == found(TEXT, "minilm")
    else:
        with pytest.raises(MissingDependency, match="names"):
            found(TEXT, "names_own")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_everyday_word_in_small_letters_is_no_name(engine):
    assert not any(value.islower() for value, _ in found("The young man saw a temple and a pearl near Berlin.", engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_parts_of_addresses_are_no_names(engine):
    text = "Mail Anna Novak at anna.novak@corp.com or see https://john-smith.com/in/paris/Anna now"
    assert found(text, engine) == [("Anna Novak", "PERSON")]


def test_surrogates_of_names_are_consistent_and_keep_the_rest(gate):
    text = "Maria Garcia called. Later MARIA GARCIA met Anna in London."
    result, run = gate(
        [text, text], 'entities = ["PERSON", "LOCATION"]\naction = "redact"\nredact = "surrogate"\nnames = "small"'
    )
    assert result.returncode == 0, result.stderr
    kept = [json.loads(line)["text"] for line in (run / "kept/a.jsonl").read_text().splitlines()]
    assert kept[0] == kept[1]
    for name in ("Maria", "Garcia", "Anna", "London"):
        assert name.casefold() not in kept[0].casefold()
    first, second = kept[0].split(" called. Later ")
    assert second.startswith(first.upper() + " met ")


def test_the_packaged_weights_are_small_and_named_in_the_card():
    from auditkit.resources import resource

    assert resource(names_small.WEIGHTS).stat().st_size < 3_000_000
    assert resource(names_minilm.DIFFERENCES).stat().st_size < 2_000_000
