"""The whole gate and each checker alone: MB of text per CPU-second and peak memory, beside cleanllm on the same rows.

    python benchmarks/gate.py --data ../shared/data [--rows 8000] [--peers /path/to/venv/with/cleanllm] [--out FILE]

Every figure is a process of its own, its CPU seconds user + system, children included. The rate of a checker is that of
a run with this checker alone minus a run over ten rows (start-up, imports, compiled kernels loaded). cleanllm runs its
`scan --pii`, `dedup --near-dedup` and `redact-pii`, start-up included, in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

CHECKERS = ("pii", "toxicity", "near_duplicates", "hallucination", "skew", "diversity")
PLAIN = "[corpus]\nmax_quarantined = 1.0\n"


def corpora(data: Path, folder: Path, rows: int) -> dict[str, Path]:
    """The corpora weblike and e2e_docs as JSON lines of {id, text}, at most so many rows each."""
    paths = {"weblike": folder / "weblike.jsonl", "e2e_docs": folder / "e2e_docs.jsonl"}
    table = pq.read_table(data / "pii/weblike.parquet", columns=["id", "text"]).slice(0, rows)
    with paths["weblike"].open("w") as file:
        for row in table.to_pylist():
            file.write(json.dumps({"id": str(row["id"]), "text": row["text"]}) + "\n")
    with (data / "e2e_docs_12k.jsonl.zst").open("rb") as stored:
        lines = zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True).read().split(b"\n")
    with paths["e2e_docs"].open("w") as file:
        for line in [line for line in lines if line][:rows]:
            row = json.loads(line)
            file.write(json.dumps({"id": str(row["id"]), "text": row["text"]}) + "\n")
    return paths


def text_mb(path: Path) -> float:
    """Megabytes of text in the rows."""
    return sum(len(json.loads(line)["text"].encode()) for line in path.open()) / 1e6


def measured(command: list[str]) -> tuple[float, float]:
    """(CPU seconds, peak MB) of a command and its children."""
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.PIPE, text=True); u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        " print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1024, done.returncode); sys.stderr.write(done.stderr[-800:])"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=True)
    cpu, peak, code = done.stdout.split()
    if int(code) not in (0, 1):
        raise SystemExit(f"{' '.join(command[:6])} ended with {code}: {done.stderr}")
    return float(cpu), float(peak)


def policy(folder: Path, checkers: tuple[str, ...]) -> str:
    """A policy file with these checkers, defaults otherwise."""
    path = folder / f"{'-'.join(checkers)}.toml"
    path.write_text("version = 1\n" + PLAIN + "".join(f"[checkers.{name}]\n" for name in checkers))
    return str(path)


def gate(path: Path, checkers: tuple[str, ...], *, field: str = "text") -> tuple[float, float]:
    """CPU seconds and peak MB of one gate in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        rules = policy(Path(folder), checkers)
        command = [sys.executable, "-m", "auditkit", "gate", str(path), "--out", f"{folder}/run", "--policy", rules]
        return measured([*command, "--field", f"text={field}"])


def short(path: Path, rows: int = 10) -> Path:
    """The first rows of a corpus, the shortest of them."""
    lines = sorted(path.read_bytes().splitlines(keepends=True)[:1000], key=len)[:rows]
    small = path.with_name(f"short-{path.name}")
    small.write_bytes(b"".join(lines))
    return small


def repeated(path: Path, times: int) -> Path:
    """The corpus several times over, each time with another word in front, so that no row is a copy."""
    out = path.with_name(f"x{times}-{path.name}")
    with out.open("w") as file:
        for number in range(times):
            for line in path.open():
                row = json.loads(line)
                words = row["text"].split(" ")
                row["text"] = " ".join(word + chr(97 + number) if i % 3 == 0 else word for i, word in enumerate(words))
                file.write(json.dumps(row) + "\n")
    return out


def peers(path: Path, python: Path) -> dict[str, float]:
    """CPU seconds of cleanllm's three commands on the same rows."""
    tool = str(python / "bin/cleanllm")
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "scan --pii": [tool, "scan", str(path), "--pii"],
            "dedup --near-dedup": [tool, "dedup", str(path), "--out", f"{folder}/dedup.jsonl", "--near-dedup"],
            "redact-pii": [tool, "redact-pii", str(path), "--out", f"{folder}/redact.jsonl"],
        }
        return {name: measured(command)[0] for name, command in commands.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--peers", type=Path, help="a virtual environment with cleanllm in it")
    parser.add_argument("--memory", action="store_true", help="also measure peak memory at 1x and 4x the corpus")
    parser.add_argument("--out", type=Path, help="also write the table as markdown here")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in corpora(options.data, Path(folder), options.rows).items():
            lines += table(name, path, options)
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text("# The whole gate\n\n" + (__doc__ or "") + "\n" + text + "\n")


def table(name: str, path: Path, options: argparse.Namespace) -> list[str]:
    """The markdown table of one corpus."""
    size, small = text_mb(path), short(path)
    rows = sum(1 for _ in path.open())
    lines = [
        "",
        f"## {name}: {rows:,} rows, {size:.1f} MB of text",
        "",
        "| | CPU s | of that start-up | MB per CPU-second | peak MB |",
    ]
    lines.append("|---|---|---|---|---|")
    for title, checkers in (("all six", CHECKERS), *((checker, (checker,)) for checker in CHECKERS)):
        start, _ = gate(small, checkers)
        cpu, peak = gate(path, checkers)
        lines.append(f"| {title} | {cpu:.1f} | {start:.1f} | {size / max(cpu - start, 1e-9):.1f} | {peak:.0f} |")
        print(lines[-1], file=sys.stderr)
    if options.peers:
        spent = peers(path, options.peers)
        for title, cpu in spent.items():
            lines.append(f"| cleanllm {title} | {cpu:.1f} | incl. | {size / cpu:.1f} | |")
        lines.append(
            f"| cleanllm, the three together | {sum(spent.values()):.1f} | incl. | {size / sum(spent.values()):.2f} | |"
        )
    if options.memory:
        _, one = gate(path, CHECKERS)
        _, four = gate(repeated(path, 4), CHECKERS)
        lines += [
            "",
            f"Peak memory of all six: {one:.0f} MB at 1x, {four:.0f} MB at 4x the corpus ({four / one - 1:+.0%}).",
        ]
    return lines


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
