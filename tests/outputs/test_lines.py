"""Findings of a run folder point at the line on which their row begins, blank lines and headers counted."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import gate
from auditkit.outputs import render
from auditkit.report_data import read_report
from auditkit.run_folder import verify

POLICY = {"version": 1, "checkers": {"shouting": {}}}


def lines_of(run):
    sarif = json.loads(render(read_report(run), "sarif"))
    results = sarif["runs"][0]["results"]
    return [one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in results]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.jsonl", b'\n\n{"text": "a!!!"}\n{"text": "b"}\n\n{"text": "c!!!"}\n', [3, 6], id="blank lines"),
        pytest.param("a.jsonl", b'{"text": "a!!!"}\n{"text": "b!!!"}\n', [1, 2], id="none"),
        pytest.param("a.csv", b'text\nfine\n"two\nlines!!!"\nlast!!!\n', [3, 5], id="a header and a row of two lines"),
    ],
)
def test_lines(plugins, write, tmp_path, name, content, expected):
    gate(write(name, content), POLICY, out=tmp_path / "run")
    assert lines_of(tmp_path / "run") == expected
    assert verify(tmp_path / "run") == []
    said = render(read_report(tmp_path / "run"), "github").decode()
    assert [f"line={line}" in said for line in expected] == [True] * len(expected)
    assert (tmp_path / "run/lines.parquet").exists() is (expected != [1, 2])


def test_rows_of_parquet_count_from_one(plugins, tmp_path):
    pq.write_table(pa.table({"text": ["a", "b!!!"]}), tmp_path / "a.parquet")
    gate(tmp_path / "a.parquet", POLICY, out=tmp_path / "run")
    assert lines_of(tmp_path / "run") == [2]


def test_a_changed_file_of_lines_is_noticed(plugins, write, tmp_path):
    gate(write("a.jsonl", b'\n{"text": "a!!!"}\n'), POLICY, out=tmp_path / "run")
    (tmp_path / "run/lines.parquet").unlink()
    assert any("lines.parquet" in problem for problem in verify(tmp_path / "run"))
