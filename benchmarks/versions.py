"""The same bytes on every Python: the same files gated under several interpreters, each file held against the first.

    python benchmarks/versions.py [PYTHON]... [--data FILE]... [--demo N] [--markdown]

PYTHON: other interpreters, each with auditkit and the same extras installed; the first is the one that runs this.
Corpora: `characters` (every code point below 40000 hexadecimal, in runs of 64, as prose, name, address and word),
`edges` (sums, addresses, code, broken JSON and other things that versions of Python say differently), N rows of the
demo, each FILE. Policies: `default`, `presidio` (the default's checkers, pii with that profile), `redacted` (findings
replaced by surrogates).

Compared: every file of the run's folder but run.json and the reports, which tell times. Parquet is compared by its
bytes where both have the same pyarrow, else by its tables. Exit 1 when anything differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.versions import characters, edges  # noqa: E402 - the corpus of the test that holds every Python to a file

TIMED = {"run.json", "report.html", "report.md", ".lock"}
POLICIES = {
    "default": "",
    "presidio": "[checkers.pii]\nprofile = 'presidio'\n[checkers.toxicity]\n",
    "redacted": "[checkers.pii]\naction = 'redact'\nredact = 'surrogate'\n[checkers.toxicity]\naction = 'drop'\n",
}
HEAD = "version = 1\n[corpus]\nmax_quarantined = 1.0\n"
OTHERS = "".join(f"[checkers.{name}]\n" for name in ("near_duplicates", "hallucination", "skew", "diversity"))
ABOUT = """
import json, platform, unicodedata, pyarrow, numpy, regex, auditkit
from importlib.metadata import version
print(json.dumps({"python": platform.python_version(), "unicode": unicodedata.unidata_version} |
    {name: version(name) for name in ("auditkit", "pyarrow", "numpy", "numba", "regex", "presidio-analyzer", "spacy")}))
"""


def write_corpora(folder: Path, pythons: list[str], *, demo: int, data: list[Path]) -> dict[str, Path]:
    """Name -> file; SystemExit when the demo writes other rows under another Python."""
    lines = {"characters": (json.dumps(row, ensure_ascii=False) for row in characters()), "edges": edges()}
    found = {}
    for name, each in lines.items():
        found[name] = folder / f"{name}.jsonl"
        found[name].write_text("\n".join(each) + "\n", encoding="utf-8")
    if demo:
        found["demo"] = written_demo(folder, pythons, demo)
    return found | {path.name: path.resolve() for path in data}


def written_demo(folder: Path, pythons: list[str], rows: int) -> Path:
    """The corpus of the demo, which every Python must write alike."""
    texts = set()
    for number, python in enumerate(pythons):
        place = folder / f"demo.{number}"
        subprocess.run([python, "-m", "auditkit", "demo", place, "--rows", str(rows)], check=True, capture_output=True)
        texts.add((place / "corpus.jsonl").read_bytes())
    if len(texts) > 1:
        raise SystemExit("the demo writes other rows under another Python")
    return folder / "demo.0" / "corpus.jsonl"


def gate(python: str, corpus: Path, policy: str, out: Path) -> int:
    """Exit code of one run."""
    arguments = []
    if POLICIES[policy]:
        path = out.with_suffix(".toml")
        path.write_text(HEAD + POLICIES[policy] + OTHERS)
        arguments = ["--policy", str(path)]
    done = subprocess.run(
        [python, "-m", "auditkit", "gate", corpus, "--out", out, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"AUDITKIT_KEY": "versions"},
        cwd=out.parent,
    )
    if done.returncode not in (0, 1) and not (out / "manifest.json").exists():
        raise SystemExit(f"{python}, {corpus.name}, {policy}: exit {done.returncode}: {done.stderr[-2000:]}")
    return done.returncode


def files_of(run: Path) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and path.name not in TIMED)


def differing(first: Path, other: Path, *, same_pyarrow: bool) -> list[str]:
    """The files that are not alike, those that only one run has among them."""
    import pyarrow.parquet as pq

    names = files_of(first)
    found = sorted(set(names) ^ set(files_of(other)))
    for name in sorted(set(names) - set(found)):
        left, right = first / name, other / name
        if left.read_bytes() != right.read_bytes():
            by_content = name.endswith(".parquet") and not same_pyarrow
            if not (by_content and pq.read_table(left).equals(pq.read_table(right))):
                found.append(name)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*")
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--demo", type=int, default=500)
    parser.add_argument("--policy", choices=POLICIES, action="append")
    parser.add_argument("--keep", type=Path, help="leave the runs in this folder")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    pythons = [sys.executable, *(str(Path(shutil.which(python) or python).absolute()) for python in asked.pythons)]
    about = [
        json.loads(subprocess.run([python, "-c", ABOUT], check=True, capture_output=True).stdout) for python in pythons
    ]
    for one in about:
        print(", ".join(f"{name} {version}" for name, version in one.items()))
    wrong = 0
    folder = asked.keep or Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    try:
        corpora = write_corpora(folder, pythons, demo=asked.demo, data=asked.data)
        packed = folder / "edges.jsonl.gz"
        packed.write_bytes(gzip.compress(corpora["edges"].read_bytes(), mtime=0))
        corpora["edges, gzip"] = packed
        if asked.markdown:
            print(
                "\n| corpus | policy | rows | findings | files | "
                + " | ".join(f"{a['python']} differs in" for a in about[1:])
                + " |"
            )
            print("|---" * (5 + len(about[1:])) + "|")
        for name, corpus in corpora.items():
            for policy in asked.policy or POLICIES:
                wrong += compare(folder, (name, corpus), policy, pythons, about, markdown=asked.markdown)
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    return int(wrong > 0)


def compare(
    folder: Path,
    corpus: tuple[str, Path],
    policy: str,
    pythons: list[str],
    about: list[dict[str, str]],
    *,
    markdown: bool,
) -> int:
    """One line of the table; how many files differ."""
    import pyarrow.parquet as pq

    runs, codes = [], []
    for number, python in enumerate(pythons):
        runs.append(folder / f"{corpus[0].replace(', ', '-')}.{policy}.{number}")
        codes.append(gate(python, corpus[1], policy, runs[-1]))
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    n_findings = pq.read_metadata(runs[0] / "findings.parquet").num_rows
    found = [
        differing(runs[0], run, same_pyarrow=one["pyarrow"] == about[0]["pyarrow"])
        + ([] if code == codes[0] else ["the exit code"])
        for run, one, code in zip(runs[1:], about[1:], codes[1:], strict=True)
    ]
    cells = [corpus[0], policy, f"{manifest['counts']['rows_in']:,}", f"{n_findings:,}", str(len(files_of(runs[0])))]
    cells += [", ".join(names) or "nothing" for names in found]
    print(f"| {' | '.join(cells)} |" if markdown else ": ".join(cells), flush=True)
    return sum(map(len, found))


if __name__ == "__main__":
    sys.exit(main())
