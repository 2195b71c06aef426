"""Shard results as files of the run's work folder, so that memory stays flat and a killed run can go on.

One .npz per shard, without pickle: Arrow tables as IPC bytes, states as plain arrays, the rest as JSON.
A file appears under its name only when it is whole (temporary name, fsync, rename).
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from auditkit import disk
from auditkit.checker import State
from auditkit.engine.look import Looked, Spent
from auditkit.guard import Gap
from auditkit.shards import Quarantined

TABLES = ("records", "found", "scores")


def pack(looked: Looked) -> bytes:
    """The result as the bytes of an .npz file."""
    arrays: dict[str, Any] = {name: _ipc(getattr(looked, name)) for name in TABLES}
    for checker, state in looked.states.items():
        for key, values in state.items():
            arrays[f"state/{checker}/{key}"] = values
    meta = {
        "index": looked.index,
        "looked": looked.looked,
        "tallies": {name: [[*key, *value] for key, value in rows.items()] for name, rows in looked.tallies.items()},
        "gaps": [asdict(gap) for gap in looked.gaps],
        "quarantined": [vars(row) | {"raw": base64.b64encode(row.raw).decode()} for row in looked.quarantined],
        "spent": {name: asdict(spent) for name, spent in looked.spent.items()},
        "refused": looked.refused,
        "stateful": sorted(looked.states),
    }
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes, *, states: bool = True) -> Looked:
    """The result again; without its states when they are not wanted."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        tables = {name: _table(arrays[name]) for name in TABLES}
        looked = Looked(meta["index"], **tables)
        if states:
            looked.states = {name: _state(arrays, name) for name in meta["stateful"]}
    looked.looked = meta["looked"]
    tallies = meta["tallies"].items()
    looked.tallies = {name: {(row[0], row[1]): (row[2], row[3]) for row in rows} for name, rows in tallies}
    looked.gaps = [Gap(**gap) for gap in meta["gaps"]]
    looked.quarantined = [Quarantined(**(row | {"raw": base64.b64decode(row["raw"])})) for row in meta["quarantined"]]
    looked.spent = {name: Spent(**spent) for name, spent in meta["spent"].items()}
    looked.refused = meta["refused"]
    return looked


def _state(arrays: Any, checker: str) -> State:
    prefix = f"state/{checker}/"
    return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}


def _ipc(table: pa.Table) -> np.ndarray[Any, np.dtype[np.uint8]]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _table(array: np.ndarray[Any, np.dtype[np.uint8]]) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(array)) as reader:
        return reader.read_all()


@dataclass(frozen=True)
class Store:
    """The results of a run's shards in a folder."""

    folder: Path

    def _path(self, index: int) -> Path:
        return self.folder / f"shard-{index:07d}.npz"

    def put(self, looked: Looked, digest: str) -> None:
        """Keep a shard's result; `digest` names the bytes and the plan that it was made from."""
        disk.make_folder(self.folder)
        disk.write(self._path(looked.index), pack(looked))
        disk.write(self._path(looked.index).with_suffix(".digest"), digest.encode())

    def has(self, index: int, digest: str) -> bool:
        """Whether a whole result made from the same bytes and plan is there."""
        mark = self._path(index).with_suffix(".digest")
        return mark.exists() and self._path(index).exists() and mark.read_text() == digest and self._is_whole(index)

    def _is_whole(self, index: int) -> bool:
        try:
            with zipfile.ZipFile(self._path(index)) as archive:
                return archive.testzip() is None
        except (zipfile.BadZipFile, OSError, EOFError):
            return False

    def get(self, index: int, *, states: bool = True) -> Looked:
        """The result of one shard."""
        return unpack(self._path(index).read_bytes(), states=states)

    def each(self, n_shards: int, *, states: bool = False) -> Iterator[Looked]:
        """The results in shard order."""
        return (self.get(index, states=states) for index in range(n_shards))

    def state(self, index: int, checker: str) -> State | None:
        """One checker's state of one shard, read alone; None where it had a gap."""
        with np.load(self._path(index), allow_pickle=False) as arrays:
            return _state(arrays, checker) or None
