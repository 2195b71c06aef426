"""Gates as columns of one table and expectations on them; plain data, no Great Expectations needed.

Every value is made of letters, digits and `_ . / [ ] -` before it leaves: Data Docs would run markup that it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditkit.report_data import Report, Row
from auditkit.report_data.words import MAX_TEXT, bound, gate_name, plain

Expectation = dict[str, Any]

DECISIONS = ("keep", "redact", "drop")
_DOCUMENTS_SHARE = ".documents_share"


@dataclass(frozen=True)
class Check:
    """One column of the table and what is expected of it. values: one per document, or one for all of them."""

    column: str
    values: pa.Array | str | float
    expectation: Expectation


def neutral(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Texts in which nothing is markup, template, formula or control character: all such becomes `_`."""
    harmless = pc.replace_substring_regex(values.cast(pa.utf8()), r"[^\p{L}\p{N}_./\[\] -]", "_")
    return pc.utf8_slice_codeunits(pc.replace_substring_regex(harmless, r"^[^\p{L}\p{N}_]", "_"), 0, MAX_TEXT)


def neutral_name(text: object) -> str:
    """`neutral` for one text, which may hold any character."""
    return str(neutral(pa.array([plain(text)]))[0].as_py())


@dataclass(frozen=True)
class Gates:
    """documents: one row per document. suite: what `great_expectations.ExpectationSuite(**suite)` takes."""

    documents: pa.Table
    suite: dict[str, Any]


def gates_of(report: Report) -> Gates:
    """The policy's gates as a suite, and the table that it is about: file, row, id, decision, scores, gates.

    One or two columns per gate, then what keeps a verdict from `pass` without a gate. No text of a document.
    """
    of_gates = [check for number, gate in enumerate(report.gates, 1) for check in _of_gate(report, number, gate)]
    checks = [*of_gates, *_of_run(report)]
    documents = _documents(report, checks)
    return Gates(documents, _suite(report, documents.column_names, checks))


def _documents(report: Report, checks: Sequence[Check]) -> pa.Table:
    documents = report.documents
    columns = {name: neutral(documents[name]) for name in ("file", "id", "decision")} | {"row": documents["row"]}
    columns |= {neutral_name(name): documents[name] for name in documents.column_names if "/" in name}
    for check in checks:
        whole = isinstance(check.values, pa.Array)
        columns[check.column] = check.values if whole else pa.repeat(check.values, documents.num_rows)
    return pa.table(columns)


def _suite(report: Report, columns: Sequence[str], checks: Sequence[Check]) -> dict[str, Any]:
    decided = "column_values_to_be_in_set"
    expectations = [
        _expect("table_row_count_to_be_between", "A document was read", min_value=1),
        _expect("table_columns_to_match_set", "The columns of this run", column_set=list(columns)),
        _expect(decided, "Every document has a decision", column="decision", value_set=list(DECISIONS)),
        *(check.expectation for check in checks),
    ]
    about = {"version": str(report.manifest["auditkit"]), "policy_sha256": str(report.manifest["policy_sha256"])}
    name = neutral_name(report.manifest["policy"]["name"])
    name = "auditkit-" + re.sub(r"[^\w.-]+", "_", name)  # names a file of the Data Docs
    return {"name": name, "expectations": expectations, "meta": {"auditkit": about}}


def _expect(kind: str, description: str, *, meta: Mapping[str, Any] | None = None, **kwargs: object) -> Expectation:
    return {
        "type": f"expect_{kind}",
        "kwargs": kwargs,
        "meta": {"auditkit": dict(meta or {})},
        "description": description,
    }


def _of_gate(report: Report, number: int, gate: Row) -> Iterator[Check]:
    """The gate as the verdict reads it and, where the documents alone show its value, counted anew from them."""
    name = neutral_name(gate_name(gate))
    meta = {"gate": name, "on_undecided": str(gate["on_undecided"])}
    says = f"{name} {bound(gate)}"
    side = f"{gate['op']}_value"
    if gate["value"] is None or gate["threshold"] is None:
        tolerated = ["pass"] if gate["on_undecided"] == "fail" else ["pass", "undecided"]
        column = f"gate {number} status {name}"
        in_set = _expect("column_values_to_be_in_set", says, meta=meta, column=column, value_set=tolerated)
        yield Check(column, str(gate["status"]), in_set)
        return
    column = f"gate {number} value {name}"
    kind = "column_max_to_be_between" if gate["op"] == "max" else "column_min_to_be_between"
    within = _expect(kind, says, meta=meta, column=column, **{side: gate["threshold"]})
    yield Check(column, float(_decisive(gate)), within)
    flags = _flags(report, gate)
    if flags is not None:
        column = f"gate {number} flag {name}"
        mean = _expect("column_mean_to_be_between", f"Counted: {says}", meta=meta, column=column)
        mean["kwargs"][side] = gate["threshold"]
        yield Check(column, flags, mean)


def _decisive(gate: Row) -> float:
    """The bound of the interval that decides: the better one where an undecided gate passes, else the worse one."""
    better = gate["on_undecided"] != "fail"
    value = gate["low"] if better == (gate["op"] == "max") else gate["high"]
    return float(gate["value"] if value is None else value)


def _flags(report: Report, gate: Row) -> pa.Array | None:
    """1.0 for each document with a finding that counts; None unless their mean is the value of this gate.

    It is not where a checker had not to look at every document, or where the gate is no plain share of documents.
    """
    metric = str(gate["metric"])
    if gate["confidence"] is not None or not metric.endswith(_DOCUMENTS_SHARE) or not report.documents.num_rows:
        return None
    by, name = ("rule", gate["slice"]) if gate["slice"] else ("checker", metric.removesuffix(_DOCUMENTS_SHARE))
    counts = pc.and_(pc.equal(report.findings[by], name), pc.invert(pc.fill_null(report.findings["waived"], False)))
    flags = pc.is_in(_keys(report.documents), value_set=_keys(report.findings.filter(counts)))
    if pc.sum(flags).as_py() / len(flags) != gate["value"]:
        return None
    return flags.cast(pa.float64())


def _keys(rows: pa.Table) -> pa.Array:
    """File and row as one text, null for what concerns the whole corpus."""
    keys = pc.binary_join_element_wise(rows["file"].cast(pa.utf8()), rows["row"].cast(pa.utf8()), "\0")
    return keys.combine_chunks()


def _of_run(report: Report) -> Iterator[Check]:
    """Gaps, unreadable rows, and the verdict itself, which also knows what no number shows."""
    yield Check(
        "run gaps",
        float(len(report.manifest["gaps"])),
        _expect("column_max_to_be_between", "Every checker looked everywhere", column="run gaps", max_value=0),
    )
    limit = report.manifest["policy"].get("corpus", {}).get("max_quarantined")
    counts = report.counts
    if limit is not None and counts["rows_in"]:
        column, share = "run quarantined_share", counts["quarantined"] / counts["rows_in"]
        says = "Rows that could not be read"
        yield Check(column, share, _expect("column_max_to_be_between", says, column=column, max_value=limit))
    only = _expect("column_values_to_be_in_set", "The verdict", column="run verdict", value_set=["pass"])
    yield Check("run verdict", report.verdict, only)
