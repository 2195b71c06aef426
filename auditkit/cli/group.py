"""The `auditkit` command group, and how it speaks of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

EXAMPLES = """\b
Examples:
  auditkit demo                                  audit a corpus with planted faults
  auditkit gate corpus.jsonl --out run           audit, split into kept/ and dropped/, report
  auditkit gate data/ --out run --policy synthetic-sft --runner processes
  auditkit scan changed.jsonl                    findings only, as file:line: rule: message
  auditkit explain pii/email                     what a rule finds, and why it matters
\b
Exit codes: 0 pass, 1 the gate failed (or findings, for scan), 2 wrong usage or policy, 3 incomplete.
"""


def complain(message: str) -> None:
    """An error on stderr: one paragraph, harmless characters only."""
    from auditkit.text.safe import printable

    for line in message.split("\n"):
        click.echo(f"auditkit: {printable(line, limit=2000)}", err=True)


def tell(speak: Callable[[], object]) -> None:
    """Say something on stdout; a reader that has gone away (`| head`) changes nothing of what was found."""
    try:
        speak()
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the second is what rich makes of the first
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Command(click.Command):
    r"""A command whose help keeps its examples line by line: a paragraph after \b is not wrapped."""

    def __init__(self, name: str | None, *, help: str | None = None, **options: Any) -> None:
        super().__init__(name, help=help and help.replace("\\b\n", "\b\n"), **options)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type


@click.group(
    cls=Group, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(None, "-V", "--version", package_name="auditkit", message="%(prog)s %(version)s")
def cli() -> None:
    """The gate between generate and train.

    auditkit reads a corpus, says what is wrong with each document and with the whole, writes a filtered corpus and a
    report, and exits non-zero when the corpus may not be trained on.
    """
