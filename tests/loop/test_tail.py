"""The tail is estimated from the reference alone, measured with an interval, and kept by weights."""

import numpy as np
import pytest

from auditkit.loop.tail import rarity, ratio_weights, refill, resampled, tail_mass, tail_weights, words_of

ZIPF = 1 / np.arange(1, 151)
ZIPF /= ZIPF.sum()


def drawn(shares, n, seed):
    rows = np.random.default_rng(seed).choice(len(shares), (n, 6), p=shares)
    return [" ".join(f"w{word}" for word in row) for row in rows]


def sharpened(texts, temperature=0.8):
    counts = np.zeros(150)
    for text in texts:
        for word in text.split():
            counts[int(word[1:])] += 1
    shares = (counts + 0.1) ** (1 / temperature)
    return shares / shares.sum()


REFERENCE = drawn(ZIPF, 1500, 0)


def test_the_tail_is_the_rarest_words_up_to_its_share():
    known = rarity(["a a a a b b c", "a a a"], tail=0.2)
    assert known.counts.tolist().count(1) == 1
    assert known.counts[known.tail].tolist() == [1]
    assert known.tail_share == pytest.approx(0.1)
    assert known.shares.sum() == pytest.approx(1)


def test_words_used_equally_often_are_in_the_tail_together():
    known = rarity(["a a a b b c d"], tail=0.2)
    assert known.tail.sum() == 2


def test_case_and_composition_do_not_make_words_new():
    mass = tail_mass(rarity(["École rare", "the the the the"]), ["E\u0301COLE"])
    assert (mass.new, mass.n_words) == (0.0, 1)


def test_the_interval_covers_the_share_of_the_reference():
    known, covered = rarity(REFERENCE), 0
    true = sum(ZIPF[word] for word in range(150) if known.tail[known.places(words_of([f"w{word}"]))[0]])
    for seed in range(100):
        mass = tail_mass(known, drawn(ZIPF, 300, 100 + seed))
        covered += mass.low <= true <= mass.high
    assert covered >= 88  # 95 expected; P(fewer than 88) < 0.002 for a binomial of .95


@pytest.mark.parametrize(("way", "least"), [("bands", 0.80), ("refill", 0.80)])
def test_four_rounds_keep_the_tail(way, least):
    """Each round samples at temperature 0.8 from the shares of all that was kept before: what collapses a model."""
    known, pool = rarity(REFERENCE), list(REFERENCE)
    for turn in range(4):
        new = drawn(sharpened(pool), 1500, 10 + turn)
        if way == "bands":
            new = [new[i] for i in resampled(tail_weights(known, new), len(new), seed=turn)]
        else:
            new += [REFERENCE[i] for i in refill(REFERENCE, pool + new)]
        pool += new
    assert tail_mass(known, pool).ratio >= least


def test_a_band_that_no_text_has_does_not_spoil_the_others():
    """The rarest words are gone for good; what is left of the tail is still brought to its share."""
    reference = [*REFERENCE, "once"]
    texts = [text for text in drawn(sharpened(REFERENCE), 1500, 5) if "w149" not in text.split()]
    known = rarity(reference)
    weights = tail_weights(known, [*texts, "other words of no band"])
    again = [texts[at] for at in resampled(weights[:-1], len(texts), seed=0)]
    assert tail_mass(known, texts).ratio < 0.8
    assert tail_mass(known, again).ratio == pytest.approx(1, abs=0.1)


def test_without_weights_the_tail_is_lost():
    known, pool = rarity(REFERENCE), list(REFERENCE)
    for turn in range(4):
        pool += drawn(sharpened(pool), 1500, 10 + turn)
    assert tail_mass(known, pool).ratio < 0.7


@pytest.mark.parametrize("make", [tail_weights, ratio_weights], ids=["bands", "ratio"])
@pytest.mark.parametrize(
    "texts",
    [[], ["w1"], ["", ""], ["unknown words only"], ["w1 w2", "\ud800", "\x00"], ["w149 " * 50] + ["w0"] * 50],
    ids=["none", "one", "empty", "foreign", "odd characters", "one rare text"],
)
def test_weights_are_finite_and_bounded_for_any_texts(make, texts):
    weights = make(REFERENCE, texts)
    assert len(weights) == len(texts)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights <= 8).all()


def test_a_reference_without_words_gives_equal_weights():
    assert tail_weights(["", "!"], ["a b", "c"]).tolist() == [1, 1]


def test_texts_that_fit_already_weigh_almost_the_same():
    assert tail_weights(REFERENCE, REFERENCE).std() < 0.01


def test_resampling_gives_each_text_its_due_to_the_next_whole_number():
    drawn_places = resampled(np.array([1.0, 2.5, 0.5]), 8, seed=3)
    counts = np.bincount(drawn_places, minlength=3)
    assert counts.sum() == 8
    assert (np.abs(counts - np.array([2, 5, 1])) <= 1).all()
    assert resampled(np.array([1.0, 2.5, 0.5]), 8, seed=3).tolist() == drawn_places.tolist()


def test_nothing_is_refilled_when_nothing_is_missing():
    assert refill(REFERENCE, REFERENCE).tolist() == []
