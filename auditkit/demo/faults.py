"""The faults: each kind turns a clean row into one that is wrong in one known way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from auditkit.demo.rows import Row, likeness
from auditkit.demo.templates import texts
from auditkit.demo.values import VALUES

Fault = Callable[[Row, Random], Row]

NEAR = 0.85  # a near-copy keeps at least this Jaccard similarity, so that the default threshold of 0.8 must find it
MIN_WORDS_TO_EDIT = 60  # a word less touches five 5-grams of the row and of its copy: above 60 words that keeps NEAR


def personal(row: Row, rng: Random, *, kind: str) -> Row:
    """The answer with one more sentence that holds a value of this kind."""
    value = VALUES[kind](rng, row.slots["name"])
    return with_sentence(row, row.slots.fill(rng.choice(texts("faults")["carriers"][kind]), value=value), rng)


def toxic(row: Row, rng: Random, *, kind: str) -> Row:
    """An answer that insults or threatens: alone, or with the clean answer around it."""
    said = row.slots.fill(rng.choice(texts("faults")["toxic"][kind]))
    return replace(row, output=said) if rng.random() < 0.5 else with_sentence(row, said, rng)


def with_sentence(row: Row, sentence: str, rng: Random) -> Row:
    """The row with this sentence at the end of its answer or after one of its sentences."""
    ends = [match.end() for match in re.finditer(r"[.!?](?= )", row.output)] + [len(row.output)]
    at = rng.choice(ends)
    return replace(row, output=f"{row.output[:at]} {sentence}{row.output[at:]}")


def canned(row: Row, rng: Random, *, kind: str) -> Row:
    """A refusal or an unfilled template in place of the answer."""
    return replace(row, output=row.slots.fill(rng.choice(texts("faults")["answers"][kind])))


def truncated(row: Row, rng: Random) -> Row:
    """The answer cut inside a sentence, at a word or within one."""
    cut = rng.randint(len(row.output) // 2, len(row.output) * 9 // 10)
    shown = row.output[:cut]
    shown = shown[: shown.rfind(" ")] if rng.random() < 0.5 else shown
    return replace(row, output=re.sub(r"\W+$", "", shown))


def looped(row: Row, rng: Random) -> Row:
    """The beginning of the answer, then one of its sentences again and again."""
    sentences = re.split(r"(?<=[.!?])\s+", row.output)
    between = "\n" if "\n" in row.output else " "
    return replace(row, output=between.join([sentences[0], *[sentences[1]] * rng.randint(5, 9)]))


def echoed(row: Row, rng: Random) -> Row:
    """The instruction again in place of an answer."""
    del rng
    return replace(row, output=row.instruction)


def emptied(row: Row, rng: Random) -> Row:
    """Nothing in place of an answer, or a word that says so."""
    return replace(row, output=rng.choice(("", " ", "N/A", "<no output>", "\n")))


def same_opening(row: Row, rng: Random) -> Row:
    """Instruction and answer begin as those of a whole block do."""
    del rng
    head = texts("faults")["same_opening"]
    asked = row.instruction[0].lower() + row.instruction[1:]
    return replace(row, instruction=f"{head['instruction']} {asked}", output=f"{head['output']} {row.output}")


def exact_copy(row: Row, rng: Random) -> Row:
    """The same texts."""
    del rng
    return replace(row)


def near_copy(row: Row, rng: Random) -> Row:
    """The row with one word of its answer left out; never longer than the row, so that the row itself is what stays."""
    words = list(re.finditer(r"(?<= )[a-z]+ ", row.output))
    gap = rng.choice(words)
    edited = replace(row, output=row.output[: gap.start()] + row.output[gap.end() :])
    return edited if likeness(edited.grams(), row.grams()) >= NEAR else near_copy(row, rng)


ON_PROSE: dict[str, Fault] = {
    **{f"pii/{kind}": partial(personal, kind=kind) for kind in VALUES},
    **{f"toxicity/{kind}": partial(toxic, kind=kind) for kind in ("insult", "threat")},
    "hallucination/refusal": partial(canned, kind="refusal"),
    "hallucination/placeholder": partial(canned, kind="placeholder"),
    "hallucination/truncation": truncated,
    "hallucination/loop": looped,
    "hallucination/echo": echoed,
    "hallucination/empty": emptied,
    "diversity/same-opening": same_opening,
}
"""Kind -> what it does to a row of prose."""

COPIES: dict[str, Fault] = {"copies/exact": exact_copy, "copies/near": near_copy}
"""Kind -> the second row that it makes of one."""
