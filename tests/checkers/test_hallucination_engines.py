"""Neural engines for grounding on tiny networks made here: random weights, a word tokenizer, safetensors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.documents import Text, batch_of
from auditkit.errors import ConfigError, MissingDependency

pytest.importorskip("transformers", reason="the extra [semantic] is tested where it is installed")

WORDS = [
    "the",
    "mill",
    "burned",
    "down",
    "in",
    "1911",
    "fire",
    "destroyed",
    "it",
    "was",
    "rebuilt",
    "never",
    ".",
    "a",
    "town",
    "library",
    "opened",
]
SOURCE = "The mill burned down in 1911. It was never rebuilt. " * 3
RESPONSE = "The mill burned down. The town library opened in 1911."
HEADS = {
    "similarity": ("BertModel", {}),
    "nli": ("BertForSequenceClassification", {"id2label": {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}}),
    "consistency": ("BertForSequenceClassification", {"id2label": {0: "LABEL_0"}}),
    "nameless": ("BertForSequenceClassification", {"id2label": {0: "A", 1: "B"}}),
    "tokens": ("BertForTokenClassification", {"id2label": {0: "LABEL_0", 1: "LABEL_1"}}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Head -> folder with config.json, model.safetensors, tokenizer.json."""
    import torch
    import transformers

    found = {}
    for name, (head, settings) in HEADS.items():
        torch.manual_seed(7)
        home = tmp_path_factory.mktemp(name)
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
        (home / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        tokenizer = transformers.BertTokenizerFast(vocab={word: n for n, word in enumerate(vocabulary)})
        tokenizer.model_max_length = 40
        tokenizer.save_pretrained(home)
        config = transformers.BertConfig(
            vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, initializer_range=0.5, **settings,
        )  # fmt: skip
        getattr(transformers, head)(config).save_pretrained(home)
        found[name] = home
    return found


def row(context=SOURCE, response=RESPONSE):
    texts = [Text(0, "context", "context", context), Text(0, "response", "response", response)]
    return batch_of(texts, [{"doc": 0}])


def checker(folders, name, **options):
    engine = {"consistency": "nli", "nameless": "nli"}.get(name, name)
    return build("hallucination", {"engine": engine, "model": str(folders[name]), **options})


@pytest.mark.parametrize("name", ["similarity", "nli", "consistency", "tokens"])
def test_scores_are_shares_that_can_be_made_again(folders, name):
    made = checker(folders, name)
    score = made.check(row()).scores["unsupported"][0]
    assert 0 <= score <= 1
    assert score == round(score, 4)
    assert checker(folders, name).check(row()).scores["unsupported"][0] == score
    assert score != build("hallucination", {}).check(row()).scores["unsupported"][0]


@pytest.mark.parametrize("name", ["similarity", "nli", "consistency", "tokens"])
def test_what_is_unsupported_is_marked_where_it_stands(folders, name):
    found = checker(folders, name, unsupported_threshold=0.0).check(row()).findings.to_pylist()
    spans = [(item["start"], item["end"]) for item in found if item["rule"] == "hallucination/unsupported"]
    if name == "tokens":
        assert all(0 <= low < high <= len(RESPONSE) for low, high in spans)
    else:
        assert [RESPONSE[low:high] for low, high in spans] == [
            "The mill burned down.",
            "The town library opened in 1911.",
        ]


@pytest.mark.parametrize("name", ["similarity", "nli", "tokens"])
def test_without_words_there_is_no_score(folders, name):
    assert np.isnan(checker(folders, name).check(row(response=" ... ")).scores["unsupported"][0])


def test_an_encoder_knows_a_copied_sentence(folders):
    score = checker(folders, "similarity").check(row(response="It was never rebuilt.")).scores["unsupported"][0]
    assert score == 0


def test_nli_takes_the_best_window_of_a_long_source(folders):
    """A source of many windows supports at least what its first window supports."""
    engine = checker(folders, "nli")._engine
    sentence = "The mill burned down."
    assert engine.doubt(SOURCE * 20, sentence) <= engine.doubt(SOURCE[:60], sentence)


def test_nli_against_the_network_itself(folders):
    """One window: the probability of the label entailment, computed apart."""
    import torch
    import transformers

    sentence = "The mill burned down."
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["nli"])
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folders["nli"]).eval()
    with torch.inference_mode():
        logits = network(**tokenizer("It was rebuilt.", sentence, return_tensors="pt"))[0].double()
    assert checker(folders, "nli")._engine.doubt("It was rebuilt.", sentence) == pytest.approx(
        1 - float(logits.softmax(dim=1)[0, 2]), abs=1e-4
    )


def test_a_response_too_long_for_the_network_has_no_support(folders):
    assert checker(folders, "tokens").check(row(response="mill " * 500)).scores["unsupported"][0] == 1


def test_files_are_named_with_their_hashes(folders):
    made = checker(folders, "nli")
    assert {path.rpartition("/")[2] for path in made.models()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert all(len(sha256) == 64 for sha256 in made.models().values())
    assert made.reads() == made.models()


def test_folders_that_cannot_be_read_are_explained(folders, tmp_path):
    with pytest.raises(ConfigError, match="no label for entailment; it has: a, b"):
        checker(folders, "nameless").check(row())
    with pytest.raises(MissingDependency, match=r"no config\.json"):
        build("hallucination", {"engine": "nli", "model": str(tmp_path)}).check(row())
    with pytest.raises(ConfigError, match="names the local folder"):
        build("hallucination", {"engine": "nli"})
    with pytest.raises(ConfigError, match="names the local folder"):
        build("hallucination", {"model": str(tmp_path)})


def test_a_pickle_is_not_opened(folders, tmp_path):
    """Weights in pytorch_model.bin alone are no weights."""
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((folders["nli"] / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch here'\ntR.")
    with pytest.raises(MissingDependency, match=r"no model\.safetensors"):
        build("hallucination", {"engine": "nli", "model": str(tmp_path)}).check(row())


def test_code_in_the_folder_is_not_run(folders, tmp_path):
    for path in folders["nli"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    assert (
        0
        <= build("hallucination", {"engine": "nli", "model": str(tmp_path)}).check(row()).scores["unsupported"][0]
        <= 1
    )


def test_the_entropy_of_meanings_in_groups(folders):
    texts = ["The mill burned down.", "The mill burned down.", "A town library opened."]
    rows = [Text(doc, "response", "response", text) for doc, text in enumerate(texts)]
    made = checker(folders, "similarity", clusters="meaning", same_meaning=0.999)
    batch = batch_of(rows, [{"doc": doc, "group": "q"} for doc in range(3)])
    split = made.merge(made.map(batch_of(rows[:1], [{"doc": 0, "group": "q"}])), made.map(batch_of([], [])))
    last = batch_of(rows[1:], [{"doc": doc, "group": "q"} for doc in (1, 2)])
    for state in (made.map(batch), made.merge(split, made.map(last))):
        outcome = made.finish(state, None, Context(3))
        docs, spread = outcome.scores["semantic_entropy"]
        assert docs.tolist() == [0, 1, 2]
        assert spread.tolist() == pytest.approx([0.5794] * 3)  # log2(3) - 2/3 bits of log2(3)
        found = [row for row in outcome.metrics if row.metric == "agreement_semantic_entropy"]
        assert [(row.value, row.denominator) for row in found] == [(pytest.approx(0.5794), 1)]
        assert sum(values.nbytes for values in state.values()) <= made.state_bytes(3)


def test_the_entropy_of_meanings_in_lists_of_samples(folders):
    made = checker(folders, "similarity", clusters="meaning", same_meaning=0.999)
    texts = ["The mill burned down.", "The mill burned down.", "A town library opened."]
    listed = [Text(0, f"samples[{n}]", "response", text) for n, text in enumerate(texts)]
    batch = batch_of([Text(0, "question", "prompt", "What?"), *listed], [{"doc": 0}])
    outcome = made.finish(made.map(batch), None, Context(1))
    docs, spread = outcome.scores["semantic_entropy"]
    assert (docs.tolist(), spread.tolist()) == ([0], [pytest.approx(0.5794)])


@pytest.mark.parametrize("name", ["similarity", "nli"])
def test_the_consistency_of_samples_by_a_network(folders, name):
    texts = ["The mill burned down.", "A town library opened.", "Fire destroyed the mill."]
    rows = [Text(0, f"samples[{n}]", "response", text) for n, text in enumerate(texts)]
    batch = batch_of([Text(0, "question", "prompt", "What?"), *rows], [{"doc": 0}])
    score = checker(folders, name).check(batch).scores["selfcheck"][0]
    assert 0 <= score <= 1
    assert score != build("hallucination", {}).check(batch).scores["selfcheck"][0]
