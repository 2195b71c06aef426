"""The commands on a near-copy index: build, add, query."""

from __future__ import annotations

from pathlib import Path

import click

from auditkit.cli.group import cli
from auditkit.cli.options import INPUTS, field_options

FOLDER = click.argument("path", type=click.Path(path_type=Path), metavar="INDEX")


@cli.group(short_help="A near-copy index, kept across rounds.")
def index() -> None:
    """Remember documents in a folder, so that later rounds can be held against them (`against = ["r1.idx"]`)."""


@index.command("build")
@INPUTS
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="INDEX", help="Folder of the new index.")
@click.option("--threshold", default=0.8, show_default=True, help="Lowest Jaccard similarity it can answer for.")
@field_options
def index_build(inputs: tuple[str, ...], out: Path, threshold: float, fields: dict[str, str]) -> int:
    """Make an index of the documents of INPUT."""
    from auditkit.index import build

    text, code = build(list(inputs), out, threshold=threshold, fields=fields)
    click.echo(text)
    return code


@index.command("add")
@FOLDER
@INPUTS
@field_options
def index_add(path: Path, inputs: tuple[str, ...], fields: dict[str, str]) -> int:
    """Add the documents of INPUT to INDEX, in place; a crash leaves the index as it was."""
    from auditkit.index import add

    text, code = add(path, list(inputs), fields=fields)
    click.echo(text)
    return code


@index.command("query")
@FOLDER
@INPUTS
@field_options
def index_query(path: Path, inputs: tuple[str, ...], fields: dict[str, str]) -> int:
    """Print each document of INPUT that INDEX already holds; exit 1 if there is one."""
    from auditkit.index import query

    lines, code = query(path, list(inputs), fields=fields)
    for line in lines:
        click.echo(line)
    return code
