"""`scan --changed-since`: only what a commit brings is looked at, with the lines of the real file; the hook works."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = b"version = 1\n[checkers.shouting]\n"


def git(folder, *arguments):
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repo(tmp_path, write):
    """A repository with one committed data file of 200 rows, row 7 of which shouts."""
    git(tmp_path, "init", "-q")
    rows = [{"id": i, "text": f"row {i}" + ("!!!" if i == 7 else "")} for i in range(200)]
    path = write("data.jsonl", rows)
    write("p.toml", POLICY)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "data")
    return tmp_path, path


def scan(command, *arguments):
    return command("scan", *arguments, "--policy", "p.toml", "--changed-since", "HEAD")


def test_nothing_changed_is_clean_and_quick(repo, command):
    started = time.monotonic()
    done = scan(command, "data.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert time.monotonic() - started < 10, "no checker is loaded"


def test_only_new_and_changed_rows_are_looked_at_with_their_real_lines(repo, command):
    _, path = repo
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("row 4", "row 4 now loud!!!")
    lines.insert(0, json.dumps({"id": "new", "text": "first!!!"}))
    path.write_text("\n".join(lines) + "\n")
    done = scan(command, "data.jsonl")
    assert done.returncode == 1
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["data.jsonl:1:", "data.jsonl:6:"]


def test_an_unreadable_new_row_is_incomplete_at_its_line(repo, command):
    _, path = repo
    path.write_text(path.read_text() + "{broken\n" + json.dumps({"id": "x", "text": "fine"}) + "\n")
    done = scan(command, "data.jsonl")
    assert done.returncode == 3
    assert done.stdout.startswith("data.jsonl:201: corpus/unreadable:")


def test_a_new_file_is_looked_at_as_a_whole_and_a_renamed_one_is_not(repo, command, write):
    folder, _ = repo
    write("new.jsonl", [{"text": "hey!!!"}])
    git(folder, "mv", "data.jsonl", "renamed.jsonl")
    git(folder, "add", "-A")
    done = scan(command, "new.jsonl", "renamed.jsonl")
    assert done.stdout.splitlines() == [done.stdout.splitlines()[0]]
    assert done.stdout.startswith("new.jsonl:1: shouting/loud")


def test_other_formats_are_looked_at_as_a_whole_when_they_changed(repo, command, write):
    folder, _ = repo
    path = write("a.csv", ["id,text", "1,old!!!"])
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "csv")
    assert scan(command, "a.csv").returncode == 0
    path.write_text(path.read_text() + "2,quiet\n")
    assert scan(command, "a.csv").returncode == 1


def test_mistakes(repo, command, tmp_path_factory, write):
    done = command("scan", "data.jsonl", "--changed-since", "no-such-rev")
    assert done.returncode == 2
    assert "no such commit" in done.stderr


def test_before_the_first_commit_all_is_new(tmp_path, command, write):
    git(tmp_path, "init", "-q")
    write("p.toml", POLICY)
    write("a.jsonl", [{"text": "hey!!!"}])
    assert scan(command, "a.jsonl").returncode == 1


@pytest.mark.slow
def test_the_hook_in_a_real_repository(repo, write):
    """The real pre-commit runs the entry of .pre-commit-hooks.yaml; `language: system` spares an installation."""
    import yaml

    folder, path = repo
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    hook = next(one for one in hooks if one["id"] == "auditkit")
    entry = hook["entry"].replace("auditkit ", f"{sys.executable} -m auditkit ", 1)
    local = {
        "id": "auditkit",
        "name": "auditkit",
        "entry": entry,
        "language": "system",
        "files": hook["files"],
        "require_serial": True,
    }
    write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]}).encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "hook")
    run = [sys.executable, "-m", "pre_commit", "run"]
    path.write_text(path.read_text() + json.dumps({"text": "write to jane.roe@acme-corp.com"}) + "\n")
    git(folder, "add", "-A")
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "data.jsonl:201: pii/email: " in done.stdout
    assert "jane.roe" not in done.stdout
    path.write_text(path.read_text().replace("jane.roe@acme-corp.com", "nobody"))
    git(folder, "add", "-A")
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
