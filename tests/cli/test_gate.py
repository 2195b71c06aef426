"""`auditkit gate` as a user runs it: rows accounted for, bytes kept, the run folder whole, resumed, verified."""

from __future__ import annotations

import base64
import fcntl
import gzip
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from auditkit import gate
from auditkit.errors import ConfigError, InputError, RunFolderError
from auditkit.run_folder import verify

EMAIL = "jane.roe@acme-corp.com"
SHOUTING = {"version": 1, "checkers": {"shouting": {"action": "drop"}}}
TOLERANT = SHOUTING | {"corpus": {"max_quarantined": 1.0}}
REDACT = {"version": 1, "checkers": {"pii": {"action": "redact", "redact": "label", "entities": ["EMAIL_ADDRESS"]}}}
LINES = [
    '{"id": "a", "text": "quiet"}',
    '{"id": "b",   "text":"loud!!!"}',
    '{"id": "c", "text": broken}',
    '{"text": "caf\\u00e9", "id": "d", "extra": [1, 2.50, null]}',
]


def manifest(run):
    return json.loads((Path(run) / "manifest.json").read_text(encoding="utf-8"))


def table(run, name):
    return pq.read_table(Path(run) / f"{name}.parquet").to_pylist()


def test_rows_are_split_byte_for_byte_and_add_up(plugins, write, tmp_path):
    code = gate(write("a.jsonl", LINES), TOLERANT, out=tmp_path / "run")
    said = manifest(tmp_path / "run")
    assert code == 0
    assert said["verdict"] == "pass"
    assert said["counts"] == {"rows_in": 4, "kept": 2, "redacted": 0, "dropped": 1, "quarantined": 1}
    assert (tmp_path / "run/kept/a.jsonl").read_text() == LINES[0] + "\n" + LINES[3] + "\n"
    assert (tmp_path / "run/dropped/a.jsonl").read_text() == LINES[1] + "\n"
    row = json.loads((tmp_path / "run/quarantine.jsonl").read_text())
    assert (row["file"], row["row"], row["line"]) == ("a.jsonl", 2, 3)
    assert row["offset"] == len(LINES[0]) + len(LINES[1]) + 2
    assert base64.b64decode(row["raw"]).decode().rstrip("\n") == LINES[2]
    assert verify(tmp_path / "run") == []


def test_findings_and_documents_tell_file_row_id_and_place(plugins, write, tmp_path):
    gate(write("a.jsonl", LINES), TOLERANT, out=tmp_path / "run")
    (finding,) = table(tmp_path / "run", "findings")
    assert finding | {"evidence": "", "detail": ""} == {
        "file": "a.jsonl", "row": 1, "id": "b", "field": "text", "checker": "shouting", "rule": "shouting/loud",
        "start": 4, "end": 7, "score": 0.5, "severity": "low", "action": "drop", "group": None, "evidence": "",
        "detail": "", "waived": False,
    }  # fmt: skip
    documents = table(tmp_path / "run", "documents")
    assert [(row["row"], row["decision"], row["reasons"], row["shouting/loud"]) for row in documents] == [
        (0, "keep", [], 0.0),
        (1, "drop", ["shouting/loud"], 1.0),
        (3, "keep", [], 0.0),
    ]


def test_unreadable_rows_fail_the_gate_unless_tolerated(plugins, write, tmp_path):
    assert gate(write("a.jsonl", LINES), SHOUTING, out=tmp_path / "run") == 1
    assert "1 of 4 rows could not be read" in manifest(tmp_path / "run")["reasons"][0]


def test_the_quarantine_file_is_there_when_it_is_empty(plugins, write, tmp_path):
    gate(write("a.jsonl", LINES[:1]), SHOUTING, out=tmp_path / "run")
    assert (tmp_path / "run/quarantine.jsonl").read_bytes() == b""
    assert not (tmp_path / "run/dropped").exists() or not list((tmp_path / "run/dropped").iterdir())


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f'{{"text":"mail {EMAIL} now","n":1.50}}', id="plain"),
        pytest.param(
            f'{{ "n" : 1.50, "text" : "caf\\u00e9 \\ud83d\\ude00 \\"{EMAIL}\\" \\n", "z":"\\/"}}',
            id="escapes around it",
        ),
        pytest.param(f'{{"text": "é😀 {EMAIL}", "other": "{EMAIL}"}}', id="another field is left alone"),
        pytest.param('{"text": "mail jane.roe\\u0040acme-corp.com"}', id="escape inside it"),
    ],
)
def test_redaction_changes_only_the_value(write, tmp_path, line):
    gate(write("a.jsonl", [line]), REDACT, out=tmp_path / "run", fields={"text": "text"})
    kept = (tmp_path / "run/kept/a.jsonl").read_text(encoding="utf-8").rstrip("\n")
    before, after = json.loads(line), json.loads(kept)
    assert after["text"] == before["text"].replace(EMAIL, "[EMAIL_ADDRESS]")
    assert {key: value for key, value in after.items() if key != "text"} == {
        key: value for key, value in before.items() if key != "text"
    }
    head, tail = line[: line.index("jane")], line[line.index("corp.com") + 8 :]
    assert kept.startswith(head)
    assert kept.endswith(tail)
    assert table(tmp_path / "run", "documents")[0]["decision"] == "redact"
    assert manifest(tmp_path / "run")["counts"]["redacted"] == 1


def test_no_raw_value_is_left_outside_dropped_and_quarantine(write, tmp_path):
    gate(write("a.jsonl", [{"text": f"mail {EMAIL} now"}]), REDACT, out=tmp_path / "run")
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert EMAIL.encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize("name", ["findings.parquet", "documents.parquet", "metrics.json", "quarantine.jsonl", "kept/a.jsonl",
                                  "dropped/a.jsonl", "certificates.parquet", "manifest.json", "run.json", "report.html", "report.md"])  # fmt: skip
def test_verify_sees_one_flipped_byte_in_any_file(plugins, write, tmp_path, command, name):
    run = tmp_path / "run"
    gate(write("a.jsonl", LINES), TOLERANT, out=run)
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2] ^= 1
    (run / name).write_bytes(data)
    done = command("verify", run)
    assert done.returncode in (1, 3)
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_sees_files_missing_and_added(plugins, write, tmp_path):
    run = tmp_path / "run"
    gate(write("a.jsonl", LINES), TOLERANT, out=run)
    (run / "kept/b.jsonl").write_text("{}\n")
    (run / "dropped/a.jsonl").unlink()
    problems = " ".join(verify(run))
    assert "kept/b.jsonl: was not written by the run" in problems
    assert "dropped/a.jsonl: is missing" in problems


def test_the_manifest_knows_neither_folder_nor_clock_nor_workers(plugins, write, tmp_path):
    path = write("a.jsonl", LINES)
    for number, options in enumerate(({}, {"runner": "processes", "workers": 2})):
        gate(path, TOLERANT, out=tmp_path / f"run{number}", **options)
    one, other = ((tmp_path / f"run{number}" / "manifest.json").read_bytes() for number in (0, 1))
    assert one == other
    assert str(tmp_path).encode() not in one


def test_several_files_and_layouts_in_one_run(plugins, write, tmp_path):
    write(
        "in/chat.jsonl", [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho!!!"}]}]
    )
    write("in/sub/alpaca.jsonl", [{"instruction": "do", "input": "", "output": "done!!!"}])
    write("in/plain.csv", ["id,text", '1,"wait!!!"', "2,no"])
    write("in/z.jsonl.gz", gzip.compress(b'{"text": "zip!!!"}\n'))
    gate(tmp_path / "in", TOLERANT, out=tmp_path / "run")
    found = {(row["file"], row["field"]) for row in table(tmp_path / "run", "findings")}
    assert found == {
        ("chat.jsonl", "messages[1].content"),
        ("sub/alpaca.jsonl", "output"),
        ("plain.csv", "text"),
        ("z.jsonl.gz", "text"),
    }
    assert (tmp_path / "run/kept/plain.csv").read_text() == "id,text\n2,no\n"
    assert gzip.decompress((tmp_path / "run/dropped/z.jsonl.gz").read_bytes()) == b'{"text": "zip!!!"}\n'
    assert [row["path"] for row in manifest(tmp_path / "run")["inputs"]] == sorted(
        row["path"] for row in manifest(tmp_path / "run")["inputs"]
    )
    assert verify(tmp_path / "run") == []


def test_the_order_of_inputs_does_not_matter(plugins, write, tmp_path):
    paths = [str(write(f"{name}.jsonl", LINES)) for name in "abc"]
    gate(paths, TOLERANT, out=tmp_path / "one")
    gate(paths[::-1], TOLERANT, out=tmp_path / "other")
    for name in ("manifest.json", "findings.parquet", "documents.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_refused_file_publishes_nothing_and_is_named(plugins, write, tmp_path):
    good = write("good.jsonl", LINES)
    bad = write("bad.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 100)[:-6])
    with pytest.raises(InputError, match=r"bad\.jsonl\.gz"):
        gate([str(good), str(bad)], TOLERANT, out=tmp_path / "run")
    assert not (tmp_path / "run/manifest.json").exists()
    assert not (tmp_path / "run/kept").exists()


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


def test_a_killed_run_goes_on_where_it_was_and_ends_in_the_same_bytes(plugins, write, tmp_path):
    rows = [{"id": str(i), "text": f"row {i} " + "x" * 2000 + ("!!!" if i % 7 == 0 else "")} for i in range(6000)]
    path = write("a.jsonl", rows)
    seen = []

    def stop_at_second(shard):
        seen.append(shard.index)
        if shard.index == 2:
            raise KilledError

    with pytest.raises(KilledError):
        gate(path, TOLERANT, out=tmp_path / "run", advance=stop_at_second)
    assert not (tmp_path / "run/manifest.json").exists()
    with pytest.raises(ConfigError, match="--resume"):
        gate(path, TOLERANT, out=tmp_path / "run")
    done_before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "run/_work").glob("shard-*.npz")}
    assert done_before
    kept_mtimes = {}

    def watch(_shard):
        kept_mtimes.update(
            {file.name: file.stat().st_mtime_ns for file in (tmp_path / "run/_work").glob("shard-*.npz")}
        )

    assert gate(path, TOLERANT, out=tmp_path / "run", resume=True, advance=watch) == 0
    assert all(kept_mtimes[name] == mtime for name, mtime in done_before.items()), "finished shards are not done again"
    gate(path, TOLERANT, out=tmp_path / "whole")
    for name in ("manifest.json", "findings.parquet", "documents.parquet", "kept/a.jsonl", "dropped/a.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_resume_of_a_whole_run_answers_its_exit_code(plugins, write, tmp_path):
    path = write("a.jsonl", LINES)
    assert gate(path, SHOUTING, out=tmp_path / "run") == 1
    before = (tmp_path / "run/manifest.json").stat().st_mtime_ns
    assert gate(path, SHOUTING, out=tmp_path / "run", resume=True) == 1
    assert (tmp_path / "run/manifest.json").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="finished run"):
        gate(path, SHOUTING, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="another policy"):
        gate(path, TOLERANT, out=tmp_path / "run", resume=True)


def test_a_folder_in_use_foreign_or_unwritable_is_refused(plugins, write, tmp_path):
    path = write("a.jsonl", LINES)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.doc").write_text("mine")
    with pytest.raises(RunFolderError, match="holds no run"):
        gate(path, TOLERANT, out=tmp_path / "foreign")
    assert (tmp_path / "foreign/thesis.doc").read_text() == "mine"
    (tmp_path / "busy").mkdir()
    lock = os.open(tmp_path / "busy/.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(RunFolderError, match="another run is using it"):
        gate(path, TOLERANT, out=tmp_path / "busy")
    os.close(lock)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write"):
        gate(path, TOLERANT, out=tmp_path / "file")


def test_files_of_a_run_are_readable_by_their_owner_alone(plugins, write, tmp_path):
    gate(write("a.jsonl", LINES), TOLERANT, out=tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0


def test_tables_and_frames_are_audited_like_files(plugins):
    import pandas as pd
    import pyarrow as pa

    from auditkit import audit

    rows = {"id": ["a", "b"], "text": ["quiet", "loud!!!"]}
    for source in (pa.table(rows), pd.DataFrame(rows), pa.table(rows).to_reader()):
        result = audit(source, TOLERANT)
        assert result.verdict.word == "pass"
        assert result.findings["row"].to_pylist() == [1]
        assert list(result.documents.to_pandas()["decision"]) == ["keep", "drop"]
