"""`auditkit demo`: a corpus with planted, labelled faults of every kind, audited before your eyes.

Rows come from templates written for it and conditioned on attributes (topic, people, place, style, length), as in
AttrPrompt (Yu et al. 2023, arXiv 2306.15895). Nothing in it is real: names are invented or first names alone, values of
personal data are reserved ones with check digits that hold.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from auditkit import run_folder
from auditkit.audit import audit, gate
from auditkit.demo import home
from auditkit.demo.corpus import CORPUS, PLANTED, write_corpus
from auditkit.demo.measure import Contrast, Score, contrasts, scores
from auditkit.demo.show import show_contrasts, show_scores
from auditkit.errors import EXIT_FAIL, EXIT_PASS
from auditkit.outputs.terminal import console_for, summary
from auditkit.progress import progress
from auditkit.report_data import Report, read_report
from auditkit.report_data.views import why

WHOLE_CORPUS = {"version": 1, "checkers": {"skew": {}, "diversity": {}}}

__all__ = ["run_demo", "write_corpus"]


def run_demo(folder: Path, *, n_rows: int) -> int:
    """Write a corpus with faults into `folder`, gate it, say what was found; 0 when the demonstration worked, else 1.

    It worked when the gate's verdict is `fail`, the run folder verifies, and every kind of fault reaches its floor.
    Leaves corpus.jsonl, planted.jsonl (the labels), balanced/ (the same without faults) and run/ (the audit).
    Raises ConfigError when the folder holds something that is not from an earlier demonstration.
    """
    home.take(folder)
    write_corpus(folder, n_rows=n_rows)
    write_corpus(folder / home.BALANCED, n_rows=n_rows, faults=False)
    run, corpus = folder / home.RUN, str(folder / CORPUS)
    with progress([corpus]) as advance:
        gate(corpus, out=run, advance=advance)
    report = read_report(run)
    found = scores(report, run, folder / PLANTED)
    beside = contrasts(report, audit(str(folder / home.BALANCED / CORPUS), WHOLE_CORPUS).metrics)
    console = console_for(sys.stdout)
    summary(report, console)
    show_scores(found, console)
    show_contrasts(beside, console)
    problems = [*_broken(report, run), *_missed(found, beside)]
    _end(report, run, console, problems)
    return EXIT_FAIL if problems else EXIT_PASS


def _broken(report: Report, run: Path) -> list[str]:
    """What did not work of the run itself."""
    wrong = [] if report.verdict == "fail" else [f"the verdict is {report.verdict}, expected fail"]
    return wrong + run_folder.verify(run)


def _missed(found: list[Score], beside: list[Contrast]) -> list[str]:
    """Which faults were not found well enough."""
    problems = [*(score.problem() for score in found), *(contrast.problem() for contrast in beside)]
    return [problem for problem in problems if problem]


def _end(report: Report, run: Path, console: Console, problems: list[str]) -> None:
    """Verdict, why, whether the demonstration worked, and where everything lies."""
    console.print(Text(f"\nverdict: {report.verdict}", style="bold"))
    for reason in why(report):
        console.print(Text(f"  {reason}"))
    console.print(Text(f"\nthe demonstration {'did not work' if problems else 'worked'}", style="bold"))
    for problem in problems:
        console.print(Text(f"  {problem}", style="red"))
    for what, path in (
        ("report:", run / "report.html"),
        ("kept rows:", run / "kept"),
        ("dropped rows:", run / "dropped"),
        ("labels:", run.parent / PLANTED),
    ):
        console.print(Text(f"{what:<14}{path}"), soft_wrap=True)
