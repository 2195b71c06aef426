"""What stands beside the content of a chat's messages: tool calls, who is called and what is given; reasoning, parts."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from read_files import INSERTED, decide, redacted

from auditkit.shards import KEEP, REDACT, Edit
from auditkit.text.tool_calls import told_calls

CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}


def call(name, arguments):
    return {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": name, "arguments": arguments}}]}


CALLS = {
    "text of an object": ([call("clock", '{"zone": "UTC"}')], [[0, "clock", True]]),
    "an object": ([call("clock", {"zone": "UTC"})], [[0, "clock", True]]),
    "nothing to give": ([call("clock", ""), call("clock", None)], [[0, "clock", True], [1, "clock", True]]),
    "cut off": ([call("clock", '{"zone": ')], [[0, "clock", False]]),
    "a list": ([call("clock", "[1]")], [[0, "clock", False]]),
    "a number": ([call("clock", 7)], [[0, "clock", False]]),
    "two readings": ([call("clock", '{"a": 1, "a": 2}')], [[0, "clock", False]]),
    "two readings with a blank": ([call("clock", '{"a" :1,"a":2}')], [[0, "clock", False]]),
    "a colon in a text": ([call("clock", '{"a":":\\":","b":"x"}')], [[0, "clock", True]]),
    "out of range": ([call("clock", '{"a": 1e999}')], [[0, "clock", False]]),
    "nested without end": ([call("clock", '{"a":' + "[" * 5000)], [[0, "clock", False]]),
    "no name": ([call(None, "{}")], [[0, "", True]]),
    "no object": ([{"tool_calls": ["clock"]}], [[0, "", True]]),
    "the old form": ([{}, {"function_call": {"name": "clock", "arguments": "{}"}}], [[1, "clock", True]]),
    "of Anthropic": (
        [{"content": [{"type": "text", "text": "a"}, {"type": "tool_use", "name": "clock", "input": {"zone": "UTC"}}]}],
        [[0, "clock", True]],
    ),
    "of free form": ([{"tool_calls": [{"type": "custom", "custom": {"name": "c", "input": "x"}}]}], [[0, "c", True]]),
    "without type": ([{"tool_calls": [{"name": "clock", "arguments": {}}]}], [[0, "clock", True]]),
}


@pytest.mark.parametrize(("messages", "calls"), CALLS.values(), ids=CALLS.keys())
def test_calls(messages, calls):
    assert json.loads(told_calls(messages, None, 200)) == {"calls": calls, "tools": None}


@pytest.mark.parametrize("messages", [None, [], [{"content": "a"}], [{"tool_calls": []}], "x", [7]], ids=str)
def test_no_calls(messages):
    assert told_calls(messages, [CLOCK], 200) is None


OFFERED = {
    "functions": ([CLOCK], ["clock"]),
    "objects": ([{"name": "b"}, {"name": "a"}], ["a", "b"]),
    "names": (["clock"], ["clock"]),
    "text": (json.dumps([CLOCK]), ["clock"]),
    "text that is none": ("[", None),
    "an empty list": ([], None),
    "none": (None, None),
}


@pytest.mark.parametrize(("tools", "names"), OFFERED.values(), ids=OFFERED.keys())
def test_tools_that_are_offered(tools, names):
    assert json.loads(told_calls([call("clock", {})], tools, 200))["tools"] == names


ASKED, SAID = {"role": "user", "content": "Time?"}, {"role": "assistant", "content": "Noon."}


def assistant(**more):
    return {"role": "assistant", "content": None} | more


def parts(*content):
    return {"role": "assistant", "content": list(content)}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
BESIDE = {
    "a JSON string": (call("clock", '{"zone": "canary"}'), {".tool_calls[0].function.arguments": '{"zone": "canary"}'}),
    "an object": (
        call("clock", {"zone": "canary", "n": 3, "of": [{"name": "Ann"}], "by": ["b"]}),
        {
            ".tool_calls[0].function.arguments.zone": "canary",
            ".tool_calls[0].function.arguments.of[0].name": "Ann",
            ".tool_calls[0].function.arguments.by[0]": "b",
        },
    ),
    "lists in lists": (
        call("sheet", {"rows": [["a"], ["b", "canary"]]}),
        {f".tool_calls[0].function.arguments.rows{at}": text for at, text in (("[0][0]", "a"), ("[1][0]", "b"), ("[1][1]", "canary"))},
    ),
    "without function": (assistant(tool_calls=[{"name": "f", "arguments": "canary"}]), {".tool_calls[0].arguments": "canary"}),
    "input": (assistant(tool_calls=[{"id": "c", "input": {"q": "canary"}}]), {".tool_calls[0].input.q": "canary"}),
    "free form": (
        assistant(tool_calls=[{"type": "custom", "custom": {"name": "f", "input": "canary"}}]),
        {".tool_calls[0].custom.input": "canary"},
    ),
    "calls as one string": (assistant(tool_calls='[{"name": "f"}]'), {".tool_calls": '[{"name": "f"}]'}),
    "the old form": (assistant(function_call={"name": "f", "arguments": "canary"}), {".function_call.arguments": "canary"}),
    "reasoning": (SAID | {"reasoning_content": "canary"}, {".reasoning_content": "canary"}),
    "thinking": (SAID | {"thinking": "canary", "country": "PL"}, {".thinking": "canary"}),
    "a refusal": (assistant(refusal="canary"), {".refusal": "canary"}),
    "a part that thinks": (
        parts({"type": "thinking", "thinking": "canary", "signature": "c2ln"}, {"type": "text", "text": "Noon."}),
        {".content[0].thinking": "canary"},
    ),
    "a part that calls": (
        parts({"type": "tool_use", "id": "t", "name": "f", "input": {"q": "canary", "id": "Ann"}}),
        {".content[0].input.q": "canary", ".content[0].input.id": "Ann"},
    ),
    "what a tool gave": (
        parts({"type": "tool_result", "tool_use_id": "t", "content": "canary"}),
        {".content[0].content": "canary"},
    ),
    "parts that a tool gave": (
        parts({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "canary"}, IMAGE]}),
        {".content[0].content[0].text": "canary"},
    ),
    "a document": (
        parts({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "canary"}}),
        {".content[0].source.data": "canary"},
    ),
    "pictures and sounds": (
        parts(
            IMAGE,
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            {"type": "tool_use", "name": "f", "input": {"picture": "data:image/png;base64,aGk="}},
            {"type": "tool_use", "name": "f", "input": {"picture": "data:image/png;base64,jane@corp.com"}},
        ),
        {".content[4].input.picture": "data:image/png;base64,jane@corp.com"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
@pytest.mark.parametrize(("message", "texts"), BESIDE.values(), ids=BESIDE.keys())
def test_what_stands_beside_is_looked_at_where_it_first_comes_late(write, read, tmp_path, kind, message, texts):
    rows = [{"messages": [ASKED, SAID]}] * 3 + [{"messages": [ASKED, message]}, {"messages": [ASKED, SAID]}]
    found = read(written(kind, rows, write, tmp_path))
    beside = {field: text for field, (role, text) in found.texts[3].items() if role == "context"}
    assert beside == {f"messages[1]{path}": text for path, text in texts.items()}
    assert not found.reasons
    assert set(found.speakers[3][-len(texts) :]) == {"assistant"}
    assert [role for role, _ in [*found.texts[2].values(), *found.texts[4].values()]] == ["prompt", "response"] * 2


def as_parts(message):
    said = message["content"]
    return message | {"content": [{"type": "text", "text": said}] if isinstance(said, str) else said}


def written(kind, rows, write, tmp_path):
    """The rows in this format; in the columnar ones every message has all keys, null where it has none."""
    if kind == "jsonl":
        return write("a.jsonl", rows)
    if any(isinstance(message["content"], list) for row in rows for message in row["messages"]):
        rows = [{"messages": [as_parts(message) for message in row["messages"]]} for row in rows]
    table = pa.Table.from_pylist(rows)
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("message", [message for message, _ in BESIDE.values()], ids=BESIDE.keys())
def test_what_stands_beside_is_redacted_in_its_place(write, read, split, tmp_path, kind, message):
    found = read(written(kind, [{"messages": [ASKED, SAID]}, {"messages": [ASKED, message]}], write, tmp_path))
    decisions, edits = decide(found, 3)
    decisions[:] = [KEEP, REDACT]
    texts = found.texts[1]
    edits = {1: [Edit(field, len(text) // 3, len(text) // 2, INSERTED) for field, (_, text) in texts.items()]}
    kept, _, _ = split(found, decisions, edits)
    again = read(kept).texts
    assert again[0] == found.texts[0]
    assert again[1] == {field: (role, redacted(text)) for field, (role, text) in texts.items()}


ESCAPED = r'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","%s":"canary"}]}'


@pytest.mark.parametrize("name", ["\\u0072easoning", "reasonin\\u0067", "refusa\\u006c", "thinking"])
def test_a_key_written_with_escapes_is_seen(write_bytes, read, name):
    plain = b'{"messages":[{"role":"user","content":"a"}]}\n'
    found = read(write_bytes("a.jsonl", plain * 2 + (ESCAPED % name).encode() + b"\n" + plain))
    assert ("context", "canary") in found.texts[2].values()


@pytest.mark.parametrize("name", ["a.b", "a[0]", "]", ""])
def test_a_text_that_no_path_can_name_is_not_passed(write, read, name):
    found = read(
        write("a.jsonl", [{"messages": [ASKED, SAID]}, {"messages": [ASKED, call("f", {"to": {name: "canary"}})]}])
    )
    assert "messages[1].tool_calls[0].function.arguments.to' has a text under a name" in found.reasons[0]
    named = read(write("b.jsonl", [{"messages": [ASKED, call("f", {"to": {name: 3}})]}]))
    assert not named.reasons


def test_a_call_of_a_million_texts_is_refused(write, read):
    rows = [{"messages": [ASKED, call("f", {"of": [["a"] * 1000] * n})]} for n in (1, 101)]
    found = read(write("a.jsonl", rows))
    assert len(found.texts[0]) == 1001
    assert found.reasons[0].startswith("above the limit of 100000 texts beside a content: 'messages[1].tool_calls[0]")


def test_a_map_is_not_passed(read, tmp_path):
    arguments = pa.struct([("arguments", pa.map_(pa.utf8(), pa.utf8()))])
    message = pa.struct([("role", pa.utf8()), ("content", pa.utf8()), ("function_call", arguments)])
    rows = [[ASKED], [SAID | {"function_call": {"arguments": [("to", "canary")]}}]]
    pq.write_table(pa.table({"messages": pa.array(rows, pa.list_(message))}), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert "is not a text but a map" in found.reasons[0]
    assert list(found.texts) == [0]


def test_a_decoy_beside_the_chat_does_not_take_its_redaction(write, read, split):
    row = {"messages[0].content": "Time?", "messages": [ASKED, SAID]}
    found = read(write("a.jsonl", [row]))
    kept, _, _ = split(found, np.array([REDACT], np.uint8), {0: [Edit("messages[0].content", 0, 5, "***")]})
    assert json.loads(kept.read_bytes()) == row | {"messages": [ASKED | {"content": "***"}, SAID]}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_who_is_called_is_told(write, read, tmp_path, kind):
    rows = [{"messages": [ASKED, call("clock", '{"zone": "UTC"}')], "tools": [CLOCK]}, {"messages": [ASKED, SAID]}]
    found = read(written(kind, rows, write, tmp_path))
    assert json.loads(found.keys[0]["calls"]) == {"calls": [[1, "clock", True]], "tools": ["clock"]}
    assert found.keys[1]["calls"] is None
