"""CSV and TSV: text stays text, odd records are quarantined, and no header is guessed."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.errors import ConfigError, InputError
from auditkit.shards import Limits, Source


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"id,text\n1,a\n2,b\n", ["a", "b"]),
        (b"id,text\r\n1,a\r\n2,b", ["a", "b"]),
        (b"id,text\r1,a\r2,b\r", ["a", "b"]),
        (b"\xef\xbb\xbfid,text\n1,a\n", ["a"]),
        (b"\n\nid,text\n\n1,a\n\n2,b\n\n", ["a", "b"]),
        (b'id,text\n1,"a\nb\r\nc"\n2,d\n', ["a\nb\r\nc", "d"]),
        (b'id,text\n1,"say ""hi"", now"\n2,""\n3,\n', ['say "hi", now', "", ""]),
        (b'"id","text"\n"1","a,b"\n', ["a,b"]),
        (
            b"id,text\n1,NA\n2,null\n3,nan\n4,1e5\n5,2024-01-01\n6,007\n",
            ["NA", "null", "nan", "1e5", "2024-01-01", "007"],
        ),
        (b"text\n=cmd()\n+1\n@x\n", ["=cmd()", "+1", "@x"]),
        (b"text,id\n" + b"x" * 300_000 + b",1\n", ["x" * 300_000]),
        ("text\nnaïve café 😀\n".encode(), ["naïve café 😀"]),
    ],
)
def test_records(read, write_bytes, data, texts):
    found = read(write_bytes("a.csv", data))
    assert found.all_texts == texts
    assert found.quarantined == []


def test_tab_separated_values_keep_their_quotes_and_commas(read, write_bytes):
    found = read(write_bytes("a.tsv", b'id\ttext\n1\ta 5" pipe, black\n2\t"x\ty"\n'))
    assert found.all_texts == ['a 5" pipe, black', "x\ty"]


def test_the_columns_of_a_pair(read, write_bytes):
    found = read(write_bytes("a.csv", b"question,answer,label,group\nq1,a1,L,g\nq2,,M,\n"))
    assert found.texts[1] == {"question": ("prompt", "q2"), "answer": ("response", "")}
    assert found.keys[0]["label"] == "L"
    assert found.keys[0]["group"] == "g"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"2", "number of fields"),
        (b"2,b,c", "number of fields"),
        (b'2,"b"c', "wrongly quoted"),
        (b'2,b"c', "wrongly quoted"),
        (b"2,caf\xe9", "not UTF-8"),
        (b"2,a\x00b", "NUL"),
        (b"2,a\rb", "line end inside"),
    ],
)
def test_an_odd_record_is_quarantined_alone(read, write_bytes, record, reason):
    found = read(write_bytes("a.csv", b'id,text\n1,"a\nb"\n' + record + b"\n3,c\n"))
    (bad,) = found.quarantined
    assert reason in bad.reason
    assert (bad.row, bad.line, bad.offset, bad.length, bad.raw) == (1, 4, 16, len(record), record)
    assert found.all_texts == ["a\nb", "c"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'id,text\n1,a\n2,"never closed\n3,c\n', "never closed"),
        (b"id;text\n1;a\n", "header"),
        (b"# made by hand\nid,text\n1,a\n", "header"),
        (b"1,A first title,A sentence without any header at all before it\n2,b,c\n", "header"),
        (b"id,text,text\n1,a,b\n", "two columns"),
        (b"id,text\n", "no rows"),
        (b"id,body\n1,a longer text\n", "--field text=body"),
        (b"id,te\xffxt\n1,a\n", "header cannot be read"),
        (b'id,text\n1\n"x"y\n', "not one row"),
        (b"\xff\xfei\x00d\x00,\x00", "UTF-16"),
        (b"i\x00d\x00,\x00t\x00", "UTF-16"),
    ],
)
def test_a_file_that_is_refused(read, write_bytes, data, words):
    with pytest.raises(InputError, match=words):
        read(write_bytes("a.csv", data))


def test_a_column_named_by_the_user(read, write_bytes):
    path = write_bytes("a.csv", b"doc.body,n\na,1\nb,2\n")
    assert read(path, {"text": "doc.body", "id": "n"}).all_texts == ["a", "b"]
    with pytest.raises(ConfigError, match="no row has the field 'nope'"):
        read(path, {"text": "nope"})


def test_blocks_and_long_records(read, write_bytes):
    rows = [f'{i},"{"x" * (i % 90)}\n,"""\r\n'.encode() for i in range(200)]
    long = b'L,"' + b"y" * 3000 + b'\n"\r\n'
    path = write_bytes("a.csv", b"id,text\r\n" + b"".join(rows[:100]) + long + b"".join(rows[100:]))
    whole = read(path)
    cut = read(path, limits=Limits(block_bytes=256, max_line_bytes=1000))
    assert [bad.row for bad in cut.quarantined] == [100]
    assert (cut.quarantined[0].line, cut.quarantined[0].offset) == (202, 9 + sum(map(len, rows[:100])))
    assert {row: whole.texts[row] for row in cut.texts} == cut.texts
    assert len(cut.texts) == 200


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_the_standard_writer_writes_is_read_back(tmp_path_factory, rows, end, everything):
    from read_files import read_source

    if not everything:  # the standard writer leaves a lone CR without quotes
        rows = [(text.replace("\r", ""), key.replace("\r", "")) for text, key in rows]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL)
    writer.writerows([("text", "id"), *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(out.getvalue().encode())
    found = read_source(Source(str(path), "a.csv", "csv"))
    assert found.quarantined == []
    assert found.all_texts == [text for text, _ in rows]
    assert [found.keys[row]["id"] for row in sorted(found.keys)] == [key for _, key in rows]
