"""A command's work in a child process: a native crash, a step that never ends or a plug-in that exits is never a pass.

Python cannot catch a segmentation fault, and cannot interrupt a C call that runs for ever. So the command line forks
before it loads anything: the child works and notes on a shared page what it is at, the parent waits. Whatever ends the
child other than its own last word is exit 3 and a sentence that names the step. Workers of the runners have their pool
in the parent's place. In a process that is nobody's child, such as a notebook, nothing is forked and nothing ended.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeVar

from auditkit.errors import EXIT_INCOMPLETE

Y = TypeVar("Y")
R = TypeVar("R")

READ_SECONDS = 600.0  # for one step of reading, a few megabytes: a decoder in an endless loop, not a slow disk
_PAGE = 4096
_DONE = 1
_SCRATCH, _LOCK = "auditkit-", "in-use"
_page: mmap.mmap | None = None
_expendable = False
_stop_at = 0.0  # time.monotonic() at which this process ends, 0.0 for never


def supervised(work: Callable[[], int], complain: Callable[[str], None]) -> int:
    """The exit code of `work`, done in a child; 3, and a sentence for `complain`, when it did not come to its end.

    SIGTERM ends the child and its workers at once: 143. The child stays in the process group and dies with its parent.
    Whatever ends it, its temporary files go: they may hold text of documents.
    """
    global _page
    if not hasattr(os, "fork"):
        return work()
    _page = mmap.mmap(-1, _PAGE)
    _sweep()
    parent, (scratch, lock) = os.getpid(), _scratch()
    child = os.fork()
    if child == 0:
        expendable(parent)
        tempfile.tempdir = os.environ["TMPDIR"] = scratch
        code = work()
        _page[0] = _DONE
        return code
    try:
        return _outlived(child, _page, complain)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)


def _scratch() -> tuple[str, int]:
    """A folder for temporary files, and the descriptor whose lock says that it is in use.

    The file of the lock gets its name when it is locked: who finds it unlocked has found what a killed run left.
    """
    import fcntl

    folder = Path(tempfile.mkdtemp(prefix=_SCRATCH))
    lock = os.open(folder / "new", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "new").rename(folder / _LOCK)
    return str(folder), lock


def _sweep() -> None:
    """Remove the temporary files of this user's runs that were killed with their whole process group."""
    import fcntl

    entries: list[os.DirEntry[str]] = []
    with suppress(OSError):  # a folder that may be written to and not listed
        entries = list(os.scandir(tempfile.gettempdir()))
    for entry in entries:
        if not entry.name.startswith(_SCRATCH):
            continue
        with suppress(OSError):  # gone meanwhile, not such a folder, or in use
            if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            lock = os.open(f"{entry.path}/{_LOCK}", os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)


def _outlived(child: int, page: mmap.mmap, complain: Callable[[str], None]) -> int:
    """Wait for the child; its exit code when it said that it was done."""
    terminated = []

    def forward(number: int, _frame: FrameType | None) -> None:
        terminated.append(number)
        with suppress(ProcessLookupError):  # the whole group was told, and the child has ended already
            os.kill(child, number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the child as well, which answers
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if terminated or code == -signal.SIGTERM:
        return 128 + (terminated or [signal.SIGTERM])[0]
    if page[0] == _DONE or code == EXIT_INCOMPLETE:
        return code
    how = f"signal {-code}" if code < 0 else "it ended itself, or ran too long to be interrupted"
    at_work = page[1:].rstrip(b"\0").decode("utf-8", "replace") or "before the first file"
    complain(f"stopped at: {at_work} ({how}); nothing is published, --resume keeps what was done")
    return EXIT_INCOMPLETE


def expendable(parent: int) -> None:
    """From now on this process may be ended when a step overruns, and ends when its parent does (on Linux).

    It leaves no core file: that would hold text of documents.
    """
    global _expendable
    import resource

    _expendable = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)
    if os.getppid() != parent:
        sys.exit(EXIT_INCOMPLETE)


def limit_memory(n_bytes: int) -> None:
    """Let this process have at most so much memory of its own, where it is expendable; 0 = as much as there is.

    Above it an allocation fails, which is a gap, an error or the end of the process: never a pass.
    """
    import resource

    if _expendable and n_bytes:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (n_bytes if hard < 0 else min(n_bytes, hard), hard))


@contextmanager
def at(words: str, *, seconds: float) -> Iterator[None]:
    """Note what this process is at; where it is expendable, end it after so many seconds of it, whatever it is doing.

    Steps may lie in one another; the innermost is noted, and its time is the one that counts.
    """
    outer, said = _stop_at, _noted(words)
    _arm(time.monotonic() + seconds)
    try:
        yield
    finally:
        _arm(outer)
        _note(said)


def stepwise(words: str, steps: Generator[Y, None, R]) -> Generator[Y, None, R]:
    """The same generator, each step of which is noted."""
    while True:
        with at(words, seconds=READ_SECONDS):
            try:
                step = next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
        yield step


def _arm(stop_at: float) -> None:
    """End this process at that time, by a thread of its own that needs no Python; 0.0 = never."""
    global _stop_at
    _stop_at = stop_at
    if not _expendable:
        return
    if stop_at:
        faulthandler.dump_traceback_later(max(1e-3, stop_at - time.monotonic()), exit=True, file=_nowhere())
    else:
        faulthandler.cancel_dump_traceback_later()


@cache
def _nowhere() -> IO[Any]:
    return open(os.devnull, "w", encoding="ascii")  # noqa: PTH123 - as long as the process


def _noted(words: str) -> bytes:
    """What the page says; it says `words` from now on."""
    said = _page[1:] if _page is not None else b""
    _note(words.encode("utf-8", "replace"))
    return said


def _note(words: bytes) -> None:
    if _page is not None:
        _page[1:] = words[: _PAGE - 1].ljust(_PAGE - 1, b"\0")
