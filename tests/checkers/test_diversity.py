"""The checker `diversity`: n-grams, lines, openings, lengths, likeness."""

from __future__ import annotations

import bz2
import json
from collections import Counter

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.checkers.diversity import report, sketch
from auditkit.documents import Text, batch_of, batch_of_texts, take
from auditkit.errors import ConfigError

TEXTS = [
    "The cat sat on the mat.",
    "The cat sat on the hat.\nIt was red.",
    "",
    "It was red.\n  It was red.  \n\nRivers run to the sea",
    "Ärger über Öl, naïve café",
]


def outcome(texts):
    checker = build("diversity", {})
    return checker.finish(checker.map(batch_of_texts(texts)), None, Context(len(texts)))


def metric(result, name, slice=""):
    return next(found for found in result.metrics if (found.metric, found.slice) == (name, slice))


def words(text):
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_distinct_n_and_ingf_are_those_of_a_plain_count(order):
    grams = [tuple(words(text)[at : at + order]) for text in TEXTS for at in range(len(words(text)) - order + 1)]
    documents = Counter(
        gram
        for text in TEXTS
        for gram in {tuple(words(text)[at : at + order]) for at in range(len(words(text)) - order + 1)}
    )
    result = outcome(TEXTS)
    assert metric(result, "distinct_n", str(order)).value == pytest.approx(len(set(grams)) / len(grams), abs=1e-6)
    assert metric(result, "ingf", str(order)).value == pytest.approx(sum(documents.values()) / len(documents), abs=1e-6)


def test_vocabulary_entropy_and_rare_words():
    counts = Counter(word for text in TEXTS for word in words(text))
    whole = sum(counts.values())
    result = outcome(TEXTS)
    assert metric(result, "vocabulary").value == len(counts)
    expected = -sum(count / whole * np.log2(count / whole) for count in counts.values())
    assert metric(result, "word_entropy").value == pytest.approx(expected, abs=1e-6)
    once = sum(1 for count in counts.values() if count == 1)
    assert metric(result, "hapax_share").value == pytest.approx(once / whole, abs=1e-6)


def test_lines_count_without_their_blanks():
    found = metric(outcome(TEXTS), "duplicate_lines_share")
    assert (found.numerator, found.denominator) == (2, 7)


def test_openings():
    result = outcome(["Here is a dog", "here is a cat", "Why not a bird?", "no"])
    assert metric(result, "top_opening_share").numerator == 2
    assert metric(result, "top_opening_share").denominator == 3
    assert metric(result, "distinct_openings").value == pytest.approx(2 / 3, abs=1e-6)


def test_lengths():
    result = outcome(["a " * n for n in range(1, 101)])
    assert metric(result, "words_per_document", "mean").value == 50.5
    assert metric(result, "words_per_document", "p50").value == 50
    assert metric(result, "words_per_document", "p90").value == pytest.approx(90, rel=0.09)


def test_compression_of_a_small_corpus_is_that_of_its_texts():
    found = metric(outcome(["ab " * 100]), "compression_ratio")
    raw = b"ab " * 100
    assert found.value == pytest.approx(len(raw) / len(bz2.compress(raw)), abs=1e-6)


def test_copies_are_alike_and_strangers_are_not():
    alike = outcome(["the same words again and again"] * 50)
    varied = outcome([f"word{n} thing{n} part{n} piece{n} item{n} bit{n}" for n in range(50)])
    assert metric(alike, "pairwise_similarity").value == pytest.approx(1, abs=1e-3)
    assert abs(metric(varied, "pairwise_similarity").value) < 0.05
    assert metric(alike, "vendi_score").value == pytest.approx(1, abs=1e-3)
    assert metric(varied, "vendi_score").value > 20


def test_empty_corpus_has_no_numbers():
    result = outcome([])
    measured = {found.metric for found in result.metrics if found.value is not None}
    assert measured == {"vocabulary"}  # no words are 0 words; nothing else can be said


def test_any_split_gives_the_same_result():
    checker = build("diversity", {})
    batch = batch_of_texts(TEXTS)
    whole = checker.finish(checker.map(batch), None, Context(len(TEXTS)))
    for cut in range(len(TEXTS) + 1):
        parts = [checker.map(take(batch, 0, cut)), checker.map(take(batch, cut, len(TEXTS)))]
        assert checker.finish(checker.merge(*parts), None, Context(len(TEXTS))).metrics == whole.metrics


def test_a_large_corpus_is_estimated_within_two_percent_and_merges_exactly():
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{number}" for number in rng.integers(0, 80_000, 500)) for _ in range(300)]
    checker = build("diversity", {})
    batch = batch_of_texts(texts)
    whole = checker.map(batch)
    parts = checker.merge(checker.map(take(batch, 0, 100)), checker.map(take(batch, 100, 300)))
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    exact = len({word for text in texts for word in text.split()})
    assert sketch.distinct(whole, "gram1") == pytest.approx(exact, rel=0.02)
    assert sum(array.nbytes for array in whole.values()) <= checker.state_bytes(300)


def test_length_bins_start_where_they_say():
    for index in range(1, sketch.LENGTH_BINS - 1):
        start = int(sketch.bin_start(index))
        assert int(sketch.length_bin(np.array([start]))[0]) >= index
        assert int(sketch.length_bin(np.array([start - 1]))[0]) < index or index > 64


def test_metrics_are_announced():
    assert {found.metric for found in outcome(TEXTS).metrics} <= set(type(build("diversity", {})).METRICS)


def test_entropy():
    assert report.entropy(np.array([1, 1, 0, 2])) == pytest.approx(1.5)


def test_self_bleu_is_one_for_copies_and_small_for_strangers():
    copies = outcome(["the cat sat on the mat today"] * 5)
    strangers = outcome([f"a{n} b{n} c{n} d{n} e{n} f{n}" for n in range(5)])
    assert metric(copies, "self_bleu").value == pytest.approx(1)
    assert metric(strangers, "self_bleu").value < 0.3
    assert metric(outcome(["one text of five words"]), "self_bleu").value is None


def test_change_against_an_earlier_run(tmp_path):
    before = [found.as_dict() for found in outcome(TEXTS).metrics]
    (tmp_path / "metrics.json").write_text(json.dumps(before), encoding="utf-8")
    checker = build("diversity", {"reference": str(tmp_path)})
    result = checker.finish(checker.map(batch_of_texts([*TEXTS, *TEXTS])), None, Context(2 * len(TEXTS)))
    assert metric(result, "change", "vocabulary").value == 1
    assert metric(result, "change", "distinct_n/1").value == pytest.approx(0.5, abs=1e-5)
    copies = metric(result, "change", "duplicate_lines_share")
    assert copies.low < copies.value < copies.high


def test_a_reference_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no run folder 'nowhere'"):
        build("diversity", {"reference": "nowhere"})


def random_texts(count, vocabulary, seed, n_words=20):
    draw = np.random.default_rng(seed)
    return [" ".join(f"w{word}" for word in draw.integers(0, vocabulary, n_words)) for _ in range(count)]


def test_openings_are_those_of_responses():
    rows = [Text(doc, "prompt", "prompt", f"Please tell me about thing {doc}.") for doc in range(8)]
    rows += [Text(doc, "response", "response", f"{'abcdefgh'[doc]} is a thing that I know.") for doc in range(8)]
    rows.sort(key=lambda row: row.doc)
    checker = build("diversity", {})
    batch = batch_of(rows, [{"doc": doc} for doc in range(8)])
    result = checker.finish(checker.map(batch), None, Context(8))
    assert metric(result, "top_opening_share").value == pytest.approx(1 / 8)


def test_sample_figures_do_not_depend_on_the_size_of_the_corpus():
    small, large = (outcome(random_texts(count, 5000, seed=count)) for count in (512, 3000))
    one, other = (metric(result, "sample.distinct_n", "1") for result in (small, large))
    assert one.low < other.value < one.high
    assert metric(small, "distinct_n", "1").value > 2 * metric(large, "distinct_n", "1").value


def test_a_sample_of_one_word_has_no_variety_and_a_tight_interval():
    result = outcome(["word word word word"] * 100)
    found = metric(result, "sample.word_entropy")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert metric(result, "sample.pairwise_similarity").value is not None


def test_intervals_hold_a_second_sample_of_the_same_source():
    figures = ("sample.word_entropy", "sample.hapax_share", "sample.distinct_n")
    missed = tried = 0
    for seed in range(3):
        one, other = (outcome(random_texts(300, 2000, seed=10 * seed + side)) for side in (1, 2))
        for name in figures:
            left, right = (metric(side, name, "1" if name.endswith("_n") else "") for side in (one, other))
            reach = np.hypot(left.high - left.value, right.high - right.value)
            missed, tried = missed + (abs(left.value - right.value) > reach), tried + 1
    assert tried == 9
    assert missed <= 2  # 5 % of 9 is 0.5; the seeds are fixed


def test_each_label_has_its_own_figures():
    texts = random_texts(80, 10, 1) + random_texts(80, 3000, 2)
    checker = build("diversity", {})
    batch = batch_of(
        [Text(doc, "text", "text", text) for doc, text in enumerate(texts)],
        [{"doc": doc, "label": "dull" if doc < 80 else "rich"} for doc in range(160)],
    )
    result = checker.finish(checker.map(batch), None, Context(160))
    dull, rich = (metric(result, "label.word_entropy", label) for label in ("dull", "rich"))
    assert dull.high < rich.low
    assert rich.denominator == 64
    parts = [checker.map(take(batch, start, start + 40)) for start in range(0, 160, 40)]
    merged = checker.merge(checker.merge(parts[2], parts[0]), checker.merge(parts[1], parts[3]))
    assert checker.finish(merged, None, Context(160)).metrics == result.metrics


def test_topics_of_two_subjects():
    texts = [f"the striker scored a goal in the match number {at} for the team" for at in range(40)]
    texts += [f"the bank raised its interest rate and the loan price by {at} percent" for at in range(40)]
    result = outcome(texts)
    assert metric(result, "sample.topics").value >= 2
    shares = [found.value for found in result.metrics if found.metric == "topic.share"]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert shares == sorted(shares, reverse=True)
    assert metric(outcome(TEXTS), "sample.topics").status == "not_checkable"
