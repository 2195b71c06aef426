"""Reading and writing corpora: files found, layouts recognised, shards cut, rows parsed, kept rows written back.

Each format has its module with the same five functions; this one finds the right module and nothing more.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Protocol

from auditkit.formats import arrow, delimited, jsonl, parquet, text
from auditkit.formats.discover import discover
from auditkit.shards import FileSummary, Layout, Limits, Parsed, Shard, Source

__all__ = ["detect_layout", "discover", "parse", "read_shards"]


class _Format(Protocol):
    """What each module of a format offers."""

    def detect(self, source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
        """See detect_layout."""

    def read(self, source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
        """See read_shards."""

    def parse(self, shard: Shard, limits: Limits) -> Iterator[Parsed]:
        """See parse."""


_FORMATS: dict[str, _Format] = {
    "jsonl": jsonl,
    "csv": delimited,
    "tsv": delimited,
    "parquet": parquet,
    "arrow": arrow,
    "text": text,
}


def detect_layout(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
    """The layout of a file, from its first rows or from `fields` (role -> path).

    InputError where no text is recognised or no row can be read; ConfigError for a field that no row has.
    """
    return _FORMATS[source.format].detect(source, fields, limits)


def read_shards(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """The shards of a file in order, numbered from 0; the generator's value is the summary of the whole file.

    InputError for a container that is damaged or cut short, and for a file without rows.
    """
    return _FORMATS[source.format].read(source, layout, limits)


def parse(shard: Shard, limits: Limits) -> Iterator[Parsed]:
    """The rows of a shard in order, each in exactly one batch or quarantined; pure, for workers.

    A Parsed holds a few megabytes of text, more only where one row does.
    """
    return _FORMATS[shard.source.format].parse(shard, limits)
