"""The second pass: every row goes where it was sent, byte for byte, and redaction touches nothing but its spans."""

import gzip
import io
import json
import re
import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from read_files import INSERTED, decide, redacted

from auditkit.errors import CheckerError, InputError, RunFolderError
from auditkit.formats.splice import splice, splice_json
from auditkit.shards import DROP, KEEP, QUARANTINE, REDACT, Edit

LINES = [
    b'{"id": 0, "text": "plain text of row zero"}\n',
    b' {"text" :\t"caf\\u00e9 \\ud83d\\ude00 \\"x\\" \\/ \\\\ tail of it", "n": 1.50, "z": [1, {"text": "no"}]} \r\n',
    b"{broken\n",
    '{"a": "é", "text": "naïve 😀 text ﬁ", "k": -0}\n'.encode(),
    b"\n",
    b'\xef\xbb\xbf{"text": "after a mark", "big": 18446744073709551617}\n',
    b'{"text": ""}\n',
    b'{"te\\u0078t": "escaped name here"}\n',
    b'{"text": "the last line has no end"}',
]
TEXT = re.compile(rb't"\s*:\s*"((?:[^"\\]|\\.)*)"')
CSV = [
    b"\xef\xbb\xbfid,text\r\n",
    b'1,"a ""b"", c\r\nd"\r\n',
    b"2,plain words\r\n",
    b"3\r\n",
    b"4,\r\n",
    "5,né €".encode(),
]
TABLE = pa.table(
    {
        "id": range(6),
        "text": ["abcdef", "é😀" * 4, "", "x", "words and words", "last"],
        "other": [[{"a": None, "b": "t"}], None, [], [{"a": 1.5, "b": None}], [], None],
        "when": pa.array([2**62] * 6, pa.timestamp("ns")),
        "kind": pa.array(["p", "q", None, "p", "q", "p"]).dictionary_encode(),
    }
).replace_schema_metadata({"huggingface": '{"info": 1}'})
CHAT = pa.table(
    {
        "messages": [
            [{"role": "user", "content": f"hello {i}"}, {"role": "assistant", "content": "é" * i}] for i in range(6)
        ]
    }
)


def packed(name, data):
    if name.endswith(".gz"):
        return gzip.compress(data)
    return zstandard.ZstdCompressor().compress(data) if name.endswith(".zst") else data


def unpacked(path):
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    if path.name.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    return data


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "sub/a.jsonl"])
@pytest.mark.parametrize("seed", range(4))
def test_lines_go_where_they_are_sent_byte_for_byte(read, split, write_bytes, name, seed):
    found = read(write_bytes(name, packed(name, b"".join(LINES))))
    decisions, edits = decide(found, seed)
    kept, dropped, written = split(found, decisions, edits)
    rows = [line for line in LINES if line.strip()]
    sides = {KEEP: kept, REDACT: kept, DROP: dropped}
    got = {
        path: iter(unpacked(path).splitlines(keepends=True)) if path.exists() else iter(()) for path in (kept, dropped)
    }
    for row, (line, code) in enumerate(zip(rows, decisions, strict=True)):
        if code == QUARANTINE:
            continue
        copy = next(got[sides[code]])
        if code != REDACT:
            assert copy == line
            continue
        before, after = json.loads(line.decode("utf-8-sig")), json.loads(copy.decode("utf-8-sig"))
        assert after == before | {"text": redacted(before["text"])}
        content = TEXT.search(line)
        assert copy.startswith(line[: content.start(1)])
        assert copy.endswith(line[content.end(1) :])
        assert row in edits
    assert [list(rest) for rest in got.values()] == [[], []]
    assert [(part.path, part.n_rows) for part in written] == [
        (str(path), int(np.isin(decisions, codes).sum()))
        for path, codes in ((kept, [KEEP, REDACT]), (dropped, [DROP]))
        if path is kept or (decisions == DROP).any()
    ]


def test_a_file_that_is_kept_whole_is_the_same_file(read, split, write_bytes):
    data = b"".join(LINES[:2] + LINES[5:])
    found = read(write_bytes("a.jsonl", data))
    kept, dropped, _ = split(found, np.full(6, KEEP, np.uint8), {})
    assert kept.read_bytes() == data
    assert not dropped.exists()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.txt", "a.parquet", "a.arrow"])
def test_a_file_that_is_dropped_whole_leaves_an_empty_one(read, split, tmp_path, write_bytes, name):
    path = tmp_path / name
    if name.endswith((".parquet", ".arrow")):
        save(path, TABLE)
    else:
        write_bytes(name, packed(name, CSV[0] + CSV[1] if name == "a.csv" else LINES[0]))
    found = read(path)
    kept, dropped, written = split(found, np.full(found.summary.n_rows, DROP, np.uint8), {})
    assert [part.n_rows for part in written] == [0, found.summary.n_rows]
    if name.endswith((".parquet", ".arrow")):
        assert load(kept).schema.equals(load(path).schema, check_metadata=True)
        assert load(dropped).equals(load(path))
    else:
        assert unpacked(kept) == (CSV[0] if name == "a.csv" else b"")
        assert unpacked(dropped) == unpacked(path)


@pytest.mark.parametrize("seed", range(4))
def test_records_of_csv(read, split, write_bytes, seed):
    found = read(write_bytes("a.csv", b"".join(CSV)))
    decisions, edits = decide(found, seed)
    kept, dropped, _ = split(found, decisions, edits)
    assert [bad.row for bad in found.quarantined] == [2]
    expected = [record for record, code in zip(CSV[1:], decisions, strict=True) if code == DROP]
    assert (dropped.read_bytes() if expected else CSV[0]) == b"".join([CSV[0], *expected])
    again = read(kept) if kept.read_bytes() != CSV[0] else None
    rows = np.flatnonzero(decisions <= REDACT)
    for place, row in enumerate(rows.tolist()):
        text = found.texts[row]["text"][1]
        assert again.texts[place]["text"][1] == (redacted(text) if decisions[row] == REDACT else text)
        if decisions[row] == KEEP:
            assert CSV[1 + row] in kept.read_bytes()


def test_a_redacted_csv_field_is_quoted_only_where_it_must_be(read, split, write_bytes):
    found = read(write_bytes("a.csv", b'text,id\nabc,1\nabc,2\n"abc",3\n'))
    edits = {0: [Edit("text", 1, 2, "<X>")], 1: [Edit("text", 0, 1, 'a,"')], 2: [Edit("text", 3, 3, '"')]}
    kept, _, _ = split(found, np.full(3, REDACT, np.uint8), edits)
    assert kept.read_bytes() == b'text,id\na<X>c,1\n"a,""bc",2\n"abc""",3\n'


def save(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd", row_group_size=4)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=4)
    return path


def load(path):
    return pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_stream(path.read_bytes()).read_all()


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("table", [TABLE, CHAT], ids=["flat", "chat"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_columns_keep_all_their_columns(read, split, tmp_path, name, table, seed):
    found = read(save(tmp_path / name, table))
    decisions, edits = decide(found, seed)
    kept, dropped, _ = split(found, decisions, edits)
    if (decisions == DROP).any():
        assert load(dropped).equals(load(found.path).filter(pa.array(decisions == DROP)))
    got = load(kept)
    assert got.schema.equals(load(found.path).schema, check_metadata=True)
    whole = table.filter(pa.array(decisions <= REDACT))
    for column in set(table.schema.names) - {"text", "messages"}:
        assert got.column(column).combine_chunks().to_pylist() == whole.column(column).to_pylist() or column == "when"
        assert column != "when" or got.column(column).equals(whole.column(column))
    for place, row in enumerate(np.flatnonzero(decisions <= REDACT).tolist()):
        change = redacted if decisions[row] == REDACT else str
        texts = [change(text) for _, text in found.texts[row].values()]
        record = got.select([table.schema.names[-1] if table is CHAT else "text"]).slice(place, 1).to_pylist()[0]
        assert texts == ([message["content"] for message in record["messages"]] if table is CHAT else [record["text"]])
    if name == "a.parquet":
        assert pq.ParquetFile(kept).metadata.row_group(0).column(0).compression == "ZSTD"


def test_text_files(read, split, write_bytes):
    found = read(write_bytes("a.md", "\ufeff# A né\r\ntitle\n".encode()))
    kept, _, _ = split(found, np.array([REDACT], np.uint8), {0: [Edit("text", 4, 6, "€")]})
    assert kept.read_bytes() == "\ufeff# A €\r\ntitle\n".encode()


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.parquet", "a.arrow"])
def test_a_file_that_changed_is_refused_and_nothing_is_left(read, split, tmp_path, write_bytes, name):
    path = tmp_path / name
    old, new = (b"text\na\n", b"text\nb\n") if name != "a.jsonl" else (b'{"text": "a"}\n', b'{"text": "b"}\n')
    if name.endswith((".parquet", ".arrow")):
        save(path, TABLE)
    else:
        path.write_bytes(old)
    found = read(path)
    for change in (new, old * 3):
        if name.endswith((".parquet", ".arrow")):
            save(path, TABLE.slice(1) if change == new else pa.concat_tables([TABLE, TABLE]))
        else:
            path.write_bytes(change)
        with pytest.raises(InputError, match="changed during the run"):
            split(found, np.full(found.summary.n_rows, KEEP, np.uint8), {})
        assert not list((tmp_path / "kept").glob("*")) + list((tmp_path / "kept").glob(".*"))


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({}, "has no edits"),
        ({0: [Edit("nope", 0, 1, "x")]}, "does not have"),
        ({0: [Edit("text", 0, 99, "x")]}, "outside its text"),
        ({0: [Edit("text", 0, 3, "x"), Edit("text", 2, 4, "y")]}, "overlap"),
        ({0: [Edit("text", 3, 2, "x")]}, "overlap or lie outside"),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_redaction_that_cannot_be_made_is_never_left_out(read, split, tmp_path, write_bytes, name, edits, words):
    path = tmp_path / name
    if name == "a.parquet":
        save(path, pa.table({"text": ["words"]}))
    else:
        path.write_bytes(b'{"text": "words"}\n' if name == "a.jsonl" else b"text\nwords\n")
    with pytest.raises(CheckerError, match=words):
        split(read(path), np.array([REDACT], np.uint8), edits)
    assert not list((tmp_path / "kept").glob("*"))


@pytest.fixture
def full_disk():
    """No file may grow above 64 bytes: the write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.parquet", "a.arrow"])
def test_a_full_disk_is_no_fault_of_the_input_and_leaves_nothing(read, split, tmp_path, write_bytes, request, name):
    path = tmp_path / name
    words = [f"words {i * 7919 % 997} and more" for i in range(200)]
    if name.endswith((".parquet", ".arrow")):
        save(path, pa.table({"text": words}))
    else:
        rows = ["text", *words] if name == "a.csv" else [json.dumps({"text": word}) for word in words]
        write_bytes(name, packed(name, "\n".join(rows).encode()))
    found = read(path)
    request.getfixturevalue("full_disk")
    with pytest.raises(RunFolderError, match="cannot write"):
        split(found, np.arange(200) % 2 * np.uint8(DROP), {})
    assert not [part for side in ("kept", "dropped") for part in (tmp_path / side).glob("**/*")]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_splicing_a_line_changes_the_named_texts_and_no_other_byte(data):
    texts = st.text(max_size=20)
    record = data.draw(st.dictionaries(texts, texts | st.lists(texts) | st.dictionaries(texts, texts), max_size=3))
    record |= {"text": data.draw(texts), "messages": [{"role": "u", "content": data.draw(texts)} for _ in range(2)]}
    line = json.dumps(record, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    line = line.replace("\n", "\t").encode("utf-8", "surrogatepass")
    field = data.draw(st.sampled_from(["text", "messages[1].content"]))
    old = record["text"] if field == "text" else record["messages"][1]["content"]
    places = sorted(data.draw(st.lists(st.integers(0, len(old)), min_size=2, max_size=4)))
    edits = [Edit(field, low, high, data.draw(texts)) for low, high in zip(places[::2], places[1::2], strict=False)]
    new = splice(old, edits)
    after = splice_json(line, edits)
    if field == "text":
        record["text"] = new
    else:
        record["messages"][1]["content"] = new
    assert json.loads(after) == record
    same = splice_json(line, [Edit(field, edit.start, edit.start, "") for edit in edits])
    assert same == line
    prefix = 0
    while prefix < min(len(line), len(after)) and line[prefix] == after[prefix]:
        prefix += 1
    raw = json.dumps(old).encode()
    assert line[:prefix].count(b'"') or not raw


def test_splicing_keeps_escapes_and_the_style_of_the_line():
    edit = [Edit("text", 1, 2, "é\n")]
    assert splice_json(b'{"text": "\\u00e9x\\ud83d\\ude00"}', edit) == b'{"text": "\\u00e9\\u00e9\\n\\ud83d\\ude00"}'
    assert splice_json('{"text": "éx\\ud83d\\ude00"}'.encode(), edit) == '{"text": "éé\\n\\ud83d\\ude00"}'.encode()
    assert (
        splice_json(b'{"a.b": "xyz", "a": {"b": "xyz"}}', [Edit("a.b", 0, 1, "")])
        == b'{"a.b": "yz", "a": {"b": "xyz"}}'
    )
    assert splice("aé😀b", [Edit("t", 1, 3, "-"), Edit("t", 4, 4, INSERTED)]) == f"a-b{INSERTED}"
