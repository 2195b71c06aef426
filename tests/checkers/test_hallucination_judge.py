"""The judge of the checker `hallucination` against a real server on this machine that answers, errs and fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.checkers.hallucination.judge import RUBRICS, Case, Judge, JudgeOptions, read_rubric
from auditkit.documents import Text, batch_of
from auditkit.errors import AuditkitError, ConfigError
from tests.judge_server import JudgeServer, chat

GOOD = {"context": "The mill burned down in 1911.", "response": "Fire destroyed the mill in 1911."}
BAD = {"context": "The mill burned down in 1911.", "response": "The mill burned down. It was rebuilt in 1950."}
ALONE = {"prompt": "Why?", "response": "Because."}
PLANTED = {case: bad for name in RUBRICS for case, bad in read_rubric(name).planted}


def asked(body):
    """The case of a question."""
    told = json.loads(body["messages"][-1]["content"])
    return Case(told.get("prompt", ""), told.get("source", ""), " ".join(told["response"].values()))


def perfect(body):
    """Knows the planted cases; of others, that whatever is "rebuilt" is not supported."""
    told = json.loads(body["messages"][-1]["content"])
    known = {
        " ".join(case.response.split()): bad for case, bad in PLANTED.items() if case.context == told.get("source", "")
    }
    text = " ".join(" ".join(told["response"].values()).split())
    wrong = [int(n) for n, sentence in told["response"].items() if "rebuilt in" in sentence]
    bad = known.get(text, bool(wrong))
    return chat(json.dumps({"score": 0.8 if bad else 0.1, "sentences": wrong}), usage=50)


@pytest.fixture
def server():
    server = JudgeServer(perfect)
    yield server
    server.close()


def options(server, **changes):
    return {"url": server.url, "model": "m", "tries": 1, "timeout_s": 5.0} | changes


def rows(*records):
    texts = [Text(doc, role, role, text) for doc, record in enumerate(records) for role, text in record.items()]
    return batch_of(texts, [{"doc": doc} for doc in range(len(records))])


def checker(server, **changes):
    return build("hallucination", {"judge": options(server, **changes)})


def test_verdicts_are_scores_and_findings_where_the_sentences_stand(server):
    batch = rows(GOOD, BAD, ALONE)
    checked = checker(server).check(batch)
    assert checked.scores["judge"][:2].tolist() == [0.1, 0.8]
    assert np.isnan(checked.scores["judge"][2])
    found = [row for row in checked.findings.to_pylist() if row["rule"] == "hallucination/judge"]
    assert [(row["doc"], BAD["response"][row["start"] : row["end"]]) for row in found] == [
        (1, "It was rebuilt in 1950.")
    ]
    assert json.loads(found[0]["detail"]) == {"judge": "m", "rubric": "groundedness"}
    assert checked.looked.all()
    assert checked.tallies["judge.answered", ""] == (2, 2)
    assert checked.tallies["judge.flagged", ""] == (1, 2)
    assert checked.tallies["not_checkable", "judge"] == (1, 3)


def test_the_judge_is_told_the_rubric_and_asked_for_a_form(server):
    checker(server).check(rows(GOOD))
    body = server.asked[0][0]
    assert body["messages"][0]["content"] == read_rubric("groundedness").instruction.strip()
    assert json.loads(body["messages"][1]["content"])["response"] == {"1": GOOD["response"]}
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["score", "sentences"]
    checker(server, structured=False).check(rows(GOOD))
    assert "response_format" not in server.asked[1][0]


FORMS = {
    "prose": "I would say 0.8.",
    "fenced": '```json\n{"score": 0.8, "sentences": []}\n```',
    "no sentences": '{"score": 0.8}',
    "more than asked": '{"score": 0.8, "sentences": [], "reason": "x"}',
    "score as text": '{"score": "0.8", "sentences": []}',
    "score as truth": '{"score": true, "sentences": []}',
    "score above 1": '{"score": 8, "sentences": []}',
    "no number": '{"score": NaN, "sentences": []}',
    "sentence 0": '{"score": 0.8, "sentences": [0]}',
    "sentence as text": '{"score": 0.8, "sentences": ["1"]}',
    "sentences as truth": '{"score": 0.8, "sentences": [true]}',
    "a sentence that is not there": '{"score": 0.8, "sentences": [7]}',
    "cut off": '{"score": 0.8, "sent',
    "a list": "[0.8]",
}


@pytest.mark.parametrize("said", FORMS.values(), ids=FORMS.keys())
def test_what_has_not_the_asked_form_is_no_verdict(server, said):
    server.answer = lambda body: chat(said) if "burned down. It" in asked(body).response else perfect(body)
    checked = checker(server).check(rows(GOOD, BAD))
    assert checked.scores["judge"][0] == 0.1
    assert np.isnan(checked.scores["judge"][1])
    assert checked.looked.tolist() == [True, False]
    assert "hallucination/judge" not in checked.findings["rule"].to_pylist()
    assert checked.tallies["judge.answered", ""] == (1, 2)


def test_a_judge_that_never_answers_is_an_error_with_its_reason(server):
    server.answer = lambda body: 503
    with pytest.raises(AuditkitError, match="HTTP 503") as caught:
        checker(server).check(rows(GOOD, BAD))
    assert "mill" not in str(caught.value)


def metrics(server, **changes):
    made = checker(server, **changes)
    outcome = made.finish(made.map(rows(GOOD)), None, Context(1))
    return {row.metric: row for row in outcome.metrics if row.metric.startswith("judge.")}


def test_the_judge_itself_is_measured(server):
    found = metrics(server)
    assert {name: (row.numerator, row.denominator) for name, row in found.items()} == {
        "judge.planted_recall": (7, 7),
        "judge.planted_false_alarms": (0, 5),
        "judge.planted_answered": (12, 12),
        "judge.agreement_with_itself": (36, 36),
    }
    assert found["judge.planted_recall"].reference == "m, rubric groundedness 1"


def test_a_judge_that_says_yes_to_all_is_seen_through(server):
    server.answer = lambda body: chat('{"score": 0.0, "sentences": []}')
    found = metrics(server)
    assert found["judge.planted_recall"].value == 0
    assert found["judge.agreement_with_itself"].value == 1


def test_a_judge_that_changes_its_mind_is_seen_through(server):
    """Warm answers depend on the seed: two of three agree."""
    server.answer = lambda body: chat(json.dumps({"score": float(body.get("seed") == 2), "sentences": []}))
    found = metrics(server)["judge.agreement_with_itself"]
    assert (found.numerator, found.denominator) == (12, 36)


def test_planted_cases_without_an_answer_are_counted(server):
    server.answer = lambda body: 503
    found = metrics(server)
    assert (found["judge.planted_answered"].numerator, found["judge.planted_answered"].denominator) == (0, 12)
    assert found["judge.planted_recall"].status == "not_checkable"
    assert found["judge.planted_recall"].value is None


def test_a_second_run_pays_nothing(server, tmp_path):
    cache = str(tmp_path / "answers.jsonl")
    first = checker(server, cache=cache).check(rows(GOOD, BAD))
    n_asked = len(server.asked)
    again = checker(server, cache=cache).check(rows(GOOD, BAD))
    assert len(server.asked) == n_asked == 2
    assert again.findings.equals(first.findings)
    assert "mill" not in (tmp_path / "answers.jsonl").read_text()


def test_what_the_budget_does_not_hold_was_not_looked_at(server, tmp_path):
    changes = {"cache": str(tmp_path / "answers.jsonl"), "budget_tokens": 700, "concurrency": 1}
    checked = checker(server, **changes).check(rows(GOOD, BAD, {**GOOD, "response": "The mill burned down."}))
    assert checked.looked.tolist() == [True, True, True]
    changes["budget_tokens"] = 120
    with pytest.raises(AuditkitError, match="budget of 120 tokens is spent"):
        checker(server, **changes).check(rows({**GOOD, "response": "The mill burned."}))


def test_batching_does_not_matter(server):
    whole = checker(server).check(rows(GOOD, BAD, ALONE)).scores["judge"]
    alone = [checker(server).check(rows(row)).scores["judge"][0] for row in (GOOD, BAD, ALONE)]
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("name", RUBRICS)
def test_packaged_rubrics_have_cases_that_fit_their_needs(name):
    rubric = read_rubric(name)
    assert rubric.name == name
    assert all(getattr(case, role) for case, _ in rubric.planted for role in rubric.needs)
    rule = rubric.rule()
    assert min(len(rule.match), len(rule.clean)) >= 4
    assert len({case for case, _ in rubric.planted}) == len(rubric.planted)


def test_a_rubric_of_ones_own(server, tmp_path):
    path = tmp_path / "own.toml"
    source = Judge(JudgeOptions(url=server.url, model="m")).rubric
    case = "[[case]]\nbad = {}\nresponse = '{}'\n"
    cases = "".join(case.format(bad, f"Text {n}.") for n, bad in enumerate(["true", "true", "false", "false"]))
    head = 'name = "own"\nversion = "3"\nsummary = "s"\nwhy = "w"\ninstruction = "i"\n'
    path.write_text(head + cases)
    made = checker(server, rubric=str(path))
    assert list(made.models()) == [str(path), "rubric own 3"]
    assert made.reads()[str(path)] == made.models()["rubric own 3"] != source.sha256
    path.with_name("few.toml").write_text(head + case.format("true", "x"))
    with pytest.raises(ConfigError, match="two bad and two good"):
        checker(server, rubric=str(tmp_path / "few.toml"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "nowhere"}, "expected https"),
        ({"hosts": ["judge.example"]}, "not among the allowed hosts"),
        ({"url": "http://169.254.169.254/v1"}, "link-local"),
        ({"model": ""}, "which model"),
        ({"rubric": "grounded"}, "did you mean 'groundedness'"),
        ({"rubric": "none/there.toml"}, "No such file"),
        ({"threshold": 0.0}, "more than 0"),
        ({"budget_tokens": 5}, "needs cache"),
        ({"tries": 0}, "more than 0"),
        ({"modell": "x"}, "did you mean 'model'"),
    ],
)
def test_settings_that_cannot_work_are_mistakes(server, changes, said):
    with pytest.raises(ConfigError, match=said):
        checker(server, **changes)


def test_through_the_command_line_with_gates_on_the_judge(server, write, command, tmp_path):
    policy = write(
        "policy.toml",
        [
            "version = 1",
            "[checkers.hallucination]",
            f'judge = {{ url = "{server.url}", model = "m", cache = "{tmp_path}/answers.jsonl" }}',
            'action = "drop"',
            'only = ["empty"]',
            "[[gate]]",
            'metric = "hallucination.judge.planted_recall"',
            "min = 0.8",
            "[[gate]]",
            'metric = "hallucination.judge.flagged"',
            "max = 0.5",
        ],
    )
    data = write("rows.jsonl", [GOOD, BAD, GOOD | {"response": "The mill burned in 1911."}])
    done = command("gate", data, "--out", tmp_path / "run", "--policy", policy)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    models = {name for checker in manifest["checkers"] for name in checker["models"]}
    assert "rubric groundedness 1" in models
    kept = (tmp_path / "run" / "kept" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["response"] for line in kept] == [GOOD["response"], "The mill burned in 1911."]
    n_asked = len(server.asked)
    server.answer = lambda body: 503
    again = command("gate", data, "--out", tmp_path / "again", "--policy", policy)
    assert again.returncode == 0
    assert len(server.asked) == n_asked


def test_the_rule_of_a_judge_is_explained(command):
    said = command("explain", "hallucination/judge")
    assert said.returncode == 0
    assert "goes beyond its source" in said.stdout
    assert "hallucination/judge" not in command("rules", "list").stdout


def test_a_judge_that_fails_makes_the_run_incomplete(server, write, command, tmp_path):
    server.answer = lambda body: b"<html>502</html>"
    policy = write(
        "policy.toml",
        ["version = 1", "[checkers.hallucination]", f'judge = {{ url = "{server.url}", model = "m", tries = 1 }}'],
    )
    done = command("gate", write("rows.jsonl", [GOOD, BAD]), "--out", tmp_path / "run", "--policy", policy)
    assert done.returncode == 3
    assert "HTML" in done.stderr + done.stdout + (tmp_path / "run" / "report.md").read_text()


def test_the_cost_is_told_before_anything_is_asked(server, write, command, tmp_path):
    judge = f'judge = {{ url = "{server.url}", model = "m", cache = "{tmp_path}/answers.jsonl" }}'
    policy = write("policy.toml", ["version = 1", "[checkers.pii]", "[checkers.hallucination]", judge])
    data = write("rows.jsonl", [GOOD, BAD])
    done = command("estimate", data, "--policy", policy, "--per-million-in", "1", "--per-million-out", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("hallucination: 50 questions to ask, 0 answered before; about ")
    assert "at most 10,000 out; at most 0.0" in done.stdout
    assert server.asked == []
    checker(server, cache=f"{tmp_path}/answers.jsonl").check(rows(GOOD, BAD))
    again = command("estimate", data, "--policy", policy)
    assert "48 questions to ask, 2 answered before" in again.stdout
    assert "no checker of this policy asks" in command("estimate", data).stdout
