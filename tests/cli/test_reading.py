"""A stratified sample for people to read, and the precision that they found, back in the report."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from auditkit import gate
from auditkit.errors import ConfigError
from auditkit.findings import wilson
from auditkit.outputs import render
from auditkit.reading import take_judged, write_sample
from auditkit.report_data import read_report
from auditkit.report_data.precision import precisions
from auditkit.review import waive
from auditkit.run_folder import verify

POLICY = {
    "version": 1,
    "checkers": {"shouting": {"action": "drop"}, "pii": {"entities": ["EMAIL_ADDRESS"], "action": "redact"}},
}
ROWS = [
    *({"id": f"loud {i}", "text": f"number {i}!!!"} for i in range(30)),
    *({"id": f"mail {i}", "text": f"write to someone.{i}@acme-corp.com"} for i in range(12)),
    *({"id": f"both {i}", "text": f"write to other.{i}@acme-corp.com!!!"} for i in range(5)),
]


@pytest.fixture
def run(plugins, write, tmp_path):
    gate(write("a.jsonl", ROWS), POLICY, out=tmp_path / "run")
    return tmp_path / "run"


def drawn(run, tmp_path, **options):
    path = tmp_path / "sample.json"
    write_sample(run, path, **{"per_rule": 4, "seed": 0} | options)
    return path, json.loads(path.read_text())


def judge(path, content, decide):
    for entry in content["decisions"]:
        entry["decision"] = decide(entry)
        entry["reason"] = "read it"
    path.write_text(json.dumps(content))
    return path


def test_each_rule_and_decision_is_drawn_by_seed(run, tmp_path):
    _, content = drawn(run, tmp_path)
    strata = Counter((one["rule"], one["became"]) for one in content["decisions"])
    assert strata == {("shouting/loud", "drop"): 4, ("pii/email", "drop"): 4, ("pii/email", "redact"): 4}
    again = drawn(run, tmp_path)[1]
    assert again == content
    assert drawn(run, tmp_path, seed=1)[1]["decisions"] != content["decisions"]
    first = content["decisions"][0]
    assert ROWS[first["row"]]["id"] == first["id"]
    assert first["line"] == first["row"] + 1
    assert "acme-corp" not in json.dumps(content).replace("someone", ""), "evidence is masked"


def test_what_readers_found_stands_in_the_report(run, tmp_path):
    path, content = drawn(run, tmp_path)
    judge(path, content, lambda one: "false-positive" if one["row"] % 2 else "must-fix")
    said = take_judged(run, path, who="Jo <b>Doe</b>")
    assert "12 findings judged by Jo" in said
    rows = {(row.rule, row.decision): row for row in precisions(read_report(run))}
    right = sum(one["row"] % 2 == 0 for one in content["decisions"] if one["rule"] == "shouting/loud")
    loud = rows["shouting/loud", "drop"]
    assert (loud.judged, loud.right, loud.findings) == (4, right, 35)
    assert (loud.low, loud.high) == wilson(right, 4)
    mails = rows["pii/email", ""]
    parts = [rows["pii/email", "drop"], rows["pii/email", "redact"]]
    assert mails.value == pytest.approx(sum(part.value * part.findings for part in parts) / 17)
    assert rows["", ""].findings == 52
    assert rows["", ""].low < rows["", ""].value < rows["", ""].high
    for kind in ("html", "markdown"):
        page = render(read_report(run), kind).decode()
        assert "How right the findings are" in page
        assert "<b>Doe" not in page
    assert verify(run) == [], "what people say of a run changes nothing that it wrote"


def test_a_report_without_readers_has_no_such_section(run):
    assert "How right the findings are" not in render(read_report(run), "html").decode()


def test_the_same_file_waives(run, tmp_path):
    path, content = drawn(run, tmp_path)
    judge(path, content, lambda one: "false positive" if one["rule"] == "pii/email" else "")
    assert "8 decisions merged" in waive(run, path, tmp_path / "waivers.jsonl", who="Jo", expires="")


def test_what_the_page_downloads_serves_too_but_is_no_random_sample(run, tmp_path):
    path, content = drawn(run, tmp_path)
    names = ("fingerprint", "rule", "field")
    rows = [
        {name: one[name] for name in names} | {"decision": "must fix", "reason": "so"} for one in content["decisions"]
    ]
    path.write_text(json.dumps(rows))
    take_judged(run, path, who="Jo")
    assert "chose them freely" in render(read_report(run), "markdown").decode()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda content: None, "no decision yet", id="nobody has read it"),
        pytest.param(lambda content: content["decisions"][0].update(decision="hm"), "unknown decision 'hm'", id="word"),
        pytest.param(lambda content: content["sample"].update(manifest_sha256="0"), "another run", id="another run"),
        pytest.param(
            lambda content: content["decisions"][0].update(decision="must-fix", rule="pii/phone"), "on no finding", id="rule"
        ),
        pytest.param(lambda content: content.pop("decisions"), "no decisions file", id="no decisions"),
    ],
)  # fmt: skip
def test_mistakes(run, tmp_path, spoil, said):
    path, content = drawn(run, tmp_path)
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=said):
        take_judged(run, path, who="Jo")


def test_a_rule_of_which_a_part_was_not_read_has_no_precision(run, tmp_path):
    path, content = drawn(run, tmp_path)
    judge(path, content, lambda one: "must-fix" if one["became"] == "drop" else "")
    take_judged(run, path, who="Jo")
    assert {(row.rule, row.decision) for row in precisions(read_report(run))} == {
        ("pii/email", "drop"),
        ("shouting/loud", "drop"),
    }


def test_the_commands(run, command, tmp_path):
    done = command("review", run, "--out", "s.json", "--per-rule", "2", "--seed", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 findings to read" in done.stdout
    content = json.loads((tmp_path / "s.json").read_text())
    judge(tmp_path / "s.json", content, lambda one: "must-fix")
    assert command("review", run, "--judged", "s.json").returncode == 2
    done = command("review", run, "--judged", "s.json", "--by", "Jo")
    assert "all rules: 6 of 6 right, 100%" in done.stdout
    assert command("review", run).returncode == 2
