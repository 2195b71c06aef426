"""The checker `hallucination` through its public door: equations, answers, agreement, artefacts, grounding."""

from __future__ import annotations

import time

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.documents import Text, batch_of, batch_of_texts, concat

CHECKER = build("hallucination", {})


def rows(*records, group=None):
    """A batch of records with prompt, response, context or text."""
    roles = ("prompt", "context", "response", "text")
    texts = [
        Text(doc, role, role, record[role]) for doc, record in enumerate(records) for role in roles if role in record
    ]
    return batch_of(texts, [{"doc": doc, "group": group} for doc in range(len(records))])


def rules_of(batch):
    """(doc, rule) pairs that the per-document part finds."""
    found = CHECKER.check(batch).findings
    return set(zip(found["doc"].to_pylist(), found["rule"].to_pylist(), strict=True))


def fires(rule, **record):
    """Whether this rule fires on this record."""
    return (0, f"hallucination/{rule}") in rules_of(rows(record))


def finished(batch, checker=CHECKER):
    """The outcome over the whole batch."""
    return checker.finish(checker.map(batch), None, Context(len(batch)))


def shares(batch, checker=CHECKER):
    """doc -> agreement, None where it is refused."""
    docs, values = finished(batch, checker).scores["agreement"]
    return {doc: None if np.isnan(value) else round(value, 4) for doc, value in zip(docs.tolist(), values, strict=True)}


WRONG = {
    "sum": "5 + 3 = 9",
    "off by one in a chain": "12 * 4 = 48 - 8 = 41",
    "note": "She has 48/2 = <<48/2=25>>25 clips",
    "number behind a note": "half of 48 is <<48/2=24>>25",
    "currency": "It costs $1,250 + $750 = $2,100 in all.",
    "percent of": "20% of 50 = 12",
    "fraction of": "2/3 of 12 = 9",
    "words": "5 times 3 equals 16",
    "word for equals": "7 + 8 is 16",
    "brackets": "(3 + 4) * 2 = 15",
    "units": "3 hours * 4 = 13 hours",
    "unit conversion": "2 hours = 110 minutes",
    "rounded to the wrong side": "10 / 3 = 3.43",
    "line break": "12 + 30\n= 41",
    "power": "2^5 = 34",
    "power of nothing": "(4 - 4)^2 = 1",
    "brackets at the beginning of a line": "(14 - 16)^2 = 4\n(18 - 16)^2 = 5\n(12 - 16)^2 = 16",
    "mixed fraction": "1 1/2 * 4 = 7",
    "percent change": "$200 - 10% = $170",
    "thousands": "1,000 * 3 = 3,100",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_wrong_equations_are_found(text):
    assert fires("arithmetic", text=text)


RIGHT = {
    "sum": "5 + 3 = 8",
    "chain": "12 * 4 = 48 - 8 = 40",
    "running equals": "5 + 3 = 8 - 2 = 6",
    "rounding": "10 / 3 = 3.33 and 2/3 = 0.67 and 17 / 3 = 5",
    "percent as share": "50 * 20% = 10 and 10/50 = 20% and 100% - 20% = 80%",
    "fraction of something": "2/3 of the 12 apples = 8 apples, 1/3 of the tank = 16 gallons",
    "fraction bound first": "25 / 1/3 = 75",
    "about": "22 / 7 = about 3.1",
    "units": "1 hour + 30 minutes = 90 minutes; $5 + 50 cents = $5.50",
    "mixed fraction": "8 x 1 1/2 = 12",
    "variable": "2x + 3 = 7 and f(2) = 4 + 1 = 5",
    "function": "log 100 + 1 = 3; the average of 5 + 7 = 6",
    "date and time": "2020-01-15 = 3; at 7:50 + 30 minutes = 8:20",
    "code": "if 3 + 4 == 8: x = 5 - 3 >= 1",
    "other base": "in binary, 101 + 11 = 1000",
    "chemistry": "2 H2 + O2 = 2 H2O",
    "quoted error": "5 + 3 = 9 is incorrect",
    "exercise list": "1. 5 x 9 =\n2. 9 x 5 =\n3. 5 + 9 =",
    "range": "Weeks 1-2 = 26",
    "factorial": "5! = 120",
    "brackets at the beginning of a line": "(14-16)^2=4\n(18-16)^2=4\n\n(12-16)^2=16\n(16-16)^2=0\n",
    "algebra without numbers": "a + b = b + a",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_right_or_uncheckable_equations_are_left_alone(text):
    assert not fires("arithmetic", text=text)


def test_the_span_of_a_wrong_equation_is_the_equation():
    text = "Ünïcode first. So 5 + 3 = 9 apples."
    found = CHECKER.check(batch_of_texts([text])).findings.to_pylist()
    assert [text[item["start"] : item["end"]] for item in found] == ["5 + 3 = 9"]
    assert "9" not in found[0]["evidence"]


def test_equations_are_counted():
    tallies = CHECKER.check(batch_of_texts(["1 + 1 = 2 and 2 + 2 = 5", "no numbers"])).tallies
    assert tallies["arithmetic_checked", ""] == (1, 2)
    assert tallies["arithmetic_wrong", ""] == (1, 2)


EQUAL = {
    "thousands": ["The answer is 1,000.", "#### 1000", "\\boxed{1000}", "So the total is $1,000.00", "1e3"],
    "fractions": ["The answer is 1/2.", "#### 0.5", "\\boxed{\\frac{1}{2}}", "A: 0.50"],
    "choices": ["(B)", "B", "The answer is B.", "The correct answer is (B) Paris.", "B)"],
    "yes or no": ["Yes.", "yes, it is true that birds fly", "The answer is yes."],
    "short spans": ["The Eiffel Tower", "eiffel tower.", "Answer: the Eiffel tower"],
    "percents": ["The answer is 50%.", "50 percent", "A: 0.5"],
    "what code prints": [
        "The output is:\n```\n42\n```",
        "```python\nprint(6 * 7)\n```\nIt prints `42`.",
        "42",
        "```python\n>>> 6 * 7\n42\n```",
        "Output:\n```text\n42\n```",
    ],
    "lists": [
        "The answer is [1, 2, 3].",
        "[1,2,3]",
        "It returns `[1, 2, 3]`, since it sorts the list before it is shown.",
    ],
    "number words": ["seven", "7", "The answer is 7"],
}


@pytest.mark.parametrize("answers", EQUAL.values(), ids=EQUAL.keys())
def test_equal_answers_agree(answers):
    batch = rows(*({"prompt": "Which one is it?", "response": answer} for answer in answers))
    assert set(shares(batch).values()) == {1.0}


def test_the_last_number_is_the_answer_of_a_calculation():
    prompt = "How many clips did she sell?"
    answers = ["She sold 24 in May. In all 48 + 24 = 72 clips.", "48 and half of it make 72.", "It must be 24."]
    batch = rows(*({"prompt": prompt, "response": answer} for answer in answers))
    assert shares(batch) == {0: 0.6667, 1: 0.6667, 2: 0.3333}


def test_one_question_about_several_sources_is_no_group():
    batch = rows(*({"prompt": "When?", "context": f"In {year}.", "response": str(year)} for year in (1990, 1991, 1992)))
    assert shares(batch) == {}


def test_units_are_converted_to_the_one_asked_for():
    prompt = "How many minutes does the trip take?"
    batch = rows(
        *({"prompt": prompt, "response": answer} for answer in ("2 hours", "120 minutes", "The answer is 120."))
    )
    assert set(shares(batch).values()) == {1.0}


def test_a_minority_answer_is_a_finding():
    batch = rows(*({"prompt": "What is 6 * 7?", "response": answer} for answer in ("42", "42", "48", "42")))
    outcome = finished(batch)
    assert outcome.findings.select(["doc", "rule", "score"]).to_pylist() == [
        {"doc": 2, "rule": "hallucination/no-agreement", "score": 0.75}
    ]


def test_named_groups_need_no_prompt_and_fill_every_row():
    batch = rows(
        {"response": "A: 4"},
        {"response": "A: 4"},
        {"response": "I do not know what that could ever be, sorry, no idea."},
        group="q",
    )
    assert shares(batch) == {0: 0.6667, 1: 0.6667, 2: 0.0}


def test_a_list_of_samples_is_a_group_and_a_chat_is_none():
    samples = [
        Text(0, "question", "prompt", "2 + 2?"),
        *(Text(0, f"samples[{n}]", "response", a) for n, a in enumerate("4453")),
    ]
    chat = [Text(1, f"messages[{n}].content", role, "4") for n, role in enumerate(["prompt", "response"] * 2)]
    assert shares(batch_of([*samples, *chat], [{"doc": 0}, {"doc": 1}])) == {0: 0.5}


REFUSED = {
    "open-ended": ("Write a poem about rain.", ("Rain.", "Drops.", "Rain.")),
    "opinion": ("What is your opinion on tea?", ("Good", "Bad", "Good")),
    "pronoun of a job": ("The nurse said that ___ was tired. Which pronoun fits?", ("she", "she", "he")),
    "person as answer": ("Who is at the door?", ("a woman", "woman", "a man")),
}


@pytest.mark.parametrize(("prompt", "answers"), REFUSED.values(), ids=REFUSED.keys())
def test_open_ended_and_person_describing_prompts_are_refused(prompt, answers):
    batch = rows(*({"prompt": prompt, "response": answer} for answer in answers))
    assert set(shares(batch).values()) == {None}
    assert finished(batch).findings.num_rows == 0


def test_rows_alone_with_their_prompt_are_counted_as_not_checkable():
    outcome = finished(rows({"prompt": "a?", "response": "1"}, {"prompt": "b?", "response": "2"}))
    missing = [metric for metric in outcome.metrics if metric.metric == "not_checkable"]
    assert [(metric.slice, metric.numerator, metric.denominator) for metric in missing] == [("agreement", 2, 2)]
    assert outcome.scores["agreement"][0].tolist() == []


def test_kept_share_falls_with_the_threshold():
    batch = rows(*({"prompt": "What is 6 * 7?", "response": answer} for answer in ("42", "42", "42", "48")))
    kept = [metric.numerator for metric in finished(batch).metrics if metric.metric == "agreement_kept_share"]
    assert kept == [4, 3, 3, 0]


def test_shuffled_and_split_states_agree():
    whole = rows(*({"prompt": f"What is {n % 5} + 1?", "response": f"The answer is {n % 3}."} for n in range(60)))
    parts = [
        batch_of(list(whole.iter_texts())[low * 2 : low * 2 + 40], whole.records.to_pylist()[low : low + 20])
        for low in (0, 20, 40)
    ]
    state = CHECKER.map(parts[0])
    for part in parts[1:]:
        state = CHECKER.merge(state, CHECKER.map(part))
    expected, got = finished(whole), CHECKER.finish(state, None, Context(60))
    assert got.metrics == expected.metrics
    assert concat(parts).docs.tolist() == whole.docs.tolist()


SOURCE = "The museum in Turin opened in 1824. It owns more than thirty thousand objects. Entry is free on Mondays."


def score(response, context=SOURCE):
    """The document score `unsupported`."""
    return CHECKER.check(rows({"context": context, "response": response})).scores["unsupported"][0]


def test_unsupported_grows_with_what_the_source_lacks():
    faithful = score("The museum in Turin opened in 1824.")
    changed = score("The museum in Lisbon opened in 1931.")
    foreign = score("Doctor Amari won the chess final in Oslo after a long strike of the dockers.")
    assert faithful < min(changed, foreign)


def test_unsupported_needs_context_and_response():
    assert np.isnan(CHECKER.check(rows({"prompt": "a", "response": "b"})).scores["unsupported"][0])
    assert np.isnan(score("", SOURCE))
    assert np.isnan(score("word", "  "))
    assert np.isfinite(score("The museum opened."))


def test_unsupported_sentences_are_marked_where_they_stand():
    response = "The museum in Turin opened in 1824. Doctor Amari won the chess final in Oslo after the strike of 1976."
    found = [
        item for item in CHECKER.check(rows({"context": SOURCE, "response": response})).findings.to_pylist()
        if item["rule"] == "hallucination/unsupported"
    ]  # fmt: skip
    assert [response[item["start"] : item["end"]][:12] for item in found] == ["Doctor Amari"]


EMPTY = ["", " \n ", "N/A", "<no output>", ".", "...", "<noinput>", "null", "No output."]


@pytest.mark.parametrize("response", EMPTY)
def test_empty_answers(response):
    assert fires("empty", prompt="Name a river.", response=response)


@pytest.mark.parametrize("response", ["0", "No", "A", "-3", ":-)", "😈", "None of them", "x"])
def test_short_answers_are_not_empty(response):
    assert not fires("empty", prompt="Name a river.", response=response)


def test_what_the_prompt_holds_is_no_artefact():
    assert fires("placeholder", prompt="Write to my boss.", response="Dear [Name], I am ill.")
    assert not fires("placeholder", prompt="Correct: Dear [Name], I is ill.", response="Dear [Name], I am ill.")
    assert fires("unsourced-link", prompt="Who was he?", response="See https://www.lives.org/he.")
    assert not fires("unsourced-link", prompt="Shorten https://www.lives.org/he.", response="https://www.lives.org/he")


def test_disabled_rules_are_silent():
    checker = build("hallucination", {"disable": ["empty"]})
    assert "hallucination/empty" not in {rule.id for rule in checker.rules()}
    assert checker.check(rows({"prompt": "a", "response": ""})).findings.num_rows == 0


def test_only_the_named_rules_speak():
    checker = build("hallucination", {"only": ["no-agreement", "empty"], "disable": ["empty"]})
    assert [rule.id for rule in checker.rules()] == ["hallucination/no-agreement"]
    assert checker.check(rows({"prompt": "a", "response": ""})).findings.num_rows == 0


def test_wrong_options_are_explained():
    from auditkit.errors import ConfigError

    with pytest.raises(ConfigError, match=r"min_agreement.*share"):
        build("hallucination", {"min_agreement": 3.0})
    with pytest.raises(ConfigError, match=r"no rule 'hallucination/emty'; did you mean 'empty'"):
        build("hallucination", {"disable": ["emty"]})


def test_labels_give_the_precision_of_each_threshold():
    texts = [Text(doc, "response", "response", answer) for doc, answer in enumerate(("A: 4", "A: 4", "A: 4", "A: 5"))]
    labels = ("true", "true", "false", "wrong")
    batch = batch_of(texts, [{"doc": doc, "group": "q", "label": label} for doc, label in enumerate(labels)])
    found = {metric.slice: metric for metric in finished(batch).metrics if metric.metric == "agreement_precision"}
    assert (found["share>=0.25"].numerator, found["share>=0.25"].denominator) == (2, 4)
    assert (found["share>=0.75"].numerator, found["share>=0.75"].denominator) == (2, 3)
    assert found["share>=1"].status == "not_checkable"


FACTS = {
    "of": ("The capital of France is Lyon.", True),
    "possessive": ("France's capital is Lyon.", True),
    "backwards": ("Lyon is the capital of France.", True),
    "right": ("The capital of France is Paris.", False),
    "longer value": ("The capital of France is the city of Paris.", False),
    "negated": ("The capital of France is not Lyon.", False),
    "no value": ("The capital of France is a large city.", False),
    "number": ("Acme was founded in 1987.", True),
    "right number": ("Acme was founded in May 1999.", False),
    "several values": ("Canada's language is French.", False),
}


@pytest.mark.parametrize(("text", "wrong"), FACTS.values(), ids=FACTS.keys())
def test_facts_of_the_user(text, wrong, tmp_path):
    path = tmp_path / "facts.csv"
    path.write_text("subject,relation,value\nFrance,capital,Paris\nCanada,language,English\nCanada,language,French\n")
    checker = build("hallucination", {"facts": ["Acme | was founded in | 1999"], "facts_file": str(path)})
    found = checker.check(batch_of_texts([text])).findings["rule"].to_pylist()
    assert ("hallucination/contradiction" in found) is wrong


def test_facts_that_cannot_be_read_are_explained(tmp_path):
    from auditkit.errors import ConfigError

    with pytest.raises(ConfigError, match="three parts"):
        build("hallucination", {"facts": ["France | Paris"]})
    with pytest.raises(ConfigError, match=r"facts_file.*No such file"):
        build("hallucination", {"facts_file": str(tmp_path / "none.csv")})


HOSTILE = {
    "printed": "prints `" * 50_000,
    "sessions": ">>> f(1)\n2\n" * 30_000,
    "lists": "the answer is [1, " * 30_000,
    "one token": "a" * 1_000_000,
    "newlines": "\n" * 300_000,
    "digits": "7" * 200_000,
    "equations": "1+1=2 " * 50_000,
    "equations without blanks": "1+1=2" * 50_000,
    "equals signs": "=" * 300_000,
    "open brackets": "1+(" * 100_000 + "=1",
    "commas": "1,000," * 60_000 + "=",
    "pluses": "1+" * 150_000 + "1=2",
    "words": "the " * 200_000,
    "quotes": '"' * 200_000,
    "answers": "the answer is " * 40_000,
    "mixed loop": "A b c. " * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_linear_time(name):
    text = HOSTILE[name]
    batch = rows({"prompt": text, "context": text, "response": text}, {"text": text})
    CHECKER.check(rows({"context": "a b", "response": "c d"}))
    started = time.process_time()
    CHECKER.check(batch)
    CHECKER.map(batch)
    assert time.process_time() - started < 20
