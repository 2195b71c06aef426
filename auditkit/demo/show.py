"""The demonstration on the terminal: what was planted, what was found, how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditkit.demo.measure import Contrast, Score
from auditkit.findings import Metric
from auditkit.report_data.words import amount, count, interval


def show_scores(scores: Sequence[Score], console: Console) -> None:
    """A line per planted kind: planted, found, recall, false alarms."""
    n_clean = scores[0].n_clean
    console.print(Text("\nplanted faults, and what the audit found of them", style="bold"))
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("fault")
    for name in ("planted", "found", "recall", f"of {count(n_clean)} clean rows"):
        table.add_column(name, justify="right")
    for score in scores:
        style = "red" if score.problem() else ""
        numbers = (count(score.planted), count(score.found), f"{score.recall:.0%}", count(score.false_alarms))
        table.add_row(score.kind.name, *numbers, style=style)
    console.print(table)


def show_contrasts(contrasts: Sequence[Contrast], console: Console) -> None:
    """A line per fault of the whole corpus: its figure here and in the balanced corpus."""
    console.print(Text("\nfaults of the whole corpus, beside a clean and balanced one", style="bold"))
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("figure")
    for name in ("planted", "balanced"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in contrasts:
        style = "red" if one.problem() else ""
        table.add_row(one.figure, _shown(one.here), _shown(one.there), style=style)
    console.print(table)


def _shown(metric: Metric) -> str:
    return f"{amount(metric.metric, metric.value)} ({interval(metric.metric, metric.low, metric.high)})"
