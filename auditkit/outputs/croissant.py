"""Croissant metadata of the kept corpus with the fields of its responsible-AI extension, as JSON-LD.

What the audit knows is filled in: files with hashes, biases, limits, private information, what was done to the data.
Name, licence and URL are the owner's to add. Source: MLCommons Croissant 1.0 and Croissant RAI 1.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from auditkit.report_data import Report, Row
from auditkit.report_data.views import drop_reasons, gate_sentence, headline, rule_counts, why
from auditkit.report_data.words import amount, count, interval, percent, plain

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
}
KINDS = {"jsonl": "application/jsonlines", "ndjson": "application/jsonlines", "parquet": "application/x-parquet"}
KINDS |= {"csv": "text/csv", "tsv": "text/tab-separated-values", "gz": "application/gzip", "zst": "application/zstd"}
MOST = 12  # groups or rules named in a sentence


def render(report: Report) -> str:
    """One JSON-LD object of type Dataset."""
    counts = report.counts
    said = f"{count(counts['kept'] + counts['redacted'])} rows that auditkit kept of {count(counts['rows_in'])}"
    policy = plain(report.manifest["policy"]["name"])
    content = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": "audited-corpus",
        "description": f"{said} under the policy {policy}; verdict: {report.verdict}.",
        "distribution": [_file(item) for item in report.manifest["outputs"] if item["path"].startswith("kept/")],
        "rai:dataBiases": _biases(report),
        "rai:dataLimitations": [plain(sentence, limit=400) for sentence in (*why(report), *_missing(report))],
        "rai:personalSensitiveInformation": _private(report),
        "rai:dataPreprocessingProtocol": _done(report),
        "rai:machineAnnotationTools": [f"auditkit {plain(report.manifest['auditkit'])}"],
    }
    return json.dumps(content, indent=1, ensure_ascii=True).replace("\x7f", "\\u007f") + "\n"


def _file(item: Row) -> dict[str, str]:
    """A kept file as a cr:FileObject."""
    path = plain(item["path"], limit=1000)
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{item['bytes']} B",
        "encodingFormat": KINDS.get(path.rpartition(".")[2], "text/plain"),
        "sha256": plain(item["sha256"]),
    }


def _biases(report: Report) -> list[str]:
    """Each group that is clearly far from its reference."""
    ratios = [row for row in report.metrics_of("skew") if row["metric"].endswith(".ratio")]
    rows = [row for row in ratios if row["status"] == "fail" and row["metric"] != "country.ratio"]
    said = [f"{plain(row['metric'].removesuffix('.ratio'))} {plain(row['slice'])}: {_times(row)}" for row in rows]
    measured = report.metric("skew", "region.tv_distance")
    if measured is not None and measured["value"] is not None:
        said.insert(0, f"Regions are {percent(measured['value'])} away from {plain(measured['reference'])}.")
    return said[:100] or ["No group is clearly far from its reference." if ratios else "Not measured."]


def _times(row: Row) -> str:
    around = "" if row["low"] is None or row["high"] is None else f" ({row['low']:.2g} to {row['high']:.2g})"
    return f"{row['value']:.2g} times as often as in {plain(row['reference'] or 'the reference')}{around}"


def _missing(report: Report) -> list[str]:
    """What the checkers could not look for."""
    rows = [row for row in report.metrics if row["status"] == "not_looked_for"]
    return [f"{row['checker']} did not look for {row['slice']}: {row['reference']}" for row in rows[:MOST]]


def _private(report: Report) -> list[str]:
    row, words = headline(report, "pii")
    if row is None or row["value"] is None:
        return ["Not measured."]
    around = interval(row["metric"], row["low"], row["high"])
    said = f"Before filtering {amount(row['metric'], row['value'])} {words} ({around})."
    named = [f"{plain(item.rule)}: {count(item.documents)}" for item in rule_counts(report) if item.checker == "pii"]
    return [said, *_some("Documents by kind: ", named)]


def _done(report: Report) -> list[str]:
    counts = report.counts
    said = f"{count(counts['dropped'])} rows dropped, {count(counts['redacted'])} kept with spans redacted, "
    said += f"{count(counts['quarantined'])} unreadable."
    dropped = [f"{plain(reason.rule)}: {count(reason.first)}" for reason in drop_reasons(report)]
    return [
        said,
        *_some("Dropped because of: ", dropped),
        *(f"Gate: {gate_sentence(gate)}." for gate in report.gates[:MOST]),
    ]


def _some(before: str, items: Sequence[str]) -> list[str]:
    return [before + ", ".join(items[:MOST]) + "."] if items else []
