"""Arrow record batches as rows: flat text columns without a Python object each, nested ones through Python values.

What cannot be read in a row (a null or missing text, bytes that are not UTF-8, a text above the limit) is quarantined;
the columns themselves (their names and types) are judged once per file, before any row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.errors import CheckerError, InputError
from auditkit.formats.containers import RAW_BYTES
from auditkit.formats.finding import Finder
from auditkit.formats.rows import Columns, Gathered, batch, key_paths
from auditkit.formats.splice import by_field, splice
from auditkit.formats.splitting import Plan
from auditkit.layouts import Row, Step, extract, key, steps
from auditkit.messages import TOO_LONG
from auditkit.shards import DROP, REDACT, Edit, Layout, Limits, Parsed, Quarantined, Shard
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_SLICE_BYTES = 4 << 20
_SAMPLE_ROWS = 256
NOT_UTF8 = "not UTF-8"


def column_of(path: str, names: Iterable[str]) -> str:
    """The column that a path begins with: the one of this very name, else its first segment."""
    return path if path in names and "[" not in path else steps(path)[0].name


def columns_of(layout: Layout, names: Iterable[str]) -> list[str]:
    """The columns that a layout needs and the file has."""
    known = list(names)
    paths = [path for path, _ in layout.texts] + [path for path in key_paths(layout).values() if path]
    wanted = {column_of(path, known) for path in paths} | ({"tools"} if layout.calls else set())
    return [name for name in known if name in wanted]


def check_names(name: str, schema: pa.Schema) -> None:
    """InputError when two columns have one name: readers differ in which they see."""
    twice = sorted({column for column in schema.names if schema.names.count(column) > 1})
    if twice:
        raise InputError(name, f"has two columns named '{printable(twice[0])}'")


def check_size(name: str, group: int, n_bytes: int, limits: Limits) -> None:
    """InputError for a row group or record batch that is too large to be unpacked at one time."""
    if n_bytes > limits.max_row_group_bytes:
        said = f"row group {group} unpacks to {n_bytes} bytes, above the limit of {limits.max_row_group_bytes}"
        raise InputError(name, f"{said}: write smaller ones, or raise corpus.max_row_group_bytes")


def detect(finder: Finder, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Layout:
    """The layout that the columns and the first rows show; rows are read on until one can be read."""
    check_names(finder.name, schema)
    for column in schema:
        kind = _census_kind(column.type)
        if kind:
            finder.census.count(column.name, kind)
    n_bytes = 0
    for group in batches:
        for start in range(0, len(group), _SAMPLE_ROWS):
            _show(group.slice(start, _SAMPLE_ROWS), finder)
            layout = finder.found()
            if layout:
                return layout
        n_bytes += group.nbytes
        if n_bytes > finder.look_bytes:
            break
    return finder.give_up()


def _census_kind(type_: pa.DataType) -> str:
    """What the type of a column alone promises; "" where the values must tell."""
    if is_text(type_):
        return "text"
    if is_list(type_):
        return "texts" if is_text(type_.value_type) else ""
    return "" if pa.types.is_struct(type_) else "other"


def is_text(type_: pa.DataType) -> bool:
    """Whether a column of this type holds strings."""
    if pa.types.is_dictionary(type_):
        return is_text(type_.value_type)
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def is_list(type_: pa.DataType) -> bool:
    """Whether a column of this type holds lists."""
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def _readable_type(type_: pa.DataType) -> bool:
    """Whether values of this type have a meaning as Python values for a layout."""
    if pa.types.is_struct(type_):
        return any(_readable_type(field.type) for field in type_)
    if is_list(type_):
        return _readable_type(type_.value_type)
    return is_text(type_) or pa.types.is_integer(type_) or pa.types.is_boolean(type_) or pa.types.is_floating(type_)


def _show(group: pa.RecordBatch, finder: Finder) -> None:
    names = [column.name for column in group.schema if _readable_type(column.type)]
    for record in records(group.select(names)):
        if isinstance(record, str):
            finder.refused(record)
        else:
            finder.record(record)


def records(group: pa.RecordBatch) -> Iterator[Mapping[str, object] | str]:
    """Each row as Python values, or why it has none."""
    columns = [_cells(column) for column in group.columns]
    for index in range(len(group)):
        record: dict[str, object] = {}
        for name, cells in zip(group.schema.names, columns, strict=True):
            value = cells[index]
            if isinstance(value, UnicodeDecodeError):
                yield f"field '{printable(name)}' is {NOT_UTF8}"
                break
            record[name] = value
        else:
            yield record


def _cells(column: pa.Array) -> list[object]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_cell(value) for value in column]


def _cell(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError as error:
        return error


def parse(shard: Shard, first_row: int, group: pa.RecordBatch, limits: Limits) -> Iterator[Parsed]:
    """The rows of one record batch, whose first has the number first_row, in slices of a few megabytes of text."""
    layout = shard.layout
    paths = [path for path, _ in layout.texts]
    names = group.schema.names
    flat = all(path in names and is_text(group.schema.field(path).type) for path in paths)
    for start, stop in _slices(group, paths if flat else []):
        part = group.slice(start, stop - start)
        read = _flat if flat and paths else _nested
        yield read(shard, first_row + start, part, limits)


def _slices(group: pa.RecordBatch, columns: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Runs of rows with at most a few megabytes of text; a dictionary may hide many times its size."""
    sizes = np.zeros(len(group), np.int64)
    for name in columns:
        sizes += _lengths(group.column(name))
    ends = np.cumsum(sizes)
    start = 0
    while start < len(group):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + _SLICE_BYTES, "right")))
        yield start, stop
        start = stop


def _lengths(column: pa.Array) -> Ints:
    """The bytes of each value; 0 for null."""
    if pa.types.is_dictionary(column.type):
        inner = np.append(_lengths(column.dictionary), 0)
        codes: Ints = pc.fill_null(column.indices, -1).cast(pa.int64()).to_numpy(zero_copy_only=False)
        return inner[codes]
    plain = column.cast(pa.large_utf8()) if pa.types.is_string_view(column.type) else column
    lengths: Ints = pc.fill_null(pc.binary_length(plain), 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return lengths


def _flat(shard: Shard, first_row: int, group: pa.RecordBatch, limits: Limits) -> Parsed:
    """Rows whose texts are columns of strings."""
    reasons: dict[int, str] = {}
    texts = {}
    for path, _ in shard.layout.texts:
        column = _large(group.column(path))
        reasons = _judged(column, path, shard.layout, limits) | reasons
        texts[path] = column
    good = np.ones(len(group), np.bool_)
    good[list(reasons)] = False
    if not good.all():
        keep = pa.array(good)
        texts = {path: _as_text(column.filter(keep)) for path, column in texts.items()}
    else:
        texts = {path: _as_text(column) for path, column in texts.items()}
    rows = np.flatnonzero(good) + first_row
    keys = {name: _key(group, path, good) for name, path in key_paths(shard.layout).items() if path}
    parsed = batch(shard, rows, _interleaved(texts, dict(shard.layout.texts)), keys)
    return Parsed(parsed, _quarantined(shard, first_row, group, reasons))


def _large(column: pa.Array) -> pa.Array:
    """A column of strings as large_binary: not yet known to be UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.take(column.indices)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.binary_view(), safe=False)
    return column.cast(pa.large_binary())


def _as_text(column: pa.Array) -> pa.Array:
    return pa.LargeStringArray.from_buffers(
        len(column), column.buffers()[1], column.buffers()[2], column.buffers()[0], column.null_count, column.offset
    )


def _judged(column: pa.Array, path: str, layout: Layout, limits: Limits) -> dict[int, str]:
    """The rows whose value cannot be read, with the reason."""
    reasons = {}
    field = f"field '{printable(path)}'"
    if path in layout.required and column.null_count:
        reasons = dict.fromkeys(_where(column.is_null()), f"{field} is null")
    long = pc.fill_null(pc.greater(pc.binary_length(column), limits.max_text_bytes), fill_value=False)
    reasons |= dict.fromkeys(_where(long), f"{TOO_LONG} of {limits.max_text_bytes} bytes for one text: {field}")
    try:
        _as_text(column).validate(full=True)
    except pa.ArrowInvalid:
        bad = [index for index, value in enumerate(column) if value.is_valid and not _is_utf8(value.as_py())]
        reasons |= dict.fromkeys(bad, f"{field} is {NOT_UTF8}")
    return reasons


def _where(mask: pa.Array) -> list[int]:
    return np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _interleaved(texts: Mapping[str, pa.Array], roles: Mapping[str, str]) -> Columns:
    """The texts of all columns, row by row, nulls left out."""
    paths = list(texts)
    valid = np.stack([column.is_valid().to_numpy(zero_copy_only=False) for column in texts.values()], axis=1)
    owners, which = np.nonzero(valid)
    if len(paths) == 1:
        (column,) = texts.values()
        joined = column.drop_null() if column.null_count else column
    else:
        joined = pa.concat_arrays(list(texts.values())).take(pa.array(which * len(valid) + owners))
    return Columns(owners, which, paths, which, [roles[path] for path in paths], joined)


def _key(group: pa.RecordBatch, path: str, good: Bools) -> pa.Array:
    """A key column as text; null where the record has none or its type has no text."""
    names = group.schema.names
    n = int(np.count_nonzero(good))
    if path not in names:
        return pa.nulls(n, pa.utf8()) if column_of(path, names) not in names else _nested_key(group, path, good)
    column = group.column(path).filter(pa.array(good))
    if is_text(column.type):
        return pa.array([value if isinstance(value, str) else None for value in _cells(column)], pa.utf8())
    try:
        return column.cast(pa.utf8())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(n, pa.utf8())


def _nested_key(group: pa.RecordBatch, path: str, good: Bools) -> pa.Array:
    part = group.select([column_of(path, group.schema.names)]).filter(pa.array(good))
    return pa.array([None if isinstance(record, str) else key(record, path) for record in records(part)], pa.utf8())


def _nested(shard: Shard, first_row: int, group: pa.RecordBatch, limits: Limits) -> Parsed:
    """Rows whose texts lie in lists or structs."""
    rows, reasons = Gathered(), {}
    for index, record in enumerate(records(group)):
        row: Row | str = record if isinstance(record, str) else extract(record, shard.layout, limits)
        if isinstance(row, str):
            reasons[index] = row
        else:
            rows.add(first_row + index, row)
    return Parsed(rows.batch(shard), _quarantined(shard, first_row, group, reasons))


def _quarantined(
    shard: Shard, first_row: int, group: pa.RecordBatch, reasons: Mapping[int, str]
) -> tuple[Quarantined, ...]:
    """The refused rows in order. They have no bytes of their own in a columnar file: raw shows the first text cell."""
    found = []
    for index in sorted(reasons):
        raw = _raw(group, shard.layout, index)
        row = first_row + index
        found.append(Quarantined(shard.source.name, row, row + 1, 0, len(raw), reasons[index], raw[:RAW_BYTES]))
    return tuple(found)


def _raw(group: pa.RecordBatch, layout: Layout, index: int) -> bytes:
    for path, _ in layout.texts:
        if path in group.schema.names and is_text(group.schema.field(path).type):
            value = _large(group.column(path).slice(index, 1))[0]
            if value.is_valid:
                return bytes(value.as_py())
    return b""


def split(group: pa.RecordBatch, first: int, plan: Plan) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The kept rows of a batch, redacted where that was decided, and its dropped rows; all columns as they were."""
    codes = plan.of_rows(first, len(group))
    if (codes == REDACT).any():
        edits = plan.edits(first, first + len(group))
        rows = {int(index): plan.edits_of(edits, first + int(index)) for index in np.flatnonzero(codes == REDACT)}
        group = _redacted(group, rows)
    return group.filter(pa.array(codes <= REDACT)), group.filter(pa.array(codes == DROP))


def _redacted(group: pa.RecordBatch, rows: Mapping[int, Sequence[Edit]]) -> pa.RecordBatch:
    """The batch with the edits made; a column without an edit is the same column."""
    names = group.schema.names
    changes: dict[str, dict[int, list[Edit]]] = {}
    for index, edits in rows.items():
        for edit in edits:
            changes.setdefault(column_of(edit.field, names), {}).setdefault(index, []).append(edit)
    columns = list(group.columns)
    for name, cells in changes.items():
        if name not in names:
            raise CheckerError(f"an edit names column '{printable(name)}', which the file does not have")
        at = names.index(name)
        columns[at] = _with_cells(columns[at], name, cells)
    return pa.RecordBatch.from_arrays(columns, schema=group.schema)


def _with_cells(column: pa.Array, name: str, cells: Mapping[int, Sequence[Edit]]) -> pa.Array:
    pieces, last = [], 0
    for index in sorted(cells):
        record: dict[str, object] = {name: column[index].as_py()}
        for field, edits in by_field(cells[index]).items():
            _replace(record, field, edits)
        pieces += [column.slice(last, index - last), pa.array([record[name]], column.type)]
        last = index + 1
    return pa.concat_arrays([*pieces, column.slice(last)])


def _replace(record: dict[str, object], field: str, edits: Sequence[Edit]) -> None:
    """Make the edits of one text inside a record of plain Python values."""
    path = (Step(field),) if field in record and "[" not in field else steps(field)
    holder: object = record
    key: str | int = ""
    for step in path:
        if step.name:
            holder = holder[key] if key != "" else holder  # type: ignore[index]
            key = step.name
        if step.element is not None:
            holder, key = holder[key], step.element  # type: ignore[index]
    text = holder[key]  # type: ignore[index]
    holder[key] = splice(text, edits)  # type: ignore[index]
