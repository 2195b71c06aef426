"""Workflow commands of GitHub Actions: the verdict first, then failed gates, gaps and findings as annotations."""

from __future__ import annotations

from auditkit.report_data import Report
from auditkit.report_data.views import why
from auditkit.report_data.words import message, plain

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
VERDICT = {"pass": "notice", "fail": "error", "incomplete": "error"}
MAX_FINDINGS = 10_000  # GitHub shows 10 of a level per step; a longer log helps nobody, findings.parquet holds all


def render(report: Report) -> str:
    """One command per line. GitHub shows few annotations, so the verdict comes first and the worst findings follow."""
    counts = report.counts
    said = f"{counts['rows_in']:,} rows in, {counts['kept']:,} kept, {counts['redacted']:,} redacted, "
    said += f"{counts['dropped']:,} dropped, {counts['quarantined']:,} quarantined. {' '.join(why(report)[:5])}"
    lines = [command(VERDICT.get(report.verdict, "error"), f"auditkit: {report.verdict}", said)]
    lines += [
        command("error" if gate["status"] == "fail" else "warning", f"gate {gate['status']}", gate["reason"])
        for gate in report.gates
        if gate["status"] != "pass"
    ]
    lines += [
        command("error", f"{gap['checker']} did not look", gap["reason"], file=file, line=gap["first_row"] + 1)
        for gap in report.manifest["gaps"]
        for file in [report.path(gap["file"]) if gap["file"] else None]
    ]
    for row in report.worst(MAX_FINDINGS).to_pylist():
        if not row["waived"]:
            level = LEVELS.get(row["severity"], "warning")
            file = report.path(row["file"]) if row["file"] else None
            lines.append(command(level, row["rule"], message(row, report.rules), file=file, line=row["line"]))
    left = report.findings.num_rows - MAX_FINDINGS
    if left > 0:
        lines.append(command("notice", "auditkit", f"{left:,} more findings are in findings.parquet"))
    return "\n".join(lines) + "\n"


def command(level: str, title: str, text: str, *, file: str | None = None, line: int = 1) -> str:
    """`::error file=a.jsonl,line=3,title=pii/email::message`; nothing in it can begin another command."""
    place = [f"file={_property(file)}", f"line={line}"] if file else []
    return f"::{level} {','.join([*place, f'title={_property(title)}'])}::{_data(text)}"


def _data(text: object) -> str:
    """Escapes of actions/toolkit for a message; `::` and `##[` are broken up, some runners look for them anywhere."""
    shown = plain(text, limit=1000).replace("::", ":\\x3a").replace("##", "#\\x23")
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: object) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
