"""A run for Great Expectations: the policy's gates as an ExpectationSuite, and its validation result. Extra `[gx]`.

`success` is true exactly when the verdict is `pass`. What is written holds names, rule ids and counts, no text of a
document and no id; the same run gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auditkit.outputs.great_expectations.checkpoint import run
from auditkit.outputs.great_expectations.gates import Gates, gates_of, neutral_name
from auditkit.report_data import Report
from auditkit.report_data.views import rule_counts

SUITE_FILE, RESULT_FILE, DOCS_FOLDER = "suite.json", "validation_result.json", "data_docs"


def render(report: Report) -> str:
    """One JSON object: `suite`, and `validation_result` of a Checkpoint that was run on it."""
    gates = gates_of(report)
    return _json({"suite": gates.suite, "validation_result": _result(report, gates, run(report, gates))})


def write_folder(report: Report, folder: Path) -> None:
    """suite.json, validation_result.json and data_docs/index.html; pages of earlier runs in data_docs/ stay."""
    folder.mkdir(parents=True, exist_ok=True)
    gates = gates_of(report)
    result = _result(report, gates, run(report, gates, docs=folder / DOCS_FOLDER))
    (folder / SUITE_FILE).write_text(_json(gates.suite), encoding="utf-8")
    (folder / RESULT_FILE).write_text(_json(result), encoding="utf-8")


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def _result(report: Report, gates: Gates, said: dict[str, Any]) -> dict[str, Any]:
    """The validation result without clock, random ids and tracebacks, in the order of the suite."""
    order = [_key(expectation) for expectation in gates.suite["expectations"]]
    results = sorted(said["results"], key=lambda item: order.index(_key(item["expectation_config"])))
    meta = said["meta"]
    return {
        "success": said["success"],
        "results": [_one(item) for item in results],
        "suite_name": said["suite_name"],
        "suite_parameters": said["suite_parameters"],
        "statistics": said["statistics"],
        "meta": {
            "great_expectations_version": meta["great_expectations_version"],
            "run_id": meta["run_id"],
            "auditkit": _about(report),
        },
    }


def _key(expectation: dict[str, Any]) -> tuple[str, str]:
    return expectation["type"], expectation["kwargs"].get("column", "")


def _one(item: dict[str, Any]) -> dict[str, Any]:
    """One result; of an exception only that there was one, for its text may hold anything."""
    config = {name: value for name, value in item["expectation_config"].items() if name != "id"}
    raised = '"raised_exception": true' in json.dumps(item["exception_info"])
    return {
        "success": item["success"],
        "expectation_config": config,
        "result": item["result"],
        "meta": item["meta"],
        "exception_info": {"raised_exception": raised, "exception_message": None, "exception_traceback": None},
    }


def _about(report: Report) -> dict[str, Any]:
    """The run in numbers: verdict, rows, and per rule its findings and documents."""
    return {
        "verdict": report.verdict,
        "manifest_sha256": report.manifest.get("self_sha256"),
        "counts": report.counts,
        "rules": {
            neutral_name(rule.rule): {"findings": rule.findings, "documents": rule.documents, "waived": rule.waived}
            for rule in rule_counts(report)
        },
    }
