"""The fast scan against the strict parser and the standard library: never clean where they refuse, equal where both read."""

import json
import math
import string

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditkit import formats
from auditkit.shards import Layout, Limits, Shard, Source
from auditkit.text.strict_json import Number, Refused, strict_object

TEXT = Layout("text", (("text", "text"),), ("text",), id="id")
CHAT = Layout(
    "messages", (("messages[*].content", ""), ("context", "context")), ("messages",), id="id", calls="messages"
)
SAMPLES = Layout("samples", (("q", "prompt"), ("samples[*]", "response")), ("q", "samples"), group="id")
LAYOUTS = {"text": TEXT, "chat": CHAT, "samples": SAMPLES}


def scanned(line: bytes) -> bool:
    """Whether the scan calls the line clean."""
    from auditkit.formats.json_rows import Scan, Shape

    scan = Scan(line, np.array([0]), np.array([len(line)]), Shape(()), Limits())
    return bool(scan.status[0] == scan.clean)


def strict(line: bytes) -> bool:
    try:
        strict_object(line, Limits().max_nesting)
    except Refused:
        return False
    return True


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(st.sampled_from(["text", "id", "messages", "samples", "q", "context", "é", ""]), values)


@st.composite
def written(draw, what=records):
    """A record as some writer would write it."""
    record = draw(what)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r")]))
    return json.dumps(record, ensure_ascii=draw(st.booleans()), separators=separators).encode("utf-8", "surrogatepass")


ODD = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"-",
    b".",
    b"e5",
    b"1e999",
    b"NaN",
    b"\x00",
    b"\x1f",
    b"\xff",
]
ODD += [
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\udc00",
    b'"text":1,',
    b"\\u00",
    b" ",
    b"\r",
    b"\xef\xbb\xbf",
    b"true",
    b"nul",
]


@st.composite
def mutated(draw):
    """A record with some bytes cut out, doubled or put in."""
    line = draw(written())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        end = draw(st.integers(at, min(len(line), at + 6)))
        piece = draw(st.sampled_from([b"", line[at:end] * 2, *ODD]))
        line = line[:at] + piece + line[end:]
    return line.replace(b"\n", b"")


@given(mutated())
@settings(max_examples=300, deadline=None)
@example(b'{"a":1,"a":2}')
@example(b'{"a":"\\ud83d\\ude00"}')
@example(b"{}{}")
@example(b'{"a":[}')
@example(b'{"a":{]}')
@example(b'{"a":tru}')
@example(b'{"a":-}')
def test_what_the_scan_calls_clean_the_strict_parser_reads(line):
    if scanned(line):
        assert strict(line)


@given(written())
@settings(max_examples=150, deadline=None)
def test_what_the_strict_parser_reads_and_has_plain_names_is_clean(line):
    plain_names = b"\\" not in line or all("\\" not in json.dumps(name) for name in names_of(json.loads(line)))
    sizes = [abs(number) for number in numbers_of(json.loads(line))]
    if strict(line) and plain_names and all(size == 0 or 1e-50 < size < 1e50 for size in sizes):
        assert scanned(line)


def names_of(value):
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from names_of(inner)


def numbers_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from numbers_of(inner)
    elif isinstance(value, int | float):
        yield value


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_the_strict_parser_reads_nothing_that_the_standard_library_refuses(line):
    if strict(line):
        found = json.loads(
            line.removeprefix(b"\xef\xbb\xbf"), parse_constant=lambda _: pytest.fail("a constant passed")
        )
        assert isinstance(found, dict)
        assert all(math.isfinite(number) for number in numbers_of(found) if isinstance(number, float))


called = st.none() | st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.text(max_size=3),
            "function": st.fixed_dictionaries({"name": st.just("f"), "arguments": st.text(max_size=6) | values}),
            "input": values,
        },
    ),
    max_size=2,
)
parts = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "tool_use", "tool_result", "thinking", "image"])},
        optional={"text": st.text(max_size=6), "input": values, "content": values, "data": st.just("x")},
    ),
    max_size=2,
)
chat_records = st.fixed_dictionaries(
    {},
    optional={
        "id": st.none()
        | st.integers()
        | st.text(max_size=5)
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
        "messages": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "role": st.sampled_from(["user", "assistant", "tool", "narrator", "User", None, 3]),
                    "content": st.none() | st.text(max_size=6) | parts | values,
                    "tool_calls": called | values,
                    "function_call": st.none() | st.fixed_dictionaries({"arguments": values}) | values,
                    "reasoning_content": st.none() | st.text(max_size=6) | values,
                },
            )
            | values,
            max_size=4,
        )
        | values,
        "samples": st.lists(st.text(max_size=6) | st.none(), max_size=4) | values,
        "q": st.text(max_size=6) | values,
        "text": st.text(max_size=6) | values,
        "context": st.text(max_size=6) | values,
    },
)


@pytest.mark.parametrize("name", LAYOUTS)
@given(lines=st.lists(written(chat_records) | mutated(), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_the_fast_way_and_the_strict_way_give_the_same_batch(name, lines):
    """The strict way is forced by a name that no scan reads: it is written with an escape."""
    layout = LAYOUTS[name]
    lines = [line for line in lines if line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")]
    fast = parsed(layout, lines)
    slow = [parsed(layout, [forced(line)]) for line in lines]
    rows = [row for row, one in enumerate(slow) if one["records"]]
    assert [record["row"] for record in fast["records"]] == rows
    assert [record["id"] for record in fast["records"]] == [slow[row]["records"][0]["id"] for row in rows]
    assert [text[1:] for text in fast["texts"]] == [text[1:] for row in rows for text in slow[row]["texts"]]
    assert [text[0] for text in fast["texts"]] == [row for row in rows for _ in slow[row]["texts"]]
    assert [record["calls"] for record in fast["records"]] == [slow[row]["records"][0]["calls"] for row in rows]


def forced(line: bytes) -> bytes:
    body = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
    if not body.startswith(b"{") or b"forced" in body:
        return line
    rest = body[1:].lstrip(b" \t\r")
    return b'{"\\u0066orced":1' + (b"" if rest.startswith(b"}") else b",") + body[1:]


def parsed(layout, lines):
    if not lines:
        return {"records": [], "texts": []}
    payload = b"\n".join(lines) + b"\n"
    shard = Shard(0, Source("", "a.jsonl", "jsonl"), layout, 0, 0, len(lines), payload=payload)
    (found,) = formats.parse(shard, Limits())
    assert len(found.batch) + len(found.quarantined) == len(lines)
    texts = [(t["doc"], t["field"], t["role"], t["text"]) for t in found.batch.texts.to_pylist()]
    records = [record | {"id": record["id"] or record["group"]} for record in found.batch.records.to_pylist()]
    return {"records": records, "texts": texts}


def test_numbers_stay_as_written():
    assert strict_object(b'{"a": 1.50, "b": -0}', 200) == {"a": "1.50", "b": "-0"}
    assert isinstance(strict_object(b'{"a": 1.50}', 200)["a"], Number)


def test_every_escape_of_one_letter():
    for letter in string.printable:
        line = f'{{"a": "\\{letter}"}}'.encode()
        assert scanned(line) == strict(line) == (letter in '"\\/bfnrt'), letter
