"""Rounds from end to end through the command line: two rounds against a real server, kills, lost and altered parents."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditkit.loop.folder import place_of, read_rows
from auditkit.loop.rounds import run_loop
from auditkit.loop.settings import load
from auditkit.loop.tables import LOOP_METRICS
from tests.loop.conftest import CALLABLE, ROOT, TAUGHT, chat_answer, endpoint, make_loop


def told(out, number):
    return json.loads((out / str(number) / "round.json").read_text())


RECORD = Path(__file__).with_name("two_rounds.json")


def recorded_as(path, found):
    """The same as the committed record; AUDITKIT_UPDATE=1 writes it anew."""
    text = json.dumps(found, indent=1) + "\n"
    if os.environ.get("AUDITKIT_UPDATE"):
        path.write_text(text)
    assert path.read_text() == text


def test_two_rounds_against_an_endpoint(loop_folder, model_server, loop_command):
    """`auditkit loop run`, `status` and `report`: what a user does, with a server that counts what it is asked."""
    settings = loop_folder(endpoint(model_server), extra=TAUGHT, reference='probe = "probe.jsonl"')
    done = loop_command("run", settings)
    out = settings.parent / "rounds"
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "round 0: reference",
        "round 1: pass",
        "round 2: pass",
    ]
    one, two = told(out, 1), told(out, 2)
    assert (one["asked_model"], one["model"], two["asked_model"]) == ("", "model-1", "model-1")
    assert [parent["round"] for parent in two["parents"]] == [0, 1]
    kept = read_rows(out / "1" / "kept.jsonl")
    shares = {row["group"] for row in kept}
    assert len(shares) >= 24
    wrong = [row for row in kept if not row["response"].endswith(f" {_sum(row['prompt'])}.")]
    assert len(wrong) / len(kept) <= 0.10
    names = {
        (row["stage"], row["metric"])
        for row in json.loads((out / "2" / "metrics.json").read_text())
        if row["checker"] == "loop"
    }
    assert names == {(stage, name) for stage, own in LOOP_METRICS.items() for name in own}
    models = {body["model"] for body, _ in model_server.asked}
    assert models == {"m", "model-1"}
    recorded_as(RECORD, {
        "questions": len(model_server.asked),
        "rounds": [{name: told(out, number)[name] for name in ("verdict", "counts", "removed")} for number in (0, 1, 2)],
    })  # fmt: skip
    assert loop_command("status", out).stdout == done.stdout
    page = settings.parent / "page.html"
    assert loop_command("report", out, "--out", page).returncode == 0
    assert "Every round so far may be trained on." in page.read_text()
    n_asked = len(model_server.asked)
    again = loop_command("run", settings)
    assert (again.returncode, again.stdout, len(model_server.asked)) == (0, done.stdout, n_asked)


def _sum(prompt):
    have, more = re.search(r"has (\d+) \w+ and buys (\d+)", prompt).groups()
    return int(have) + int(more)


def test_a_killed_loop_goes_on_and_pays_nothing_twice(loop_folder, model_server):
    """SIGKILL in the middle of sampling; the second run asks only for what was never answered."""
    answered: list[str] = []
    stall_at = 7

    def counting(body):
        text = json.dumps(body, sort_keys=True)
        if len(answered) >= stall_at and not counting.released:
            time.sleep(60)
        answered.append(text)
        return chat_answer(body)

    counting.released = False
    model_server.answer = counting
    settings = loop_folder(endpoint(model_server, concurrency=1), top="rounds = 1")
    arguments = [sys.executable, "-m", "auditkit", "loop", "run", str(settings)]
    environment = os.environ | {"PYTHONPATH": ROOT}
    first = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while len(answered) < stall_at or len(model_server.asked) <= stall_at:
        assert time.monotonic() < deadline, "the loop never asked"
        time.sleep(0.05)
    time.sleep(0.3)  # the seventh answer reaches its file
    first.send_signal(signal.SIGKILL)
    first.wait()
    out = settings.parent / "rounds"
    assert not (out / "1" / "round.json").exists()
    paid = list(answered)
    counting.released = True
    status = subprocess.run(
        [*arguments[:-2], "status", str(out)], env=environment, capture_output=True, text=True, check=False
    )
    assert status.returncode == 3
    assert "round 1: unfinished, at sampling" in status.stdout
    second = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    new = answered[len(paid) :]
    assert not set(paid) & set(new)
    assert len(answered) == len(set(answered))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a loop with two finished rounds and a Python function as generator; made once."""
    settings = make_loop(tmp_path_factory.mktemp("finished"), CALLABLE, extra=TAUGHT)
    assert run_loop(load(settings), settings.parent / "rounds") == 0
    return settings.parent


@pytest.fixture
def two_rounds(finished, tmp_path):
    """(loop.toml, folder of its rounds): a copy of the finished loop."""
    folder = shutil.copytree(finished, tmp_path / "loop")
    return folder / "loop.toml", folder / "rounds"


def test_the_parent_of_a_round_must_be_there_and_as_it_was(two_rounds, loop_command):
    settings, out = two_rounds
    kept = (out / "1" / "kept.jsonl").read_bytes()
    taught = (settings.parent / "taught.txt").read_text()
    settings.write_text(settings.read_text().replace("rounds = 2", "rounds = 3"))
    cases = [
        (lambda: (out / "1" / "kept.jsonl").write_bytes(kept + b"{}\n"), "kept.jsonl: its bytes were changed"),
        ((out / "1" / "kept.jsonl").unlink, "kept.jsonl: is missing"),
        (lambda: (out / "1" / "extra.txt").write_text("x"), "extra.txt: was added"),
        (lambda: (out / "1").rename(out / "gone"), "the parent round 1 is missing"),
    ]
    for spoil, said in cases:
        spoil()
        done = loop_command("run", settings)
        assert done.returncode == 3
        assert said in done.stderr
        assert loop_command("status", out).returncode == 3
        if (out / "gone").exists():
            (out / "gone").rename(out / "1")
        (out / "1" / "kept.jsonl").write_bytes(kept)
        (out / "1" / "extra.txt").unlink(missing_ok=True)
    assert (settings.parent / "taught.txt").read_text() == taught
    manifest = out / "1" / "round.json"
    original = manifest.read_text()
    manifest.write_text(original.replace('"verdict": "pass"', '"verdict": "none"'))
    assert "was changed after the run" in loop_command("status", out).stderr
    manifest.write_text(original)
    assert loop_command("run", settings).returncode == 0
    assert told(out, 3)["verdict"] == "pass"


def test_rounds_of_one_loop_share_their_settings(two_rounds, loop_command):
    settings, _ = two_rounds
    settings.write_text(settings.read_text().replace("n = 4", "n = 5"))
    done = loop_command("run", settings)
    assert done.returncode == 2
    assert "made with other settings (sampling)" in done.stderr


def test_the_same_loop_gives_the_same_bytes(two_rounds, tmp_path):
    settings, out = two_rounds
    other = tmp_path / "other"
    assert run_loop(load(settings), other) == 0
    for name in ("prompts.jsonl", "samples.jsonl", "candidates.jsonl", "kept.jsonl", "metrics.json", "training.jsonl",
                 "export/trl/messages.jsonl", "recovery.jsonl"):  # fmt: skip
        assert (out / "1" / name).read_bytes() == (other / "1" / name).read_bytes(), name


def test_accumulate_trains_on_the_reference_and_all_rounds(two_rounds):
    settings, out = two_rounds
    sizes = [len(read_rows(out / str(number) / "training.jsonl")) for number in range(3)]
    taught = [json.loads(line) for line in (settings.parent / "taught.txt").read_text().splitlines()]
    assert [row[0] for row in taught] == [sum(sizes[:2]), sum(sizes)]
    assert [row[1:] for row in taught] == [["", 1, "accumulate"], ["model-1", 2, "accumulate"]]
    lineage = read_rows(out / "2" / "export" / "lineage.jsonl")
    assert {row["round"] for row in lineage} == {0, 1, 2}


def test_replace_is_a_named_risk(loop_folder):
    settings = loop_folder(CALLABLE, extra=TAUGHT, top='rounds = 1\nregime = "replace"')
    out = settings.parent / "rounds"
    assert run_loop(load(settings), out) == 0
    assert any(risk.startswith("regime replace") for risk in told(out, 1)["risks"])
    assert json.loads((settings.parent / "taught.txt").read_text())[0] == len(read_rows(out / "1" / "training.jsonl"))


def test_a_round_that_drifts_fails_and_trains_nothing(loop_folder, loop_command):
    """The words of the answers are not those of the reference: the tail is gone, and the loop stops there."""
    drift = '[[drift]]\nmetric = "kept.loop.new_words_share"\nworse = "up"\ntolerance = 0.001\n'
    settings = loop_folder(CALLABLE, extra=TAUGHT + drift)
    text = (settings.parent / "learner.py").read_text()
    (settings.parent / "learner.py").write_text(
        text.replace('path(text, f"{seed} {at}")', 'path(text, f"{seed} {at}") + " Voila zonk."')
    )
    done = loop_command("run", settings)
    out = settings.parent / "rounds"
    assert done.returncode == 1, done.stdout + done.stderr
    assert "kept.loop.new_words_share against round 0" in done.stdout
    assert not (settings.parent / "taught.txt").exists()
    assert not (out / "1" / "export").exists()
    assert not (out / "2").exists()
    assert loop_command("run", settings).returncode == 1
    assert loop_command("status", out).returncode == 1


def test_contaminated_samples_are_left_out(loop_folder):
    """An answer that holds an item of an evaluation file is never trained on."""
    settings = loop_folder(CALLABLE, top="rounds = 1", reference='evaluation = ["exam.jsonl"]')
    item = "Every winter the old harbor master counts nine copper lanterns twice before the first ship leaves"
    (settings.parent / "exam.jsonl").write_text(json.dumps({"question": item, "answer": "nine"}) + "\n")
    text = (settings.parent / "learner.py").read_text()
    spoiled = (
        'path(text, f"{seed} {at}") + (" '
        + item
        + '. The answer is " + path(text, f"{seed} {at}").split()[-1] if at == 0 else "")'
    )
    (settings.parent / "learner.py").write_text(text.replace('path(text, f"{seed} {at}")', spoiled))
    out = settings.parent / "rounds"
    run_loop(load(settings), out)
    assert told(out, 1)["removed"]["run"]["near_duplicates/contamination"] >= 10
    assert not [row for row in read_rows(out / "1" / "kept.jsonl") if item in row["response"]]


def test_what_an_earlier_round_kept_is_not_kept_again(loop_folder):
    """The same samples in both rounds: the second finds them in the index of the first."""
    settings = loop_folder(CALLABLE, extra='[[drift]]\nmetric = "kept.loop.tail_share"\ntolerance = 1\n')
    text = (settings.parent / "learner.py").read_text()
    (settings.parent / "learner.py").write_text(text.replace('f"{seed} {at}"', 'f"{at}"'))
    out = settings.parent / "rounds"
    run_loop(load(settings), out)
    known = [row for row in json.loads((out / "2" / "metrics.json").read_text())
             if (row["stage"], row["metric"]) == ("samples", "known_share")]  # fmt: skip
    assert known[0]["value"] > 0.5
    first, second = ({row["response"] for row in read_rows(out / name / "kept.jsonl")} for name in "12")
    assert first
    assert not first & second


def test_an_unfinished_round_keeps_its_training(loop_folder):
    """A loop that stops after training trains no second time."""
    settings = loop_folder(CALLABLE, extra=TAUGHT, top="rounds = 1")
    out = settings.parent / "rounds"
    assert run_loop(load(settings), out) == 0
    (out / "1" / "round.json").unlink()
    assert run_loop(load(settings), out) == 0
    assert len((settings.parent / "taught.txt").read_text().splitlines()) == 1


def test_the_estimate_asks_nothing(loop_folder, model_server, loop_command):
    settings = loop_folder(endpoint(model_server, price_in=1.0, price_out=2.0), reference='probe = "probe.jsonl"')
    done = loop_command("run", settings, "--estimate")
    assert done.returncode == 0
    assert "36 prompts from files" in done.stdout
    assert "42 questions to ask, 0 answers kept" in done.stdout
    assert "at the prices given" in done.stdout
    assert model_server.asked == []
    assert not (settings.parent / "rounds" / "1").exists()


def test_two_loops_in_one_folder_are_refused(loop_folder):
    import fcntl

    from auditkit.errors import RunFolderError

    settings = loop_folder(CALLABLE)
    out = settings.parent / "rounds"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RunFolderError, match="another loop is using it"):
            run_loop(load(settings), out)


def test_status_of_nothing(loop_command, tmp_path):
    done = loop_command("status", tmp_path / "none")
    assert done.returncode == 3
    assert "holds no loop" in done.stderr


def test_published_rounds_name_every_file(two_rounds):
    _, out = two_rounds
    names = {entry["path"] for entry in told(out, 1)["files"]}
    assert {
        "prompts.jsonl",
        "samples.jsonl",
        "kept.jsonl",
        "run/manifest.json",
        "gate/manifest.json",
        "metrics.json",
    } <= names
    assert not [name for name in names if name.startswith("model/")]
    assert place_of(out, 1).published
