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
    "a time before a month": ("at 22:34 May 9, 2003", 0),
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


BIRTHS = {
    "founded before birth": ("Founded in 1890 by Ada Byron (born 1920).", 1),
    "founded in a month before birth": ("It was established in May 1890 by Ada Byron (b. 1920) in Rome.", 1),
    "dates of a life": ("Founded in 1890 by Ada Byron (1920-1990), it grew.", 1),
    "married before birth": ("He was born on 3 May 1930 in Oslo, and married Greta in 1901.", 1),
    "founded after birth": ("Founded in 1950 by Ada Byron (born 1920).", 0),
    "another's deed": ("He was born in 1930 in the house that his father opened in 1901.", 0),
    "an older place": ("She was born in 1930 in Oslo, a city founded in 1040.", 0),
    "before Christ": ("Ptolemy was born in 1367, and married in 1283 BC.", 0),
}


@pytest.mark.parametrize(("text", "n"), BIRTHS.values(), ids=BIRTHS.keys())
def test_deeds_before_birth(text, n):
    assert found(batch_of_texts([text])) == ["before-birth"] * n


TIMES = {
    "weekday": ("on Tuesday, May 3, 2021", ["weekday"]),
    "right weekday": ("on Monday, May 3, 2021, and Sunday the 29th of February 2032", []),
    "weekday before the calendar": ("on Monday, May 3, 1821", []),
    "weekday of no date": ("on Monday, February 30, 2021", ["impossible-date"]),
    "hours": ("It ran from 9:30 am to 11:00 am, which is 2 hours.", ["duration"]),
    "hours over noon": ("Open from 9:30 am to 5 pm = 7.5 hours.", []),
    "hours over midnight": ("From 10:30 pm to 1:15 am is 2 hours and 45 minutes.", []),
    "halves of the day not told": ("From 9:30 to 5:00 is 7.5 hours.", []),
    "minutes": ("From 14:10 to 14:55 is 55 minutes.", ["duration"]),
    "no times of day": ("The count from 3 to 5 is 3 hours long.", []),
    "years": ("He ruled from 1990 to 1995, which is 8 years.", ["duration"]),
    "years with both ends": ("He ruled from 1990 to 1995, which is 6 years.", []),
    "years before something": ("From 1990 to 1995 was 30 years before that.", []),
    "days": ("From March 3 to March 10 is 9 days.", ["duration"]),
    "days over a leap day": ("From February 27 to March 2 is 4 days.", []),
    "days over new year": ("From December 30 to January 2 is 3 days.", []),
    "age": ("She was born in 1900 and died in 1950 at the age of 62.", ["duration"]),
    "age before the birthday": ("She was born in 1900 and died in 1950, aged 49.", []),
    "letters there": ('There are 3 s\'s in "Mississippi".', ["letter-count"]),
    "right letters there": ('There are four s\'s in the word "Mississippi".', []),
    "words": ('The sentence "Row, row, row." has 2 words.', ["letter-count"]),
    "hyphens count both ways": (
        'The phrase "a well-known man" has 3 words, or: the phrase "a well-known man" has 3 words.',
        [],
    ),
    "things in a place": ('There are 5 cars in "Oslo".', []),
}


@pytest.mark.parametrize(("text", "rules"), TIMES.values(), ids=TIMES.keys())
def test_times_and_counts(text, rules):
    assert found(batch_of_texts([text])) == rules


HOSTS = {
    "unknown pair of letters": ("http://museum.qq/art", 1),
    "unknown word": ("https://www.museum.artpage", 1),
    "digits": ("http://museum.123x/art", 1),
    "empty label": ("https://museum..org/a", 1),
    "said to be none": ("https://museum.invalid/a", 1),
    "country": ("https://museum.fr", 0),
    "long domain": ("https://open.museum/a", 0),
    "two parts": ("https://museum.co.uk/a", 0),
    "in its own letters": ("https://museum.xn--p1ai/a", 0),
    "in an office": ("http://wiki.internal/a http://files.local/b", 0),
    "a number": ("http://10.0.0.1/a", 0),
    "a machine": ("http://localhost:8000/a", 0),
    "end of a sentence": ("see https://museum.fr.", 0),
}


@pytest.mark.parametrize(("text", "n"), HOSTS.values(), ids=HOSTS.keys())
def test_addresses_under_domains_that_do_not_exist(text, n):
    assert found(batch_of_texts([text])) == ["impossible-url"] * n


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


def beside(speaker, path, text, *turns):
    """A chat with one more text beside the content of its second message."""
    batch = spoken(*turns)
    texts = list(batch.iter_texts())
    speakers = batch.texts.column("speaker").to_pylist()
    texts.insert(2, Text(0, f"messages[1].{path}", "context", text))
    return batch_of(texts, [{"doc": 0}], speakers=[*speakers[:2], speaker, *speakers[2:]])


BESIDE = {
    "arguments": ("assistant", "tool_calls[0].function.arguments", '{"zone": "UTC"}'),
    "reasoning": ("assistant", "reasoning_content", "The user asks for the time."),
    "what a tool gave": ("user", "content[0].content", "12:00"),
    "empty": ("user", "content[0].content", " "),
}


@pytest.mark.parametrize(("speaker", "path", "text"), BESIDE.values(), ids=BESIDE.keys())
def test_what_stands_beside_is_no_turn_and_is_not_read_as_an_answer(speaker, path, text):
    good = (("user", "Time?"), ("assistant", "I look."), ("user", "Well?"), ("assistant", "Noon."))
    assert found(beside(speaker, path, text, *good)) == found(spoken(*good)) == []
    doubled = (("user", "Time?"), ("assistant", "I look."), ("assistant", "Noon."))
    assert found(beside(speaker, path, text, *doubled)) == found(spoken(*doubled)) == ["chat-order"]


def test_reasoning_of_the_assistant_grounds_nothing_and_what_a_tool_gave_does():
    turns = (("user", "Where is it warm?"), ("assistant", "In Oslo it is warm in every month of the year."))
    for speaker, n_checked in (("assistant", 0), ("user", 1)):
        batch = beside(speaker, "content[0].content", "It rains in Paris today.", *turns)
        tallies = build("hallucination", {}).check(batch).tallies
        assert tallies["grounding_checked", ""] == (n_checked, 1)


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
    "times": "from 9:30 to 1" * 20_000,
    "weekdays": "Monday, May 3, " * 20_000,
    "counts": 'There are 5 letters in "a' * 10_000,
    "sentences": 'the sentence "a b c ' * 10_000,
    "births": "born in 1900, and founded in 1800 by A " * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_linear_time(name):
    text = HOSTILE[name]
    started = time.process_time()
    CHECKER.check(row("Answer in JSON, with python.", text))
    assert time.process_time() - started < 10
