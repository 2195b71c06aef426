"""Planted values that occur nowhere else: after a run, whole, failed or killed, they stand in no file but the corpus.

dropped/ and quarantine.jsonl hold raw rows by design, and nothing else does; nor do stdout, stderr and arguments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.conftest import PLUGINS

CANARIES = {
    "email": "zaphod.kestrel@quillmere-labs.com",
    "phone": "+1 415-632-7719",
    "card": "4539 5787 6362 1486",
    "ssn": "536-22-8726",
    "iban": "DE44500105175407324931",
    "aws key": "AKIAQ3EGZV7TRXNWLP5D",
    "github token": "ghp_" + "q8Zt2Vb6Lw0Rk4Xs9Nd1Fh7Jm3Pc5Yg8Ta2E",
    "password": "tr0mb0ne-Xylograph-77",
    "insult": "you filthy worthless quockerwodger idiot",
    "prose": "the heliotrope lighthouse hummed below Vantablack harbour",
}
POLICY = """version = 1
extends = "default"
[corpus]
max_quarantined = 1.0
[checkers.pii]
action = "redact"
[checkers.toxicity]
action = "drop"
"""


def lines():
    """Rows with a canary in each place that a row has."""
    values = CANARIES
    rows = [
        json.dumps({"id": f"row-{name}", "text": f"Please note: {value}, thanks."}) for name, value in values.items()
    ]
    rows[list(values).index("password")] = json.dumps({"id": "p", "text": f'password = "{values["password"]}"'})
    rows.append(json.dumps({"id": values["email"], "text": "a quiet row", values["email"]: 1, "note": values["ssn"]}))
    rows.append('{"text": "broken ' + values["email"] + '\n{"text": "torn ' + values["prose"])
    copy = f"{values['prose']} " * 6
    return [*rows, json.dumps({"text": copy}), json.dumps({"text": copy})]


@pytest.fixture
def home(tmp_path):
    """Environment in which every place for temporary and cached files lies in one folder."""
    folder = tmp_path / "home"
    for name in ("tmp", "cache"):
        (folder / name).mkdir(parents=True)
    places = {"HOME": folder, "TMPDIR": folder / "tmp", "XDG_CACHE_HOME": folder / "cache"}
    return folder, {name: str(path) for name, path in places.items()}


def leaks(folder, raw=()):
    """(file, canary) for each canary in a file or its name, in any of the ways in which it may be written."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.relative_to(folder).as_posix().startswith(name) for name in raw):
            data = unpacked(path) + path.name.encode()
            found += [(path.name, name) for name, value in CANARIES.items() if any(way in data for way in ways(value))]
    return found


def unpacked(path):
    """The bytes of a file; of a table the values of its cells as well."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        data += json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
    return data


def ways(value):
    import base64
    import html
    import urllib.parse

    plain = {value, html.escape(value), urllib.parse.quote(value), json.dumps(value)[1:-1], value.replace(" ", "")}
    coded = {base64.b64encode(value.encode()[start:])[:-4] for start in range(3)}
    return {text.encode() for text in plain} | {value.encode("utf-16-le")} | {item for item in coded if len(item) > 12}


def spoken(done):
    text = (done.stdout + done.stderr).encode()
    return [name for name, value in CANARIES.items() if any(way in text for way in ways(value))]


@pytest.mark.slow
def test_a_whole_run_and_its_renderings(command, write, tmp_path, home):
    folder, environment = home
    path, policy = write("in/a.jsonl", lines()), write("p.toml", POLICY.encode())
    done = command("gate", path, "--out", tmp_path / "run", "--policy", policy, env=environment)
    assert done.returncode in (0, 1, 3), done.stderr
    assert spoken(done) == []
    for kind in ("html", "markdown", "json", "sarif", "junit", "gx"):
        name = {"gx": "gx.json"}.get(kind, f"again.{kind}")
        done = command("report", tmp_path / "run", "--format", kind, "--out", tmp_path / "run" / name, env=environment)
        assert done.returncode == 0, done.stderr
        assert spoken(done) == []
    assert leaks(tmp_path / "run", raw=("dropped/", "quarantine.jsonl", "kept/")) == []
    kept = (tmp_path / "run/kept/a.jsonl").read_text()
    told = ("email", "phone", "card", "ssn", "iban", "aws key", "github token", "password")
    texts = [json.loads(line)["text"] for line in kept.splitlines()]
    assert not [name for name in told if any(CANARIES[name] in text for text in texts)]
    assert leaks(folder) == []
    assert list((folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github", "junit"])
def test_a_scan(command, write, home, format):
    folder, environment = home
    done = command("scan", "-", "--format", format, stdin="\n".join(lines()), env=environment)
    assert done.returncode in (1, 3)
    assert spoken(done) == []
    assert leaks(folder) == []


@pytest.mark.parametrize(
    ("name", "runner"),
    [
        ("crash", "inline"),
        ("crash", "processes"),
        ("segfault", "inline"),
        ("segfault", "processes"),
        ("bad_constructor", "inline"),
        ("object_state", "inline"),
    ],
)
def test_a_run_that_breaks(command, write, tmp_path, home, name, runner):
    folder, environment = home
    path = write("in/a.jsonl", [json.dumps({"text": value}) for value in CANARIES.values()])
    policy = write("p.toml", f"version = 1\n[checkers.{name}]\n[checkers.shouting]\n".encode())
    arguments = ["gate", path, "--out", tmp_path / "run", "--policy", policy, "--runner", runner, "--workers", "1"]
    done = command(*arguments, env=environment)
    assert done.returncode == 3
    assert spoken(done) == []
    assert leaks(folder) == []
    assert leaks(tmp_path / "run", raw=("kept/",)) == []
    assert not list(tmp_path.rglob("core*"))


@pytest.mark.parametrize("text", ["not json", '{"nothing": 1}', '{"text": 1}', "[1]"])
def test_messages_about_a_file_that_is_refused(command, write, home, text):
    row = text.replace("nothing", CANARIES["email"]).replace(
        "not json", f"broken {CANARIES['email']} {CANARIES['prose']}"
    )
    done = command("scan", write("a.jsonl", [row, row]), env=home[1])
    assert done.returncode in (2, 3)
    assert spoken(done) == []


@pytest.fixture
def hanging(write, home):
    """A scan of the canaries that does not end, in a process group of its own; its temporary files are there."""
    folder, environment = home
    rows = [json.dumps({"text": value}) for value in CANARIES.values()]
    policy = write("p.toml", b"version = 1\n[checkers.hang]\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "auditkit", "scan", "-", "--policy", str(policy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment | {"PYTHONPATH": str(PLUGINS)},
        start_new_session=True,
    )
    process.stdin.write("\n".join(rows).encode())
    process.stdin.close()
    while not list((folder / "tmp").rglob("*.jsonl")):
        time.sleep(0.05)
    time.sleep(0.5)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def test_arguments_of_processes_and_what_an_ended_run_leaves(hanging, home):
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [name for name, value in CANARIES.items() if value in told]
    hanging.send_signal(signal.SIGTERM)
    assert hanging.wait(timeout=30) == 143
    assert list((home[0] / "tmp").iterdir()) == []


def test_the_next_command_removes_what_a_killed_run_left_and_nothing_that_is_in_use(hanging, command, write, home):
    folder, environment = home
    (scratch,) = (folder / "tmp").iterdir()
    (folder / "tmp/auditkit-notes").mkdir()
    good = write("good.jsonl", [{"text": "fine"}])
    policy = write("q.toml", b"version = 1\n[checkers.shouting]\n")
    assert command("scan", good, "--policy", policy, env=environment).returncode == 0
    assert sorted((folder / "tmp").iterdir()) == sorted([scratch, folder / "tmp/auditkit-notes"])
    os.killpg(hanging.pid, signal.SIGKILL)
    hanging.wait(timeout=30)
    assert list(scratch.rglob("*.jsonl")) != []
    assert command("scan", good, "--policy", policy, env=environment).returncode == 0
    assert list((folder / "tmp").iterdir()) == [folder / "tmp/auditkit-notes"]
