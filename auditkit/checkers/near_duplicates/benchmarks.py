"""Benchmarks and evaluation sets: which of their items a document contains.

Every text of a benchmark row with at least 5 words is an item. It is cut into 13-grams of words (Brown et al. 2020,
GPT-3, appendix C), a shorter one is one gram as a whole; a document contains the item when it holds at least half of
its distinct grams: one changed word takes up to 13 grams from the 30 of a usual question.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.errors import InputError
from auditkit.text.folding import folding
from auditkit.text.settled import settled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checkers.near_duplicates.containment import Table

LONGEST, SHORTEST = 13, 5
CONTAINED = 0.5


class Item(NamedTuple):
    """A text of a benchmark: name of the file, row, field."""

    file: str
    row: int
    field: str


class Items(NamedTuple):
    """The items that are looked for. sizes: distinct grams of each. n_rows: rows of each benchmark."""

    items: list[Item]
    sizes: NDArray[np.int64]
    table: Table
    n_rows: dict[str, int]


def read_items(paths: Iterable[str], withheld: Iterable[str] = ()) -> Items:
    """The items of these files and the single texts that are withheld; InputError when a file cannot be read."""
    from auditkit.checkers.near_duplicates.containment import table_of

    items: list[Item] = []
    texts: list[str] = []
    n_rows: dict[str, int] = {}
    for path in paths:
        name = Path(path).name
        for row, record in enumerate(_records(path)):
            n_rows[name] = row + 1
            for field, text in _strings("", record):
                items.append(Item(name, row, field))
                texts.append(settled(text))
    for row, text in enumerate(withheld):
        items.append(Item("", row, "withheld"))
        texts.append(settled(text))
    table, sizes = table_of(texts, folding())
    return Items(items, sizes, table, n_rows)


def _strings(place: str, value: object) -> Iterator[tuple[str, str]]:
    """(path inside the record, text) of every string in a record."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(f"{place}.{key}" if place else str(key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(f"{place}[{index}]", inner)


def _records(path: str) -> Iterator[object]:
    """The rows of a JSONL or Parquet file, plain or compressed."""
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.lower().endswith(".parquet"):
            for batch in pq.ParquetFile(path).iter_batches():
                yield from batch.to_pylist()
            return
        with _opened(path) as lines:
            yield from (orjson.loads(line) for line in lines if line.strip())
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        raise InputError(path, "this benchmark cannot be read as JSONL or Parquet") from error


def _opened(path: str) -> io.BufferedIOBase:
    """The lines of a file, decompressed."""
    if path.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    if path.lower().endswith(".zst"):
        import zstandard

        return io.BufferedReader(zstandard.open(path, "rb"))
    return Path(path).open("rb")
