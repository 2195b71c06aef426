"""The command line: arguments in, exit code out. What a command does is done elsewhere."""

from __future__ import annotations

import os
import sys
from types import TracebackType

import click

from auditkit.cli import corpus, index, judge, loop, models, new, rules, runs
from auditkit.cli.group import cli, complain
from auditkit.errors import EXIT_INCOMPLETE, EXIT_PASS, EXIT_USAGE, AuditkitError
from auditkit.watchdog import supervised

__all__ = ["cli", "corpus", "index", "judge", "loop", "main", "models", "new", "rules", "runs"]


def main() -> None:
    """The entry point of the `auditkit` command. No traceback reaches the user."""
    sys.exit(supervised(_run, complain))


def _run() -> int:
    """The command's exit code."""
    sys.excepthook = _unexpected
    try:
        code = cli.main(standalone_mode=False, prog_name="auditkit")
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except AuditkitError as error:
        complain(str(error))
        code = error.exit_code
    except BrokenPipeError:  # `auditkit ... | head`: the reader went away, the work was done
        code = _quiet_stdout()
    except (OSError, MemoryError) as error:
        complain(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'out of memory'}")
        code = EXIT_INCOMPLETE
    return code if isinstance(code, int) else EXIT_PASS


def _unexpected(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """A defect: say where it is, never what a document held, and do not pass."""
    from auditkit.guard import described

    complain(f"internal error: {described(error)}; this is a defect of auditkit or of a plug-in, nothing was published")
    sys.stdout.flush()
    os._exit(EXIT_INCOMPLETE)


def _quiet_stdout() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_INCOMPLETE
