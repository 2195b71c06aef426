"""A small loop with everything it needs, and a model behind a real HTTP server that can misbehave."""

from __future__ import annotations

import json
import random
import re
from functools import partial
from pathlib import Path

import pytest

from tests.judge_server import JudgeServer

ROOT = str(Path(__file__).parents[2])
NAMES = ["Tom", "Ann", "Raj", "Mia", "Leo", "Zoe", "Kim", "Ben"]
THINGS = ["apples", "books", "coins", "pens", "shells", "stamps", "cards", "plates"]
WORDS = [
    "river", "stone", "cloud", "garden", "lantern", "meadow", "sailor", "violin", "winter",
    "harbor", "copper", "marble", "thunder", "orchard", "bridge", "tower", "candle", "feather",
    "island", "market", "pebble", "rocket", "saddle", "temple", "valley", "window", "yellow",
    "zephyr",
]  # fmt: skip
ASKED = re.compile(r"has (\d+) (\w+) and buys (\d+) more")


def question(chooser):
    return (
        f"{chooser.choice(NAMES)} has {chooser.randrange(10, 99)} {chooser.choice(THINGS)} and buys "
        f"{chooser.randrange(10, 99)} more in the {chooser.choice(WORDS)} shop by the {chooser.choice(WORDS)}. "
        "How many are there now?"
    )


def right_answer(text):
    have, _, more = ASKED.search(text).groups()
    return int(have) + int(more)


def path(text, seed, *, right_share=0.85):
    """One way to the answer, right in 85 of 100 seeds; the wording differs from seed to seed."""
    chooser = random.Random(f"{seed} {text}")
    have, things, more = ASKED.search(text).groups()
    total = int(have) + int(more)
    total += 0 if chooser.random() < right_share else chooser.choice([1, -1, 10])
    words = " ".join(chooser.sample(WORDS, 3))
    how = chooser.choice(
        ["Adding {b} to {a}", "Taking {a} and {b} together", "From {a}, {b} more", "With {b} beside {a}"]
    )
    return f"{how.format(a=have, b=more)}, past {words}, that makes {total} {things}. The answer is {total}."


def chat_answer(body):
    """What an OpenAI-compatible server says: n choices, the same ones for the same question and seed."""
    text, n, seed = body["messages"][-1]["content"], body.get("n", 1), body.get("seed", 0)
    choices = [
        {"index": at, "finish_reason": "stop", "message": {"role": "assistant", "content": path(text, f"{seed} {at}")}}
        for at in range(n)
    ]
    return json.dumps({"choices": choices, "usage": {"total_tokens": 20 * n}}).encode()


@pytest.fixture
def loop_command(command):
    """The command line, which finds this folder's `tests` for the functions that a loop names."""

    def run(*args, **options):
        return command("loop", *args, env={"PYTHONPATH": ROOT}, **options)

    return run


@pytest.fixture
def model_server():
    """A model that answers sums; `plan` and `asked` as in JudgeServer."""
    server = JudgeServer(chat_answer)
    yield server
    server.close()


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def loop_folder(tmp_path):
    """make(generator, extra="...", n_prompts=20 ...) -> the path of a loop.toml with its data beside it."""
    return partial(make_loop, tmp_path)


def make_loop(home, generator, *, extra="", n_prompts=36, top="rounds = 2", sampling="n = 4", prompts="", reference=""):
    """The path of a loop.toml with its data beside it, in home/loop."""
    folder = home / "loop"
    folder.mkdir(exist_ok=True)
    chooser = random.Random(7)
    seed = [question(chooser) for _ in range(40)]
    (folder / "seed.jsonl").write_text(
        lines({"prompt": text, "response": path(text, "seed", right_share=1)} for text in seed)
    )
    asked = [question(chooser) for _ in range(n_prompts)]
    (folder / "questions.jsonl").write_text(lines({"id": f"q{at}", "prompt": text} for at, text in enumerate(asked)))
    probe = [question(chooser) for _ in range(6)]
    (folder / "probe.jsonl").write_text(lines({"prompt": text, "answer": right_answer(text)} for text in probe))
    (folder / "learner.py").write_text(LEARNER)
    settings = folder / "loop.toml"
    settings.write_text(
        f"version = 1\n{top}\n"
        f'[reference]\nfiles = ["seed.jsonl"]\n{reference}\n'
        f'[prompts]\nfiles = ["questions.jsonl"]\n{prompts}\n'
        f"[sampling]\n{sampling}\n[generator]\n{generator}\n{extra}\n"
    )
    return settings


LEARNER = '''\
"""A generator and a trainer for tests: they write down what they were asked."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def answer(texts, *, n, temperature, seed, model):
    from tests.loop.conftest import path

    with (HERE / "asked.txt").open("a") as file:
        file.write(json.dumps([texts, n, temperature, seed, model]) + "\\n")
    return [[path(text, f"{seed} {at}") for at in range(n)] for text in texts]


def learn(rows, *, folder, out, model, round, seed, regime):
    with (HERE / "taught.txt").open("a") as file:
        file.write(json.dumps([len(rows), model, round, regime]) + "\\n")
    (out / "weights.txt").write_text(str(len(rows)))
    return f"model-{round}"
'''
CALLABLE = 'kind = "callable"\ncall = "learner:answer"'
TAUGHT = '[trainer]\nkind = "callable"\ncall = "learner:learn"\n'


def endpoint(server, **options):
    shown = "\n".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    return f'url = "{server.url}"\nmodel = "m"\nbackoff_s = 0.01\ntries = 3\ntimeout_s = 5\n{shown}'
