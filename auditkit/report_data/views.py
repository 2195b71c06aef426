"""What the renderings of a report count and choose: drop reasons, rules, worst findings, clusters, headlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checker import SEVERITIES
from auditkit.report_data import Place, Report, Row
from auditkit.report_data.words import bound, count, gate_name, gate_value, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Reason(NamedTuple):
    """A rule that removed documents: in how many it stands first among the reasons, and in how many at all."""

    rule: str
    first: int
    all: int


def drop_reasons(report: Report) -> list[Reason]:
    """Why documents were dropped; the `first` counts add up to the dropped documents, most frequent first."""
    reasons = report.documents["reasons"].filter(pc.equal(report.documents["decision"], "drop"))
    first = _counted(pc.list_element(reasons.filter(pc.greater(pc.list_value_length(reasons), 0)), 0))
    every = _counted(pc.list_flatten(reasons))
    unnamed = len(reasons) - sum(first.values())
    rows = [Reason(rule, first.get(rule, 0), n) for rule, n in every.items()]
    rows.sort(key=lambda row: (-row.first, -row.all, row.rule))
    return rows + ([Reason("", unnamed, unnamed)] if unnamed else [])


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(values)
    return {str(item["values"]): int(item["counts"]) for item in counted.to_pylist()}


class RuleCount(NamedTuple):
    """How often a rule fired: findings, documents, how many of them are waived."""

    checker: str
    rule: str
    severity: str
    findings: int
    documents: int
    waived: int


def rule_counts(report: Report) -> list[RuleCount]:
    """One entry per rule that fired: worst severity first, then most findings."""
    table = report.findings
    if not table.num_rows:
        return []
    checkers, rules = (pc.unique(table[name]) for name in ("checker", "rule"))
    kinds = _codes(table["checker"], checkers) * len(rules) + _codes(table["rule"], rules)
    kinds, firsts, inverse, counts = np.unique(kinds, return_index=True, return_inverse=True, return_counts=True)
    waived = np.bincount(inverse, weights=pc.fill_null(table["waived"], False).cast(pa.int8()).to_numpy())
    documents = _documents(table, inverse, len(kinds))
    severities = table["severity"].take(pa.array(firsts)).to_pylist()
    rows = [
        RuleCount(checkers[kind // len(rules)].as_py(), rules[kind % len(rules)].as_py(), *rest)
        for kind, *rest in zip(
            kinds.tolist(), severities, counts.tolist(), documents.tolist(), waived.astype(int).tolist(), strict=True
        )
    ]
    return sorted(rows, key=lambda row: (severity_rank(row.severity), -row.findings, row.rule))


def _codes(column: pa.ChunkedArray, names: pa.Array) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = pc.index_in(column, value_set=names).to_numpy().astype(np.int64)
    return codes


def _documents(table: pa.Table, kinds: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """int64[n]: in how many documents each of n kinds of finding is; what is about the corpus is in none."""
    somewhere = table["row"].is_valid().to_numpy()
    rows, files = table["row"].drop_null().to_numpy(), table["file"].filter(pa.array(somewhere))
    places = _codes(files, pc.unique(files)) * (int(rows.max(initial=0)) + 1) + rows
    _, places = np.unique(places, return_inverse=True)
    pairs = np.unique(kinds[somewhere] * (len(places) + 1) + places)
    return np.bincount(pairs // (len(places) + 1), minlength=n)


def severity_rank(severity: str) -> int:
    """0 for the worst severity; unknown ones come last."""
    return SEVERITIES[::-1].index(severity) if severity in SEVERITIES else len(SEVERITIES)


def worst_findings(report: Report, checker: str, *, limit: int) -> list[dict[str, Any]]:
    """The worst findings of a checker, at most one per document and, while there are others, not all of one rule."""
    table = report.worst(50 * limit, checker=checker)
    seen: set[tuple[object, object]] = set()
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        place = (row["file"], row["row"])
        if place not in seen:
            seen.add(place)
            by_rule.setdefault(row["rule"], []).append(row)
    turns = [(turn, row["order"], row) for rows in by_rule.values() for turn, row in enumerate(rows)]
    chosen = sorted(turns, key=lambda item: (item[0], item[2]["severity_rank"], -(item[2]["score"] or 0), item[1]))[
        :limit
    ]
    return [row for _, _, row in chosen]


class Cluster(NamedTuple):
    """Documents removed because one document that stays is a near-copy of each.

    size: how many. low, high: bounds of their similarities. removed: (file, row, similarity) of the first of them.
    """

    kept: Place
    size: int
    low: float
    high: float
    removed: list[tuple[str, int, float]]


class Copies(NamedTuple):
    """How many documents stay with near-copies, how many of those were removed, and the largest groups."""

    n_kept: int
    n_removed: int
    largest: list[Cluster]


def copies(report: Report, limit: int) -> Copies:
    """The near-copies by certificate, with the largest groups, at most `limit`."""
    table = report.certificates.select(["file", "row", "jaccard"])
    table = table.append_column("kept_file", pc.fill_null(report.certificates["kept_file"], ""))
    table = table.append_column("kept_row", pc.fill_null(report.certificates["kept_row"], -1))
    sums = [("jaccard", "count"), ("jaccard", "min"), ("jaccard", "max")]
    groups = table.group_by(["kept_file", "kept_row"], use_threads=False).aggregate(sums)
    order = [("jaccard_count", "descending"), ("kept_file", "ascending"), ("kept_row", "ascending")]
    largest = groups.sort_by(order).slice(0, limit).to_pylist() if groups.num_rows else []
    return Copies(groups.num_rows, table.num_rows, [_cluster(table, group) for group in largest])


def _cluster(table: pa.Table, group: Row) -> Cluster:
    kept = (group["kept_file"], group["kept_row"])
    mine = pc.and_(pc.equal(table["kept_row"], kept[1]), pc.equal(table["kept_file"], kept[0]))
    columns = (table[name].filter(mine).slice(0, COPIES).to_pylist() for name in ("file", "row", "jaccard"))
    bounds = (group["jaccard_min"], group["jaccard_max"])
    return Cluster(kept, group["jaccard_count"], *bounds, list(zip(*columns, strict=True)))


WORST = 6  # findings of each checker that are shown in their text
CLUSTERS = 15  # groups of near-copies that are shown
COPIES = 20  # removed copies of each that are named
DIFFERENCES = 3  # removed copies of each that are held against the one that stays


def quoted(report: Report) -> set[Place]:
    """The documents of which a report shows more than a masked finding."""
    places: set[Place] = set()
    for checker in report.checkers:
        worst = worst_findings(report, str(checker["name"]), limit=WORST)
        places |= {(row["file"], row["row"]) for row in worst if row["row"] is not None}
    for group in copies(report, CLUSTERS).largest:
        places |= {group.kept, *((file, row) for file, row, _ in group.removed[:DIFFERENCES])}
    return places


HEADLINES = {
    "pii": ("documents_share", "", "of documents hold private data"),
    "toxicity": ("documents_share", "", "of documents are toxic"),
    "near_duplicates": ("removed_share", "", "of documents are near-copies"),
    "hallucination": ("documents_share", "", "of documents are doubtful"),
    "skew": ("region.tv_distance", "", "away from the reference"),
    "diversity": ("distinct_n", "2", "of word pairs are distinct"),
}
"""The one number by which each checker is known, and what it says."""


def headline(report: Report, checker: str) -> tuple[Row | None, str]:
    """The main figure of a checker as its metric row (None when it has none), and the words after the number."""
    metric, part, words = HEADLINES.get(checker, ("documents_share", "", "of documents with a finding"))
    row = report.metric(checker, metric, part)
    if row is None or row["value"] is None:
        row = report.metric(checker, "documents_share") or row
        words = "of documents with a finding"
    return row, words


def checker_state(report: Report, checker: Row) -> str:
    """fail, incomplete, undecided, pass, or none when no gate looks at this checker and nothing is missing."""
    states = {str(gate["status"]) for gate in report.gates_of(str(checker["name"]))}
    if "fail" in states:
        return "fail"
    if "unknown" in states or not_whole(report, checker):
        return "incomplete"
    if "undecided" in states:
        return "undecided"
    return "pass" if states else "none"


def not_whole(report: Report, checker: Row) -> bool:
    """Whether it missed documents. Looking at fewer than there are is no gap: some have nothing that concerns it."""
    return bool(gaps_of(report, str(checker["name"]))) or (checker["of"] > 0 and checker["looked"] == 0)


def gaps_of(report: Report, checker: str) -> list[Row]:
    """The places where this checker did not look, and why."""
    return [gap for gap in report.manifest["gaps"] if gap["checker"] == checker]


def why(report: Report) -> list[str]:
    """The reasons of the verdict, as sentences."""
    of_gates = {str(gate["reason"]): gate for gate in report.gates if None not in (gate["value"], gate["threshold"])}
    of_gaps = tuple(f"{gap['checker']} did not look at " for gap in report.manifest["gaps"])
    reasons = [str(reason) for reason in report.manifest["reasons"]]
    rest = [reason for reason in reasons if not (of_gaps and reason.startswith(of_gaps))]
    said = [gate_sentence(of_gates[reason]) if reason in of_gates else reason for reason in rest]
    if said or of_gaps:
        return [*gap_sentences(report), *said]
    return [_passed(report)] if report.verdict == "pass" else []


def _passed(report: Report) -> str:
    n_open = sum(gate["status"] == "undecided" for gate in report.gates)
    gates = f"No gate failed ({n_open} undecided)" if n_open else "Every gate passed"
    return f"{gates}, and every row was read and looked at."


def gap_sentences(report: Report) -> list[str]:
    """One sentence per checker and cause, however many shards it struck."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for gap in report.manifest["gaps"]:
        groups.setdefault((str(gap["checker"]), str(gap["reason"])), []).append(gap)
    with_rows = {checker for (checker, _), gaps in groups.items() if any(gap["n_rows"] for gap in gaps)}
    sentences = []
    for (checker, reason), gaps in groups.items():
        n_rows, files = sum(gap["n_rows"] for gap in gaps), {str(gap["file"]) for gap in gaps}
        where = f"{count(n_rows)} rows of {min(files) if len(files) == 1 else f'{len(files)} files'}"
        if n_rows:
            sentences.append(f"{checker} did not look at {where}: {reason}")
        elif checker not in with_rows:
            sentences.append(f"{checker} did not look at the corpus: {reason}")
    return sentences


def gate_interval(report: Report, gate: Row) -> tuple[float | None, float | None]:
    """The interval that judged the gate, else that of its metric."""
    if gate["low"] is not None and gate["low"] != gate["high"]:
        return gate["low"], gate["high"]
    checker, _, metric = str(gate["metric"]).partition(".")
    row = report.metric(checker, metric, gate["slice"] or "")
    return (row["low"], row["high"]) if row else (None, None)


def gate_sentence(gate: Row) -> str:
    """`pii.documents_share is 3.40% (2.88% to 3.94%), allowed is at most 2%`."""
    metric = str(gate["metric"])
    there = gate["low"] is not None and gate["low"] != gate["high"]
    around = f" ({interval(metric, gate['low'], gate['high'])})" if there else ""
    return f"{gate_name(gate)} is {gate_value(gate)}{around}, allowed is {bound(gate)}"


def next_steps(report: Report) -> list[str]:
    """What to do next: at most four sentences, the most urgent first."""
    steps = []
    gaps = report.manifest["gaps"]
    if gaps:
        names = ", ".join(sorted({str(gap["checker"]) for gap in gaps}))
        steps.append(f"Remove the cause of the gaps ({names}) and run again.")
    if report.counts["quarantined"]:
        steps.append("Read quarantine.jsonl: it holds every row that could not be read, with line and reason.")
    failed = [str(gate["metric"]) for gate in report.gates if gate["status"] == "fail"]
    if failed:
        steps.append("Look at the findings behind " + ", ".join(failed[:3]) + " (report.html has them all).")
        steps.append("Repair the source, or change the policy's action (flag, redact, drop), and gate kept/ again.")
    if not steps and report.verdict == "pass":
        steps.append("Train on kept/ and archive this run folder with the model: it is the record of what went in.")
    return steps[:4]
