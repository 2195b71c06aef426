"""A run killed at any moment leaves either no manifest or a whole run, and resumed it ends in the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from auditkit.run_folder import verify
from tests.conftest import PLUGINS

N_KILLS = int(os.environ.get("AUDITKIT_KILLS", "20"))
FILES = (
    "manifest.json",
    "findings.parquet",
    "documents.parquet",
    "metrics.json",
    "quarantine.jsonl",
    "kept/a.jsonl",
    "dropped/a.jsonl",
)
POLICY = 'version = 1\n[corpus]\nmax_quarantined = 1.0\n[checkers.shouting]\naction = "drop"\n[checkers.letters]\n'


def start(path, policy, out, *extra):
    command = [sys.executable, "-m", "auditkit", "gate", str(path), "--out", str(out), "--policy", str(policy), *extra]
    environment = os.environ | {"PYTHONPATH": str(PLUGINS)}
    return subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run: its input, its policy, its bytes, how long it took."""
    folder = tmp_path_factory.mktemp("kills")
    rows = [f'{{"id": "{i}", "text": "row {i} {"word " * 500}{"!!!" if i % 3 == 0 else ""}"}}\n' for i in range(4000)]
    rows[5] = "{broken\n"
    (folder / "a.jsonl").write_text("".join(rows))
    (folder / "p.toml").write_text(POLICY)
    started = time.monotonic()
    done = start(folder / "a.jsonl", folder / "p.toml", folder / "whole")
    assert done.wait(timeout=300) == 0, done.stderr.read()
    done.stderr.close()
    seconds = time.monotonic() - started
    return folder, {name: (folder / "whole" / name).read_bytes() for name in FILES}, seconds


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(N_KILLS))
def test_killed_anywhere_and_resumed_it_ends_in_the_same_bytes(whole, tmp_path, seed):
    folder, expected, seconds = whole
    rng = random.Random(seed)
    kind = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    runner = rng.choice([(), ("--runner", "processes", "--workers", "2")])
    run = start(folder / "a.jsonl", folder / "p.toml", tmp_path / "run", *runner)
    time.sleep(rng.uniform(0.3, 1.1) * seconds)
    os.killpg(run.pid, kind)
    code = run.wait(timeout=60)
    run.stderr.close()
    published = (tmp_path / "run" / "manifest.json").exists()
    assert published or code in (-signal.SIGKILL, -signal.SIGTERM, 143, 3)
    if published:
        assert verify(tmp_path / "run") == []
    again = start(folder / "a.jsonl", folder / "p.toml", tmp_path / "run", "--resume")
    said = again.communicate(timeout=300)[1]
    assert again.returncode == 0, said
    for name, data in expected.items():
        assert (tmp_path / "run" / name).read_bytes() == data, name
    assert verify(tmp_path / "run") == []
    assert not (tmp_path / "run" / "_work").exists()
