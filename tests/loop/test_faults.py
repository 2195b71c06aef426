"""An endpoint that misbehaves: whatever it does, nothing is made up, nothing is lost, nothing is paid twice."""

from __future__ import annotations

import json
import time

import pytest

from auditkit.errors import AuditkitError
from auditkit.loop.folder import read_rows
from auditkit.loop.generators import Asked
from auditkit.loop.protocols import Ask, Sample, Unanswered
from auditkit.loop.rounds import run_loop
from auditkit.loop.settings import load
from auditkit.loop.tables import GeneratorTable
from tests.judge_server import JudgeServer, hang_up
from tests.loop.conftest import chat_answer, endpoint

ASK = Ask("p", "Tom has 10 apples and buys 5 more. How many are there now?", n=3, seed=1)


def generator(server, tmp_path, **options):
    own = {"backoff_s": 0.01, "tries": 3, "timeout_s": 2.0, "concurrency": 1} | options
    return Asked(GeneratorTable(url=server.url, model="m", **own), tmp_path / "answers.jsonl")


def slow(handler):
    time.sleep(3)


def half(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')


def busy(handler):
    handler.reply(429, b"", Retry_After="0")


def moved(handler):
    handler.reply(301, b"", Location="http://127.0.0.1:9/elsewhere")


PASSING = {
    "slow": slow, "partial": half, "busy": busy, "429": 429, "500": 500, "502": 502, "hangs up": hang_up,
    "HTML": b"<html><body>please log in</body></html>", "no JSON": b"not json", "a list": b"[1, 2]",
    "no choices": b'{"choices": []}', "text is a number": b'{"choices": [{"message": {"content": 7}}]}',
}  # fmt: skip


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_passing_fault_costs_a_try_and_no_answer(model_server, tmp_path, fault):
    model_server.plan = [fault]
    found = list(generator(model_server, tmp_path).sample([ASK], model=""))
    assert [type(one) for one in found] == [Sample] * 3
    assert len(model_server.asked) == 2


LASTING = {
    "slow": (slow, "no whole answer in time"), "partial": (half, "IncompleteRead"), "500": (500, "HTTP 500"),
    "HTML": (b"<html></html>", "HTML"), "wrong": (b'{"choices": 3}', "malformed"), "moved": (moved, "redirect"),
    "not found": (404, "HTTP 404"), "not allowed": (401, "HTTP 401"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "said"), LASTING.values(), ids=LASTING)
def test_a_lasting_fault_is_told_and_no_sample_is_made_up(model_server, tmp_path, fault, said):
    model_server.plan = [fault] * 5
    found = list(generator(model_server, tmp_path, timeout_s=0.3 if fault is slow else 2.0).sample([ASK], model=""))
    assert [type(one) for one in found] == [Unanswered]
    assert said in found[0].reason


def test_a_server_that_gives_fewer_samples_is_asked_for_the_rest(tmp_path):
    def stingy(body):
        answer = json.loads(chat_answer(body))
        answer["choices"] = answer["choices"][:1]
        return json.dumps(answer).encode()

    server = JudgeServer(stingy)
    try:
        found = list(generator(server, tmp_path).sample([ASK], model=""))
        again = list(generator(server, tmp_path).sample([ASK], model=""))
    finally:
        server.close()
    assert [one.number for one in found] == [0, 1, 2]
    assert len({one.text for one in found}) > 1
    assert again == found
    assert len(server.asked) == 3


def test_log_probabilities_are_means_per_token(tmp_path):
    from tests.judge_server import chat

    server = JudgeServer(lambda body: chat("a b", "c", "d", logprobs=[-1.0, -3.0]))
    try:
        found = list(generator(server, tmp_path, logprobs=True).sample([ASK], model=""))
    finally:
        server.close()
    assert [one.logprob for one in found] == [-2.0] * 3


def test_a_loop_waits_for_what_is_missing_and_goes_on(loop_folder, model_server):
    """The server breaks down in the middle of a round: exit 3 with the reason, and the next run asks for the rest."""
    settings = loop_folder(endpoint(model_server, concurrency=1), top="rounds = 1", n_prompts=12)
    answered = []

    def breaking(body):
        if len(answered) >= 5 and not breaking.repaired:
            return b"<html>down for maintenance</html>"
        answered.append(json.dumps(body, sort_keys=True))
        return chat_answer(body)

    breaking.repaired = False
    model_server.answer = breaking
    out = settings.parent / "rounds"
    with pytest.raises(AuditkitError, match=r"7 of 12 prompts lack samples: .*HTML.*run the same command again"):
        run_loop(load(settings), out)
    assert not (out / "1" / "samples.jsonl").exists()
    breaking.repaired = True
    run_loop(load(settings), out)
    assert len(read_rows(out / "1" / "samples.jsonl")) == 48
    assert len(answered) == len(set(answered))


def test_a_share_of_prompts_may_stay_open(loop_folder, model_server):
    """One prompt that the server refuses for good does not stop the loop when [sampling] allows it."""
    text = "max_unanswered = 0.1\nn = 4"
    settings = loop_folder(endpoint(model_server), top="rounds = 1", n_prompts=20, sampling=text)
    refused = json.loads((settings.parent / "questions.jsonl").read_text().splitlines()[3])["prompt"]
    model_server.answer = lambda body: b"{}" if refused in body["messages"][-1]["content"] else chat_answer(body)
    out = settings.parent / "rounds"
    run_loop(load(settings), out)
    assert json.loads((out / "1" / "round.json").read_text())["counts"]["unanswered"] == 1


def test_a_judge_keeps_what_is_better_in_both_orders(loop_folder, model_server):
    """PIT's idea: new against reference. This judge likes the answer with the word `past`, wherever it stands."""
    settings = loop_folder(endpoint(model_server), top="rounds = 1", n_prompts=10, extra="")
    rows = [json.loads(line) for line in (settings.parent / "questions.jsonl").read_text().splitlines()]
    for at, row in enumerate(rows):
        row["answer"] = "Nobody knows." if at < 5 else "past past past past past"
    (settings.parent / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def prefers(body):
        text = body["messages"][-1]["content"]
        first, second = (text.split(f"<answer_{name}>")[1].split("</")[0].count("past") for name in "ab")
        return json.dumps(
            {"choices": [{"message": {"content": json.dumps({"better": "A" if first > second else "B"})}}]}
        ).encode()

    judge = JudgeServer(prefers)
    try:
        settings.write_text(
            settings.read_text() + f'\n[judge]\nurl = "{judge.url}"\nmodel = "j"\nagainst = "reference"\n'
        )
        out = settings.parent / "rounds"
        run_loop(load(settings), out)
    finally:
        judge.close()
    kept = {row["group"] for row in read_rows(out / "1" / "kept.jsonl")}
    assert kept
    assert kept <= {f"q{at}" for at in range(5)}
    lines = read_rows(out / "1" / "judged.jsonl")
    assert len(judge.asked) <= 2 * len(lines)
    assert {line["won"] for line in lines} == {0, 2}


def test_a_judge_that_always_likes_the_first_answer_accepts_nothing(loop_folder, model_server):
    settings = loop_folder(endpoint(model_server), top="rounds = 1", n_prompts=6)
    rows = [
        json.loads(line) | {"answer": "It depends."}
        for line in (settings.parent / "questions.jsonl").read_text().splitlines()
    ]
    (settings.parent / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge = JudgeServer(lambda body: b'{"choices": [{"message": {"content": "{\\"better\\": \\"A\\"}"}}]}')
    try:
        settings.write_text(
            settings.read_text() + f'\n[judge]\nurl = "{judge.url}"\nmodel = "j"\nagainst = "reference"\n'
        )
        assert run_loop(load(settings), settings.parent / "rounds") == 1
    finally:
        judge.close()
    told = json.loads((settings.parent / "rounds" / "1" / "round.json").read_text())
    assert told["reasons"] == ["no row was kept"]
