"""How the time of each checker grows with one pathological document: an exponent per checker and shape.

    python benchmarks/growth.py [--checker pii]... [--shape "@"]... [--sizes 65536,...] [--seconds 60] [--out FILE]

Each (checker, shape) runs in a forked child of a warm process, on documents of growing size: as a text, or as prompt,
context and response for a checker of answers. The exponent is the slope of log(CPU time) over log(size) between the
sizes that take over 20 ms, as the best of two runs: 1.0 is linear, 2.0 is an attack. Under 20 ms at the largest size
it is `-`. A child that needs more than --seconds of CPU is `inf`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZES = (1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20)
FLOOR_S = 0.02  # below it noise decides
MOST = 1.2  # a linear step with a logarithm in it, and noise


def repeated(piece: str) -> Callable[[int], str]:
    """A text of this size made of one piece."""
    return lambda size: (piece * (size // len(piece.encode()) + 1))[: size * len(piece) // len(piece.encode())]


def numbered(line: str) -> Callable[[int], str]:
    """Lines that differ in their number."""
    return lambda size: "".join(line.format(number) for number in range(size // len(line) + 1))[:size]


SHAPES: dict[str, Callable[[int], str]] = {
    "a": repeated("a"),
    "space": repeated(" "),
    "newline": repeated("\n"),
    "digits": repeated("7"),
    "digits 0-9": repeated("0123456789"),
    "spaced digits": repeated("4 "),
    "dashed digits": repeated("12-34-"),
    "dotted digits": repeated("1."),
    "hex": repeated("0123456789abcdef"),
    "hex:": repeated("0a:"),
    "base64": repeated("QUtJQUlPU0ZPRE5ON0VYQU1QTEU"),
    "@": repeated("@"),
    "a@": repeated("a@"),
    "a.": repeated("a."),
    "a@a.": repeated("a@a."),
    "e-mails": numbered("jane.roe{0}@example.com "),
    "phones": numbered("+49 30 {0:08d} "),
    "json escapes": lambda size: '["' + "\\n" * (size // 2) + '"]',
    "json e-mails": lambda size: '["' + "jane@example.com\\n" * (size // 18) + '"]',
    "json numbers": lambda size: "[" + ",".join(["4539578763621486"] * (size // 17)) + "]",
    "ibans": repeated("DE89370400440532013000 "),
    "url without end": lambda size: "http://" + "a" * size,
    "http://": repeated("http://"),
    "url paths": lambda size: "https://x.org" + "/a" * (size // 2),
    "at dot": repeated("a at b dot "),
    "quotes": repeated('"'),
    "nested quotes": lambda size: "\u201c" * (size // 6) + "\u201d" * (size // 6),
    "brackets": repeated("["),
    "nested brackets": lambda size: "(" * (size // 2) + ")" * (size // 2),
    "<": repeated("<"),
    "<!--": repeated("<!--"),
    "&amp;": repeated("&amp;"),
    "&#": repeated("&#"),
    "%40": repeated("%40"),
    "\\u": repeated("\\u0041"),
    "=": repeated("="),
    "1+": repeated("1+"),
    "1+1=": repeated("1 + 1 = "),
    "sums": repeated("2 + 2 = 4, "),
    "percent": repeated("50% of 80 is 40. "),
    "units": repeated("3 kg is 3000 g. "),
    "dates": repeated("On 1 May 1999 he was born in 1980, "),
    "combining": repeated("e\u0301"),
    "marks only": repeated("\u0301"),
    "zero width": repeated("a\u200b"),
    "zero width only": repeated("\u200b"),
    "bidi": repeated("\u202e\u202c"),
    "emoji": repeated("\U0001f468\u200d\U0001f469\u200d"),
    "full width": repeated("\uff11\uff20"),
    "math letters": repeated("\U0001d41a"),
    "hangul": repeated("\u1112\u1161\u11ab"),
    "astral": repeated("\U00010400"),
    "long words": repeated("x" * 100_000 + " "),
    "capitals": repeated("A"),
    "Capital Words": repeated("Berlin Paris "),
    "names": repeated("Mary Jane Smith and "),
    "initials": repeated("J. R. R. "),
    "equal sentences": repeated("The cat sat on the mat. "),
    "equal lines": repeated("same line\n"),
    "distinct lines": numbered("line number {0} of a long list\n"),
    "one sentence": repeated("and then "),
    "full stops": repeated("."),
    "commas": repeated("a, "),
    "lists": numbered("{0}. an item\n"),
    "tables": repeated("| a | b |\n"),
    "code": repeated("if (x) { y(); }\n"),
    "apostrophes": repeated("it's "),
    "underscores": repeated("_"),
    "slashes": repeated("/"),
    "backslashes": repeated("\\"),
    "key=": repeated("password="),
    "-----BEGIN": repeated("-----BEGIN RSA PRIVATE KEY-----\n"),
    "insults": repeated("you idiot "),
    "negations": repeated("not not never "),
    "he said": repeated("he said she said "),
    "capital of": repeated("The capital of France is Paris. "),
}


def work_of(name: str) -> Callable[[str], None]:
    """What a run does with one document: check, and for a corpus checker map, second look and finish."""
    from auditkit.checker import Checker, Context, CorpusChecker, build
    from auditkit.documents import Text, batch_of

    checker = build(name, {})

    def work(text: str) -> None:
        roles = [("text", "text")]
        if name == "hallucination":
            roles = [("context", "context"), ("prompt", "prompt"), ("response", "response")]
        batch = batch_of([Text(0, role, field, text) for role, field in roles], [{"doc": 0, "file": "a", "row": 0}])
        if isinstance(checker, Checker):
            checker.check(batch)
        if isinstance(checker, CorpusChecker):
            state, context = checker.map(batch), Context(1)
            wanted = checker.again(state, context)
            checker.finish(state, checker.map_again(batch, wanted) if wanted is not None else None, context)

    return work


def times(work: Callable[[str], None], shape: Callable[[int], str], sizes: list[int], seconds: int) -> list[float]:
    """CPU seconds for each size, in a child; cut short where the child ran out of time, with inf in its place."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        for size in sizes:
            text, runs = shape(size), []
            for _ in range(2):
                started = time.process_time()
                work(text)
                runs.append(time.process_time() - started)
            os.write(writer, f"{min(runs)}\n".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found = [float(line) for line in pipe]
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return found if status == 0 else [*found, float("inf")]


def exponent(sizes: list[int], found: list[float]) -> float:
    """Slope of log(time) over log(size); nan where all is too quick to tell."""
    if not np.isfinite(found).all():
        return float("inf")
    slow = [(size, value) for size, value in zip(sizes, found, strict=True) if value > FLOOR_S]
    if len(slow) < 2:
        return float("nan")
    return float(np.polyfit(np.log([size for size, _ in slow]), np.log([value for _, value in slow]), 1)[0])


Row = tuple[str, str, float, float]


def table(checkers: list[str], shapes: list[str], sizes: list[int], seconds: int) -> list[Row]:
    """(checker, shape, exponent, CPU seconds per MB at the largest size reached)."""
    rows = []
    for name in checkers:
        work = work_of(name)
        work("A warm text with a mail to jane@example.com, and 2 + 2 = 4. " * 50)
        for label in shapes:
            found = times(work, SHAPES[label], sizes, seconds)
            rows.append((name, label, exponent(sizes, found), found[-1] / sizes[len(found) - 1] * 1e6))
            flag = "  <-- above the bar" if rows[-1][2] > MOST else ""
            print(f"{name:16} {label:16} {rows[-1][2]:6.2f} {rows[-1][3]:8.3f} s/MB{flag}", flush=True)
    return rows


def worst(rows: list[Row]) -> list[str]:
    """A line of a Markdown table for each checker: its largest exponent and its slowest shape."""
    lines = ["| checker | worst exponent | at | slowest, s/MB | at |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == name]
        told = [row for row in own if row[2] == row[2]]
        steep = max(told, key=lambda row: row[2]) if told else (name, "-", float("nan"), 0.0)
        slow = max(own, key=lambda row: row[3])
        lines.append(f"| {name} | {steep[2]:.2f} | `{steep[1]}` | {slow[3]:.2f} | `{slow[1]}` |")
    return lines


def main() -> int:
    from auditkit.checker import BUILTIN

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checker", action="append")
    parser.add_argument("--shape", action="append")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--seconds", type=int, default=60, help="CPU limit of one checker at one shape")
    parser.add_argument("--out", type=Path, help="write the rows here as JSON")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    rows = table(options.checker or list(BUILTIN), options.shape or list(SHAPES), sizes, options.seconds)
    print("\n".join(worst(rows)))
    if options.out:
        options.out.write_text(json.dumps(rows) + "\n")
    return int(any(row[2] > MOST for row in rows))


if __name__ == "__main__":
    sys.exit(main())
