"""The commands on a finished run: report, verify, waive, baseline, sign."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditkit.cli.group import cli, complain
from auditkit.errors import EXIT_FAIL, EXIT_PASS
from auditkit.waivers import WAIVERS_FILE

PAGES = ("html", "markdown", "text")  # the formats that list the worst findings; the others list all


@cli.command(short_help="Render a finished run in another format.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    default="html",
    show_default=True,
    metavar="FORMAT",
    help="html, markdown, json, sarif, github, junit, csv, gx or text.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Default: standard output. For gx also a folder, which then holds Data Docs too.",
)
@click.option("--before", type=click.Path(path_type=Path), metavar="RUN", help="An earlier run: shows what changed.")
@click.option(
    "--evidence",
    type=click.Choice(["masked", "raw"]),
    default="masked",
    show_default=True,
    help="raw: html with the texts themselves behind a click, in a file that only you can read.",
)
def report(run: Path, format_: str, before: Path | None, out: Path | None, evidence: str) -> int:
    r"""Write the report of a run; exits 0 whatever the verdict is.

    \b
    Examples:
      auditkit report run --format sarif --out run.sarif
      auditkit report run --format markdown
    """
    from auditkit.outputs import render, write
    from auditkit.quoting import with_texts
    from auditkit.report_data import read_report
    from auditkit.run_folder import write_text

    raw = evidence == "raw"
    if raw and (out is None or format_ != "html"):
        raise click.UsageError("--evidence raw makes an html file: give --out FILE")
    finished = read_report(run, before=before, whole=format_ not in PAGES)
    if format_ == "html":
        finished = with_texts(finished, run, raw=raw)
    if raw and out is not None:
        write_text(out, render(finished, format_).decode("utf-8"))
    elif out is None:
        sys.stdout.buffer.write(render(finished, format_))
    else:
        write(finished, format_, out)
    return EXIT_PASS


@cli.command(short_help="Check every hash and sum of a run folder.")
@click.argument("run", type=click.Path(path_type=Path))
def verify(run: Path) -> int:
    """Exit 0 when the folder is what the run wrote and every row is accounted for, 1 when not, 3 when it is no run."""
    from auditkit.run_folder import verify as problems_of

    problems = problems_of(run)
    for problem in problems:
        complain(problem)
    click.echo(f"{run}: {'not ' if problems else ''}as the run wrote it")
    return EXIT_FAIL if problems else EXIT_PASS


@cli.command(short_help="Merge a reviewer's decisions into the waivers file.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("decisions", type=click.Path(path_type=Path))
@click.option("--by", "who", required=True, metavar="NAME", help="Who decided.")
@click.option("--expires", default="", metavar="YYYY-MM-DD", help="Last day on which the decisions hold.")
@click.option(
    "--file", "path", default=WAIVERS_FILE, show_default=True, type=click.Path(path_type=Path), metavar="FILE"
)
def waive(run: Path, decisions: Path, who: str, expires: str, path: Path) -> int:
    r"""Merge decisions.json, downloaded from the report of RUN, into a file that is kept in git.

    Waived findings stay visible, count in no gate, change no document, and expire.

    \b
    Example:
      auditkit waive run decisions.json --by "Jo Doe" --expires 2027-06-30
    """
    from auditkit.review import waive as merge_decisions

    click.echo(merge_decisions(run, decisions, path, who=who, expires=expires))
    return EXIT_PASS


@cli.command(short_help="A sample of findings to read; the precision that readers found.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the sample that people shall read.")
@click.option(
    "--judged", type=click.Path(path_type=Path), metavar="FILE", help="Take back the sample, decisions in it."
)
@click.option(
    "--per-rule", default=20, show_default=True, type=click.IntRange(min=1), help="Findings of each rule and decision."
)
@click.option("--seed", default=0, show_default=True, help="Another seed draws another sample.")
@click.option("--by", "who", default="", metavar="NAME", help="Who read it; needed with --judged.")
def review(run: Path, out: Path | None, judged: Path | None, per_rule: int, seed: int, who: str) -> int:
    r"""Draw a sample of findings for people to read, stratified by rule and decision, or take back what they found.

    A finding called false-positive is wrong, any other decision says that it is right. The precision of each rule, with
    its interval, then stands in the report.

    \b
    Examples:
      auditkit review run --out sample.json --per-rule 30
      auditkit review run --judged sample.json --by "Jo Doe"
      auditkit report run --out report.html
    """
    from auditkit.reading import take_judged, write_sample

    if (out is None) == (judged is None):
        raise click.UsageError("give either --out FILE, to draw a sample, or --judged FILE, to take it back")
    if judged is not None and not who:
        raise click.UsageError("--judged needs --by NAME: who read it")
    if out is not None:
        click.echo(write_sample(run, out, per_rule=per_rule, seed=seed))
    elif judged is not None:
        click.echo(take_judged(run, judged, who=who))
    return EXIT_PASS


@cli.command(short_help="Accept the findings of a run as they stand.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The baseline file.")
def baseline(run: Path, out: Path) -> int:
    """Write the findings of RUN as a baseline for gate and scan --baseline: from then on only new findings count."""
    from auditkit.review import write_baseline

    click.echo(write_baseline(run, out))
    return EXIT_PASS


@cli.command(short_help="Sign a run: a statement over its manifest.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--by", "who", required=True, metavar="NAME", help="Who signs.")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="SSH private key; adds a signature by ssh-keygen."
)
@click.option("--note", default="", metavar="TEXT", help="A remark that is signed too.")
def sign(run: Path, who: str, key: Path | None, note: str) -> int:
    """Write RUN/statement.json, an in-toto statement over the manifest; `verify` holds the run against it."""
    from auditkit.review import sign as sign_run

    click.echo(sign_run(run, who=who, key=key, note=note))
    return EXIT_PASS


@cli.command(short_help="Round against round: what moved by more than chance.")
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option("--policy", metavar="NAME|FILE", help="Exit 1 when a metric that this policy gates moved for the worse.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--all", "everything", is_flag=True, help="Also the metrics that did not move.")
def compare(run_a: Path, run_b: Path, policy: str | None, format_: str, everything: bool) -> int:
    r"""Print the metrics of RUN_B that differ from those of RUN_A by more than chance, with intervals.

    \b
    Example:
      auditkit compare rounds/1 rounds/2 --policy self-training
    """
    from auditkit.compare import as_json, as_text, compare_runs

    changes, code = compare_runs(run_a, run_b, policy)
    click.echo(as_json(changes) if format_ == "json" else as_text(changes, everything=everything))
    return code
