"""SARIF 2.1.0 (OASIS): findings as code-scanning alerts that stay the same alert when other rows move.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import quote

from auditkit.checker import Rule
from auditkit.report_data import Report, Row
from auditkit.report_data.words import message, plain

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0", "info": "0.5"}  # GitHub's bands
URI = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """The SARIF log: every rule that fired is described in the driver, each finding has a relative URI and a line."""
    rows = report.located.to_pylist()
    severities = {row["rule"]: row["severity"] for row in rows}
    rules = [_rule(rule, severity, report.rules.get(rule)) for rule, severity in sorted(severities.items())]
    index = {rule: number for number, rule in enumerate(sorted(severities))}
    seen: Counter[str] = Counter()
    results = []
    for row in rows:
        print_ = fingerprint(row)
        seen[print_] += 1
        results.append(_result(row, index[row["rule"]], report, f"{print_}/{seen[print_]}"))
    run = {
        "tool": {"driver": {"name": "auditkit", "version": str(report.manifest["auditkit"]), "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": results,
    }
    log = {"$schema": URI, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=True).replace("\x7f", "\\u007f") + "\n"


def fingerprint(row: Row) -> str:
    """32 hex digits from the document's content, rule and place; independent of row numbers and of other rows."""
    document = row["fingerprint"] or f"{row['file']}\0{row['id']}"
    parts = (row["rule"], document, row["field"], row["start"], row["end"], row["group"] if row["row"] is None else "")
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def _rule(rule: str, severity: str, known: Rule | None) -> dict[str, Any]:
    summary = known.summary if known else f"A finding of {rule}"
    return {
        "id": plain(rule),
        "shortDescription": {"text": _text(summary)},
        "fullDescription": {"text": _text(known.why if known else summary)},
        "help": {"text": _text(f"Run `auditkit explain {rule}` for examples and what it misses.")},
        "defaultConfiguration": {"level": LEVELS.get(severity, "warning")},
        "properties": {
            "tags": [plain(rule.partition("/")[0])],
            "security-severity": SECURITY_SEVERITY.get(severity, "5.5"),
        },
    }


def _result(row: Row, rule_index: int, report: Report, print_: str) -> dict[str, Any]:
    known = {name: row[name] for name in ("row", "start", "end", "score") if row[name] is not None}
    shown = {name: plain(row[name]) for name in ("id", "field", "group", "action") if row[name] is not None}
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(report.path(row["file"]))},
            "region": {"startLine": max(1, row["line"])},
        }
    }
    if row["field"] is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": plain(row["field"])}]
    result = {
        "ruleId": plain(row["rule"]),
        "ruleIndex": rule_index,
        "level": LEVELS.get(row["severity"], "warning"),
        "message": {"text": _text(message(row, report.rules))},
        "locations": [location],
        "partialFingerprints": {"auditkit/v1": print_},
        "properties": known | shown,
    }
    if row["waived"]:
        result["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return result


def _invocation(report: Report) -> dict[str, Any]:
    """Whether everything was looked at; what was not is a notification."""
    notes = [
        {
            "level": "error",
            "message": {"text": _text(f"{gap['checker']} did not look at {gap['n_rows']} rows of {gap['file']}")},
        }
        for gap in report.manifest["gaps"]
    ]
    return {
        "executionSuccessful": report.verdict != "incomplete",
        "toolExecutionNotifications": notes,
        "properties": {"verdict": report.verdict, "reasons": [_text(reason) for reason in report.manifest["reasons"]]},
    }


def uri(path: str) -> str:
    """A relative URI reference: percent-encoded UTF-8, no scheme, no leading slash."""
    return quote(path.lstrip("/"), safe="/") or "corpus"


def _text(text: str) -> str:
    """A message string; brackets that would make an embedded link (SARIF 3.11.6) are escaped."""
    shown = plain(text, limit=1000)
    return shown.replace("[", "\\[").replace("]", "\\]") if "](" in shown else shown
