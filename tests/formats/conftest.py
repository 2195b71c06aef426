"""Fixtures: a file read through the public functions, written, and split."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_files import Read, read_source

from auditkit import formats
from auditkit.shards import Limits


@pytest.fixture
def read(tmp_path):
    """read(path) -> Read of the only file there."""

    def _read(path, fields=None, limits=None):
        (source,) = formats.discover([str(path)], scratch=tmp_path / ".scratch")
        return read_source(source, fields, limits)

    return _read


@pytest.fixture
def write_bytes(tmp_path):
    """write_bytes("a.jsonl", b"...") -> path."""

    def _write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture
def split(tmp_path):
    """split(read, decisions, edits) -> (kept path, dropped path, what was written)."""

    def _split(read: Read, decisions, edits, expected=None):
        kept, dropped = (tmp_path / side / read.source.name for side in ("kept", "dropped"))
        written = formats.split_file(
            read.source,
            read.layout,
            Limits(),
            decisions,
            lambda first, last: {row: edits[row] for row in edits if first <= row < last},
            kept=kept,
            dropped=dropped,
            expected=expected or read.summary,
        )
        return kept, dropped, written

    return _split
