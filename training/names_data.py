"""Labelled sentences for training/names.py: readers, and sentences of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from auditkit.checkers.pii import names_text as text

DEV = {"ewt": "pii/uner_ewt_dev.iob2", "wnut17": "pii/wnut17_dev.conll"}
TRAIN = {"uner": "pii/uner_ewt_train.iob2", "wnut17": "pii/wnut17_train.conll"}
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
KINDS = {"PER": "PER", "person": "PER", "LOC": "LOC", "location": "LOC"}


class Marked(NamedTuple):
    """One sentence or document and its names: spans are (start, end, PER | LOC) in code points."""

    text: str
    spans: list[tuple[int, int, str]]


class Example(NamedTuple):
    """One sentence as a model sees it; tags are numbers in LABELS."""

    words: list[str]
    tags: list[int]


def read_tagged(path: Path) -> list[Marked]:
    """The sentences of a CoNLL or IOB2 file; where it gives no raw text, words are joined by spaces."""
    found = []
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        lines = block.splitlines()
        raw = next((line[9:] for line in lines if line.startswith("# text = ")), None)
        rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("# ")]
        pairs = [(row[1], row[2]) if raw is not None else (row[0], row[-1]) for row in rows if len(row) > 1]
        if pairs:
            found.append(_marked(pairs, raw if raw is not None else " ".join(word for word, _ in pairs)))
    return found


def _marked(pairs: Sequence[tuple[str, str]], raw: str) -> Marked:
    spans: list[tuple[int, int, str]] = []
    at, open_kind = 0, ""
    for word, tag in pairs:
        start = raw.find(word, at)
        if start < 0:
            raise ValueError("a token that is not in its sentence")
        at = start + len(word)
        kind = KINDS.get(tag[2:], "")
        if kind and tag[0] == "I" and kind == open_kind:
            spans[-1] = (spans[-1][0], at, kind)
        elif kind:
            spans.append((start, at, kind))
        open_kind = kind
    return Marked(raw, spans)


def examples(marked: Marked) -> Iterator[Example]:
    """The sentences of a marked text that the product would read, cut as it cuts them."""
    for sentence in filter(text.may_hold_names, text.sentences(marked.text)):
        tags = [0] * len(sentence.words)
        for start, end, kind in marked.spans:
            inside = [
                i for i, (s, e) in enumerate(zip(sentence.starts, sentence.ends, strict=True)) if s < end and e > start
            ]
            for i in inside:
                begins = i == inside[0] and sentence.ends[i] > start >= 0 and sentence.starts[i] <= start + 1
                tags[i] = LABELS.index(f"{'B' if begins else 'I'}-{kind}")
        yield Example(sentence.words, tags)
