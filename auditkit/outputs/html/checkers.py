"""What each checker found: its main figure, rules, numbers, scores, worst documents; and near-copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.outputs.html import charts
from auditkit.outputs.html.elements import NONE, Child, Html, data, document, el, join, mark, more, slug, table
from auditkit.report_data import Place, Report, Row, views
from auditkit.report_data.quotes import difference, quote
from auditkit.report_data.views import (
    CLUSTERS,
    DIFFERENCES,
    WORST,
    RuleCount,
    checker_state,
    headline,
    rule_counts,
    worst_findings,
)
from auditkit.report_data.words import amount, count, evidence, interval, many, meanings, plain
from auditkit.text.word_diff import Piece

SHOWN_METRICS = 12  # of the whole corpus, per checker; the others are folded away
MAX_METRICS = 500  # folded away, per checker; metrics.json has all
SHOWN_RULES = 40
SHOWN_BIAS = 6  # the least fair; the others are folded away
BIAS = "bias_"  # metrics of a scorer's own fairness begin so
BINS = 25  # of a histogram that is 200 units wide


def section(report: Report) -> Html:
    """A part for each checker: main figure, its rules, its metrics with intervals, its worst documents."""
    counted = rule_counts(report)
    return join(_checker(report, checker, counted) for checker in report.checkers)


def _checker(report: Report, checker: Row, counted: Sequence[RuleCount]) -> Html:
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
        "details",
        el("summary", el("h3", data(name), " ", mark(checker_state(report, checker)))),
        figure,
        _rules(report, [row for row in counted if row.checker == name]),
        _scores(report, name),
        _bias(report.metrics_of(name)),
        _metrics([row for row in report.metrics_of(name) if not str(row["metric"]).startswith(BIAS)]),
        _worst(report, name),
        open=True,
        class_="card",
        id=f"checker-{slug(name)}",
    )


def _rules(report: Report, counted: Sequence[RuleCount]) -> Html:
    rows = []
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
    return table("Rules that fired", head, rows[:SHOWN_RULES], numbers=(3, 4))


def _metrics(rows: Sequence[Row]) -> Html:
    """Numbers of the whole corpus with what they say; those for parts of it folded away."""
    whole = [row for row in rows if not row["slice"] and row["value"] is not None]  # others: "Not measured", above
    parts = [row for row in rows if row["slice"] and row["value"] is not None]
    shown = [(*_name(row), *_metric(row)) for row in whole[:SHOWN_METRICS]]
    rest = [*whole[SHOWN_METRICS:], *parts][:MAX_METRICS]
    head = ("Number", "What it says", "Value", "95% interval", "Counts", "Reference")
    made = [table("Its numbers", head, shown, numbers=(2, 3, 4))] if shown else []
    if rest:
        lines = [(*_name(row), data(row["slice"]), *_metric(row)) for row in rest]
        folded = table("Numbers for parts of the corpus", (*head[:2], "Part", *head[2:]), lines, numbers=(3, 4, 5))
        made.append(more(f"{count(len(rest))} more numbers, for parts of the corpus", folded))
    return join(made)


def _bias(rows: Sequence[Row]) -> Html | None:
    """How fair the scorer is to texts that name a group, by its model card: worst first, beside its verdict."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if str(row["metric"]).startswith(BIAS) and row["slice"] and row["value"] is not None:
            found.setdefault(str(row["slice"]), {})[str(row["metric"])] = row
    if not found:
        return None
    names = [f"{BIAS}{name}" for name in ("bpsn", "bnsp", "subgroup")]
    ordered = sorted(found.items(), key=lambda item: min(row["value"] for row in item[1].values()))
    lines = [
        (
            data(part.rpartition("/")[2]),
            data(part.rpartition("/")[0]),
            count(next(iter(known.values()))["denominator"]),
            *(f"{known[name]['value']:.3f}" if name in known else NONE for name in names),
        )
        for part, known in ordered
    ]
    head = ("Group named", "Measured on", "Texts", "Harmless kept apart", "Toxic kept apart", "Among themselves")
    title = "How fair this scorer is to texts that name a group"
    said = el(
        "p",
        "AUC, 1 is best, .5 is chance. “Harmless kept apart” (BPSN): harmless texts that name the group, against toxic "
        "ones that do not; where it is low, naming the group alone makes a text look toxic. “Toxic kept apart” (BNSP): "
        "the other way round. “Among themselves”: subgroup AUC (Borkan et al. 2019). From the model card, not from "
        "this corpus.",
        class_="muted",
    )
    rest = lines[SHOWN_BIAS:]
    folded = (
        more(f"{len(rest)} more", table(f"{title}: the others", head, rest, numbers=(2, 3, 4, 5))) if rest else None
    )
    return join([table(title, head, lines[:SHOWN_BIAS], numbers=(2, 3, 4, 5)), folded, said])


def _name(row: Row) -> tuple[Child, Child]:
    return data(row["metric"]), data(meanings().get(f"{row['checker']}.{row['metric']}"))


def _metric(row: Row) -> tuple[Child, ...]:
    whole = row["numerator"] is not None and row["denominator"]
    return (
        amount(row["metric"], row["value"]),
        interval(row["metric"], row["low"], row["high"]) or NONE,
        f"{count(row['numerator'])} of {count(row['denominator'])}" if whole else NONE,
        data(row["reference"]),
    )


def _scores(report: Report, checker: str) -> Html | None:
    """How each score of the checker spreads over the documents."""
    rows = []
    for name in report.score_names:
        if name.partition("/")[0] != checker:
            continue
        values = report.scores(name)
        if not len(values):
            continue
        low, high = float(values.min()), float(values.max())
        counts = np.histogram(values, bins=BINS, range=(min(low, 0.0), max(high, 1.0)))[0]
        at = [f"{value:.4g}" for value in np.quantile(values, (0.5, 0.9, 0.99))]
        label = f"{count(len(values))} documents from {low:.3g} to {high:.3g}, half of them up to {at[0]}"
        shown = charts.histogram(counts.tolist(), label=label)
        rows.append((data(name.partition("/")[2]), count(len(values)), *at, f"{high:.4g}", shown))
    head = ("Score", "Documents", "Half up to", "90% up to", "99% up to", "Highest", "Spread from 0 up (log heights)")
    return table("How its scores spread", head, rows[:SHOWN_RULES], numbers=(1, 2, 3, 4, 5)) if rows else None


def _worst(report: Report, checker: str) -> Html | None:
    found = worst_findings(report, checker, limit=WORST)
    rows = [
        (
            document(row),
            data(row["rule"]),
            data(row["field"]),
            _quoted(report, row),
            f"{row['score']:.2f}" if row["score"] is not None else "–",
            data(row["action"]),
        )
        for row in found
    ]
    head = ("Document", "Rule", "Field", "Evidence (masked)", "Score", "Action")
    return table("Its worst documents", head, rows, numbers=(4,)) if rows else None


def _quoted(report: Report, row: Row) -> Html:
    """The masked evidence, with the words around it where they are known; raw text behind a click where asked for."""
    shown = quote(report, row, evidence(row))
    if shown is None:
        return data(evidence(row))
    before, after = (data(part) if part else None for part in (shown.before, shown.after))
    said = el("span", before, el("mark", data(shown.evidence)), after, class_="quote")
    return join([said, more("show raw text", data(shown.raw, limit=400))]) if shown.raw else said


def copies(report: Report) -> Html | None:
    """The largest groups of near-copies, each with the document that stays and the certificates of the others."""
    found = views.copies(report, CLUSTERS)
    if not found.n_removed:
        return None
    rows = []
    for group in found.largest:
        members = [_copy(report, group.kept, item, differs=at < DIFFERENCES) for at, item in enumerate(group.removed)]
        left = group.size - len(group.removed)
        rest = el("li", f"and {left} more") if left else None
        rows.append(
            (
                el("span", data(group.kept[0]), " ", el("span", f"row {group.kept[1]}", class_="muted")),
                count(group.size),
                f"{group.low:.3f}" if group.low == group.high else f"{group.low:.3f} to {group.high:.3f}",
                more("which, and how they differ", el("ul", *members, rest)),
            )
        )
    said = f"{many(found.n_removed, 'document')} removed as near-copies of {count(found.n_kept)} that stay. "
    said += "Each has a certificate: the exact similarity (Jaccard, of word shingles) to the document that stays."
    head = ("Document that stays", "Copies removed", "Similarity", "Copies")
    return join([el("p", said), table("The largest groups of near-copies", head, rows, numbers=(1, 2))])


def _copy(report: Report, kept: Place, removed: tuple[str, int, float], *, differs: bool) -> Html:
    """A removed document, and in which words it differs from the one that stays."""
    file, row, jaccard = removed
    found = difference(report, kept, (file, row)) if differs else None
    if found is None:
        return el("li", data(file), f" row {row}, similarity {jaccard:.3f}")
    if not any(piece.kind != "same" for piece in found.pieces):
        shown: Html = el("p", "The same words.", class_="muted")
    else:
        shown = el("p", *(_piece(piece) for piece in found.pieces), class_="difference")
    only = [data(text) for text in found.only_removed[:8]]
    lost = el("p", "Only in the removed copy: ", join(only, " · "), class_="muted") if only else None
    return el("li", data(file), f" row {row}, similarity {jaccard:.3f}", shown, lost)


def _piece(piece: Piece) -> Html:
    name = {"left": "del", "right": "ins"}.get(piece.kind, "span")
    said = {"left": "only in the document that stays", "right": "only in the removed copy"}.get(piece.kind)
    return join([el(name, data(piece.text, limit=700), title=said), " "])
