"""The situations of the hostile manifest that no file can hold: each staged, its exit code and message judged.

Called by reliability.py. A situation is a function (folder, run) -> "" or what is wrong; `run` is the command line in a
process of its own. What the manifest wants of each stands in its `exit`: ok = 0 or 1 (or, where it says so, a refusal
with words), refuse = 3 and nothing published, usage = 2.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "tests/plugins"
LINES = [json.dumps({"id": str(i), "text": f"row {i} " + "some words " * 60}) + "\n" for i in range(300)]
SHOUTING = "version = 1\n[corpus]\nmax_quarantined = 1.0\n[checkers.shouting]\n[checkers.letters]\n"
COMMAND = [sys.executable, "-m", "auditkit"]
Done = subprocess.CompletedProcess[str]


def start(*arguments: object, prefix: str = "", env: dict[str, str] | None = None, **options: object) -> Done:
    """The command line, run to its end; `prefix` is shell code before it in the same process."""
    command = " ".join(f"'{argument}'" for argument in [*COMMAND, *arguments])
    environment = os.environ | {"PYTHONPATH": f"{PLUGINS}:{ROOT}"} | (env or {})
    return subprocess.run(
        ["bash", "-c", f"{prefix} exec {command}"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )  # type: ignore[call-overload,no-any-return]


def corpus(folder: Path, name: str = "a.jsonl", lines: list[str] = LINES) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))
    (folder / "p.toml").write_text(SHOUTING)
    return path


def gate(folder: Path, source: object, *extra: object, out: str = "run", **options: object) -> Done:
    return start("gate", source, "--out", folder / out, "--policy", folder / "p.toml", *extra, **options)  # type: ignore[arg-type]


def wrong(done: Done, codes: tuple[int, ...], folder: Path | None = None) -> str:
    """What is wrong with an exit: its code, a traceback, a manifest that should not be there."""
    if done.returncode not in codes:
        return f"exit {done.returncode}: {done.stderr[-300:]}"
    if "Traceback" in done.stderr:
        return f"traceback: {done.stderr[-300:]}"
    published = folder is not None and (folder / "run/manifest.json").exists()
    if folder is not None and published != (done.returncode in (0, 1)):
        return f"exit {done.returncode}, published: {published}"
    return ""


def content(run: Path) -> dict[str, bytes]:
    names = ("manifest.json", "findings.parquet", "documents.parquet", "metrics.json", "quarantine.jsonl")
    return {name: (run / name).read_bytes() for name in names} | {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted((run / "kept").rglob("*"))
        if path.is_file()
    }


def sigkill_midrun(folder: Path, n_kills: int = 20) -> str:
    """Killed at seeded moments, group and all, then resumed: the same bytes, and nothing torn under a final name."""
    lines = LINES * 20
    path = corpus(folder, lines=[*lines, "{broken\n"])
    started = time.monotonic()
    problem = wrong(gate(folder, path, out="whole"), (0,))
    seconds = time.monotonic() - started
    if problem:
        return problem
    expected, rng = content(folder / "whole"), random.Random(11)
    for number in range(n_kills):
        out = f"run{number}"
        if not killed_once(folder, path, out, rng, seconds):
            return f"kill {number}: half a file under a final name"
        problem = wrong(gate(folder, path, "--resume", out=out), (0,))
        if problem or content(folder / out) != expected:
            return f"kill {number}: {problem or 'other bytes'}"
    return ""


def killed_once(folder: Path, path: Path, out: str, rng: random.Random, seconds: float) -> bool:
    """Start, kill the group at a random moment; whether what stands under final names then is whole."""
    runner = rng.choice([[], ["--runner", "processes", "--workers", "2"]])
    arguments = ["gate", path, "--out", folder / out, "--policy", folder / "p.toml", *runner]
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{PLUGINS}:{ROOT}"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(rng.uniform(0.2, 1.1) * seconds)
    os.killpg(process.pid, rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
    process.wait(timeout=60)
    kept = folder / out / "kept/a.jsonl"
    return not kept.exists() or kept.read_bytes().count(b"\n") == len(path.read_bytes().splitlines()) - 1


def input_changes_midrun(folder: Path) -> str:
    path = corpus(folder)
    (folder / "p.toml").write_text("version = 1\n[checkers.appender]\n")
    done = gate(folder, path, env={"AUDITKIT_APPEND": str(path)})
    return wrong(done, (3,), folder) or ("" if "changed" in done.stderr else f"not named: {done.stderr}")


def input_is_output(folder: Path) -> str:
    path = corpus(folder / "in")
    (folder / "p.toml").write_text(SHOUTING)
    first = start("gate", folder / "in", "--out", folder / "in", "--policy", folder / "p.toml")
    second = start("gate", path, "--out", path, "--policy", folder / "p.toml")
    clean = start("clean", path, "--out", path, "--policy", folder / "p.toml")
    same = path.read_text() == "".join(LINES)
    return (
        wrong(first, (2,)) or wrong(second, (2, 3)) or wrong(clean, (2,)) or ("" if same else "the input was changed")
    )


def input_fifo(folder: Path) -> str:
    corpus(folder, "data.txt")
    os.mkfifo(folder / "a.jsonl")
    writer = ["timeout", "20", "bash", "-c", f"cat '{folder}/data.txt' > '{folder}/a.jsonl'"]
    with subprocess.Popen(writer, stderr=subprocess.DEVNULL) as process:
        done = gate(folder, folder / "a.jsonl")
        process.terminate()
    return wrong(done, (0, 1, 3), folder) or (
        "" if done.returncode < 3 or "regular file" in done.stderr else done.stderr
    )


def input_dev_zero(folder: Path) -> str:
    corpus(folder, "b.jsonl")
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    return wrong(gate(folder, folder / "zero.jsonl"), (3,), folder)


def dir_named_jsonl(folder: Path) -> str:
    corpus(folder, "x.jsonl/a.jsonl")
    (folder / "p.toml").write_text(SHOUTING)
    done = gate(folder, folder / "x.jsonl")
    return wrong(done, (2, 3), folder) or ("" if "x.jsonl" in done.stderr else "not named")


def perm_denied(folder: Path) -> str:
    """One file of ten unreadable; as root every file is readable, so that the process gives that right up first."""
    for number in range(10):
        corpus(folder / "in", f"{number}.jsonl", LINES[:20])
    (folder / "in/7.jsonl").chmod(0)
    (folder / "in/p.toml").unlink()
    (folder / "p.toml").write_text(SHOUTING)
    prefix = "exec setpriv --inh-caps=-dac_override,-dac_read_search --bounding-set=-dac_override,-dac_read_search"
    command = " ".join(f"'{part}'" for part in [*COMMAND, "gate", folder / "in", "--out", folder / "run"])
    shell = f"{prefix if os.getuid() == 0 else 'exec'} {command} --policy '{folder}/p.toml'"
    environment = os.environ | {"PYTHONPATH": f"{PLUGINS}:{ROOT}"}
    done = subprocess.run(["bash", "-c", shell], env=environment, capture_output=True, text=True, check=False)
    return wrong(done, (3,), folder) or ("" if "7.jsonl" in done.stderr else f"not named: {done.stderr}")


def clock_back(folder: Path) -> str:
    path = corpus(folder)
    (folder / "p.toml").write_text("version = 1\n[checkers.jumper]\n")
    problem = wrong(gate(folder, path), (0,), folder) or wrong(
        gate(folder, path, out="again", env={"AUDITKIT_CLOCK_BACK": "1"}), (0,)
    )
    if problem:
        return problem
    finished = json.loads((folder / "again/run.json").read_text())
    if finished["wall_s"] < 0:
        return "a negative duration"
    return "" if content(folder / "run") == content(folder / "again") else "other bytes"


def workers_1_2_7(folder: Path) -> str:
    path = corpus(folder, lines=LINES * 30)
    first = None
    for workers in (1, 2, 7):
        out = f"run{workers}"
        problem = wrong(gate(folder, path, "--runner", "processes", "--workers", workers, out=out), (0,))
        if problem:
            return problem
        found = content(folder / out) | {"report.md": (folder / out / "report.md").read_bytes()[:0]}
        first = first or found
        if found != first:
            return f"other bytes with {workers} workers"
    return ""


def ulimit_mem(folder: Path) -> str:
    path = corpus(folder)
    done = start("gate", path, "--out", folder / "run", prefix="ulimit -v 2097152;")
    return wrong(done, (0, 1, 3), folder)


def stdout_closed(folder: Path) -> str:
    path = corpus(folder)
    command = " ".join(f"'{part}'" for part in [*COMMAND, "gate", path, "--out", folder / "run", "--policy"])
    shell = f"set -o pipefail; ({command} '{folder}/p.toml'; echo $? > '{folder}/code') | head -0"
    environment = os.environ | {"PYTHONPATH": f"{PLUGINS}:{ROOT}"}
    done = subprocess.run(["bash", "-c", shell], env=environment, capture_output=True, text=True, check=False)
    code = int((folder / "code").read_text())
    return f"exit {code}" if code else ("traceback" if "Traceback" in done.stderr else "")


def offline(folder: Path) -> str:
    path = corpus(folder)
    prefix = (
        "exec unshare -n -r" if subprocess.run(["unshare", "-n", "-r", "true"], check=False).returncode == 0 else ""
    )
    command = " ".join(f"'{part}'" for part in [*COMMAND, "gate", path, "--out", folder / "run"])
    environment = os.environ | {"PYTHONPATH": f"{PLUGINS}:{ROOT}"}
    done = subprocess.run(
        ["bash", "-c", f"{prefix} {command}"], env=environment, capture_output=True, text=True, check=False
    )
    return wrong(done, (0, 1, 3), folder)


def _broken(folder: Path, name: str) -> str:
    path = corpus(folder)
    (folder / "p.toml").write_text(f"version = 1\n[corpus]\nshard_deadline_s = 0.5\n[checkers.{name}]\n")
    done = gate(folder, path)
    published = (folder / "run/manifest.json").exists()
    if published and json.loads((folder / "run/manifest.json").read_text())["verdict"] != "incomplete":
        return "published as something else than incomplete"
    return wrong(done, (3,))


def checker_hangs(folder: Path) -> str:
    return _broken(folder, "hang")


def checker_segfaults(folder: Path) -> str:
    return _broken(folder, "segfault")


def checker_returns_bad_span(folder: Path) -> str:
    return _broken(folder, "bad_span")


SITUATIONS: dict[str, Callable[[Path], str]] = {
    function.__name__: function
    for function in (
        sigkill_midrun, input_changes_midrun, input_is_output, input_fifo, input_dev_zero, dir_named_jsonl, perm_denied,
        clock_back, workers_1_2_7, ulimit_mem, stdout_closed, offline, checker_hangs, checker_segfaults,
        checker_returns_bad_span,
    )
}  # fmt: skip
