"""How long the commit hook takes: 1,000 changed rows of 200,000, the same again, nothing changed.

    python benchmarks/hook.py

Makes a repository with one JSON lines file of 200,000 rows (66 MB, seeded), changes 1,000 of them, and runs the
packaged hook's command as a process of its own. Wall and CPU seconds of the command and what it starts (git), best of
three.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS, CHANGED, SEED, TIMES = 200_000, 1_000, 1, 3
WORDS = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split()
SCAN = [sys.executable, "-m", "auditkit", "scan", "--changed-since", "HEAD", "data.jsonl"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=B", "-c", "user.email=b@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def timed(folder: Path) -> tuple[float, float]:
    """(wall, CPU) seconds of one hook; exit 0 or 1 is asked for."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(SCAN, cwd=folder, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stderr
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = [
            {
                "id": i,
                "instruction": " ".join(chance.choices(WORDS, k=12)),
                "output": " ".join(chance.choices(WORDS, k=40)),
            }
            for i in range(ROWS)
        ]
        lines = [json.dumps(one) for one in rows]
        data = folder / "data.jsonl"
        data.write_text("\n".join(lines) + "\n")
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "data")
        timed(folder)  # compiled kernels and files of Python in the cache of the system
        still = [timed(folder) for _ in range(TIMES)]
        for index in chance.sample(range(ROWS), CHANGED):
            rows[index]["output"] = f"{rows[index]['output']} and {index} more"
            lines[index] = json.dumps(rows[index])
        data.write_text("\n".join(lines) + "\n")
        first, again = [], []
        for _ in range(TIMES):
            shutil.rmtree(folder / ".git/auditkit", ignore_errors=True)
            first.append(timed(folder))
            again.append(timed(folder))
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        print(f"{ROWS:,} rows, {data.stat().st_size / 1e6:.0f} MB, {load}\n")
        print("| | wall s | CPU s |\n|---|---:|---:|")
        for name, figures in (
            ("nothing changed", still),
            (f"{CHANGED:,} rows changed, none seen before", first),
            (f"{CHANGED:,} rows changed, all seen before", again),
        ):
            wall, cpu = min(figures)
            print(f"| {name} | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
