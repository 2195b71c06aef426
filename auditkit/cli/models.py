"""The commands on models that are fetched: list, fetch, verify."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from auditkit.cli.group import cli, complain
from auditkit.errors import EXIT_INCOMPLETE, EXIT_PASS

CATALOGUE = click.option(
    "--catalogue", type=click.Path(path_type=Path), metavar="FILE", help="More models, written like rules/models.toml."
)


@cli.group(short_help="List, fetch or verify larger models.")
def models() -> None:
    """Models that are too large for the package. auditkit downloads nothing unless `fetch` is asked to."""


@models.command("list")
@CATALOGUE
def models_list(catalogue: Path | None) -> int:
    """One line per model: name, whether it is here, size, licence, what it is for."""
    from auditkit.models import weights
    from auditkit.models.catalogue import catalogue as known

    for entry in known(catalogue).values():
        here = "fetched" if weights.find(entry.name) else "-"
        size = f"{entry.bytes / 1e6:.0f} MB" if entry.bytes else "?"
        click.echo(f"{entry.name:<24} {here:<8} {size:>7}  {entry.licence.split(';')[0]:<11} {entry.summary}")
    click.echo(f"in {weights.folder()}", err=True)
    return EXIT_PASS


@models.command("fetch")
@click.argument("name")
@click.option("--from", "origin", default="", metavar="URL|FILE", help="A mirror, or a file that was brought here.")
@click.option("--sha256", default="", metavar="HEX", help="The publisher's hash, where the catalogue has none.")
@CATALOGUE
def models_fetch(name: str, origin: str, sha256: str, catalogue: Path | None) -> int:
    """Download NAME, hold it against its hash, and put it where checkers find it; a broken download goes on."""
    from auditkit.models import weights
    from auditkit.models.catalogue import entry

    wanted = entry(name, catalogue)
    with _bar(name) as tell:
        prepare = _converted if wanted.kind == "checkpoint" else (lambda _folder: None)
        fetched = weights.fetch(wanted, origin=origin, sha256=sha256, tell=tell, prepare=prepare)
    if fetched.first_use:
        complain(f"{name}: its publisher tells a part of the hash alone; from now on {fetched.sha256} is expected")
    click.echo(f"{fetched.path}  sha256 {fetched.sha256}")
    return EXIT_PASS


@models.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def models_verify(names: tuple[str, ...]) -> int:
    """Read every byte of the fetched models and say what is no longer as it was fetched; exit 3 if anything is."""
    from auditkit.models import weights

    root = weights.folder()
    there = sorted(path.parent.name for path in root.glob(f"*/{weights.RECORD}")) if root.is_dir() else []
    bad = 0
    for name in names or there:
        place = weights.find(name)
        wrong = ["not fetched"] if place is None else [f"{file} differs" for file in weights.changed(place)]
        bad += bool(wrong)
        click.echo(f"{name}: {'; '.join(wrong[:5]) if wrong else 'as it was fetched'}")
    return EXIT_INCOMPLETE if bad else EXIT_PASS


@models.command("convert")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@click.option("--onnx", is_flag=True, help='Also an 8-bit ONNX network, for precision = "int8".')
def models_convert(checkpoint: str, out: Path, onnx: bool) -> int:
    """Write a Detoxify checkpoint (a file, or a fetched model's name) as safetensors: numbers and settings, no code."""
    from auditkit.checkers.toxicity.detoxify import convert
    from auditkit.errors import ConfigError

    if out.exists():
        raise ConfigError(f"{out}: exists already; name a new folder")
    out.mkdir(parents=True)
    convert(checkpoint, out, onnx=onnx)
    click.echo(str(out))
    return EXIT_PASS


def _converted(folder: Path) -> None:
    """Turn a fetched checkpoint into safetensors, where the packages for it are installed; it stays as it is if not."""
    from importlib.util import find_spec

    if any(find_spec(package) is None for package in ("torch", "transformers", "safetensors")):
        complain("kept as a checkpoint: torch, transformers and safetensors, which would convert it, are not installed")
        return
    from auditkit.checkers.toxicity.detoxify import convert

    for checkpoint in sorted(folder.glob("*.ckpt")):
        convert(str(checkpoint), folder, onnx=False)
        checkpoint.unlink()


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _have, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda have, total: bar.update(task, completed=have, total=total or None)
