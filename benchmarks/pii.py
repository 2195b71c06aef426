"""PII, side by side in one run: speed against Presidio, quality on labelled texts, noise, disguises.

    OMP_NUM_THREADS=1 python benchmarks/pii.py [DATA_FOLDER] [--docs N] [--reference-docs N] [--differential N]

Speed: MB per CPU-second of Presidio itself (its pattern recognisers, a blank spaCy pipeline whose lemma is the text of
the token), of profile `presidio` and of profile `precise`, on documents of pii/weblike.parquet, caches warm; and how
many documents differ between Presidio and profile `presidio`. Peers that are installed run on Presidio's documents.
Quality: precision and recall by entity (same entity, intersection over union >= .5, greedy) on the labelled set of
presidio-research. Noise: findings per MB in documents without planted values. Disguises: found and exact by level.
Names: see names.py.
--differential N compares N documents, real and made up, and exits 1 on the first difference.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import names
import pyarrow as pa
import pyarrow.parquet as pq

from auditkit.checker import build
from auditkit.checkers.pii import presidio, reference
from auditkit.documents import batch_of_texts

cpu = time.process_time
GOLD = {"STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "DOMAIN_NAME": "URL"}
SHOWN = (
    "EMAIL_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "US_SSN",
    "PHONE_NUMBER",
    "URL",
    "US_DRIVER_LICENSE",
)

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


def speed(texts: list[str], reference_docs: int) -> None:
    step = max(1, len(texts) // reference_docs)
    few = texts[::step][:reference_docs]
    warm = texts[1::step]
    findings("presidio", warm)
    findings("precise", warm)
    reference.analyze("warm a@b.com call +1 212 555 0142 http://x.org")
    base = timed(lambda: [reference.analyze(text) for text in few]) / size(few)
    print(f"\nSpeed in one process: {len(texts)} documents, {size(texts):.1f} MB; Presidio, peers: {len(few)}")
    print(f"{'':24}{'MB/s':>8}{'x Presidio':>12}")
    print(f"{'Presidio':24}{1 / base:8.3f}{1.0:12.1f}")
    for profile in ("presidio", "precise"):
        seconds = timed(lambda profile=profile: findings(profile, texts)) / size(texts)  # type: ignore[misc]
        print(f"{'profile ' + profile:24}{1 / seconds:8.3f}{base / seconds:12.1f}")
    for name, run in peers().items():
        seconds = timed(lambda run=run: [run(text) for text in few]) / size(few)  # type: ignore[misc]
        print(f"{name:24}{1 / seconds:8.3f}{base / seconds:12.1f}")
    different = differences(few)
    print(f"documents that differ between Presidio and profile presidio: {different} of {len(few)}")


def peers() -> dict[str, Callable[[str], object]]:
    """Peers that are installed, each as a function of one text."""
    found: dict[str, Callable[[str], object]] = {}
    try:
        from datatrove.pipeline.formatters import PIIFormatter  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        pass
    else:
        found["datatrove PIIFormatter"] = PIIFormatter().format
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


def quality(path: Path) -> None:
    rows = json.loads(path.read_text(encoding="utf-8"))
    texts = [row["full_text"] for row in rows]
    gold: Found = [
        [(GOLD.get(s["entity_type"], s["entity_type"]), s["start_position"], s["end_position"]) for s in row["spans"]]
        for row in rows
    ]
    precise, plain = scored(findings("precise", texts), gold), scored(findings("presidio", texts, least=0.35), gold)
    print(f"\nQuality on {path.name} ({len(texts)} texts), precision / recall (true, false, missed)")
    print(f"{'':20}{'profile precise':>28}{'Presidio, score >= .35':>30}")
    for entity in SHOWN:
        print(f"{entity:20}{shown(precise[entity]):>28}{shown(plain[entity]):>30}")


def shown(count: Counter[str]) -> str:
    tp, fp, fn = count["tp"], count["fp"], count["fn"]
    return f"{tp / max(1, tp + fp):.3f} / {tp / max(1, tp + fn):.3f} ({tp}, {fp}, {fn})"


def noise(texts: list[str], sources: list[str]) -> None:
    clean = [text for text, source in zip(texts, sources, strict=True) if "+pii" not in source]
    mb = size(clean)
    runs = (("precise", "precise", 0.0), ("Presidio >= .4", "presidio", 0.4), ("Presidio", "presidio", 0.0))
    counts = {
        name: Counter(entity for found in findings(profile, clean, least=least) for entity, _, _ in found)
        for name, profile, least in runs
    }
    print(f"\nNoise: findings per MB in {len(clean)} documents without planted values ({mb:.1f} MB)")
    print(f"{'':20}" + "".join(f"{name:>16}" for name in counts))
    for entity in sorted(set().union(*counts.values())):
        print(f"{entity:20}" + "".join(f"{count[entity] / mb:16.1f}" for count in counts.values()))
    print(f"{'all':20}" + "".join(f"{sum(count.values()) / mb:16.1f}" for count in counts.values()))


def disguises(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["entity"] != "TOXICITY"]
    print(f"\nDisguises in {path.name}: found (any overlap) and exact spans; benign rows that are flagged")
    for profile in ("precise", "presidio"):
        tally: dict[str, Counter[str]] = defaultdict(Counter)
        missed = []
        for row, found in zip(rows, findings(profile, [row["text"] for row in rows]), strict=True):
            level = f"level {row['level']}" if row["flag"] else "benign"
            hit = [f for f in found if not row["flag"] or overlap(f, (row["entity"], row["start"], row["end"])) > 0]
            tally[level].update(n=1, found=bool(hit), exact=any(f[1:] == (row["start"], row["end"]) for f in hit))
            if row["flag"] and not hit:
                missed.append(f"{row['technique']} ({row['entity']})")
        for level, count in sorted(tally.items()):
            n = count["n"]
            print(f"{profile:10}{level:10}{n:5} rows   found {count['found'] / n:.3f}   exact {count['exact'] / n:.3f}")
        if profile == "precise":
            print("missed:", ", ".join(missed) or "nothing")


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
        parts += [draw.choice(WORDS if kind < 0.45 else VALUES if kind < 0.9 else ODD), draw.choice(JOINTS)]
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
    return parser.parse_args()


def main() -> int:
    options = arguments()
    table = pq.read_table(options.data / "pii/weblike.parquet", columns=["text", "src"])
    texts, sources = table.column("text").to_pylist(), table.column("src").to_pylist()
    if options.differential:
        return min(1, differential(texts, options.differential))
    step = max(1, len(texts) // options.docs)
    speed(texts[::step], options.reference_docs)
    quality(options.data / "pii/presidio_research_synth_v2.json")
    noise(texts[::step], sources[::step])
    disguises(options.data / "evasion/evasion.jsonl")
    names.table(options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
