"""CSV and TSV: strict records, a header with known names, and text that is never converted.

A record whose quotes or number of fields are wrong is quarantined. A quote that is never closed swallows the rest of
the file: then the file is refused, as it is without a recognised header or with two columns of one name.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.errors import CheckerError, InputError
from auditkit.formats.containers import RAW_BYTES, Stored, expanded
from auditkit.formats.finding import Finder
from auditkit.formats.records import DELIMITERS, Block, Header, blocks, bounds, header
from auditkit.formats.rows import Columns, Gathered, batch, key_paths
from auditkit.formats.splice import by_field, splice
from auditkit.formats.splitting import Plan
from auditkit.messages import TOO_LONG
from auditkit.shards import Edit, FileSummary, Layout, Limits, Parsed, Quarantined, Shard, Source
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_NAME = re.compile(r"[\w.\-/\[\]]{0,40}(?: [\w.\-/\[\]]{1,20}){0,3}")


def detect(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
    """The layout that the header shows; records are read on until one can be read with it."""
    head = header(source, limits)
    finder = Finder(source, fields, limits)
    for name in head.names:
        finder.census.count(name, "text")
    everything = Layout("all", tuple((name, "text") for name in head.names))
    stored = Stored(source)
    try:
        for block in blocks(stored, limits, head):
            for parsed in parse(_shard(source, everything, head, block, 0), limits):
                _show(parsed, finder)
            layout = finder.found()
            if layout:
                return layout
            if block.offset > finder.look_bytes:
                break
    finally:
        stored.close()
    return _give_up(finder, head)


def _show(parsed: Parsed, finder: Finder) -> None:
    texts = parsed.batch.texts
    for bad in parsed.quarantined:
        finder.refused(bad.reason)
    record: dict[str, object] = {}
    last = None
    for doc, name, text in zip(*(texts.column(key).to_pylist() for key in ("doc", "field", "text")), strict=True):
        if doc != last and record:
            finder.record(record)
            record = {}
        last, record[name] = doc, text
    if record:
        finder.record(record)


def _give_up(finder: Finder, head: Header) -> Layout:
    odd = [name for name in head.names if not _NAME.fullmatch(name)]
    if odd and not finder.named and not finder.is_readable:
        raise InputError(finder.name, "its first line is not a header with a known name such as text or prompt")
    return finder.give_up()


def read(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """One shard per block of records, with their bytes."""
    head = header(source, limits)
    stored = Stored(source)
    n_rows = n_blank = 0
    try:
        for block in blocks(stored, limits, head):
            shard = _shard(source, layout, head, block, n_rows)
            n_rows += shard.n_rows
            n_blank += len(block.ends) - shard.n_rows if not block.length else 0
            if shard.n_rows:
                yield shard
        summary = stored.summary(n_rows, n_blank)
    finally:
        stored.close()
    if not n_rows:
        raise InputError(source.name, "has no rows")
    return summary


def _shard(source: Source, layout: Layout, head: Header, block: Block, first_row: int) -> Shard:
    part = {"newline": head.newline, "columns": len(head.names)}
    wanted = {path for path, _ in layout.texts} | set(key_paths(layout).values())
    part |= {f"column {name}": index for index, name in enumerate(head.names) if name and name in wanted}
    if block.length:
        part["length"] = block.length
    n_rows = 1 if block.length else int(np.count_nonzero(~bounds(block)[2]))
    size = len(block.payload)
    return Shard(0, source, layout, 0, first_row, n_rows, block.line, block.offset, block.payload, part, size)


def parse(shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
    """The records of a block: those that can be read as one batch, the others with their reasons."""
    payload = shard.payload or b""
    if "length" in shard.part:
        where = (shard.source.name, shard.first_row, shard.line, shard.offset, shard.part["length"])
        yield Parsed(Gathered().batch(shard), (Quarantined(*where, _reason(_LONG_RECORD, limits), payload),))
        return
    scan = _Scan(shard, limits)
    good = np.flatnonzero(scan.status == 0)
    paths, roles = zip(*shard.layout.texts, strict=True)
    columns = [scan.slot(path) for path in paths]
    present = np.array([column >= 0 for column in columns])
    owners, which = np.nonzero(np.broadcast_to(present, (len(good), len(columns))))
    spans = scan.spans[good][:, columns][:, present].reshape(-1, 3)
    texts = Columns(owners, which, paths, which, roles, scan.strings(spans))
    keys = {
        name: scan.strings(scan.spans[good, scan.slot(path)]).cast(pa.utf8())
        for name, path in key_paths(shard.layout).items()
        if scan.slot(path) >= 0
    }
    yield Parsed(batch(shard, good + shard.first_row, texts, keys), tuple(scan.quarantined()))


def lines(shard: Shard, limits: Limits) -> Ints:
    """The 1-based line on which each record of a block begins."""
    if "length" in shard.part:
        return np.array([shard.line])
    newlines = np.flatnonzero(np.frombuffer(shard.payload or b"", np.uint8) == shard.part["newline"])
    return shard.line + np.searchsorted(newlines, _Scan(shard, limits).starts)


class _Scan:
    """The records of a shard: their bounds, the spans of the wanted fields, and why each is refused (0: not)."""

    def __init__(self, shard: Shard, limits: Limits) -> None:
        from auditkit.text import csv_scan

        self._shard, self._payload, self._limits = shard, shard.payload or b"", limits
        self._data = np.frombuffer(self._payload, np.uint8)
        delimiter, newline = DELIMITERS[shard.source.format][0], shard.part["newline"]
        found = np.empty(len(self._data) + 1, np.int64)
        n, _ = csv_scan.record_ends(self._data, csv_scan.FIELD, delimiter, newline, found)
        if n == 0 or found[n - 1] < len(self._data):
            found[n], n = len(self._data), n + 1
        starts, ends, blank = bounds(Block(self._payload, found[:n], 0, 0))
        self.starts, self.ends = starts[~blank], ends[~blank]
        slots = np.full(shard.part["columns"], -1, np.int64)
        paths = dict.fromkeys([path for path, _ in shard.layout.texts] + list(key_paths(shard.layout).values()))
        self._slots: dict[str, int] = {}
        for path in paths:
            column = shard.part.get(f"column {path}", -1)
            if column >= 0:
                self._slots[path] = slots[column] = len(self._slots)
        self.spans = np.zeros((len(self.starts), max(1, len(self._slots)), 3), np.int64)
        self.status = np.zeros(len(self.starts), np.uint8)
        csv_scan.records(self._data, self.starts, self.ends, delimiter, slots, self.status, self.spans)
        self.status[(self.spans[:, :, 2] > limits.max_text_bytes).any(axis=1)] = _LONG_TEXT
        self.status[self.ends - self.starts > limits.max_line_bytes] = _LONG_RECORD

    def slot(self, path: str) -> int:
        """Where the spans of a column are, or -1."""
        return self._slots.get(path, -1)

    def strings(self, spans: Ints) -> pa.Array:
        """The fields at (start, end, size) spans as text."""
        from auditkit.text import csv_scan

        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(spans[:, 2])])
        out = np.empty(int(offsets[-1]), np.uint8)
        csv_scan.copy_fields(self._data, np.ascontiguousarray(spans), offsets, out)
        return pa.LargeStringArray.from_buffers(len(spans), pa.py_buffer(offsets), pa.py_buffer(out))

    def quarantined(self) -> Iterator[Quarantined]:
        """The refused records in order."""
        shard = self._shard
        newline = bytes([shard.part["newline"]])
        line, seen = shard.line, 0
        for index in np.flatnonzero(self.status):
            start, end = int(self.starts[index]), int(self.ends[index])
            line, seen = line + self._payload.count(newline, seen, start), start
            where = (shard.source.name, shard.first_row + int(index), line, shard.offset + start, end - start)
            yield Quarantined(*where, _reason(self.status[index], self._limits), self._payload[start:end][:RAW_BYTES])


_REASONS = (
    "",
    "has another number of fields than the header",
    "is wrongly quoted",
    "has a line end inside a field without quotes",
    "not UTF-8",
    "holds a NUL byte",
    "{above} of {limits.max_text_bytes} bytes for one text",
    "{above} of {limits.max_line_bytes} bytes for one record",
)
_LONG_TEXT, _LONG_RECORD = 6, 7


def _reason(status: int, limits: Limits) -> str:
    return _REASONS[status].format(above=TOO_LONG, limits=limits)


def split(source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:
    """Copy each record to where the plan sends it; the header, and all before it, goes to both files."""
    head = header(source, limits)
    stored = Stored(source)
    row = 0
    try:
        plan.kept.write(_head_bytes(source, limits, head))
        if plan.drops:
            plan.dropped.write(_head_bytes(source, limits, head))
        for block in blocks(stored, limits, head):
            shard = _shard(source, layout, head, block, row)
            if block.length:
                plan.quarantined(row)
            else:
                starts, _, blank = bounds(block)
                redact = _Redactor(shard, limits)
                plan.copy(block.payload, starts[~blank], block.ends[~blank], row, redact)
            row += shard.n_rows
        return stored.summary(row)
    finally:
        stored.close()


def _head_bytes(source: Source, limits: Limits, head: Header) -> bytes:
    stored = Stored(source)
    data = b""
    try:
        for chunk in expanded(stored, limits):
            data += chunk
            if len(data) >= head.n_bytes:
                break
    finally:
        stored.close()
    return data[: head.n_bytes]


class _Redactor:
    """Puts edits into the fields of one record; a field is quoted anew where its new text needs that."""

    def __init__(self, shard: Shard, limits: Limits) -> None:
        self._shard, self._limits = shard, limits
        self._delimiter = DELIMITERS[shard.source.format].decode()

    def __call__(self, record: bytes, edits: Sequence[Edit]) -> bytes:
        scan = _Scan(replace(self._shard, payload=record), self._limits)
        cuts = []
        for field, some in by_field(edits).items():
            slot = scan.slot(field)
            if slot < 0:
                raise CheckerError(f"an edit names field '{printable(field)}', which the row does not have")
            start, end, _ = (int(place) for place in scan.spans[0, slot])
            text = scan.strings(scan.spans[:1, slot])[0].as_py()
            quoted = record[start - 1 : start] == b'"' and record[end : end + 1] == b'"'
            cuts.append((start, end, self._field(splice(text, some), quoted=quoted)))
        parts, last = [], 0
        for start, end, value in sorted(cuts):
            parts += [record[last:start], value]
            last = end
        return b"".join([*parts, record[last:]])

    def _field(self, text: str, *, quoted: bool) -> bytes:
        if quoted:
            return text.replace('"', '""').encode()
        if any(character in text for character in ('"', "\r", "\n", self._delimiter)):
            return ('"' + text.replace('"', '""') + '"').encode()
        return text.encode()
