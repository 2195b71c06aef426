"""Great Expectations: success is the verdict, nothing from a document is rendered, no connection; own expectations."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from samples import HOSTILE

from auditkit import gate, outputs
from auditkit.errors import MissingDependency
from auditkit.outputs.great_expectations import write_folder
from auditkit.outputs.great_expectations.library import great_expectations
from auditkit.report_data import read_report
from auditkit.review import write_baseline

LOUD = "quietly waiting at the gate!!!"
ROWS = [{"id": f"row-{n}", "text": LOUD if n == 0 else f"calm words number {n}"} for n in range(4)]
SHARE = "shouting.documents_share"


def policy(*gates, **more):
    checkers = {"shouting": {}, "letters": {}}
    return {"version": 1, "checkers": checkers, "gate": list(gates)} | more


CASES = [
    pytest.param(ROWS, policy(), "pass", id="no gate"),
    pytest.param(ROWS, policy({"metric": SHARE, "max": 0.25}), "pass", id="a value at its threshold"),
    pytest.param(ROWS, policy({"metric": SHARE, "max": 0.24}), "fail", id="a value above it"),
    pytest.param(ROWS, policy({"metric": SHARE, "slice": "shouting/loud", "max": 0.2}), "fail", id="a rule's share"),
    pytest.param(ROWS, policy({"metric": "letters.a_share", "min": 0.0}), "pass", id="a minimum"),
    pytest.param(ROWS, policy({"metric": "letters.a_share", "min": 0.9}), "fail", id="a minimum not reached"),
    pytest.param(ROWS, policy({"metric": SHARE, "max": 0.2, "confidence": 0.95}), "pass", id="undecided, warn"),
    pytest.param(ROWS, policy({"metric": SHARE, "max": 0.3, "confidence": 0.95, "on_undecided": "fail"}), "fail", id="undecided, fail"),
    pytest.param([*ROWS, "{broken"], policy({"metric": SHARE, "max": 0.5}), "fail", id="an unreadable row"),
    pytest.param([*ROWS, "{broken"], policy(corpus={"max_quarantined": 0.2}), "pass", id="an unreadable row, tolerated"),
    pytest.param(ROWS, policy() | {"checkers": {"shouting": {}, "crash": {}}}, "incomplete", id="a gap"),
    pytest.param(ROWS, policy({"metric": "crash.documents_share", "max": 1.0}) | {"checkers": {"crash": {}}}, "incomplete", id="a gate without a value"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library():
    return great_expectations()


def strings(value):
    """Every text in a JSON value, keys too."""
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in strings(part)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(("rows", "asked", "verdict"), CASES)
def test_success_is_the_verdict(plugins, library, write, tmp_path, rows, asked, verdict):
    gate(write("a.jsonl", rows), asked, out=tmp_path / "run")
    report = read_report(tmp_path / "run")
    said = json.loads(outputs.render(report, "gx"))
    suite, result = said["suite"], said["validation_result"]
    assert report.verdict == verdict
    assert result["success"] is (verdict == "pass")
    assert result["statistics"]["evaluated_expectations"] == len(result["results"]) == len(suite["expectations"])
    assert not [
        item for item in result["results"] if item["exception_info"]["raised_exception"] and report.counts["kept"]
    ]
    assert len(library.ExpectationSuite(**suite).expectations) == len(suite["expectations"])
    assert not [text for text in strings(said) if "row-" in text or "quietly" in text or "words" in text]


def test_without_a_document_nothing_passes(report):
    nothing = replace(report, documents=report.documents.slice(0, 0), manifest=report.manifest | {"verdict": "pass"})
    result = json.loads(outputs.render(nothing, "gx"))["validation_result"]
    assert result["success"] is False


def test_accepted_findings_count_for_nothing(plugins, write, tmp_path):
    path, asked = write("a.jsonl", ROWS), policy({"metric": SHARE, "max": 0.0})
    assert gate(path, asked, out=tmp_path / "one") == 1
    write_baseline(tmp_path / "one", tmp_path / "baseline.json")
    assert gate(path, asked, out=tmp_path / "two", baseline=tmp_path / "baseline.json") == 0
    result = json.loads(outputs.render(read_report(tmp_path / "two"), "gx"))["validation_result"]
    assert result["success"] is True
    (counted,) = [
        item for item in result["results"] if item["expectation_config"]["type"] == "expect_column_mean_to_be_between"
    ]
    assert counted["result"]["observed_value"] == 0.0
    assert result["meta"]["auditkit"]["rules"] == {"shouting/loud": {"findings": 1, "documents": 1, "waived": 1}}


def test_data_docs_hold_no_hostile_value(hostile, tmp_path):
    write_folder(hostile, tmp_path / "gx")
    pages = [
        path.read_text(encoding="utf-8") for path in (tmp_path / "gx").rglob("*") if path.suffix in {".html", ".json"}
    ]
    assert len(pages) == 5  # two JSON files, and of the Data Docs the index, the suite, the validation
    rendered = [text for text in HOSTILE if len(text) > 5]  # a shorter one is in any page by chance
    assert [text for page in pages for text in rendered if text in page] == []
    assert "document.title_" in "".join(pages), "the values are there, made harmless"
    assert json.loads((tmp_path / "gx/validation_result.json").read_text())["success"] is False


NO_SOCKET = """
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        raise AssertionError(event)
sys.addaudithook(watch)
from auditkit.cli import main
sys.exit(main())
"""


def test_the_command_opens_no_connection_and_is_silent(plugins, write, tmp_path):
    gate(write("a.jsonl", ROWS), policy({"metric": SHARE, "max": 0.1}), out=tmp_path / "run")
    arguments = ["report", tmp_path / "run", "--format", "gx", "--out", tmp_path / "gx"]
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKET, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "gx/data_docs/index.html").is_file()
    said = {name: json.loads((tmp_path / f"gx/{name}.json").read_text()) for name in ("suite", "validation_result")}
    assert json.loads(outputs.render(read_report(tmp_path / "run"), "gx")) == said


def test_a_missing_extra_is_named(report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    with pytest.raises(MissingDependency, match=r"pip install 'auditkit\[gx\]'"):
        outputs.write(report, "gx", tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


RIVER = "The river is long and wide, and many boats go up and down on it every day of the year."
CELLS = [
    RIVER,
    None,
    "Mail jo.doe@acme-corp.com now please",
    "You are a stupid idiot and I hate you",
    RIVER,
    "Paris, France",
]


@pytest.fixture(scope="module")
def own(library):
    """own(frame, *expectations) -> the results of a Checkpoint in the user's own project, in that order."""

    def run(frame, *expectations, result_format="COMPLETE"):
        context = library.get_context(mode="ephemeral")
        suite = context.suites.add(library.ExpectationSuite(name="own", expectations=list(expectations)))
        batch = (
            context.data_sources.add_pandas("mine")
            .add_dataframe_asset("texts")
            .add_batch_definition_whole_dataframe("all")
        )
        found = batch.get_batch({"dataframe": frame}).validate(suite, result_format=result_format)
        by_id = {item["expectation_config"]["id"]: item for item in found.to_json_dict()["results"]}
        return [by_id[expectation.id] for expectation in suite.expectations]

    return run


def test_own_expectations_tell_counts_and_rows(own):
    import auditkit.gx as ours

    frame = pd.DataFrame({"text": CELLS, "number": range(6)}, index=[9] * 6)
    table = [
        (ours.ExpectColumnTextToContainNoPii(column="text", options={"entities": ["EMAIL_ADDRESS"]}), False, [2]),
        (ours.ExpectColumnTextToContainNoPii(column="text", mostly=0.8), True, [2]),
        (ours.ExpectColumnTextToContainNoToxicText(column="text"), False, [3]),
        (ours.ExpectColumnTextToContainNoNearCopies(column="text"), False, [4]),
        (ours.ExpectRegionSkewWithin(column="text", max_distance=0.3), False, []),
        (ours.ExpectRegionSkewWithin(column="text", max_distance=1.0), True, []),
    ]
    found = own(frame, *(expectation for expectation, _, _ in table))
    for item, (_, success, rows) in zip(found, table, strict=True):
        assert item["success"] is success
        result = item["result"]
        assert (result["element_count"], result["missing_count"]) == (6, 1)
        assert result["unexpected_index_list"] == rows
        assert result["unexpected_count"] == len(rows)
    assert not [cell for cell in CELLS if cell and cell[:9] in json.dumps(found)]


def test_own_expectations_never_pass_what_was_not_looked_at(own):
    import auditkit.gx as ours

    frame = pd.DataFrame({"number": range(2), "mixed": ["secret words", 1], "empty": [None, None], "text": ["a", "b"]})
    no_pii = ours.ExpectColumnTextToContainNoPii
    asked = [no_pii(column=name) for name in ("number", "mixed", "empty", "absent")]
    misspelt = no_pii(column="text", options={"treshold": 1})
    found = own(frame, *asked, misspelt)
    assert [item["success"] for item in found] == [False] * 5
    assert "did you mean 'threshold'?" in json.dumps(found[4])
    assert "secret words" not in json.dumps(found)


def test_boolean_only_is_honoured(own):
    import auditkit.gx as ours

    (item,) = own(
        pd.DataFrame({"text": CELLS}), ours.ExpectColumnTextToContainNoPii(column="text"), result_format="BOOLEAN_ONLY"
    )
    assert (item["success"], item["result"]) == (False, {})


def test_the_suite_of_one_run_judges_the_next(plugins, library, own, write, tmp_path):
    import auditkit.gx as ours

    asked = policy({"metric": SHARE, "max": 0.1})
    for name, rows in (("calm", ROWS[1:]), ("loud", ROWS)):
        gate(write(f"{name}.jsonl", rows), asked, out=tmp_path / name)
    suite = json.loads(outputs.render(read_report(tmp_path / "calm"), "gx"))["suite"]
    for name, success in (("calm", True), ("loud", False)):
        expectations = library.ExpectationSuite(**suite).expectations
        assert all(item["success"] for item in own(ours.documents(tmp_path / name), *expectations)) is success
