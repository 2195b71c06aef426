"""A transformers model in a folder is sampled from and fine-tuned; made here, tiny, without any download."""

from __future__ import annotations

import json

import pytest

from auditkit.errors import InputError
from auditkit.loop.protocols import Ask, Sample, TrainingSet

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

WORDS = ["<pad>", "<end>", "say", "red", "green", "blue", "please", "now"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of 8 words and 20,000 weights with random values."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    path = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")
    wrapped.save_pretrained(path)
    torch.manual_seed(0)
    shape = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=32, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(shape).save_pretrained(path)
    return path


def test_samples_come_with_their_log_probability_and_seed(folder):
    from auditkit.loop.local_model import LocalModel

    model = LocalModel(folder, max_tokens=6)
    asks = [Ask("a", "say red", n=3, temperature=1.0, seed=5), Ask("b", "say blue", n=2, temperature=1.0, seed=6)]
    found = list(model.sample(asks, model=""))
    assert [(one.prompt, one.number) for one in found] == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]
    assert all(isinstance(one, Sample) and (one.logprob is None or one.logprob < 0) for one in found)
    assert {one.finish for one in found} <= {"stop", "length"}
    assert list(model.sample(asks[::-1], model=""))[2:] == found[:3]
    assert json.dumps(dict(model.describe()))


def test_fine_tuning_teaches_what_the_rows_say(folder, tmp_path):
    """Loss on answers alone: after some epochs the model answers each question as the rows do."""
    from auditkit.loop.local_model import FineTune, LocalModel

    rows = [{"prompt": f"say {word}", "response": f"{word} please"} for word in ("red", "green", "blue")] * 16
    training = TrainingSet(tmp_path, rows, "", 1, seed=1)
    trainer = FineTune(folder, epochs=30, batch_size=16, learning_rate=1e-2, max_length=16)
    trained = trainer.train(training, tmp_path / "model")
    asks = [Ask(word, f"say {word}", n=1, temperature=0.0) for word in ("red", "green", "blue")]
    found = {one.prompt: one.text for one in LocalModel(folder, max_tokens=4).sample(asks, model=trained)}
    assert found == {word: f"{word} please" for word in ("red", "green", "blue")}


def test_a_folder_without_a_model_is_told(tmp_path):
    from auditkit.loop.local_model import LocalModel

    with pytest.raises(InputError, match="no causal language model"):
        list(LocalModel(tmp_path).sample([Ask("a", "b")], model=""))


def test_the_loop_opens_it_by_its_settings(tmp_path, folder):
    from auditkit.loop.generators import generator_of
    from auditkit.loop.local_model import FineTune, LocalModel
    from auditkit.loop.settings import load
    from auditkit.loop.trainers import trainer_of

    (tmp_path / "seed.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "loop.toml").write_text(
        'version = 1\n[reference]\nfiles = ["seed.jsonl"]\n[prompts]\nfiles = ["seed.jsonl"]\n'
        f'[generator]\nkind = "transformers"\nmodel = "{folder}"\n'
        f'[trainer]\nkind = "transformers"\nmodel = "{folder}"\nepochs = 2\n'
    )
    loop = load(tmp_path / "loop.toml")
    assert isinstance(generator_of(loop, tmp_path), LocalModel)
    trainer = trainer_of(loop)
    assert isinstance(trainer, FineTune)
    assert trainer.epochs == 2
