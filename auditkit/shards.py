"""What passes between formats, engine and runners: sources, shards, parsed shards, edits.

A shard is cut from the data (file and byte range, or row group), never from the number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditkit.documents import Batch

KEEP, REDACT, DROP, QUARANTINE = 0, 1, 2, 3
"""Decision codes of one row; the order is that of growing severity."""
DECISIONS = ("keep", "redact", "drop", "quarantine")


@dataclass(frozen=True)
class Limits:
    """How much of an input is read; more is quarantined or refused with its reason, never cut in silence."""

    max_line_bytes: int = 64 << 20
    max_text_bytes: int = 16 << 20  # one text must fit a checker's working memory several times over
    max_nesting: int = 200
    max_expanded_bytes: int = 1 << 40  # of one compressed file
    max_expansion: int = 1000  # times its stored size, from 4 GB on: text compresses 3 to 20 times, logs 100 times
    max_row_group_bytes: int = 4 << 30  # of Parquet and of an Arrow batch, unpacked; writers make 1 MB to 1 GB
    max_page_bytes: int = 256 << 20  # of Parquet, unpacked: readers unpack a page whole; writers make 1 MB
    max_files: int = 100_000  # each is opened, hashed, written and synced for itself: more would take hours
    max_findings: int = 10_000  # of one rule in one document
    max_memory_bytes: int = 0  # of each process; 0 = as much as there is
    block_bytes: int = 4 << 20  # research: flat memory, no loss of speed from 4 MB up
    block_rows: int = 1 << 15  # a row takes about 1 kB of memory beside its text: rows of a few bytes are many


@dataclass(frozen=True)
class Source:
    """One input file. `name`, its path relative to the common root of the inputs, is the `file` of every table.

    path: where to open it. format: jsonl | parquet | csv | tsv | text | arrow. compression: "" | gz | zst.
    """

    path: str
    name: str
    format: str
    compression: str = ""


@dataclass(frozen=True)
class Layout:
    """Which fields of a record are texts and in which role; found once per file.

    name: "text", "alpaca", "messages", ... or "fields" (named by the user). texts: (path, role) pairs; a path is split
    at dots, `[*]` stands for every element of a list; the role "" means that the speaker of each message tells it.
    group, id, label, split, logprob: paths or "". required: paths that must hold a value; a row that lacks one is
    quarantined. calls: the chat whose tool calls are told, or "". unread: other fields with strings in the first
    n_shown rows, n_unread of them in all, listed under harmless names; no part of what a row is read by.
    """

    name: str
    texts: tuple[tuple[str, str], ...]
    required: tuple[str, ...] = ()
    group: str = ""
    id: str = ""
    label: str = ""
    split: str = ""
    logprob: str = ""
    calls: str = ""
    unread: tuple[str, ...] = field(default=(), repr=False, compare=False)
    n_unread: int = field(default=0, repr=False, compare=False)
    n_shown: int = field(default=0, repr=False, compare=False)


@dataclass(frozen=True)
class Shard:
    """A run of whole rows of one file.

    index: number in the run. first_doc/first_row: key and file row of its first row. line, offset: 1-based line and
    byte offset (decompressed) of its start. payload: the bytes of its rows, None when `part` names what to read.
    """

    index: int
    source: Source
    layout: Layout
    first_doc: int
    first_row: int
    n_rows: int
    line: int = 1
    offset: int = 0
    payload: bytes | None = None
    part: Mapping[str, int] = field(default_factory=dict)
    n_bytes: int = 0


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be read. line is 1-based, offset counts decompressed bytes, raw may be cut."""

    file: str
    row: int
    line: int
    offset: int
    length: int
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Parsed:
    """Some rows of a shard, in order: the readable ones as a batch, the others as quarantined."""

    batch: Batch
    quarantined: tuple[Quarantined, ...] = ()


@dataclass(frozen=True)
class FileSummary:
    """What a whole read of a file showed: its size and hash as stored, its rows, blank lines that were passed over."""

    n_bytes: int
    sha256: str
    n_rows: int
    n_blank: int = 0


@dataclass(frozen=True)
class Edit:
    """Replace the code points start..end of one text of a row."""

    field: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True)
class Written:
    """A file that was written: path, bytes, sha256, rows."""

    path: str
    n_bytes: int
    sha256: str
    n_rows: int
