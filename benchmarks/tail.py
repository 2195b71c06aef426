"""How much of the tail is left after four rounds of sharpened sampling, by the way in which it is held on to.

    python benchmarks/tail.py [FILE.md]

Texts of six words from Zipf's law over 150 words; each round samples 1,500 texts at temperature 0.8 from the shares of
everything kept so far, and adds them. No model is trained: the shares are the model. Five seeds; mean and spread.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from auditkit.loop.tail import rarity, ratio_weights, refill, resampled, tail_mass, tail_weights

WORDS, TEXTS, LENGTH, ROUNDS, TEMPERATURE, SEEDS = 150, 1500, 6, 4, 0.8, 5


def drawn(shares: np.ndarray, chooser: np.random.Generator) -> list[str]:
    rows = chooser.choice(WORDS, (TEXTS, LENGTH), p=shares)
    return [" ".join(f"w{word}" for word in row) for row in rows]


def shares_of(texts: list[str], *, power: float = 1.0) -> np.ndarray:
    counts = np.bincount([int(word[1:]) for text in texts for word in text.split()], minlength=WORDS)
    shares = (counts + 0.1) ** power
    return shares / shares.sum()


def entropy(texts: list[str]) -> float:
    shares = shares_of(texts)
    return float(-(shares * np.log2(shares)).sum())


def one(way: str, seed: int) -> tuple[float, float, float, int]:
    chooser = np.random.default_rng(seed)
    zipf = 1 / np.arange(1, WORDS + 1)
    reference = drawn(zipf / zipf.sum(), chooser)
    known, pool = rarity(reference), list(reference)
    for turn in range(ROUNDS):
        new = drawn(shares_of(pool, power=1 / TEMPERATURE), chooser)
        if way in ("bands", "ratio"):
            weights = (tail_weights if way == "bands" else ratio_weights)(known, new)
            new = [new[place] for place in resampled(weights, len(new), seed=turn)]
        elif way == "refill":
            new += [reference[place] for place in refill(reference, pool + new)]
        pool += new
    return tail_mass(known, pool).ratio, entropy(pool), entropy(reference), len(pool)


def main() -> None:
    lines = ["# The tail after four rounds", "", "Made by `python benchmarks/tail.py benchmarks/results/tail.md`.", "",
             "| way | tail left | entropy, bits | of the reference | texts |", "|---|---|---|---|---|"]  # fmt: skip
    for way in ("nothing", "ratio", "refill", "bands"):
        rows = np.array([one(way, seed) for seed in range(SEEDS)])
        left, bits, before, texts = rows.mean(axis=0)
        lines.append(f"| {way} | {left:.2f} ± {rows[:, 0].std():.2f} | {bits:.2f} | {before:.2f} | {texts:,.0f} |")
    text = "\n".join(lines) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
