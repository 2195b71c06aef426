"""Check digits, calendars, chats, code and slots: what carries its own proof."""

from __future__ import annotations

import json
import time

import pytest

from auditkit.checker import build
from auditkit.checkers.hallucination import claims
from auditkit.documents import Text, batch_of, batch_of_texts

CHECKER = build("hallucination", {})


def found(batch):
    """Rule names without the prefix, in order."""
    return [rule.removeprefix("hallucination/") for rule in CHECKER.check(batch).findings["rule"].to_pylist()]


def row(prompt, response):
    """A document with one prompt and one response."""
    return batch_of([Text(0, "prompt", "prompt", prompt), Text(0, "response", "response", response)], [{"doc": 0}])


def chat(*roles_and_texts):
    """A document whose texts are the turns of a chat."""
    texts = [Text(0, f"messages[{n}].content", role, text) for n, (role, text) in enumerate(roles_and_texts)]
    return batch_of(texts, [{"doc": 0}])


HOLDS = [
    (claims.luhn, "4111111111111111", "4111111111111112"),
    (claims.isbn_holds, "080442957X", "0804429570"),
    (claims.isbn_holds, "9780306406157", "9770306406157"),
    (claims.issn_holds, "2434561X", "24345610"),
    (claims.orcid_holds, "000000021694233X", "0000000216942330"),
    (claims.iban_holds, "NL91ABNA0417164300", "NL92ABNA0417164300"),
    (claims.vin_holds, "11111111111111111", "11111111211111111"),
    (claims.arxiv_holds, "0704.0001", "0703.0001"),
]


@pytest.mark.parametrize(("holds", "right", "wrong"), HOLDS)
def test_check_digits(holds, right, wrong):
    assert holds(right)
    assert not holds(wrong)


DATES = {
    "30 February": ("on February 30, 1999", 1),
    "leap day of 1900": ("on 29 February 1900", 1),
    "leap day of 2000": ("on 29 February 2000", 0),
    "leap day without a year": ("on February 29", 0),
    "month 13": ("on 2021-13-01", 1),
    "a time after a month": ("in May 32:10 was the score", 0),
    "a percentage after a month": ("in May 35% more", 0),
    "doubted by the text": ("there is no such day as June 31", 0),
    "part of a longer number": ("number 12021-02-301", 0),
}


@pytest.mark.parametrize(("text", "n"), DATES.values(), ids=DATES.keys())
def test_impossible_dates(text, n):
    assert found(batch_of_texts([text])) == ["impossible-date"] * n


SPANS = {
    "life backwards": ("Ada (1852-1815) wrote.", 1),
    "before Christ": ("Ptolemy (1367-1283 BC) ruled.", 0),
    "life too long": ("She was born in 1700 and died in 1850.", 1),
    "decline": ("It fell from 2000 to 1500.", 0),
    "ordinary": ("He was born on 3 May 1900 in Oslo and died in 1970.", 0),
}


@pytest.mark.parametrize(("text", "n"), SPANS.values(), ids=SPANS.keys())
def test_impossible_spans(text, n):
    assert found(batch_of_texts([text])) == ["impossible-span"] * n


CHATS = {
    "good": ([("prompt", "Be kind."), ("prompt", "Hi."), ("response", "Hello.")], []),
    "assistant first": ([("response", "Hello."), ("prompt", "Hi."), ("response", "Yes?")], ["chat-order"]),
    "two answers": ([("prompt", "Hi."), ("response", "Hello."), ("response", "And?")], ["chat-order"]),
    "no answer": ([("prompt", "Hi."), ("response", "Hello."), ("prompt", "Why?")], ["chat-unanswered"]),
    "empty question": ([("prompt", " "), ("response", "Hello.")], ["chat-empty-turn"]),
    "tool between": ([("prompt", "Time?"), ("response", "I look."), ("context", "12:00"), ("response", "Noon.")], []),
}


@pytest.mark.parametrize(("turns", "rules"), CHATS.values(), ids=CHATS.keys())
def test_chats(turns, rules):
    assert found(chat(*turns)) == rules


ROLES = {"system": "prompt", "developer": "prompt", "user": "prompt", "assistant": "response", "tool": "context"}


def spoken(*turns, calls=None):
    """A document whose texts are the turns of a chat, speakers told; (speaker, None) is a message without text."""
    kept = [(n, speaker, text) for n, (speaker, text) in enumerate(turns) if text is not None]
    texts = [Text(0, f"messages[{n}].content", ROLES.get(speaker, "text"), text) for n, speaker, text in kept]
    told = json.dumps(calls) if calls else None
    return batch_of(texts, [{"doc": 0, "calls": told}], speakers=[speaker for _, speaker, _ in kept])


SPOKEN = {
    "good": ((("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello.")), []),
    "two questions at the start": ((("user", "Hi."), ("user", "Well?"), ("assistant", "Hello.")), ["chat-order"]),
    "two answers": ((("user", "Hi."), ("assistant", "Hello."), ("assistant", "And?")), ["chat-order"]),
    "assistant first": ((("system", "Be kind."), ("assistant", "Hello."), ("user", "Hi."), ("assistant", "Yes?")), ["chat-order"]),
    "system midway": ((("user", "Hi."), ("system", "Be kind."), ("assistant", "Hello.")), ["chat-system"]),
    "system twice": ((("system", "Be kind."), ("developer", "Be brief."), ("user", "Hi."), ("assistant", "Hello.")), ["chat-system"]),
    "nobody knows the narrator": ((("user", "Hi."), ("narrator", "He waits."), ("assistant", "Hello.")), ["chat-speaker"]),
    "a call between": ((("user", "Time?"), ("assistant", None), ("tool", "12:00"), ("assistant", "Noon.")), []),
    "an answer, a call, an answer": ((("user", "Time?"), ("assistant", "I look."), ("assistant", None), ("assistant", "Noon.")), []),
    "no answer": ((("user", "Hi."), ("assistant", "Hello."), ("user", "Why?")), ["chat-unanswered"]),
}  # fmt: skip


@pytest.mark.parametrize(("turns", "rules"), SPOKEN.values(), ids=SPOKEN.keys())
def test_chats_whose_speakers_are_told(turns, rules):
    assert found(spoken(*turns)) == rules


TOOLS = {
    "good": ([[1, "clock", True]], ["clock"], []),
    "no tools listed": ([[1, "clock", True]], None, []),
    "another tool": ([[1, "weather", True]], ["clock"], ["tool-call"]),
    "arguments that are none": ([[1, "clock", False]], ["clock"], ["tool-call"]),
    "no name": ([[1, "", True]], None, ["tool-call"]),
    "two in one message": ([[1, "a", True], [1, "b", True]], ["c"], ["tool-call"]),
}


@pytest.mark.parametrize(("calls", "tools", "rules"), TOOLS.values(), ids=TOOLS.keys())
def test_tool_calls_beside_the_text(calls, tools, rules):
    turns = (("user", "Time?"), ("assistant", None), ("tool", "12:00"), ("assistant", "Noon."))
    assert found(spoken(*turns, calls={"calls": calls, "tools": tools})) == rules


def test_a_call_is_an_answer():
    assert (
        found(spoken(("user", "Time?"), ("assistant", None), calls={"calls": [[1, "clock", True]], "tools": None}))
        == []
    )
    assert found(spoken(("user", "Time?"), ("assistant", None))) == ["chat-unanswered"]


def loads(batch):
    """Trainer -> rows that load as they stand, of how many."""
    tallies = CHECKER.check(batch).tallies
    return {trainer: tallies[f"preflight_{trainer}", ""] for trainer in ("trl", "axolotl")}


def fields(**texts):
    roles = {"instruction": "prompt", "input": "prompt", "prompt": "prompt", "text": "text"}
    return batch_of([Text(0, name, roles.get(name, "response"), text) for name, text in texts.items()], [{"doc": 0}])


GOOD_TURNS = (("user", "Hi."), ("assistant", "Hello."))
PREFLIGHT = {
    "text": (fields(text="A text."), (1, 1)),
    "prompt and completion": (fields(prompt="Hi.", completion="Hello."), (1, 0)),
    "alpaca": (fields(instruction="Say hi.", input="", output="Hi."), (0, 1)),
    "alpaca with its text": (fields(instruction="Say hi.", output="Hi.", text="Say hi. Hi."), (1, 1)),
    "unknown to both": (fields(prompt="Hi.", response="Hello."), (0, 0)),
    "empty answer": (fields(prompt="Hi.", completion=" "), (0, 0)),
    "messages": (spoken(*GOOD_TURNS), (1, 1)),
    "messages in disorder": (spoken(*GOOD_TURNS, ("assistant", "Well?")), (0, 0)),
    "system midway": (spoken(("user", "Hi."), ("system", "Be kind."), ("assistant", "Hello.")), (0, 0)),
    "an unknown speaker": (spoken(("narrator", "Once."), *GOOD_TURNS), (0, 0)),
    "ShareGPT": (
        batch_of(
            [Text(0, f"conversations[{n}].value", role, "Hi.") for n, role in enumerate(("prompt", "response"))],
            [{"doc": 0}], speakers=["human", "gpt"],
        ),
        (0, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("batch", "ok"), PREFLIGHT.values(), ids=PREFLIGHT.keys())
def test_preflight(batch, ok):
    assert loads(batch) == {"trl": (ok[0], 1), "axolotl": (ok[1], 1)}


def test_preflight_says_where_it_fails():
    tallies = CHECKER.check(spoken(*GOOD_TURNS, ("assistant", "Well?"))).tallies
    assert [tallies["preflight_trl", what] for what in ("known fields", "turns in order", "answer not empty")] == [
        (1, 1), (0, 1), (1, 1),
    ]  # fmt: skip
    assert CHECKER.check(fields(text="A text.")).tallies["preflight_trl", "turns in order"] == (0, 0)


CODE = {
    "good": ("```python\nprint(1)\n```", []),
    "missing colon": ("```python\ndef f()\n    pass\n```", ["python-syntax"]),
    "magic of a notebook": ("```python\n!pip install numpy\n```", []),
    "another language": ("```javascript\nlet x = 1\n```", []),
    "odd escape": ('```python\nx = "\\d"\n```', []),
    "nested too deep to judge": ("```python\n" + "(" * 300 + ")" * 300 + "\n```", []),
    "NUL": ("```python\nx = '\x00'\n```", ["python-syntax"]),
    "JSON": ('```json\n{"a": 1}\n```', []),
    "JSON with a comma too many": ('```json\n{"a": 1,}\n```', ["json-syntax"]),
    "shortened JSON": ('```json\n{"a": [1, ...]}\n```', []),
}


@pytest.mark.parametrize(("response", "rules"), CODE.values(), ids=CODE.keys())
def test_code(response, rules):
    assert found(row("Show an example.", response)) == rules


def test_style_scores():
    scores = CHECKER.check(row("Why is that so", "In conclusion, it is so.")).scores
    assert scores["verbosity"][0] == pytest.approx(5 / 9)
    assert 0.4 < scores["filler"][0] < 0.6


HOSTILE = {
    "fences": "```python\n" * 30_000,
    "open brackets": "[IN:A [SL:B " * 30_000,
    "json depth": "{" * 200_000,
    "dates": "May 31 " * 60_000,
    "born": "born in 1900 " * 40_000,
    "numbers of cards": "card 4111 " * 40_000,
    "hosts": "http://a." * 50_000,
    "tool calls": "<tool_call>" * 30_000,
    "isbn": "ISBN 1-" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_linear_time(name):
    text = HOSTILE[name]
    started = time.process_time()
    CHECKER.check(row("Answer in JSON, with python.", text))
    assert time.process_time() - started < 10
