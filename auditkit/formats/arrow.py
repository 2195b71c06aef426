"""Arrow streams and files, as saved by Hugging Face datasets: mapped into memory, every buffer checked before use."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import pyarrow as pa

from auditkit.errors import InputError
from auditkit.formats import columnar
from auditkit.formats.containers import Stored, fingerprint, open_stored
from auditkit.formats.finding import Finder
from auditkit.formats.splitting import Plan
from auditkit.shards import FileSummary, Layout, Limits, Parsed, Shard, Source

_FILE_MAGIC = b"ARROW1"
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"  # the end mark of a stream
_PART_BYTES = 4 << 20


@contextmanager
def _opened(source: Source) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """(schema, batches) of a stream or file; what its reader finds wrong, here or later, becomes an InputError."""
    try:
        with pa.memory_map(source.path) as file:
            if _is_file(source):
                reader = pa.ipc.open_file(file)
                yield reader.schema, (reader.get_batch(index) for index in range(reader.num_record_batches))
            else:
                _check_end(file, source)
                stream = pa.ipc.open_stream(file)
                yield stream.schema, iter(stream)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(source.name, f"is not an undamaged Arrow stream or file ({type(error).__name__})") from None


def _is_file(source: Source) -> bool:
    """Whether it is an Arrow file (with an index at its end) and no stream."""
    with open_stored(source) as file:
        return file.read(len(_FILE_MAGIC)) == _FILE_MAGIC


def _check_end(file: pa.MemoryMappedFile, source: Source) -> None:
    """A stream that was cut between two batches reads as a shorter one: it must have its end mark."""
    size = file.size()
    file.seek(max(0, size - len(_END)))
    if file.read(len(_END)) != _END:
        raise InputError(
            source.name, "is an Arrow stream without its end: its writer was interrupted, or bytes follow it"
        )
    file.seek(0)


def detect(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
    """The layout that columns and first rows show."""
    with _opened(source) as (schema, batches):
        return columnar.detect(Finder(source, fields, limits), schema, map(_checked, batches))


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch when its offsets and lengths lie inside its buffers; bad UTF-8 is left for the rows to tell."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        for column in batch.columns:
            _check_offsets(column)
    return batch


def _check_offsets(column: pa.Array) -> None:
    """Raise where a column is broken otherwise than by its UTF-8."""
    column.cast(_bytes_of(column.type)).validate(full=True)


def _bytes_of(type_: pa.DataType) -> pa.DataType:
    """The type with bytes in place of strings."""
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_bytes_of(field.type)) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(_bytes_of(type_.value_type)))
    if pa.types.is_large_list(type_):
        return pa.large_list(type_.value_field.with_type(_bytes_of(type_.value_type)))
    return pa.large_binary() if columnar.is_text(type_) and not pa.types.is_dictionary(type_) else type_


def read(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """Shards that name runs of whole record batches."""
    stored = Stored(source)
    try:
        summary = stored.summary(0)
    finally:
        stored.close()
    cut = partial(Shard, 0, source, layout, 0)
    part = {"first": 0, "last": 0, "file": fingerprint(summary)}
    first_row = n_rows = n_bytes = 0
    with _opened(source) as (_, batches):
        for index, batch in enumerate(batches):
            columnar.check_size(source.name, index, batch.get_total_buffer_size(), limits)
            n_rows, n_bytes, part["last"] = n_rows + len(batch), n_bytes + batch.get_total_buffer_size(), index + 1
            if n_bytes >= _PART_BYTES:
                yield cut(first_row, n_rows, part=dict(part), n_bytes=n_bytes)
                first_row, n_rows, n_bytes, part["first"] = first_row + n_rows, 0, 0, index + 1
    if n_rows:
        yield cut(first_row, n_rows, part=part, n_bytes=n_bytes)
    if not first_row + n_rows:
        raise InputError(source.name, "has no rows")
    return FileSummary(summary.n_bytes, summary.sha256, first_row + n_rows)


def parse(shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
    """The rows of a shard, a few megabytes at a time; InputError where a batch is damaged."""
    row = shard.first_row
    with _opened(shard.source) as (schema, batches):
        columns = columnar.columns_of(shard.layout, schema.names)
        for index, batch in enumerate(batches):
            if index >= shard.part["last"]:
                break
            if index >= shard.part["first"]:
                yield from columnar.parse(shard, row, _checked(batch.select(columns)), limits)
                row += len(batch)
    if row != shard.first_row + shard.n_rows:
        raise InputError(shard.source.name, "changed while it was read: rows are missing")


def split(source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:  # noqa: ARG001 - one signature
    """Copy each row to where the plan sends it, as a stream or file of the same schema."""
    row = 0
    new = pa.ipc.new_file if _is_file(source) else pa.ipc.new_stream
    with ExitStack() as stack:
        schema, batches = stack.enter_context(_opened(source))
        kept = stack.enter_context(new(plan.kept.file, schema))
        dropped = stack.enter_context(new(plan.dropped.file, schema)) if plan.drops else None
        for batch in batches:
            keep, drop = columnar.split(_checked(batch), row, plan)
            for target, writer, rows in ((plan.kept, kept, keep), (plan.dropped, dropped, drop)):
                if len(rows) and writer is not None:
                    writer.write_batch(rows)
                    target.n_rows += len(rows)
            row += len(batch)
    stored = Stored(source)
    try:
        return stored.summary(row)
    finally:
        stored.close()
