"""The commands that make a rule or a checker to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from auditkit.cli.group import cli
from auditkit.errors import EXIT_PASS

OUT = click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the package; default: auditkit-CHECKER."
)


@cli.group(short_help="A rule or a checker of your own to begin with.")
def new() -> None:
    """Make a package with a checker and its rules: it installs, finds something and has a test that proves it."""


@new.command("checker")
@click.argument("name")
@OUT
def new_checker(name: str, out: Path | None) -> int:
    r"""Make a package with the checker NAME.

    \b
    Example:
      auditkit new checker badge_numbers
      pip install -e 'auditkit-badge_numbers[dev]' && pytest auditkit-badge_numbers
    """
    from auditkit.scaffold import new_checker as make

    _say(make(name, out or Path(f"auditkit-{name}")))
    return EXIT_PASS


@new.command("rule")
@click.argument("name", metavar="CHECKER/RULE")
@OUT
def new_rule(name: str, out: Path | None) -> int:
    r"""Add a rule to the package of a checker of your own; the package is made where it is not there yet.

    \b
    Example:
      auditkit new rule badge_numbers/visitor-badge
    """
    from auditkit.scaffold import new_rule as make

    _say(make(name, out or Path(f"auditkit-{name.partition('/')[0]}")))
    return EXIT_PASS


def _say(paths: list[Path]) -> None:
    from auditkit.text.safe import printable

    for path in paths:
        click.echo(printable(str(path), limit=1000))
