"""The Detoxify engine on checkpoints made here: tiny networks with random weights, their own settings and tokenizer."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from auditkit.checker import build
from auditkit.documents import batch_of_texts
from auditkit.errors import ConfigError

pytest.importorskip("transformers", reason="the extra [detoxify] is tested where it is installed")

CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
LABELS = ["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"]
WORDS = [
    "you",
    "are",
    "a",
    "stupid",
    "idiot",
    "the",
    "bridge",
    "was",
    "closed",
    "for",
    "repairs",
    "so",
    "we",
    "walked",
    "home",
    "along",
    "river",
    "and",
    "sea",
    ".",
    "!",
    "?",
]


def make_checkpoint(folder, *, positions=64, classes=CLASSES, **changes):
    import torch
    import transformers

    torch.manual_seed(7)
    home = folder / "tiny-bert"
    home.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *(f"##{c}" for c in "abcdefgh"), *"abcdefgh"]
    (home / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    settings = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=positions, num_labels=len(classes), initializer_range=0.2,
    )  # fmt: skip
    settings.save_pretrained(home)
    (home / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "model_max_length": positions}), encoding="utf-8"
    )
    network = transformers.BertForSequenceClassification(settings)
    arguments = {
        "num_classes": len(classes), "model_type": str(home), "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
    } | changes  # fmt: skip
    config = {"arch": {"args": arguments}, "dataset": {"args": {"classes": list(classes)}}}
    file = folder / "tiny.ckpt"
    torch.save({"state_dict": network.state_dict(), "config": config}, file)
    return file


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return str(make_checkpoint(tmp_path_factory.mktemp("detoxify")))


def scores(checkpoint, *texts, **options):
    checker = build("toxicity", {"engine": "detoxify", "checkpoint": checkpoint, **options})
    return checker.check(batch_of_texts(texts)).scores


TEXTS = [
    "You are a stupid idiot!",
    "The bridge was closed for repairs.",
    "",
    "so we walked home " * 8,
    "a",
    "river " * 30,
]


def test_scores_are_those_of_detoxify(checkpoint):
    detoxify = pytest.importorskip("detoxify", reason="compared where Detoxify itself is installed")
    peer = detoxify.Detoxify(checkpoint=checkpoint)
    mine = scores(checkpoint, *TEXTS)
    for i, text in enumerate(TEXTS):
        for label, value in peer.predict(text).items():
            assert mine[label][i] == pytest.approx(value, abs=6e-5), label  # written with four digits


def test_labels_have_detoxify_names_and_toxic_is_toxicity(checkpoint):
    found = scores(checkpoint, *TEXTS)
    assert list(found) == ["toxic", *LABELS]
    assert found["toxic"].tolist() == found["toxicity"].tolist()


def test_order_and_company_do_not_change_a_score(checkpoint):
    together = scores(checkpoint, *TEXTS)["toxicity"]
    backwards = scores(checkpoint, *TEXTS[::-1])["toxicity"][::-1]
    alone = [scores(checkpoint, text)["toxicity"][0] for text in TEXTS]
    assert np.allclose(together, backwards, atol=1.01e-4)
    assert np.allclose(together, alone, atol=1.01e-4)


def test_a_text_above_the_limit_has_the_score_of_its_worst_part(checkpoint):
    sentences = [
        "the bridge was closed for repairs so we walked home . ",
        "you are a stupid idiot ! ",
        "along the river and sea . ",
    ]
    text = sentences[0] * 10 + sentences[1] + sentences[2] * 10
    whole = scores(checkpoint, text)["toxicity"][0]
    assert whole >= scores(checkpoint, sentences[0] * 3)["toxicity"][0] - 0.5
    assert 0 <= whole <= 1
    assert scores(checkpoint, "river" * 400 + " " + "abcdefgh" * 300)["toxicity"][0] <= 1


def test_findings_carry_words(checkpoint):
    checker = build("toxicity", {"engine": "detoxify", "checkpoint": checkpoint, "threshold": 0.0})
    text = "You are a stupid idiot!"
    rows = checker.check(batch_of_texts([text])).findings.to_pylist()
    assert {text[row["start"] : row["end"]] for row in rows} >= {"stupid"}


def test_the_bias_of_a_judge_is_not_that_of_the_embedded_model(checkpoint):
    checker = build("toxicity", {"engine": "detoxify", "checkpoint": checkpoint})
    (metric,) = checker.finish(checker.map(batch_of_texts(TEXTS)), None, None).metrics
    assert (metric.value, metric.status) == (None, "not_looked_for")


def test_eight_bit_scores_are_near(checkpoint):
    assert np.allclose(
        scores(checkpoint, *TEXTS)["toxicity"], scores(checkpoint, *TEXTS, precision="int8")["toxicity"], atol=0.1
    )


class Bomb:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    mark, file = tmp_path / "it ran", tmp_path / "bomb.ckpt"
    file.write_bytes(pickle.dumps({"state_dict": Bomb(mark), "config": {}}, protocol=2))
    with pytest.raises(ConfigError, match="refused"):
        scores(str(file), "a")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"model_type": "bert-base-uncased"}, "nothing is downloaded", id="a hub name"),
        pytest.param({"model_name": "pipeline"}, "has no such", id="not a classifier"),
        pytest.param({"num_classes": 3}, "do not fit", id="another number of classes"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_with_a_reason(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        scores(str(make_checkpoint(tmp_path, **changes)), "a")


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        scores(str(tmp_path / "none.ckpt"), "a")
    (tmp_path / "cut.ckpt").write_bytes(make_checkpoint(tmp_path).read_bytes()[:1000])
    with pytest.raises(ConfigError, match="refused"):
        scores(str(tmp_path / "cut.ckpt"), "a")


@pytest.mark.parametrize("table", [{"engine": "detoxify"}, {"checkpoint": "x.ckpt"}, {"engine": "detoxyfy"}])
def test_options_that_do_not_belong_together_are_mistakes(table):
    with pytest.raises(ConfigError):
        build("toxicity", table)
