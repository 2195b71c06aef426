"""What each rendering says of a realistic run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import samples
from jsonschema import Draft202012Validator

from auditkit import outputs
from auditkit.errors import ConfigError
from auditkit.outputs import terminal
from auditkit.report_data import Report


def text_of(report: Report, format: str) -> str:
    return outputs.render(report, format).decode()


def test_unknown_format_suggests() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sarif'"):
        outputs.render(samples.empty(), "sarrif")


@pytest.mark.parametrize("verdict", ["pass", "fail", "incomplete"])
@pytest.mark.parametrize("format", ["text", "html", "markdown", "json", "github"])
def test_verdict_is_said_first(format: str, verdict: str) -> None:
    text = text_of(replace(samples.sample(n_rows=50, n_findings=5, verdict=verdict)), format)
    body = text[text.index("<body>") :] if format == "html" else text
    first = min(
        (place for word in ("pass", "fail", "incomplete") if (place := body.lower().find(word)) >= 0),
    )
    if format in ("html", "markdown", "github"):
        assert body[first:].lower().startswith(verdict)
    assert verdict in body.lower()


@pytest.mark.parametrize("format", ["text", "html", "markdown", "junit"])
def test_every_checker_is_there_with_its_coverage(format: str, report: Report) -> None:
    text = text_of(report, format)
    for checker in report.checkers:
        assert checker["name"] in text
    assert "4,880 of 4,993" in text


@pytest.mark.parametrize("format", ["text", "html", "markdown"])
def test_failed_gate_says_value_interval_and_bound(format: str, report: Report) -> None:
    text = re.sub(r"\s+", " ", text_of(report, format))
    assert text.count("pii.documents_share is 3.40% (2.88% to 3.94%), allowed is at most 2%") == 1


@pytest.mark.parametrize("format", ["text", "html", "markdown"])
def test_counts_and_drop_reasons(format: str, report: Report) -> None:
    text = text_of(report, format)
    for name in ("kept", "redacted", "dropped", "quarantined"):
        assert f"{report.counts[name]:,}" in text
    assert "near_duplicates/near_copy" in text


def test_text_summary_first_screen(report: Report) -> None:
    lines = terminal.render(report).splitlines()
    assert len(lines) <= 40
    assert lines[0] == "auditkit 0.1.0, policy synthetic-sft, 2 files, 5,000 rows, 4.3 MB, 14 s"
    (pii,) = [line for line in lines if " pii " in line]
    assert pii.split() == [
        "✗",
        "pii",
        "3.40%",
        "of",
        "documents",
        "hold",
        "private",
        "data",
        "4,993",
        "of",
        "4,993",
        "4.1",
        "s",
    ]


def test_text_marks_are_ascii_where_the_terminal_is(report: Report) -> None:
    import io

    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    terminal.summary(report, terminal.console_for(stream))
    stream.flush()
    assert any(line.startswith((b"X  pii", b"X   pii")) for line in raw.getvalue().splitlines())


def test_lines_are_those_of_a_linter(report: Report) -> None:
    lines = terminal.lines(report, paths={"instructions.jsonl": "data/instructions.jsonl"}).splitlines()
    waived = pc.sum(report.findings["waived"].cast(pa.int64())).as_py()
    assert len(lines) == report.findings.num_rows - waived
    assert all(re.fullmatch(r"\S+:\d+: \S+/\S+: .+", line) for line in lines)
    assert any(line.startswith("data/instructions.jsonl:") for line in lines)


def test_json_findings_carry_fingerprints_and_no_lost_value(report: Report) -> None:
    found = json.loads(text_of(report, "json"))
    assert found["verdict"] == "incomplete"
    assert [row["rule"] for row in found["findings"]] == report.findings["rule"].to_pylist()
    assert all(re.fullmatch("[0-9a-f]{32}", row["fingerprint"]) for row in found["findings"] if row["row"] is not None)
    assert sum(row["first"] for row in found["drop_reasons"]) == report.counts["dropped"]


SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"required": ["driver"], "properties": {"driver": {"required": ["name", "rules"]}}},
                    "results": {
                        "items": {
                            "required": ["ruleId", "ruleIndex", "message", "locations", "partialFingerprints"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"required": ["text"], "properties": {"text": {"minLength": 1}}},
                            },
                        }
                    },
                },
            }
        },
    },
}
"""Of OASIS sarif-schema-2.1.0.json the parts that this output uses; the whole schema accepts it as well."""


def test_sarif_is_valid_and_every_rule_described(report: Report) -> None:
    log = json.loads(text_of(report, "sarif"))
    Draft202012Validator(SARIF).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert {result["ruleId"] for result in run["results"]} == set(rules)
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert run["invocations"][0]["executionSuccessful"] is False


def prints_of(report: Report) -> list[str]:
    (run,) = json.loads(text_of(report, "sarif"))["runs"]
    return [result["partialFingerprints"]["auditkit/v1"] for result in run["results"]]


def test_sarif_fingerprints_are_unique_and_survive_moved_rows(report: Report) -> None:
    def moved(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index("row"), "row", pc.add(table["row"], 100))

    later = replace(report, findings=moved(report.findings), documents=moved(report.documents))
    assert len(set(prints_of(report))) == report.findings.num_rows
    assert prints_of(later) == prints_of(report)


def test_sarif_lines_count_from_one_and_follow_the_file(report: Report) -> None:
    (run,) = json.loads(text_of(report, "sarif"))["runs"]
    rows = report.findings["row"].to_pylist()
    lines = [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]]
    assert lines == [1 if row is None else row + 1 for row in rows]
    known = report.documents.append_column("line", pc.multiply(report.documents["row"], 2))
    (run,) = json.loads(text_of(replace(report, documents=known), "sarif"))["runs"]
    lines = [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]]
    assert lines == [1 if row is None else max(1, 2 * row) for row in rows]


def test_waived_findings_are_suppressed_but_visible(report: Report) -> None:
    (run,) = json.loads(text_of(report, "sarif"))["runs"]
    waived = [i for i, value in enumerate(report.findings["waived"].to_pylist()) if value]
    assert [i for i, result in enumerate(run["results"]) if "suppressions" in result] == waived
    github = text_of(report, "github")
    assert github.count("\n") < report.findings.num_rows + 12


def test_junit_fails_with_the_gates_not_with_the_findings(report: Report) -> None:
    root = ET.fromstring(text_of(report, "junit"))
    failed = {suite.attrib["name"]: (suite.attrib["failures"], suite.attrib["errors"]) for suite in root}
    assert failed == {"auditkit.gates": ("2", "1"), "auditkit.coverage": ("0", "1"), "auditkit.findings": ("0", "0")}


def test_junit_without_gates_fails_with_the_findings(report: Report) -> None:
    scan = replace(report, manifest={**report.manifest, "gates": []})
    root = ET.fromstring(text_of(scan, "junit"))
    assert [suite.attrib["failures"] for suite in root] == ["0", "0", "8"]


def test_html_says_what_changed_since_the_round_before(report: Report) -> None:
    before = [{**row, "value": 0.01} if row["metric"] == "documents_share" else row for row in report.metrics]
    assert "What changed since the round before" not in text_of(report, "html")
    assert "What changed since the round before" in text_of(replace(report, before=before), "html")


def test_html_of_ten_thousand_findings_is_small() -> None:
    large = samples.sample(n_rows=10_000, n_findings=10_000)
    page = text_of(large, "html")
    assert len(page.encode()) <= 5_000_000
    block = json.loads(page.split('id="findings-data">')[1].split("</script>")[0])
    assert len(block["columns"]["rule"]) == large.findings.num_rows


def test_html_stays_within_its_budget_when_every_text_is_long(report: Report) -> None:
    n = 12_000
    columns = {column.name: pa.nulls(n, column.type) for column in report.findings.schema}
    columns |= {name: pa.array([f"{i} {'語' * 300}" for i in range(n)]) for name in ("id", "evidence", "detail")}
    columns |= {"file": pa.array(["a.jsonl"] * n), "row": pa.array(range(n), pa.int64())}
    columns |= {"rule": pa.array(["pii/email"] * n), "checker": pa.array(["pii"] * n), "score": pa.array([0.5] * n)}
    columns |= {"severity": pa.array(["high"] * n), "action": pa.array(["flag"] * n), "waived": pa.array([False] * n)}
    page = text_of(replace(report, findings=pa.table(columns, schema=report.findings.schema)), "html")
    assert len(page.encode()) <= 5_000_000
    said = re.findall(r"[\d,]+ of 12,000 findings, the worst of every rule; findings.parquet has all", page)
    assert len(said) == 1


def test_card_is_one_section_between_marks(report: Report) -> None:
    text = text_of(report, "card")
    assert text.startswith("<!-- auditkit:begin -->\n## Audit\n")
    assert text.endswith("<!-- auditkit:end -->\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Audit"]
    assert "4,561 of 5,000 rows are in this data set" in text


def test_croissant_fills_the_fields_of_responsible_ai(report: Report) -> None:
    found = json.loads(text_of(report, "croissant"))
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
    assert {name for name in found if name.startswith("rai:")} == {
        "rai:dataBiases",
        "rai:dataLimitations",
        "rai:personalSensitiveInformation",
        "rai:dataPreprocessingProtocol",
        "rai:machineAnnotationTools",
    }
    assert [item["contentUrl"] for item in found["distribution"]] == ["kept/instructions.jsonl"]
    assert found["rai:personalSensitiveInformation"][0].startswith("Before filtering 3.40% of documents")


@pytest.mark.parametrize("format", ["sarif", "github", "junit"])
def test_paths_are_those_that_the_user_gave(format: str, report: Report) -> None:
    given = replace(report, paths={"instructions.jsonl": "data/a b/instructions.jsonl"})
    found = {"sarif": "data/a%20b/instructions.jsonl", "github": "file=data/a b/instructions.jsonl,"}
    assert text_of(given, format).count(found.get(format, "data/a b/instructions.jsonl:")) > 10
    assert text_of(report, format).count("data/a") == 0


@pytest.mark.parametrize("format", ["text", "html", "markdown"])
def test_fields_that_nobody_looked_at_are_named(format: str, report: Report) -> None:
    assert "ields not looked at" not in text_of(report, format)
    assert "nobody looked at" not in text_of(report, format)
    first, *others = report.manifest["inputs"]
    layout = first["layout"] | samples.unread(["url", "metadata.author", *(f"more_{n}" for n in range(20))], more=7)
    text = text_of(
        replace(report, manifest=report.manifest | {"inputs": [first | {"layout": layout}, *others]}), format
    )
    plain = re.sub(r"<[^>]+>|`", "", text)
    if format == "text":
        assert "fields not looked at: url, metadata.author (27 more)\n" in plain
    else:
        assert "Fields that nobody looked at: url, metadata.author, more_0, " in plain
        assert "more_9 (17 more), seen in the first 1,000 rows of a file." in plain
