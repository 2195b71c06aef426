"""The HTTP judge against a real server on this machine, and the cascade in front of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.checker import build
from auditkit.checkers.toxicity import judge
from auditkit.documents import batch_of_texts
from auditkit.endpoint import Client, Endpoint
from auditkit.errors import AuditkitError, ConfigError
from tests.judge_server import JudgeServer, chat

INSULT = "You are a stupid idiot."
CLEAN = "The bridge was closed for repairs, so we walked home along the river."


def answer(body):
    text = body["input"] if "input" in body else body["messages"][-1]["content"]
    score = 0.9 if "idiot" in text else 0.2 if "fool" in text else 0.01
    if "input" in body:
        return json.dumps({"results": [{"category_scores": {"hate": score / 2, "harassment": score}}]}).encode()
    return chat(json.dumps({"toxicity": score}))


@pytest.fixture
def server():
    server = JudgeServer(answer)
    yield server
    server.close()


def client(server, **changes):
    settings = {"url": server.url, "model": "m", "api": "moderation", "backoff_s": 0.01, "timeout_s": 5.0, "tries": 1}
    return Client(Endpoint(**settings | changes))


@pytest.mark.parametrize("api", ["moderation", "chat"])
def test_both_kinds_of_endpoint_give_scores(server, api):
    assert judge.score(client(server, api=api), [INSULT, CLEAN, ""]).tolist() == [0.9, 0.01, 0.01]


def test_an_interrupted_run_pays_only_for_what_is_missing(server, tmp_path):
    server.plan = [answer({"input": CLEAN}), 400]
    asking = client(server, cache=str(tmp_path / "answers"), concurrency=1)
    assert np.isnan(judge.score(asking, [CLEAN, INSULT])).tolist() == [False, True]
    assert judge.score(asking, [CLEAN, INSULT]).tolist() == [0.01, 0.9]
    assert [body["input"] for body, _ in server.asked] == [CLEAN, INSULT, INSULT]
    assert INSULT not in (tmp_path / "answers").read_text()


def test_without_any_answer_the_batch_is_a_gap_with_a_reason(server):
    server.plan = [401]
    with pytest.raises(AuditkitError, match="HTTP 401") as caught:
        judge.score(client(server), [INSULT])
    assert "idiot" not in str(caught.value)


@pytest.mark.parametrize("score", ["7", "-0.1", "true", '"0.5"', "null", "NaN"])
def test_what_is_no_share_is_no_score(server, score):
    server.plan = [chat(f'{{"toxicity": {score}}}')] * 2
    with pytest.raises(AuditkitError, match="malformed"):
        judge.score(client(server, api="chat"), [INSULT])
    server.plan = [f'{{"results": [{{"category_scores": {{"hate": {score}}}}}]}}'.encode()]
    with pytest.raises(AuditkitError, match=r"malformed|no JSON"):
        judge.score(client(server), [INSULT])


def test_a_document_without_an_answer_was_not_looked_at(server):
    server.answer = lambda body: answer(body) if "idiot" in body["input"] else b'{"results": []}'
    options = {"engine": "http", "url": server.url, "model": "m"}
    checked = build("toxicity", options).check(batch_of_texts([INSULT, CLEAN]))
    assert checked.looked.tolist() == [True, False]
    assert checked.scores["toxic"][0] == 0.9
    assert np.isnan(checked.scores["toxic"][1])
    assert checked.tallies["judged_share", ""] == (1, 2)


def test_the_http_engine_gives_the_judges_scores(server):
    checked = build("toxicity", {"engine": "http", "url": server.url, "model": "m"}).check(
        batch_of_texts([INSULT, CLEAN])
    )
    assert checked.scores["toxic"].tolist() == [0.9, 0.01]
    assert {row["doc"] for row in checked.findings.to_pylist()} == {0}
    assert checked.tallies["judged_share", ""] == (2, 2)


def test_a_cascade_asks_about_doubtful_and_foreign_texts_alone(server):
    texts = [INSULT, CLEAN, "Il y a des gens qui ne sont pas dans cette ville avec nous."]
    options = {"engine": "cascade", "judge": "http", "url": server.url, "model": "m", "escalate_from": 0.4}
    checked = build("toxicity", options).check(batch_of_texts(texts))
    assert sorted(body["input"] for body, _ in server.asked) == sorted([texts[0], texts[2]])
    own = build("toxicity", {}).check(batch_of_texts(texts)).scores["toxic"]
    assert checked.scores["toxic"].tolist() == [0.9, own[1], 0.01]
    assert checked.looked.tolist() == [True, True, True]
    assert checked.tallies["judged_share", ""] == (2, 3)
    assert np.isfinite(checked.scores["toxic"]).all()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"engine": "http"}, "url"),
        ({"engine": "http", "url": "file:///etc/hosts"}, "url"),
        ({"url": "https://judge.example/v1"}, "url"),
        ({"engine": "http", "url": "https://judge.example/v1", "hosts": ["other.example"]}, "allowed hosts"),
        ({"engine": "http", "url": "http://169.254.169.254/v1"}, "link-local"),
        ({"engine": "http", "url": "https://judge.example/v1", "budget_tokens": 9}, "cache"),
        ({"engine": "cascade"}, "checkpoint"),
        ({"engine": "cascade", "checkpoint": "x.ckpt", "escalate_from": 0.9}, "escalate_from"),
    ],
)
def test_settings_that_cannot_work_are_mistakes(table, key):
    with pytest.raises(ConfigError, match=key):
        build("toxicity", table)
