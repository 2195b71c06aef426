"""What recovery brings back, and what it costs in right answers: one round of the loop, repair by repair.

    python benchmarks/loop_recovery.py [FILE.md]

A made generator answers 200 sums 8 times each. Three in ten questions are easy (95 % right), three middling (70 %),
three hard (35 %), one misleads (10 %, and nine in ten wrong answers are the same mistake, else two in five). 8 % of the
answers stop in the middle, 5 % decline, 3 % hold an e-mail address. Only the table knows which answers are right.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from auditkit.findings import wilson
from auditkit.loop.folder import Row, read_rows
from auditkit.loop.protocols import Ask, Sample
from auditkit.loop.rounds import run_loop
from auditkit.loop.settings import load

PROMPTS, SAMPLES = 200, 8
NAMES = ("Ada", "Ben", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana")
THINGS = ("coins", "shells", "stamps", "pears", "books", "cards", "plates", "tickets")
PLACES = ("harbor", "market", "valley", "island", "temple", "bridge", "garden", "tower", "meadow", "station", "library")
RIGHT = (0.95, 0.95, 0.95, 0.70, 0.70, 0.70, 0.35, 0.35, 0.35, 0.10)
ASKED = re.compile(r"finds (\d+) (\w+) .*? and (\d+) ")
WAYS: Sequence[tuple[str, ...]] = (
    (),
    ("trim",),
    ("vote",),
    ("redact", "trim", "vote"),
    ("redact", "trim", "vote", "resample"),
)


def questions() -> list[Row]:
    """The sums."""
    chooser = Random(5)
    rows = []
    for at in range(PROMPTS):
        one, two = chooser.sample(PLACES, 2)
        a, b = chooser.randrange(11, 99), chooser.randrange(11, 99)
        thing = chooser.choice(THINGS)
        text = f"{chooser.choice(NAMES)} finds {a} {thing} by the {one} and {b} by the {two}. How many {thing} is that?"
        rows.append({"id": f"q{at}", "prompt": text})
    return rows


def total(prompt: str) -> int:
    """The right answer."""
    found = ASKED.search(prompt)
    assert found is not None
    return int(found.group(1)) + int(found.group(3))


class Solver:
    """Answers as the module docstring says; the same ask gives the same answers."""

    def describe(self) -> dict[str, object]:
        """Its name."""
        return {"kind": "made"}

    def sample(self, asks: Sequence[Ask], *, model: str) -> list[Sample]:  # noqa: ARG002 - there is one model
        """All samples."""
        return [
            Sample(ask.prompt, at, self.answer(ask.text, f"{ask.seed} {at}")) for ask in asks for at in range(ask.n)
        ]

    def answer(self, text: str, seed: str) -> str:
        """One answer."""
        question, chooser = text.split("\n\n(", maxsplit=1)[0], Random(f"{seed} {text}")
        right, number = total(question), sum(map(ord, question))
        said = right
        skill = RIGHT[number % 10]
        if chooser.random() >= skill:
            said = right + (
                10
                if chooser.random() < (0.9 if skill < 0.2 else 0.4)
                else chooser.choice([-11, -2, -1, 1, 2, 9, 20, 100])
            )
        words = " ".join(chooser.sample(PLACES, 3))
        whole = f"Counting the {words} in turn, both numbers together make {said}. The answer is {said}."
        fate = chooser.random()
        if fate < 0.08:
            return f"{whole} It may also be said that in the"
        if fate < 0.13:
            return "I'm sorry, but as an AI language model I cannot help with that."
        return f"{whole} Ask {chooser.choice(NAMES).lower()}.miller@example.com." if fate < 0.16 else whole


def one(repairs: Sequence[str], home: Path) -> str:
    """A line of the table."""
    (home / "seed.jsonl").write_text("".join(json.dumps({"text": row["prompt"]}) + "\n" for row in questions()[:50]))
    (home / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions()))
    (home / "loop.toml").write_text(
        'version = 1\n[reference]\nfiles = ["seed.jsonl"]\n[prompts]\nfiles = ["q.jsonl"]\n'
        f"[sampling]\nn = {SAMPLES}\n[generator]\nkind = 'callable'\ncall = 'none:none'\n"
        f"[recovery]\nrepairs = {json.dumps(list(repairs))}\n"
        "[[drift]]\nmetric = 'kept.loop.tail_share'\ntolerance = 1\n"
    )
    run_loop(load(home / "loop.toml"), home / "rounds", generator=Solver())
    kept = read_rows(home / "rounds" / "1" / "kept.jsonl")
    good = sum(row["response"].split("The answer is ")[1].split(".")[0] == str(total(row["prompt"])) for row in kept)
    low, high = wilson(good, len(kept))
    prompts = len({row["group"] for row in kept})
    shown = f"{good / len(kept):.3f} ({low:.3f} to {high:.3f})"
    said = ", ".join(repairs) or "none"
    return f"| {said} | {len(kept):,} of {PROMPTS * SAMPLES:,} | {prompts} of {PROMPTS} | {shown} |"


def main() -> None:
    """The table."""
    lines = [
        "# Recovery in one round",
        "",
        "Made by `python benchmarks/loop_recovery.py benchmarks/results/loop_recovery.md`.",
        "",
        "| repairs | rows kept | prompts with a row | right among the kept (95 %) |",
        "|---|---|---|---|",
    ]
    for repairs in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(one(repairs, Path(folder)))
    text = "\n".join(lines) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
