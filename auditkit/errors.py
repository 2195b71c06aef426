"""The errors that auditkit raises, and the exit codes they become.

    AuditkitError
    ├── ConfigError          wrong usage, options or policy              exit 2
    ├── InputError           a file that cannot be read as a whole       exit 3
    ├── RunFolderError       a run folder that is broken, foreign or busy exit 3
    ├── CheckerError         a checker broke its contract                becomes a gap, exit 3
    └── MissingDependency    an extra or a model that is not installed   becomes a gap, exit 3

A message is a short letter: what happened, where, what was expected, what to do.
Messages never contain text of a document.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3


class AuditkitError(Exception):
    """Every error that auditkit raises on purpose; `exit_code` is what the command line returns."""

    exit_code = EXIT_INCOMPLETE


class ConfigError(AuditkitError):
    """Wrong usage, option or policy. Several mistakes are joined, one per line."""

    exit_code = EXIT_USAGE


class InputError(AuditkitError):
    """An input that cannot be read as a whole; `path` is what the user called it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.reason = message

    @classmethod
    def joined(cls, messages: Iterable[str]) -> InputError:
        """One error for several refused files, a line each."""
        lines = list(dict.fromkeys(messages))
        error = cls("", "")
        error.args = ("\n".join(lines),)
        return error

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        """Survive the way back from a worker process."""
        return InputError, (self.path, self.reason)


class RunFolderError(AuditkitError):
    """A run folder that is broken, foreign, in use or cannot be written."""


class CheckerError(AuditkitError):
    """A checker returned something that its contract forbids."""


class MissingDependency(AuditkitError):  # noqa: N818 - the name in the design's error tree
    """A package or model that a checker needs is not there; the message says how to get it."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, else the list of known words."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names)}" if names else ""
