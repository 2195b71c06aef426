"""Rows gathered into the batch of a shard: one by one, or as whole columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.documents import RECORDS, TEXTS, Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.layouts import Row
    from auditkit.shards import Layout, Shard

    Ints = NDArray[np.int64]

KEYS = ("id", "group", "label", "split", "logprob")


def key_paths(layout: Layout) -> dict[str, str]:
    """The paths of the keys of a record, by their column in RECORDS; "" where there is none."""
    return {name: getattr(layout, name) for name in KEYS}


class Columns(NamedTuple):
    """Texts of many rows. owners: index into rows, ascending. fields, roles: indices into the two lists of names.

    A name among the roles is a role, in a chat "role:speaker".
    """

    owners: Ints
    fields: Ints
    field_names: Sequence[str]
    roles: Ints
    role_names: Sequence[str]
    texts: pa.Array


def batch(shard: Shard, rows: Ints, columns: Columns, keys: Mapping[str, pa.Array]) -> Batch:
    """The batch of the readable rows (row numbers of the file, ascending); a missing key column is null."""
    n = len(rows)
    docs = rows - shard.first_row + shard.first_doc
    texts = [
        pa.array(docs[columns.owners]),
        _coded(columns.fields, columns.field_names),
        _coded(columns.roles, [name.partition(":")[0] for name in columns.role_names]),
        columns.texts,
        _coded(columns.roles, [name.partition(":")[2] for name in columns.role_names], missing=""),
    ]
    records = [
        pa.array(docs),
        _coded(np.zeros(n, np.int64), [shard.source.name]),
        pa.array(rows),
        *(keys.get(name, pa.nulls(n, pa.utf8())) for name in (*KEYS, "calls")),
    ]
    return Batch(pa.RecordBatch.from_arrays(texts, schema=TEXTS), pa.RecordBatch.from_arrays(records, schema=RECORDS))


def _coded(codes: Ints, names: Sequence[str], *, missing: str | None = None) -> pa.Array:
    unique = [name for name in dict.fromkeys(names) if name != missing]
    if len(unique) < len(names):
        places = {name: place for place, name in enumerate(unique)}
        codes = np.array([places.get(name, -1) for name in names], np.int64)[codes]
    mask = codes < 0 if missing is not None else None
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), pa.array(unique, pa.utf8()))


@dataclass
class Gathered:
    """Rows that come one by one, in order."""

    numbers: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def add(self, number: int, row: Row) -> None:
        """One more row with its number in the file."""
        self.numbers.append(number)
        self.rows.append(row)

    def batch(self, shard: Shard) -> Batch:
        """All rows so far as a batch."""
        texts = [text for row in self.rows for text in row.texts]
        counts = [len(row.texts) for row in self.rows]
        fields = _codes([name for name, _, _ in texts])
        roles = _codes([role for _, role, _ in texts])
        columns = Columns(
            np.repeat(np.arange(len(self.rows)), counts),
            *fields,
            *roles,
            pa.array([text for _, _, text in texts], pa.large_utf8()),
        )
        keys = {name: pa.array([getattr(row, name) for row in self.rows], pa.utf8()) for name in (*KEYS, "calls")}
        return batch(shard, np.array(self.numbers, np.int64), columns, keys)


def _codes(names: Sequence[str]) -> tuple[Ints, list[str]]:
    order: dict[str, int] = {}
    codes = [order.setdefault(name, len(order)) for name in names]
    return np.array(codes, np.int64), list(order)


def merged(left: Batch, right: Batch) -> Batch:
    """Both batches as one, ordered by document; a document is in one of them only."""
    if not len(right):
        return left
    if not len(left):
        return right
    return Batch(_ordered(left.texts, right.texts), _ordered(left.records, right.records))


def _ordered(left: pa.RecordBatch, right: pa.RecordBatch) -> pa.RecordBatch:
    both = pa.concat_batches([left, right])
    order = np.argsort(both.column("doc").to_numpy(), kind="stable")
    return both.take(pa.array(order))
