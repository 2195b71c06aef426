"""Limits of [corpus]: each ends in a clear word, none in silence."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import audit, gate
from auditkit.errors import ConfigError, InputError
from auditkit.policy import Corpus, Policy
from auditkit.shards import Limits

ROW = {"text": "one two three!!!"}


def policy(**limits):
    return {"version": 1, "corpus": {"max_quarantined": 1.0} | limits, "checkers": {"shouting": {"action": "redact"}}}


@pytest.mark.parametrize(
    ("limits", "row", "said"),
    [
        ({"max_line_bytes": 100}, {"text": "x" * 200}, "above the limit of 100 bytes for one line"),
        ({"max_text_bytes": 100}, {"text": "x" * 200}, "above the limit of 100 bytes"),
        ({"max_nesting": 3}, {"text": "x", "more": [[[[]]]]}, "nested deeper than 3"),
    ],
)
def test_a_row_above_a_limit_is_quarantined(plugins, write, tmp_path, limits, row, said):
    assert gate(write("a.jsonl", [ROW, row]), policy(**limits), out=tmp_path / "run") == 0
    (bad,) = [json.loads(line) for line in (tmp_path / "run/quarantine.jsonl").read_text().splitlines()]
    assert bad["row"] == 1
    assert said in bad["reason"]


def test_what_a_file_expands_to_has_a_limit(plugins, write):
    path = write("a.jsonl.gz", gzip.compress(json.dumps(ROW).encode() * 1, mtime=0))
    with pytest.raises(InputError, match="expands to more than the limit of 10 bytes"):
        audit(path, policy(max_expanded_bytes=10))


def test_how_much_a_file_expands_has_a_limit(plugins, write, monkeypatch):
    from auditkit.formats import containers

    monkeypatch.setattr(containers, "_BOMB_BYTES", 1000)
    path = write("a.jsonl.gz", gzip.compress((json.dumps(ROW) + "\n").encode() * 10_000, mtime=0))
    with pytest.raises(InputError, match="expands more than 50 times: a decompression bomb"):
        audit(path, policy(max_expansion=50))


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_row_group_has_a_limit(plugins, tmp_path, suffix):
    table = pa.table({"text": [f"some words {number}" for number in range(1000)]})
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(InputError, match=r"row group 0 unpacks to \d+ bytes, above the limit of 1000"):
        audit(path, policy(max_row_group_bytes=1000))


def test_a_page_has_a_limit(plugins, tmp_path):
    for name, options in {"plain": {"use_dictionary": False}, "dictionary": {}}.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"text": ["some words " * 100, "other words " * 100]}), path, **options)
        assert audit(path, policy()).counts["rows_in"] == 2
        with pytest.raises(InputError, match=r"row group 0 has a page of \d{4} bytes, above the limit of 1500"):
            audit(path, policy(max_page_bytes=1500))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_pages_of_every_kind_are_measured(tmp_path, version, codec):
    from auditkit.formats.pages import largest_page, row_groups

    rows = [{"text": f"row {number} " * 9, "n": number, "more": [{"a": "x" * number}]} for number in range(900)]
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows), path, compression=codec, data_page_version=version, data_page_size=4096,
        write_page_checksum=True, write_statistics=True, row_group_size=300, use_dictionary=["n"],
    )  # fmt: skip
    with path.open("rb") as file:
        groups = row_groups("a", file)
        sizes = [largest_page("a", file, chunks) for chunks in groups]
    meta = pq.read_metadata(path)
    for group, chunks in enumerate(groups):
        for index, chunk in enumerate(chunks):
            column = meta.row_group(group).column(index)
            assert (chunk.path, chunk.n_values) == (column.path_in_schema, column.num_values)
            assert (chunk.unpacked_bytes, chunk.stored_bytes) == (
                column.total_uncompressed_size, column.total_compressed_size,
            )  # fmt: skip
    for size, chunks in zip(sizes, groups, strict=True):
        assert 4096 <= size <= max(chunk.unpacked_bytes for chunk in chunks)


def test_the_number_of_files_has_a_limit(plugins, write, tmp_path):
    for number in range(4):
        write(f"in/{number}.jsonl", [ROW])
    assert audit(tmp_path / "in", policy(max_files=4)).counts["rows_in"] == 4
    with pytest.raises(InputError, match="more than 3 files"):
        audit(tmp_path / "in", policy(max_files=3))


def test_findings_above_the_limit_are_counted_and_the_document_is_dropped(plugins, write):
    from auditkit import Policy

    table = {"version": 1, "checkers": {"pii": {"action": "redact"}}, "corpus": {"max_findings": 3}}
    mails = " ".join(f"jane{number}@acme-corp.com" for number in range(10))
    path = write("a.jsonl", [{"text": mails}, {"text": "one jane@acme-corp.com"}])
    result = audit(path, Policy.from_dict(table))
    first = [row for row in result.findings.to_pylist() if row["row"] == 0]
    assert [row["start"] is None for row in first] == [False, False, False, True]
    assert json.loads(first[-1]["detail"]) == {"all_findings": 10, "listed": 3}
    assert result.documents["decision"].to_pylist() == ["drop", "redact"], "what is not listed cannot be cut out"
    assert result.documents["pii/findings"].to_pylist() == [10, 1]
    (metric,) = [metric for metric in result.metrics if (metric.checker, metric.metric) == ("pii", "findings")]
    assert metric.value == 11


def test_findings_of_a_corpus_checker_have_the_same_limit(write):
    items = [f"item {n} asks how many {word} stand in the garden of house {n} on the hill" for n, word in
             enumerate(("roses", "lilies", "tulips", "violets", "daisies", "irises"))]  # fmt: skip
    bench = write("bench.jsonl", [{"text": item} for item in items])
    path = write("a.jsonl", [{"text": " And then: ".join(items)}, {"text": f"Only this: {items[2]}"}])
    checkers = {"near_duplicates": {"against": [str(bench)], "action": "flag"}}
    found = {}
    for most in (10, 3):
        table = {"version": 1, "checkers": checkers, "corpus": {"max_findings": most}}
        rows = audit(path, table).findings.to_pylist()
        found[most] = [row for row in rows if row["rule"] == "near_duplicates/contamination"]
    assert [row["row"] for row in found[10]] == [0] * 6 + [1]
    assert [row["row"] for row in found[3]] == [0] * 4 + [1]
    (told,) = [json.loads(row["detail"]) for row in found[3] if "all_findings" in row["detail"]]
    assert told == {"all_findings": 6, "listed": 3}


@pytest.mark.parametrize("runner", ["inline", "processes"])
def test_memory_has_a_limit(command, write, tmp_path, runner):
    words = "a few words of a long text that repeats itself for ever " * 200_000
    path = write("a.jsonl", [{"text": words}] * 3)
    toml = "version = 1\n[corpus]\nmax_memory_bytes = 300000000\n[checkers.pii]\n[checkers.near_duplicates]\n"
    limited = write("p.toml", toml.encode())
    done = command("gate", path, "--out", tmp_path / "run", "--policy", limited, "--runner", runner, "--workers", "1")
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("name", [name for name in Corpus.__dataclass_fields__ if name.startswith(("max_", "shard"))])
def test_a_limit_that_makes_no_sense_is_a_wrong_policy(name):
    with pytest.raises(ConfigError, match=name):
        Policy.from_dict({"version": 1, "extends": "default", "corpus": {name: -1}})


def test_defaults_stand_in_one_place():
    assert Corpus().limits() == Limits()


def bomb_of_one_row(path):
    """One row of 600 MB in 0.6 MB."""
    with gzip.open(path, "wb", 1) as file:
        file.write(b'{"text": "')
        for _ in range(600):
            file.write(b"a" * 1_000_000)
        file.write(b'"}\n')


def bomb_of_copies(path):
    """200,000 rows, each a copy of the first, in 6 kB."""
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 200_000, mtime=0))


MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process in between: on Linux a process begins with the peak of the one that started it."""


@pytest.mark.slow
@pytest.mark.parametrize(("bomb", "code"), [(bomb_of_one_row, 3), (bomb_of_copies, 1)], ids=["one row", "copies"])
def test_a_decompression_bomb_takes_less_than_a_gigabyte(tmp_path, bomb, code):
    """With the default policy; more inputs, and larger ones, in benchmarks/memory.py."""
    path = tmp_path / "a.jsonl.gz"
    bomb(path)
    command = [
        sys.executable,
        "-c",
        MEASURED,
        sys.executable,
        "-m",
        "auditkit",
        "gate",
        path,
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    found, peak = map(int, done.stdout.split()[-2:])
    assert found == code
    assert peak * (1 if sys.platform == "darwin" else 1024) < 1_000_000_000
    counts = json.loads((tmp_path / "run/manifest.json").read_text())["counts"]
    assert counts["rows_in"] == (1 if code == 3 else 200_000)
