"""What Python cannot catch: native crashes, calls that run for ever, plug-ins that exit, signals. Never exit 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from auditkit import gate
from tests.conftest import PLUGINS

ROWS = [{"text": "one two three!!!"}, {"text": "four five six"}]


@pytest.fixture
def run_gate(command, write, tmp_path):
    """run_gate("crash") -> the process of `auditkit gate` with that checker beside two good ones."""

    def _run(name, *extra, path=None, env=None):
        policy = write("p.toml", f"version = 1\n[checkers.{name}]\n[checkers.shouting]\n".encode())
        path = path or write("a.jsonl", ROWS)
        return command("gate", path, "--out", tmp_path / "run", "--policy", policy, *extra, env=env)

    return _run


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("segfault", "stopped at: segfault, a.jsonl from row 0 (signal 11)"),
        ("stuck", "stopped at: stuck, for the test (it ended itself, or ran too long to be interrupted)"),
        ("stubborn", "stopped at: stubborn, for the test (it ended itself, or ran too long to be interrupted)"),
        ("kill", "stopped at: kill, a.jsonl from row 0 (it ended itself, or ran too long to be interrupted)"),
    ],
)
def test_inline_it_is_one_sentence_and_exit_3(run_gate, tmp_path, name, said):
    done = run_gate(name)
    assert done.returncode == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run/manifest.json").exists()
    assert "unfinished run; add --resume" in run_gate(name).stderr


@pytest.mark.parametrize("name", ["segfault", "stuck", "kill"])
def test_in_workers_the_rows_are_named(run_gate, tmp_path, name):
    done = run_gate(name, "--runner", "processes", "--workers", "1")
    assert done.returncode == 3
    assert "a.jsonl: a worker process died twice while it looked at rows 0-1" in done.stderr
    assert not (tmp_path / "run/manifest.json").exists()


def test_a_file_cut_short_while_it_is_mapped_is_named(run_gate, tmp_path):
    table = pa.table({"text": [f"row {number} " * 200 for number in range(2000)]})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    done = run_gate("cutter", path=tmp_path / "a.arrow", env={"AUDITKIT_CUT": str(tmp_path / "a.arrow")})
    assert done.returncode == 3
    assert "a.arrow" in done.stderr
    assert not (tmp_path / "run/manifest.json").exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_is_killed_once_is_replaced_and_nothing_changes(run_gate, tmp_path, workers):
    once = tmp_path / "once"
    done = run_gate("kill_once", "--runner", "processes", "--workers", workers, env={"AUDITKIT_ONCE": str(once)})
    assert done.returncode == 0, done.stderr
    assert once.exists()
    (tmp_path / "run").rename(tmp_path / "first")
    assert run_gate("kill_once", env={"AUDITKIT_ONCE": str(once)}).returncode == 0
    for name in ("manifest.json", "findings.parquet", "kept/a.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


@pytest.mark.parametrize("runner", ["inline", "processes"])
def test_sigterm_ends_the_command_and_everyone_it_started(write, tmp_path, runner):
    policy = write("p.toml", b"version = 1\n[checkers.hang]\n")
    path = write("a.jsonl", ROWS)
    arguments = ["gate", path, "--out", tmp_path / "run", "--policy", policy, "--runner", runner, "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "auditkit", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(PLUGINS)},
        start_new_session=True,
    )
    while not list(tmp_path.glob("run/_work/arguments.json")):
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    deadline = time.monotonic() + 30
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not members(process.pid)
    assert not (tmp_path / "run/manifest.json").exists()


def members(group):
    """The living processes of a process group."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]]


def test_in_a_process_of_ones_own_nothing_is_forked(plugins, write, tmp_path):
    before = os.getpid()
    assert gate(write("a.jsonl", ROWS), {"version": 1, "checkers": {"shouting": {}}}, out=tmp_path / "run") == 0
    assert os.getpid() == before
