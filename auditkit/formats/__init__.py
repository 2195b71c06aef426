"""Reading and writing corpora: files found, layouts recognised, shards cut, rows parsed, kept rows written back.

Each format has its module with the same five functions; this one finds the right module and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditkit.errors import InputError
from auditkit.formats import arrow, delimited, jsonl, parquet, text
from auditkit.formats.discover import discover
from auditkit.formats.splitting import CHANGED, Plan
from auditkit.formats.target import Target
from auditkit.shards import Edit, FileSummary, Layout, Limits, Parsed, Shard, Source, Written
from auditkit.watchdog import READ_SECONDS, at, stepwise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLIT_SECONDS_PER_MB = 10.0  # splicing and compressing take 0.02 to 0.3 s

__all__ = ["detect_layout", "discover", "parse", "read_shards", "split_file"]


class _Format(Protocol):
    """What each module of a format offers."""

    def detect(self, source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:
        """See detect_layout."""

    def read(self, source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
        """See read_shards."""

    def parse(self, shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
        """See parse."""

    def split(self, source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:
        """Copy each row to where the plan sends it; what was read, as a whole."""


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
    with at(f"reading {source.name}", seconds=READ_SECONDS):
        return _FORMATS[source.format].detect(source, fields, limits)


def read_shards(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """The shards of a file in order, numbered from 0; the generator's value is the summary of the whole file.

    InputError for a container that is damaged or cut short, and for a file without rows.
    """
    return stepwise(f"reading {source.name}", _FORMATS[source.format].read(source, layout, limits))


def parse(shard: Shard, limits: Limits) -> Iterator[Parsed]:
    """The rows of a shard in order, each in exactly one batch or quarantined; pure, for workers.

    A Parsed holds a few megabytes of text, more only where one row does.
    """
    return stepwise(f"parsing {shard.source.name}", _FORMATS[shard.source.format].parse(shard, limits))


def lines(shard: Shard, limits: Limits) -> NDArray[np.int64]:
    """The 1-based line on which each row of a shard begins; where a format has no lines, its row number plus 1."""
    import numpy as np

    own = getattr(_FORMATS[shard.source.format], "lines", None)
    if own is None:
        return np.arange(shard.first_row + 1, shard.first_row + shard.n_rows + 1)
    found: NDArray[np.int64] = own(shard, limits)
    return found


def split_file(
    source: Source,
    layout: Layout,
    limits: Limits,
    decisions: NDArray[np.uint8],
    edits: Callable[[int, int], Mapping[int, Sequence[Edit]]],
    *,
    kept: Path,
    dropped: Path,
    expected: FileSummary,
) -> list[Written]:
    """Write the kept rows of a file, and its dropped rows where it has some, in its format, order and compression.

    decisions: one code for each row. edits(first, last): the edits of the redacted rows first <= row < last.
    Kept and dropped rows are the same bytes (in Parquet and Arrow the same values); redaction changes nothing but its
    spans. InputError when the file is no longer the one that was read; then nothing stands under the two names.
    """
    with Target(kept, source.compression) as keep, Target(dropped, source.compression) as drop:
        plan = Plan(source.name, decisions, edits, keep, drop)
        with at(f"copying {source.name}", seconds=READ_SECONDS + SPLIT_SECONDS_PER_MB * expected.n_bytes / 1e6):
            found = _FORMATS[source.format].split(source, layout, limits, plan)
        if (found.sha256, found.n_rows) != (expected.sha256, expected.n_rows):
            raise InputError(source.name, CHANGED)
        return [target.publish() for target in (keep, drop) if target is keep or target.n_rows]
