r"""report.md: the verdict, its reasons and the numbers, for a pull request, a wiki page or a dataset card.

Everything that may come from a document, a file name or a plug-in stands in a code span, where markdown means nothing;
what could end the span, the table cell or begin HTML is shown as `\xNN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditkit.report_data import Report
from auditkit.report_data.precision import how_read, precisions
from auditkit.report_data.unread import unread
from auditkit.report_data.views import (
    checker_state,
    drop_reasons,
    gap_sentences,
    gate_interval,
    headline,
    next_steps,
    rule_counts,
    why,
    worst_findings,
)
from auditkit.report_data.words import (
    amount,
    bound,
    count,
    evidence,
    gate_name,
    gate_value,
    interval,
    percent,
    place,
    plain,
    seconds,
    size,
)

SHOWN_RULES = 30
SHOWN_FIELDS = 12  # manifest.json has 50 of each file
SHOWN_METRICS = 12  # per checker; metrics.json has all
SHOWN_FINDINGS = 5  # per checker; report.html has all
MARKS = {"pass": "✓", "fail": "✗", "incomplete": "!", "undecided": "?", "unknown": "!", "none": "·"}
_ACTIVE = str.maketrans({char: f"\\x{ord(char):02x}" for char in "`<>|"})


def render(report: Report) -> str:
    """The whole report as GitHub-flavoured markdown."""
    parts = (_head, _gates, _coverage, _flow, _rules, _precision, _checkers, _provenance)
    return "\n".join("\n".join(part(report)) for part in parts).rstrip() + "\n"


def code(text: object, *, limit: int = 120) -> str:
    """Data as a code span in which no character acts; an en dash when there is none."""
    shown = plain(text, limit=limit).translate(_ACTIVE).replace("](", "]\\x28").replace("![", "\\x21[")
    shown = shown.strip(" ")
    return f"`{shown}`" if shown else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' for _ in head)}|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows] + [""]


def _head(report: Report) -> list[str]:
    lines = [f"# auditkit: {report.verdict.upper()}", ""]
    lines += [f"- {code(reason, limit=400)}" for reason in why(report)] + [""]
    steps = next_steps(report)
    return lines + (["What to do next:", "", *(f"- {code(step, limit=400)}" for step in steps), ""] if steps else [])


def _gates(report: Report) -> list[str]:
    if not report.gates:
        return ["## Gates", "", "The policy has no gate.", ""]
    rows = [
        (
            f"{MARKS.get(gate['status'], '!')} {plain(gate['status'])}",
            code(gate_name(gate)),
            gate_value(gate),
            interval(gate["metric"], *gate_interval(report, gate)) or "–",
            code(bound(gate)) if gate.get("not_worse_than") else bound(gate),
        )
        for gate in report.gates
    ]
    return ["## Gates", "", *_table(("", "metric", "value", "interval", "allowed"), rows)]


def _coverage(report: Report) -> list[str]:
    times = report.run.get("checkers", {})
    rows = []
    for checker in report.checkers:
        row, words = headline(report, str(checker["name"]))
        figure = f"{amount(row['metric'], row['value'])} {words}" if row and row["value"] is not None else "–"
        looked = f"{count(checker['looked'])} of {count(checker['of'])}"
        mark = MARKS[checker_state(report, checker)]
        rows.append((mark, code(checker["name"]), figure, looked, seconds(times.get(checker["name"], {}).get("cpu_s"))))
    lines = ["## What was looked at", "", *_table(("", "checker", "main figure", "documents", "CPU"), rows)]
    lines += [f"- {code(sentence, limit=400)}" for sentence in gap_sentences(report)]
    return [*lines, *([""] if report.manifest["gaps"] else []), *_unread(report)]


def _unread(report: Report) -> list[str]:
    """The fields that nobody looked at; nothing where there are none."""
    fields = unread(report)
    names = ", ".join(code(name) for name in fields.names[:SHOWN_FIELDS])
    said = f"Fields that nobody looked at: {names}{fields.rest(SHOWN_FIELDS)}, {fields.where}."
    return [f"{said} They stand in kept/ as they came.", ""] if names else []


def _flow(report: Report) -> list[str]:
    counts = report.counts
    lines = ["## What was removed, and why", ""]
    lines += _table(("rows in", "kept", "redacted", "dropped", "quarantined"), [[count(n) for n in counts.values()]])
    reasons = [(code(row.rule), count(row.first), count(row.all)) for row in drop_reasons(report)]
    return lines + (_table(("dropped because of", "first reason", "documents"), reasons) if reasons else [])


def _rules(report: Report) -> list[str]:
    rows = [
        (code(row.rule), plain(row.severity), count(row.findings), count(row.documents), count(row.waived))
        for row in rule_counts(report)
    ]
    if not rows:
        return ["## Findings", "", "None.", ""]
    lines = ["## Findings", "", *_table(("rule", "severity", "findings", "documents", "waived"), rows[:SHOWN_RULES])]
    return lines + ([f"And {len(rows) - SHOWN_RULES} more rules.", ""] if len(rows) > SHOWN_RULES else [])


def _precision(report: Report) -> list[str]:
    """What readers of a sample found; nothing where nobody has read."""
    rows = [
        (
            code(row.rule) if row.rule else "all",
            plain(row.decision) or "all",
            count(row.findings),
            f"{row.right} of {row.judged}",
            percent(row.value),
            f"{percent(row.low)} to {percent(row.high)}",
        )
        for row in precisions(report)
    ]
    head = ("rule", "document was", "findings", "right, of those read", "precision", "95% interval")
    return ["## How right the findings are", "", *_table(head, rows), *_read_by(report)] if rows else []


def _read_by(report: Report) -> list[str]:
    return [f"Read by {code(report.review['by'])}. {how_read(report)}", ""]


def _checkers(report: Report) -> list[str]:
    lines = []
    for checker in report.checkers:
        name = str(checker["name"])
        lines += [f"## {code(name)}", ""]
        metrics = report.metrics_of(name)
        rows = [
            (
                code(metric["metric"]),
                code(metric["slice"]),
                amount(metric["metric"], metric["value"]) if metric["value"] is not None else plain(metric["status"]),
                interval(metric["metric"], metric["low"], metric["high"]) or "–",
            )
            for metric in metrics[:SHOWN_METRICS]
        ]
        lines += _table(("metric", "slice", "value", "95% interval"), rows) if rows else []
        if len(metrics) > SHOWN_METRICS:
            lines += [f"And {len(metrics) - SHOWN_METRICS} more in metrics.json.", ""]
        worst = worst_findings(report, name, limit=SHOWN_FINDINGS)
        lines += [
            f"- {code(place(row['file'], row['row']))} {code(row['id'])}: {code(row['rule'])} {code(evidence(row))}"
            for row in worst
        ]
        lines += [""] if worst else []
    return lines


def _provenance(report: Report) -> list[str]:
    manifest = report.manifest
    rows = [
        (code(item["path"]), count(item["rows"]), size(item["bytes"]), code(item["sha256"][:16]))
        for item in manifest["inputs"]
    ]
    policy = f"Policy {code(manifest['policy']['name'])}, sha256 {code(manifest['policy_sha256'][:16])}, "
    lines = ["## Provenance", "", *_table(("input", "rows", "bytes", "sha256"), rows)]
    return [*lines, f"{policy}auditkit {code(manifest['auditkit'])}. Full hashes are in manifest.json.", ""]


def card(report: Report) -> str:
    """A section for a dataset card (README of a dataset), between marks by which a later run finds and replaces it."""
    counts = report.counts
    kept = f"{count(counts['kept'] + counts['redacted'])} of {count(counts['rows_in'])} rows are in this data set"
    said = f"{kept}; {count(counts['redacted'])} of them have redacted spans. {count(counts['dropped'])} were dropped, "
    said += f"{count(counts['quarantined'])} could not be read."
    lines = ["<!-- auditkit:begin -->", "## Audit", ""]
    lines += [f"auditkit {code(report.manifest['auditkit'])} says **{plain(report.verdict)}** under the policy "]
    lines[-1] += f"{code(report.manifest['policy']['name'])} (sha256 {code(report.manifest['policy_sha256'][:16])})."
    lines += ["", said, "", *_coverage(report), *_gates(report)]
    reasons = [(code(row.rule), count(row.first)) for row in drop_reasons(report)]
    lines += _table(("dropped because of", "rows"), reasons) if reasons else []
    return (
        "\n".join([*lines, "<!-- auditkit:end -->", ""]).replace("\n## ", "\n### ").replace("### Audit", "## Audit", 1)
    )
