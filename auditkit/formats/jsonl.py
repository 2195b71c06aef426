"""JSON lines: cut into blocks of whole lines, read strictly, nothing lost.

Lines end in LF; a CR before it is white space. Blank lines are no rows. A line is read by the fast scan when that finds
it clean beyond doubt, else by the strict parser, which is the truth and gives the reason for a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.documents import Batch
from auditkit.errors import InputError
from auditkit.formats.containers import BOM, RAW_BYTES, Stored, expanded
from auditkit.formats.finding import Finder
from auditkit.formats.json_rows import Scan, shape_of
from auditkit.formats.rows import Gathered, key_paths, merged
from auditkit.formats.sniffing import wrong_text
from auditkit.formats.splice import splice_json
from auditkit.formats.splitting import Plan
from auditkit.layouts import Row, extract, values
from auditkit.messages import TOO_LONG
from auditkit.shards import FileSummary, Layout, Limits, Parsed, Quarantined, Shard, Source
from auditkit.text.strict_json import MOST_VALUES, Refused, has_too_many_values, strict_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_NOT_LINES = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*(?:\n|$))")  # a list, or an object that goes on
_SPACE = b" \t\r\n"


class Block(NamedTuple):
    """Whole lines. line, offset: where they begin. length: 0, or the true length of a single line that was cut."""

    payload: bytes
    line: int
    offset: int
    length: int = 0


def blocks(stored: Stored, limits: Limits) -> Iterator[Block]:
    """The lines of a file in blocks of about limits.block_bytes, at most limits.block_rows, cut by the data alone."""
    cutter = _Cutter(limits)
    for chunk in expanded(stored, limits):
        yield from cutter.feed(chunk)
    yield from cutter.end()


class _Cutter:
    """Cuts a stream into blocks; a line above the limit is counted, not kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._line = 1
        self._offset = 0
        self._overlong = 0

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that are whole after this chunk."""
        if self._overlong:
            chunk, block = self._skip(chunk)
            if block:
                yield block
        self._buffer += chunk
        while len(self._buffer) >= self._limits.block_bytes:
            cut = self._buffer.rfind(b"\n", 0, self._limits.block_bytes) + 1 or self._first_end()
            if cut:
                yield self._take(self._few(cut))
            elif len(self._buffer) > self._limits.max_line_bytes:
                self._overlong = len(self._buffer)
                del self._buffer[RAW_BYTES:]
                break
            else:
                break

    def end(self) -> Iterator[Block]:
        """The last lines."""
        if self._overlong:
            yield self._long()
        while self._buffer:
            yield self._take(self._few(len(self._buffer)))

    def _few(self, cut: int) -> int:
        """The cut, or the end of an earlier line where there are more lines before it than a block may have."""
        most = self._limits.block_rows
        if self._buffer.count(b"\n", 0, cut) <= most:
            return cut
        return int(np.flatnonzero(np.frombuffer(self._buffer[:cut], np.uint8) == 10)[most - 1]) + 1

    def _first_end(self) -> int:
        """Where the first line ends, 0 while that is not known; what was searched is not searched again."""
        cut = self._buffer.find(b"\n", max(self._searched, self._limits.block_bytes)) + 1
        self._searched = 0 if cut else len(self._buffer)
        return cut

    def _skip(self, chunk: bytes) -> tuple[bytes, Block | None]:
        end = chunk.find(b"\n")
        if end < 0:
            self._overlong += len(chunk)
            return b"", None
        self._overlong += end
        return chunk[end + 1 :], self._long(ended=1)

    def _long(self, *, ended: int = 0) -> Block:
        block = Block(bytes(self._buffer[:RAW_BYTES]), self._line, self._offset, self._overlong)
        self._line += 1
        self._offset += self._overlong + ended
        self._buffer.clear()
        self._overlong = self._searched = 0
        return block

    def _take(self, cut: int) -> Block:
        payload = bytes(self._buffer[:cut])
        del self._buffer[:cut]
        block = Block(payload, self._line, self._offset)
        self._line += payload.count(b"\n")
        self._offset += cut
        return block


def line_bounds(payload: bytes) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """(start, end, blank) of each line; the end leaves out its LF."""
    data = np.frombuffer(payload, np.uint8)
    ends = np.flatnonzero(data == 10)
    if not payload.endswith(b"\n"):
        ends = np.append(ends, len(payload))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    blank = starts == ends
    for index in np.flatnonzero(~blank & np.isin(data[np.minimum(starts, len(data) - 1)], _BLANK_STARTS)):
        blank[index] = not payload[starts[index] : ends[index]].removeprefix(BOM).strip(_SPACE)
    return starts, ends, blank


_BLANK_STARTS = np.frombuffer(_SPACE + BOM[:1], np.uint8)


def detect(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
    """The layout that the first rows show; the file is read on until a row can be read with it."""
    finder = Finder(source, fields, limits)
    stored = Stored(source)
    try:
        for block in blocks(stored, limits):
            _show(block, limits, finder)
            layout = finder.found()
            if layout:
                return layout
            if block.offset > finder.look_bytes:
                break
    finally:
        stored.close()
    return finder.give_up()


def _show(block: Block, limits: Limits, finder: Finder) -> None:
    wrong = wrong_text(block.payload[:512], "jsonl") if not block.offset else ""
    if wrong:
        raise InputError(finder.name, wrong)
    not_lines = _NOT_LINES.match(block.payload) if ".json." in f"{finder.name.lower()}." and not block.offset else None
    if not_lines:
        raise InputError(finder.name, "is JSON but not JSON lines: write one record a line (a list: jq -c '.[]')")
    if block.length:
        finder.refused(_overlong(limits))
        return
    starts, ends, blank = line_bounds(block.payload)
    for index in np.flatnonzero(~blank):
        line = block.payload[starts[index] : ends[index]]
        try:
            finder.record(_strict(line, limits))
        except Refused as reason:
            finder.refused(str(reason))


def _overlong(limits: Limits) -> str:
    return f"{TOO_LONG} of {limits.max_line_bytes} bytes for one line"


def _strict(line: bytes, limits: Limits) -> dict[str, object]:
    if len(line) > limits.max_line_bytes:
        raise Refused(_overlong(limits))
    return strict_object(line, limits.max_nesting)


def read(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """One shard per block, with its bytes; the summary when the file was read to its end."""
    stored = Stored(source)
    n_rows = n_blank = 0
    try:
        for block in blocks(stored, limits):
            _, _, blank = line_bounds(block.payload)
            rows = 1 if block.length else int(np.count_nonzero(~blank))
            if rows:
                yield Shard(
                    0, source, layout, 0, n_rows, rows, block.line, block.offset, block.payload,
                    {"length": block.length} if block.length else {}, len(block.payload),
                )  # fmt: skip
            n_rows += rows
            n_blank += 0 if block.length else len(blank) - rows
        summary = stored.summary(n_rows, n_blank)
    finally:
        stored.close()
    if not n_rows:
        raise InputError(source.name, "has no rows")
    return summary


def parse(shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
    """The rows of a block: those that can be read as one batch, the others with their reasons."""
    payload = shard.payload or b""
    if "length" in shard.part:
        bad = Quarantined(
            shard.source.name,
            shard.first_row,
            shard.line,
            shard.offset,
            shard.part["length"],
            _overlong(limits),
            payload,
        )
        yield Parsed(Gathered().batch(shard), (bad,))
        return
    starts, ends, blank = line_bounds(payload)
    lines = np.flatnonzero(~blank)
    starts, ends = starts[lines], ends[lines]
    fast, whole, read = _fast(shard, payload, starts, ends, limits)
    slow = Gathered()
    quarantined: list[Quarantined] = []
    for index in np.flatnonzero(~read):
        number, start, end = shard.first_row + int(index), int(starts[index]), int(ends[index])
        line = payload[start:end]
        row = (_through_objects(line, shard.layout, limits) if whole[index] else None) or _slow(
            line, shard.layout, limits
        )
        if isinstance(row, str):
            at = shard.line + int(lines[index])
            where = (shard.source.name, number, at, shard.offset + start, end - start)
            quarantined.append(Quarantined(*where, row, line[:RAW_BYTES]))
        else:
            slow.add(number, row)
    yield Parsed(merged(fast, slow.batch(shard)), tuple(quarantined))


def lines(shard: Shard, limits: Limits) -> Ints:  # noqa: ARG001 - one signature
    """The 1-based line of each row of a block: blank lines are no rows."""
    _, _, blank = line_bounds(shard.payload or b"")
    return shard.line + np.flatnonzero(~blank)


def _slow(line: bytes, layout: Layout, limits: Limits) -> Row | str:
    try:
        return extract(_strict(line, limits), layout, limits)
    except Refused as reason:
        return str(reason)


def _fast(shard: Shard, payload: bytes, starts: Ints, ends: Ints, limits: Limits) -> tuple[Batch, Bools, Bools]:
    """The rows that the scan reads as a batch; which lines are clean beyond doubt, and which of them it read."""
    none = np.zeros(len(starts), np.bool_)
    if not shard.layout.texts:
        return Gathered().batch(shard), none, none
    shape = shape_of(shard.layout)
    scan = Scan(payload, starts, ends, shape, limits)
    whole = np.isin(scan.status, (scan.clean, scan.more)) & (ends - starts <= limits.max_line_bytes)
    for index in np.flatnonzero(whole & (ends - starts > 2 * MOST_VALUES)):  # a value and its comma are two bytes
        whole[index] = not has_too_many_values(payload[starts[index] : ends[index]])
    if shape is None:
        return Gathered().batch(shard), whole, none
    read = whole & (scan.status == scan.clean) & scan.readable(shard.layout, limits)
    return scan.batch(shard, read), whole, read


def _through_objects(line: bytes, layout: Layout, limits: Limits) -> Row | None:
    """The row of a clean line of which the scan does not see every text, or None: the strict parser tells why."""
    import orjson

    record = orjson.loads(line.removeprefix(BOM))
    paths = (path for path in key_paths(layout).values() if path)
    if any(type(value) is float for path in paths for _, value in values(record, path)):
        return None  # written as 1.50, or above 64 bits: the strict parser keeps the digits
    row = extract(record, layout, limits)
    return None if isinstance(row, str) else row


def split(source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:  # noqa: ARG001 - one signature
    """Copy each row to where the plan sends it; a redacted row changes inside the named strings only."""
    stored = Stored(source)
    row = 0
    try:
        for block in blocks(stored, limits):
            starts, ends, blank = line_bounds(block.payload)
            if block.length:
                starts, ends, blank = starts[:1], ends[:1], blank[:1] & False
                plan.quarantined(row)
            else:
                ends = np.minimum(ends + 1, len(block.payload))
            plan.copy(block.payload, starts[~blank], ends[~blank], row, splice_json)
            row += int(np.count_nonzero(~blank))
        return stored.summary(row)
    finally:
        stored.close()
