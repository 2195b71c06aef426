"""What every rendering of a run is made from: one frozen `Report`, read from a run folder or made by a run in memory.

`views` holds what the renderings count and choose, `words` how they say numbers. Nothing here escapes for a target:
each output does that for itself, starting from `words.plain`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checker import SEVERITIES, Rule, rule_pack
from auditkit.errors import AuditkitError, RunFolderError

Row = Mapping[str, Any]
Place = tuple[str, int]
"""File and row of a document."""

REVIEW = "review.json"  # in a run folder: what readers of a sample found
COUNTS = ("rows_in", "kept", "redacted", "dropped", "quarantined")


@dataclass(frozen=True)
class Report:
    """A finished run in memory, as its folder holds it.

    manifest, run: content of manifest.json and run.json. metrics: rows of metrics.json. findings: schema FINDINGS, and
    optionally an int64 column `line` (1-based). documents: file, row, id, fingerprint, decision, reasons, scores
    `checker/score`, and optionally `line`. certificates: schema CERTIFICATES. rules: what is known of each rule id.
    before: rows of metrics.json of the round before, where there is one. paths: `file` -> the path as the user gave it,
    for outputs that point into a checkout. review: content of review.json, where readers have judged a sample.
    texts: place -> field -> text of the documents that may be quoted; spans: (file, row, field) -> what of them is
    sensitive, private: documents with private data, see `quotes`. raw: whether sensitive text is shown, on demand.
    """

    manifest: Row
    metrics: Sequence[Row]
    run: Row
    findings: pa.Table
    documents: pa.Table
    certificates: pa.Table
    rules: Mapping[str, Rule] = field(default_factory=dict)
    before: Sequence[Row] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    review: Row = field(default_factory=dict)
    texts: Mapping[Place, Mapping[str, str]] = field(default_factory=dict)
    spans: Mapping[tuple[str, int, str], Sequence[tuple[int, int]]] = field(default_factory=dict)
    private: frozenset[Place] = frozenset()
    raw: bool = False

    @property
    def verdict(self) -> str:
        """One of pass, fail, incomplete."""
        return str(self.manifest["verdict"])

    @property
    def counts(self) -> dict[str, int]:
        """Rows in, kept, redacted, dropped and quarantined."""
        return {name: int(self.manifest["counts"][name]) for name in COUNTS}

    @property
    def checkers(self) -> list[Row]:
        """The manifest's entry of each checker, in its order."""
        return list(self.manifest["checkers"])

    @property
    def gates(self) -> list[Row]:
        """The manifest's entry of each gate, in its order."""
        return list(self.manifest["gates"])

    def path(self, file: str | None) -> str:
        """The path as given, else `file`; that of the first input for what concerns the whole corpus."""
        inputs = self.manifest["inputs"]
        name = file or (str(inputs[0]["path"]) if inputs else "corpus")
        return self.paths.get(name, name)

    def gates_of(self, checker: str) -> list[Row]:
        """The gates on a metric of this checker."""
        return [gate for gate in self.gates if str(gate["metric"]).partition(".")[0] == checker]

    def metrics_of(self, checker: str) -> list[Row]:
        """The metric rows of this checker, in their order."""
        return [row for row in self.metrics if row["checker"] == checker]

    def metric(self, checker: str, metric: str, slice: str = "") -> Row | None:
        """The row of one metric, or None."""
        for row in self.metrics_of(checker):
            if row["metric"] == metric and (row["slice"] or "") == slice:
                return row
        return None

    @cached_property
    def located(self) -> pa.Table:
        """The findings with `fingerprint` of their document and 1-based `line` (row + 1 where it is not known)."""
        return _located(self.findings, self.documents)

    @cached_property
    def worst(self) -> pa.Table:
        """`located`, worst first: severity, then score, then place; `severity_rank` 0 is the worst."""
        ranks = pc.index_in(self.located["severity"], value_set=pa.array(SEVERITIES[::-1]))
        table = self.located.append_column("severity_rank", pc.fill_null(ranks.cast(pa.int64()), len(SEVERITIES)))
        order = [("severity_rank", "ascending"), ("score", "descending"), ("order", "ascending")]
        return table.sort_by(order) if table.num_rows else table


def read_report(run: Path, *, before: Path | None = None) -> Report:
    """The report of a published run folder. `before` is a run folder or metrics.json of an earlier round."""
    manifest = _json(run / "manifest.json")
    return Report(
        manifest=manifest,
        metrics=_json(run / "metrics.json"),
        run=_json(run / "run.json") if (run / "run.json").exists() else {},
        findings=_findings(run),
        documents=_table(run / "documents.parquet"),
        certificates=_table(run / "certificates.parquet"),
        rules=packaged_rules(checker["name"] for checker in manifest["checkers"]),
        before=_json(before / "metrics.json" if before.is_dir() else before) if before else (),
        review=_json(run / REVIEW) if (run / REVIEW).exists() else {},
    )


def _findings(run: Path) -> pa.Table:
    findings, lines = _table(run / "findings.parquet"), run / "lines.parquet"
    return with_lines(findings, _table(lines)) if lines.exists() else findings


def with_lines(findings: pa.Table, lines: pa.Table) -> pa.Table:
    """The findings in their order with the column `line`: that of `lines` (file, row, line), else the row plus 1."""
    known = {(one["file"], one["row"]): one["line"] for one in lines.to_pylist()}
    if not known:
        return findings
    rows = zip(findings["file"].to_pylist(), findings["row"].to_pylist(), strict=True)
    found = [None if row is None else known.get((file, row), row + 1) for file, row in rows]
    return findings.append_column("line", pa.array(found, pa.int64()))


def packaged_rules(checkers: Iterable[str]) -> dict[str, Rule]:
    """Rule id -> rule, of those checkers whose rule packs come with auditkit."""
    rules: dict[str, Rule] = {}
    for name in checkers:
        try:
            pack = rule_pack(name)
        except AuditkitError:  # a plug-in keeps its rules elsewhere; its findings still show id and severity
            continue
        rules |= {rule.id: rule for rule in pack}
    return rules


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{path.parent}: no {path.name}; is it a run folder of `auditkit gate`?") from None
    except ValueError:
        raise RunFolderError(f"{path.parent}: {path.name} is damaged; `auditkit verify` tells what is") from None


def _table(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise RunFolderError(f"{path.parent}: no {path.name}; is it a run folder of `auditkit gate`?") from None
    except pa.ArrowException:
        raise RunFolderError(f"{path.parent}: {path.name} is damaged; `auditkit verify` tells what is") from None


def _located(findings: pa.Table, documents: pa.Table) -> pa.Table:
    """`findings` in their order with `fingerprint`, `line` and `order` (0, 1, 2, ...)."""
    found = findings.append_column("order", pa.array(range(findings.num_rows), pa.int64()))
    wanted = ["line"] if "line" in documents.column_names and "line" not in findings.column_names else []
    keys = documents.select(["file", "row", "fingerprint", *wanted])
    keys = keys.set_column(0, "file", keys["file"].cast(pa.utf8()))
    keys = keys.filter(pc.is_in(keys["row"], value_set=pc.unique(findings["row"]).drop_null()))
    joined = found.join(keys, keys=["file", "row"], join_type="left outer").sort_by("order")
    line = pc.add(joined["row"], 1)
    if "line" in joined.column_names:
        line = pc.coalesce(joined["line"], line)
        joined = joined.drop_columns(["line"])
    return joined.append_column("line", pc.fill_null(line, 1))
