"""Weighted votes, entropy of meanings, consistency of samples, and what goes on to training."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.checkers.hallucination import meaning
from auditkit.checkers.hallucination.selfcheck import selfcheck
from auditkit.documents import Text, batch_of
from auditkit.errors import ConfigError

CHECKER = build("hallucination", {})


def group(answers, logprobs=None, labels=None, prompt="What is 6 * 7?"):
    """Rows of one group with these answers."""
    texts = [
        Text(doc, role, role, text)
        for doc, answer in enumerate(answers)
        for role, text in (("prompt", prompt), ("response", answer))
    ]
    logprobs, labels = logprobs or [None] * len(answers), labels or [None] * len(answers)
    records = zip(range(len(answers)), logprobs, labels, strict=True)
    return batch_of(texts, [{"doc": d, "group": "q", "logprob": p, "label": right} for d, p, right in records])


def finished(batch, checker=CHECKER):
    return checker.finish(checker.map(batch), None, Context(len(batch)))


ANSWERS = ["41", "41", "42"]
SURE = ["-2.0", "-2.0", "-0.1"]


def test_votes_are_weighed_by_probability():
    scores = finished(group(ANSWERS, SURE)).scores
    wrong, right = 2 * math.exp(-2), math.exp(-0.1)
    assert scores["agreement_weighted"][1].tolist() == pytest.approx(
        [wrong / (wrong + right)] * 2 + [right / (wrong + right)], abs=1e-6
    )
    assert scores["agreement"][1].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3])


def test_the_policy_chooses_whose_votes_decide():
    weighted = build("hallucination", {"votes": "weighted"})
    assert finished(group(ANSWERS, SURE)).findings["doc"].to_pylist() == [2]
    assert finished(group(ANSWERS, SURE), weighted).findings["doc"].to_pylist() == [0, 1]


@pytest.mark.parametrize("odd", [None, "", "nan", "0.5", "inf", "x"])
def test_a_group_with_a_row_without_a_probability_has_no_weighted_share(odd):
    outcome = finished(group(ANSWERS, ["-0.1", odd, "-0.2"]), build("hallucination", {"votes": "weighted"}))
    assert np.isnan(outcome.scores["agreement_weighted"][1]).all()
    assert outcome.findings.num_rows == 0
    missing = [row for row in outcome.metrics if (row.metric, row.slice) == ("not_checkable", "agreement_weighted")]
    assert [(row.numerator, row.denominator) for row in missing] == [(3, 3)]
    assert "agreement_weighted" not in finished(group(ANSWERS)).scores


def test_a_probability_of_nothing_is_no_division_by_zero():
    assert np.isnan(
        finished(group(ANSWERS, ["-1e9"] * 3)).scores.get("agreement_weighted", (0, np.array([np.nan])))[1]
    ).all()


def test_each_threshold_says_what_it_keeps_and_how_much_is_right():
    batch = group(["42", "42", "41", "42"], ["-0.1", "-0.2", "-3", "-0.3"], ["true", "true", "false", "true"])
    found = {(row.metric, row.slice): row for row in finished(batch).metrics if row.metric.startswith("agreement_")}
    for votes in ("share", "weighted share"):
        kept, precision = (found[f"agreement_{what}", f"{votes}>=0.75"] for what in ("kept_share", "precision"))
        assert (kept.numerator, kept.denominator) == (3, 4)
        assert (precision.numerator, precision.denominator) == (3, 3)


def test_votes_do_not_depend_on_how_the_corpus_is_split():
    whole = group(["42", "42", "41", "42", "40"], ["-0.1", "-0.7", "-3", "-0.3", "-0.2"])
    texts, records = list(whole.iter_texts()), whole.records.to_pylist()
    parts = [batch_of(texts[2 * low : 2 * high], records[low:high]) for low, high in ((0, 2), (2, 3), (3, 5))]
    state = CHECKER.map(batch_of([], []))
    for part in parts:
        state = CHECKER.merge(state, CHECKER.map(part))
    got, expected = CHECKER.finish(state, None, Context(5)), finished(whole)
    assert got.scores["agreement_weighted"][1].tolist() == expected.scores["agreement_weighted"][1].tolist()
    assert got.metrics == expected.metrics


def test_entropy_counts_lists_of_samples():
    texts = [Text(0, "question", "prompt", "2 + 2?")]
    texts += [Text(0, f"samples[{n}]", "response", answer) for n, answer in enumerate("4455")]
    found = [row for row in finished(batch_of(texts, [{"doc": 0}])).metrics if row.metric == "agreement_entropy"]
    assert [(row.value, row.denominator) for row in found] == [(1.0, 1)]


# meanings


def test_clusters_by_direction():
    directions = np.array([[127, 0], [126, 9], [0, 127], [-127, 0], [5, 126]], np.int8)
    assert meaning.clusters(directions, 0.9) == [0, 0, 1, 2, 1]
    assert meaning.entropy([0, 0, 1, 1]) == 1
    assert meaning.entropy(["a"]) == 0


def test_the_entropy_of_groups():
    directions = np.array([[127, 0], [0, 127], [127, 0], [127, 0], [0, 127]], np.int8)
    groups = np.array([7, 7, 9, 9, 3], np.uint64)
    spread = meaning.of_groups(groups, directions, 0.9)
    assert spread[:4].tolist() == [1, 1, 0, 0]
    assert np.isnan(spread[4])
    assert len(meaning.of_groups(groups[:0], directions[:0], 0.9)) == 0


def test_meaning_needs_an_encoder():
    with pytest.raises(ConfigError, match='engine = "similarity"'):
        build("hallucination", {"clusters": "meaning"})


# consistency


SAME = ["The mill burned down in 1911.", "In 1911 the mill burned down.", "The mill burned down in 1911."]
OTHER = ["The mill burned down in 1911.", "A flood took the bridge.", "Nobody knows what Greta sold."]


def test_parts_of_one_message_are_one_answer():
    """Two texts in the content of one message of a chat, one about 4 and one about 5: nobody was asked twice."""
    texts = [Text(0, "messages[0].content", "prompt", "What is 2 + 2?")]
    texts += [Text(0, f"messages[1].content[{n}].text", "response", f"The answer is {4 + n}.") for n in range(2)]
    assert "agreement" not in {
        name for name, (docs, _) in finished(batch_of(texts, [{"doc": 0}])).scores.items() if len(docs)
    }
    listed = [text._replace(field=f"samples[{n}].text") for n, text in enumerate(texts[1:])]
    docs, values = finished(batch_of([texts[0], *listed], [{"doc": 0}])).scores["agreement"]
    assert (docs.tolist(), values.tolist()) == ([0], [0.5])


def samples(texts):
    rows = [Text(0, "question", "prompt", "What happened?")]
    return batch_of(
        [*rows, *(Text(0, f"samples[{n}]", "response", text) for n, text in enumerate(texts))], [{"doc": 0}]
    )


def test_samples_that_differ_are_less_consistent():
    same, other = (CHECKER.check(samples(texts)).scores["selfcheck"][0] for texts in (SAME, OTHER))
    assert 0 <= same < other <= 1


def test_consistency_by_hand():
    """Two samples, 4 words: `a` and `b` twice each. Every word's surprise is log 2 of log 4."""
    assert selfcheck(["a b", "b a"], CHECKER._engine) == 0.5


@pytest.mark.parametrize("texts", [["one alone"], ["said", " "], ["", ""]])
def test_consistency_needs_two_samples(texts):
    assert math.isnan(selfcheck(texts, CHECKER._engine))


def test_rows_without_samples_are_counted():
    checked = CHECKER.check(group(["42", "41"]))
    assert np.isnan(checked.scores["selfcheck"]).all()
    assert checked.tallies["not_checkable", "selfcheck"] == (2, 2)


def test_every_score_says_what_may_be_made_of_it():
    from auditkit.checkers.hallucination import SCORES

    batch = group(ANSWERS, SURE)
    assert {*CHECKER.check(batch).scores, *finished(batch).scores} | {"judge", "semantic_entropy"} == set(SCORES)
    assert set(SCORES.values()) == {"count", "rank only"}


def test_every_metric_carries_its_counts():
    for row in finished(group(ANSWERS, SURE)).metrics:
        assert row.numerator is not None, row.metric
        assert row.denominator is not None, row.metric


# training


def test_all_paths_to_the_majority_answer_go_on_to_training(command, write, tmp_path):
    """The gate of self-training: every reasoning path that reaches the majority answer is kept, the others are dropped."""
    paths = [
        "6 and 7 make 6 * 7 = 42.", "Seven sixes: 7 * 6 = 42. The answer is 42.", "#### 42", "6 + 7, so 13.",
        "It is 42.",
    ]  # fmt: skip
    data = write("rows.jsonl", [{"prompt": "What is 6 * 7?", "response": path} for path in paths])
    policy = write(
        "policy.toml",
        [
            "version = 1",
            "[checkers.hallucination]",
            'only = ["no-agreement"]',
            "min_agreement = 0.75",
            'action = "drop"',
        ],
    )
    done = command("gate", data, "--out", tmp_path / "run", "--policy", policy)
    assert done.returncode == 0, done.stderr
    kept = [
        json.loads(line)["response"] for line in (tmp_path / "run" / "kept" / "rows.jsonl").read_text().splitlines()
    ]
    assert kept == [path for path in paths if "13" not in path]
