"""The one place where an exception of a checker is caught: it becomes a gap, which makes the verdict incomplete."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from auditkit.errors import AuditkitError, RunFolderError
from auditkit.watchdog import at

T = TypeVar("T")
AGAIN_SECONDS = 1.0  # after the deadline, until it is heard: a callback from C swallows what is raised in it
GRACE_SECONDS, GRACE_FACTOR = 30.0, 10.0  # for a call in C to come back; a machine may give us a tenth of its time


@dataclass(frozen=True)
class Gap:
    """Rows that a checker did not look at, and why. file "" = the corpus as a whole."""

    checker: str
    reason: str
    file: str = ""
    first_row: int = 0
    n_rows: int = 0

    def sentence(self) -> str:
        """For people: `pii did not look at a.jsonl rows 0-99: ValueError in pii.py:12`."""
        where = f"{self.file} rows {self.first_row}-{self.first_row + self.n_rows - 1}" if self.file else "the corpus"
        return f"{self.checker} did not look at {where}: {self.reason}"


class DeadlinePassed(BaseException):
    """Raised inside a checker that has run out of time; not an Exception, so that no checker swallows it."""


def attempt(step: Callable[[], T], *, seconds: float, what: str = "a checker") -> tuple[T | None, str]:
    """(result, "") of the step, or (None, reason) when it raised or ran longer than `seconds`.

    A step that cannot be interrupted (a C call that runs on and on) ends a process that is watched: see watchdog.

    The reason names the kind of error and where it was raised; its text is shown only for auditkit's own errors,
    since another exception's text may hold text of a document.
    """
    try:
        with at(what, seconds=GRACE_FACTOR * seconds + GRACE_SECONDS), _deadline(seconds):
            return step(), ""
    except (KeyboardInterrupt, GeneratorExit, RunFolderError):  # the last: the disk's fault and no checker's
        raise
    except DeadlinePassed:
        return None, f"it ran longer than {seconds:.0f} s"
    except BaseException as error:  # noqa: BLE001 - the one place: whatever a checker raises becomes a gap
        return None, described(error)


def described(error: BaseException) -> str:
    """What may be said about an exception without showing text of a document."""
    if isinstance(error, AuditkitError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlinePassed in this thread after so many seconds of wall time, those left out in which it had to wait
    for a processor: a busy machine makes no gap.

    Raised again each second until it gets through. Works in the main thread of a process on systems with SIGALRM;
    elsewhere there is no deadline.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    started, waited = time.monotonic(), _waited()

    def alarm(_signal: int, _frame: FrameType | None) -> None:
        if time.monotonic() - started - (_waited() - waited) >= seconds:
            raise DeadlinePassed

    previous = signal.signal(signal.SIGALRM, alarm)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if left:  # the caller's own timer goes on
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1e-3), interval)


def _waited() -> float:
    """Seconds that the main thread has waited for a processor so far; 0.0 where the system does not tell."""
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
