"""Parquet files: read by row groups with page checksums on, written back column by column."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from auditkit.errors import InputError
from auditkit.formats import columnar
from auditkit.formats.containers import Stored, fingerprint, open_stored
from auditkit.formats.finding import Finder
from auditkit.formats.pages import largest_page, row_groups
from auditkit.formats.splitting import Plan
from auditkit.formats.target import Target
from auditkit.shards import FileSummary, Layout, Limits, Parsed, Shard, Source

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ROWS = 256  # a shard is a multiple of it
_AT_A_TIME = 16  # rows that are decoded together: few, for a dictionary of one long value can make each a megabyte
_BUFFER_BYTES = 1 << 20  # of a column: without it a column of a row group is read as a whole
_BATCH_BYTES = 4 << 20
_BATCHES = 1024
_PART_BYTES = 16 << 20
_GROUP_BYTES = 64 << 20
_CODECS = {"UNCOMPRESSED": "NONE"}
_MAX_PARTS = 8  # of one row group by its bytes: each part decodes the rows before it once more
_MAX_PARTS_BY_ROWS = 32  # of one row group by its rows: so many are cheap to decode
_HIDDEN_ROW_BYTES = 16  # rows stored in fewer bytes, or a ratio above
_HIDDEN_RATIO = 50  # this, come from a repeated dictionary: it is kept as one


@contextmanager
def _opened(source: Source, *, dictionaries: list[str] | None = None) -> Iterator[pq.ParquetFile]:
    """The file; what its reader finds wrong, here or later, becomes an InputError."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(
            source.path,
            page_checksum_verification=True,
            read_dictionary=dictionaries,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
        ) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        found = "a page checksum is wrong" if "CRC" in str(error) else f"its reader stopped: {type(error).__name__}"
        raise InputError(source.name, f"is not an undamaged Parquet file ({found})") from None


def detect(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
    """The layout that columns and first rows show."""
    with _opened(source) as file:
        _check_sizes(source, limits)
        finder = Finder(source, fields, limits)
        return columnar.detect(finder, file.schema_arrow, file.iter_batches(_AT_A_TIME, use_threads=False))


def _check_sizes(source: Source, limits: Limits) -> None:
    """InputError where a row group or a page is too large to be unpacked."""
    with open_stored(source) as stored:
        for group, chunks in enumerate(row_groups(source.name, stored)):
            columnar.check_size(source.name, group, sum(chunk.unpacked_bytes for chunk in chunks), limits)
            page = largest_page(source.name, stored, chunks)
            if page > limits.max_page_bytes:
                said = f"row group {group} has a page of {page} bytes, above the limit of {limits.max_page_bytes}"
                raise InputError(source.name, f"{said}: write smaller ones, or raise corpus.max_page_bytes")


def read(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """Shards that name rows of one row group each; no page is decoded here."""
    stored = Stored(source)
    try:
        summary = stored.summary(0)
    finally:
        stored.close()
    first_row, bytes_of = 0, fingerprint(summary)
    with _opened(source) as file:
        for group in range(file.metadata.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            n_bytes = file.metadata.row_group(group).total_byte_size
            size = _part_rows(n_rows, n_bytes, limits.block_rows)
            for first in range(0, n_rows, size):
                rows = min(size, n_rows - first)
                part = {"group": group, "first": first, "file": bytes_of}
                yield Shard(0, source, layout, 0, first_row, rows, part=part, n_bytes=n_bytes * rows // n_rows)
                first_row += rows
    if not first_row:
        raise InputError(source.name, "has no rows")
    return FileSummary(summary.n_bytes, summary.sha256, first_row)


def _part_rows(n_rows: int, n_bytes: int, most: int) -> int:
    """How many rows of a row group make one shard, a multiple of what is read at a time; about `most` of them."""
    parts = max(1, min(_MAX_PARTS, n_bytes // _PART_BYTES), min(_MAX_PARTS_BY_ROWS, n_rows // most))
    return max(_ROWS, -(-n_rows // parts // _ROWS) * _ROWS)


def parse(shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
    """The rows of a shard, a few megabytes at a time; InputError where pages are damaged or rows are missing."""
    group, first = shard.part["group"], shard.part["first"]
    with _opened(shard.source) as file:
        columns = columnar.columns_of(shard.layout, file.schema_arrow.names)
        hidden = _repeated(shard.source, file.schema_arrow, group, columns)
    row = shard.first_row
    with _opened(shard.source, dictionaries=hidden) as file:
        batches = file.iter_batches(_AT_A_TIME, row_groups=[group], columns=columns, use_threads=False)
        for batch in _gathered(_window(batches, first, shard.n_rows)):
            yield from columnar.parse(shard, row, batch, limits)
            row += len(batch)
    if row != shard.first_row + shard.n_rows:
        raise InputError(shard.source.name, "has fewer rows than its footer says")


def _window(batches: Iterator[pa.RecordBatch], first: int, n_rows: int) -> Iterator[pa.RecordBatch]:
    """Rows first to first + n_rows of a sequence of batches."""
    row, last = 0, first + n_rows
    for batch in batches:
        start, stop = max(0, first - row), min(len(batch), last - row)
        if start < stop:
            yield batch.slice(start, stop - start)
        row += len(batch)
        if row >= last:
            return


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of a few megabytes."""
    some: list[pa.RecordBatch] = []
    n_bytes = 0
    for batch in batches:
        some.append(batch)
        n_bytes += batch.nbytes
        if n_bytes >= _BATCH_BYTES or len(some) >= _BATCHES:
            yield pa.concat_batches(some)
            some, n_bytes = [], 0
    if some:
        yield pa.concat_batches(some)


def _repeated(source: Source, schema: pa.Schema, group: int, columns: list[str]) -> list[str]:
    """The text columns of a row group that a dictionary makes much smaller than their texts."""
    with open_stored(source) as stored:
        chunks = row_groups(source.name, stored)[group]
    found = []
    for chunk in chunks:
        if chunk.path not in columns or not columnar.is_text(schema.field(chunk.path).type):
            continue
        small = chunk.unpacked_bytes < _HIDDEN_ROW_BYTES * chunk.n_values
        if small or chunk.unpacked_bytes > _HIDDEN_RATIO * chunk.stored_bytes:
            found.append(chunk.path)
    return found


def split(source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:  # noqa: ARG001 - one signature
    """Copy each row to where the plan sends it: same schema, metadata, codec and row groups."""
    row = 0
    with _opened(source) as file, _Writer(plan.kept, file) as kept, _Writer(plan.dropped, file) as dropped:
        kept.open()
        for group in range(file.metadata.num_row_groups):
            for batch in file.iter_batches(_AT_A_TIME, row_groups=[group], use_threads=False):
                keep, drop = columnar.split(batch, row, plan)
                kept.write(keep)
                dropped.write(drop)
                row += len(batch)
            kept.flush()
            dropped.flush()
    stored = Stored(source)
    try:
        return stored.summary(row)
    finally:
        stored.close()


def _says_element(type_: pa.Schema | pa.DataType) -> bool:
    """Whether the lists of a schema call their values `element`, as the standard wants, and not `item`."""
    for field in type_:
        inner = field.type
        if columnar.is_list(inner):
            return bool(inner.value_field.name == "element")
        if pa.types.is_struct(inner) and not _says_element(inner):
            return False
    return True


class _Writer:
    """Record batches into a Parquet file like the one that is read; made when it is first needed."""

    def __init__(self, target: Target, like: pq.ParquetFile) -> None:
        self._target, self._like = target, like
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()
        if self._writer is not None:
            self._writer.close()

    def open(self) -> pq.ParquetWriter:
        """The writer."""
        import pyarrow.parquet as pq

        if self._writer is None:
            meta = self._like.metadata
            codec = meta.row_group(0).column(0).compression if meta.num_row_groups and meta.num_columns else "SNAPPY"
            self._writer = pq.ParquetWriter(
                self._target.file,
                self._like.schema_arrow,
                compression=_CODECS.get(codec, codec),
                write_page_checksum=True,
                use_compliant_nested_type=_says_element(self._like.schema_arrow),
            )
        return self._writer

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows of a batch."""
        if len(batch):
            self._waiting.append(batch)
            self._waiting_bytes += batch.nbytes
            self._target.n_rows += len(batch)
        if self._waiting_bytes >= _GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """End the row group."""
        if self._waiting:
            self.open().write_table(pa.Table.from_batches(self._waiting))
            self._waiting, self._waiting_bytes = [], 0
