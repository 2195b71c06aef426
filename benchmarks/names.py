"""Names and places, side by side in one run: exact-span F1 on two labelled sets, speed, memory.

    OMP_NUM_THREADS=1 python benchmarks/names.py [DATA_FOLDER] [--also NAME=FILE] [--out FILE]

DATA_FOLDER holds pii/uner_ewt_dev.iob2 and pii/wnut17_dev.conll. A span counts when kind, start and end are right, in
code points of the raw sentence (WNUT17: its words joined by spaces), over PERSON + LOCATION. `small letters`: the same
texts in small letters. Words per second: those of the set by the CPU time of the whole search, gate and cutting
included, one pass after one sentence that compiles and loads. Memory: largest resident set of a process that does
nothing else. Engines: `lexicon` (runs of capitalised words that the packaged lexicon knows, no weights), `small`,
`minilm`; `--also` adds differences to MiniLM made by training/names_pack.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "training"))

from names_data import DEV, Marked, read_tagged

from auditkit.checkers.pii import names, names_minilm, names_small, names_text

KINDS = {"PERSON": "PER", "LOCATION": "LOC"}
BOTH = frozenset(KINDS)

HEAD = """# Names and places

Made by `OMP_NUM_THREADS=1 python benchmarks/names.py`, whose head says what each column is.

"""

Found = list[set[tuple[int, int, str]]]
Find = Callable[[Sequence[str]], Found]


def by_lexicon(texts: Sequence[str]) -> Found:
    """Runs of capitalised words of which the first is known as a place, or as a person's, and not in everyday use."""
    return [{span for sentence in names_text.sentences(text) for span in _known(sentence)} for text in texts]


def _known(sentence: names_text.Sentence) -> list[tuple[int, int, str]]:
    runs: list[tuple[int, int, str]] = []
    for start, end, word in zip(*sentence, strict=True):
        bits = names_text.known_as(word) if word[0].isupper() else 0
        kind = (
            ""
            if bits & names_text.COMMON
            else "PER"
            if bits & names_text.FIRST
            else "LOC"
            if bits & names_text.PLACE
            else ""
        )
        goes_on = runs and runs[-1][1] == start - 1 and word[0].isupper() and (kind or bits & names_text.LAST)
        if goes_on:
            runs[-1] = (runs[-1][0], end, runs[-1][2])
        elif kind:
            runs.append((start, end, kind))
    return runs


def by_model(model: names.Model, texts: Sequence[str]) -> Found:
    found = names.search(model, texts, BOTH)
    return [{(span.start, span.end, KINDS[span.entity]) for span in spans} for spans in found]


def finder(engine: str) -> Find:
    """The search of one engine; `minilm=FILE` names other differences."""
    if engine == "lexicon":
        return by_lexicon
    if engine == "small":
        return partial(by_model, names_small.model())
    return partial(by_model, names_minilm.model(Path(engine.partition("=")[2]) if "=" in engine else None))


def f1(found: Found, marked: Sequence[Marked], kinds: Sequence[str]) -> tuple[float, float, float]:
    """(F1, precision, recall) of exact spans."""
    true = [{span for span in one.spans if span[2] in kinds} for one in marked]
    mine = [{span for span in spans if span[2] in kinds} for spans in found]
    hit = sum(len(a & b) for a, b in zip(true, mine, strict=True))
    n_true, n_mine = sum(map(len, true)), sum(map(len, mine))
    return 2 * hit / max(1, n_true + n_mine), hit / max(1, n_mine), hit / max(1, n_true)


def measured(engine: str, data: Path) -> list[str]:
    """One row of the table per set."""
    find = finder(engine)
    find(["Anna met Tom in Paris."])  # compiles and loads
    rows = []
    for name, path in DEV.items():
        marked = read_tagged(data / path)
        texts = [one.text for one in marked]
        n_words = sum(len(sentence.words) for text in texts for sentence in names_text.sentences(text))
        began = time.process_time()
        found = find(texts)
        seconds = time.process_time() - began
        both, precision, recall = f1(found, marked, ("PER", "LOC"))
        per, loc = (f1(found, marked, (kind,))[0] for kind in ("PER", "LOC"))
        small = f1(find([text.lower() for text in texts]), marked, ("PER", "LOC"))[0]
        rows.append(
            f"| {engine.partition('=')[0]} | {name} | {both:.3f} | {precision:.3f} / {recall:.3f} | {per:.3f} "
            f"| {loc:.3f} | {small:.3f} | {n_words / seconds:,.0f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [f"{row} {peak:.0f} MB |" for row in rows]


def table(data: Path, also: Sequence[str] = ()) -> str:
    """The table, printed row by row as it grows."""
    lines = [
        "| engine | set | F1 | precision / recall | PERSON | LOCATION | small letters | words / CPU-s | memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for engine in ("lexicon", "small", "minilm", *also):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows = pool.apply(measured, (engine, data))
        print("\n".join(rows), flush=True)
        lines += rows
    return "\n".join(lines) + "\n"


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    asked.add_argument("--also", action="append", default=[], metavar="NAME=FILE")
    asked.add_argument("--out", type=Path)
    args = asked.parse_args()
    text = table(args.data, args.also)
    if args.out:
        args.out.write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    main()
