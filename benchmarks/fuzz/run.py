"""Fuzzing with atheris: each harness for so many seconds, executions and finds reported.

    python benchmarks/fuzz/run.py [--seconds 60] [--keep FOLDER] [HARNESS...]

Needs atheris (extra `fuzz`). A find is written to FOLDER and belongs into tests/formats/found/HARNESS/.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def fuzz(name: str, arguments: list[str]) -> None:
    """Feed one harness in this process until its time is over or it finds something."""
    import atheris

    watched = ["auditkit.formats.jsonl", "auditkit.formats.splice", "auditkit.policy", "auditkit.text.fold"]
    with atheris.instrument_imports(include=[*watched, "auditkit.layouts", "auditkit.text.strict_json"]):
        for module in watched:
            import_module(module)
    sys.path.insert(0, str(HERE))
    from harnesses import HARNESSES, SEEDS

    for seed in SEEDS[name]:  # kernels are compiled and models loaded before the clock runs
        HARNESSES[name](seed)
    atheris.Setup([sys.argv[0], *arguments], HARNESSES[name])
    atheris.Fuzz()


def fuzzed(name: str, seconds: int, keep: Path) -> tuple[int, str]:
    """(executions, why it stopped or "") of one harness in a child process."""
    sys.path.insert(0, str(HERE))
    from harnesses import SEEDS

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        keep.mkdir(parents=True, exist_ok=True)
        arguments = [f"-max_total_time={seconds}", "-print_final_stats=1", "-max_len=600", "-timeout=60"]
        arguments += [f"-artifact_prefix={keep}/{name}-", "-rss_limit_mb=2048", corpus]
        command = [sys.executable, __file__, "--child", name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    count = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    problem = "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[-25:])
    return int(count[1]) if count else 0, problem


def table(names: list[str], seconds: int, keep: Path) -> tuple[list[str], int]:
    """(lines of a Markdown table, number of harnesses that found something)."""
    lines, finds = ["| harness | seconds | executions | finds |", "|---|---|---|---|"], 0
    for name in names:
        executions, problem = fuzzed(name, seconds, keep)
        finds += bool(problem)
        lines.append(f"| {name} | {seconds} | {executions:,} | {int(bool(problem))} |")
        print(lines[-1], problem, flush=True)
    return lines, finds


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        fuzz(sys.argv[2], sys.argv[3:])
        return 0
    sys.path.insert(0, str(HERE))
    from harnesses import HARNESSES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", nargs="*", default=list(HARNESSES))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "auditkit-found")
    options = parser.parse_args()
    lines, finds = table(options.harness or list(HARNESSES), options.seconds, options.keep)
    print("\n".join(lines))
    return int(finds > 0)


if __name__ == "__main__":
    sys.exit(main())
