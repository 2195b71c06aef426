"""Layouts: common shapes are recognised, roles are right, paths lead where they say, and mistakes get a suggestion."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit.errors import ConfigError, InputError
from auditkit.layouts import Step, steps, values

LONG = "a source text of some length, with words and sentences, as summaries are made from. " * 3

RECOGNISED = [
    ({"text": "t"}, "text", {"text": "text"}),
    ({"content": "t"}, "text", {"content": "text"}),
    ({"text": "t", "content": "c"}, "text", {"text": "text", "content": "text"}),
    ({"text": "t", "source": "wiki", "url": "https://x.org/a b"}, "text", {"text": "text"}),
    ({"text": "t", "source": LONG}, "text", {"text": "text", "source": "context"}),
    ({"text": "t", "document": "doc-17"}, "text", {"text": "text"}),
    ({"prompt": "p", "completion": "c"}, "prompt", {"prompt": "prompt", "completion": "response"}),
    ({"prompt": "p", "response": "r"}, "prompt", {"prompt": "prompt", "response": "response"}),
    ({"question": "q", "answer": "a"}, "prompt", {"question": "prompt", "answer": "response"}),
    (
        {"instruction": "i", "input": "n", "output": "o"},
        "alpaca",
        {"instruction": "prompt", "input": "prompt", "output": "response"},
    ),
    ({"instruction": "i", "output": "o"}, "alpaca", {"instruction": "prompt", "output": "response"}),
    ({"output": "o", "input": None, "instruction": "i"}, "alpaca", {"instruction": "prompt", "output": "response"}),
    (
        {"instruction": "i", "input": "", "output": "o", "text": "all of it"},
        "alpaca",
        {"instruction": "prompt", "input": "prompt", "output": "response", "text": "text"},
    ),
    (
        {"instruction": "i", "context": "c", "response": "r", "category": "qa"},
        "alpaca",
        {"instruction": "prompt", "response": "response", "context": "context"},
    ),
    (
        {"question": "q", "answer": "a", "context": "c"},
        "prompt",
        {"question": "prompt", "answer": "response", "context": "context"},
    ),
    (
        {"question": "q", "answer": "a", "passage": ["p0", "p1"]},
        "prompt",
        {"question": "prompt", "answer": "response", "passage[0]": "context", "passage[1]": "context"},
    ),
    ({"knowledge": "k", "response": "r"}, "response", {"response": "response", "knowledge": "context"}),
    (
        {"question": "q", "samples": ["a", "b"]},
        "samples",
        {"question": "prompt", "samples[0]": "response", "samples[1]": "response"},
    ),
    ({"prompt": "p", "responses": ["a"]}, "samples", {"prompt": "prompt", "responses[0]": "response"}),
    ({"question": "q", "answers": ["a"], "id": 1}, "samples", {"question": "prompt", "answers[0]": "response"}),
    (
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"},
            ]
        },
        "messages",
        {"messages[0].content": "prompt", "messages[1].content": "prompt", "messages[2].content": "response"},
    ),
    (
        {"conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]},
        "conversations",
        {"conversations[0].value": "prompt", "conversations[1].value": "response"},
    ),
    (
        {
            "messages": [
                {"role": "user", "content": "u"},
                {"role": "tool", "content": "t"},
                {"role": "narrator", "content": "n"},
            ]
        },
        "messages",
        {"messages[0].content": "prompt", "messages[1].content": "context", "messages[2].content": "text"},
    ),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "image_url", "image_url": "x"}]}
            ]
        },
        "messages",
        {"messages[0].content[0].text": "prompt"},
    ),
    (
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": None, "tool_calls": [{}]}]},
        "messages",
        {"messages[0].content": "prompt"},
    ),
]


@pytest.mark.parametrize(("record", "name", "roles"), RECOGNISED)
def test_layouts_are_recognised(read, write, record, name, roles):
    found = read(write("a.jsonl", [record, record]))
    assert found.layout.name == name
    for row in (0, 1):
        assert {field: role for field, (role, _) in found.texts[row].items()} == roles


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ({"text": "t", "id": "x", "group": "g", "label": "l", "split": "s"}, ("x", "g", "l", "s")),
        ({"text": "t", "_id": 3, "question_id": 4, "category": 5}, ("3", "4", "5", None)),
        ({"text": "t", "uuid": "u", "prompt_id": True, "class": 0.5}, ("u", "true", "0.5", None)),
        ({"text": "t", "id": None, "group_id": [1], "label": {"a": 1}}, (None, None, None, None)),
        ({"text": "t"}, (None, None, None, None)),
    ],
)
def test_keys(read, write, record, keys):
    found = read(write("a.jsonl", [record])).keys[0]
    assert tuple(found[name] for name in ("id", "group", "label", "split")) == keys


def test_optional_fields_that_come_late_are_looked_at(read, write):
    rows = [{"instruction": "i", "output": "o"}] * 500 + [{"instruction": "i", "input": "late", "output": "o"}]
    assert read(write("a.jsonl", rows)).texts[500]["input"] == ("prompt", "late")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"question": "q", "samples": ["a", None]}, "'samples[1]' is not a text but null"),
        ({"question": "q", "samples": ["a", 3]}, "'samples[1]' is not a text but a number"),
        ({"question": "q", "samples": []}, "'samples' is an empty list"),
        ({"question": None, "samples": ["a"]}, "'question' is null"),
        ({"samples": ["a"]}, "no field 'question'"),
    ],
)
def test_samples_that_cannot_be_read(read, write, record, reason):
    found = read(write("a.jsonl", [{"question": "q", "samples": ["a"]}, record]))
    assert reason in found.reasons[0]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "is an empty list"),
        (None, "is not a message but null"),
        ("hi", "is not a message but a string"),
        (["hi"], "is not a message but a string"),
        ([{"role": "user"}], "'messages[0].content' is not a text but null"),
        ([{"role": "user", "content": 3}], "is not a text but a number"),
        ([{"content": "a"}], "does not say who speaks"),
        ([{"role": 3, "content": "a"}], "does not say who speaks"),
        ([{"role": "user", "content": ["a"]}], "is not a part with a text"),
        ([{"role": "user", "content": [{"type": "text"}]}], "is not a part with a text"),
        ([{"role": "assistant", "content": None, "tool_calls": [1]}], "no text"),
    ],
)
def test_messages_that_cannot_be_read(read, write, messages, reason):
    good = {"messages": [{"role": "user", "content": "u"}]}
    found = read(write("a.jsonl", [good, {"messages": messages}, good]))
    assert reason in found.reasons[0]
    assert sorted(found.texts) == [0, 2]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"text": "a.b"}, {"a.b": ("text", "x")}),
        ({"text": "l[1]"}, {"l[1]": ("text", "two")}),
        ({"response": "l[*]"}, {"l[0]": ("response", "one"), "l[1]": ("response", "two")}),
        ({"prompt": "m[0].c", "response": "m[*].d"}, {"m[0].c": ("prompt", "p"), "m[0].d": ("response", "r")}),
        ({"text": "odd name!"}, {"odd name!": ("text", "o")}),
        ({"text": "dotted.name"}, {"dotted.name": ("text", "d")}),
        ({"text": "ü"}, {"ü": ("text", "u")}),
        ({"text": "a.b", "context": "ü"}, {"a.b": ("text", "x"), "ü": ("context", "u")}),
    ],
)
def test_fields_named_by_the_user(read, write, fields, texts):
    record = {
        "a": {"b": "x"}, "l": ["one", "two"], "m": [{"c": "p", "d": "r"}], "odd name!": "o", "dotted.name": "d", "ü": "u",
        "text": "never", "id": 7,
    }  # fmt: skip
    found = read(write("a.jsonl", [record]), fields)
    assert found.layout.name == "fields"
    assert found.texts[0] == texts
    assert found.keys[0]["id"] == "7"


def test_keys_named_by_the_user(read, write):
    rows = [{"text": "t", "meta": {"q": 1, "s": "train"}, "cats": ["x", "y"]}]
    found = read(write("a.jsonl", rows), {"text": "text", "group": "meta.q", "split": "meta.s", "label": "cats[1]"})
    assert [found.keys[0][name] for name in ("group", "split", "label")] == ["1", "train", "y"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "nope"}, "no row has the field 'nope'; found: text, n"),
        ({"text": "text", "id": "nope"}, "no row has the field 'nope'"),
        ({"text": "text.b"}, "no row has the field 'text.b'"),
        ({"txt": "text"}, "unknown role 'txt' in --field; did you mean 'text'"),
        ({"text": "a..b"}, "a segment has no name"),
    ],
)
def test_wrong_fields_are_usage_errors(read, write, fields, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        read(write("a.jsonl", [{"text": "t", "n": 1}]), fields)


def test_a_field_that_comes_late_is_waited_for(read, write):
    found = read(write("a.jsonl", [{"n": 1}] * 500 + [{"body": "b"}]), {"text": "body"})
    assert (len(found.texts), len(found.quarantined)) == (1, 500)


def test_a_named_field_without_a_text_is_refused(read, write):
    with pytest.raises(InputError, match="not one row can be read; the first: field 'n' is not a text but a number"):
        read(write("a.jsonl", [{"n": 1}]), {"text": "n"})


def test_steps_and_values():
    assert steps("a b.c-d[0].e[*]") == (Step("a b"), Step("c-d", 0), Step("e", -1))
    record = {"a": [{"b": 1}, {"c": 2}, {"b": None}], "n": None}
    assert values(record, "a[*].b") == [("a[0].b", 1), ("a[2].b", None)]
    assert values(record, "a[7].b") == []
    assert values(record, "n[*]") == [("n", None)]
    assert values(record, "n.x") == []


@pytest.mark.parametrize(
    ("record", "options"),
    [
        ({"Text": "a", "other": "bbbbbb"}, "--field text=Text"),
        ({"n": 1, "title": "a", "body": "longer"}, "--field text=body"),
        ({"Full text": "a"}, "--field 'text=Full text'"),
        ({"question": "q", "right_answer": "r", "x": "yy"}, "--field prompt=question --field response=x"),
        ({"question": "q", "solutions": ["a", "b"]}, "--field prompt=question --field 'response=solutions[*]'"),
        ({"question": "q", "model": {"solution": "s"}}, "--field prompt=question --field response=model.solution"),
        ({"n": 1}, "--field text=PATH"),
    ],
)
def test_an_unknown_layout_says_what_to_type(read, write, record, options):
    with pytest.raises(InputError) as caught:
        read(write("a.jsonl", [record]))
    assert str(caught.value).endswith(f"for example {options}")
    assert ", ".join(record) in str(caught.value)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_speakers_and_log_probabilities_pass_through(write, read, tmp_path, kind):
    said = ("System", "Be kind."), ("user", "Hi."), ("robot", "?")
    chat = [{"role": speaker, "content": text} for speaker, text in said]
    rows = [{"messages": chat, "mean_logprob": -0.25}, {"messages": chat[1:], "mean_logprob": None}]
    path = tmp_path / "a.parquet"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = read(path if kind == "parquet" else write("a.jsonl", rows))
    assert found.speakers == {0: ["System", "user", "robot"], 1: ["user", "robot"]}
    assert [role for role, _ in found.texts[0].values()] == ["prompt", "prompt", "text"]
    assert [found.keys[row]["logprob"] for row in (0, 1)] == ["-0.25", None]
