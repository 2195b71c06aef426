"""Fields that hold strings and are no texts: told by name, whatever the format."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit.shards import Limits

FIELDS = {
    "flat and nested": (
        {"text": "t", "url": "u v", "metadata": {"author": "Ann B", "n": 3, "tags": ["a b"]}, "score": 1.5},
        ["url", "metadata.author", "metadata.tags[*]"],
    ),
    "keys": ({"id": "a-1", "text": "t", "label": "news", "split": "train"}, []),
    "keys that are none": ({"id": "jane@corp.com", "text": "t", "label": "two words"}, ["id", "label"]),
    "nothing in them": ({"text": "t", "note": None, "list": [], "n": 3}, []),
    "names that are data": ({"text": "t", "jane@corp.com": "x", "\u202ea": "y"}, ["***.com", "\\u202ea"]),
    "a chat": (
        {
            "messages": [
                {"role": "user", "content": "q", "country": "PL", "id": "m1"},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}]},
            ],
            "model": "gpt-4 turbo",
        },
        ["messages[*].country", "model"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize(("record", "names"), FIELDS.values(), ids=FIELDS.keys())
def test_fields_that_nobody_looks_at(read, write, tmp_path, kind, record, names):
    path = tmp_path / "a.parquet"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([record, record]), path)
    found = read(path if kind == "parquet" else write("a.jsonl", [record, record])).layout
    assert sorted(found.unread) == sorted(names)
    assert found.n_unread == len(found.unread)
    assert found.n_shown == 2


def test_those_that_the_user_names_are_looked_at(read, write):
    row = {"text": "t", "metadata": {"author": "Ann B"}, "url": "u v"}
    found = read(write("a.jsonl", [row]), {"text": "text", "context": "metadata.author"})
    assert found.layout.unread == ("url",)


def test_columns_of_a_table(read, write_bytes):
    assert read(write_bytes("a.csv", b"id,text,author,n\n1,t,Ann,3\n")).layout.unread == ("author", "n")


def test_there_are_as_many_as_there_are_but_not_all_are_listed(read, write):
    rows = [{"text": "t"} | {f"f{n}_{m}": "x y" for m in range(20)} for n in range(100)]
    found = read(write("a.jsonl", rows)).layout
    assert len(found.unread) == 50
    assert found.unread[0] == "f0_0"
    assert found.n_unread >= 1000


def test_they_are_no_part_of_what_a_row_is_remembered_by(read, write):
    first, other = ({"text": "t"} | more for more in ({}, {"url": "u v"}))
    layouts = [read(write(f"{n}.jsonl", [first, row])).layout for n, row in enumerate((first, other))]
    assert layouts[0].unread != layouts[1].unread
    assert repr(layouts[0]) == repr(layouts[1])
    assert json.loads(json.dumps(layouts[1].unread)) == ["url"]


@pytest.mark.parametrize(("block_bytes", "block_rows"), [(1 << 10, 1 << 15), (1 << 22, 7), (1 << 22, 1 << 15)])
def test_the_sample_does_not_depend_on_blocks(read, write, block_bytes, block_rows):
    rows = [{"text": "t" * 40, "url": "u v"} | ({"late": "x y"} if n == 999 else {}) for n in range(1200)]
    rows[3], rows[700] = {"text": None}, {"text": "t", "url": "u", "too_late": 3}
    limits = Limits(block_bytes=block_bytes, block_rows=block_rows)
    found = read(write("a.jsonl", rows), limits=limits).layout
    assert (found.unread, found.n_shown) == (("url", "late"), 1000)


def test_long_texts_fill_the_sample_sooner(read, write):
    rows = [{"text": "t" * 100_000, f"f{n}": "x y"} for n in range(20)]
    found = read(write("a.jsonl", rows)).layout
    assert found.n_shown == len(found.unread) == 11
