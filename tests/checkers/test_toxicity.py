"""The embedded scorer through its public door: scores, spans, long texts, languages, its model file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.checker import build
from auditkit.checkers.toxicity import embedded
from auditkit.documents import Text, batch_of, batch_of_texts
from auditkit.errors import AuditkitError, ConfigError

LABELS = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate", "hate")
INSULT = "You are a stupid idiot."
CLEAN = "The bridge was closed for repairs, so we walked home along the river. "


def check(*texts, **options):
    return build("toxicity", options).check(batch_of_texts(texts))


def toxic(*texts):
    return check(*texts).scores["toxic"]


def found(*texts, **options):
    return check(*texts, **options).findings.to_pylist()


def test_every_document_has_every_score():
    scores = check(INSULT, CLEAN, "", "日本語のテキストです。", "\U0001f600").scores
    assert tuple(scores) == LABELS
    for values in scores.values():
        assert len(values) == 5
        assert ((values >= 0) & (values <= 1)).all()


def test_german_and_chinese_have_the_one_score_that_their_heads_know():
    scores = check("Du bist ein dummes Schwein und gehörst nicht hierher.", "你真是个没有脑子的垃圾").scores
    assert ((scores["toxic"] >= 0) & (scores["toxic"] <= 1)).all()
    assert np.isnan(scores["insult"]).all()


def test_an_empty_batch_has_no_scores():
    checked = build("toxicity", {}).check(batch_of([], []))
    assert checked.findings.num_rows == 0
    assert len(checked.scores["toxic"]) == 0


def test_toxic_texts_score_above_clean_ones():
    bad = toxic(INSULT, "What a pathetic moron.", "Shut up, you disgusting pig.", "I will kill you.")
    good = toxic(CLEAN, "Thank you for the careful review.", "The meeting is on Tuesday at noon.", "2 + 2 = 4")
    assert bad.min() > 0.5 > good.max()


@pytest.mark.parametrize(
    "disguised",
    [
        pytest.param("You are a STUPID IDIOT.", id="capitals"),
        pytest.param("You are a stup1d 1d1ot.", id="digits for letters"),
        pytest.param("You are a s t u p i d  i d i o t.", id="spelled out"),
        pytest.param("You are a stuuuuupid idiooooot.", id="stretched"),
        pytest.param("You are a st\u200bupid id\u00adiot.", id="invisible characters"),
        pytest.param("You are a \uff53\uff54\uff55\uff50\uff49\uff44 \uff49\uff44\uff49\uff4f\uff54.", id="full width"),
        pytest.param("You are a st\u03c5pid id\u0456ot.", id="look-alike letters"),
        pytest.param("You are a stúpid ídiot.", id="accents"),
    ],
)
def test_disguised_words_are_seen(disguised):
    assert toxic(disguised)[0] > 0.5


def test_spans_are_the_toxic_words_in_code_points():
    text = "Grüße 🙂, you stupid idiot, said the café owner."
    places = [(row["start"], row["end"]) for row in found(text)]
    assert {text[start:end] for start, end in places} == {"stupid", "idiot"}


def test_a_flag_always_has_a_span():
    for row in found(*[f"{CLEAN} I hate you {i}" for i in range(5)], threshold=0.0):
        assert 0 <= row["start"] < row["end"] <= len(CLEAN) + 13


def test_the_threshold_decides_which_documents_have_findings():
    assert found(CLEAN, threshold=1.0) == []
    assert {row["doc"] for row in found(INSULT, CLEAN, threshold=0.0)} == {0, 1}
    assert {row["doc"] for row in found(INSULT, CLEAN)} == {0}


def test_evidence_is_masked():
    assert {row["evidence"] for row in found(INSULT)} == {"s***", "i***"}
    assert "stupid" not in json.dumps(found(INSULT))


def test_one_toxic_sentence_in_a_long_text_is_found_and_named():
    text = CLEAN * 200 + INSULT + " " + CLEAN * 200
    row = found(text)[0]
    start, end = json.loads(row["detail"])["sentence"]
    assert text[start:end].strip() == INSULT
    assert start <= row["start"] < row["end"] <= end
    assert toxic(text)[0] == pytest.approx(toxic(f"{INSULT}")[0], abs=0.05)


def test_no_part_of_a_long_text_is_cut_off():
    assert toxic("word " * 20_000 + ". " + INSULT)[0] > 0.5
    assert toxic("a" * 50_000 + " " + INSULT + " " + INSULT)[0] > 0.5


@pytest.mark.parametrize(
    ("text", "looked"),
    [
        pytest.param("The weather was fine and they had not seen the sea.", True, id="English"),
        pytest.param("Il y a des gens qui ne sont pas dans cette ville avec nous.", False, id="French"),
        pytest.param("Los niños y las niñas juegan en el parque cuando hay sol.", False, id="Spanish"),
        pytest.param("Сегодня хорошая погода, и мы идём гулять.", False, id="Russian"),
        pytest.param("今日はとても天気がいいです。", False, id="Japanese"),
        pytest.param("오늘은 날씨가 아주 좋습니다.", False, id="Korean"),
        pytest.param("טקסט בעברית על מזג האוויר", False, id="Hebrew"),
        pytest.param("Das Wetter war schön, und wir sind noch an den See gefahren.", True, id="German"),
        pytest.param("今天天气很好，我们去公园散步。", True, id="Chinese"),
        pytest.param("12345 67890", True, id="digits"),
    ],
)
def test_a_language_that_the_model_does_not_know_is_not_looked_at(text, looked):
    checked = check(text)
    assert checked.looked.tolist() == [looked]
    assert checked.tallies["foreign_share", ""] == (int(not looked), 1)


def test_the_worst_text_of_a_document_gives_its_score():
    texts = [
        Text(0, "prompt", "prompt", CLEAN),
        Text(0, "response", "response", INSULT),
        Text(1, "prompt", "prompt", CLEAN),
    ]
    checked = build("toxicity", {}).check(batch_of(texts, [{"doc": 0}, {"doc": 1}, {"doc": 2}]))
    assert checked.scores["toxic"].tolist() == [toxic(INSULT)[0], toxic(CLEAN)[0], 0.0]
    assert {row["field"] for row in checked.findings.to_pylist()} == {"response"}


def test_scores_do_not_depend_on_neighbours():
    texts = [INSULT, CLEAN * 30, "", "Сегодня", "f u c k"]
    together = check(*texts).scores
    for i, text in enumerate(texts):
        alone = check(text).scores
        assert {label: values[i] for label, values in together.items()} == {k: v[0] for k, v in alone.items()}


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_threshold_outside_0_to_1_is_refused(value):
    with pytest.raises(ConfigError, match="threshold"):
        build("toxicity", {"threshold": value})


def test_a_changed_model_file_is_refused(monkeypatch):
    monkeypatch.setattr(embedded, "SHA256", "0" * 64)
    embedded.model.cache_clear()
    try:
        with pytest.raises(AuditkitError, match="install auditkit again"):
            embedded.model()
    finally:
        embedded.model.cache_clear()


def test_naming_a_group_is_not_toxic():
    groups = ("gay", "Muslim", "Jewish", "black", "white", "deaf", "transgender", "Christian", "Mexican", "female")
    assert toxic(*[f"My neighbour is {group} and works at the station." for group in groups]).max() < 0.3


def test_the_bias_of_the_scorer_stands_beside_its_metrics():
    checker = build("toxicity", {})
    metrics = checker.finish(checker.map(batch_of_texts([CLEAN])), None, None).metrics
    assert {metric.metric for metric in metrics} == {"bias_bpsn", "bias_bnsp", "bias_subgroup"}
    assert {metric.slice.partition("/")[0] for metric in metrics} >= {"jigsaw_test", "templates"}
    assert all(np.isfinite(metric.value) and metric.reference == "model card" for metric in metrics)
