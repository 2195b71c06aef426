"""Peak memory of `auditkit gate` with the default policy on inputs made to be large where it hurts.

    python benchmarks/memory.py [--only NAME] [--out FILE]

Each input is made in a temporary folder, gated by the command line in a process of its own, and thrown away. The peak
is the resident set of that process and its children as the system counts it (ru_maxrss). Limit: 1 GB each.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
MB = 1 << 20
TEXT = 16 * MB - 1000  # just below the limit of one text


def line(text: str) -> bytes:
    return json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n"


def filled(unit: Callable[[int], str], size: int = TEXT) -> str:
    """Units 0, 1, 2, ... until the text has this many bytes."""
    parts, length, number = [], 0, 0
    while True:
        part = unit(number)
        length += len(part.encode())
        if length > size:
            return "".join(parts)
        parts.append(part)
        number += 1


def bomb_line(path: Path) -> None:
    """One row of 1.5 GB in a gzip of 1.5 MB."""
    with gzip.open(path, "wb", 1) as file:
        file.write(b'{"text": "')
        for _ in range(1500):
            file.write(b"a" * MB)
        file.write(b'"}\n')


def copies(path: Path) -> None:
    """A million rows of one letter in a gzip of 27 kB."""
    with gzip.open(path, "wb") as file:
        for _ in range(100):
            file.write(b'{"text": "a"}\n' * 10_000)


def bad_rows(path: Path) -> None:
    """A million rows that cannot be read behind one that can."""
    with gzip.open(path, "wb") as file:
        file.write(line("fine"))
        for _ in range(100):
            file.write(b"{broken\n" * 10_000)


def each_row(path: Path, row: Callable[[int], str], n_rows: int) -> None:
    with path.open("wb") as file:
        for number in range(n_rows):
            file.write(line(row(number)))


def deep(path: Path) -> None:
    """Lists in lists, 30 million deep, in one line."""
    path.write_bytes(line("fine") + b'{"text": "a", "x": ' + b"[" * (30 * MB) + b"]" * (30 * MB) + b"}\n")


def many_keys(path: Path) -> None:
    """One row with two million fields."""
    fields = ",".join(f'"k{number}":{number}' for number in range(2_000_000))
    path.write_bytes(b'{"text": "a",' + fields.encode() + b"}\n" + line("fine"))


def parquet_repeats(path: Path) -> None:
    """500,000 rows of 1 kB that a dictionary stores in 60 kB."""
    pq.write_table(pa.table({"text": ["x" * 1000] * 500_000}), path)


def parquet_page(path: Path) -> None:
    """A page of 1.2 GB in a file of 1 MB."""
    texts = pa.array(["a" * (300 * MB)] * 4, pa.large_utf8())
    pq.write_table(pa.table({"text": texts}), path, use_dictionary=False, compression="zstd", data_page_size=2 << 30)


def csv_field(path: Path) -> None:
    """A quoted field of 200 MB among good rows."""
    path.write_bytes(b'id,text\n1,fine\n2,"' + b"a,\n" * (66 * MB) + b'"\n3,fine\n')


def write(path: Path, unit: Callable[[int], str]) -> None:
    path.write_bytes(line(filled(unit)) + line("fine"))


def words() -> Callable[[int], str]:
    rng = random.Random(1)
    known = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(50_000)]
    return lambda _: f"{rng.choice(known)} "


INPUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a gzip bomb of 1.5 MB: one row of 1.5 GB": ("a.jsonl.gz", bomb_line),
    "a gzip of 27 kB: a million copies of one row": ("a.jsonl.gz", copies),
    "a gzip of 9 kB: a million rows that cannot be read": ("a.jsonl.gz", bad_rows),
    "a million rows of their own": ("a.jsonl", lambda path: each_row(path, lambda i: f"row {i} of many", 1_000_000)),
    "500,000 rows with an address each": (
        "a.jsonl",
        lambda path: each_row(path, lambda i: f"row {i}: jane{i * 7}@example.com", 500_000),
    ),
    "a text of 16 MB of words": ("a.jsonl", lambda path: write(path, words())),
    "a text of 16 MB of one letter": ("a.jsonl", lambda path: write(path, lambda _: "a")),
    "a text of 16 MB of digits": ("a.jsonl", lambda path: write(path, lambda i: str(i % 10))),
    "a text of 16 MB of distinct lines": ("a.jsonl", lambda path: write(path, lambda i: f"line {i}\n")),
    "a text of 16 MB of two-byte letters": ("a.jsonl", lambda path: write(path, lambda i: "жщюёй "[i % 6])),
    "a text of 16 MB of e-mail addresses": ("a.jsonl", lambda path: write(path, lambda i: f"jane{i}@example.com ")),
    "a text of 16 MB of phone numbers": ("a.jsonl", lambda path: write(path, lambda i: f"+1 212 555 {i % 10_000:04} ")),
    "lists 30 million deep": ("a.jsonl", deep),
    "a row of two million fields": ("a.jsonl", many_keys),
    "a CSV field of 200 MB": ("a.csv", csv_field),
    "Parquet: 500,000 rows of 1 kB in 60 kB": ("a.parquet", parquet_repeats),
    "Parquet: a page of 1.2 GB": ("a.parquet", parquet_page),
}


def measured(name: str, make: Callable[[Path], None]) -> Iterator[str]:
    """Peak MiB, seconds, exit code and the first line of stderr, as cells."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        pid = os.fork()  # made in a process of its own: the peak of children counts only those that were waited for
        if pid == 0:
            make(path)
            os._exit(0)
        os.waitpid(pid, 0)
        started = time.monotonic()
        command = [sys.executable, "-m", "auditkit", "gate", str(path), "--out", str(Path(folder) / "run")]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, cwd=ROOT)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            words_ = said.read(200).decode(errors="replace").strip().partition("\n")[0]
        yield f"{usage.ru_maxrss // 1024:,}"
        yield f"{time.monotonic() - started:.0f}"
        yield str(process.returncode) + (f": {words_.replace(folder, '').replace('|', ' ')[:110]}" if words_ else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="inputs whose name contains this")
    parser.add_argument("--out", type=Path, help="append the table to this file")
    options = parser.parse_args()
    lines = ["| input | peak MiB | s | exit |", "|---|---|---|---|"]
    for title, (name, make) in INPUTS.items():
        if options.only in title:
            lines.append(f"| {title} | {' | '.join(measured(name, make))} |")
            print(lines[-1], flush=True)
    if options.out:
        with options.out.open("a") as file:
            file.write("\n".join(lines) + "\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
