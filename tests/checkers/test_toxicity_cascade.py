"""The cascade's promises, tried many times on corpora with a known judge."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.checkers.toxicity.cascade import calibrate, estimate
from auditkit.errors import ConfigError


def corpus(seed, n=20_000, share=0.03):
    """(embedded scores, judge's verdicts) of n texts; the scores are right more often than not."""
    rng = np.random.default_rng(seed)
    judged = rng.random(n) < share
    return 1 / (1 + np.exp(-rng.normal(np.where(judged, 1.5, -2.0), 1.5))), judged


def test_the_promised_recall_holds_as_often_as_promised():
    kept = []
    for seed in range(200):
        scores, judged = corpus(seed)
        promise = calibrate(scores[:8000], judged[:8000], recall=0.9, confidence=0.9)
        rest, truth = scores[8000:], judged[8000:]
        kept.append((rest[truth] >= promise.escalate_from).mean() >= promise.recall_low - 0.03)
    assert np.mean(kept) >= 0.9


def test_the_promise_says_what_it_costs():
    scores, judged = corpus(1)
    promise = calibrate(scores, judged)
    assert promise.recall_low >= 0.95
    assert 0 < promise.escalated < 0.6
    assert promise.sentence().startswith(">= 9")
    assert "of documents sent on" in promise.sentence()


def test_too_few_positives_prove_nothing():
    scores, judged = corpus(2, n=500)
    with pytest.raises(ConfigError, match="59 are needed"):
        calibrate(scores, judged)


def test_a_stricter_promise_sends_on_more():
    scores, judged = corpus(3)
    shares = [calibrate(scores, judged, recall=recall).escalated for recall in (0.8, 0.9, 0.95, 0.98)]
    assert shares == sorted(shares)


def test_the_interval_of_the_share_holds_the_truth():
    held, calls = [], []
    for seed in range(150):
        scores, judged = corpus(seed)
        found = estimate(scores, lambda rows, judged=judged: judged[rows], calls=600, seed=seed)
        held.append(found.low <= judged.mean() <= found.high)
        calls.append(found.judged)
    assert np.mean(held) >= 0.93
    assert max(calls) <= 600


def test_strata_need_fewer_calls_than_a_plain_sample():
    scores, judged = corpus(4)
    found = estimate(scores, lambda rows: judged[rows], calls=600)
    plain = 2 * 1.96 * np.sqrt(judged.mean() * (1 - judged.mean()) / 600)
    assert found.high - found.low < plain


def test_a_corpus_smaller_than_the_calls_is_judged_whole():
    scores, judged = corpus(5, n=100)
    found = estimate(scores, lambda rows: judged[rows], calls=5000)
    assert found.judged <= 100
    assert found.low - 1e-9 <= judged.mean() <= found.high + 1e-9
