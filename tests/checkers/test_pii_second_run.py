"""A redacted corpus gated again: with the same key its surrogates are no findings, with another they are."""

import json

import pyarrow.parquet as pq
import pytest

from auditkit.audit import gate
from auditkit.checker import rule_pack

POLICY = {
    "version": 1,
    "checkers": {"pii": {"profile": "precise", "action": "redact", "redact": "surrogate"}},
}
SAID = {
    "PHONE_NUMBER": "Phone: 415-{:03d}-{:04d}",
    "EMAIL_ADDRESS": "write to jane.roe{}{}@corp.com",
    "IP_ADDRESS": "from 86.121.{}.{} it came",
}


def corpus(path):
    """Every example of every pii rule, and forty phone numbers, addresses and hosts."""
    texts = [text for rule in rule_pack("pii") if not rule.options for text in rule.match]
    texts += [said.format(200 + i * 7 % 55, i * 13 % 250 + 1) for said in SAID.values() for i in range(40)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path, texts


def run(source, out, **how):
    gate([str(source)], POLICY, out=str(out), **how)
    return pq.read_table(out / "findings.parquet")


@pytest.fixture
def first(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITKIT_KEY", "the first key")
    source, texts = corpus(tmp_path / "corpus.jsonl")
    found = run(source, tmp_path / "first")
    assert found.num_rows >= len(texts)
    return tmp_path / "first" / "kept" / "corpus.jsonl", texts


@pytest.mark.parametrize("runner", ["inline", "processes"])
def test_the_same_key_finds_nothing_in_what_it_made(first, tmp_path, runner):
    kept, _ = first
    found = run(kept, tmp_path / "second", runner=runner)
    assert found.num_rows == 0, found.select(["rule", "evidence"]).to_pylist()


def test_another_key_and_no_key_find_most_of_it(first, tmp_path, monkeypatch):
    kept, texts = first
    monkeypatch.setenv("AUDITKIT_KEY", "another key")
    assert run(kept, tmp_path / "other").num_rows > 0.6 * len(texts)
    monkeypatch.delenv("AUDITKIT_KEY")
    assert run(kept, tmp_path / "none").num_rows > 0.8 * len(texts)


def test_the_same_key_gives_the_same_surrogates_in_another_corpus(first, tmp_path):
    kept, texts = first
    source = tmp_path / "few.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[::5]))
    run(source, tmp_path / "few")
    whole = [json.loads(line)["text"] for line in kept.read_text().splitlines()]
    few = [json.loads(line)["text"] for line in (tmp_path / "few" / "kept" / "few.jsonl").read_text().splitlines()]
    assert sum(a == b for a, b in zip(whole[::5], few, strict=True)) >= len(few) - 2


def test_no_value_of_the_corpus_and_no_bare_digits_remain(first):
    kept, _ = first
    for path in kept.parents[1].rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for value in (b"jane.roe200", b"86.121.200", b"4111111111111111", b"4111 1111", b"212-555-0142"):
                assert value not in data, path.name


def test_surrogates_of_a_corpus_are_as_many_as_its_values(first):
    kept, _ = first
    rows = [json.loads(line)["text"] for line in kept.read_text().splitlines()]
    for start in ("Phone: ", "write to ", "from "):
        shown = [row for row in rows if row.startswith(start)][-40:]
        assert len(set(shown)) == 40


@pytest.mark.parametrize(("operator", "left"), [("replace", "to [EMAIL_ADDRESS] now"), ("redact", "to  now")])
def test_operators_of_presidio_anonymizer_by_name(tmp_path, operator, left):
    source = tmp_path / "corpus.jsonl"
    source.write_text(json.dumps({"text": "to joe@corp.com now"}) + "\n")
    policy = {"version": 1, "checkers": {"pii": {"action": "redact", "redact": operator}}}
    gate([str(source)], policy, out=str(tmp_path / "run"))
    assert json.loads((tmp_path / "run/kept/corpus.jsonl").read_text())["text"] == left
