"""Parquet and Arrow: every kind of string column, damaged pages, rows that cannot be read."""

import datetime as dt
import decimal
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import formats
from auditkit.errors import ConfigError, InputError
from auditkit.shards import Limits, Source

BAD = pa.array([b"ok", b"\xff\xfe", None, b"caf\xe9", b"fine"], pa.binary()).view(pa.utf8())
CHAT = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": f"é{i}"}] for i in range(3)]


def save(path, table, **options):
    if path.suffix == ".parquet":
        pq.write_table(table, path, **({"write_page_checksum": True} | options))
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


@pytest.fixture(params=[".parquet", ".arrow"])
def read_table(request, tmp_path, read):
    """read_table(table) -> (texts by row, reasons by row) through both kinds of file."""

    def through(table, fields=None, limits=None):
        found = read(save(tmp_path / f"a{request.param}", table), fields, limits)
        return found.texts, {bad.row: bad.reason for bad in found.quarantined}

    return through


@pytest.mark.parametrize(
    "type_",
    [
        pa.utf8(),
        pa.large_utf8(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.utf8()),
        pa.dictionary(pa.int8(), pa.large_utf8()),
    ],
    ids=str,
)
def test_every_kind_of_string(read_table, type_):
    values = ["a", "é😀", "", "a"]
    texts, reasons = read_table(pa.table({"text": pa.array(values).cast(type_)}))
    assert [row["text"] for _, row in sorted(texts.items())] == [("text", value) for value in values]
    assert reasons == {}


def test_rows_that_cannot_be_read_are_quarantined(read_table):
    texts, reasons = read_table(pa.table({"id": range(5), "text": BAD}))
    assert {row: text["text"][1] for row, text in texts.items()} == {0: "ok", 4: "fine"}
    assert reasons == {1: "field 'text' is not UTF-8", 2: "field 'text' is null", 3: "field 'text' is not UTF-8"}


def test_a_text_above_the_limit(read_table):
    _, reasons = read_table(pa.table({"text": ["a", "é" * 51, "b"]}), limits=Limits(max_text_bytes=100))
    assert list(reasons) == [1]
    assert "above the limit" in reasons[1]


def test_several_columns_keep_their_order(read_table):
    table = pa.table({"output": ["o", None, "p"], "input": [None, "i", "j"], "instruction": ["x", "y", "z"]})
    texts, reasons = read_table(table)
    assert texts[0] == {"instruction": ("prompt", "x"), "output": ("response", "o")}
    assert list(texts[2]) == ["instruction", "input", "output"]
    assert reasons == {1: "field 'output' is null"}


def test_chat_messages(read_table):
    texts, _ = read_table(pa.table({"messages": CHAT}))
    assert texts[2] == {"messages[0].content": ("prompt", "hi"), "messages[1].content": ("response", "é2")}


def test_bad_utf8_inside_messages(read_table):
    content = pa.array([b"ok", b"\xff", b"fine"], pa.binary()).view(pa.utf8())
    messages = pa.ListArray.from_arrays(
        [0, 1, 2, 3], pa.StructArray.from_arrays([pa.array(["user"] * 3), content], ["role", "content"])
    )
    texts, reasons = read_table(pa.table({"messages": messages}))
    assert sorted(texts) == [0, 2]
    assert "not UTF-8" in reasons[1]


def test_columns_that_python_has_no_values_for_are_left_alone(read_table):
    table = pa.table(
        {
            "text": ["a"],
            "far": pa.array([2**62], pa.timestamp("ns")),
            "old": pa.array([-(2**40)], pa.timestamp("s")),
            "big": pa.array([decimal.Decimal(10) ** 70], pa.decimal256(76)),
            "when": [dt.time(1, 2)],
            "blob": [b"\xff\x00"],
        }
    )
    assert read_table(table)[0] == {0: {"text": ("text", "a")}}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"Text": ["a"]}), "--field text=Text"),
        (pa.table({"text": [{"body": "a"}]}), "--field text=text.body"),
        (pa.table({"text": [1, 2]}), "no field is recognised"),
        (pa.table([["a"], ["b"]], names=["text", "text"]), "two columns named 'text'"),
        (pa.table({"text": pa.array([None], pa.utf8())}), "not one row"),
        (pa.table({"text": pa.array([], pa.utf8())}), "no rows"),
    ],
)
def test_a_table_that_is_refused(read_table, table, words):
    with pytest.raises(InputError, match=words):
        read_table(table)


def test_a_path_into_a_struct(read_table):
    table = pa.table({"text": [{"body": "a", "n": 1}, {"body": None, "n": 2}], "k": [1, 2]})
    texts, reasons = read_table(table, {"text": "text.body", "id": "k"})
    assert texts == {0: {"text.body": ("text", "a")}}
    assert reasons == {1: "field 'text.body' is null"}
    with pytest.raises(ConfigError, match=r"'text\.nope'"):
        read_table(table, {"text": "text.nope"})


def test_row_groups_and_parts(tmp_path, read):
    rows = [f"row {i} " + "x" * 40_000 for i in range(1200)]
    path = save(
        tmp_path / "a.parquet", pa.table({"text": rows}), row_group_size=1000, compression="none", use_dictionary=False
    )
    assert read(path).all_texts == rows
    (source,) = formats.discover([str(path)], scratch=tmp_path)
    shards = list(formats.read_shards(source, formats.detect_layout(source, {}, Limits()), Limits()))
    assert [shard.first_row for shard in shards] == [0, 512, 1000]
    assert sum(shard.n_rows for shard in shards) == 1200
    few = list(formats.read_shards(source, shards[0].layout, Limits(block_rows=300)))
    assert [shard.n_rows for shard in few] == [512, 488, 200]
    assert read(path, limits=Limits(block_rows=100)).all_texts == rows


def test_a_dictionary_that_hides_its_size_comes_in_small_batches(tmp_path):
    path = save(tmp_path / "a.parquet", pa.table({"text": ["x" * 100_000] * 2_000}))
    assert path.stat().st_size < 200_000
    (source,) = formats.discover([str(path)], scratch=tmp_path)
    layout = formats.detect_layout(source, {}, Limits())
    n_rows, most = 0, 0
    for shard in formats.read_shards(source, layout, Limits()):
        for parsed in formats.parse(shard, Limits()):
            n_rows += len(parsed.batch)
            most = max(most, parsed.batch.texts.nbytes)
    assert n_rows == 2_000
    assert most < 9 << 20


def test_a_parquet_file_that_is_cut_anywhere_is_refused(tmp_path, read, write_bytes):
    whole = save(tmp_path / "w.parquet", pa.table({"text": ["a", "b"]})).read_bytes()
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read(write_bytes("a.parquet", whole[:length]))


def test_an_arrow_stream_that_is_cut_anywhere_is_refused(tmp_path, read, write_bytes):
    whole = save(tmp_path / "w.arrow", pa.table({"text": ["a", "b", "c"]})).read_bytes()
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read(write_bytes("a.arrow", whole[:length]))
    with pytest.raises(InputError, match="without its end"):
        read(write_bytes("a.arrow", whole + b"more"))


def test_a_flipped_byte_in_a_page_is_refused(tmp_path, read, write_bytes):
    values = [f"value number {i}" for i in range(200)]
    whole = save(
        tmp_path / "w.parquet", pa.table({"text": values}), compression="none", use_dictionary=False
    ).read_bytes()
    at = whole.index(b"value number 100")
    with pytest.raises(InputError, match="checksum"):
        read(write_bytes("a.parquet", whole[:at] + b"V" + whole[at + 1 :]))


def test_foreign_bytes_under_the_name(read, write_bytes):
    for name, data, words in [
        ("a.parquet", b'{"text": "a"}\n', "not Parquet"),
        ("a.parquet", b"PAR1" + bytes(64), "without its end"),
        ("a.parquet", b"PAR1" + bytes(64) + b"PARE", "encrypted"),
        ("a.parquet", b"PAR1" + bytes(64) + b"PAR1", "undamaged"),
        ("a.arrow", b'{"text": "a"}\n', "without its end"),
        ("a.arrow", b"ARROW1" + bytes(64), "undamaged"),
        ("a.jsonl", b"PAR1" + bytes(64) + b"PAR1", "Parquet file"),
    ]:
        with pytest.raises(InputError, match=words):
            read(write_bytes(name, data))


def test_a_saved_data_set_with_splits(tmp_path, read):
    for split in ("train", "test"):
        folder = tmp_path / "set" / split
        folder.mkdir(parents=True)
        save(folder / "data-00000-of-00001.arrow", pa.table({"text": [split] * 3}))
        (folder / "cache-1234.arrow").write_bytes(b"a cache of some map")
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
        (folder / "dataset_info.json").write_text("{}")
    (tmp_path / "set" / "dataset_dict.json").write_text("{}")
    found = formats.discover([str(tmp_path / "set")], scratch=tmp_path)
    assert [source.name for source in found] == ["test/data-00000-of-00001.arrow", "train/data-00000-of-00001.arrow"]
    (tmp_path / "set" / "train" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(InputError, match=r"named in state\.json but missing"):
        formats.discover([str(tmp_path / "set")], scratch=tmp_path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_damaged_bytes_never_raise_anything_else(tmp_path, suffix):
    """Names of columns, offsets, lengths, types: whatever is damaged, the file is refused or its rows add up."""
    from read_files import read_source

    table = pa.table(
        {"text": [f"text {i} é" for i in range(40)], "messages": [[{"role": "user", "content": "x"}]] * 40}
    )
    whole = save(tmp_path / f"w{suffix}", table).read_bytes()
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(150):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, len(whole), rng.integers(1, 8))] = rng.choice([0, 1, 127, 128, 255])
        path.write_bytes(damaged)
        try:
            read_source(Source(str(path), path.name, suffix[1:]))
        except InputError:
            refused += 1
    assert refused > 50
