"""`gate --plant N`: the recall on faults whose place is known, and a checker that finds none of them is a gap."""

from __future__ import annotations

import json

import pytest

from auditkit import gate
from auditkit.plant import witness

ROWS = [{"id": "a", "text": "A quiet row about gardens."}]


def metrics(run):
    return {row["slice"]: row for row in json.loads((run / "metrics.json").read_text()) if row["checker"] == "planted"}


@pytest.mark.slow
def test_the_recall_of_planted_faults_is_told_and_leaves_no_trace(write, tmp_path):
    policy = {
        "version": 1,
        "checkers": {"pii": {}, "near_duplicates": {}},
        "gate": [{"metric": "planted.recall", "slice": "pii", "min": 0.5}],
    }
    assert gate(write("a.jsonl", ROWS), policy, out=tmp_path / "run", witness=witness(40)) == 0
    said = metrics(tmp_path / "run")
    assert said["pii/email"]["value"] == 1.0
    assert said["near_duplicates"]["value"] >= 0.9
    assert said["pii"]["low"] < said["pii"]["value"] <= said["pii"]["high"]
    assert not any(name.startswith("toxicity") for name in said), "only what the policy looks for"
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["counts"]["rows_in"] == 1
    assert [row["path"] for row in manifest["inputs"]] == ["a.jsonl"]


@pytest.mark.slow
def test_a_checker_that_finds_none_of_its_faults_is_a_gap(write, tmp_path):
    policy = {"version": 1, "checkers": {"pii": {"entities": ["MAC_ADDRESS"]}}}
    assert gate(write("a.jsonl", ROWS), policy, out=tmp_path / "run", witness=witness(40)) == 3
    assert "pii found none of the" in json.loads((tmp_path / "run/manifest.json").read_text())["reasons"][0]
