"""Where a run's bytes reach the disk: files that appear whole, synced and for their owner alone, or not at all.

Every step goes through `step`, which makes one kind of error of whatever the disk does and which a test can make fail
at any one of them: there is no other way from a run to its folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from auditkit.errors import RunFolderError
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from _hashlib import HASH

OWNER, EVERYONE = 0o600, 0o666  # the umask takes its share of the second

before: Callable[[str, Path], None] = lambda _step, _path: None  # noqa: E731 - a place for tests to fail a step at
"""Called with (step, path) ahead of each step: make folder, open, write, sync, close, rename, sync folder, remove."""


@contextmanager
def step(name: str, path: Path) -> Iterator[None]:
    """One step on the disk; what goes wrong is a RunFolderError: it is not the fault of an input."""
    try:
        before(name, path)
        yield
    except OSError as error:
        raise RunFolderError(f"cannot write {printable(str(path))}: {error.strerror}") from None


class NewFile:
    """A file that appears under its name when `publish` is called, and not before.

    Its bytes are counted and hashed on their way. Leaving the `with` block without `publish` removes what was written.
    """

    def __init__(self, path: Path, mode: int = OWNER) -> None:
        self.path, self.size = path, 0
        self.closed = False
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._digest: HASH = hashlib.sha256()
        with step("open", path):
            self._file = os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.closed:
            self.discard()

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes, /) -> int:
        """Take all of these bytes; after `discard` they go nowhere."""
        n_bytes = memoryview(data).nbytes
        if not self.closed:
            with step("write", self.path):
                self._file.write(data)
            self._digest.update(data)
            self.size += n_bytes
        return n_bytes

    def flush(self) -> None:
        """Nothing: `publish` sees to it. Writers call it."""

    def close(self) -> None:
        """Nothing: a writer that closes its file has not published it."""

    def publish(self) -> None:
        """Sync the file, give it its name, sync the folder."""
        with step("sync", self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        with step("close", self.path):
            self._file.close()
        with step("rename", self.path):
            self._temporary.replace(self.path)
        self.closed = True
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove what was written; never fails, since something else has."""
        self.closed = True
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink()


def write(path: Path, data: bytes, *, mode: int = OWNER) -> NewFile:
    """Write the bytes so that `path` is either what it was or whole; its size and hash."""
    with NewFile(path, mode) as file:
        file.write(data)
        file.publish()
    return file


def sync_folder(path: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    with step("sync folder", path):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def make_folder(path: Path) -> None:
    """The folder and those above it, each for its owner alone; one that is there stays as it is."""
    if not path.is_dir():
        make_folder(path.parent)
        with step("make folder", path):
            path.mkdir(mode=0o700, exist_ok=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that it holds."""
    with step("remove", path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
