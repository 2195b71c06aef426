"""Files that appear under their name whole, synced and hashed, or not at all; plain, gzip or zstd.

The same rows give the same bytes: no time, no name and no thread count in them.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Protocol, Self, cast

from auditkit.disk import NewFile, make_folder
from auditkit.shards import Written


class Target:
    """A file that appears under its name, whole and synced, when `publish` is called, and not before.

    Leaving the `with` block without that removes what was written.
    """

    def __init__(self, path: Path, compression: str) -> None:
        self.path = path
        self.n_rows = 0
        self._compression = compression
        self._stored: NewFile | None = None
        self._packer: Plain | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stored is None:
            return
        if not self._stored.closed:
            self._stored.discard()
        if self._packer is not None and not self._packer.closed:
            self._packer.close()

    @property
    def file(self) -> Plain:
        """The plain side; the file is made when this is first asked for."""
        if self._packer is None:
            make_folder(self.path.parent)
            self._stored = NewFile(self.path)
            self._packer = _packer(self._stored, self._compression)
        return self._packer

    def write(self, data: bytes, n_rows: int = 0) -> None:
        """Append plain bytes that hold so many rows."""
        self.file.write(data)
        self.n_rows += n_rows

    def publish(self) -> Written:
        """Finish, sync and rename; the file with its size, hash and rows."""
        packer, stored = self.file, self._stored
        assert stored is not None
        if packer is not stored and not packer.closed:
            packer.close()
        stored.publish()
        return Written(str(self.path), stored.size, stored.sha256, self.n_rows)


def _packer(stored: NewFile, compression: str) -> Plain:
    """What compresses into the file; the same bytes for the same input: no time, no name, one thread."""
    if compression == "gz":
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stored, mtime=0)
    if compression == "zst":
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        return cast("Plain", compressor.stream_writer(cast("IO[bytes]", stored), closefd=False))
    return stored


class Plain(Protocol):
    """Where plain bytes are written."""

    @property
    def closed(self) -> bool:
        """Whether no more can be written."""

    def write(self, data: bytes, /) -> int:
        """Take all of these bytes."""

    def flush(self) -> None:
        """Hand on what is buffered."""

    def close(self) -> None:
        """Finish the stream."""
