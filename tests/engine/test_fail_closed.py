"""Whatever goes wrong in a checker, the verdict is never pass, and no text of a document is shown."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import audit, gate
from auditkit.errors import AuditkitError, ConfigError, InputError

PER_DOCUMENT = [
    "crash", "exit", "no_extra", "bad_constructor", "bad_span", "bad_field", "bad_doc", "bad_schema", "bad_type",
    "bad_rule", "nan_score", "inf_score", "short_scores",
]  # fmt: skip
CORPUS = ["map_crash", "finish_crash", "finish_bad_doc", "object_state", "again_crash"]
ROWS = [{"text": "one two three!!!"}, {"text": "four five six"}]


@pytest.mark.parametrize("name", [*PER_DOCUMENT, *CORPUS])
def test_a_checker_that_breaks_makes_the_verdict_incomplete(plugins, write, name):
    result = audit(write("a.jsonl", ROWS), {"version": 1, "checkers": {name: {}, "shouting": {}}})
    assert result.verdict.word == "incomplete"
    assert result.verdict.exit_code == 3
    assert any(gap.startswith(name) for gap in result.gaps)
    assert "do not show me" not in " ".join([*result.gaps, *result.verdict.reasons])
    assert result.findings["rule"].to_pylist() == ["shouting/loud"], "the other checkers still report"


@pytest.mark.parametrize(
    "runner", [pytest.param("processes", marks=pytest.mark.slow), pytest.param("ray", marks=pytest.mark.slow)]
)
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own future
def test_every_runner_brings_every_failure_home(plugins, write, monkeypatch, runner):
    from tests.conftest import PLUGINS

    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))
    names = [*PER_DOCUMENT, *CORPUS]
    table = {"version": 1, "checkers": {key: {} for key in (*names, "shouting")}}
    result = audit(write("a.jsonl", ROWS), table, runner=runner, workers=2)
    assert result.verdict.exit_code == 3
    assert {gap.partition(" ")[0] for gap in result.gaps} == set(names)
    assert "do not show me" not in " ".join([*result.gaps, *result.verdict.reasons])


@pytest.mark.parametrize("tolerated", [0.0, 1.0])
def test_a_corpus_of_which_every_row_is_quarantined_never_passes(plugins, write, tmp_path, tolerated):
    limits = {"max_line_bytes": 100, "max_quarantined": tolerated}
    policy = {"version": 1, "corpus": limits, "checkers": {"shouting": {}, "letters": {}}}
    assert gate(write("a.jsonl", [{"text": "x" * 200}] * 3), policy, out=tmp_path / "run") == 3
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["reasons"][0] == "no document could be read"
    assert manifest["counts"]["quarantined"] == 3


BLANK = ["", " ", "\n\t", "\u2003\u3000"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "chat"])
def test_a_corpus_without_any_text_is_not_looked_at(plugins, write, tmp_path, kind):
    rows = [{"text": text} for text in BLANK]
    if kind == "chat":
        rows = [{"messages": [{"role": "user", "content": text}]} for text in BLANK]
    path = write("a.jsonl", rows)
    if kind == "parquet":
        path = tmp_path / "a.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
    result = audit(path, {"version": 1, "checkers": {"shouting": {}, "letters": {}}})
    assert (result.verdict.word, result.verdict.reasons) == ("incomplete", ("no document has any text",))


def test_one_document_with_text_is_enough(plugins, write):
    rows = [{"text": text} for text in [*BLANK, "one"]]
    assert audit(write("a.jsonl", rows), {"version": 1, "checkers": {"shouting": {}}}).verdict.word == "pass"


def test_a_checker_without_rules_can_find_nothing_and_says_so(plugins, write):
    result = audit(write("a.jsonl", ROWS), {"version": 1, "checkers": {"no_rules": {}}})
    assert result.verdict.word == "incomplete"


def test_a_failing_merge_is_a_gap(plugins, write):
    paths = [str(write(f"{name}.jsonl", ROWS)) for name in "abc"]
    result = audit(paths, {"version": 1, "checkers": {"merge_crash": {}}})
    assert result.verdict.word == "incomplete"
    assert "ValueError" in result.gaps[0]


@pytest.mark.parametrize("runner", ["inline", "processes"])
def test_a_checker_that_hangs_is_stopped_at_its_deadline(plugins, write, runner):
    policy = {"version": 1, "checkers": {"hang": {}}, "corpus": {"shard_deadline_s": 0.5}}
    result = audit(write("a.jsonl", ROWS), policy, runner=runner, workers=1)
    assert result.verdict.word == "incomplete"
    assert "longer than" in result.gaps[0]


def test_a_checker_that_kills_its_worker_leaves_no_manifest(plugins, write, tmp_path):
    with pytest.raises(InputError, match=r"a\.jsonl: a worker process died twice.*rows 0-1"):
        gate(
            write("a.jsonl", ROWS),
            {"version": 1, "checkers": {"kill": {}}},
            out=tmp_path / "run",
            runner="processes",
            workers=1,
        )
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_the_manifest_names_the_gap(plugins, write, tmp_path):
    code = gate(write("a.jsonl", ROWS), {"version": 1, "checkers": {"crash": {}}}, out=tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert code == 3
    assert manifest["verdict"] == "incomplete"
    assert manifest["gaps"][0] == {
        "checker": "crash",
        "file": "a.jsonl",
        "first_row": 0,
        "n_rows": 2,
        "reason": manifest["gaps"][0]["reason"],
    }
    assert "ValueError in auditkit_plugins.py" in manifest["gaps"][0]["reason"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("empty.jsonl", b"", id="no byte"),
        pytest.param("blank.jsonl", b"\n\n  \n", id="blank lines only"),
        pytest.param("html.jsonl", b"<html>\n<body>\n", id="no row can be read"),
    ],
)
def test_an_empty_corpus_is_refused(plugins, write, name, content):
    with pytest.raises(AuditkitError) as caught:
        audit(write(name, content), {"version": 1, "checkers": {"shouting": {}}})
    assert caught.value.exit_code == 3
    assert name in str(caught.value)


def test_a_gate_on_a_metric_without_a_value_is_incomplete(plugins, write):
    policy = {"version": 1, "checkers": {"letters": {}}, "gate": [{"metric": "letters.a_share", "max": 1.0}]}
    result = audit(write("a.jsonl", [{"text": ""}]), policy)
    assert result.verdict.word == "incomplete"
    assert any("has no value" in reason for reason in result.verdict.reasons)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param({"version": 1}, "runs no checker", id="no checker"),
        pytest.param({"version": 1, "checkers": {}}, "runs no checker", id="empty checkers"),
        pytest.param({"version": 1, "checkers": {"shouting": {"enabled": False}}}, "runs no checker", id="all disabled"),
        pytest.param({"checkers": {"shouting": {}}}, "version = 1", id="no version"),
        pytest.param({"version": 1, "checkers": {"shoutin": {}}}, "did you mean 'shouting'", id="unknown checker"),
        pytest.param({"version": 1, "checkers": {"shouting": {"shoot": "x"}}}, "did you mean 'shout'", id="unknown option"),
        pytest.param({"version": 1, "checkers": {"shouting": {"action": "delete"}}}, "expected one of", id="unknown action"),
        pytest.param({"version": 1, "checkers": {"shouting": {"actions": {"shouting/lod": "drop"}}}}, "shouting/loud", id="unknown rule"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "shouting.text", "max": 1}]}, "shouting.texts", id="unknown metric"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "letters.a_share", "max": 1}]}, "does not run 'letters'", id="metric of a checker that does not run"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "shouting.texts", "max": float("nan")}]}, "finite", id="NaN threshold"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "shouting.texts", "max": float("inf")}]}, "finite", id="infinite threshold"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "shouting.texts", "max": -1}]}, "0 or more", id="negative threshold"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "gate": [{"metric": "shouting.texts"}]}, "needs exactly one of max, min", id="no bound"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "corpus": {"max_quarantined": 2}}, "expected a share", id="share above 1"),
        pytest.param({"version": 1, "checkers": {"shouting": {}}, "fields": {"respones": "x"}}, "did you mean 'response'", id="unknown role"),
        pytest.param({"version": 1, "extends": "defualt"}, "did you mean 'default'", id="unknown base"),
        pytest.param({"version": 1, "checker": {}}, "did you mean 'checkers'", id="unknown key"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_an_error_with_advice(plugins, write, table, said):
    with pytest.raises(ConfigError) as caught:
        audit(write("a.jsonl", ROWS), table)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
