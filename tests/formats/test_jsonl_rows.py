"""JSON lines: each row is read or quarantined with its place and reason, and nothing beside it is lost."""

import base64
import json

import pytest

from auditkit import formats
from auditkit.errors import InputError
from auditkit.shards import Limits

GOOD = b'{"id": "g", "text": "good"}\n'

BAD = [
    (b'{"text": "cut', "not JSON", "cut inside a string"),
    (b'{"text": "a"', "not JSON", "cut before the brace"),
    (b'{"text": "a"}{"text": "b"}', "two records", "two objects on a line"),
    (b'{"text": "a"} x', "something follows", "garbage after the object"),
    (b"{'text': 'a'}", "not JSON", "single quotes"),
    (b'{text: "a"}', "not JSON", "name without quotes"),
    (b'{"text": "a",}', "not JSON", "comma at the end"),
    (b'{"text": "a\x00b"}', "not JSON", "raw NUL"),
    (b'{"text": "a\x1b[31m"}', "not JSON", "raw ESC"),
    (b"\x00" * 64, "not JSON", "block of NUL bytes"),
    (b'{"text": "a", "x": NaN}', "NaN", "NaN"),
    (b'{"text": "a", "x": -Infinity}', "Infinity", "Infinity"),
    (b'{"text": "a", "x": 1e999}', "largest double", "a number that overflows"),
    (b'{"text": "a", "x": ' + b"1" * 4301 + b"}", "4300 digits", "4301 digits"),
    (b'{"text": "a", "x": 0x10}', "not JSON", "hexadecimal"),
    (b'{"text": "a", "x": 01}', "not JSON", "leading zero"),
    (b'{"text": "a", "x": 1.}', "not JSON", "no digit after the point"),
    (b'{"text": "a", "text": "b"}', "stands twice", "duplicate name"),
    (b'{"text": "a", "te\\u0078t": "b"}', "stands twice", "duplicate name, escaped"),
    (b'{"text": "a", "m": {"k": 1, "k": 2}}', "stands twice", "duplicate name, nested"),
    (b'["text"]', "a list", "a list"),
    (b'"text"', "a string", "a string"),
    (b"17", "a number", "a number"),
    (b"null", "a literal", "null"),
    (b'{"text": 17}', "a number", "text is a number"),
    (b'{"text": null}', "is null", "text is null"),
    (b'{"text": ["a"]}', "a list", "text is a list"),
    (b'{"text": {"a": "b"}}', "an object", "text is an object"),
    (b'{"id": "x"}', "no field 'text'", "no text"),
    (b'{"text": "caf\xe9"}', "not UTF-8", "Latin-1"),
    (b'{"text": "\xc0\xaf"}', "not UTF-8", "overlong"),
    (b'{"text": "\xed\xa0\x80"}', "not UTF-8", "surrogate bytes"),
    (b'{"text": "\xf4\x90\x80\x80"}', "not UTF-8", "above Unicode"),
    (b'{"text": "\xe2\x82"}', "not UTF-8", "cut character"),
    (b'{"te\xffxt": 1, "text": "a"}', "not UTF-8", "bad UTF-8 in a name"),
    (b'{"text": "\\ud83d"}', "surrogate", "lone high surrogate"),
    (b'{"text": "\\ude00\\ud83d"}', "surrogate", "swapped pair"),
    (b'{"text": "a", "\\ud800": 1}', "surrogate", "lone surrogate in a name"),
    (b'{"text": "a", "x": ["\\udc00"]}', "surrogate", "lone surrogate elsewhere"),
    (b'{"text": "\\x41"}', "not JSON", "unknown escape"),
    (b'{"text": "\\u12"}', "not JSON", "short escape"),
    (b'{"text": "a", "x": ' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper", "nested 201 deep"),
    (b'{"text": "a", "x": ' + b"[" * 100_000 + b"}", "nested deeper", "nested 100,000 deep"),
    (b'\x1e{"text": "a"}', "not JSON", "record separator"),
    (b"<<<<<<< HEAD", "not JSON", "conflict marker"),
    (b'\xef\xbb\xbf\xef\xbb\xbf{"text": "a"}', "not JSON", "two byte order marks"),
]


@pytest.mark.parametrize(("line", "reason"), [case[:2] for case in BAD], ids=[case[2] for case in BAD])
def test_a_bad_line_is_quarantined_alone(read, write_bytes, line, reason):
    found = read(write_bytes("a.jsonl", GOOD + line + b"\n" + GOOD * 2))
    (bad,) = found.quarantined
    assert reason in bad.reason
    assert (bad.row, bad.line, bad.offset, bad.length) == (1, 2, len(GOOD), len(line))
    assert bad.raw == line[:4096]
    assert found.all_texts == ["good"] * 3


FINE = [
    (b'{"text": "a\\u0000b"}', "a\x00b", "escaped NUL"),
    (b'{"text": "\\u001b[31m"}', "\x1b[31m", "escaped ESC"),
    (b'{"text": "\\ud83d\\ude00 \\u00e9\\u20ac\\"\\\\\\/\\b\\f\\n\\r\\t"}', '😀 é€"\\/\b\f\n\r\t', "every escape"),
    ('{"text": "a\u2028b\u0085c\u2029"}'.encode(), "a\u2028b\u0085c\u2029", "Unicode line ends"),
    (b'{"text": "a", "x": 18446744073709551617}', "a", "integer above 64 bits"),
    (b'{"text": "a", "x": [-0, 1e-999, 1.5E+10, -9223372036854775809]}', "a", "numbers"),
    (b'{"text": "a", "x": ' + b"1" * 4300 + b"}", "a", "4300 digits"),
    (b'{"text": ""}', "", "empty text"),
    (b'{"text": "  "}', "  ", "white space"),
    (b' \t{ "text" :\t"a" }  \r', "a", "white space around"),
    (b'\xef\xbb\xbf{"text": "a"}', "a", "byte order mark"),
    (b'{"te\\u0078t": "a"}', "a", "escaped name"),
    (b'{"text": "a", "x": ' + b"[" * 199 + b"]" * 199 + b"}", "a", "nested 200 deep"),
    (json.dumps({"text": "a"} | {f"k{i}": i for i in range(5000)}).encode(), "a", "5,000 names"),
    (b'{"text": "a", "x": {"text": "b"}, "y": {"text": "c"}}', "a", "the same name in other objects"),
    ('{"text": "ﬁ\ufeff\U000e0001\U0010ffff"}'.encode(), "ﬁ\ufeff\U000e0001\U0010ffff", "strange characters"),
]


@pytest.mark.parametrize(("line", "text"), [case[:2] for case in FINE], ids=[case[2] for case in FINE])
def test_a_legal_line_is_read(read, write_bytes, line, text):
    found = read(write_bytes("a.jsonl", GOOD + line + b"\n" + GOOD))
    assert found.reasons == []
    assert found.all_texts == ["good", text, "good"]


def test_all_bad_lines_in_one_file(read, write_bytes):
    lines = [line for line, _, _ in BAD]
    found = read(write_bytes("a.jsonl", b"".join(line + b"\n" + GOOD for line in lines)))
    assert [(bad.row, bad.line) for bad in found.quarantined] == [(2 * i, 2 * i + 1) for i in range(len(lines))]
    assert found.all_texts == ["good"] * len(lines)


def test_blank_lines_are_counted_and_no_rows(read, write_bytes):
    found = read(write_bytes("a.jsonl", b"\n" + GOOD + b"  \t\r\n\xef\xbb\xbf\n" + GOOD + b"\n\n{bad\n"))
    assert (found.summary.n_rows, found.summary.n_blank) == (3, 5)
    assert [(bad.row, bad.line) for bad in found.quarantined] == [(2, 8)]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_the_last_line_counts_whatever_its_end(read, write_bytes, end):
    assert read(write_bytes("a.jsonl", GOOD + GOOD.strip() + end)).all_texts == ["good", "good"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\n\n", "no rows"),
        (b'[{"text": "a"}]\n', "a list"),
        (b"<!doctype html>\n<html>\n", "not one row"),
        (b'\x1e{"text": "a"}\n\x1e{"text": "b"}\n', "not one row"),
        (b'{"text": "a"}\r{"text": "b"}\r', "not one row"),
        (b'{"text": null}\n{"text": 3}\n', "no field is recognised"),
        (b'{"body": "a long text", "n": 1}\n', "--field text=body"),
        (b'{"Text": "a", "other": "bbbbbbbbb"}\n', "--field text=Text"),
        (b'{"text": {"body": "a"}}\n', "--field text=text.body"),
    ],
)
def test_a_file_without_a_readable_row_is_refused(read, write_bytes, data, words):
    with pytest.raises(InputError, match=words):
        read(write_bytes("a.jsonl", data))


def test_a_text_that_is_null_for_long_is_still_found(read, write_bytes):
    found = read(write_bytes("a.jsonl", b'{"text": null, "n": 1}\n' * 3000 + GOOD))
    assert (len(found.texts), len(found.quarantined)) == (1, 3000)


def test_keys_keep_their_digits(read, write):
    lines = ['{"text":"a","id":17,"label":1.50,"split":true}', '{"text":"a","id":18446744073709551617,"label":null}']
    found = read(
        write("a.jsonl", [*lines, '{"te\\u0078t":"a","id":17,"label":1.50,"split":true}', '{"text":"a","id":[1]}'])
    )
    keys = [(record["id"], record["label"], record["split"]) for _, record in sorted(found.keys.items())]
    assert keys == [("17", "1.50", "true"), ("18446744073709551617", None, None), ("17", "1.50", "true"), (None,) * 3]


SMALL = Limits(block_bytes=200, max_line_bytes=1000, max_text_bytes=500)


def test_blocks_change_nothing(read, write_bytes):
    lines = [json.dumps({"text": "x" * (i % 190), "id": i}).encode() for i in range(300)]
    path = write_bytes("a.jsonl", b"\n".join(lines))
    whole, cut = read(path), read(path, limits=SMALL)
    assert whole.texts == cut.texts
    assert whole.summary == cut.summary


CROWDED = {
    "fields": b'{"text": "a",' + b",".join(b'"%d":1' % number for number in range((1 << 20) + 1)) + b"}",
    "a list": b'{"text": "a", "x": [' + b"[]," * (1 << 20) + b"1]}",
    "a list, read strictly": b'{"te\\u0078t": "a", "x": [' + b"0," * (1 << 20) + b"1]}",
}


@pytest.mark.parametrize("line", CROWDED.values(), ids=CROWDED.keys())
def test_a_record_of_a_million_values_is_set_aside(read, write_bytes, line):
    """As Python objects it would take hundreds of megabytes; commas in a text are no values."""
    commas = b'{"text": "' + b"a, " * (1 << 20) + b'"}'
    found = read(write_bytes("a.jsonl", b"\n".join([GOOD.strip(), line, commas])))
    assert [(bad.row, bad.reason) for bad in found.quarantined] == [
        (1, "above the limit of 1048576 values in one record")
    ]
    assert sorted(found.texts) == [0, 2]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_block_has_few_rows_and_that_changes_nothing(read, write_bytes, name, end):
    """Rows of some bytes are many in a block: what is held for each of them is bounded, too."""
    header, row = (b"", b'{"text": "%d"}') if name == "a.jsonl" else (b"text\n", b"%d")
    path = write_bytes(name, header + b"\n".join([row % i if i % 7 else b"" for i in range(1, 100)]) + end)
    whole, cut = read(path), read(path, limits=Limits(block_rows=10))
    assert (whole.texts, whole.summary) == (cut.texts, cut.summary)
    shards = list(formats.read_shards(cut.source, cut.layout, Limits(block_rows=10)))
    assert len(shards) == 10
    assert max(shard.n_rows for shard in shards) <= 10
    assert b"".join(shard.payload for shard in shards) == path.read_bytes().removeprefix(header)


@pytest.mark.parametrize("length", [999, 1000, 1001, 1200, 5000, 50_000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_above_the_limit_is_counted_and_not_kept(read, write_bytes, length, end):
    long = b'{"text": "a", "x": "' + b"y" * (length - 22) + b'"}'
    assert len(long) == length
    tail = b"\n" + GOOD + b"{bad\n" if end else b""
    found = read(write_bytes("a.jsonl", GOOD + long + tail), limits=SMALL)
    over = [bad for bad in found.quarantined if "above the limit" in bad.reason]
    assert len(over) == (length > 1000)
    for bad in over:
        assert (bad.row, bad.line, bad.offset, bad.length) == (1, 2, len(GOOD), length)
        assert bad.raw == long[:4096]
    if end:
        assert found.quarantined[-1].offset == 2 * len(GOOD) + length + 1
        assert (found.quarantined[-1].row, found.quarantined[-1].line) == (3, 4)


@pytest.mark.parametrize("text", ["x" * 501, "é" * 251, "\\u00e9" * 251, "\\ud83d\\ude00" * 126])
def test_a_text_above_the_limit_is_quarantined(read, write_bytes, text):
    limits = Limits(max_text_bytes=500)
    just = text[: -len(text) // 100] if "\\" not in text else text[: len(text) - 12 if "ude" in text else -6]
    data = f'{{"text": "{text}"}}\n{{"text": "{just}"}}\n'.encode()
    found = read(write_bytes("a.jsonl", data + GOOD), limits=limits)
    assert [bad.row for bad in found.quarantined] == [0]
    assert "above the limit" in found.reasons[0]


def test_a_file_of_lines_that_are_all_too_long_is_quarantined_not_refused(read, write_bytes):
    found = read(write_bytes("a.jsonl", b'{"text": "' + b"x" * 5000 + b'"}\n'), limits=SMALL)
    assert len(found.quarantined) == 1


def test_raw_bytes_are_cut(read, write_bytes):
    bad = base64.b64encode(bytes(9000))
    found = read(write_bytes("a.jsonl", GOOD + bad + b"\n"))
    assert (found.quarantined[0].raw, found.quarantined[0].length) == (bad[:4096], len(bad))


@pytest.mark.parametrize(
    "data", [b'[{"text": "a"}]', b'[\n{"text": "a"},\n{"text": "b"}\n]\n', b'{\n  "text": "a"\n}\n']
)
def test_a_json_document_is_refused_with_a_clear_word(read, write_bytes, data):
    with pytest.raises(InputError, match="not JSON lines"):
        read(write_bytes("a.json", data))


def test_json_lines_under_the_name_json_are_read(read, write_bytes):
    assert read(write_bytes("a.json", GOOD * 2)).all_texts == ["good"] * 2


def test_a_file_that_is_cut_anywhere_loses_at_most_its_last_row(read, write_bytes):
    """Plain JSON lines say nothing of their length: what is whole is read, a torn last line is named."""
    lines = [json.dumps({"id": i, "text": f"né {i}"}, ensure_ascii=False).encode() for i in range(4)]
    whole = b"\n".join(lines) + b"\n"
    for length in range(len(lines[0]), len(whole) + 1):
        found = read(write_bytes("a.jsonl", whole[:length]))
        n_whole = sum(len(b"\n".join(lines[: n + 1])) <= length for n in range(4))
        assert len(found.texts) == n_whole
        torn = whole[:length].rpartition(b"\n")[2]
        assert [bad.raw for bad in found.quarantined] == ([torn] if torn and torn not in lines else [])
