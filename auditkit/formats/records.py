"""The header and the records of delimited text, cut into blocks of whole records."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.errors import InputError
from auditkit.formats.containers import BOM, RAW_BYTES, Stored, expanded
from auditkit.formats.sniffing import wrong_text
from auditkit.shards import Limits, Source
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DELIMITERS = {"csv": b",", "tsv": b"\t"}
_MAX_HEADER = 1 << 20


class Header(NamedTuple):
    """The first record. n_bytes, n_lines: up to the end of its line end. newline: the byte that ends a record."""

    names: tuple[str, ...]
    n_bytes: int
    n_lines: int
    newline: int


class Block(NamedTuple):
    """Whole records. length: 0, or the true length of a single record that was cut."""

    payload: bytes
    ends: Ints
    line: int
    offset: int
    length: int = 0


def header(source: Source, limits: Limits) -> Header:
    """The header of a file; InputError where it has none that can be read."""
    stored = Stored(source)
    head = b""
    try:
        for chunk in expanded(stored, limits):
            head += chunk
            if len(head) > _MAX_HEADER:
                break
    finally:
        stored.close()
    wrong = wrong_text(head[:512], source.format)
    if wrong:
        raise InputError(source.name, wrong)
    start = len(head) - len(head.removeprefix(BOM).lstrip(b"\r\n"))
    end, newline = _first_end(head, start, source)
    names = _names(head[start:end], source)
    return Header(names, end, head[:end].count(bytes([newline])), newline)


def _first_end(head: bytes, start: int, source: Source) -> tuple[int, int]:
    """(place after the line end of the record at start, what ends records in this file)."""
    quoted = False
    for match in re.compile(rb'["\r\n]').finditer(head, start):
        byte, at = match.group(), match.start()
        if byte == b'"':
            quoted = not quoted
        elif not quoted:
            if byte == b"\n" or head[at + 1 : at + 2] == b"\n":
                return at + (1 if byte == b"\n" else 2), 10
            return at + 1, 13
    if quoted or len(head) > _MAX_HEADER:
        raise InputError(source.name, f"its first line does not end within {_MAX_HEADER} bytes: no header")
    return len(head), 10


def _names(record: bytes, source: Source) -> tuple[str, ...]:
    try:
        text = record.rstrip(b"\r\n").decode()
        (names,) = csv.reader([text], delimiter=DELIMITERS[source.format].decode(), strict=True)
    except (UnicodeDecodeError, ValueError, csv.Error):
        raise InputError(source.name, "its header cannot be read: not UTF-8, or wrongly quoted") from None
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(source.name, f"has two columns named '{printable(twice[0], limit=40)}'")
    return tuple(names)


def blocks(stored: Stored, limits: Limits, head: Header) -> Iterator[Block]:
    """The records after the header in blocks as those of JSON lines (jsonl.blocks), cut by the data alone."""
    cutter = _Cutter(limits, head, DELIMITERS[stored.source.format])
    skip = head.n_bytes
    for chunk in expanded(stored, limits):
        yield from cutter.feed(chunk[skip:])
        skip = max(0, skip - len(chunk))
    if cutter.open:
        raise InputError(stored.source.name, "a quote is never closed: it swallows the rest of the file")
    yield from cutter.end()


class _Cutter:
    """Cuts a stream into blocks of records; a record above the limit is counted, not kept."""

    def __init__(self, limits: Limits, head: Header, delimiter: bytes) -> None:
        self._limits = limits
        self._delimiter, self._newline = delimiter[0], head.newline
        self._buffer = bytearray()
        self._ends: list[Ints] = []
        self._state = 0
        self._line, self._offset = head.n_lines + 1, head.n_bytes
        self._overlong = self._overlong_lines = 0

    @property
    def open(self) -> bool:
        """Whether the last record ends inside quotes."""
        from auditkit.text import csv_scan

        return self._state == csv_scan.QUOTED

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that are whole after this chunk."""
        ends = self._scan(chunk)
        if self._overlong:
            used = int(ends[0]) if len(ends) else len(chunk)
            self._overlong += used
            self._overlong_lines += chunk.count(self._newline, 0, used)
            if not len(ends):
                return
            yield self._long()
            chunk, ends = chunk[used:], ends[1:] - used
        self._ends.append(ends + len(self._buffer))
        self._buffer += chunk
        while len(self._buffer) >= self._limits.block_bytes:
            known = np.concatenate(self._ends)
            before = known[known <= self._limits.block_bytes][: self._limits.block_rows]
            if len(known):
                yield self._take(before if len(before) else known[:1], known)
            elif len(self._buffer) > self._limits.max_line_bytes:
                self._overlong, self._overlong_lines = len(self._buffer), self._buffer.count(self._newline)
                del self._buffer[RAW_BYTES:]
                return
            else:
                return

    def end(self) -> Iterator[Block]:
        """The last records; the very last may lack its line end."""
        if self._overlong:
            yield self._long()
        elif self._buffer:
            known = np.concatenate(self._ends)
            if len(known) == 0 or known[-1] < len(self._buffer):
                known = np.append(known, len(self._buffer))
            while len(known):
                yield self._take(known[: self._limits.block_rows], known)
                (known,) = self._ends

    def _scan(self, chunk: bytes) -> Ints:
        from auditkit.text import csv_scan

        data = np.frombuffer(chunk, np.uint8)
        ends = np.empty(len(data), np.int64)
        n, self._state = csv_scan.record_ends(data, self._state, self._delimiter, self._newline, ends)
        return ends[:n]

    def _long(self) -> Block:
        length = self._overlong - (not self.open and self._state == 0)
        block = Block(bytes(self._buffer), np.zeros(0, np.int64), self._line, self._offset, length)
        self._line += self._overlong_lines
        self._offset += self._overlong
        self._buffer.clear()
        self._ends = []
        self._overlong = self._overlong_lines = 0
        return block

    def _take(self, ends: Ints, known: Ints) -> Block:
        cut = int(ends[-1])
        block = Block(bytes(self._buffer[:cut]), ends, self._line, self._offset)
        del self._buffer[:cut]
        self._ends = [known[len(ends) :] - cut]
        self._line += block.payload.count(self._newline)
        self._offset += cut
        return block


def bounds(block: Block) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """(start, end without line end, blank) of each record of a block."""
    data = np.frombuffer(block.payload, np.uint8)
    starts = np.concatenate([np.zeros(1, np.int64), block.ends[:-1]])
    ends = block.ends.copy()
    for byte in (10, 13):
        ends -= (ends > starts) & (data[ends - 1] == byte)
    return starts, ends, starts == ends
