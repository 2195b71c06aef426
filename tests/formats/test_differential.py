"""Our reader of JSON lines against orjson, msgspec and the standard library, on lines that no one wrote."""

from __future__ import annotations

import json
import math

import msgspec
import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditkit.formats import jsonl
from auditkit.layouts import named
from auditkit.shards import Limits, Shard, Source

LAYOUT = named({"text": "text"})
LIMITS = Limits(max_nesting=50)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
records = st.fixed_dictionaries(
    {"text": st.text(max_size=30)}, optional={"id": st.text(max_size=5), "v": values, "é": values}
)
PIECES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"1e999", b"NaN", b"\\ud800", b"\\u0000", b"\xff", b"\x00",
          b'"text":"x"', b" ", b"\xef\xbb\xbf", b"\t", b"'", b"/*", b"\xed\xa0\x80", b"1" * 4301]  # fmt: skip


@st.composite
def lines(draw):
    """A record as one of several writers puts it down, perhaps damaged in one or two places."""
    record = draw(records)
    line = draw(
        st.sampled_from([
            json.dumps(record).encode(),
            json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"),
            json.dumps(record, separators=(",", ":"), sort_keys=True).encode(),
            json.dumps(record, indent=1).replace("\n", " ").encode(),
        ])
    )  # fmt: skip
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(line)))
        line = line[:place] + draw(st.sampled_from(PIECES)) + line[place + draw(st.integers(0, 2)) :]
    return line.replace(b"\n", b" ")


def ours(line):
    """(text, "") or (None, reason) of a line between two good ones, which must be read."""
    payload = b'{"text": "before"}\n' + line + b'\n{"text": "after"}\n'
    blank = not line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
    shard = Shard(0, Source("a", "a", "jsonl"), LAYOUT, 0, 0, 3 - blank, payload=payload)
    texts, reasons = {}, {}
    for parsed in jsonl.parse(shard, LIMITS):
        texts |= {text["doc"]: text["text"] for text in parsed.batch.texts.to_pylist()}
        reasons |= {bad.row: bad.reason for bad in parsed.quarantined}
    assert texts.pop(0) == "before"
    assert texts.pop(2 - blank) == "after"
    return (None, "blank") if blank else (texts.get(1), reasons.get(1, ""))


def theirs(line):
    """What each of the other parsers makes of a line: a value, or None where it refuses it."""
    found = {}
    for name, parse, errors in (
        ("orjson", orjson.loads, orjson.JSONDecodeError),
        ("msgspec", msgspec.json.decode, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)),
        ("json", json.loads, (ValueError, RecursionError)),
    ):
        try:
            found[name] = parse(line)
        except errors:
            found[name] = None
    return found


@settings(max_examples=400, deadline=None)
@given(lines())
@example(b'{"text": "a", "text": "b"}')
@example(b'{"text": "\\ud800"}')
@example(b'{"text": "a", "v": 1e999}')
@example(b"[" * 900)
def test_what_we_read_all_read_alike_and_what_we_refuse_has_a_reason(line):
    text, reason = ours(line)
    if text is not None:
        assert all(
            value is not None and value["text"] == text for value in theirs(line.removeprefix(b"\xef\xbb\xbf")).values()
        )
        return
    assert reason
    if reason == "blank" or any(
        word in reason for word in ("field 'text'", "stands twice", "not an object", "surrogate")
    ):
        return
    accepted = [value for value in theirs(line).values() if value is not None]
    assert len(accepted) < 3 or odd(line), f"all read it, we say: {reason}"


def odd(line):
    """What we refuse although all may read it: numbers beyond a double or 4,300 digits, deep nesting."""
    numbers_ = [float(word) for word in line.replace(b",", b" ").replace(b":", b" ").split() if word.isdigit()]
    return (
        line.count(b"[") + line.count(b"{") > LIMITS.max_nesting
        or any(map(math.isinf, numbers_))
        or b"1" * 4301 in line
    )
