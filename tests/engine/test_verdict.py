"""The three-valued judgement of a gate, and what outranks what."""

from __future__ import annotations

import pytest

from auditkit import Metric, Policy
from auditkit.findings import share, wilson
from auditkit.verdict import judge

COUNTS = {"rows_in": 100, "kept": 100, "redacted": 0, "dropped": 0, "quarantined": 0}


def policy(**gate):
    return Policy.from_dict(
        {"version": 1, "checkers": {"pii": {}}, "gate": [{"metric": "pii.documents_share", **gate}]}
    )


def word(metric, counts=COUNTS, gaps=(), **gate):
    return judge(policy(**gate), [metric], list(gaps), counts).word


@pytest.mark.parametrize(
    ("successes", "trials", "gate", "expected"),
    [
        pytest.param(1, 100, {"max": 0.02}, "pass", id="value below"),
        pytest.param(2, 100, {"max": 0.02}, "pass", id="value at the bound"),
        pytest.param(3, 100, {"max": 0.02}, "fail", id="value above"),
        pytest.param(3, 100, {"min": 0.05}, "fail", id="value under a minimum"),
        pytest.param(9, 100, {"min": 0.05}, "pass", id="value over a minimum"),
        pytest.param(0, 1000, {"max": 0.02, "confidence": 0.95}, "pass", id="whole interval below"),
        pytest.param(90, 1000, {"max": 0.02, "confidence": 0.95}, "fail", id="whole interval above"),
        pytest.param(3, 100, {"max": 0.02, "confidence": 0.95}, "pass", id="undecided warns by default"),
        pytest.param(3, 100, {"max": 0.02, "confidence": 0.95, "on_undecided": "fail"}, "fail", id="undecided may fail"),
    ],
)  # fmt: skip
def test_gates(successes, trials, gate, expected):
    assert word(share("pii", "documents_share", successes, trials), **gate) == expected


def test_an_undecided_gate_is_told():
    verdict = judge(policy(max=0.02, confidence=0.95), [share("pii", "documents_share", 3, 100)], [], COUNTS)
    assert verdict.gates[0].status == "undecided"
    assert "0.03" in verdict.gates[0].reason
    assert "95%" in verdict.gates[0].reason


def test_a_higher_confidence_widens_the_interval():
    metric = share("pii", "documents_share", 10, 100)
    narrow = judge(policy(max=0.5, confidence=0.9), [metric], [], COUNTS).gates[0]
    wide = judge(policy(max=0.5, confidence=0.99), [metric], [], COUNTS).gates[0]
    assert wide.low < narrow.low < 0.1 < narrow.high < wide.high


def test_an_interval_that_is_no_share_is_stretched():
    metric = Metric("pii", "documents_share", 0.5, low=0.4, high=0.6)
    at_95 = judge(policy(max=0.5, confidence=0.95), [metric], [], COUNTS).gates[0]
    at_99 = judge(policy(max=0.5, confidence=0.99), [metric], [], COUNTS).gates[0]
    assert (at_95.low, at_95.high) == pytest.approx((0.4, 0.6))
    assert at_99.high == pytest.approx(0.5 + 0.1 * 2.5758 / 1.9600, abs=1e-3)


@pytest.mark.parametrize(
    "metric", [Metric("pii", "documents_share", None), Metric("pii", "documents_share", float("nan"))]
)
def test_a_metric_without_a_number_never_passes(metric):
    assert word(metric, max=1.0) == "incomplete"


@pytest.mark.parametrize(("on_undecided", "expected"), [("warn", "pass"), ("pass", "pass"), ("fail", "fail")])
def test_no_evidence_leaves_a_gate_with_confidence_undecided(on_undecided, expected):
    metric = Metric("pii", "documents_share", None, status="not_checkable")
    gate = {"max": 0.1, "confidence": 0.95, "on_undecided": on_undecided}
    assert judge(policy(**gate), [metric], [], COUNTS).gates[0].status == "undecided"
    assert word(metric, **gate) == expected
    assert judge(policy(**gate), [], [], COUNTS).word == "incomplete", "a metric that nobody published is unknown"


def test_a_gap_outranks_a_failed_gate_and_both_are_told():
    verdict = judge(policy(max=0.0), [share("pii", "documents_share", 5, 10)], ["pii did not look at x"], COUNTS)
    assert verdict.word == "incomplete"
    assert verdict.exit_code == 3
    assert len(verdict.reasons) == 2


def test_too_many_unreadable_rows_fail():
    counts = COUNTS | {"kept": 99, "quarantined": 1}
    verdict = judge(policy(max=1.0), [share("pii", "documents_share", 0, 99)], [], counts)
    assert (verdict.word, verdict.exit_code) == ("fail", 1)
    assert "1 of 100 rows could not be read" in verdict.reasons[0]


def test_nothing_readable_is_never_a_pass():
    counts = {"rows_in": 1, "kept": 0, "redacted": 0, "dropped": 0, "quarantined": 1}
    table = {"version": 1, "checkers": {"pii": {}}, "corpus": {"max_quarantined": 1.0}}
    assert judge(Policy.from_dict(table), [], [], counts).word == "incomplete"


def test_a_corpus_of_unreadable_rows_alone_is_incomplete():
    counts = {"rows_in": 2, "kept": 0, "redacted": 0, "dropped": 0, "quarantined": 2}
    verdict = judge(policy(max=1.0), [Metric("pii", "documents_share", None)], [], counts)
    assert verdict.word == "incomplete"
    assert verdict.reasons == ("no document could be read", verdict.reasons[1])
    assert verdict.reasons[1].startswith("2 of 2 rows could not be read")
    assert judge(policy(max=1.0), [], ["pii crashed"], counts).reasons[0] == "pii crashed"


def test_wilson_against_known_values():
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)  # Newcombe 1998, table I, method 3 for 0/10
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I, method 3
    assert wilson(0, 0) == (0.0, 1.0)
