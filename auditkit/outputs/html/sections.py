"""The sections of the page that need no script, in the order in which a reviewer asks."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.outputs.html import charts
from auditkit.outputs.html.elements import Child, Html, data, el, join, mark, more, slug, table
from auditkit.outputs.html.skew_pictures import slopes
from auditkit.report_data import COUNTS, Report, Row
from auditkit.report_data.precision import how_read, precisions
from auditkit.report_data.unread import unread
from auditkit.report_data.views import (
    checker_state,
    drop_reasons,
    gaps_of,
    gate_interval,
    next_steps,
    why,
)
from auditkit.report_data.words import (
    amount,
    bound,
    count,
    gate_name,
    gate_value,
    interval,
    many,
    meanings,
    percent,
    plain,
    seconds,
    size,
)

ANSWERS = {
    "pass": "Under this policy the corpus may be trained on.",
    "fail": "Do not train on this corpus as it is.",
    "incomplete": "Not known: something was not read or not looked at.",
}
SHOWN_FILES = 200
SHOWN_FIELDS = 12  # manifest.json has 50 of each file
SHOWN_REASONS = 40


def verdict(report: Report) -> Html:
    """May we train on this? Why not? What now?"""
    inputs = report.manifest["inputs"]
    counts = report.counts
    names = ("rows in", "kept", "redacted", "dropped", "quarantined")
    tiles = [(count(counts[key]), name, key) for key, name in zip(COUNTS, names, strict=True)]
    tiles.append((count(report.findings.num_rows), "findings", "findings"))
    read = f"{many(counts['rows_in'], 'row')} in {many(len(inputs), 'file')}"
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
        low, high = gate_interval(report, gate)
        rows.append(
            (
                el("span", data(gate_name(gate)), _meaning(gate)),
                mark(str(gate["status"])),
                gate_value(gate),
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


def _meaning(gate: Row) -> Html | None:
    said = meanings().get(str(gate["metric"]))
    return join([" ", el("small", said, class_="muted")]) if said else None


def coverage(report: Report) -> Html:
    """What was looked at and what was not: checkers by documents, gaps, files, and what no checker could look for."""
    times = report.run.get("checkers", {})
    rows = []
    for checker in report.checkers:
        name, looked, of = str(checker["name"]), checker["looked"], checker["of"]
        share = looked / of if of else 0.0
        rows.append(
            (
                el("a", data(name), href=f"#checker-{slug(name)}"),
                mark(checker_state(report, checker)),
                f"{count(looked)} of {count(of)}",
                charts.bar(share, "looked", label=f"{percent(share)} looked at"),
                count(len(gaps_of(report, name))),
                seconds(times.get(name, {}).get("cpu_s")),
            )
        )
    head = ("Checker", "Status", "Documents looked at", "Share", "Gaps", "CPU time")
    parts = [table("Checkers and the documents they looked at", head, rows, numbers=(2, 4, 5))]
    return join([*parts, _unread(report), _gaps(report), _not_looked_for(report), _files(report)])


def _unread(report: Report) -> Html | None:
    """The fields that nobody looked at; nothing where there are none."""
    fields = unread(report)
    if not fields.names:
        return None
    names = join((data(name) for name in fields.names[:SHOWN_FIELDS]), ", ")
    said = f"{fields.rest(SHOWN_FIELDS)}, {fields.where}. They stand in kept/ as they came."
    return el("p", "Fields that nobody looked at: ", names, said)


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
        f"Not measured: {many(len(rows), 'number')}",
        table("Not measured", ("Metric", "Slice", "Why"), rows[:SHOWN_FILES]),
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
    if not before:
        return None
    said = el("p", "No number of the whole corpus changed.") if not rows else None
    made = (
        table("Numbers that changed", ("Metric", "Before", "Now", "Change"), rows, numbers=(1, 2, 3)) if rows else None
    )
    return join([said, made, _slopes(report)])


def _slopes(report: Report) -> Html | None:
    """The regions' shares of all mentions, then and now."""
    rounds = [
        (name, {str(row["slice"]): float(row["value"]) for row in metrics if _is_region_share(row)})
        for name, metrics in (("before", report.before), ("now", report.metrics))
    ]
    picture = slopes(rounds) if all(shares for _, shares in rounds) else None
    return el("figure", picture, el("figcaption", "Share of each region among the places named")) if picture else None


def _is_region_share(row: Row) -> bool:
    return (
        (row["checker"], row["metric"]) == ("skew", "region.share") and bool(row["slice"]) and row["value"] is not None
    )


def precision(report: Report) -> Html | None:
    """How right the findings are, where people have read a sample of them."""
    rows = [
        (
            data(row.rule) if row.rule else el("b", "All rules"),
            plain(row.decision) or "all",
            count(row.findings),
            f"{row.right} of {row.judged}",
            percent(row.value),
            f"{percent(row.low)} to {percent(row.high)}",
            charts.share(row.value, row.low, row.high, top=1.0),
        )
        for row in precisions(report)
    ]
    if not rows:
        return None
    head = ("Rule", "Document was", "Findings", "Right, of those read", "Precision", "95% interval", "0 to 100%")
    read = el("p", "Read by ", data(report.review["by"]), ". ", how_read(report), class_="muted")
    return join([table("Findings that readers called right", head, rows, numbers=(2, 3, 4, 5)), read])
