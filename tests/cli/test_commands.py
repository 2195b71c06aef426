"""The other commands, and what a user sees when something is wrong: never a traceback."""

from __future__ import annotations

import json

import pytest

POLICY = 'version = 1\n[corpus]\nmax_quarantined = 1.0\n[checkers.shouting]\naction = "drop"\n'
ROWS = ['{"id": "a", "text": "quiet"}', "", '{"id": "b", "text": "loud!!!"}']


@pytest.fixture
def policy(write):
    return write("p.toml", POLICY.encode())


def test_gate_prints_a_summary_and_exits_by_verdict(command, write, policy, tmp_path):
    done = command("gate", write("a.jsonl", ROWS), "--out", tmp_path / "run", "--policy", policy)
    assert done.returncode == 0, done.stderr
    assert "shouting" in done.stdout
    assert "pass" in done.stdout.lower()
    assert "\x1b" not in done.stdout + done.stderr


def test_scan_prints_path_line_rule_message(command, write, policy):
    path = write("a.jsonl", ROWS)
    done = command("scan", path, "--policy", policy)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}:3: shouting/loud: ")
    assert command("scan", write("b.jsonl", ROWS[:1]), "--policy", policy).returncode == 0


def test_scan_reads_stdin(command, policy):
    done = command("scan", "-", "--policy", policy, stdin="\n".join(ROWS) + "\n")
    assert done.returncode == 1
    assert ":3: shouting/loud: " in done.stdout


def test_scan_of_unreadable_rows_is_incomplete(command, write, policy):
    strict = write("strict.toml", POLICY.replace("max_quarantined = 1.0", "max_quarantined = 0.0").encode())
    done = command("scan", write("a.jsonl", [ROWS[0], "{broken"]), "--policy", strict)
    assert done.returncode == 3
    assert "a.jsonl:2: corpus/unreadable:" in done.stdout


@pytest.mark.parametrize("format", ["json", "sarif", "github", "junit"])
def test_scan_formats(command, write, policy, format):
    done = command("scan", write("a.jsonl", ROWS), "--policy", policy, "--format", format)
    assert done.returncode == 1
    assert "shouting/loud" in done.stdout
    if format in ("json", "sarif"):
        json.loads(done.stdout)


@pytest.mark.parametrize("format", ["html", "markdown", "json", "sarif", "github", "junit", "csv", "text"])
def test_report_writes_every_format_whatever_the_verdict(command, write, policy, tmp_path, format):
    command("gate", write("a.jsonl", ROWS), "--out", tmp_path / "run", "--policy", policy)
    done = command("report", tmp_path / "run", "--format", format, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").stat().st_size > 100


def test_clean_writes_the_kept_rows(command, write, policy, tmp_path):
    done = command("clean", write("a.jsonl", ROWS), "--out", tmp_path / "clean.jsonl", "--policy", policy)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clean.jsonl").read_text() == ROWS[0] + "\n"
    assert "2 rows in: 1 kept, 0 redacted, 1 dropped, 0 unreadable" in done.stdout


def test_clean_never_overwrites_its_input(command, write, policy):
    path = write("a.jsonl", ROWS)
    done = command("clean", path, "--out", path, "--policy", policy)
    assert done.returncode == 2
    assert "never overwritten" in done.stderr


def test_explain_a_rule_and_a_checker(command):
    done = command("explain", "shouting/loud")
    assert done.returncode == 0
    assert "It shouts." in done.stdout
    assert "What it finds" in command("explain", "pii").stdout


def test_rules_list(command):
    done = command("rules", "list", "--checker", "shouting")
    assert done.stdout.startswith("shouting/loud  low")


def test_completion_scripts(command):
    for shell in ("bash", "zsh", "fish"):
        assert "_AUDITKIT_COMPLETE" in command("completion", shell).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["gate", "nowhere.jsonl", "--out", "run"], 2, "nowhere.jsonl", id="no such file"),
        pytest.param(["gate", "a.jsonl"], 2, "--out", id="no --out"),
        pytest.param(["gate", "a.jsonl", "--out", "run", "--policy", "defualt"], 2, "did you mean 'default'", id="unknown policy"),
        pytest.param(["gate", "a.jsonl", "--out", "run", "--field", "text"], 2, "ROLE=PATH", id="bad --field"),
        pytest.param(["gate", "a.jsonl", "--out", "run", "--field", "txt=text"], 2, "did you mean 'text'", id="unknown role"),
        pytest.param(["gate", "a.jsonl", "--out", "run", "--workers", "0"], 2, "1 or more", id="no workers"),
        pytest.param(["gaet", "a.jsonl"], 2, "gate", id="unknown command"),
        pytest.param(["explain", "pii/emial"], 2, "did you mean 'pii/email'", id="unknown rule"),
        pytest.param(["verify", "nowhere"], 3, "no manifest.json", id="no run"),
        pytest.param(["report", "nowhere"], 3, "nowhere", id="no run to report"),
        pytest.param(["rules", "test", "pii/emial"], 2, "pii/email", id="unknown rule to test"),
    ],
)  # fmt: skip
def test_mistakes_get_a_letter_and_no_traceback(command, write, arguments, code, said):
    write("a.jsonl", ROWS)
    done = command(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_no_traceback(command, write, policy, tmp_path):
    import subprocess
    import sys

    path = write("many.jsonl", [{"text": f"{i}!!!"} for i in range(5000)])
    from tests.conftest import PLUGINS

    line = f"PYTHONPATH={PLUGINS} {sys.executable} -m auditkit scan {path} --policy {policy} | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    assert "shouting/loud" in done.stdout


def test_scan_names_the_line_on_which_a_csv_record_begins(command, write, policy):
    path = write("a.csv", b'id,text\n1,"two\nlines"\n\n2,loud!!!\n')
    done = command("scan", path, "--policy", policy)
    assert done.stdout.startswith(f"{path}:5: shouting/loud: ")
