"""The sections of the page that need no script, in the order in which a reviewer asks."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.outputs.html import charts
from auditkit.outputs.html.elements import Child, Html, data, el, join, more, table
from auditkit.report_data import COUNTS, Report, Row
from auditkit.report_data.views import (
    checker_state,
    clusters,
    drop_reasons,
    gaps_of,
    headline,
    next_steps,
    rule_counts,
    why,
    worst_findings,
)
from auditkit.report_data.words import amount, bound, count, gate_name, interval, percent, plain, seconds, size

ANSWERS = {
    "pass": "Under this policy the corpus may be trained on.",
    "fail": "Do not train on this corpus as it is.",
    "incomplete": "Not known: something was not read or not looked at.",
}
MARKS = {"pass": "✓", "fail": "✗", "incomplete": "!", "undecided": "?", "unknown": "!", "none": "·"}
WORDS = {"none": "no gate", "incomplete": "not complete"}
SHOWN_METRICS = 12  # of the whole corpus, per checker; the others are folded away
MAX_METRICS = 500  # folded away, per checker; metrics.json has all
SHOWN_FINDINGS = 6
SHOWN_CLUSTERS = 15
SHOWN_FILES = 200
SHOWN_REASONS = 40


def mark(status: str) -> Html:
    """The sign of a status with its word, so that colour is never the only carrier."""
    shown = MARKS.get(status, "!")
    return el(
        "span", el("span", shown, aria_hidden="true"), " ", WORDS.get(status, status), class_=f"mark {plain(status)}"
    )


def verdict(report: Report) -> Html:
    """May we train on this? Why not? What now?"""
    inputs = report.manifest["inputs"]
    counts = report.counts
    names = ("rows in", "kept", "redacted", "dropped", "quarantined")
    tiles = [(count(counts[key]), name, key) for key, name in zip(COUNTS, names, strict=True)]
    tiles.append((count(report.findings.num_rows), "findings", "findings"))
    read = f"{count(counts['rows_in'])} rows in {count(len(inputs))} file{'s' * (len(inputs) != 1)}"
    size_ = size(sum(item["bytes"] for item in inputs))
    return el(
        "header",
        el("p", "auditkit report: may we train on this?", class_="eyebrow"),
        el("h1", el("span", report.verdict, class_="word"), " ", el("span", ANSWERS.get(report.verdict, ""))),
        el("p", f"{read}, {size_}, policy ", data(report.manifest["policy"]["name"]), class_="muted"),
        _list(why(report), "why"),
        el("dl", *(el("div", el("dt", name), el("dd", value), class_=f"tile {key}") for value, name, key in tiles)),
        el("div", el("h2", "What to do next"), _list(next_steps(report), "next")) if next_steps(report) else None,
        class_=f"verdict {plain(report.verdict)}",
    )


def document(row: Row) -> Html:
    """Where a finding is: file, row and the document's own id."""
    if row["row"] is None:
        return el("span", "whole corpus", class_="muted")
    own = data(row["id"]) if row["id"] else None
    return el("span", data(row["file"]), " ", el("span", f"row {row['row']}", class_="muted"), " ", own)


def _list(sentences: Sequence[str], class_: str) -> Html:
    shown = [el("li", data(sentence, limit=400)) for sentence in sentences[:12]]
    rest = el("li", f"and {len(sentences) - 12} more") if len(sentences) > 12 else None
    return el("ul", *shown, rest, class_=class_)


def gates(report: Report) -> Html:
    """Each gate with value, interval, threshold and a picture."""
    if not report.gates:
        return el("p", "The policy has no gate: nothing was asked of the numbers below.")
    rows = []
    for gate in report.gates:
        low, high = _bounds(report, gate)
        rows.append(
            (
                data(gate_name(gate)),
                mark(str(gate["status"])),
                amount(gate["metric"], gate["value"]),
                interval(gate["metric"], low, high) or "–",
                bound(gate),
                charts.gate(gate, low, high),
            )
        )
    head = ("Metric", "Status", "Value", "Interval", "Allowed", "Picture")
    note = (
        "Shaded: the allowed side of the threshold. Line: the interval. Undecided: the interval crosses the threshold."
    )
    return join([table("Gates of the policy", head, rows, numbers=(2, 3, 4)), el("p", note, class_="muted")])


def _bounds(report: Report, gate: Row) -> tuple[float | None, float | None]:
    """The interval that judged the gate, else that of its metric."""
    if gate["low"] is not None and gate["low"] != gate["high"]:
        return gate["low"], gate["high"]
    checker, _, metric = str(gate["metric"]).partition(".")
    row = report.metric(checker, metric, gate["slice"] or "")
    return (row["low"], row["high"]) if row else (None, None)


def coverage(report: Report) -> Html:
    """What was looked at and what was not: checkers by documents, gaps, files, and what no checker could look for."""
    times = report.run.get("checkers", {})
    rows = []
    for checker in report.checkers:
        name, looked, of = str(checker["name"]), checker["looked"], checker["of"]
        share = looked / of if of else 0.0
        rows.append(
            (
                el("a", data(name), href=f"#checker-{_slug(name)}"),
                mark(checker_state(report, checker)),
                f"{count(looked)} of {count(of)}",
                charts.bar(share, "looked", label=f"{percent(share)} looked at"),
                count(len(gaps_of(report, name))),
                seconds(times.get(name, {}).get("cpu_s")),
            )
        )
    head = ("Checker", "Status", "Documents looked at", "Share", "Gaps", "CPU time")
    parts = [table("Checkers and the documents they looked at", head, rows, numbers=(2, 4, 5))]
    return join([*parts, _gaps(report), _not_looked_for(report), _files(report)])


def _gaps(report: Report) -> Html | None:
    gaps = report.manifest["gaps"]
    rows = [
        (data(gap["checker"]), data(gap["file"]), count(gap["first_row"]), count(gap["n_rows"]), data(gap["reason"]))
        for gap in gaps[:SHOWN_FILES]
    ]
    return (
        table("Gaps: not looked at", ("Checker", "File", "From row", "Rows", "Why"), rows, numbers=(2, 3))
        if rows
        else None
    )


def _not_looked_for(report: Report) -> Html | None:
    missing = [row for row in report.metrics if row["status"] in ("not_looked_for", "not_checkable")]
    rows = [
        (data(f"{row['checker']}.{row['metric']}"), data(row["slice"]), data(row["status"].replace("_", " ")))
        for row in missing
    ]
    if not rows:
        return None
    return more(
        f"Not measured: {len(rows)} metrics", table("Not measured", ("Metric", "Slice", "Why"), rows[:SHOWN_FILES])
    )


def _files(report: Report) -> Html | None:
    files = report.manifest["files"]
    rows = [(data(item["path"]), *(count(item[key]) for key in COUNTS)) for item in files[:SHOWN_FILES]]
    head = ("File", "Rows in", "Kept", "Redacted", "Dropped", "Quarantined")
    return table("Rows of each file", head, rows, numbers=(1, 2, 3, 4, 5)) if rows else None


def flow(report: Report) -> Html:
    """What was removed and why, as a waterfall from the rows in to the rows kept; the steps add up."""
    counts = report.counts
    reasons = drop_reasons(report)
    steps: list[tuple[Child, int, str, str]] = [(el("b", "Rows in"), counts["rows_in"], "in", "")]
    steps.append(("Quarantined: could not be read", counts["quarantined"], "quarantined", ""))
    for reason in reasons[:SHOWN_REASONS]:
        also = f"{count(reason.all)} in all" if reason.all != reason.first else ""
        steps.append((el("span", "Dropped: ", data(reason.rule or "no reason given")), reason.first, "dropped", also))
    rest = sum(reason.first for reason in reasons[SHOWN_REASONS:])
    if rest:
        steps.append((f"Dropped: {len(reasons) - SHOWN_REASONS} other rules", rest, "dropped", ""))
    steps.append((el("b", "Kept with spans redacted"), counts["redacted"], "redacted", ""))
    steps.append((el("b", "Kept as it was"), counts["kept"], "kept", ""))
    return join(
        [
            table(
                "From the rows in to the rows kept",
                ("Step", "Rows", "Share", "", "Also"),
                _waterfall(steps),
                numbers=(1, 2),
            ),
            el(
                "p",
                "A document with several reasons is counted at its first; “in all” counts every document it fits.",
                class_="muted",
            ),
        ]
    )


def _waterfall(steps: Sequence[tuple[Child, int, str, str]]) -> list[tuple[Child, ...]]:
    """Rows of the waterfall table: the first step is the whole, each other one takes its part off the right end."""
    whole = steps[0][1] or 1
    rows: list[tuple[Child, ...]] = []
    end = 1.0
    for place, (name, number, class_, also) in enumerate(steps):
        share = number / whole
        start = max(0.0, end - share)
        picture = charts.step(start, end, class_, label=f"{percent(share)} of the rows in")
        end = end if place == 0 else start
        rows.append((name, count(number), percent(share), picture, also))
    return rows


def checkers(report: Report) -> Html:
    """A part for each checker: main figure, its rules, its metrics with intervals, its worst documents."""
    return join(_checker(report, checker) for checker in report.checkers)


def _checker(report: Report, checker: Row) -> Html:
    name = str(checker["name"])
    row, words = headline(report, name)
    figure = None
    if row is not None and row["value"] is not None:
        around = interval(row["metric"], row["low"], row["high"])
        figure = el(
            "p",
            el("b", amount(row["metric"], row["value"]), class_="figure"),
            f" {words}",
            el("span", f" ({around})", class_="muted") if around else None,
        )
    return el(
        "section",
        el("h3", data(name), " ", mark(checker_state(report, checker))),
        figure,
        _rules(report, name),
        _metrics(report.metrics_of(name)),
        _worst(report, name),
        id=f"checker-{_slug(name)}",
    )


def _slug(name: str) -> str:
    """The name as part of an id: other characters than letters, digits, - and _ become -."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in name)


def _rules(report: Report, checker: str) -> Html:
    rows = []
    counted = [row for row in rule_counts(report) if row.checker == checker]
    most = max((row.findings for row in counted), default=1)
    for row in counted:
        known = report.rules.get(row.rule)
        rows.append(
            (
                el("a", data(row.rule), href="#findings-section", data_rule=row.rule),
                data(known.summary if known else None),
                el("span", row.severity, class_=f"severity {plain(row.severity)}"),
                count(row.findings),
                count(row.documents),
                charts.bar(row.findings / most, "rule", label=f"{count(row.findings)} findings"),
            )
        )
    if not rows:
        return el("p", "No finding.")
    head = ("Rule", "What it says", "Severity", "Findings", "Documents", "")
    return table("Rules that fired", head, rows[:SHOWN_REASONS], numbers=(3, 4))


def _metrics(rows: Sequence[Row]) -> Html:
    whole = [row for row in rows if not row["slice"]][:SHOWN_METRICS]
    rest = [row for row in rows if row not in whole][:MAX_METRICS]
    head = ("Metric", "Slice", "Value", "95% interval", "Counts", "Reference")
    parts = []
    for title, some in (("Its numbers", whole), ("Its numbers for parts of the corpus", rest)):
        if some:
            parts.append(table(title, head, [_metric(row) for row in some], numbers=(2, 3, 4)))
    if rest:
        parts[-1] = more(f"{len(rest)} more numbers, for parts of the corpus", parts[-1])
    return join(parts)


def _metric(row: Row) -> tuple[Child, ...]:
    whole = row["numerator"] is not None and row["denominator"]
    return (
        data(row["metric"]),
        data(row["slice"]),
        amount(row["metric"], row["value"]) if row["value"] is not None else data(row["status"].replace("_", " ")),
        interval(row["metric"], row["low"], row["high"]) or "–",
        f"{count(row['numerator'])} of {count(row['denominator'])}" if whole else "–",
        data(row["reference"]),
    )


def _worst(report: Report, checker: str) -> Html | None:
    found = worst_findings(report, checker, limit=SHOWN_FINDINGS)
    rows = [
        (
            document(row),
            data(row["rule"]),
            data(row["field"]),
            data(row["evidence"]),
            f"{row['score']:.2f}" if row["score"] is not None else "–",
            data(row["action"]),
        )
        for row in found
    ]
    head = ("Document", "Rule", "Field", "Evidence (masked)", "Score", "Action")
    return table("Its worst documents", head, rows, numbers=(4,)) if rows else None


def copies(report: Report) -> Html | None:
    """The largest groups of near-copies, each with the document that stays and the certificates of the others."""
    groups = clusters(report)
    if not groups:
        return None
    rows = []
    for group in groups[:SHOWN_CLUSTERS]:
        low, high = min(item[2] for item in group.removed), max(item[2] for item in group.removed)
        members = [
            el("li", data(file), f" row {row}, similarity {jaccard:.3f}") for file, row, jaccard in group.removed[:20]
        ]
        rest = el("li", f"and {len(group.removed) - 20} more") if len(group.removed) > 20 else None
        rows.append(
            (
                el("span", data(group.kept[0]), " ", el("span", f"row {group.kept[1]}", class_="muted")),
                count(len(group.removed)),
                f"{low:.3f} to {high:.3f}",
                more("which", el("ul", *members, rest)),
            )
        )
    n_removed = sum(len(group.removed) for group in groups)
    said = f"{count(n_removed)} documents were removed as near-copies of {count(len(groups))} that stay. "
    said += "Each has a certificate: the exact similarity (Jaccard, of word shingles) to the document that stays."
    head = ("Document that stays", "Copies removed", "Similarity", "Copies")
    return join([el("p", said), table("The largest groups of near-copies", head, rows, numbers=(1, 2))])


def skew(report: Report) -> Html | None:
    """For each dimension of the skew checker the shares against their reference, on a log scale."""
    ratios = [row for row in report.metrics_of("skew") if row["metric"].endswith(".ratio") and row["value"] is not None]
    parts = []
    for dimension in dict.fromkeys(row["metric"].rpartition(".")[0] for row in ratios):
        own = [row for row in ratios if row["metric"] == f"{dimension}.ratio"]
        own.sort(key=lambda row: (-row["value"], row["slice"]))
        shown = [_skew_row(report, dimension, row) for row in own[:60]]
        head = ("Group", "Share", "Times the reference", "Interval", "Less or more than the reference")
        parts.append(table(f"Shares by {plain(dimension, limit=60)}", head, shown, numbers=(1, 2, 3)))
    if not parts:
        return None
    note = "Middle line: as often as in the reference. Left: less, down to an eighth. Right: more, up to eight times."
    return join([*parts, el("p", note, class_="muted")])


def _skew_row(report: Report, dimension: str, row: Row) -> tuple[Child, ...]:
    share = report.metric("skew", f"{dimension}.share", row["slice"])
    return (
        data(row["slice"]),
        percent(share["value"]) if share else "–",
        f"{row['value']:.2f}",
        "–" if row["low"] is None or row["high"] is None else f"{row['low']:.2f} to {row['high']:.2f}",
        charts.ratio(row["value"], row["low"], row["high"]),
    )


def changes(report: Report) -> Html | None:
    """What changed since the round before: metrics of the whole corpus in both."""
    before = {(row["checker"], row["metric"]): row for row in report.before if not row["slice"]}
    rows = []
    for row in report.metrics:
        old = before.get((row["checker"], row["metric"]))
        if row["slice"] or old is None or old["value"] is None or row["value"] is None or old["value"] == row["value"]:
            continue
        metric = row["metric"]
        change = row["value"] - old["value"]
        sign = "+" if change > 0 else "−"
        cells = (amount(metric, old["value"]), amount(metric, row["value"]), sign + amount(metric, abs(change)))
        rows.append((data(f"{row['checker']}.{metric}"), *cells))
    if not rows:
        return el("p", "No number of the whole corpus changed.") if before else None
    return table("Numbers that changed", ("Metric", "Before", "Now", "Change"), rows, numbers=(1, 2, 3))
