"""What changed since a commit: files reduced to their new lines, so that a hook looks only at what a commit brings."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditkit.errors import ConfigError

BY_LINE = (".jsonl", ".ndjson")  # a row is a line; of other formats a changed file is looked at as a whole


@dataclass(frozen=True)
class Changed:
    """An input that changed. copy: the file to look at. lines: the line that each line of the copy has in `path`."""

    path: str
    copy: str
    lines: tuple[int, ...] | None = None

    def line_of(self, line: int) -> int:
        """The line in the input of a line of the copy."""
        return line if self.lines is None else self.lines[line - 1]


def nothing_changed(inputs: Sequence[str], revision: str) -> bool:
    """Whether git knows all inputs and sees no difference to the revision: two git calls, no other work."""
    paths = [Path(item) for item in inputs]
    if not all(path.is_file() for path in paths):
        return False
    for folder in {path.parent for path in paths}:
        names = [path.name for path in paths if path.parent == folder]
        known = _git(folder, "ls-files", "--error-unmatch", "--", *names).returncode == 0
        if not known or _git(folder, "diff", "--quiet", revision, "--", *names).returncode != 0:
            return False
    return True


def changed_inputs(paths: Sequence[str], revision: str, scratch: Path) -> list[Changed]:
    """Those of the files that differ from the revision, JSON lines reduced to the lines that the revision lacks.

    A file that the revision does not know (also under an earlier name) is new as a whole. ConfigError where the file is
    in no git work tree or the revision does not exist.
    """
    changed = []
    for number, name in enumerate(paths):
        path = Path(name)
        before = _before(path, revision)
        now = path.read_bytes()
        if before == now:
            continue
        if before is None or not path.name.endswith(BY_LINE):
            changed.append(Changed(name, name))
            continue
        lines = _new_lines(before, now)
        copy = scratch / f"changed-{number}" / path.name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(b"".join(line for _, line in lines))
        if lines:
            changed.append(Changed(name, str(copy), tuple(line for line, _ in lines)))
    return changed


def _new_lines(before: bytes, now: bytes) -> list[tuple[int, bytes]]:
    """(1-based line, bytes) of the non-blank lines that were not there before, wherever they stand."""
    known = {_mark(line) for line in before.splitlines()}
    lines = enumerate(now.split(b"\n"), 1)
    return [(number, line + b"\n") for number, line in lines if line.strip() and _mark(line) not in known]


def _mark(line: bytes) -> bytes:
    return hashlib.blake2b(line.rstrip(b"\r"), digest_size=16).digest()


def _before(path: Path, revision: str) -> bytes | None:
    """The file's bytes at the revision, None when it was not there under this or an earlier name."""
    folder = path.parent
    shown = _git(folder, "show", f"{revision}:./{path.name}")
    if shown.returncode == 0:
        return shown.stdout
    if _git(folder, "rev-parse", "--show-toplevel").returncode:
        raise ConfigError(f"--changed-since {revision}: {path} is in no git work tree")
    exists = _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").returncode == 0
    if not exists:
        if revision == "HEAD":  # a repository before its first commit: all is new
            return None
        raise ConfigError(f"--changed-since {revision}: git knows no such commit")
    old = _earlier_name(path, revision)
    return _git(folder, "show", f"{revision}:{old}").stdout if old else None


def _earlier_name(path: Path, revision: str) -> str:
    """The name from which git sees this file renamed, relative to the top of the work tree, or nothing."""
    folder = path.parent
    top = _git(folder, "rev-parse", "--show-toplevel").stdout.decode().strip()
    listing = _git(folder, "diff", "-M", "--diff-filter=R", "--name-status", "-z", revision).stdout
    parts = listing.decode("utf-8", "surrogateescape").split("\0")
    mine = path.resolve().relative_to(Path(top).resolve()).as_posix()
    renames = {new: old for _, old, new in _triples(parts)}
    return renames.get(mine, "")


def _triples(parts: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    return zip(parts[0::3], parts[1::3], parts[2::3], strict=False)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A git command in this folder; ConfigError when there is no git."""
    try:
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise ConfigError("--changed-since needs git, which is not installed") from None
