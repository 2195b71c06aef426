"""From what the user named to a corpus that can be read: files discovered, layouts recognised, tables spooled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from auditkit.engine.first_pass import Corpus
from auditkit.errors import ConfigError, InputError
from auditkit.policy import Policy
from auditkit.shards import Layout, Source
from auditkit.watchdog import limit_memory


def open_corpus(source: Any, policy: Policy, scratch: Path) -> Corpus:
    """The corpus of these paths or this table, layouts recognised. InputError or ConfigError names every refusal.

    A table or data frame is written to `scratch` as Parquet and read back like any file; an open corpus stays.
    """
    if isinstance(source, Corpus):
        return source
    from auditkit.formats import detect_layout, discover, read_shards

    limits = policy.corpus.limits()
    limit_memory(limits.max_memory_bytes)
    paths = _paths(source, scratch)
    sources = discover(paths, scratch=scratch, max_files=limits.max_files)
    layouts: list[Layout] = []
    refused: list[str] = []
    misused: list[str] = []
    for item in sources:
        try:
            layouts.append(detect_layout(item, policy.fields, limits))
        except InputError as error:
            refused.append(str(error))
        except ConfigError as error:
            misused.append(str(error))
    if misused:
        raise ConfigError("\n".join(dict.fromkeys([*misused, *refused])))
    if refused:
        raise InputError.joined(refused)
    return Corpus(sources, layouts, read_shards, limits)


def _paths(source: Any, scratch: Path) -> list[str]:
    if isinstance(source, str | os.PathLike):
        return [os.fspath(source)]
    if isinstance(source, Sequence) and all(isinstance(item, str | os.PathLike) for item in source):
        return [os.fspath(item) for item in source]
    return [str(_spooled(source, scratch))]


def _spooled(source: Any, scratch: Path) -> Path:
    """A table, record batch reader, data frame or HF dataset as a Parquet file."""
    import pyarrow.parquet as pq

    if hasattr(source, "with_format"):  # datasets.Dataset
        source = source.with_format("arrow")[:]
    if isinstance(source, pa.RecordBatchReader):
        reader = source
    elif hasattr(source, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(source)
    else:
        raise ConfigError(f"cannot audit a {type(source).__name__}: expected paths, an Arrow table or a data frame")
    path = scratch / "table.parquet"
    schema = pa.schema([pa.field(field.name, _without_views(field.type)) for field in reader.schema])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in reader:
            writer.write_batch(batch.cast(schema))
    return path


def _without_views(kind: pa.DataType) -> pa.DataType:
    """The type with string views, which polars gives, as the large strings that every reader of Parquet knows."""
    if pa.types.is_string_view(kind):
        return pa.large_utf8()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(_without_views(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(item.name, _without_views(item.type)) for item in kind])
    return kind


def names_of(sources: Sequence[Source]) -> list[str]:
    """The names of the inputs, as the manifest lists them."""
    return [source.name for source in sources]
