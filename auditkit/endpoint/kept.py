"""The answers that were paid for, in one append-only file that survives a kill at any byte."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class Failure(NamedTuple):
    """Why a request has no answer; never text of a document, of an answer or of a key."""

    reason: str


class Kept:
    """Answers by the hash of what was asked; one JSON line each. path "" keeps them in memory alone.

    A line is written whole, under a lock that other processes respect, and synced before the answer counts. What a kill
    tore is skipped and paid again; nothing else is. Answers that other processes have written since are seen.
    The file holds hashes, what was read from answers, token counts and reasons; no question. Its mode is 0600.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path) if path else None
        self.answers: dict[str, Any] = {}
        self.spent = 0  # tokens of all answers, failed ones included
        self._held = 0  # tokens of requests under way
        self._offset = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The kept answer, or None."""
        with self._lock:
            if key not in self.answers:
                self._refresh()
            return self.answers.get(key)

    def reserve(self, tokens: int, *, budget: int) -> bool:
        """Set these tokens aside; False when the budget (0 = none) does not hold them."""
        with self._lock:
            self._refresh()
            if budget and self.spent + self._held + tokens > budget:
                return False
            self._held += tokens
            return True

    def settle(self, key: str, reserved: int, tokens: int, answer: object) -> None:
        """Keep an answer or a Failure, and count the tokens that it took instead of those set aside."""
        line: dict[str, object] = {"asked": key, "tokens": tokens}
        line |= {"failure": answer.reason} if isinstance(answer, Failure) else {"value": answer}
        with self._lock:
            self._held -= reserved
            if self.path is None:
                self._take(line)
            elif tokens or "value" in line:
                _append(self.path, orjson.dumps(line))
                self._refresh()

    def _refresh(self) -> None:
        """Read the whole lines that have been added since the last time."""
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                self._take(orjson.loads(line))
            except (ValueError, KeyError, TypeError):  # torn by a kill
                continue

    def _take(self, line: dict[str, Any]) -> None:
        self.spent += int(line["tokens"])
        if "value" in line:
            self.answers[line["asked"]] = line["value"]


def _append(path: Path, line: bytes) -> None:
    """Add one line, after a line end where the last one is torn, and wait until it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        file.write(b"\n" * torn + line + b"\n")
        os.fsync(handle)
