"""A round that stops at any step on the disk goes on there, and ends in the same bytes."""

from __future__ import annotations

import pytest

from auditkit import disk
from auditkit.loop.rounds import run_loop
from auditkit.loop.settings import load
from tests.loop.conftest import CALLABLE, TAUGHT, make_loop

QUICK = """version = 1
[checkers.hallucination]
action = "drop"
min_agreement = 0.75
[checkers.near_duplicates]
"""
SAME = ("prompts.jsonl", "samples.jsonl", "recovery.jsonl", "kept.jsonl", "metrics.json", "training.jsonl",
        "export/trl/messages.jsonl", "export/lineage.jsonl")  # fmt: skip


class Killed(BaseException):
    """Nobody catches it."""


def made(home):
    home.mkdir()
    settings = make_loop(
        home, CALLABLE, extra=TAUGHT + '[[drift]]\nmetric = "kept.loop.tail_share"\ntolerance = 1\n', n_prompts=8,
        top='rounds = 1\npolicy = "quick.toml"',
    )  # fmt: skip
    (settings.parent / "quick.toml").write_text(QUICK)
    return settings


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder of the loop, number of disk steps) of a loop that nothing stopped."""
    steps = []
    disk.before, original = lambda name, _path: steps.append(name), disk.before
    home = tmp_path_factory.mktemp("whole") / "home"
    try:
        settings = made(home)
        assert run_loop(load(settings), settings.parent / "rounds") == 0
    finally:
        disk.before = original
    return settings.parent, len(steps)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.995])
def test_a_stopped_round_ends_as_if_nothing_had_stopped_it(whole, tmp_path, monkeypatch, share):
    folder, n_steps = whole
    settings = made(tmp_path / "home")
    out = settings.parent / "rounds"
    left = [int(share * n_steps)]

    def stop(_name, _path):
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    monkeypatch.setattr(disk, "before", stop)
    with pytest.raises(Killed):
        run_loop(load(settings), out)
    assert not (out / "1" / "round.json").exists()
    monkeypatch.setattr(disk, "before", lambda _name, _path: None)
    assert run_loop(load(settings), out) == 0
    for name in SAME:
        assert (out / "1" / name).read_bytes() == (folder / "rounds" / "1" / name).read_bytes(), name
    asked = [(place / "asked.txt").read_text().splitlines() for place in (folder, settings.parent)]
    assert sorted(asked[1]) == sorted(asked[0])
    assert len((settings.parent / "taught.txt").read_text().splitlines()) <= 2


def test_a_loop_that_is_done_asks_and_trains_nothing_more(whole):
    folder, _ = whole
    before = [(folder / name).read_text() for name in ("asked.txt", "taught.txt")]
    assert run_loop(load(folder / "loop.toml"), folder / "rounds") == 0
    assert [(folder / name).read_text() for name in ("asked.txt", "taught.txt")] == before
