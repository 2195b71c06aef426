"""A causal language model in a local folder (transformers): sampled from, and fine-tuned. Small models, one process.

The only module of the loop that imports torch and transformers; folders are read from the disk alone, code in them is
never run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from auditkit.errors import InputError, MissingDependency
from auditkit.loop.protocols import Ask, Sample, TrainingSet, Unanswered

IGNORED = -100  # the label that cross_entropy of torch leaves out
WARM_UP_SHARE = 0.05
MOST_NORM = 1.0


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingDependency(
            f"a local model needs {error.name}: pip install 'auditkit[detoxify]', or use an endpoint"
        ) from None
    return torch, transformers


@cache
def _opened(folder: str) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder; InputError when it holds none."""
    _, transformers = _libraries()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError):
        raise InputError(folder, "no causal language model that transformers can read is in this folder") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def _shown(tokenizer: Any, prompt: str) -> str:
    """The prompt as the model expects it: by its chat template where it has one, else as it is with a line end."""
    if getattr(tokenizer, "chat_template", None):
        messages = [{"role": "user", "content": prompt}]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return f"{prompt}\n"


@dataclass(frozen=True)
class LocalModel:
    """Samples from a model folder. The same ask gives the same samples on the same machine and versions."""

    folder: Path
    max_tokens: int = 512

    def describe(self) -> Mapping[str, object]:
        """The folder's name and the parameters."""
        return {"kind": "transformers", "model": self.folder.name, "max_tokens": self.max_tokens}

    def sample(self, asks: Sequence[Ask], *, model: str) -> Iterator[Sample | Unanswered]:
        """All samples of one ask at a time; logprob is the mean over the answer's tokens."""
        torch, _ = _libraries()
        network, tokenizer = _opened(model or str(self.folder))
        network.eval()
        for ask in asks:
            torch.manual_seed(ask.seed)
            given = tokenizer(_shown(tokenizer, ask.text), return_tensors="pt")
            with torch.no_grad():
                made = network.generate(**given, **self._how(ask, tokenizer))
            start = given["input_ids"].shape[1]
            logits = torch.stack(made.logits, dim=1)
            for number, tokens in enumerate(made.sequences[:, start:]):
                yield _sample(ask, number, tokens, logits[number], tokenizer)

    def _how(self, ask: Ask, tokenizer: Any) -> dict[str, object]:
        how: dict[str, object] = {
            "max_new_tokens": self.max_tokens, "num_return_sequences": ask.n, "do_sample": ask.temperature > 0,
            "pad_token_id": tokenizer.pad_token_id, "return_dict_in_generate": True, "output_logits": True,
        }  # fmt: skip
        if ask.temperature > 0:
            return how | {"temperature": ask.temperature, "top_k": 0, "top_p": 1.0}
        return how | {"num_return_sequences": 1}


def _sample(ask: Ask, number: int, tokens: Any, logits: Any, tokenizer: Any) -> Sample:
    ends = (tokens == tokenizer.eos_token_id).nonzero()
    n = int(ends[0]) if len(ends) else len(tokens)
    logprob = None
    if n:
        chosen = logits[:n].log_softmax(-1).gather(-1, tokens[:n, None])
        logprob = round(float(chosen.mean()), 4)
    text = tokenizer.decode(tokens[:n], skip_special_tokens=True).strip()
    return Sample(ask.prompt, ask.first + number, text, logprob, "stop" if len(ends) else "length")


@dataclass(frozen=True)
class FineTune:
    """Fine-tunes a model folder on the training set: loss on answers alone, AdamW, warm-up and cosine decay.

    fresh: every round from `folder`, else from the model that was sampled. All in one process and full precision: meant
    for small models and for trying a loop out.
    """

    folder: Path
    epochs: int = 1
    batch_size: int = 8
    learning_rate: float = 5e-5
    max_length: int = 512
    fresh: bool = True

    def describe(self) -> Mapping[str, object]:
        """The folder's name and the parameters."""
        names = ("epochs", "batch_size", "learning_rate", "max_length", "fresh")
        return {"kind": "transformers", "model": self.folder.name} | {name: getattr(self, name) for name in names}

    def train(self, training: TrainingSet, out: Path) -> str:
        """Writes model and tokenizer into `out`; its path is the id."""
        torch, _ = _libraries()
        torch.manual_seed(training.seed)
        start = str(self.folder) if self.fresh or not training.model else training.model
        network, tokenizer = _opened.__wrapped__(start)
        network.train()
        examples = [self._example(tokenizer, row) for row in training.rows]
        n_steps = max(1, self.epochs * math.ceil(len(examples) / self.batch_size))
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate)
        chooser = torch.Generator().manual_seed(training.seed)
        step = 0
        for _ in range(self.epochs):
            order = torch.randperm(len(examples), generator=chooser).tolist()
            for first in range(0, len(order), self.batch_size):
                batch = _batch(torch, [examples[at] for at in order[first : first + self.batch_size]], tokenizer)
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate * _pace(step / n_steps)
                loss = network(**batch).loss
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), MOST_NORM)
                optimizer.step()
                step += 1
        network.save_pretrained(out, safe_serialization=True)
        tokenizer.save_pretrained(out)
        return str(out)

    def _example(self, tokenizer: Any, row: Mapping[str, object]) -> tuple[list[int], int]:
        """(tokens, how many of them are the prompt) of a row, the answer's end kept within max_length."""
        prompt = tokenizer(_shown(tokenizer, str(row["prompt"])))["input_ids"] if row["prompt"] else []
        answer = tokenizer(str(row["response"]), add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        answer = answer[: self.max_length]
        prompt = prompt[-(self.max_length - len(answer)) :] if len(answer) < self.max_length else []
        return prompt + answer, len(prompt)


def _pace(done: float) -> float:
    """Share of the learning rate: a linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""
    return min(1.0, (done + 1e-3) / WARM_UP_SHARE) * (0.5 + 0.5 * math.cos(math.pi * done))


def _batch(torch: Any, examples: Sequence[tuple[list[int], int]], tokenizer: Any) -> dict[str, Any]:
    """Padded tokens, mask and labels; prompt and padding are not learned."""
    width = max(len(tokens) for tokens, _ in examples)
    rows, masks, labels = [], [], []
    for tokens, n_prompt in examples:
        padding = width - len(tokens)
        rows.append(tokens + [tokenizer.pad_token_id] * padding)
        masks.append([1] * len(tokens) + [0] * padding)
        labels.append([IGNORED] * n_prompt + tokens[n_prompt:] + [IGNORED] * padding)
    return {
        "input_ids": torch.tensor(rows), "attention_mask": torch.tensor(masks), "labels": torch.tensor(labels),
    }  # fmt: skip
