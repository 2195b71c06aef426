"""Nothing lost, nothing let in: hostile files, situations, kills, faults of the disk, growth, fuzzing, other readers.

    python benchmarks/reliability.py --data ../shared/data [--part files]... [--kills 1000] [--only NAME] [--out FILE]

Parts: files (each case of the hostile manifest through `auditkit gate`), situations (those of it that are no file),
suite (JSONTestSuite as rows and as files), kills, faults (every step on the disk fails or is the last), growth, fuzz,
readers (the same files through other readers; those of another environment with --peers PYTHON). Without --part: all.

A file case runs in a forked child of a warm process, with a limit of wall time. Exit classes: ok = exit 0 or 1 with
every row read; quarantine = exit 1 with exactly the rows set aside that the manifest names, 3 where those are all of
them; refuse = exit 3 and nothing published; usage = exit 2.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import situations

ROOT = Path(__file__).parents[1]
ARGUED = {
    "archive/good.tar": "archives are refused, never opened (docs/decisions/0001-hostile-inputs.md)",
}


def run_case(path: Path, policy: str, seconds: int) -> dict[str, object]:
    """Exit code, counts and message of one gate in a child; code -9 when it ran out of time, -N for signal N."""
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            os._exit(child(path, policy, Path(folder) / "run", writer))
        os.close(writer)
        started, code = time.monotonic(), None
        while code is None:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() - started > seconds:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        with os.fdopen(reader) as pipe:
            message = pipe.read()
        manifest = Path(folder) / "run" / "manifest.json"
        counts = json.loads(manifest.read_text())["counts"] if manifest.exists() else None
    return {"code": code, "counts": counts, "message": message, "seconds": time.monotonic() - started}


def child(path: Path, policy: str, out: Path, writer: int) -> int:
    """What the command line does, in this process."""
    from auditkit.audit import gate
    from auditkit.errors import AuditkitError

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        return gate(str(path), policy, out=out)
    except AuditkitError as error:
        os.write(writer, str(error).encode("utf-8", "replace")[:2000])
        return error.exit_code


def config_case(path: Path) -> int:
    """Exit code of a policy file."""
    from auditkit import Policy
    from auditkit.errors import AuditkitError

    try:
        Policy.load(path)
    except AuditkitError as error:
        return error.exit_code
    return 0


def judged(case: dict[str, object], result: dict[str, object]) -> str:
    """Empty when the result is what the manifest wants, else what is wrong."""
    code, counts = result["code"], result["counts"]
    bad = 1 if case["rows_read"] else 3
    wanted = {"ok": (0, 1), "quarantine": (bad,), "refuse": (3,), "usage": (2,)}[str(case["exit"])]
    if code not in wanted:
        return f"exit {code}, wanted {' or '.join(map(str, wanted))}"
    if case["exit"] in ("refuse", "usage"):
        return "published" if counts else ""
    assert isinstance(counts, dict)
    wrong = []
    for key, have in (("rows_in", counts["rows_in"]), ("rows_quarantined", counts["quarantined"])):
        if case[key] is not None and case[key] != have:
            wrong.append(f"{key} {have}, wanted {case[key]}")
    if sum(counts[key] for key in ("kept", "redacted", "dropped", "quarantined")) != counts["rows_in"]:
        wrong.append("rows do not add up")
    return "; ".join(wrong)


def files(options: argparse.Namespace) -> list[str]:
    """Every file of the manifest through the gate."""
    cases = [json.loads(line) for line in (options.data / "hostile/manifest.jsonl").open()]
    cases = [case for case in cases if case["file"] and options.only in case["file"]]
    warm(options.policy)
    right = argued = 0
    for case in cases:
        path = options.data / "hostile" / case["file"]
        if case["fmt"] == "config":
            result: dict[str, object] = {"code": config_case(path), "counts": None, "seconds": 0.0, "message": ""}
        else:
            result = run_case(path, options.policy, options.seconds)
        problem = judged(case, result)
        if problem and case["file"] in ARGUED:
            argued += 1
            print(f"argued  {case['file']!r}: {ARGUED[case['file']]}")
            continue
        right += not problem
        if problem:
            said = str(result["message"])[:160]
            print(f"WRONG  {case['file']!r}: {problem} ({result['seconds']:.0f} s) {said!r}", flush=True)
    return [f"| hostile files | {right} right, {argued} argued | {len(cases)} |"]


def staged(options: argparse.Namespace) -> list[str]:
    """Every situation of the manifest."""
    chosen = {name: stage for name, stage in situations.SITUATIONS.items() if options.only in name}
    right = 0
    for name, stage in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            problem = stage(Path(folder))
        right += not problem
        if problem:
            print(f"WRONG  {name}: {problem}", flush=True)
    return [f"| hostile situations | {right} | {len(chosen)} |"]


def suite(options: argparse.Namespace) -> list[str]:
    """JSONTestSuite: as a value in a row beside good rows, and as a file of its own; every row accounted for."""
    folder = options.data / "hostile_third_party/JSONTestSuite/test_parsing"
    paths = sorted(path for path in folder.glob("*.json") if options.only in path.name)
    as_rows = sum(_suite_row(path) for path in paths)
    as_files = sum(_suite_file(path) for path in paths)
    return [
        f"| JSONTestSuite as rows | {as_rows} | {len(paths)} |",
        f"| JSONTestSuite as files | {as_files} | {len(paths)} |",
    ]


def _suite_row(path: Path) -> bool:
    """y_ is read, n_ is set aside, i_ is one of both; the rows around it are read.

    Two legal files name a key twice, which RFC 8259 leaves open: readers differ in what they see, so it is set aside.
    """
    value = path.read_bytes()
    one_line = b"\n" not in value
    line = b'{"text": "t", "v": ' + value.replace(b"\n", b" ") + b"}"
    read, bad = _accounted(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n', 3)
    wanted = {"y": {(3, 0)}, "n": {(2, 1)} if one_line else {(3, 0), (2, 1)}, "i": {(3, 0), (2, 1)}}[path.name[0]]
    wanted = {(2, 1)} if "duplicated_key" in path.name else wanted
    if (read, bad) not in wanted:
        print(f"WRONG  {path.name} as a row: {read} read, {bad} set aside", flush=True)
    return (read, bad) in wanted


def _suite_file(path: Path) -> bool:
    """Alone and behind a good row, each line that is not blank is read or set aside, or the file is refused."""
    from auditkit.errors import AuditkitError

    data = path.read_bytes()
    for content in (data, b'{"text": "a"}\n' + data):
        try:
            _accounted(content, None)
        except AuditkitError:
            if content is not data and not data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" not in data:
                print(f"WRONG  {path.name} as a file: refused with its good row", flush=True)
                return False
    return True


def _accounted(content: bytes, n_rows: int | None) -> tuple[int, int]:
    """(rows read, rows set aside) of a file with these bytes; every row is in one of both."""
    sys.path.insert(0, str(ROOT / "tests/formats"))
    from read_files import read_source

    from auditkit.formats import discover

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(content)
        (source,) = discover([str(path)], scratch=Path(folder))
        found = read_source(source)
    assert n_rows is None or found.summary.n_rows == n_rows
    return len(found.texts), len(found.quarantined)


def kills(options: argparse.Namespace) -> list[str]:
    """Runs killed at seeded moments and resumed, in the same bytes as an undisturbed one."""
    survived = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = situations.corpus(folder, lines=[*situations.LINES * 20, "{broken\n"])
        started = time.monotonic()
        assert situations.gate(folder, path, out="whole").returncode == 0
        seconds, expected = time.monotonic() - started, situations.content(folder / "whole")
        rng = random.Random(options.seed)
        for number in range(options.kills):
            out = f"run{number}"
            whole = situations.killed_once(folder, path, out, rng, seconds)
            done = situations.gate(folder, path, "--resume", out=out)
            same = whole and done.returncode == 0 and situations.content(folder / out) == expected
            survived += same
            if not same:
                print(f"WRONG  kill {number}: exit {done.returncode} {done.stderr[-200:]}", flush=True)
            subprocess.run(["rm", "-rf", str(folder / out)], check=True)
    return [f"| kills survived, resumed in the same bytes | {survived} | {options.kills} |"]


def faults(_options: argparse.Namespace) -> list[str]:
    """Every step on the disk of a small run fails with each error, or is the last of a killed process."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests/plugins")]
    from auditkit import disk
    from tests.engine import test_disk_faults as cases

    lines = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, counting = cases.corpus(folder / "in"), cases.Faults(-1, lambda: None)
        disk.before = counting
        assert cases.outcome(source, folder / "whole")[0] == 0
        expected, n_steps = cases.contents(folder / "whole"), len(counting.steps)
        for fault in (*cases.FAULTS, "kill"):
            survived = sum(_fault(cases, fault, number, source, folder, expected) for number in range(n_steps))
            lines.append(f"| faults survived at each step on the disk: {fault} | {survived} | {n_steps} |")
            print(lines[-1], flush=True)
    return lines


def _fault(
    cases: SimpleNamespace, fault: str, number: int, source: Path, folder: Path, expected: dict[str, bytes]
) -> bool:
    """One fault at one step: nothing published or all of it, and the same bytes after --resume."""
    from auditkit import disk, run_folder

    run = folder / f"{fault}{number}"
    pid = os.fork()
    if pid == 0:

        def act() -> None:
            if fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(cases.FAULTS[fault], os.strerror(cases.FAULTS[fault]))

        disk.before = cases.Faults(number, act)
        code, _ = cases.outcome(source, run)
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    disk.before = lambda _step, _path: None
    published = (run / "manifest.json").exists()
    right = code in {0, 3, -signal.SIGKILL} and (not published or run_folder.verify(run) == [])
    right = right and not (code == 0 and not published)
    again, _ = gate_again(source, cases.POLICY, run)
    right = right and again == 0 and cases.contents(run) == expected
    subprocess.run(["rm", "-rf", str(run)], check=True)
    if not right:
        print(f"WRONG  {fault} at step {number}: exit {code}, published {published}", flush=True)
    return right


def gate_again(source: Path, policy: dict[str, object], run: Path) -> tuple[int, str]:
    """(exit code, message) of `gate --resume`."""
    from auditkit.audit import gate
    from auditkit.errors import AuditkitError

    try:
        return gate(source, policy, out=run, resume=True), ""
    except AuditkitError as error:
        return error.exit_code, str(error)


def growths(options: argparse.Namespace) -> list[str]:
    """The worst growth of each checker."""
    import growth

    from auditkit.checker import BUILTIN

    rows = growth.table(list(BUILTIN), list(growth.SHAPES), list(growth.SIZES), options.seconds)
    return ["", *growth.worst(rows)]


def fuzzing(options: argparse.Namespace) -> list[str]:
    """Each harness for a minute."""
    sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
    import run
    from harnesses import HARNESSES

    lines, _ = run.table(list(HARNESSES), options.fuzz_seconds, Path(tempfile.gettempdir()) / "auditkit-found")
    return ["", *lines]


def readers(options: argparse.Namespace) -> list[str]:
    """The files of the manifest through other readers."""
    from hostile_readers import OUTCOMES

    found: dict[str, dict[str, int]] = {}
    for python in (sys.executable, *options.peers):
        script = [python, str(Path(__file__).with_name("hostile_readers.py")), "--data", str(options.data)]
        done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout) | found
    lines = ["", "| reader | files | " + " | ".join(OUTCOMES) + " |", "|---|---|" + "---|" * len(OUTCOMES)]
    for name, counts in found.items():
        lines.append(f"| {name} | {counts['files']} | " + " | ".join(str(counts[key]) for key in OUTCOMES) + " |")
    return lines


PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "files": files, "situations": staged, "suite": suite, "kills": kills, "faults": faults, "growth": growths,
    "fuzz": fuzzing, "readers": readers,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--policy", default="default")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seconds", type=int, default=240, help="limit of one case")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fuzz-seconds", type=int, default=60)
    parser.add_argument("--peers", action="append", default=[], help="another Python that has more readers")
    parser.add_argument("--out", type=Path, help="append the tables to this file")
    options = parser.parse_args()
    lines = ["| what | right | of |", "|---|---|---|"]
    for part in options.part or PARTS:
        lines += PARTS[part](options)
    text = "\n".join(lines)
    print(text)
    if options.out:
        with options.out.open("a") as file:
            file.write(text + "\n\n")
    return 0


def warm(policy: str) -> None:
    """Load models and kernels once, so that the children share them."""
    from auditkit.audit import audit

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warm.jsonl"
        path.write_text('{"id": "1", "text": "A warm row with mail jane@example.com and a place, Kenya."}\n' * 3)
        audit(path, policy)


if __name__ == "__main__":
    sys.exit(main())
