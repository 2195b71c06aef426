"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from auditkit.waivers import WAIVERS_FILE

INPUTS = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--field, given to the command as a dictionary."""

    @click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="ROLE=PATH",
        help="Where a text is: response=output, text=body.de, group=qid ...",
    )
    @wraps(command)
    def wrapped(*args: Any, fields: tuple[str, ...], **options: Any) -> Any:
        return command(*args, fields=_fields(fields), **options)

    return wrapped


def policy_options(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--policy and --field, shared by the commands that audit a corpus."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        text = "Packaged policy or TOML file."
        option = click.option("--policy", default=default, show_default=True, metavar="NAME|FILE", help=text)
        return option(field_options(command))

    return decorate


def _fields(given: tuple[str, ...]) -> dict[str, str]:
    """`role=path` arguments as a dictionary."""
    fields = {}
    for item in given:
        role, equals, path = item.partition("=")
        if not equals or not role or not path:
            raise click.UsageError(f"--field {item}: expected ROLE=PATH, for example --field response=output")
        fields[role] = path
    return fields


def accepting(command: Callable[..., Any]) -> Callable[..., Any]:
    """--waivers and --baseline."""
    path = click.Path(path_type=Path)
    command = click.option(
        "--baseline", type=path, metavar="FILE", help="Accept the findings in this output of scan --format json."
    )(command)
    return click.option(
        "--waivers",
        type=path,
        default=lambda: Path(WAIVERS_FILE) if Path(WAIVERS_FILE).is_file() else None,
        metavar="FILE",
        help=f"Decisions of reviewers; default: {WAIVERS_FILE} where it is.",
    )(command)


def runner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--runner and --workers."""
    command = click.option("--workers", type=int, metavar="N", help="Worker processes; default: one per processor.")(
        command
    )
    runners = click.Choice(["inline", "processes", "ray"])
    return click.option(
        "--runner", type=runners, default="inline", show_default=True, help="How shards are worked on."
    )(command)
