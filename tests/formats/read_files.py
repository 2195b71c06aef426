"""A file read through the public functions, with every row accounted for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditkit import formats
from auditkit.shards import DROP, KEEP, QUARANTINE, REDACT, Edit, Limits

if TYPE_CHECKING:
    from auditkit.shards import FileSummary, Layout, Parsed, Quarantined, Source

INSERTED = '<"x",\n\u20ac\\>'
"""A replacement with everything that a format must escape."""


@dataclass
class Read:
    """What a file held. texts[row] = {field: (role, text)}; keys[row] = the record without its texts; speakers[row]: of its texts."""

    source: Source
    layout: Layout
    summary: FileSummary
    texts: dict[int, dict[str, tuple[str, str]]]
    keys: dict[int, dict[str, object]]
    quarantined: list[Quarantined]
    speakers: dict[int, list[str | None]] = field(default_factory=dict)

    @property
    def path(self):
        return Path(self.source.path)

    @property
    def reasons(self):
        return [bad.reason for bad in self.quarantined]

    @property
    def all_texts(self):
        """The texts of all rows, in order."""
        return [text for row in sorted(self.texts) for _, text in self.texts[row].values()]


def rows_of(parsed: Parsed, read: Read) -> None:
    parsed.batch.texts.validate(full=True)
    parsed.batch.records.validate(full=True)
    docs = parsed.batch.docs.tolist()
    assert docs == sorted(set(docs))
    records = parsed.batch.records.to_pylist()
    rows = {record["doc"]: record["row"] for record in records}
    for record in records:
        read.keys[record["row"]] = record
        read.texts[record["row"]] = {}
    for text in parsed.batch.texts.to_pylist():
        assert text["field"] not in read.texts[rows[text["doc"]]]
        read.texts[rows[text["doc"]]][text["field"]] = (text["role"], text["text"])
        read.speakers.setdefault(rows[text["doc"]], []).append(text["speaker"])
    read.quarantined += parsed.quarantined


def read_source(source, fields=None, limits=None):
    """Everything that a source holds; asserts that each row is in exactly one place, in order."""
    limits = limits or Limits()
    layout = formats.detect_layout(source, fields or {}, limits)
    read = Read(source, layout, None, {}, {}, [])
    shards = formats.read_shards(source, layout, limits)
    n_rows = 0
    while True:
        try:
            shard = next(shards)
        except StopIteration as end:
            read.summary = end.value
            break
        assert shard.first_row == n_rows
        assert shard.n_rows > 0
        before = len(read.texts) + len(read.quarantined)
        last = -1
        for parsed in formats.parse(replace(shard, first_doc=1000 + n_rows), limits):
            here = [*parsed.batch.records.column("row").to_pylist(), *(bad.row for bad in parsed.quarantined)]
            assert here
            assert last < min(here)
            last = max(here)
            rows_of(parsed, read)
        assert len(read.texts) + len(read.quarantined) - before == shard.n_rows
        n_rows += shard.n_rows
    assert n_rows == read.summary.n_rows
    assert sorted([*read.texts, *(bad.row for bad in read.quarantined)]) == list(range(n_rows))
    assert all(record["doc"] == 1000 + row for row, record in read.keys.items())
    return read


def decide(read: Read, seed: int):
    """Decisions for a read file, at random, and the edits of its redacted rows."""
    drawn = np.random.default_rng(seed).choice([KEEP, REDACT, DROP], read.summary.n_rows).astype(np.uint8)
    drawn[[bad.row for bad in read.quarantined]] = QUARANTINE
    edits = {}
    for row in np.flatnonzero(drawn == REDACT).tolist():
        edits[row] = [
            Edit(field, len(text) // 3, len(text) // 2, INSERTED) for field, (_, text) in read.texts[row].items()
        ]
    return drawn, edits


def redacted(text: str) -> str:
    """What the edits of `decide` make of a text."""
    return text[: len(text) // 3] + INSERTED + text[len(text) // 2 :]
