"""PII, side by side in one run: speed against Presidio and peers, quality on labelled texts, noise, disguises, names.

    OMP_NUM_THREADS=1 python benchmarks/pii.py [DATA_FOLDER] [--gate] [--peers PYTHON] [--names] [--out FILE]
    OMP_NUM_THREADS=1 python benchmarks/pii.py [DATA_FOLDER] --differential N

Speed: MB per CPU-second of Presidio itself (its pattern recognisers, a blank spaCy pipeline whose lemma is the text of
the token) on --reference-docs documents of pii/weblike.parquet after a warm-up; of profiles `presidio` and `precise` on
--docs of them, in this process; with --gate of whole runs of `auditkit gate` (reading, findings, report, kept) over
8,000 documents minus one over 10, each a process of its own. --peers: the interpreter of an environment with cleanllm,
piilint, flexorch-audit or datatrove; they see Presidio's documents. Findings and documents that differ from Presidio's.
Quality: precision and recall by entity (same entity, intersection over union >= .5, greedy) on the labelled set of
presidio-research. Noise: findings per MB in documents without planted values. Disguises: found and exact by level and
technique. --differential N compares N documents, real and made up, and exits 1 when one differs.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditkit.checker import build
from auditkit.checkers.pii import presidio, reference
from auditkit.documents import batch_of_texts

cpu = time.process_time
GOLD = {"STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "DOMAIN_NAME": "URL"}
SHOWN = (
    *("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "PHONE_NUMBER", "URL"),
    "US_DRIVER_LICENSE",
)
GATE_DOCS, SMALL_DOCS = 8_000, 10

Found = list[list[tuple[str, int, int]]]


def findings(profile: str, texts: Sequence[str], *, least: float = 0.0) -> Found:
    """(entity, start, end) of each text's findings with at least this score."""
    checker: Any = build("pii", {"profile": profile, "threshold": least})
    table = checker.check(batch_of_texts(list(texts))).findings
    found: Found = [[] for _ in texts]
    for row in table.to_pylist():
        found[row["doc"]].append((json.loads(row["detail"])["entity"], row["start"], row["end"]))
    return found


def timed(work: Callable[[], object]) -> float:
    began = cpu()
    work()
    return cpu() - began


def size(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def header(*cells: str) -> list[str]:
    return [row(*cells), "|" + "---|" * len(cells)]


def speed(texts: list[str], options: Any) -> list[str]:
    """The table of speeds."""
    step = max(1, len(texts) // options.docs)
    some = texts[::step]
    few = some[:: max(1, len(some) // options.reference_docs)][: options.reference_docs]
    for profile in ("presidio", "precise"):
        findings(profile, some[1::3])
    reference.analyze("warm a@b.com call +1 212 555 0142 http://x.org")
    for text in few[:5]:
        reference.analyze(text)
    said: Found = []
    spent = timed(lambda: said.extend([(s.entity, s.start, s.end) for s in reference.analyze(text)] for text in few))
    base = spent / size(few)
    lines = ["", f"## Speed: {len(few)} documents for Presidio and peers, {len(some)} for the profiles", ""]
    lines += header("", "MB per CPU-second", "x Presidio", "findings on Presidio's documents", "documents that differ")
    lines.append(row("Presidio", f"{1 / base:.3f}", "1.0", total(said), 0))
    for profile in ("presidio", "precise"):
        seconds = timed(lambda profile=profile: findings(profile, some)) / size(some)  # type: ignore[misc]
        ours = findings(profile, few)
        rate = row(f"profile {profile}", f"{1 / seconds:.2f}", f"{base / seconds:.1f}", total(ours), unlike(ours, said))
        lines.append(rate)
    if options.gate:
        for profile in ("presidio", "precise"):
            rate_of_gate = gate_speed(profile, texts)
            lines.append(row(f"gate, profile {profile}", f"{rate_of_gate:.2f}", f"{rate_of_gate * base:.1f}", "", ""))
    for name, one in peers(few, options.peers).items():
        seconds = one["seconds"] / size(few)
        found = [[tuple(item) for item in some_found] for some_found in one["found"]]
        cells = (total(found), unlike(found, said)) if one["tells"] else ("not told", "")
        lines.append(row(name, f"{1 / seconds:.2f}", f"{base / seconds:.1f}", *cells))
    return [
        *lines,
        "",
        f"Scores included, {differences(few)} of {len(few)} documents differ between Presidio and profile presidio.",
    ]


def total(found: Found) -> int:
    return sum(map(len, found))


def unlike(left: Found, right: Found) -> int:
    """How many documents have other findings."""
    return sum(sorted(a) != sorted(b) for a, b in zip(left, right, strict=True))


def gate_speed(profile: str, texts: Sequence[str]) -> float:
    """MB per CPU-second of a gate over GATE_DOCS documents minus one over SMALL_DOCS."""
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.toml"
        policy.write_text(
            f'version = 1\n[corpus]\nmax_quarantined = 1.0\n[checkers.pii]\nprofile = "{profile}"\nthreshold = 0.0\n'
        )
        spent = []
        for name, n in (("big", GATE_DOCS), ("small", SMALL_DOCS)):
            path = Path(folder) / f"{name}.jsonl"
            path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[:n]))
            arguments = ["gate", str(path), "--out", f"{folder}/{name}", "--policy", str(policy)]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-m", "auditkit", *arguments]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode not in (0, 1):
                raise SystemExit(done.stderr[-800:])
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return size(texts[:GATE_DOCS]) / (spent[0] - spent[1])


def peers(texts: Sequence[str], python: str) -> dict[str, Any]:
    """What the peers in that environment say of the texts; nothing without one."""
    if not python:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        asked, said = Path(folder) / "texts.json", Path(folder) / "said.json"
        asked.write_text(json.dumps(list(texts)), encoding="utf-8")
        script = str(Path(__file__).with_name("pii_peers.py"))
        subprocess.run([python, script, str(asked), str(said)], check=True, stderr=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
        return found


def differences(texts: Sequence[str]) -> int:
    """How many texts Presidio and profile `presidio` see differently, in entity, place or score."""
    ours = presidio.find(pa.array(texts, pa.large_utf8()))
    theirs = (sorted(reference.analyze(text)) for text in texts)
    return sum([tuple(a) for a in left] != [tuple(b) for b in right] for left, right in zip(ours, theirs, strict=True))


def overlap(a: tuple[str, int, int], b: tuple[str, int, int]) -> float:
    shared = max(0, min(a[2], b[2]) - max(a[1], b[1]))
    return shared / (max(a[2], b[2]) - min(a[1], b[1])) if a[0] == b[0] else 0.0


def scored(found: Found, gold: Found) -> dict[str, Counter[str]]:
    """Entity -> true and false positives, false negatives."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for ours, theirs in zip(found, gold, strict=True):
        left = list(theirs)
        for finding in ours:
            match = next((other for other in left if overlap(finding, other) >= 0.5), None)
            counts[finding[0]]["tp" if match else "fp"] += 1
            if match:
                left.remove(match)
        for other in left:
            counts[other[0]]["fn"] += 1
    return counts


def quality(path: Path, python: str) -> list[str]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    texts = [one["full_text"] for one in rows]
    gold: Found = [
        [(GOLD.get(s["entity_type"], s["entity_type"]), s["start_position"], s["end_position"]) for s in one["spans"]]
        for one in rows
    ]
    said = {
        "profile precise": findings("precise", texts),
        "Presidio, score >= .35": findings("presidio", texts, least=0.35),
    } | {name: one["found"] for name, one in peers(texts, python).items() if one["tells"]}
    counts = {name: scored([[tuple(item) for item in one] for one in found], gold) for name, found in said.items()}
    lines = ["", f"## Quality on {path.name}: {len(texts)} texts, precision / recall (true, false, missed)", ""]
    lines += header("", *counts)
    return lines + [row(entity, *(shown(count[entity]) for count in counts.values())) for entity in SHOWN]


def shown(count: Counter[str]) -> str:
    tp, fp, fn = count["tp"], count["fp"], count["fn"]
    return f"{tp / max(1, tp + fp):.3f} / {tp / max(1, tp + fn):.3f} ({tp}, {fp}, {fn})"


def noise(texts: list[str], sources: list[str]) -> list[str]:
    clean = [text for text, source in zip(texts, sources, strict=True) if "+pii" not in source]
    mb = size(clean)
    runs = (("precise", "precise", 0.0), ("Presidio, score >= .4", "presidio", 0.4), ("Presidio", "presidio", 0.0))
    counts = {
        name: Counter(entity for found in findings(profile, clean, least=least) for entity, _, _ in found)
        for name, profile, least in runs
    }
    lines = ["", f"## Noise: findings per MB in {len(clean)} documents without planted values ({mb:.1f} MB)", ""]
    lines += header("", *counts)
    for entity in sorted(set().union(*counts.values())):
        lines.append(row(entity, *(f"{count[entity] / mb:.1f}" for count in counts.values())))
    return [*lines, row("all", *(f"{sum(count.values()) / mb:.1f}" for count in counts.values()))]


def disguises(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [one for one in rows if one["entity"] != "TOXICITY"]
    tallies = {profile: tallied(rows, profile) for profile in ("precise", "presidio")}
    lines = ["", f"## Disguises in {path.name}: share found (any overlap) / with exact span; benign: share flagged", ""]
    lines += header("", "rows", *tallies)
    for key in sorted(tallies["precise"]):
        cells = (tally[key] for tally in tallies.values())
        rates = (f"{c['found'] / c['n']:.3f} / {c['exact'] / c['n']:.3f}" for c in cells)
        lines.append(row(key, tallies["precise"][key]["n"], *rates))
    return lines


def tallied(rows: Sequence[dict[str, Any]], profile: str) -> dict[str, Counter[str]]:
    """Level, and level with technique -> rows, found, exact."""
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    for one, found in zip(rows, findings(profile, [one["text"] for one in rows]), strict=True):
        level = f"level {one['level']}" if one["flag"] else "benign"
        hit = [f for f in found if not one["flag"] or overlap(f, (one["entity"], one["start"], one["end"])) > 0]
        exact = any(f[1:] == (one["start"], one["end"]) for f in hit)
        for key in (level, f"{level}, {one['technique'].partition(':')[0]}") if one["flag"] else (level,):
            tally[key].update(n=1, found=bool(hit), exact=exact)
    return tally


_WORDS = "call phone number: mobile email the us bank account link url ip license driver's card ssn passport date iban"
_VALUES = (
    "joe@corp.com 212-555-0142 1640 (020)7946-0958 4111-1111-1111-1111 GB82WEST12345698765432 192.168.0.1 fe80::1 "
    "00:1A:2B:3C:4D:5E 460-89-9847 123456789 A1234567 H12234567 AB1234563 9434765919 http://www.foo.com/bar "
    "'foo.community' 12/24/1980 2014-12-06 0x80004003 10.0.19041.1 a@b @@ std::vector "
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
)
WORDS, VALUES = _WORDS.split(), _VALUES.split()
JOINTS = (*" " * 6, "  ", "\n", "\t", ", ", ":", "-", "/", "\u00a0", "\u200b", "(", ")", "")
ODD = "\u00e9\u017f\u212a\u0661\uff11\u2013\u0130x1.@_"


def made_up(draw: random.Random) -> str:
    """A text of context words, values and odd characters."""
    parts = []
    for _ in range(draw.randrange(1, 24)):
        kind = draw.random()
        part = draw.choice(WORDS if kind < 0.45 else VALUES if kind < 0.9 else ODD)
        parts += [part.swapcase() if draw.random() < 0.2 else part, draw.choice(JOINTS)]
    return "".join(parts)


def differential(texts: list[str], n: int) -> int:
    """Compares n documents, in turn real and made up, in portions; the number that differ."""
    draw = random.Random(n)
    different = 0
    for first in range(0, n, 500):
        portion = [
            texts[(first + i) // 2 % len(texts)] if i % 2 and first // 2 < len(texts) else made_up(draw)
            for i in range(500)
        ]
        different += differences(portion)
        print(f"\r{first + 500} documents, {different} differ", end="", file=sys.stderr, flush=True)
    print(f"\ndifferential: {n} documents, {different} differ")
    return different


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="../shared/data", type=Path)
    parser.add_argument("--docs", type=int, default=2_000)
    parser.add_argument("--reference-docs", type=int, default=300)
    parser.add_argument("--differential", type=int, default=0)
    parser.add_argument("--gate", action="store_true", help="also the speed of whole runs")
    parser.add_argument("--names", action="store_true", help="also the table of names (benchmarks/names.py)")
    parser.add_argument("--peers", default="", metavar="PYTHON")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    table = pq.read_table(options.data / "pii/weblike.parquet", columns=["text", "src"])
    texts, sources = table.column("text").to_pylist(), table.column("src").to_pylist()
    if options.differential:
        return min(1, differential(texts, options.differential))
    step = max(1, len(texts) // options.docs)
    typed = ["PEERS/bin/python" if word == options.peers else word for word in sys.argv]
    lines = ["# PII", "", "    " + " ".join(["python", *typed])]
    for part in (
        lambda: quality(options.data / "pii/presidio_research_synth_v2.json", options.peers),
        lambda: disguises(options.data / "evasion/evasion.jsonl"),
        lambda: noise(texts[::step], sources[::step]),
        lambda: speed(texts, options),
    ):
        lines += part()
        print("\n".join(lines[-40:]), flush=True)
    if options.names:
        from names import table as names_table

        lines += ["", "## Names", "", names_table(options.data)]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
