"""Samples are written down as they come, and vote by the answers that the checker compares."""

from __future__ import annotations

import json

import pytest

from auditkit.errors import AuditkitError, ConfigError, InputError
from auditkit.loop.generators import Called, called
from auditkit.loop.protocols import Prompt, Sample, Unanswered
from auditkit.loop.sampling import PORTION, asks_of, rows_of, sampled, votes

PROMPTS = [Prompt(f"p{at}", f"What is {at} + {at}?") for at in range(2 * PORTION + 3)]
ASKS = asks_of(PROMPTS, n=2, temperature=0.5, instruction="", seed="s")


class Counting:
    """Answers, and remembers what it was asked; fails after `most` asks."""

    def __init__(self, most=10**9):
        self.asked, self.most = [], most

    def describe(self):
        return {}

    def sample(self, asks, *, model):
        for ask in asks:
            if len(self.asked) >= self.most:
                raise KeyboardInterrupt
            self.asked.append(ask.prompt)
            for at in range(ask.n):
                yield Sample(ask.prompt, ask.first + at, f"{ask.prompt} {ask.seed} {at}")


def drawn(path, generator, **options):
    given = {"model": "", "max_unanswered": 0.0, "say": lambda _: None} | options
    return sampled(path, ASKS, generator, **given)


def test_a_stopped_call_goes_on_where_its_last_portion_ended(tmp_path):
    path, first = tmp_path / "samples.jsonl", Counting(PORTION + 5)
    with pytest.raises(KeyboardInterrupt):
        drawn(path, first)
    journal = tmp_path / ".samples.jsonl.part"
    with journal.open("ab") as file:
        file.write(b'{"prompt": "p70", "numb')  # torn by a kill
    second = Counting()
    found = drawn(path, second)
    assert second.asked == [prompt.id for prompt in PROMPTS[PORTION:]]
    assert not journal.exists()
    assert found.samples == drawn(tmp_path / "other.jsonl", Counting()).samples
    third = Counting()
    assert drawn(path, third).samples == found.samples
    assert third.asked == []


def test_half_of_a_surrogate_pair_does_not_reach_the_corpus(tmp_path):
    class Odd(Counting):
        def sample(self, asks, *, model):
            for ask in asks:
                yield from (Sample(ask.prompt, at, "a \ud83d b") for at in range(ask.n))

    found = drawn(tmp_path / "samples.jsonl", Odd())
    assert {one.text for one in found.samples} == {"a ? b"}


def test_missing_samples_are_counted_by_reason(tmp_path):
    class Refusing(Counting):
        def sample(self, asks, *, model):
            for ask in asks:
                if ask.prompt in ("p1", "p2", "p9"):
                    yield Unanswered(ask.prompt, "HTTP 400" if ask.prompt != "p9" else "HTML")
                else:
                    yield from super().sample([ask], model=model)

    with pytest.raises(
        AuditkitError, match=r"3 of 131 prompts lack samples: HTTP 400 \(2 prompts\); HTML \(1 prompts\)"
    ):
        drawn(tmp_path / "samples.jsonl", Refusing())
    found = drawn(tmp_path / "samples.jsonl", Refusing(), max_unanswered=0.05)
    assert dict(found.unanswered) == {"HTTP 400": 2, "HTML": 1}
    assert len(found.samples) == 2 * 128


def test_the_seed_of_an_ask_is_its_own():
    other = asks_of(list(reversed(PROMPTS)), n=2, temperature=0.5, instruction="", seed="s")
    assert {ask.prompt: ask.seed for ask in other} == {ask.prompt: ask.seed for ask in ASKS}
    assert len({ask.seed for ask in ASKS}) == len(ASKS)
    assert asks_of(PROMPTS, n=2, temperature=0.5, instruction="", seed="t") != ASKS


def test_equal_answers_in_other_words_vote_together():
    prompts = [Prompt("q", "How many coins are there?")]
    texts = ["6 times 3 is 18. The answer is 18.", "The answer is 18 coins.", "It is 17.", "So the result is $18.00."]
    rows = rows_of(prompts, [Sample("q", at, text) for at, text in enumerate(texts)], number=1)
    vote = votes(rows)["q"]
    assert (vote.answer, vote.share, vote.agreeing, vote.others) == ("18", 0.75, (0, 1, 3), (2,))


def test_rows_carry_prompt_group_and_class():
    prompt = Prompt("q", "Say it.", {"class": "news"})
    assert rows_of([prompt], [Sample("q", 1, "It.")], number=3) == [
        {"id": "r3/q/1", "group": "q", "prompt": "Say it.", "response": "It.", "finish": "stop", "label": "news"}
    ]


def test_a_function_that_gives_too_little_or_no_texts_is_told():
    short = Called("m:f", lambda texts, **_: [["one"]])
    assert [type(one) for one in short.sample(ASKS[:1], model="")] == [Sample, Unanswered]
    with pytest.raises(InputError, match="m:f: expected a list of texts per prompt, got int in it"):
        list(Called("m:f", lambda texts, **_: [[1, 2]]).sample(ASKS[:1], model=""))


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere_at_all:f", "cannot import nowhere_at_all"), ("json:dumpz", "the module 'json' has no function 'dumpz'")],
)
def test_a_function_that_is_not_there_is_told(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said):
        called(name, tmp_path)


def test_a_module_beside_the_loop_comes_first(tmp_path):
    (tmp_path / "json.py").write_text("def dumps(x):\n    return 'mine'\n")
    assert called("json:dumps", tmp_path)(1) == "mine"
    assert called("json:dumps", tmp_path / "elsewhere")(1) == json.dumps(1)
