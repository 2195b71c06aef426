"""Tool calls that stand beside the texts of a chat: told with who is called, never with what was given."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
    "nested without end": ([call("clock", '{"a":' + "[" * 5000)], [[0, "clock", False]]),
    "no name": ([call(None, "{}")], [[0, "", True]]),
    "no object": ([{"tool_calls": ["clock"]}], [[0, "", True]]),
    "the old form": ([{}, {"function_call": {"name": "clock", "arguments": "{}"}}], [[1, "clock", True]]),
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


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_calls_pass_through_without_their_arguments(write, read, tmp_path, kind):
    asked, said = {"role": "user", "content": "Time?"}, {"role": "assistant", "content": "Noon."}
    rows = [{"messages": [asked, call("clock", '{"zone": "canary"}')], "tools": [CLOCK]}, {"messages": [asked, said]}]
    path = tmp_path / "a.parquet"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = read(path if kind == "parquet" else write("a.jsonl", rows))
    assert json.loads(found.keys[0]["calls"]) == {"calls": [[1, "clock", True]], "tools": ["clock"]}
    assert found.keys[1]["calls"] is None
    assert found.texts[0] == {"messages[0].content": ("prompt", "Time?")}
