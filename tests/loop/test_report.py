"""One page over all rounds: what it says, that it is safe, and that it tells of rounds that were changed."""

from __future__ import annotations

import json
import re

import pytest

from auditkit.errors import RunFolderError
from auditkit.loop.folder import place_of, publish, write_json
from auditkit.loop.report import render, write_report

HOSTILE = '</style><script>alert(1)</script><img src=x onerror="alert(2)">\u202e'


def metric(stage, name, value, low, high, *, checker="loop", slice=""):
    return {"stage": stage, "checker": checker, "metric": name, "slice": slice, "value": value, "low": low, "high": high,
            "numerator": None, "denominator": None, "reference": None, "status": "ok"}  # fmt: skip


@pytest.fixture
def rounds(tmp_path):
    """Three published rounds with hostile names wherever a name can stand."""
    made = []
    for number in range(3):
        place = place_of(tmp_path / "rounds", number)
        tail = 0.2 - 0.02 * number
        write_json(place / "metrics.json", [
            metric("kept", "tail_share", tail, tail - 0.005, tail + 0.005),
            metric("kept", "region.share", 0.5, 0.4, 0.6, checker="skew", slice=HOSTILE),
        ])  # fmt: skip
        drift = {"metric": "kept.loop.tail_share", "slice": HOSTILE, "against": 0, "before": 0.2, "now": 0.16, "low": -0.05,
                 "high": -0.03, "tolerance": 0.02, "worse": "down", "on_undecided": "warn", "status": "fail"}  # fmt: skip
        lineage = {
            "verdict": "fail" if number == 2 else "pass", "reasons": [f"the tail is gone {HOSTILE}"] if number == 2 else [],
            "warnings": [HOSTILE], "risks": ["regime replace: " + HOSTILE], "model": HOSTILE, "asked_model": HOSTILE,
            "drift": [drift] if number else [], "seed": 0, "policy_sha256": "0" * 64,
            "counts": {"rows": 100, "kept": 60, "prompts": 25, "kept_without_recovery": 40, "unanswered": 0},
            "removed": {"run": {"toxicity/toxic": 3 * number, HOSTILE: 1}, "gate": {}, "judge": {"not better": 0}},
            "generator": {"kind": HOSTILE}, "trainer": {"kind": "export"},
            "settings": {"regime": "replace", "policy": HOSTILE, "drift": [{"metric": "kept.loop.tail_share"}]},
        }  # fmt: skip
        publish(place, lineage, made)
        made.append(place)
    return made


def test_it_says_what_a_reviewer_asks(rounds):
    page = render(rounds)
    for said in ("The last round must not be trained on.", "the tail is gone", "What each gate removed", "toxicity/toxic",
                 "Kept without recovery", "How the numbers move", "Lineage", "regime replace"):  # fmt: skip
        assert said in page
    assert page.count('class="chart rounds"') == 3  # two metrics over rounds, one lineage
    assert "20.0% → 18.0% → 16.0%" in page
    assert "-2.00%" in page


def test_nothing_from_data_becomes_markup_and_no_script_runs(rounds):
    page = render(rounds)
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert "default-src &#x27;none&#x27;" in policy
    assert "script-src" not in policy
    assert not re.search(
        r"\son[a-z]+=", re.sub(r"&quot;.*?&quot;", "", page.split("<body>")[1].replace("onerror=&quot;", ""))
    )


def test_changed_rounds_are_told(rounds, tmp_path):
    (rounds[1].path / "metrics.json").write_text("[]")
    page = render(rounds)
    assert "its bytes were changed after the round" in page
    assert 'class="verdict incomplete"' in page


def test_the_lineage_names_hashes_and_parents(rounds):
    page = render(rounds)
    for place in rounds:
        assert place.sha256 in page
    assert "round 0, round 1" in page
    assert [parent["round"] for parent in json.loads((rounds[2].path / "round.json").read_text())["parents"]] == [0, 1]


def test_without_rounds_there_is_no_page(tmp_path):
    with pytest.raises(RunFolderError, match="holds no finished round"):
        write_report(tmp_path, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
