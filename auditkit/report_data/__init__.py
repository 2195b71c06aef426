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
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checker import SEVERITIES, Rule, rule_pack
from auditkit.errors import AuditkitError, RunFolderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = Mapping[str, Any]
Place = tuple[str, int]
"""File and row of a document."""

REVIEW = "review.json"  # in a run folder: what readers of a sample found
COUNTS = ("rows_in", "kept", "redacted", "dropped", "quarantined")


@dataclass(frozen=True)
class Wide:
    """The tables of a run folder, read where rows or columns are asked for: a million findings take 200 MB at once.

    lines: rows that do not begin on the line after their number, see `with_lines`.
    """

    findings: Path
    documents: Path
    lines: pa.Table

    def findings_at(self, rows: NDArray[np.int64]) -> pa.Table:
        """These rows of findings.parquet, in this order; one row group at a time is in memory."""
        import pyarrow.parquet as pq

        parts, first, order = [], 0, np.argsort(rows, kind="stable")
        with pq.ParquetFile(self.findings, page_checksum_verification=True) as file:
            for group in range(file.metadata.num_row_groups):
                n_rows = file.metadata.row_group(group).num_rows
                mine = rows[order[slice(*np.searchsorted(rows[order], [first, first + n_rows]))]]
                if len(mine) or not group:
                    parts.append(file.read_row_group(group).take(pa.array(mine - first)))
                first += n_rows
        back = np.argsort(order, kind="stable")
        return with_lines(pa.concat_tables(parts).take(pa.array(back)), self.lines)

    def document_columns(self) -> list[str]:
        """The names of the columns of documents.parquet."""
        import pyarrow.parquet as pq

        names: list[str] = pq.read_schema(self.documents).names
        return names

    def document_column(self, name: str) -> pa.Table:
        """One column of documents.parquet."""
        return read_run_table(self.documents, columns=[name])


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
    wide: where the columns are that `findings` and `documents` lack because the tables are large; None: they have all.
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
    wide: Wide | None = None

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
    def order(self) -> NDArray[np.int64]:
        """The rows of `findings`, worst first: severity, then score, then place."""
        ranks = self.severity_ranks
        scores = -self.findings["score"].to_numpy()  # NaN where there is none: last
        order: NDArray[np.int64] = np.lexsort((scores, ranks))
        return order

    @cached_property
    def severity_ranks(self) -> NDArray[np.int64]:
        """For each finding 0 for the worst severity, then 1, 2, ...; unknown ones come last."""
        ranks = pc.index_in(self.findings["severity"], value_set=pa.array(SEVERITIES[::-1])).cast(pa.int64())
        found: NDArray[np.int64] = pc.fill_null(ranks, len(SEVERITIES)).to_numpy()
        return found

    def worst(self, limit: int | None = None, *, checker: str = "") -> pa.Table:
        """The findings (of a checker) as in `located`, worst first, at most `limit`; with `severity_rank`.

        Takes memory for what it gives, and 24 bytes for each finding of the run.
        """
        order = self.order
        if checker:
            mine = pc.equal(self.findings["checker"], checker).to_numpy()
            order = order[np.asarray(mine, np.bool_)[order]]
        return self.at(order[:limit])

    def taken(self, rows: NDArray[np.int64]) -> pa.Table:
        """These rows of `findings` with all columns, in this order."""
        return self.wide.findings_at(rows) if self.wide else self.findings.take(pa.array(rows))

    @property
    def score_names(self) -> list[str]:
        """The document scores, `checker/score`."""
        names = self.wide.document_columns() if self.wide else self.documents.column_names
        return [name for name in names if "/" in name]

    def scores(self, name: str) -> NDArray[np.float64]:
        """The values of a document score, for the documents that have one."""
        table = self.wide.document_column(name) if self.wide else self.documents
        values: NDArray[np.float64] = table[name].drop_null().to_numpy()
        return values

    def at(self, rows: NDArray[np.int64]) -> pa.Table:
        """These rows of `findings`, in this order, as in `located`, with `severity_rank`; `order` is the row."""
        located = _located(self.taken(rows), self.documents)
        located = located.set_column(located.column_names.index("order"), "order", pa.array(rows, pa.int64()))
        return located.append_column("severity_rank", pa.array(self.severity_ranks[rows], pa.int64()))


NARROW = ["file", "row", "checker", "rule", "severity", "score", "waived"]
"""The columns of findings that are counted and sorted by; those of documents and certificates follow."""
NARROW_DOCUMENTS = ["file", "row", "fingerprint", "decision", "reasons"]
NARROW_CERTIFICATES = ["file", "row", "kept_file", "kept_row", "jaccard"]


def read_report(run: Path, *, before: Path | None = None, whole: bool = True) -> Report:
    """The report of a published run folder. `before` is a run folder or metrics.json of an earlier round.

    Not `whole`: the wide columns stay on disk, see `Wide`; what lists every finding wants it whole.
    """
    manifest = _json(run / "manifest.json")
    return Report(
        manifest=manifest,
        metrics=_json(run / "metrics.json"),
        run=_json(run / "run.json") if (run / "run.json").exists() else {},
        **tables(run, _lines(run), whole=whole),
        rules=packaged_rules(checker["name"] for checker in manifest["checkers"]),
        before=_json(before / "metrics.json" if before.is_dir() else before) if before else (),
        review=_json(run / REVIEW) if (run / REVIEW).exists() else {},
    )


def tables(run: Path, lines: pa.Table, *, whole: bool) -> dict[str, Any]:
    """The fields of a Report that are tables, read from a run folder."""
    paths = [run / f"{name}.parquet" for name in ("findings", "documents", "certificates")]
    columns = (None, None, None) if whole else (NARROW, NARROW_DOCUMENTS, NARROW_CERTIFICATES)
    findings = read_run_table(paths[0], columns[0])
    return {
        "findings": with_lines(findings, lines) if whole else findings,
        "documents": read_run_table(paths[1], columns[1]),
        "certificates": read_run_table(paths[2], columns[2]),
        "wide": None if whole else Wide(paths[0], paths[1], lines),
    }


def _lines(run: Path) -> pa.Table:
    """lines.parquet; a table without rows where every row begins on the line after its number."""
    path = run / "lines.parquet"
    return read_run_table(path) if path.exists() else pa.table({"file": [], "row": [], "line": []})


def with_lines(findings: pa.Table, lines: pa.Table) -> pa.Table:
    """The findings in their order with the column `line`: that of `lines` (file, row, line), else the row plus 1."""
    if not lines.num_rows:
        return findings
    mine = lines.filter(pc.is_in(lines["row"], value_set=findings["row"].drop_null().combine_chunks()))
    known = {(one["file"], one["row"]): one["line"] for one in mine.to_pylist()}
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


def read_run_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A table of a run folder, or these columns of it. RunFolderError where it is missing or damaged."""
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True)
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
