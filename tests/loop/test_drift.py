"""Bounds on drift: the same against the round before and round 0, decided by intervals; slopes over rounds."""

from __future__ import annotations

import pytest

from auditkit.findings import share
from auditkit.loop.drift import by_name, drifted
from auditkit.loop.settings import default_drift
from auditkit.loop.tables import Drift
from auditkit.loop.trend import trends


def metrics(n, of=1000, *, slice=""):
    return by_name([{"stage": "kept", **share("toxicity", "documents_share", n, of, slice=slice).as_dict()}])


BOUND = Drift("kept.toxicity.documents_share", 0.05)


def statuses(now, *earlier, bound=BOUND):
    return {one.against: one.status for one in drifted([bound], now, list(earlier))}


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [(100, 100, "pass"), (100, 260, "fail"), (100, 160, "undecided"), (260, 100, "pass"), (0, 0, "pass")],
    ids=["same", "far beyond", "about the bound", "better", "nothing"],
)
def test_the_interval_decides(before, now, status):
    assert statuses(metrics(now), metrics(before)) == {0: status}


def test_many_small_steps_pass_no_more_than_one_big_step():
    """Each step of 4 points is within the bound of 5; the third is 12 points from round 0, which one step may not be."""
    steps = [metrics(n, 10_000) for n in (1000, 1350, 1700, 2050)]
    found = [statuses(steps[number], *steps[:number]) for number in (1, 2, 3)]
    assert [one[max(one)] for one in found] == ["pass", "pass", "pass"]
    assert found[2][0] == "fail"
    assert statuses(steps[3], steps[0]) == {0: "fail"}


@pytest.mark.parametrize(("worse", "status"), [("up", "pass"), ("down", "fail"), ("away", "fail")])
def test_the_direction_that_counts(worse, status):
    assert statuses(metrics(100), metrics(500), bound=Drift(BOUND.metric, 0.05, worse)) == {0: status}


def test_every_slice_is_compared():
    before = metrics(100, slice="Europe") | metrics(100, slice="Oceania")
    now = metrics(100, slice="Europe") | metrics(600, slice="Oceania")
    found = drifted([Drift(BOUND.metric, 0.05, "away", "*")], now, [before])
    assert {one.slice: one.status for one in found} == {"Europe": "pass", "Oceania": "fail"}


def test_what_was_measured_before_and_is_not_now_is_undecided():
    found = drifted([Drift(BOUND.metric, 0.05, on_undecided="fail")], {}, [metrics(10)])
    assert [(one.status, one.fails) for one in found] == [("undecided", True)]
    assert "nothing was there to measure it on" in found[0].sentence()


def test_what_was_never_measured_is_not_compared():
    assert drifted([BOUND], metrics(10), [{}]) == []


def test_a_metric_that_begins_later_is_held_against_its_first_round():
    assert set(statuses(metrics(10), {}, metrics(10), metrics(12))) == {1, 2}


def test_the_packaged_bounds_are_about_metrics_that_exist():
    stages = {bound.metric.split(".")[0] for bound in default_drift()}
    assert stages == {"samples", "kept", "probe"}
    assert all(bound.tolerance > 0 for bound in default_drift())


def test_slopes_have_the_interval_of_their_points():
    rounds = {number: metrics(100 + 100 * number) for number in range(4)}
    found = trends(rounds)[0]
    assert found.slope == pytest.approx(0.1, abs=0.01)
    assert found.low < 0.1 < found.high
    assert found.moves
    assert not trends({number: metrics(100) for number in range(4)})[0].moves
    assert trends({0: metrics(1)}) == []


def test_points_without_intervals_have_a_slope_and_no_interval():
    row = {"stage": "kept", "checker": "x", "metric": "y", "slice": "", "low": None, "high": None}
    found = trends({number: by_name([row | {"value": 2.0 * number}]) for number in range(3)})[0]
    assert (found.slope, found.low, found.moves) == (2.0, None, False)
