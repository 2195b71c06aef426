"""A transformer of two layers on the CPU: the one place of the experiment that imports torch.

A model is a dictionary of tensors; the same seed gives the same numbers on the same machine, since every draw has a
generator of its own and one thread does all the work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import EXIT_USAGE, MissingDependency
from auditkit.loop.experiment.pool import Batch
from auditkit.loop.experiment.tasks import LENGTH, LENGTHS, PAD, PROMPT_TOKENS, VOCABULARY, Rows

WIDTH, LAYERS, HEADS = 64, 2, 4
LEARNING_RATE, WARM_UP_STEPS, FLOOR = 2e-3, 20, 0.02
BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.05
Model = dict[str, Any]


def torch_of() -> Any:
    """The module torch. MissingDependency with exit code 2 without the extra."""
    try:
        import torch
    except ImportError:
        error = MissingDependency("the experiment trains a model, and torch is not there: pip install 'auditkit[loop]'")
        error.exit_code = EXIT_USAGE
        raise error from None
    return torch


def one_thread() -> None:
    """From here on this process computes on one thread, and by deterministic algorithms alone."""
    torch = torch_of()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing reads it, and it costs a tenth of the time


def new_model(seed: int) -> Model:
    """Untrained weights: normal with deviation .05, gains 1, biases 0."""
    torch = torch_of()
    draw = torch.Generator().manual_seed(seed)
    shapes = {"token": (len(VOCABULARY), WIDTH), "place": (LENGTH, WIDTH)}
    for layer in range(LAYERS):
        shapes |= {f"qkv{layer}": (3 * WIDTH, WIDTH), f"out{layer}": (WIDTH, WIDTH)}
        shapes |= {f"up{layer}": (4 * WIDTH, WIDTH), f"down{layer}": (WIDTH, 4 * WIDTH)}
    model: Model = {name: torch.randn(shape, generator=draw) * 0.05 for name, shape in shapes.items()}
    for layer in range(LAYERS):
        for name, size in (("qkv", 3), ("out", 1), ("up", 4), ("down", 1)):
            model[f"{name}{layer}_bias"] = torch.zeros(size * WIDTH)
        model |= {f"gain{layer}{half}": torch.ones(WIDTH) for half in "ab"}
        model |= {f"shift{layer}{half}": torch.zeros(WIDTH) for half in "ab"}
    return model | {"gain": torch.ones(WIDTH), "shift": torch.zeros(WIDTH)}


def copied(model: Model) -> Model:
    """The same weights in tensors of their own."""
    return {name: tensor.clone() for name, tensor in model.items()}


def _logits(model: Model, tokens: Any, cache: list[Any] | None = None) -> Any:
    """float32[rows, tokens, vocabulary]. cache: keys and values of the tokens before, grown by these."""
    f = torch_of().nn.functional
    start = cache[0][0].shape[2] if cache and cache[0] is not None else 0
    x = model["token"][tokens] + model["place"][start : start + tokens.shape[1]]
    for layer in range(LAYERS):
        x = x + _attended(model, x, layer, cache)
        hidden = f.layer_norm(x, (WIDTH,), model[f"gain{layer}b"], model[f"shift{layer}b"])
        hidden = f.relu(f.linear(hidden, model[f"up{layer}"], model[f"up{layer}_bias"]))
        x = x + f.linear(hidden, model[f"down{layer}"], model[f"down{layer}_bias"])
    return f.linear(f.layer_norm(x, (WIDTH,), model["gain"], model["shift"]), model["token"])


def _attended(model: Model, x: Any, layer: int, cache: list[Any] | None) -> Any:
    """Causal attention of one layer."""
    torch = torch_of()
    f = torch.nn.functional
    rows, n, _ = x.shape
    hidden = f.layer_norm(x, (WIDTH,), model[f"gain{layer}a"], model[f"shift{layer}a"])
    mixed = f.linear(hidden, model[f"qkv{layer}"], model[f"qkv{layer}_bias"])
    query, key, value = mixed.view(rows, n, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
    causal = True
    if cache is not None:
        if cache[layer] is not None:
            key, value = torch.cat([cache[layer][0], key], 2), torch.cat([cache[layer][1], value], 2)
            causal = False  # one new token may see all
        cache[layer] = (key, value)
    seen = f.scaled_dot_product_attention(query, key, value, is_causal=causal and n > 1)
    seen = seen.transpose(1, 2).reshape(rows, n, WIDTH)
    return f.linear(seen, model[f"out{layer}"], model[f"out{layer}_bias"])


def train(model: Model, batches: Iterable[Batch], steps: int) -> None:
    """Train in place on so many batches: AdamW, a short warm-up, cosine down to FLOOR of the rate."""
    torch = torch_of()
    for tensor in model.values():
        tensor.requires_grad_(True)
    decayed = {"lr": LEARNING_RATE, "betas": BETAS, "weight_decay": WEIGHT_DECAY, "fused": True}
    optimizer = torch.optim.AdamW(list(model.values()), **decayed)
    for step, batch in enumerate(batches):
        falling = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * falling * min(1.0, (step + 1) / WARM_UP_STEPS)
        loss = _loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for tensor in model.values():
        tensor.requires_grad_(False)
        tensor.grad = None


def _loss(model: Model, batch: Batch) -> Any:
    """Mean cross-entropy over the tokens of all answers; prompts teach nothing.

    Tasks of one length go through the model together: short rows are not padded to the longest.
    """
    torch = torch_of()
    logits, wanted = [], []
    for length in sorted({LENGTHS[task] for task in batch}):
        alike = [task for task in batch if LENGTHS[task] == length]
        tokens = torch.from_numpy(np.concatenate([batch[task] for task in alike]))
        starts = np.repeat([PROMPT_TOKENS[task] for task in alike], [len(batch[task]) for task in alike])
        answers = torch.from_numpy(np.arange(1, length)[None, :] >= starts[:, None])
        logits.append(_logits(model, tokens[:, :-1])[answers])
        wanted.append(tokens[:, 1:][answers])
    return torch.nn.functional.cross_entropy(torch.cat(logits), torch.cat(wanted))


def continued(model: Model, prompts: Rows, n: int, *, temperature: float, seed: int) -> Rows:
    """The prompts, all of one length, each with n more tokens; temperature 0 takes the likeliest."""
    torch = torch_of()
    draw = torch.Generator().manual_seed(seed)
    done: Rows = []
    with torch.inference_mode():
        for at in range(0, len(prompts), 2048):
            rows = torch.tensor(prompts[at : at + 2048])
            new, cache = rows, [None] * LAYERS
            for _ in range(n):
                logits = _logits(model, new, cache)[:, -1]
                logits[:, PAD] = -math.inf
                if temperature == 0:
                    new = logits.argmax(-1, keepdim=True)
                else:
                    new = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=draw)
                rows = torch.cat([rows, new], 1)
            done += rows.tolist()
    return done


def next_shares(model: Model, prompts: Rows) -> NDArray[np.float64]:
    """float64[prompts, vocabulary]: probability of each token after each prompt."""
    torch = torch_of()
    with torch.inference_mode():
        logits = _logits(model, torch.tensor(prompts))[:, -1]
        shares: NDArray[np.float64] = torch.softmax(logits.double(), -1).numpy()
    return shares
