"""Expectations for a Great Expectations project of your own; importing this module registers them. Extra `[gx]`.

Each audits one column of a pandas batch as `auditkit.audit` would, a row being a document, and passes exactly when the
verdict on the column is `pass`: what could not be looked at never passes. A result holds counts, rule ids and 0-based
row numbers, no value of a cell, in every result format.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.audit import audit
from auditkit.errors import ConfigError
from auditkit.outputs.great_expectations.gates import gates_of
from auditkit.outputs.great_expectations.library import great_expectations
from auditkit.report_data import read_report
from auditkit.result import AuditResult

__all__ = [
    "ExpectColumnTextToContainNoNearCopies",
    "ExpectColumnTextToContainNoPii",
    "ExpectColumnTextToContainNoToxicText",
    "ExpectRegionSkewWithin",
    "documents",
]

MAX_ROWS = 1000  # row numbers in a result; a batch with more has another problem than a list can show

_library = great_expectations()
_metrics = _library.expectations.metrics
_pandas_engine = _library.execution_engine.PandasExecutionEngine
_TableMetricProvider: Any = _metrics.table_metric_provider.TableMetricProvider
_BatchExpectation: Any = _library.expectations.expectation.BatchExpectation
_METRIC = "table.auditkit"


def documents(run: str | Path) -> Any:
    """The table of a run that its suite.json is about, as a pandas DataFrame; names and ids made harmless, no text."""
    return gates_of(read_report(Path(run))).documents.to_pandas()


class _ColumnAudit(_TableMetricProvider):  # type: ignore[misc]  # its type is known when it is loaded
    """What an audit says of one column."""

    metric_name = _METRIC
    value_keys = ("column", "policy")

    @_metrics.metric_provider.metric_value(engine=_pandas_engine)  # type: ignore[untyped-decorator]  # as above
    def _pandas(
        cls,  # noqa: N805 - Great Expectations makes it a class method
        execution_engine: Any,
        metric_domain_kwargs: Mapping[str, Any],
        metric_value_kwargs: Mapping[str, Any],
        metrics: Mapping[str, Any],  # noqa: ARG002 - the signature is given
        runtime_configuration: Mapping[str, Any],  # noqa: ARG002 - the signature is given
    ) -> dict[str, Any]:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type="table")
        column = metric_value_kwargs["column"]
        if column not in frame.columns:
            raise ConfigError(f"no column '{column}' in the batch")
        return _audited(frame[column], metric_value_kwargs["policy"])


def _audited(cells: Any, policy: dict[str, Any]) -> dict[str, Any]:
    """The audit of a pandas Series in numbers; ConfigError when it is no text."""
    texts = _texts(cells)
    rows = np.flatnonzero(np.asarray(pc.is_valid(texts)))
    result = audit(pa.table({"text": texts.drop_null()}), policy)
    return _numbers(result, rows, policy["gate"][0]["metric"]) | {"missing": len(texts) - len(rows)}


def _texts(cells: Any) -> Any:
    """The cells as an Arrow array of texts, missing ones null."""
    try:
        values = pa.array(cells, from_pandas=True)
    except pa.ArrowException:  # its message holds the cell
        values = pa.nulls(0)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise ConfigError(f"column '{cells.name}' holds values that are not text")
    return values


def _numbers(result: AuditResult, rows: np.ndarray[Any, Any], metric: str) -> dict[str, Any]:
    """Verdict, counts and row numbers, of which `rows` gives the place in the batch."""
    named = {f"{row.checker}.{row.metric}": row for row in result.metrics if not row.slice}
    hit = np.unique(result.findings["row"].drop_null().to_numpy())
    rules = pc.value_counts(result.findings["rule"]).to_pylist()
    measured = named.get(metric)
    return {
        "verdict": result.verdict.word,
        "value": measured.value if measured else None,
        "interval": [measured.low, measured.high] if measured else None,
        "documents": len(rows),
        "rows": [int(row) for row in rows[hit]],
        "rules": {item["values"]: item["counts"] for item in sorted(rules, key=lambda item: item["values"])},
    }


class _ColumnExpectation(_BatchExpectation):  # type: ignore[misc]  # as above
    """What all expectations here share: a column, the options of one checker, one gate."""

    column: str
    options: dict[str, Any] = {}  # noqa: RUF012 - a pydantic field, copied for each expectation

    checker: ClassVar[str] = ""
    success_keys: ClassVar[tuple[str, ...]] = ("column", "options", "mostly", "max_distance", "confidence")
    args_keys: ClassVar[tuple[str, ...]] = ("column",)

    @abstractmethod
    def _gate(self) -> dict[str, Any]:
        """The gate that decides, as a policy file has it."""

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        """The audit of the column, as a metric of Great Expectations."""
        needs = super().get_validation_dependencies(execution_engine, runtime_configuration)
        policy = {
            "version": 1,
            "fields": {"text": "text"},
            "checkers": {self.checker: self.options},
            "gate": [self._gate()],
        }
        configured = _library.validator.metric_configuration.MetricConfiguration(
            metric_name=_METRIC,
            metric_domain_kwargs={"batch_id": self.configuration.kwargs.get("batch_id")},
            metric_value_kwargs={"column": self.column, "policy": policy},
        )
        needs.set_metric_configuration(metric_name=_METRIC, metric_configuration=configured)
        return needs

    def _validate(
        self,
        metrics: Mapping[str, Any],
        runtime_configuration: Mapping[str, Any] | None = None,
        execution_engine: Any = None,  # noqa: ARG002 - the signature is given
    ) -> dict[str, Any]:
        """Success and, unless BOOLEAN_ONLY is asked for, counts and row numbers."""
        found = metrics[_METRIC]
        said = {"success": found["verdict"] == "pass"}
        asked = self._get_result_format(runtime_configuration=runtime_configuration)
        form = asked.get("result_format") if isinstance(asked, dict) else asked
        return said if form == "BOOLEAN_ONLY" else said | {"result": _result(found)}


def _result(found: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers under the names that Great Expectations knows."""
    n_hit, n_documents = len(found["rows"]), found["documents"]
    return {
        "observed_value": found["value"],
        "element_count": n_documents + found["missing"],
        "missing_count": found["missing"],
        "unexpected_count": n_hit,
        "unexpected_percent": 100 * n_hit / n_documents if n_documents else None,
        "unexpected_index_list": found["rows"][:MAX_ROWS],
        "details": {name: found[name] for name in ("verdict", "interval", "rules")},
    }


def _share_gate(checker: str, mostly: float) -> dict[str, Any]:
    """At most 1 - mostly of the documents with a finding; rounded, for 1 - 0.9 is a little less than 0.1."""
    return {"metric": f"{checker}.documents_share", "max": round(1 - mostly, 12)}


class ExpectColumnTextToContainNoPii(_ColumnExpectation):
    """No private data in the texts of a column. options: as `[checkers.pii]` in a policy; mostly: share without."""

    mostly: float = 1.0
    checker: ClassVar[str] = "pii"

    def _gate(self) -> dict[str, Any]:
        return _share_gate(self.checker, self.mostly)


class ExpectColumnTextToContainNoToxicText(_ColumnExpectation):
    """No toxic text in a column. options: as `[checkers.toxicity]` in a policy; mostly: share without."""

    mostly: float = 1.0
    checker: ClassVar[str] = "toxicity"

    def _gate(self) -> dict[str, Any]:
        return _share_gate(self.checker, self.mostly)


class ExpectColumnTextToContainNoNearCopies(_ColumnExpectation):
    """No text is a near-copy of another. options: as `[checkers.near_duplicates]`; mostly: share without."""

    mostly: float = 1.0
    checker: ClassVar[str] = "near_duplicates"

    def _gate(self) -> dict[str, Any]:
        return _share_gate(self.checker, self.mostly)


class ExpectRegionSkewWithin(_ColumnExpectation):
    """The regions of the world that a column mentions are at most `max_distance` from the reference.

    max_distance: total variation distance, 0..1. It fails when the whole interval at `confidence` lies above, as the
    gate of the packaged policies does. options: as `[checkers.skew]` in a policy.
    """

    max_distance: float
    confidence: float = 0.95
    checker: ClassVar[str] = "skew"

    def _gate(self) -> dict[str, Any]:
        return {"metric": "skew.region.tv_distance", "max": self.max_distance, "confidence": self.confidence}
