"""The corpus: clean rows of all kinds, faults planted among them, and the labels that say where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from auditkit.demo.faults import COPIES, MIN_WORDS_TO_EDIT, ON_PROSE
from auditkit.demo.problems import Problem, report_rows
from auditkit.demo.prose import prose_row
from auditkit.demo.rows import Attributes, Novelty, Row
from auditkit.errors import ConfigError

CORPUS, PLANTED = "corpus.jsonl", "planted.jsonl"
MIN_ROWS = 200  # fewer rows hold fewer than two of each fault
FAULT_SHARE = 0.01  # of the rows, for each kind
BLOCK_SHARE = 0.08  # rows whose answers have one same opening; of clean answers up to 3 % share one by chance
REPORT_SHARE, SUM_SHARE, GROUP_SHARE = 0.05, 0.05, 0.08  # clean rows that are no prose
RIGHT_SAMPLES, WRONG_SAMPLES = 3, 2  # answers to a question on which samples disagree; the others have all five right
UNREADABLE = (
    b'{"id": "x", "instruction": "Name a river.", "output": "The Uc\n',
    b'{"id": "x", "instruction": "\xff\xfe"}\n',
)
CORPUS_FAULT = "skew/region"


@dataclass(frozen=True)
class Entry:
    """A row on its way into the file. place: its own, between 0 and 1; source: the entry that it copies."""

    place: float
    row: Row | None
    kind: str | None = None
    source: Entry | None = None
    raw: bytes = b""


def write_corpus(folder: Path, *, n_rows: int, seed: int = 7, faults: bool = True) -> None:
    """Write corpus.jsonl and planted.jsonl; the same arguments give the same bytes.

    A line of planted.jsonl: `row` (index in the file, null = the corpus as a whole), `id`, `kind`, `of` (row that was
    copied). Without `faults` all rows are clean and places are spread as the people of the world are.
    Raises ConfigError for fewer than 200 rows, and for more than the templates can tell apart.
    """
    if n_rows < MIN_ROWS:
        raise ConfigError(f"--rows {n_rows}: the demo needs at least {MIN_ROWS} rows to hold every fault")
    entries = sorted(_entries(n_rows, Random(f"auditkit demo {seed}"), faults=faults), key=lambda entry: entry.place)
    row_of = {entry.place: number for number, entry in enumerate(entries)}
    lines, labels = [], []
    for number, entry in enumerate(entries):
        name = f"demo-{number:06d}"
        lines.append(entry.raw if entry.row is None else _line(record(name, entry.row)))
        if entry.kind:
            source = row_of[entry.source.place] if entry.source else None
            labels.append({"row": number, "id": name if entry.row else None, "kind": entry.kind, "of": source})
    if faults:
        labels.append({"row": None, "id": None, "kind": CORPUS_FAULT, "of": None})
    (folder / CORPUS).write_bytes(b"".join(lines))
    (folder / PLANTED).write_bytes(b"".join(map(_line, labels)))


def record(name: str, row: Row) -> dict[str, object]:
    """The row as it stands in corpus.jsonl."""
    return {
        "id": name, "topic": row.topic, "region": row.region, "style": row.style, "instruction": row.instruction,
        "input": row.input, "context": row.context, "question_id": row.question_id, "output": row.output,
    }  # fmt: skip


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _entries(n_rows: int, rng: Random, *, faults: bool) -> list[Entry]:
    """All rows, clean and faulty, each with its place in the file."""
    n_each = max(2, round(n_rows * FAULT_SHARE)) if faults else 0
    n_first = n_rows - len(COPIES) * n_each - (len(UNREADABLE) if faults else 0)
    makers = _Makers(rng, n_rows, n_each, balanced=not faults)
    labelled = [*makers.sums(), *makers.reports(), *makers.groups()]
    prose = [makers.novelty.fresh(lambda: prose_row(rng, makers.attributes)) for _ in range(n_first - len(labelled))]
    clean, planted = _plant(prose, n_each, max(2, round(n_rows * BLOCK_SHARE)), rng) if faults else (prose, [])
    entries = [Entry(rng.random(), row, kind) for row, kind in [*labelled, *((row, None) for row in clean), *planted]]
    return entries + (_copies(entries, n_each, rng) + _unreadable(rng) if faults else [])


@dataclass
class _Makers:
    """Makes the rows that are right or wrong from the start: (row, kind of fault or None)."""

    rng: Random
    n_rows: int
    n_each: int
    balanced: bool

    def __post_init__(self) -> None:
        self.novelty = Novelty()
        self.attributes = Attributes(self.rng, balanced=self.balanced)

    def sums(self) -> list[tuple[Row, str | None]]:
        """Word problems, some with a sum that does not hold."""
        n_right = round(self.n_rows * SUM_SHARE)
        fresh = self.novelty.fresh
        right = [fresh(lambda: Problem(self.rng, self.attributes).answer()) for _ in range(n_right)]
        wrong = [fresh(lambda: Problem(self.rng, self.attributes).miscounted()) for _ in range(self.n_each)]
        return [*((row, None) for row in right), *((row, "hallucination/wrong-sum") for row in wrong)]

    def reports(self) -> list[tuple[Row, str | None]]:
        """Questions about reports, some with an answer that the report does not bear out."""
        n_right = round(self.n_rows * REPORT_SHARE)
        fresh = self.novelty.fresh
        right = [fresh(lambda: report_rows(self.rng, self.attributes)[0]) for _ in range(n_right)]
        wrong = [fresh(lambda: report_rows(self.rng, self.attributes)[1]) for _ in range(self.n_each)]
        return [*((row, None) for row in right), *((row, "hallucination/contradiction") for row in wrong)]

    def groups(self) -> list[tuple[Row, str | None]]:
        """Five answers each to some questions: all right, or three right and two wrong ones that differ."""
        size = RIGHT_SAMPLES + WRONG_SAMPLES
        n_split = -(-self.n_each // WRONG_SAMPLES)
        n_groups = max(n_split + 1, round(self.n_rows * GROUP_SHARE) // size)
        rows: list[tuple[Row, str | None]] = []
        for number in range(n_groups):
            split = number < n_split and self.n_each > 0
            rows += self._group(f"q{number:05d}", n_wrong=WRONG_SAMPLES if split else 0)
        return rows

    def _group(self, name: str, *, n_wrong: int) -> list[tuple[Row, str | None]]:
        while True:
            problem = Problem(self.rng, self.attributes, group=name)
            wrong = problem.misread()[:n_wrong]
            if len(wrong) == n_wrong:
                break
        n_right = RIGHT_SAMPLES + WRONG_SAMPLES - n_wrong
        right = [self.novelty.fresh(problem.answer) for _ in range(n_right)]
        return [*((row, None) for row in right), *((row, "hallucination/disagreement") for row in wrong)]


def _plant(prose: list[Row], n_each: int, n_block: int, rng: Random) -> tuple[list[Row], list[tuple[Row, str]]]:
    """(rows left clean, faulty rows with their kind)."""
    rows = rng.sample(prose, len(prose))
    planted = []
    for kind, fault in ON_PROSE.items():
        for _ in range(n_block if kind == "diversity/same-opening" else n_each):
            planted.append((fault(rows.pop(), rng), kind))
    return rows, planted


def _copies(entries: list[Entry], n_each: int, rng: Random) -> list[Entry]:
    """Second appearances of clean rows, each somewhere after the first."""
    long = [entry for entry in entries if not entry.kind and entry.row and _can_be_edited(entry.row)]
    chosen = rng.sample(long, len(COPIES) * n_each)
    copies = []
    for kind, copy in COPIES.items():
        for _ in range(n_each):
            source = chosen.pop()
            assert source.row
            copies.append(Entry(rng.uniform(source.place, 1), copy(source.row, rng), kind, source))
    return copies


def _can_be_edited(row: Row) -> bool:
    return row.question_id is None and row.context is None and len(row.words()) >= MIN_WORDS_TO_EDIT


def _unreadable(rng: Random) -> list[Entry]:
    return [Entry(rng.random(), None, "unreadable", raw=raw) for raw in UNREADABLE]
