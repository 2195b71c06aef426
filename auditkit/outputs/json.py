"""JSON for programs: the verdict, every gate, metric and finding, with values exactly as the run folder holds them.

It is also what `--baseline` reads back. ASCII only, so that no control or bidi character is in it raw.
"""

from __future__ import annotations

import json
from typing import Any

from auditkit.report_data import Report
from auditkit.report_data.views import drop_reasons
from auditkit.report_data.words import details


def render(report: Report) -> str:
    """One JSON object; `findings` in canonical order, each with the fingerprint of its document and its line."""
    manifest = report.manifest
    content: dict[str, Any] = {
        "auditkit": manifest["auditkit"],
        "schema": manifest["schema"],
        "verdict": report.verdict,
        "reasons": list(manifest["reasons"]),
        "counts": report.counts,
        "policy": {"name": manifest["policy"]["name"], "sha256": manifest["policy_sha256"]},
        "checkers": report.checkers,
        "gaps": list(manifest["gaps"]),
        "gates": report.gates,
        "metrics": list(report.metrics),
        "drop_reasons": [reason._asdict() for reason in drop_reasons(report)],
        "findings": _findings(report),
    }
    text = json.dumps(content, indent=1, ensure_ascii=True, sort_keys=True)
    return text.replace("\x7f", "\\u007f") + "\n"  # DEL is ASCII, so json leaves it


def _findings(report: Report) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = report.located.drop_columns(["order"]).to_pylist()
    for row in rows:
        row["detail"] = details(row)
    return rows
