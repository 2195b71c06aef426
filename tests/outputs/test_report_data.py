"""Reading a run folder, and the views and words that every rendering shares."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import samples

from auditkit.checker import BUILTIN, checker_class
from auditkit.errors import RunFolderError
from auditkit.policy import STANDARD_METRICS
from auditkit.report_data import Report, read_report
from auditkit.report_data.views import COPIES, copies, drop_reasons, next_steps, rule_counts, why, worst_findings
from auditkit.report_data.words import (
    amount,
    bound,
    details,
    evidence,
    gate_value,
    interval,
    meanings,
    percent,
    plain,
    seconds,
    size,
)


@pytest.fixture
def folder(tmp_path: Path, report: Report) -> Path:
    for name, content in (("manifest", report.manifest), ("metrics", report.metrics), ("run", report.run)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    for name in ("findings", "documents", "certificates"):
        pq.write_table(getattr(report, name), tmp_path / f"{name}.parquet", write_page_checksum=True)
    return tmp_path


def test_a_run_folder_reads_back(folder: Path, report: Report) -> None:
    read = read_report(folder)
    assert read.manifest == report.manifest
    assert read.findings.equals(report.findings)
    assert read.certificates.equals(report.certificates)
    assert list(read.before) == []


def test_the_round_before_is_read_from_a_folder_or_a_file(folder: Path, report: Report) -> None:
    assert list(read_report(folder, before=folder).before) == list(report.metrics)
    assert list(read_report(folder, before=folder / "metrics.json").before) == list(report.metrics)


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json", "findings.parquet", "documents.parquet"])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(RunFolderError, match=f"no {name}; is it a run folder"):
        read_report(folder)


@pytest.mark.parametrize("name", ["manifest.json", "findings.parquet"])
def test_a_damaged_file_is_named(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"PAR1{")
    with pytest.raises(RunFolderError, match=f"{name} is damaged"):
        read_report(folder)


def test_drop_reasons_add_up(report: Report) -> None:
    reasons = drop_reasons(report)
    assert sum(reason.first for reason in reasons) == report.counts["dropped"]
    assert all(reason.first <= reason.all for reason in reasons)
    assert [reason.first for reason in reasons] == sorted((reason.first for reason in reasons), reverse=True)


def test_dropped_without_a_reason_is_said() -> None:
    report = samples.sample(n_rows=30, n_findings=0)
    documents = report.documents.set_column(4, "decision", pa.array(["drop"] * report.documents.num_rows))
    bare = Report(report.manifest, report.metrics, report.run, report.findings, documents, report.certificates)
    assert drop_reasons(bare) == [("", 23, 23)]


def test_worst_findings_show_each_rule_and_each_document_once(report: Report) -> None:
    worst = worst_findings(report, "pii", limit=6)
    assert {row["rule"] for row in worst} == {"pii/email", "pii/credit-card", "pii/phone"}
    assert len({(row["file"], row["row"]) for row in worst}) == 6
    assert worst[0]["severity"] == "critical"


def test_rule_counts_are_sorted_by_severity(report: Report) -> None:
    counted = rule_counts(report)
    assert sum(row.findings for row in counted) == report.findings.num_rows
    assert counted[0].severity == "critical"
    assert counted[-1].severity == "low"


def test_copies_count_every_certificate(report: Report) -> None:
    n_removed = report.certificates.num_rows
    found = copies(report, n_removed)
    assert (found.n_removed, found.n_kept) == (n_removed, len(found.largest))
    assert sum(group.size for group in found.largest) == n_removed
    assert [group.size for group in found.largest] == sorted((one.size for one in found.largest), reverse=True)
    for group in found.largest:
        assert len(group.removed) == min(group.size, COPIES)
        assert all(group.low <= jaccard <= group.high for _, _, jaccard in group.removed)
    assert copies(report, 1).largest == found.largest[:1]


@pytest.mark.parametrize("verdict", ["pass", "fail", "incomplete"])
def test_there_is_always_something_to_do_next(verdict: str) -> None:
    assert 1 <= len(next_steps(samples.sample(n_rows=60, n_findings=9, verdict=verdict))) <= 4


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0%"),
        (1.0, "100%"),
        (0.9999, "99.99%"),
        (0.00001, "0.001%"),
        (0.034, "3.40%"),
        (0.5, "50.0%"),
        (1e-19, "0%"),
        (0.0999, "9.99%"),
    ],
)
def test_percent(value: float | None, shown: str) -> None:
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("documents_share", 0.25, "25.0%"),
        ("region.tv_distance", 0.4421, "44.2%"),
        ("findings", 12345.0, "12,345"),
        ("compression_ratio", 3.21444, "3.214"),
        ("region.ratio", 0.1399, "0.1399"),
        ("vocabulary", None, "–"),
    ],
)
def test_amount(metric: str, value: float | None, shown: str) -> None:
    assert amount(metric, value) == shown


def test_bound_and_interval() -> None:
    gate = {"metric": "pii.documents_share", "op": "max", "threshold": 0.02}
    assert bound(gate) == "at most 2%"
    assert bound(gate | {"op": "min", "threshold": 0.125}) == "at least 12.5%"
    assert interval("pii.documents_share", 0.01, 0.02) == "1.00% to 2.00%"
    assert interval("pii.documents_share", None, 0.02) == ""


@pytest.mark.parametrize(
    ("value", "shown"), [(0.423, "0.42 s"), (14.2, "14 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_seconds(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(12, "12 bytes"), (4_308_338, "4.3 MB"), (2.5e9, "2.5 GB"), (1500, "1.5 kB")]
)
def test_size(value: float, shown: str) -> None:
    assert size(value) == shown


def test_plain_cuts_after_escaping() -> None:
    assert len(plain("\u200b" * 500, limit=60)) == 60
    assert plain("a\nb\u202ec\ufffe") == "a\\x0ab\\u202ec\\ufffe"
    assert plain(None) == ""


def test_gaps_of_many_shards_become_one_sentence(report: Report) -> None:
    gap = {"checker": "pii", "file": "a.jsonl", "first_row": 0, "n_rows": 10, "reason": "out of time"}
    gaps = [
        gap,
        gap | {"first_row": 10},
        gap | {"file": "b.jsonl"},
        gap | {"file": "", "n_rows": 0, "reason": "nothing"},
    ]
    reasons = ["pii did not look at a.jsonl rows 0-9: out of time", "the rest"]
    manifest = {**report.manifest, "gaps": gaps, "reasons": reasons}
    said = why(replace(report, manifest=manifest))
    assert said == ["pii did not look at 30 rows of 2 files: out of time", "the rest"]


def test_a_checker_that_never_looked_is_said(report: Report) -> None:
    gap = {"checker": "toxicity", "file": "", "first_row": 0, "n_rows": 0, "reason": "no model"}
    said = why(replace(report, manifest={**report.manifest, "gaps": [gap], "reasons": []}))
    assert said == ["toxicity did not look at the corpus: no model"]


@pytest.mark.parametrize(
    ("metric", "value", "threshold", "shown"),
    [
        ("toxicity.documents_share", 0.020010, 0.02, "2.001%"),
        ("toxicity.documents_share", 0.02, 0.02, "2.00%"),
        ("toxicity.documents_share", 0.05, 0.02, "5.00%"),
        ("diversity.compression_ratio", 3.00004, 3.0, "3.00004"),
        ("diversity.vocabulary", None, 5.0, "–"),
    ],
)
def test_a_failing_value_never_looks_like_its_threshold(
    metric: str, value: float | None, threshold: float, shown: str
) -> None:
    assert gate_value({"metric": metric, "value": value, "threshold": threshold}) == shown


@pytest.mark.parametrize("checker", sorted(BUILTIN))
def test_the_numbers_of_a_built_in_checker_are_explained(checker: str) -> None:
    """Nearly all have a sentence in reports/templates/metrics.toml, and none that is gone has left one behind."""
    names = {f"{checker}.{metric}" for metric in (*checker_class(checker).METRICS, *STANDARD_METRICS)}
    explained = {name for name in meanings() if name.startswith(f"{checker}.")}
    assert explained - names == set()
    assert {f"{checker}.{metric}" for metric in STANDARD_METRICS} <= explained
    assert len(explained) >= 0.75 * len(names)


@pytest.mark.parametrize(
    ("detail", "values", "shown"),
    [
        ('{"ratio":3.33333,"slice":"Europe"}', {"ratio": 3.33333, "slice": "Europe"}, "ratio 3.333, slice Europe"),
        (None, {}, ""),
        ("not JSON", {"text": "not JSON"}, "text not JSON"),
        ("[1]", {"text": [1]}, ""),
    ],
)
def test_detail_stands_in_where_there_is_no_evidence(detail: str | None, values: dict, shown: str) -> None:
    finding = {"evidence": "", "detail": detail}
    assert details(finding) == values
    assert evidence(finding) == shown
    assert evidence(finding | {"evidence": "j***"}) == "j***"
