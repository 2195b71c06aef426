"""The first screen after a run: a line per checker, what was dropped and why, the verdict, what to do next.

It reads at 80 columns and without colour; a stream that is no terminal gets no escape character at all.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditkit.checker import Rule
from auditkit.report_data import Report, Row
from auditkit.report_data.unread import unread
from auditkit.report_data.views import checker_state, drop_reasons, headline, next_steps, not_whole, why
from auditkit.report_data.words import MAX_TEXT, amount, count, many, message, plain, seconds, size

MARKS = {"pass": "✓", "fail": "✗", "incomplete": "!", "undecided": "?", "none": "·"}
ASCII_MARKS = {"pass": "ok", "fail": "X", "incomplete": "!", "undecided": "?", "none": "-"}
STYLES = {"pass": "green", "fail": "red", "incomplete": "yellow", "undecided": "yellow", "none": "dim"}
MAX_REASONS = 8  # of each list; a screen has 24 lines
MAX_FIELDS = 2  # so that they fit a line
WIDTH = 80
NARROW = 72  # columns
WIDE = 15  # characters of `looked at`, above which the main figure would get too little of 80


def console_for(stream: TextIO) -> Console:
    """A console that colours on a terminal only; elsewhere plain text of 80 columns, whatever the environment says."""
    if stream.isatty():
        return Console(file=stream, highlight=False, markup=False, emoji=False)
    return Console(
        file=stream, force_terminal=False, no_color=True, color_system=None, width=WIDTH, highlight=False, markup=False
    )


def render(report: Report) -> str:
    """The summary as plain text."""
    stream = io.StringIO()
    summary(report, console_for(stream))
    return stream.getvalue()


def summary(report: Report, console: Console, *, folder: str = "") -> None:
    """Print the summary; `folder` is where the run lies, as the user called it."""
    marks = MARKS if console.encoding.lower().startswith("utf") else ASCII_MARKS
    for part in (
        _head(report),
        _checkers(report, marks, width=console.width),
        _flow(report),
        _drops(report),
        _unread(report),
        _verdict(report, marks),
    ):
        if part is not None:
            console.print(part)
    _next(report, console, folder)


def _head(report: Report) -> Text:
    inputs = report.manifest["inputs"]
    said = [
        f"auditkit {_said(report.manifest['auditkit'])}",
        f"policy {_said(report.manifest['policy']['name'], limit=30)}",
        many(len(inputs), "file"),
        many(report.counts["rows_in"], "row"),
        size(sum(item["bytes"] for item in inputs)),
    ]
    if "wall_s" in report.run:
        said.append(seconds(report.run["wall_s"]))
    return Text(", ".join(said) + "\n", style="bold")


def _checkers(report: Report, marks: Mapping[str, str], *, width: int) -> Table:
    """A line per checker; a narrow terminal goes without the times."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("checker", no_wrap=True)
    table.add_column("main figure", ratio=1, min_width=16)
    table.add_column("looked at", justify="right", no_wrap=True)
    timed = width >= NARROW
    if timed:
        table.add_column("time", justify="right", no_wrap=True)
    times = report.run.get("checkers", {})
    for checker in report.checkers:
        state = checker_state(report, checker)
        cells = [
            Text(marks[state], STYLES[state]),
            Text(_said(checker["name"], limit=24 if timed else 16)),
            Text(_figure(report, str(checker["name"]))),
            Text(_looked(checker), "yellow" if not_whole(report, checker) else ""),
            Text(seconds(times.get(checker["name"], {}).get("cpu_s"))),
        ]
        table.add_row(*cells[: len(table.columns)])
    return table


def _looked(checker: Row) -> str:
    """`4,880 of 4,993`; large numbers are not said twice."""
    shown = f"{count(checker['looked'])} of {count(checker['of'])}"
    return f"all of {count(checker['of'])}" if checker["looked"] == checker["of"] and len(shown) > WIDE else shown


def _figure(report: Report, checker: str) -> str:
    row, words = headline(report, checker)
    return "no figure" if row is None or row["value"] is None else f"{amount(row['metric'], row['value'])} {words}"


def _flow(report: Report) -> Text:
    counts = report.counts
    said = f"\n{count(counts['rows_in'])} rows in = {count(counts['kept'])} kept + {count(counts['redacted'])} redacted"
    said += f" + {count(counts['dropped'])} dropped + {count(counts['quarantined'])} quarantined"
    return Text(said)


def _drops(report: Report) -> Text:
    reasons = drop_reasons(report)
    lines = [f"  {count(reason.first):>9}  {_said(reason.rule, limit=60) or 'no reason given'}" for reason in reasons]
    if len(lines) > MAX_REASONS:
        rest = sum(reason.first for reason in reasons[MAX_REASONS:])
        lines[MAX_REASONS:] = [f"  {count(rest):>9}  {len(reasons) - MAX_REASONS} other rules"]
    return Text("\n".join(["dropped because of", *lines])) if lines else Text("nothing dropped")


def _unread(report: Report) -> Text | None:
    """One line: the fields that nobody looked at."""
    fields = unread(report)
    names = ", ".join(_said(name, limit=20) for name in fields.names[:MAX_FIELDS])
    return Text(f"fields not looked at: {names}{fields.rest(MAX_FIELDS)}", "yellow") if names else None


def _verdict(report: Report, marks: Mapping[str, str]) -> Padding:
    verdict = report.verdict
    style = STYLES.get(verdict, "yellow")
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")  # a long path is broken, never cut
    grid.add_row(Text(marks.get(verdict, "!"), style), Text(verdict.upper(), f"bold {style}"))
    reasons = why(report)
    for reason in reasons[:MAX_REASONS]:
        grid.add_row("", Text(_said(reason)))
    if len(reasons) > MAX_REASONS:
        grid.add_row("", Text(f"and {len(reasons) - MAX_REASONS} more, in the report"))
    return Padding(grid, (1, 0, 0, 0))


def _next(report: Report, console: Console, folder: str) -> None:
    steps = next_steps(report)
    if folder:
        steps = [*steps, f"The report: {_said(folder, limit=400).rstrip('/')}/report.html"]
    if not steps:
        return
    grid = Table.grid(padding=(0, 1))
    for overflow in ("ellipsis", "ellipsis", "fold"):
        grid.add_column(overflow=overflow)
    for step in steps:
        grid.add_row(" ", "-", Text(step))
    console.print(Text("\nnext", style="bold"))
    console.print(grid)


def lines(report: Report, *, paths: Mapping[str, str] | None = None) -> str:
    """`PATH:LINE: rule: message` per finding not waived; `paths` overrides those of the report."""
    shown = []
    for row in report.located.to_pylist():
        if not row["waived"]:
            path = (paths or {}).get(row["file"]) or report.path(row["file"])
            shown.append(line(path, row["line"], finding(row, report.rules)))
    return "".join(shown)


def finding(row: Row, rules: Mapping[str, Rule]) -> str:
    """`rule: message` of a finding, masked, harmless in a terminal and in the log of a CI runner."""
    return f"{_said(row['rule'])}: {_said(message(row, rules), limit=1000)}"


def line(path: str, number: int, said: str) -> str:
    """`PATH:LINE: rule: message` with what `finding` said."""
    return f"{_said(path, limit=1000)}:{number}: {said}\n"


def _said(text: object, *, limit: int = MAX_TEXT) -> str:
    """Text from data, in which no CI runner that reads this stream finds a workflow command."""
    return plain(text, limit=limit).replace("::", ":\\x3a").replace("##", "#\\x23")
