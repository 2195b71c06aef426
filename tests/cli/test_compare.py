"""`auditkit compare`: what moved between two runs by more than chance, and for the worse."""

from __future__ import annotations

import json

import pytest

from auditkit import gate
from auditkit.compare import compare_runs

BASE = {"version": 1, "checkers": {"shouting": {}}}
POLICY = b'version = 1\n[checkers.shouting]\n[[gate]]\nmetric = "shouting.documents_share"\nmax = 1.0\n'


@pytest.fixture
def runs(plugins, write, tmp_path):
    """Three runs over 400 rows with 10, 12 and 100 shouting rows."""
    for loud in (10, 12, 100):
        rows = [{"text": f"row {i}" + ("!!!" if i < loud else "")} for i in range(400)]
        gate(write(f"{loud}/a.jsonl", rows), BASE, out=tmp_path / f"run{loud}")
    return {loud: tmp_path / f"run{loud}" for loud in (10, 12, 100)}, str(write("p.toml", POLICY))


def share(changes):
    return next(one for one in changes if one.metric == "shouting.documents_share" and not one.slice)


def test_a_change_beyond_chance_for_the_worse_fails(runs):
    folders, policy = runs
    changes, code = compare_runs(folders[10], folders[100], policy)
    assert code == 1
    one = share(changes)
    assert (one.status, one.verdict) == ("up", "worse")
    assert one.difference == pytest.approx(0.225)
    assert 0.17 < one.low < one.difference < one.high < 0.28


def test_the_same_change_the_other_way_is_better(runs):
    folders, policy = runs
    changes, code = compare_runs(folders[100], folders[10], policy)
    assert code == 0
    assert share(changes).verdict == "better"


def test_a_change_within_chance_is_none(runs):
    folders, policy = runs
    changes, code = compare_runs(folders[10], folders[12], policy)
    assert code == 0
    assert share(changes).verdict == "unchanged"


def test_without_a_policy_nothing_fails(runs):
    folders, _ = runs
    changes, code = compare_runs(folders[10], folders[100], None)
    assert code == 0
    assert share(changes).status == "up"


def test_newcombe_interval_of_the_literature(plugins):
    """Newcombe 1998, table II, method 10: 56/70 - 48/80 = 0.2 (0.0524 to 0.3339)."""
    from auditkit.compare import interval_of_difference

    left = {"value": 48 / 80, "numerator": 48.0, "denominator": 80.0, "low": None, "high": None}
    right = {"value": 56 / 70, "numerator": 56.0, "denominator": 70.0, "low": None, "high": None}
    assert interval_of_difference(left, right) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_the_command(runs, command):
    folders, policy = runs
    done = command("compare", folders[10], folders[100], "--policy", policy)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("worse      shouting.documents_share: 0.025 -> 0.25, +0.225 (+0.1")
    done = command("compare", folders[10], folders[12], "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)
    done = command("compare", folders[10], "nowhere")
    assert done.returncode == 3
    assert "no manifest.json" in done.stderr


def test_a_ratio_above_one_is_no_share():
    """Numerator over denominator may be a ratio: masculine for each feminine mention."""
    from auditkit.compare import interval_of_difference

    row = {"value": 1.5, "numerator": 3, "denominator": 2, "low": None, "high": None}
    assert interval_of_difference(row, row) == (None, None)
    known = row | {"low": 1.0, "high": 2.0}
    low, high = interval_of_difference(known, known)
    assert low < 0 < high
