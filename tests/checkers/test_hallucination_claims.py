"""Check digits, calendars, chats, code and slots: what carries its own proof."""

from __future__ import annotations

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
