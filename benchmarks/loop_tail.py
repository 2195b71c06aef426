"""Ways to keep the tail of a corpus over four rounds of self-training, side by side.

    python benchmarks/loop_tail.py [--seeds 2]

The experiment's own model, seed corpus, checkers and measures (auditkit/loop/experiment); only what happens to stories
between the gate and training differs. All ways estimate what is rare from the reference corpus, none from the true
shares. Prints a table in markdown: share of the seed model's tail and of its entropy that is left after each round.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from statistics import fmean

from auditkit.loop.experiment import gates
from auditkit.loop.experiment.arms import ARMS, SAMPLES, Arm, Scale, run_seed
from auditkit.loop.experiment.pool import Mix, evenly
from auditkit.loop.experiment.tasks import Rows
from auditkit.runners import get_runner

CAP = 1.1
"""No word may be more than so many times its share of the reference: the way of the first prototype (66 % kept)."""


def by_cap(reference: Rows, rows: Rows) -> Mix:
    """Stories rich in rare words first, while no word of them is over its cap; the others are rejected."""
    known = Counter(word for row in reference for word in row[1:])
    total = known.total()
    limits = {word: CAP * count / total * len(rows) * (len(rows[0]) - 1) for word, count in known.items()}
    used: Counter[int] = Counter()
    kept = []
    for row in sorted(rows, key=lambda row: sum(known[word] for word in row[1:])):
        if all(used[word] + 1 <= limits.get(word, 0) + 1 for word in row[1:]):
            kept.append(row)
            used.update(row[1:])
    return evenly(kept)


KEEP = partial(gates.audited, policy=gates.ALL_GATES)
WAYS = {
    "no gate": Arm("no gate", gates.ungated),
    "all checkers, nothing for the tail": Arm("checkers", KEEP, SAMPLES, weigh=gates.as_they_are),
    "heads over 1.1 x their share rejected": Arm("cap", KEEP, SAMPLES, weigh=by_cap),
    "weights by mean ratio of shares (`ratio_weights`)": Arm("ratio", KEEP, SAMPLES, weigh=gates.by_ratio),
    "weights by every word's share (raking)": Arm("words", KEEP, SAMPLES, weigh=gates.by_words),
    "real stories rich in rare words again (`refill`)": Arm("refill", KEEP, SAMPLES, weigh=gates.by_refill),
    "weights by bands of rarity (`tail_weights`)": Arm("bands", KEEP, SAMPLES, weigh=gates.by_bands),
    "temperature 1 in place of 0.8, no weights": Arm("hot", KEEP, SAMPLES, weigh=gates.as_they_are, temperature=1.0),
    "temperature 1 and weights by bands": Arm("hot bands", KEEP, SAMPLES, weigh=gates.by_bands, temperature=1.0),
    "replace, nothing for the tail": Arm("replace", KEEP, SAMPLES, accumulate=False, weigh=gates.as_they_are),
    "replace, weights by bands": Arm("replace bands", KEEP, SAMPLES, accumulate=False, weigh=gates.by_bands),
}
SCALE = Scale(
    prompts={"sort": 24, "add": 24, "job": 120, "story": 1500},
    n_problems=20,
    n_stories=8000,
    arms=tuple(arm.name for arm in WAYS.values()),
)


def one_seed(seed: int) -> list[dict[str, object]]:
    ARMS.update({arm.name: arm for arm in WAYS.values()})
    return run_seed((seed, SCALE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = parser.parse_args().seeds
    lines = [line for _, found in sorted(get_runner("processes", workers=2)(one_seed, range(seeds))) for line in found]
    print(f"Mean over {seeds} seeds; tail and entropy as shares of the seed model's.\n")
    print("| way | tail 1 | tail 2 | tail 3 | tail 4 | entropy 4 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way, arm in WAYS.items():
        tail = [left(lines, arm.name, "tail_mass", at) for at in range(1, SCALE.rounds + 1)]
        entropy = left(lines, arm.name, "entropy", SCALE.rounds)
        print(f"| {way} | {' | '.join(f'{share:.3f}' for share in tail)} | {entropy:.3f} |")


def left(lines: list[dict[str, object]], arm: str, measure: str, at: int) -> float:
    values = {(line["seed"], line["round"]): float(str(line[measure])) for line in lines if line["arm"] == arm}
    return fmean(values[seed, at] / values[seed, 0] for seed, number in values if number == 0)


if __name__ == "__main__":
    main()
