"""`scan --changed-since`: only what a commit brings is looked at, with the lines of the real file; the hook works."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import remembered
from auditkit.changed import new_lines

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


@pytest.fixture
def addresses(repo):
    """The repository with two new rows, one with an e-mail address; and a scan by the hook's own policy."""
    folder, path = repo
    rows = [{"text": "write to jane.roe@acme-corp.com"}, {"text": "nothing here"}]
    path.write_text(path.read_text() + "".join(json.dumps(row) + "\n" for row in rows))
    return folder, path


def memory_of(folder):
    return folder / ".git/auditkit/remembered-1.sqlite"


def hook_scan(command, *arguments):
    return command("scan", *arguments, "--changed-since", "HEAD")


def test_rows_seen_before_are_answered_from_the_git_directory(addresses, command):
    folder, path = addresses
    first = hook_scan(command, "data.jsonl")
    assert first.stdout.startswith("data.jsonl:201: pii/email: ")
    with closing(sqlite3.connect(memory_of(folder))) as db, db:
        db.execute("UPDATE said SET value = replace(value, 'pii/email: ', 'pii/email: remembered: ')")
    assert hook_scan(command, "data.jsonl").stdout == first.stdout.replace("email: ", "email: remembered: ")
    path.write_text("\n" + path.read_text() + json.dumps({"text": "ask joe.doe@acme-corp.com"}) + "\n")
    again = hook_scan(command, "data.jsonl").stdout.splitlines()
    assert [line.partition(" an e-mail")[0] for line in again] == [
        "data.jsonl:202: pii/email: remembered:",
        "data.jsonl:204: pii/email:",
    ]


def test_what_is_remembered_holds_no_text_and_counts_for_one_policy_alone(addresses, command):
    folder, _ = addresses
    assert hook_scan(command, "data.jsonl").returncode == 1
    kept = b"".join(path.read_bytes() for path in memory_of(folder).parent.iterdir())
    assert b"pii/email" in kept
    for raw in (b"jane.roe", b"acme-corp", b"nothing here", b"write to"):
        assert raw not in kept
    assert hook_scan(command, "data.jsonl", "--policy", "secrets").returncode == 0


def test_a_remembered_finding_can_be_accepted(addresses, command, tmp_path):
    known = command("scan", "data.jsonl", "--format", "json")
    (tmp_path / "known.json").write_text(known.stdout)
    assert hook_scan(command, "data.jsonl").returncode == 1
    assert hook_scan(command, "data.jsonl", "--baseline", "known.json").returncode == 0


@pytest.mark.parametrize("broken", [b"no database", b""], ids=["overwritten", "emptied"])
def test_a_broken_memory_is_replaced(addresses, command, broken):
    folder, _ = addresses
    first = hook_scan(command, "data.jsonl")
    memory_of(folder).write_bytes(broken)
    again = hook_scan(command, "data.jsonl")
    assert (again.returncode, again.stdout, again.stderr) == (1, first.stdout, "")
    with closing(sqlite3.connect(memory_of(folder))) as db, db:
        assert db.execute("SELECT count(*) FROM said").fetchone()[0] == 3, "two rows and the file"


def test_hooks_side_by_side_and_a_locked_memory(addresses):
    folder, _ = addresses
    scan = [sys.executable, "-m", "auditkit", "scan", "data.jsonl", "--changed-since", "HEAD"]
    started = [subprocess.Popen(scan, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {one.communicate(timeout=300)[0] for one in started}
    assert len(said) == 1
    assert said.pop().startswith("data.jsonl:201: pii/email: ")
    with closing(sqlite3.connect(memory_of(folder))) as db, db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.execute("DELETE FROM said")
        db.commit()
        db.execute("BEGIN EXCLUSIVE")
        assert subprocess.run(scan, cwd=folder, capture_output=True, check=False).returncode == 1
        db.rollback()


def test_the_memory_is_bounded_and_keeps_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "MAX_ENTRIES", 5)
    memory = remembered.Memory(tmp_path)
    keys = [remembered.key(str(number)) for number in range(9)]
    for number, key in enumerate(keys):
        memory.remember({key: [number]})
    assert memory.known(keys) == {key: [number] for number, key in enumerate(keys) if number >= 4}
    memory.close()
    assert remembered.Memory(None).known(keys) == {}


def test_another_rule_pack_version_is_another_stamp(tmp_path, monkeypatch):
    """Code and rule packs are part of every key by path, size and time of change."""
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules/packs", rules)
    monkeypatch.setattr(remembered, "resource", lambda name: rules)
    before = remembered.stamp("pre-commit", {})
    assert remembered.stamp("pre-commit", {}) == before
    assert remembered.stamp("secrets", {}) != before
    assert remembered.stamp("pre-commit", {"text": "body"}) != before
    pack = rules / "pii.toml"
    pack.write_text(pack.read_text() + "\n")
    assert remembered.stamp("pre-commit", {}) != before


def test_a_deleted_file_holds_nothing_new_but_an_unknown_one_is_a_mistake(repo, command):
    folder, path = repo
    (folder / "sub").mkdir()
    (folder / "sub/b.jsonl").write_text('{"text": "b"}\n')
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "b")
    path.unlink()
    assert scan(command, "data.jsonl").returncode == 0
    git(folder, "rm", "-q", "data.jsonl", "sub/b.jsonl")
    assert not (folder / "sub").exists()
    done = scan(command, "data.jsonl", "sub/b.jsonl")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = scan(command, "nowhere.jsonl")
    assert done.returncode == 2
    assert "nowhere.jsonl" in done.stderr


def test_parquet_is_looked_at_as_a_whole_once(repo, command):
    folder, _ = repo
    table = pa.table({"text": ["quiet", "mail joe.doe@acme-corp.com"]})
    pq.write_table(table, folder / "a.parquet")
    git(folder, "add", "-A")
    first = hook_scan(command, "a.parquet")
    assert first.stdout.startswith("a.parquet:2: pii/email: ")
    with closing(sqlite3.connect(memory_of(folder))) as db, db:
        db.execute("UPDATE said SET value = replace(value, 'pii/email: ', 'pii/email: remembered: ')")
    assert "remembered" in hook_scan(command, "a.parquet").stdout


def pointer(content):
    digest = hashlib.sha256(content).hexdigest()
    return digest, f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()


def test_a_commit_in_a_linked_work_tree_looks_at_its_new_rows_alone(repo, tmp_path_factory):
    """git commit sets GIT_DIR and GIT_INDEX_FILE for its hook."""
    folder, _ = repo
    (folder / "sub").mkdir()
    (folder / "sub/b.jsonl").write_text('{"text": "old!!!"}\n')
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "b")
    tree = tmp_path_factory.mktemp("trees") / "tree"
    git(folder, "worktree", "add", "-q", str(tree))
    hook = folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    scan = f"{sys.executable} -m auditkit scan --changed-since HEAD --policy p.toml sub/b.jsonl"
    hook.write_text(f"#!/bin/sh\nexport PYTHONPATH='{ROOT / 'tests/plugins'}'\n{scan} > said\nexit 1\n")
    hook.chmod(0o755)
    (tree / "sub/b.jsonl").write_text('{"text": "old!!!"}\n{"text": "new!!!"}\n')
    done = subprocess.run(["git", "commit", "-qam", "x"], cwd=tree, capture_output=True, check=False)
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in (tree / "said").read_text().splitlines()] == ["sub/b.jsonl:2"]


def test_a_git_lfs_pointer_gets_a_clear_word(repo, command):
    _, path = repo
    path.write_bytes(pointer(path.read_bytes())[1])
    done = scan(command, "data.jsonl")
    assert done.returncode == 3
    assert "git LFS pointer" in done.stderr
    assert "git lfs pull" in done.stderr


@pytest.mark.parametrize("fetched", [True, False], ids=["object here", "object not here"])
def test_what_git_lfs_held_before_is_not_new(repo, command, fetched):
    folder, path = repo
    old = path.read_bytes()
    digest, stub = pointer(old)
    path.write_bytes(stub)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "track with lfs")
    if fetched:
        stored = folder / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
        stored.parent.mkdir(parents=True)
        stored.write_bytes(old)
    path.write_bytes(old + b'{"text": "new!!!"}\n')
    done = scan(command, "data.jsonl")
    lines = [line.partition(": ")[0] for line in done.stdout.splitlines()]
    assert lines == (["data.jsonl:201"] if fetched else ["data.jsonl:8", "data.jsonl:201"])
    assert ("git lfs fetch" in done.stderr) is not fetched


def test_line_ends_and_a_missing_last_one_make_no_new_row():
    before = b'{"a": 1}\n{"a": 2}'
    assert new_lines(before, b'{"a": 1}\r\n\n{"a": 2}\n') == []
    assert new_lines(before, b'{"a": 3}\r\n \n{"a": 1}') == [(1, b'{"a": 3}')]


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
