"""The commands that read a corpus: gate, scan, clean, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from auditkit.cli.group import cli, complain, tell
from auditkit.cli.options import INPUTS, accepting, policy_options, runner_options
from auditkit.errors import EXIT_PASS


@cli.command(short_help="Audit a corpus, split it into kept and dropped, report, give a verdict.")
@INPUTS
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="Folder for the run; new or empty."
)
@policy_options("default")
@runner_options
@click.option("--resume", is_flag=True, help="Go on with an unfinished run of the same inputs and policy.")
@accepting
@click.option(
    "--plant", type=click.IntRange(min=1), metavar="N", help="Also audit N planted faults; report the recall."
)
def gate(inputs: tuple[str, ...], out: Path, plant: int | None, **options: Any) -> int:
    r"""Audit a corpus and gate it: exit 0 when it may be trained on, 1 when not, 3 when something was not looked at.

    INPUT: files, folders, globs, fsspec URLs or - for JSONL on stdin; .jsonl .ndjson .parquet .csv .tsv .txt .md, the
    text formats also .gz and .zst, and saved Hugging Face dataset folders.

    \b
    Examples:
      auditkit gate corpus.jsonl --out run
      auditkit gate a.parquet b.jsonl.zst --out run --policy synthetic-sft
      auditkit gate chat.csv --out run --field prompt=ask --field response=reply
    """
    from auditkit.audit import gate as run_gate
    from auditkit.outputs.terminal import console_for, summary
    from auditkit.progress import progress
    from auditkit.report_data import read_report

    if plant:
        from auditkit.plant import witness

        options["witness"] = witness(plant)
    with progress(list(inputs)) as advance:
        code = run_gate(list(inputs), out=out, advance=advance, **options)
    tell(lambda: summary(read_report(out, whole=False), console_for(sys.stdout), folder=str(out)))
    return code


@cli.command(short_help="Findings only: what a commit hook or an editor wants.")
@INPUTS
@policy_options("pre-commit")
@click.option(
    "--format",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    show_default=True,
)
@click.option("--changed-since", "since", default="", metavar="REV", help="Only rows that this git revision lacks.")
@accepting
def scan(inputs: tuple[str, ...], since: str, waivers: Path | None, baseline: Path | None, **options: Any) -> int:
    r"""Print findings as PATH:LINE: rule: message. Exit 1 with findings, 0 without, 3 when something was not looked at.

    \b
    Examples:
      auditkit scan data/new.jsonl
      git show :data.jsonl | auditkit scan - --format github
    """
    from auditkit.waivers import accepted_today

    known = accepted_today(waivers, baseline)
    if since:
        from auditkit.hook import Asked, Spared, scan_changed

        if options["policy"] in Spared.POLICIES:
            sys.meta_path.insert(0, Spared())
        text, code, remarks = scan_changed(inputs, Asked(**options, since=since, accepted=known))
        for remark in remarks:
            complain(remark)
    else:
        from auditkit.scan import scan_inputs

        text, code = scan_inputs(list(inputs), accepted=known, **options)
    tell(lambda: click.echo(text, nl=False))
    return code


@cli.command(short_help="The cleaned corpus by the policy's actions: same accounting, no gate.")
@click.argument("input")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The cleaned file, in the input's format.",
)
@policy_options("default")
@runner_options
def clean(input: str, out: Path, policy: str, fields: dict[str, str], runner: str, workers: int | None) -> int:
    r"""Write the kept rows of one file to another, PII redacted and copies dropped as the policy says.

    \b
    Example:
      auditkit clean corpus.jsonl --out clean.jsonl --policy synthetic-sft
    """
    from auditkit.scan import clean_file

    message, code = clean_file(input, out, policy, fields=fields, runner=runner, workers=workers)
    click.echo(message)
    return code


@cli.command(short_help="What the judges of a policy will take, before anything is asked.")
@INPUTS
@policy_options("default")
@click.option("--per-million-in", default=0.0, metavar="PRICE", help="Price of a million tokens in.")
@click.option("--per-million-out", default=0.0, metavar="PRICE", help="Price of a million tokens out.")
def estimate(
    inputs: tuple[str, ...], policy: str, fields: dict[str, str], per_million_in: float, per_million_out: float
) -> int:
    r"""Print questions and tokens that judges behind HTTP will take for a corpus; answers that are kept cost nothing.

    \b
    Example:
      auditkit estimate corpus.jsonl --policy judged.toml --per-million-in 0.15 --per-million-out 0.60
    """
    from auditkit.estimate import estimates, told

    found = estimates(inputs, policy, fields)
    click.echo(told(found, per_million_in=per_million_in, per_million_out=per_million_out))
    return EXIT_PASS


@cli.command(short_help="A corpus with planted faults, audited before your eyes.")
@click.argument("folder", default="auditkit-demo", type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--rows", default=5000, show_default=True, help="Rows of the corpus.")
def demo(folder: Path, rows: int) -> int:
    """Write a seeded synthetic corpus with labelled faults of every kind, gate it, and say what was found of them.

    Exits 0 when the demonstration itself worked (the gate's verdict in it is `fail`, as it should be).
    """
    from auditkit.demo import run_demo

    return run_demo(folder, n_rows=rows)
