"""The near-copy index: a folder that remembers documents, so that later rounds can be held against them.

    INDEX/index.json            what is in it: version, threshold, bands, input names, segments with sizes and SHA-256
    INDEX/seg-000000/keys.bin   uint32[n, bands]   band keys            texts.bin   uint64[n]  hash of all words
                     sizes.bin  uint32[n]          distinct grams       files.bin   uint32[n]  place in the input names
                     rows.bin   uint32[n]          row of the input     answers.bin uint64[n]  hash of the response
                     sketches.bin uint8            3 bytes per sum

A document takes 100 bytes and, at threshold 0.8, three quarters of a byte per gram: 393 bytes for the 361 grams of a
page of 4.4 kB. The texts themselves are not in it; similarities are exact all the same, by `sketches`.
Files are memory-mapped. Nothing that index.json names is ever changed: `add` writes a new segment beside the others,
syncs it, and replaces index.json by one rename, so that a crash at any moment leaves the index as it was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates.documents import gram_sets, signed
from auditkit.checkers.near_duplicates.options import MANIFEST, Bands, Options
from auditkit.checkers.near_duplicates.relations import answers_of, related
from auditkit.errors import ConfigError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

FORMAT = "auditkit near-copy index"
VERSION = 1
COLUMNS = {
    "keys": np.uint32,
    "texts": np.uint64,
    "sizes": np.uint32,
    "files": np.uint32,
    "rows": np.uint32,
    "answers": np.uint64,
    "sketches": np.uint8,
}


@dataclass(frozen=True)
class SegmentEntry:
    """A segment in index.json. columns: name -> (bytes, SHA-256)."""

    name: str
    n_docs: int
    columns: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Manifest:
    """The content of index.json. files: names of the inputs, in the order in which they were first seen."""

    threshold: float
    bands: int
    rows: int
    files: tuple[str, ...] = ()
    segments: tuple[SegmentEntry, ...] = ()
    format: str = FORMAT
    version: int = VERSION


class Segment(NamedTuple):
    """The columns of a segment, memory-mapped; ends: where the sketch of each document ends."""

    keys: NDArray[np.uint32]
    texts: NDArray[np.uint64]
    sizes: NDArray[np.uint32]
    files: NDArray[np.uint32]
    rows: NDArray[np.uint32]
    answers: NDArray[np.uint64]
    sketches: NDArray[np.uint8]
    ends: NDArray[np.int64]


@dataclass(frozen=True)
class Index:
    """An index that has been opened and whose checksums were right. Documents are numbered in the order of adding."""

    path: str
    manifest: Manifest

    @property
    def bands(self) -> Bands:
        """How the signatures in it are cut."""
        return Bands(self.manifest.bands, self.manifest.rows)

    @property
    def n_docs(self) -> int:
        """Number of documents in it."""
        return sum(segment.n_docs for segment in self.manifest.segments)

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments in the order of adding."""
        return [self._segment(entry) for entry in self.manifest.segments]

    def place(self, number: int) -> tuple[str, int]:
        """(name of the input, row in it) of a document."""
        for segment in self.segments:
            if number < len(segment.rows):
                return self.manifest.files[segment.files[number]], int(segment.rows[number])
            number -= len(segment.rows)
        raise IndexError(number)

    def _segment(self, entry: SegmentEntry) -> Segment:
        from auditkit.checkers.near_duplicates.sketches import sketch_ends

        columns = {name: self._column(entry, name) for name in COLUMNS}
        columns["keys"] = columns["keys"].reshape(-1, self.manifest.bands)
        return Segment(**columns, ends=sketch_ends(columns["sizes"], self.manifest.threshold))

    def _column(self, entry: SegmentEntry, name: str) -> NDArray[Any]:
        """A column of a segment, mapped and not read; an empty file cannot be mapped."""
        if not entry.columns[name][0]:
            return np.zeros(0, COLUMNS[name])
        return np.asarray(np.memmap(Path(self.path, entry.name, f"{name}.bin"), COLUMNS[name], "r"))


def read_manifest(path: str) -> Manifest:
    """The manifest of the index at this path; InputError when it is none, or of another version."""
    try:
        found = json.loads(Path(path, MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"not a near-copy index: {MANIFEST} cannot be read") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(path, f"not a near-copy index: {MANIFEST} says something else")
    if found.get("version") != VERSION:
        raise InputError(
            path, f"index of version {found.get('version')}, this is auditkit for {VERSION}: build it anew"
        )
    entries = [SegmentEntry(one["name"], one["n_docs"], one["columns"]) for one in found["segments"]]
    return Manifest(**found | {"files": tuple(found["files"]), "segments": tuple(entries)})


def open_index(path: str) -> Index:
    """The index at this path, every byte of it checked (about 1 GB/s); InputError says which file is damaged."""
    index = Index(path, read_manifest(path))
    for entry in index.manifest.segments:
        for name, (n_bytes, sha256) in entry.columns.items():
            if _measure(Path(path, entry.name, f"{name}.bin")) != (n_bytes, sha256):
                raise InputError(path, f"{entry.name}/{name}.bin is damaged or missing: build the index anew")
    return index


def build(path: str, batches: Iterable[Batch], *, threshold: float = 0.8) -> Index:
    """A new index of these documents for runs with this threshold or a higher one; ConfigError where there is one."""
    options = Options(threshold=threshold)
    mistakes = [text for _, text in options.check()]
    if mistakes:
        raise ConfigError(f"index threshold: {mistakes[0]}")
    folder = Path(path)
    if (folder / MANIFEST).exists():
        raise ConfigError(f"{path}: there is an index already; use `auditkit index add`, or another path")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        return _append(Index(path, Manifest(threshold, *options.bands())), batches)


def add(path: str, batches: Iterable[Batch]) -> Index:
    """The index at this path with these documents as a new segment."""
    read_manifest(path)
    with _locked(Path(path)):
        return _append(open_index(path), batches)


def _append(index: Index, batches: Iterable[Batch]) -> Index:
    """Write a segment, sync it, publish it by one rename."""
    name = f"seg-{len(index.manifest.segments):06d}"
    folder = Path(index.path, name)
    folder.mkdir(exist_ok=True)
    files = list(index.manifest.files)
    n_docs = 0
    handles = {column: (folder / f"{column}.bin").open("wb") for column in COLUMNS}
    try:
        for batch in batches:
            n_docs += len(batch)
            for column, values in _columns(batch, index, files).items():
                handles[column].write(np.ascontiguousarray(values, COLUMNS[column]).data)
        for handle in handles.values():
            handle.flush()
            os.fsync(handle.fileno())
    finally:
        for handle in handles.values():
            handle.close()
    columns = {column: _measure(folder / f"{column}.bin") for column in COLUMNS}
    entry = SegmentEntry(name, n_docs, columns)
    manifest = replace(index.manifest, files=tuple(files), segments=(*index.manifest.segments, entry))
    _publish(Path(index.path), manifest)
    return Index(index.path, manifest)


def _columns(batch: Batch, index: Index, files: list[str]) -> dict[str, NDArray[np.generic]]:
    """What a segment remembers of a batch; new input names are added to `files`."""
    state: State = signed(batch, index.bands) | related(batch)
    looked = gram_sets(batch, batch.docs)
    column = batch.records.column("file")
    names = column.dictionary.to_pylist()
    numbers = {name: files.index(name) for name in names if name in files}
    for name in names:
        if name not in numbers:
            numbers[name] = len(files)
            files.append(name)
    of_name = np.array([numbers[name] for name in names], np.uint32)
    return {
        "keys": state["keys"],
        "texts": state["text"],
        "sizes": _sizes(state, looked),
        "files": of_name[column.indices.to_numpy(zero_copy_only=False)],
        "rows": batch.records.column("row").to_numpy(zero_copy_only=False),
        "answers": answers_of(state, np.arange(len(batch))).hashes,
        "sketches": _sketches(state, looked, index.manifest.threshold),
    }


def _sizes(state: State, looked: State) -> NDArray[np.int64]:
    """Distinct grams of each document; 0 where its text hash says all."""
    from auditkit.text.shingles import GRAM

    sizes: NDArray[np.int64] = np.where(state["words"] >= GRAM, looked["sizes"], 0)
    return sizes


def _sketches(state: State, looked: State, threshold: float) -> NDArray[np.uint8]:
    """The sketches of the gram sets, one after the other."""
    from auditkit.checkers.near_duplicates.sketches import sketch_all, sketch_ends

    sizes = _sizes(state, looked)
    ends = sketch_ends(sizes.astype(np.uint32), threshold)
    starts = np.cumsum(looked["sizes"]) - looked["sizes"]
    out = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    sketch_all(looked["grams"], starts, sizes, ends, out)
    return out


def _publish(folder: Path, manifest: Manifest) -> None:
    """Replace index.json by one rename, after everything that it names is on the disk."""
    temporary = folder / f"{MANIFEST}.new"
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump(asdict(manifest), handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    for place in (folder / manifest.segments[-1].name, folder):
        _sync_folder(place)
    temporary.replace(folder / MANIFEST)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _measure(path: Path) -> tuple[int, str]:
    """(bytes, SHA-256) of a file; (-1, "") when it is not there."""
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            return handle.tell(), digest
    except OSError:
        return -1, ""


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else writes to this index meanwhile; the lock ends with the process that holds it."""
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(str(folder), "another process is writing to this index") from error
        yield
