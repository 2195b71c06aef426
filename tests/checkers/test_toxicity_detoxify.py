"""The Detoxify engine on checkpoints made here: tiny networks with random weights, their own settings and tokenizer."""

from __future__ import annotations

import hashlib
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


@pytest.fixture
def served(tmp_path):
    """The URL of a server on this machine that serves the folder `served`."""
    import functools
    import threading
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "served").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def auditkit(*arguments):
    from auditkit.cli import cli

    return cli.main([str(argument) for argument in arguments], standalone_mode=False)


def test_a_fetched_model_is_converted_once_and_named_in_a_policy(tmp_path, served, monkeypatch):
    monkeypatch.setenv("AUDITKIT_MODELS", str(tmp_path / "models"))
    file = make_checkpoint(tmp_path / "served", model_type="tiny-bert")
    expected = scores(str(file), *TEXTS)
    home = tmp_path / "served" / "tiny-bert"
    files = ", ".join(
        f'{{ path = "tiny-bert/{name}", url = "{served}/tiny-bert/{name}", sha256 = "{sha256(home / name)}" }}'
        for name in ("config.json", "vocab.txt", "tokenizer_config.json")
    )
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(
        f'[[model]]\nname = "tiny"\nkind = "checkpoint"\nurl = "{served}/tiny.ckpt"\nsha256 = "{sha256(file)}"\n'
        f'licence = "none"\nfiles = [{files}]\n',
        encoding="utf-8",
    )
    assert auditkit("models", "fetch", "tiny", "--catalogue", catalogue) == 0
    kept = {path.name for path in (tmp_path / "models" / "tiny").rglob("*") if path.is_file()}
    assert "model.safetensors" in kept
    assert not {name for name in kept if name.endswith((".ckpt", ".bin", ".pt"))}
    assert auditkit("models", "verify", "tiny") == 0
    found = scores("tiny", *TEXTS)
    assert list(found) == list(expected)
    for label, values in expected.items():
        assert np.allclose(found[label], values, atol=1.01e-4), label


def test_a_further_file_that_is_another_is_not_kept(tmp_path, served, monkeypatch):
    from auditkit.models.download import DownloadError

    monkeypatch.setenv("AUDITKIT_MODELS", str(tmp_path / "models"))
    file = make_checkpoint(tmp_path / "served", model_type="tiny-bert")
    catalogue = tmp_path / "models.toml"
    part = f'{{ path = "tiny-bert/config.json", url = "{served}/tiny-bert/config.json", sha256 = "{"0" * 64}" }}'
    catalogue.write_text(
        f'[[model]]\nname = "tiny"\nkind = "checkpoint"\nurl = "{served}/tiny.ckpt"\nsha256 = "{sha256(file)}"\n'
        f'licence = "none"\nfiles = [{part}]\n',
        encoding="utf-8",
    )
    with pytest.raises(DownloadError, match="not the file that was meant"):
        auditkit("models", "fetch", "tiny", "--catalogue", catalogue)
    assert not (tmp_path / "models" / "tiny").exists()


def test_a_converted_checkpoint_and_its_eight_bit_onnx_give_the_same_and_near_scores(tmp_path):
    pytest.importorskip("onnx", reason="the ONNX network is made where onnx is installed")
    file = make_checkpoint(tmp_path)
    expected = scores(str(file), *TEXTS)["toxicity"]
    assert auditkit("models", "convert", file, "--out", tmp_path / "folder", "--onnx") == 0
    assert np.allclose(scores(str(tmp_path / "folder"), *TEXTS)["toxicity"], expected, atol=1.01e-4)
    eight = scores(str(tmp_path / "folder"), *TEXTS, precision="int8")["toxicity"]
    assert np.allclose(eight, expected, atol=0.1)
    assert not np.array_equal(eight, expected)
    with pytest.raises(ConfigError, match="exists already"):
        auditkit("models", "convert", file, "--out", tmp_path / "folder")


def test_a_damaged_conversion_is_refused(tmp_path):
    assert auditkit("models", "convert", make_checkpoint(tmp_path), "--out", tmp_path / "folder") == 0
    weights = tmp_path / "folder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ConfigError, match="damaged"):
        scores(str(tmp_path / "folder"), "a")
    (tmp_path / "folder" / "judge.json").unlink()
    with pytest.raises(ConfigError, match=r"without judge\.json"):
        scores(str(tmp_path / "folder"), "a", threshold=0.4)
