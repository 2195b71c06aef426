"""The files of the hostile manifest through other readers: rows that come out, or how it ends.

    python benchmarks/hostile_readers.py --data ../shared/data [--reader pandas]... > readers.json

Every file in a forked child with a limit of time and memory. Outcomes, by what the manifest wants:
correct     the good rows, all of them and no others; or a refusal where the file is to be refused
refused     the whole file, loudly, where its good rows are to be kept
accepted    a bad row or a damaged file taken for good
lost        good rows missing without an error
crash       a signal or no end in time
A reader that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

SECONDS, BYTES = 20, 8 << 30
OUTCOMES = ("correct", "refused", "accepted", "lost", "crash")


def by_stdlib(path: str, fmt: str) -> int:
    import bz2
    import csv
    import gzip
    import lzma

    opened = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(Path(path).suffix, open)
    if path.endswith((".parquet", ".zst", ".tar", ".zip")):
        raise ValueError
    with opened(path, "rt", encoding="utf-8", newline="" if fmt == "csv" else None) as file:
        if fmt == "csv":
            return sum(1 for row in csv.DictReader(file) if row["text"] is not None)
        return sum(1 for line in file if line.strip() and isinstance(json.loads(line)["text"], str))


def by_pandas(path: str, fmt: str) -> int:
    import pandas as pd

    if path.endswith(".parquet"):
        return len(pd.read_parquet(path)["text"])
    if fmt == "csv":
        return len(pd.read_csv(path)["text"])
    return len(pd.read_json(path, lines=True)["text"])


def by_pyarrow(path: str, fmt: str) -> int:
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    if path.endswith(".parquet"):
        return len(pyarrow.parquet.read_table(path)["text"])
    return len((pyarrow.csv.read_csv if fmt == "csv" else pyarrow.json.read_json)(path)["text"])


def by_polars(path: str, fmt: str) -> int:
    import polars as pl

    if path.endswith(".parquet"):
        return len(pl.read_parquet(path)["text"])
    return len((pl.read_csv if fmt == "csv" else pl.read_ndjson)(path)["text"])


def by_duckdb(path: str, fmt: str) -> int:
    import duckdb

    name = "read_parquet" if path.endswith(".parquet") else "read_csv" if fmt == "csv" else "read_json"
    return int(duckdb.execute(f"select count(text) from {name}(?)", [path]).fetchone()[0])  # type: ignore[index]


def by_datatrove(path: str, fmt: str) -> int:
    from datatrove.pipeline.readers import JsonlReader, ParquetReader
    from datatrove.pipeline.readers.csv import CsvReader

    kind = ParquetReader if path.endswith(".parquet") else CsvReader if fmt == "csv" else JsonlReader
    reader = kind(str(Path(path).parent), glob_pattern=Path(path).name, compression="infer")
    return sum(1 for _ in reader.run())


READERS: dict[str, Callable[[str, str], int]] = {
    name: globals()[f"by_{name}"] for name in ("stdlib", "pandas", "pyarrow", "polars", "duckdb", "datatrove")
}


def rows_of(reader: str, path: str, fmt: str) -> int | str:
    """Rows that a reader gives, "error", or "crash"."""
    pipe, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        try:
            os.write(writer, str(READERS[reader](path, fmt)).encode())
        except BaseException:  # noqa: BLE001 - whatever a reader raises is its word
            os.write(writer, b"error")
        os._exit(0)
    os.close(writer)
    started, status = time.monotonic(), None
    while status is None:
        done, code = os.waitpid(pid, os.WNOHANG)
        status = code if done else None
        if status is None and time.monotonic() - started > SECONDS:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    with os.fdopen(pipe) as file:
        said = file.read()
    return "crash" if status or not said else int(said) if said.isdigit() else "error"


def outcome(case: dict[str, object], rows: int | str) -> str:
    if rows == "crash":
        return "crash"
    if case["exit"] == "refuse":
        return "correct" if rows == "error" else "accepted"
    if rows == "error":
        return "refused"
    good = case["rows_read"] if case["exit"] == "quarantine" else case["rows_in"]
    if good is None or rows == good:
        return "correct"
    return "accepted" if int(rows) > int(good) else "lost"  # type: ignore[call-overload]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--reader", action="append", choices=list(READERS))
    options = parser.parse_args()
    cases = [json.loads(line) for line in (options.data / "hostile/manifest.jsonl").open()]
    cases = [case for case in cases if case["file"] and case["fmt"] not in {"config", "model"}]
    found: dict[str, dict[str, int]] = {}
    for reader in options.reader or [name for name in READERS if name == "stdlib" or find_spec(name)]:
        counts = Counter(
            outcome(case, rows_of(reader, str(options.data / "hostile" / case["file"]), case["fmt"])) for case in cases
        )
        found[reader] = {"files": len(cases)} | {name: counts[name] for name in OUTCOMES}
        print(reader, found[reader], file=sys.stderr, flush=True)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
