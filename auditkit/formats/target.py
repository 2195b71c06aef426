"""Files that appear under their name whole, synced and hashed, or not at all; plain, gzip or zstd.

The same rows give the same bytes: no time, no name and no thread count in them.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self, cast

from auditkit.errors import RunFolderError
from auditkit.shards import Written
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from _hashlib import HASH


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What goes wrong with the disk as a RunFolderError: it is not the fault of an input."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"cannot write {printable(str(path))}: {error.strerror}") from None


class Target:
    """A file that appears under its name, whole and synced, when `publish` is called, and not before.

    Leaving the `with` block without that removes what was written.
    """

    def __init__(self, path: Path, compression: str) -> None:
        self.path = path
        self.n_rows = 0
        self._compression = compression
        self._temporary = path.with_name(f".{path.name}.part")
        self._sink: Sink | None = None
        self._packer: Plain | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sink is None:
            return
        self._sink.keep = False
        if self._packer is not None and not self._packer.closed:
            self._packer.close()
        self._sink.close()
        self._temporary.unlink(missing_ok=True)

    @property
    def file(self) -> Plain:
        """The plain side; the file is made when this is first asked for."""
        if self._packer is None:
            with _writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = Sink(self._temporary)
            self._packer = _packer(self._sink, self._compression)
        return self._packer

    def write(self, data: bytes, n_rows: int = 0) -> None:
        """Append plain bytes that hold so many rows."""
        self.file.write(data)
        self.n_rows += n_rows

    def publish(self) -> Written:
        """Finish, sync and rename; the file with its size, hash and rows."""
        packer, sink = self.file, self._sink
        assert sink is not None
        if packer is not sink and not packer.closed:
            packer.close()
        sink.sync()
        with _writing(self.path):
            self._temporary.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return Written(str(self.path), sink.size, sink.digest.hexdigest(), self.n_rows)


def _packer(sink: Sink, compression: str) -> Plain:
    """What compresses into the sink; the same bytes for the same input: no time, no name, one thread."""
    if compression == "gz":
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=sink, mtime=0)
    if compression == "zst":
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        return cast("Plain", compressor.stream_writer(cast("IO[bytes]", sink), closefd=False))
    return sink


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


class Sink:
    """A file whose bytes are counted and hashed on their way; with `keep` off they go nowhere."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _writing(path):  # raw text of documents: for its owner alone
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self.size = 0
        self.digest: HASH = hashlib.sha256()
        self.closed = False
        self.keep = True

    def write(self, data: bytes, /) -> int:
        """Take all of these bytes."""
        if not self.keep:
            return memoryview(data).nbytes
        with _writing(self._path):
            self._file.write(data)
        self.digest.update(data)
        self.size += memoryview(data).nbytes
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Hand on what is buffered."""
        with _writing(self._path):
            self._file.flush()

    def sync(self) -> None:
        """Make sure that the bytes are on the disk."""
        with _writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        with suppress(OSError) if not self.keep else _writing(self._path):
            self._file.close()
