"""The experiment: exact answers, weights that hold the reference's shares, the same bytes twice, arms that are named."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from auditkit.errors import EXIT_USAGE, AuditkitError, ConfigError, MissingDependency
from auditkit.loop import experiment
from auditkit.loop.experiment import gates, pool, table, tasks
from auditkit.loop.experiment.arms import ARMS, QUICK, Scale, run_seed

FEW = {"sort": 12, "add": 12, "job": 24, "story": 30}
TINY = replace(
    QUICK, real=FEW, prompts=FEW, seed_steps=4, round_steps=2, rounds=2, n_problems=8, n_stories=20,
    arms=("gated_accumulate", "ungated_replace", "seed_only"),
)  # fmt: skip


@pytest.fixture
def torch():
    """torch, and its settings put back after the test."""
    module = pytest.importorskip("torch")
    before = module.get_num_threads(), module.are_deterministic_algorithms_enabled()
    yield module
    module.set_num_threads(before[0])
    module.use_deterministic_algorithms(before[1])


@pytest.mark.parametrize(
    ("words", "right"),
    [
        pytest.param(["sort", *"31415", *"11345"], True, id="sorted"),
        pytest.param(["sort", *"31415", *"11354"], False, id="two digits swapped"),
        pytest.param(["sort", *"31415", *"11335"], False, id="a digit invented"),
        pytest.param(["add", "9", "8", "7", "17", "24"], True, id="both sums right"),
        pytest.param(["add", "9", "8", "7", "16", "24"], False, id="right by a wrong step"),
        pytest.param(["add", "9", "8", "7", "17", "23"], False, id="wrong sum"),
    ],
)
def test_answers_are_checked_exactly(words, right):
    assert tasks.is_right(tasks.encoded(words)) is right


def test_real_rows_are_right_and_hold_the_stereotype_and_the_tail():
    real = tasks.seed_rows({"sort": 50, "add": 50, "job": 6000, "story": 4000}, np.random.default_rng(0))
    assert all(tasks.is_right(row) for task in tasks.EXACT for row in real[task])
    expected = [(tasks.VOCABULARY[row[1]] in tasks.HIS) == (tasks.VOCABULARY[row[2]] == "he") for row in real["job"]]
    assert np.mean(expected) == pytest.approx(tasks.STEREOTYPE, abs=0.02)
    ranks = np.array(real["story"])[:, 1:] - tasks.TOKEN[tasks.WORDS[0]]
    assert (ranks >= tasks.TAIL).mean() == pytest.approx(tasks.zipf()[tasks.TAIL :].sum(), abs=0.01)


def test_the_policies_see_what_is_wrong_with_a_row():
    """Agreement keeps what most samples say; all gates also recompute sums; stories and sentences are no votes."""
    sums = [tasks.encoded(["add", "9", "8", "7", *answer]) for answer in (["17", "24"], ["16", "24"])]
    sort = [tasks.encoded(["sort", *"31415", *answer]) for answer in ("11345", "11345", "11345", "11354")]
    stories = [[tasks.encoded(["story", *tasks.WORDS[at : at + 5]])] for at in (0, 5)]
    jobs = [[tasks.encoded(["job", "nurse", pronoun, "needs", "key", "later"])] for pronoun in ("she", "he")]
    written = {"sort": [sort], "add": [[sums[1]] * 4, [sums[0]] * 4], "job": jobs, "story": stories}
    voted, gated = (gates.audited(written, policy) for policy in (gates.AGREEMENT, gates.ALL_GATES))
    assert (len(voted["sort"]), len(voted["add"])) == (3, 8)
    assert (gated["sort"], gated["add"]) == ([sort[0]], [sums[0]])
    for kept in (voted, gated):
        assert (len(kept["job"]), len(kept["story"])) == (2, 2)
    assert gates.verified(written) == {**gates.ungated(written), "add": [sums[0]]}


def test_the_policy_keeps_real_rows():
    """What the gate drops of right and various rows would be lost to every arm that uses it."""
    real = tasks.seed_rows({"sort": 100, "add": 100, "job": 200, "story": 300}, np.random.default_rng(0))
    kept = gates.audited({task: [[row] for row in rows] for task, rows in real.items()}, gates.ALL_GATES)
    for task, rows in real.items():
        assert len(kept[task]) >= 0.95 * len({tuple(row) for row in rows}), task


def test_a_gate_that_did_not_see_every_row_stops_the_experiment():
    written = {task: [[tasks.encoded(["story", *tasks.WORDS[:5]])]] if task == "story" else [] for task in tasks.TASKS}
    with pytest.raises(AuditkitError, match="incomplete"):
        gates.audited(written, {**gates.ALL_GATES, "corpus": {"max_text_bytes": 4}})


def test_sentences_are_weighted_to_the_reference():
    rng = np.random.default_rng(0)
    real = tasks.seed_rows({"sort": 1, "add": 1, "job": 1200, "story": 1}, rng)["job"]
    biased = [row for at, row in enumerate(real) if at // 12 % 2 or (tasks.VOCABULARY[row[2]] == "he")]
    mix = gates.by_pronoun(real, biased)
    for job in tasks.HIS + tasks.HERS:
        wanted = np.mean([row[2] == tasks.TOKEN["he"] for row in real if row[1] == tasks.TOKEN[job]])
        of_job = np.array([row[1] == tasks.TOKEN[job] for row in biased])
        he = np.array([row[2] == tasks.TOKEN["he"] for row in biased])
        assert mix.weights[of_job & he].sum() / mix.weights[of_job].sum() == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(
    ("weigh", "missing"),
    [
        pytest.param(gates.by_bands, 0.1, id="bands"),
        pytest.param(gates.by_words, 0.35, id="words"),
        pytest.param(gates.by_refill, 0.35, id="refill"),
        pytest.param(gates.by_ratio, 0.9, id="ratio"),
        pytest.param(gates.as_they_are, 1.0, id="as they are"),
    ],
)
def test_ways_to_bring_the_tail_back(weigh, missing):
    """missing: the most that is left of the gap."""
    rng = np.random.default_rng(1)
    real = tasks.seed_rows({"sort": 1, "add": 1, "job": 1, "story": 2000}, rng)["story"]
    first = tasks.TOKEN[tasks.WORDS[0]]

    def tail(mix):
        return np.average((np.array(mix.rows)[:, 1:] - first >= tasks.TAIL).mean(axis=1), weights=mix.weights)

    lost = [row for row in real if max(row) < first + tasks.TAIL or rng.random() < 0.6]
    wanted, before = tail(pool.evenly(real)), tail(pool.evenly(lost))
    assert abs(tail(weigh(real, lost)) - wanted) <= missing * (wanted - before)


def test_batches_have_the_shares_of_the_weights():
    mixes = {task: pool.evenly([]) for task in tasks.TASKS}
    rows = [[1, 2, 3], [1, 2, 4]]
    mixes["story"] = pool.Mix(rows, np.array([1.0, 3.0]))
    drawn = np.concatenate([batch["story"] for batch in pool.batches(mixes, 40, np.random.default_rng(0))])
    assert (drawn[:, 2] == 4).mean() == 0.75


def test_same_bytes_in_another_process_and_whatever_the_number_of_seeds(torch, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "QUICK", TINY)
    assert experiment.main(1, tmp_path, quick=True) == 0
    here = tmp_path / "here"
    here.mkdir()
    lines = run_seed((0, TINY))
    table.write(lines, here)
    for name in ("results.json", "tasks.json", "table.md", "plot.svg"):
        assert (tmp_path / name).read_bytes() == (here / name).read_bytes()
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [set(row) for row in rows] == [set(table.COLUMNS)] * len(TINY.arms) * (TINY.rounds + 1)
    assert len({json.dumps({**row, "arm": ""}) for row in rows if row["round"] == 0}) == 1
    assert all(0 <= row[name] <= 1 for row in rows for name in ("accuracy", "stereotype", "tail_mass", "precision"))


def test_the_arms_of_the_table():
    assert Scale().arms == tuple(ARMS)
    assert {f"{gate}_{regime}" for gate in ("ungated", "agreement", "gated", "verifier")
            for regime in ("accumulate", "replace")} | {"seed_only"} == set(ARMS)  # fmt: skip
    assert set(QUICK.arms) < set(ARMS)


def test_intervals_and_what_is_shown():
    lines = [
        {"seed": seed, "arm": arm, "round": at, "accuracy": value + seed / 100, "stereotype": 0.7, "entropy": 5.0,
         "tail_mass": 0.16 - at / 100, "precision": None, "n_rows": 10}
        for seed in range(2) for arm, value in (("ungated_accumulate", 0.5), ("gated_accumulate", 0.6))
        for at in (0, 1)
    ]  # fmt: skip
    text = table.as_markdown(lines)
    assert "| gated_accumulate | 1 | 0.605 ±0.064 | 0.700 ±0.000 |" in text
    assert "0.100 ±0.000, the gated one ahead in 2 of 2" in text
    assert "at least 0.938" in text


def test_no_torch_is_a_letter_and_exit_2(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:  # undone before the seeds of the next test are set, torch's too
        patch.setitem(sys.modules, "torch", None)
        with pytest.raises(MissingDependency, match=r"auditkit\[loop\]") as caught:
            experiment.main(1, tmp_path / "out", quick=True)
    assert caught.value.exit_code == EXIT_USAGE
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_wrong_usage(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigError, match="expected a folder"):
        experiment.main(1, tmp_path / "out", quick=True)
    assert (tmp_path / "out").read_text() == "mine"


def test_no_seed_is_wrong_usage(tmp_path):
    with pytest.raises(ConfigError, match="--seeds 0"):
        experiment.main(0, tmp_path / "out", quick=True)
