"""`not_worse_than`: did this change make it worse? By more than the tolerance, and with a confidence by more than chance."""

from __future__ import annotations

import json

import pytest

from auditkit import Metric, Policy, gate
from auditkit.errors import ConfigError
from auditkit.findings import share
from auditkit.gates import Gate
from auditkit.outputs import render
from auditkit.report_data import read_report
from auditkit.report_data.words import bound
from auditkit.verdict import judge

COUNTS = {"rows_in": 100, "kept": 100, "redacted": 0, "dropped": 0, "quarantined": 0}
SHARE = "pii.documents_share"


@pytest.fixture
def word(tmp_path):
    """The verdict on a metric of today against the same metric of an earlier run."""

    def judged(before, now, **options):
        path = tmp_path / "metrics.json"
        path.write_text(json.dumps([before.as_dict()] if before else []))
        asked = {"metric": SHARE, "not_worse_than": str(path), **options}
        policy = Policy.from_dict({"version": 1, "checkers": {"pii": {}, "diversity": {}}, "gate": [asked]})
        return judge(policy, [now] if now else [], [], COUNTS)

    return judged


def documents(successes, trials):
    return share("pii", "documents_share", successes, trials)


@pytest.mark.parametrize(
    ("before", "now", "options", "expected"),
    [
        pytest.param((2, 100), (2, 100), {}, "pass", id="the same"),
        pytest.param((2, 100), (1, 100), {}, "pass", id="better"),
        pytest.param((2, 100), (3, 100), {}, "fail", id="worse"),
        pytest.param((2, 100), (3, 100), {"tolerance": 0.02}, "pass", id="worse within the tolerance"),
        pytest.param((2, 100), (5, 100), {"tolerance": 0.02}, "fail", id="worse by more than the tolerance"),
        pytest.param((2, 100), (4, 100), {"confidence": 0.95}, "pass", id="worse by no more than chance: undecided"),
        pytest.param((2, 100), (4, 100), {"confidence": 0.95, "on_undecided": "fail"}, "fail", id="undecided may fail"),
        pytest.param((200, 10000), (400, 10000), {"confidence": 0.95}, "fail", id="worse by more than chance"),
        pytest.param(
            (200, 10000), (400, 10000), {"confidence": 0.95, "tolerance": 0.05}, "pass", id="surely within the tolerance"
        ),
        pytest.param((2, 100), (1, 100), {"worse": "lower"}, "fail", id="lower is worse when the policy says so"),
    ],
)  # fmt: skip
def test_against_an_earlier_run(word, before, now, options, expected):
    assert word(documents(*before), documents(*now), **options).word == expected


def test_chance_is_that_of_both_runs(word):
    """20 of 1,000 then, 35 now: each interval alone leaves the other value out, that of the difference holds 0."""
    result = word(documents(20, 1000), documents(33, 1000), confidence=0.95).gates[0]
    assert result.status == "undecided"
    assert result.low - 0.02 == pytest.approx(-0.0013, abs=5e-4)  # Newcombe 1998, method 10
    assert result.high - 0.02 == pytest.approx(0.0278, abs=5e-4)


def test_what_is_wanted_is_worse_when_lower(word):
    metrics = [Metric("diversity", "word_entropy", value) for value in (9.0, 8.5)]
    assert word(*metrics, metric="diversity.word_entropy").word == "fail"
    assert word(*metrics, metric="diversity.word_entropy", tolerance=0.6).word == "pass"
    assert Gate("toxicity.looked_share", not_worse_than="run").op == "min"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(None, documents(1, 100), id="not in the earlier run"),
        pytest.param(Metric("pii", "documents_share", None), documents(1, 100), id="no value then"),
        pytest.param(documents(1, 100), None, id="not measured now"),
        pytest.param(documents(1, 100), Metric("pii", "documents_share", None), id="no value now"),
    ],
)
def test_a_missing_number_never_passes(word, before, now):
    verdict = word(before, now)
    assert verdict.word == "incomplete"
    assert "has no value" in verdict.reasons[0]


# ---- whole runs --------------------------------------------------------------------------------------------------

QUIET = [{"id": str(number), "text": f"row {number}"} for number in range(20)]
LOUD = [*QUIET[:18], {"id": "x", "text": "loud!!!"}, {"id": "y", "text": "louder!!!"}]


def policy(run, **options):
    asked = {"metric": "shouting.documents_share", "not_worse_than": str(run), **options}
    return {"version": 1, "checkers": {"shouting": {}}, "gate": [asked]}


@pytest.fixture
def first(plugins, write, tmp_path):
    """A run on quiet rows, and the path of louder ones."""
    assert gate(write("a/a.jsonl", QUIET), {"version": 1, "checkers": {"shouting": {}}}, out=tmp_path / "first") == 0
    return tmp_path / "first", write("b/a.jsonl", LOUD)


def test_a_worse_round_fails_and_every_output_says_against_what(first, tmp_path):
    run, loud = first
    assert gate(loud, policy(run), out=tmp_path / "run") == 1
    assert gate(loud, policy(run / "metrics.json", tolerance=0.1), out=tmp_path / "same") == 0
    report = read_report(tmp_path / "run")
    asked = report.gates[0]
    assert asked["not_worse_than"] == {"run": str(run), "value": 0.0, "tolerance": 0.0}
    assert bound(asked).startswith("at most 0% (0% in ")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert list(manifest["policy"]["earlier"]) == [str(run)], "what was compared with is named by its hash"
    for kind in ("html", "markdown", "json", "junit", "text"):
        assert "first" in "".join(render(report, kind).decode().split())  # a terminal breaks a long path


def test_a_run_is_no_worse_than_itself(first, write, tmp_path):
    run, _ = first
    assert gate(write("a/a.jsonl", QUIET), policy(run, confidence=0.95), out=tmp_path / "run") == 0


def test_an_unknown_comparison_is_incomplete_in_every_output(first, tmp_path):
    run, loud = first
    metrics = tmp_path / "metrics.json"
    rows = json.loads((run / "metrics.json").read_text())
    metrics.write_text(json.dumps([row for row in rows if row["metric"] != "documents_share"]))
    assert gate(loud, policy(metrics), out=tmp_path / "run") == 3
    report = read_report(tmp_path / "run")
    assert report.gates[0]["threshold"] is None
    for kind in ("html", "markdown", "json", "junit", "text"):
        assert "has no value in" in render(report, kind).decode()
    suite = json.loads(render(report, "gx"))
    assert suite["validation_result"]["success"] is False


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda run: (run / "metrics.json").unlink(), "cannot be read", id="gone"),
        pytest.param(lambda run: (run / "metrics.json").write_text("[]"), "not as the run wrote it", id="changed"),
        pytest.param(
            lambda run: (run / "manifest.json").write_text("{}"), "manifest.json is damaged", id="no manifest"
        ),
    ],
)
def test_a_run_that_cannot_be_trusted_is_a_mistake_of_the_policy(first, spoil, said):
    run, _ = first
    spoil(run)
    with pytest.raises(ConfigError, match=said):
        Policy.from_dict(policy(run))


def test_an_incomplete_run_is_no_reference(plugins, write, tmp_path):
    crashing = {"version": 1, "checkers": {"shouting": {}, "crash": {}}}
    assert gate(write("a.jsonl", QUIET), crashing, out=tmp_path / "run") == 3
    with pytest.raises(ConfigError, match="incomplete run"):
        Policy.from_dict(policy(tmp_path / "run"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"max": 0.1}, "exactly one of max, min and not_worse_than", id="two bounds"),
        pytest.param(
            {"not_worse_than": None, "max": 0.1, "tolerance": 0.1}, "goes with not_worse_than", id="tolerance"
        ),
        pytest.param({"not_worse_than": None, "max": 0.1, "worse": "lower"}, "goes with not_worse_than", id="worse"),
        pytest.param({"tolerance": -0.1}, "expected 0 or more", id="negative tolerance"),
    ],
)
def test_mistakes(first, options, said):
    table = {key: value for key, value in (policy(first[0])["gate"][0] | options).items() if value is not None}
    with pytest.raises(ConfigError, match=said):
        Policy.from_dict(policy(first[0]) | {"gate": [table]})


def test_a_bound_and_a_comparison_stand_side_by_side(first, tmp_path):
    table = policy(first[0])
    table["gate"].append({"metric": "shouting.documents_share", "max": 0.5})
    assert [one.op for one in Policy.from_dict(table).gates] == ["max", "max"]
    assert gate(first[1], table, out=tmp_path / "run") == 1
