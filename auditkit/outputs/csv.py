"""The findings as CSV for a spreadsheet that must not run them: RFC 4180, formulas made text."""

from __future__ import annotations

import csv
import io

from auditkit.report_data import Report
from auditkit.report_data.words import plain

COLUMNS = (
    "file", "row", "line", "id", "field", "checker", "rule", "start", "end", "score",
    "severity", "action", "group", "evidence", "detail", "waived", "fingerprint",
)  # fmt: skip
_NUMBERS = {"row", "line", "start", "end", "score", "waived"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # OWASP, "CSV Injection"


def render(report: Report) -> str:
    """One line per finding, in canonical order, with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in report.located.select(COLUMNS).to_pylist():
        writer.writerow([row[name] if name in _NUMBERS else cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def cell(value: object) -> str:
    """Text on one line that no spreadsheet takes for a formula: one that might be begins with an apostrophe."""
    shown = plain(value, limit=1000)
    return "'" + shown if str(value or "").lstrip().startswith(_FORMULA) or shown.startswith(_FORMULA) else shown
