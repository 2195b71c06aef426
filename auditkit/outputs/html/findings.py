"""The findings of the page: a JSON block that the script draws rows from, and the first rows for those without script.

Strings are written once and referred to by number, so that 10,000 findings take about 1 MB.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.outputs.html.elements import Html, data, document, el, join
from auditkit.report_data import Report
from auditkit.report_data.quotes import raw
from auditkit.report_data.words import MAX_TEXT, count, evidence, many, plain

BUDGET_BYTES = 4_200_000  # of 5 MB for the page; the rest of it takes some 0.3 MB
MAX_ROWS = 40_000  # a browser searches them within a frame or two
STATIC_ROWS = 50  # drawn without script, and printed
TEXTS = ("file", "id", "field", "rule", "severity", "action", "evidence", "detail", "group", "fingerprint")
NUMBERS = ("row", "line", "start", "end", "score", "waived")
WHOLE = ("file", "id", "rule", "fingerprint")  # by these a finding is looked for
_LIMITS = ((200, True), (120, False), (60, False))  # characters of a text, with detail: tried until the budget holds


def chosen(report: Report) -> pa.Table:
    """At most MAX_ROWS findings, worst first; when there are more, every rule keeps its worst."""
    order = report.order
    if len(order) <= MAX_ROWS:
        return report.worst()
    names = report.findings["rule"]
    rules = pc.index_in(names, value_set=pc.unique(names)).to_numpy()[order]
    by_rule = np.argsort(rules, kind="stable")
    starts = np.searchsorted(rules[by_rule], rules[by_rule], side="left")
    ranks = np.empty(len(rules), np.int64)
    ranks[by_rule] = np.arange(len(rules)) - starts
    taken = np.sort(np.argsort(ranks, kind="stable")[:MAX_ROWS])
    return report.at(order[taken])


def embedded(report: Report) -> tuple[str, int]:
    """JSON for a script block (`<`, `>`, `&` and line separators escaped), and how many findings are in it."""
    table = chosen(report)
    block = ""
    for limit, with_detail in _LIMITS:
        block = _encoded(report, table, limit=limit, with_detail=with_detail)
        if _bytes(block) <= BUDGET_BYTES:
            return block, table.num_rows
    limit = _LIMITS[-1][0]
    while _bytes(block) > BUDGET_BYTES:
        table = table.slice(0, int(table.num_rows * 0.95 * BUDGET_BYTES / _bytes(block)))
        block = _encoded(report, table, limit=limit, with_detail=False)
    return block, table.num_rows


def _bytes(block: str) -> int:
    return len(block) if block.isascii() else len(block.encode())


def _encoded(report: Report, table: pa.Table, *, limit: int, with_detail: bool) -> str:
    """Columns by name: texts as numbers into `strings`, numbers as they are, null where there is none."""
    numbers: dict[str, int] = {}
    columns: dict[str, list[int | float | None]] = {}
    for name in TEXTS:
        if name != "detail" or with_detail:
            columns[name] = _numbered(numbers, table[name], MAX_TEXT if name in WHOLE else limit)
        else:
            columns[name] = [None] * table.num_rows
    for name in NUMBERS:
        column = table[name].cast(pa.int64()) if name == "waived" else table[name]
        columns[name] = column.to_pylist()
    if report.raw:
        texts = pa.chunked_array([[raw(report, row) or None for row in table.to_pylist()]], pa.utf8())
        columns["raw"] = _numbered(numbers, texts, MAX_TEXT)
    rules = {
        plain(rule): [plain(known.summary), plain(known.why, limit=400)]
        for rule, known in sorted(report.rules.items())
        if plain(rule) in numbers
    }
    content = {"strings": list(numbers), "columns": columns, "rules": rules}
    shown = json.dumps(content, ensure_ascii=False, separators=(",", ":"))  # `plain` left nothing to escape but these
    for char in "<>&\x7f":
        shown = shown.replace(char, f"\\u{ord(char):04x}")
    return shown


def _numbered(numbers: dict[str, int], column: pa.ChunkedArray, limit: int) -> list[int | float | None]:
    """Each text of the column as its number in `numbers`, which grows; a text that says nothing is null."""
    coded = column.combine_chunks().dictionary_encode()
    known = [
        None if value in ("", "{}") else numbers.setdefault(plain(value, limit=limit), len(numbers))
        for value in coded.dictionary.to_pylist()
    ]
    return [None if at is None else known[at] for at in coded.indices.to_pylist()]


COLUMNS = (
    ("severity", "Severity"),
    ("rule", "Rule"),
    ("file", "Document"),
    ("evidence", "Evidence (masked)"),
    ("score", "Score"),
    ("action", "Action"),
)


def section(report: Report, embedded_rows: int) -> Html:
    """The section with search, filters and table; the script takes over what stands in it."""
    total = report.findings.num_rows
    said = f"{many(total, 'finding')}."
    if embedded_rows < total:
        said = f"{count(embedded_rows)} of {count(total)} findings, the worst of every rule; findings.parquet has all."
    note = f"Without script this page shows the worst {STATIC_ROWS}."
    return join(
        [
            el("p", said, class_="noscript" if embedded_rows == total else None),
            el("p", note, class_="noscript") if total > STATIC_ROWS else None,
            _tools(),
            el("p", "", id="shown", role="status"),
            el("div", _table(report), class_="scroll wide", tabindex=0, role="group", aria_label="Table of findings"),
            el("p", "", id="sentinel"),
        ]
    )


def _tools() -> Html:
    """Search and filters; the script fills them."""
    filters = [
        el("label", f"{name.capitalize()} ", el("select", el("option", "all", value=""), id=f"filter-{name}"))
        for name in ("severity", "rule", "action", "decision")
    ]
    search = el("input", type="search", id="search", placeholder="file, id, rule or evidence")
    mark = el("label", "Mark all shown ", el("select", el("option", "as …", value=""), id="mark-all"))
    return el("div", el("label", "Search ", search), *filters, mark, class_="tools")


def _table(report: Report) -> Html:
    """The table with the first rows."""
    head = [
        el("th", el("button", title, type="button", data_sort=key), scope="col", aria_sort="none")
        for key, title in COLUMNS
    ]
    rows = [_static_row(row) for row in report.worst(STATIC_ROWS).to_pylist()]
    return el(
        "table",
        el("caption", "Findings, the worst first"),
        el("thead", el("tr", *head, el("th", "Decision", scope="col", class_="script"))),
        el("tbody", *rows),
        id="findings",
    )


def _static_row(row: dict[str, Any]) -> Html:
    """The same cells as the script draws."""
    return el(
        "tr",
        el("td", el("span", row["severity"], class_=f"severity {plain(row['severity'])}"), data_label="Severity"),
        el("td", data(row["rule"]), data_label="Rule"),
        el("td", document(row), data_label="Document"),
        el("td", data(evidence(row)), data_label="Evidence"),
        el("td", f"{row['score']:.2f}" if row["score"] is not None else "–", class_="number", data_label="Score"),
        el("td", "waived" if row["waived"] else row["action"], data_label="Action"),
        el("td", "", class_="script", data_label="Decision"),
    )
