"""The HTTP judge against a real server on this machine, and the cascade in front of it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from auditkit.checker import build
from auditkit.checkers.toxicity.endpoint import Endpoint, cost
from auditkit.documents import batch_of_texts
from auditkit.errors import AuditkitError, ConfigError

INSULT = "You are a stupid idiot."
CLEAN = "The bridge was closed for repairs, so we walked home along the river."


class Quiet(ThreadingHTTPServer):
    """Says nothing when a caller has gone away."""

    def handle_error(self, request, client_address):
        pass


class Server:
    """Answers like a moderation or chat endpoint; `plan` holds the status codes or bodies of the next answers."""

    def __init__(self):
        self.asked, self.plan, outer = [], [], self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((body, dict(self.headers)))
                planned = outer.plan.pop(0) if outer.plan else outer.answer(body)
                if planned == "hang up":
                    self.close_connection = True
                    return
                status, content = (planned, b"") if isinstance(planned, int) else (200, planned)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/judge"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @staticmethod
    def answer(body):
        text = body["input"] if "input" in body else body["messages"][-1]["content"]
        score = 0.9 if "idiot" in text else 0.2 if "fool" in text else 0.01
        if "input" in body:
            return json.dumps({"results": [{"category_scores": {"hate": score / 2, "harassment": score}}]}).encode()
        return json.dumps({"choices": [{"message": {"content": json.dumps({"toxicity": score})}}]}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def endpoint(server, **changes):
    return Endpoint(server.url, **{"model": "m", "backoff_s": 0.01, "timeout_s": 5.0} | changes)


@pytest.mark.parametrize("api", ["moderation", "chat"])
def test_both_kinds_of_endpoint_give_scores(server, api):
    assert endpoint(server, api=api).score([INSULT, CLEAN, ""]).tolist() == [0.9, 0.01, 0.01]


def test_equal_texts_are_asked_once_and_answers_are_kept(server, tmp_path):
    kept = endpoint(server, cache=str(tmp_path))
    assert kept.score([INSULT, CLEAN, INSULT]).tolist() == [0.9, 0.01, 0.9]
    assert len(server.asked) == 2
    assert kept.score([CLEAN, INSULT]).tolist() == [0.01, 0.9]
    assert len(server.asked) == 2
    endpoint(server, cache=str(tmp_path), model="other").score([INSULT])
    assert len(server.asked) == 3
    assert all(INSULT not in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_an_interrupted_run_pays_only_for_what_is_missing(server, tmp_path):
    server.plan = [server.answer({"input": CLEAN}), 400]
    asking = endpoint(server, cache=str(tmp_path), concurrency=1)
    with pytest.raises(AuditkitError):
        asking.score([CLEAN, INSULT])
    asking.score([CLEAN, INSULT])
    assert [body["input"] for body, _ in server.asked] == [CLEAN, INSULT, INSULT]


@pytest.mark.parametrize("trouble", [500, 429, "hang up", b"not JSON", b'{"results": []}'])
def test_trouble_is_tried_again(server, trouble):
    server.plan = [trouble, trouble]
    assert endpoint(server).score([INSULT]).tolist() == [0.9]
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(401, "HTTP 401, 1 tries", id="refused"),
        pytest.param(503, "HTTP 503, 4 tries", id="overloaded"),
        pytest.param(b"sorry", "not a score", id="malformed"),
        pytest.param(b'{"results": [{"category_scores": {"hate": 7}}]}', "not a score", id="out of range"),
    ],
)
def test_without_an_answer_there_is_no_score(server, trouble, reason):
    server.plan = [trouble] * 4
    with pytest.raises(AuditkitError, match=reason) as caught:
        endpoint(server).score([INSULT])
    assert "idiot" not in str(caught.value)


def test_a_late_answer_is_no_answer(server):
    late = threading.Event()
    server.answer = lambda body: late.wait(1.5) or Server.answer(body)
    with pytest.raises(AuditkitError, match="2 tries"):
        endpoint(server, timeout_s=0.2, tries=2).score([INSULT])
    late.set()


def test_the_key_comes_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "k-1")
    endpoint(server, key_variable="JUDGE_KEY").score([INSULT])
    assert server.asked[0][1]["Authorization"] == "Bearer k-1"


def test_the_pace_is_kept(server):
    import time

    start = time.monotonic()
    endpoint(server, per_second=20).score([f"{CLEAN} {i}" for i in range(9)])
    assert time.monotonic() - start >= 8 / 20


def test_the_cost_is_known_before_anything_is_asked():
    tokens, price = cost([CLEAN, CLEAN, INSULT], per_million_tokens=2.0)
    assert 0 < tokens < 500
    assert price == pytest.approx(tokens * 2e-6)


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
        ({"engine": "cascade"}, "checkpoint"),
        ({"engine": "cascade", "checkpoint": "x.ckpt", "escalate_from": 0.9}, "escalate_from"),
    ],
)
def test_settings_that_cannot_work_are_mistakes(table, key):
    with pytest.raises(ConfigError, match=key):
        build("toxicity", table)
