"""Questions to a model behind HTTP, against a real server on this machine that misbehaves as planned."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time

import pytest

from auditkit.endpoint import Client, Endpoint, Failure, Request, Sample, mistakes
from auditkit.endpoint.wire import forbidden
from auditkit.errors import AuditkitError, ConfigError
from auditkit.guard import attempt
from tests.judge_server import JudgeServer, chat, hang_up

QUESTION = Request("What is 6 times 7?")
ANSWER = (Sample("42", "stop"),)


def told(body):
    """The question in upper case, so that every question has its own answer."""
    return chat("42" if body["messages"][-1]["content"] == QUESTION.text else body["messages"][-1]["content"].upper())


@pytest.fixture
def server():
    server = JudgeServer(told)
    yield server
    server.close()


def client(server, **changes):
    return Client(Endpoint(**{"url": server.url, "model": "m", "backoff_s": 0.01, "timeout_s": 5.0} | changes))


def reason(found):
    """The only answer's reason to be none."""
    assert len(found) == 1
    assert isinstance(found[0], Failure)
    return found[0].reason


def test_answers_come_in_the_order_of_the_questions(server):
    questions = [Request(f"q{n}") for n in range(20)]
    assert [said[0].text for said in client(server, concurrency=7).generate(questions)] == [f"Q{n}" for n in range(20)]


def test_several_samples_with_seed_temperature_and_log_probabilities(server):
    server.answer = lambda body: chat(*["42", "41", "42"][: body["n"]], logprobs=[-0.5, -0.25])
    request = Request(
        "6 * 7?", system="Be brief.", n=3, temperature=0.7, seed=5, logprobs=True, max_tokens=9, stop=("\n",)
    )
    assert client(server).generate([request]) == [tuple(Sample(text, "stop", -0.75, 2) for text in ("42", "41", "42"))]
    sent = server.asked[0][0]
    wanted = {"n": 3, "temperature": 0.7, "seed": 5, "logprobs": True, "max_tokens": 9, "stop": ["\n"]}
    assert {name: sent[name] for name in wanted} == wanted
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


def test_completions_are_asked_with_a_prompt(server):
    choice = {"text": " 42", "finish_reason": "length", "logprobs": {"token_logprobs": [None, -0.5]}}
    server.answer = lambda body: json.dumps({"choices": [choice]}).encode()
    said = client(server, api="completions").generate([Request("6 * 7 =", logprobs=True)])
    assert said == [(Sample(" 42", "length", -0.5, 1),)]
    assert server.asked[0][0]["prompt"] == "6 * 7 ="


def test_a_schema_is_sent(server):
    client(server).generate([Request("a", schema={"type": "object"})])
    assert server.asked[0][0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


# what comes back is wrong


def drip(handler):
    """One byte at a time, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def half(handler):
    """Fewer bytes than announced."""
    content = chat("42")
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) + 9))
    handler.end_headers()
    handler.wfile.write(content)


def endless(handler):
    """A header that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000)


FAULTS = {
    "refused": (401, "HTTP 401, 1 try"),
    "forbidden": (403, "HTTP 403, 1 try"),
    "too long for the model": (400, "HTTP 400, 1 try"),
    "broken": (500, "HTTP 500, 3 tries"),
    "busy": (429, "HTTP 429, 3 tries"),
    "no JSON": (b"sorry", "no JSON object"),
    "a list": (b"[1]", "no JSON object"),
    "a number": (b"7", "no JSON object"),
    "HTML": (b"<!doctype html><html><body>Log in", "HTML"),
    "empty": (b"", "no JSON object"),
    "no choices": (b'{"choices": []}', "malformed"),
    "a log-probability without end": (
        b'{"choices": [{"message": {"content": "a"}, "logprobs": {"token_logprobs": [-1e400]}}]}',
        "3 tries",
    ),
    "a choice without text": (b'{"choices": [{"message": {"content": null}}]}', "malformed"),
    "an error with status 200": (b'{"error": {"message": "What is 6 times 7? is no question"}}', "malformed"),
    "cut": (chat("42")[:-3], "no JSON object"),
    "hangs up": (hang_up, "RemoteDisconnected"),
    "partial": (half, "IncompleteRead"),
    "drips": (drip, "no whole answer in time"),
    "endless header": (endless, "3 tries"),
}


@pytest.mark.parametrize(("fault", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_wrong_answer_is_a_failure_with_its_reason(server, fault, said):
    server.plan = [fault] * 3
    found = reason(client(server, tries=3, timeout_s=0.4).generate([QUESTION]))
    assert said in found
    assert "6 times 7" not in found
    assert server.url in found


@pytest.mark.parametrize(
    "fault", [500, 429, 503, hang_up, b"not JSON", half], ids=["500", "429", "503", "hang up", "no JSON", "half"]
)
def test_trouble_is_tried_again(server, fault):
    server.plan = [fault, fault]
    assert client(server).generate([QUESTION]) == [ANSWER]
    assert len(server.asked) == 3


def test_one_bad_answer_does_not_take_the_others(server):
    server.plan = [400]
    found = client(server, concurrency=1).generate([Request("a"), Request("b"), Request("c")])
    assert [isinstance(said, Failure) for said in found] == [True, False, False]


def test_a_refused_key_ends_the_asking(server):
    server.plan = [401]
    found = client(server, concurrency=1).generate([Request(f"q{n}") for n in range(50)])
    assert all("HTTP 401" in said.reason for said in found)
    assert len(server.asked) == 1


def test_a_server_that_is_down_is_not_asked_for_ever(server):
    server.plan = [503] * 1000
    client(server, concurrency=1, tries=2).generate([Request(f"q{n}") for n in range(100)])
    assert len(server.asked) == 16


def test_nobody_listens():
    quiet = JudgeServer(told)
    quiet.close()
    assert "ConnectionRefusedError" in reason(client(quiet, tries=2).generate([QUESTION]))


def test_retry_after_is_honoured(server):
    server.plan = [lambda handler: handler.reply(429, b"", Retry_After="1")]
    started = time.monotonic()
    assert client(server).generate([QUESTION]) == [ANSWER]
    assert time.monotonic() - started >= 1


def test_a_wait_that_is_too_long_is_a_failure(server):
    server.plan = [lambda handler: handler.reply(503, b"", Retry_After="86400")]
    started = time.monotonic()
    assert "HTTP 503, 1 try" in reason(client(server).generate([QUESTION]))
    assert time.monotonic() - started < 5


def test_a_deadline_waits_for_nobody(server):
    """The asking ends when its deadline passes, and no thread sleeps on to ask again."""
    server.plan = [lambda handler: handler.reply(429, b"", Retry_After="60")] * 50
    started = time.monotonic()
    _, reason = attempt(lambda: client(server).generate([Request(f"q{n}") for n in range(20)]), seconds=0.5)
    assert reason == "it ran longer than 0 s"
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(5)
            assert not thread.is_alive()
    assert time.monotonic() - started < 10
    assert len(server.asked) <= 8


def test_the_pace_is_kept(server):
    started = time.monotonic()
    client(server, per_second=20, concurrency=8).generate([Request(f"q{n}") for n in range(9)])
    assert time.monotonic() - started >= 8 / 20


# nothing is paid twice


def test_equal_questions_are_asked_once_and_answers_are_kept(server, tmp_path):
    cache = str(tmp_path / "deep" / "answers.jsonl")
    first = client(server, cache=cache).generate([QUESTION, Request("b"), QUESTION])
    assert len(server.asked) == 2
    assert client(server, cache=cache).generate([QUESTION, Request("b"), QUESTION]) == first
    assert len(server.asked) == 2
    client(server, cache=cache, model="other").generate([QUESTION])
    assert len(server.asked) == 3


def test_the_file_holds_no_question_and_is_the_owners_alone(server, tmp_path):
    path = tmp_path / "answers.jsonl"
    client(server, cache=str(path)).generate([QUESTION])
    assert "times" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_kill_tore_is_paid_again_and_nothing_else(server, tmp_path):
    path = tmp_path / "answers.jsonl"
    questions = [Request(f"q{n}") for n in range(4)]
    whole = client(server, cache=str(path), concurrency=1).generate(questions)
    lines = path.read_bytes()
    last = lines.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(lines)):
        path.write_bytes(lines[:cut])
        before = len(server.asked)
        assert client(server, cache=str(path)).generate(questions) == whole
        assert len(server.asked) - before == 1
        assert client(server, cache=str(path)).generate(questions) == whole
        assert len(server.asked) - before == 1


def test_a_killed_process_has_kept_what_it_paid(server, tmp_path):
    """The process is killed while it waits for its third answer."""
    path, reached, go_on = tmp_path / "answers.jsonl", threading.Event(), threading.Event()

    def stall(_handler):
        reached.set()
        go_on.wait(10)

    server.plan = [None, None, stall]
    questions = [Request(f"q{n}") for n in range(4)]
    code = (
        "from auditkit.endpoint import *\n"
        f"Client(Endpoint({server.url!r}, model='m', cache={str(path)!r}, concurrency=1))"
        f".generate([Request(f'q{{n}}') for n in range({len(questions)})])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": ""})
    assert reached.wait(60)
    process.kill()
    process.wait()
    go_on.set()
    client(server, cache=str(path)).generate(questions)
    asked = [body["messages"][-1]["content"] for body, _ in server.asked]
    assert sorted(asked) == ["q0", "q1", "q2", "q2", "q3"]


def test_two_clients_write_to_one_file(server, tmp_path):
    cache = str(tmp_path / "answers.jsonl")
    clients = [client(server, cache=cache, concurrency=4) for _ in range(3)]
    threads = [
        threading.Thread(target=clients[n].generate, args=([Request(f"{n} {m}") for m in range(30)],)) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len({line["asked"] for line in lines}) == len(lines) == 90


# what it costs


def test_the_cost_is_known_before_anything_is_asked(server, tmp_path):
    asking = client(server, cache=str(tmp_path / "answers.jsonl"))
    asking.generate([QUESTION])
    found = asking.estimate([QUESTION, Request("a" * 400, n=2, max_tokens=50), Request("a" * 400, n=2, max_tokens=50)])
    assert (found.n_new, found.n_kept, found.tokens_in, found.tokens_out) == (1, 1, 116, 100)
    assert found.price(1.0, 10.0) == pytest.approx(0.001116)
    assert len(server.asked) == 1


def test_a_budget_is_not_overdrawn_not_even_by_a_second_run(server, tmp_path):
    server.answer = lambda body: chat("x", usage=100)
    budget = {"cache": str(tmp_path / "answers.jsonl"), "budget_tokens": 550, "concurrency": 1}
    questions = [Request(f"q{n}", max_tokens=80) for n in range(20)]
    for n_asked in (5, 5):
        found = client(server, **budget).generate(questions)
        assert [isinstance(said, Failure) for said in found] == [False] * 5 + [True] * 15
        assert "budget of 550 tokens is spent" in found[-1].reason
        assert len(server.asked) == n_asked


def test_malformed_answers_cost_too(server, tmp_path):
    server.answer = lambda body: json.dumps({"choices": [], "usage": {"total_tokens": 300}}).encode()
    budget = {"cache": str(tmp_path / "answers.jsonl"), "budget_tokens": 500, "tries": 1}
    found = [reason(client(server, **budget).generate([Request(f"q{n}")])) for n in range(3)]
    assert [("budget" in said) for said in found] == [False, True, True]


# where it may go


def test_a_redirect_is_not_followed(server):
    other = JudgeServer(told)
    for status in (301, 302, 307, 308):
        server.plan = [lambda handler, status=status: handler.reply(status, b"", Location=other.url)]
        assert f"HTTP {status}, a redirect that is not followed" in reason(client(server).generate([QUESTION]))
    other.close()
    assert other.asked == []


ADDRESSES = {
    "https://judge.example/v1/chat/completions": "",
    "http://127.0.0.1:8000/v1": "",
    "http://[::1]:8000/v1": "",
    "http://10.1.2.3/v1": "",
    "file:///etc/passwd": "expected https",
    "ftp://judge.example/": "expected https",
    "judge.example/v1": "expected https",
    "https://": "expected https",
    "https://judge.example:99999/": "not an address",
    "https://user:pass@judge.example/v1": "holds a secret",
    "https://judge.example/v1?api-key=123": "holds a secret",
    "https://judge.example/v1?api-version=2024-06-01": "",
    "http://169.254.169.254/latest/meta-data": "link-local",
    "http://[fe80::1]/v1": "link-local",
    "http://[::ffff:169.254.169.254]/": "link-local",
    "http://[64:ff9b::a9fe:a9fe]/": "link-local",
    "http://[2002:a9fe:a9fe::]/": "link-local",
    "http://[fd00:ec2::254]/": "link-local",
    "http://100.100.100.200/": "link-local",
    "http://0.0.0.0:80/": "link-local",
    "http://224.0.0.1/": "link-local",
}


@pytest.mark.parametrize(("url", "wrong"), ADDRESSES.items(), ids=ADDRESSES.keys())
def test_addresses(url, wrong):
    found = "; ".join(mistakes(url))
    assert bool(found) is bool(wrong)
    assert wrong in found


@pytest.mark.parametrize("address", ["169.254.1.1", "fe80::1%eth0", "::ffff:a9fe:a9fe", "::"])
def test_forbidden_addresses(address):
    assert forbidden(address)


def test_a_name_that_leads_to_a_forbidden_address_is_not_asked(monkeypatch):
    """The look-up is the only part that is not real: it answers as a hostile name server would."""
    import socket

    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [place])
    asking = Client(Endpoint("http://judge.example/v1", model="m"))
    with pytest.raises(AuditkitError, match=r"169\.254\.169\.254, a link-local"):
        asking.generate([QUESTION])


def test_only_allowed_hosts_are_asked(server, monkeypatch):
    with pytest.raises(ConfigError, match=r"'127\.0\.0\.1' is not among the allowed hosts: judge.example"):
        client(server, hosts=("judge.example",))
    assert client(server, hosts=("judge.example", "127.0.0.1")).generate([QUESTION]) == [ANSWER]
    monkeypatch.setenv("AUDITKIT_HOSTS", "judge.example, other.example")
    with pytest.raises(ConfigError, match="not among the allowed hosts"):
        client(server, hosts=("127.0.0.1",))


def test_the_key_comes_from_the_environment_and_is_never_told(server, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "k-123\n")
    client(server, key_variable="JUDGE_KEY").generate([QUESTION])
    assert server.asked[0][1]["Authorization"] == "Bearer k-123"
    for bad in ("", "k-12\r\nX: y", "k\x00"):
        monkeypatch.setenv("JUDGE_KEY", bad) if "\x00" not in bad else monkeypatch.delenv("JUDGE_KEY")
        with pytest.raises(AuditkitError, match="JUDGE_KEY holds no key") as caught:
            client(server, key_variable="JUDGE_KEY").generate([QUESTION])
        assert "k-12" not in str(caught.value)


def test_a_key_does_not_go_over_the_internet_in_the_clear(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "k-123")
    asking = Client(Endpoint("http://93.184.216.34/v1", model="m", key_variable="JUDGE_KEY"))
    with pytest.raises(AuditkitError, match="in the clear: use https"):
        asking.generate([QUESTION])


def test_a_budget_needs_a_file(server):
    with pytest.raises(ConfigError, match="budget_tokens needs cache"):
        client(server, budget_tokens=5)


def test_a_proxy_of_the_environment_is_not_asked(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert client(server).generate([QUESTION]) == [ANSWER]
