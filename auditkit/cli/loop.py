"""The commands of the self-training loop: run, status, report, experiment."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditkit.cli.group import cli
from auditkit.errors import EXIT_PASS

PATH = click.Path(path_type=Path)


@cli.group(short_help="Self-training: rounds of sample, gate, train, compare.")
def loop() -> None:
    """Rounds in which a model writes data, the gate keeps what is sound, and the model learns from it."""


@loop.command("run")
@click.argument("settings", type=PATH, metavar="LOOP.TOML")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the rounds; default: rounds, beside LOOP.TOML.")
@click.option("--estimate", is_flag=True, help="Say what the next round will ask and cost; ask nothing.")
def loop_run(settings: Path, out: Path | None, *, estimate: bool) -> int:
    r"""Do every round that is not done yet; exit 0 when all pass, 1 when the gate fails one, 3 when one is unfinished.

    A killed or stopped loop goes on where it was when the same command is given again; nothing is paid twice.

    \b
    Example:
      auditkit loop run loop.toml --out rounds
    """
    from auditkit.loop.rounds import run_loop
    from auditkit.loop.settings import load
    from auditkit.loop.status import status

    chosen = load(settings)
    folder = out or chosen.folder / "rounds"
    if estimate:
        from auditkit.loop.estimate import estimate as words

        click.echo(words(chosen, folder))
        return EXIT_PASS
    code = run_loop(chosen, folder, say=_progress)
    click.echo(status(folder)[0])
    return code


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(line, err=True)


@loop.command("status")
@click.argument("folder", type=PATH, metavar="DIR")
def loop_status(folder: Path) -> int:
    """Print a line per round, checked against its hashes; exit 1 when the last failed, 3 when one is unfinished."""
    from auditkit.loop.status import status

    text, code = status(folder)
    click.echo(text)
    return code


@loop.command("report")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--out", required=True, type=PATH, metavar="FILE", help="The HTML file.")
def loop_report(folder: Path, out: Path) -> int:
    """Write one HTML page over all rounds: verdicts, drift, what each gate removed, slopes, lineage."""
    from auditkit.loop.report import write_report

    n_rounds = write_report(folder, out)
    click.echo(f"{out}: {n_rounds} rounds")
    return EXIT_PASS


@loop.command("experiment")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1), help="Seeds 0 to N-1.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Folder for results.json, table and plot.")
@click.option("--quick", is_flag=True, help="Fewer steps: at most three minutes, for a smoke test.")
def loop_experiment(seeds: int, out: Path, *, quick: bool) -> int:
    """Train a tiny model here for some rounds, with and without the gate, and write what that did to it."""
    from auditkit.loop.experiment import main as experiment

    return experiment(seeds, out, quick=quick)
