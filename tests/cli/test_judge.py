"""auditkit judge: a sample of a real server's answers fits, proves and estimates."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest

from auditkit.checkers.toxicity import refit
from auditkit.cli import cli
from auditkit.errors import AuditkitError, ConfigError
from tests.judge_server import JudgeServer

OFFENCES = ("zorp", "idiot", "moron", "scum")  # the judge knows one word more than the embedded scorer
WORDS = [
    "the",
    "river",
    "bridge",
    "market",
    "old",
    "town",
    "school",
    "garden",
    "letter",
    "train",
    "winter",
    "music",
    "kitchen",
    "road",
    "river",
    "stone",
]


def offends(text):
    return any(word in text for word in OFFENCES)


def answer(body):
    score = 0.95 if offends(body["input"]) else 0.02
    return json.dumps({"results": [{"category_scores": {"harassment": score}}]}).encode()


@pytest.fixture
def server():
    server = JudgeServer(answer)
    yield server
    server.close()


@pytest.fixture
def corpus(tmp_path):
    draw = random.Random(3)
    texts = []
    for _ in range(1500):
        words = draw.choices(WORDS, k=draw.randint(8, 20))
        if draw.random() < 0.2:
            words.insert(draw.randrange(len(words)), "you " + draw.choice(OFFENCES))
        texts.append(" ".join(words))
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path, texts


def policy(folder, server, **more):
    options = {"engine": "cascade", "judge": "http", "url": server.url, "model": "m", "concurrency": 8} | more
    path = folder / "policy.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    path.write_text("version = 1\n[checkers.toxicity]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def auditkit(*arguments):
    return cli.main([str(argument) for argument in arguments], standalone_mode=False)


def test_a_calibrated_cascade_keeps_the_judges_positives_and_asks_about_few(server, corpus, tmp_path, capsys):
    path, texts = corpus
    file = tmp_path / "judge.npz"
    command = ("judge", "calibrate", path, "--policy", policy(tmp_path, server), "--out", file, "--sample", "1000")
    assert auditkit(*command, "--recall", "0.9") == 0
    said = capsys.readouterr().out
    low = float(re.match(r">= (\d+\.\d)% of the judge's positives kept, 95% confidence", said)[1])
    assert low >= 90
    assert len(server.asked) == 1000
    server.asked.clear()
    run = tmp_path / "run"
    calibrated = policy(tmp_path, server, calibration=str(file))
    assert auditkit("gate", path, "--out", run, "--policy", calibrated) in {0, 1}
    asked = {body["input"] for body, _ in server.asked}
    positives = [text for text in texts if offends(text)]
    kept = np.mean([text in asked for text in positives])
    assert kept >= 0.9
    assert len(asked) < 0.45 * len(texts)  # 20 % are positives
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    (toxicity,) = (checker for checker in manifest["checkers"] if checker["name"] == "toxicity")
    assert set(toxicity["models"]) == {"toxicity.npz", "judge.npz"}


def test_the_same_seed_asks_the_same_and_writes_the_same(server, corpus, tmp_path):
    path, _ = corpus
    files = [tmp_path / name for name in ("a.npz", "b.npz")]
    for file in files:
        command = ("judge", "calibrate", path, "--policy", policy(tmp_path, server), "--out", file, "--sample", "600")
        assert auditkit(*command, "--recall", "0.8") == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_share_of_the_judges_positives_is_estimated_from_few_answers(server, corpus, tmp_path, capsys):
    path, texts = corpus
    assert auditkit("judge", "share", path, "--policy", policy(tmp_path, server), "--calls", "400") == 0
    found = re.match(r"([\d.]+)% of texts \(([\d.]+)% to ([\d.]+)%", capsys.readouterr().out)
    value, low, high = (float(number) / 100 for number in found.groups())
    assert low <= np.mean([offends(text) for text in texts]) <= high
    assert low <= value <= high
    assert len(server.asked) <= 400


def test_an_answer_that_is_missing_proves_nothing(server, corpus, tmp_path):
    path, _ = corpus
    server.answer = lambda body: answer(body) if "music" not in body["input"] else b'{"results": []}'
    with pytest.raises(AuditkitError, match="did not answer"):
        auditkit("judge", "calibrate", path, "--policy", policy(tmp_path, server), "--out", tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_a_policy_without_a_judge_and_a_file_that_is_none_are_named(server, corpus, tmp_path):
    path, _ = corpus
    with pytest.raises(ConfigError, match="asks no judge"):
        auditkit("judge", "share", path, "--policy", "default")
    other = tmp_path / "other.npz"
    np.savez(other, weights=np.zeros(3))
    with pytest.raises(ConfigError, match="not what `auditkit judge calibrate`"):
        refit.load(str(other))
    with pytest.raises(ConfigError, match="at least 200"):
        auditkit("judge", "calibrate", path, "--policy", policy(tmp_path, server), "--out", other, "--sample", "20")
