"""The experiment: does the gate help a model that learns from what it wrote?

A tiny transformer, trained here on the CPU, writes its own training data for four rounds, in arms that differ only in
what stands between writing and training. Every answer can be checked exactly, so that nothing has to be believed.

    tasks.py    what is learnt, and the exact answers
    model.py    the transformer; the one place that knows torch
    pool.py     the training mix
    gates.py    auditkit's own checkers, policies and tail weights between two rounds
    arms.py     the arms, and one seed of all rounds (read this first)
    measure.py  what a model can do after a round
    table.py    results.json, table.md, plot.svg
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from auditkit.errors import ConfigError
from auditkit.loop.experiment.arms import QUICK, Line, Scale, run_seed
from auditkit.loop.experiment.model import torch_of
from auditkit.loop.experiment.table import as_markdown, write
from auditkit.runners import get_runner


def main(seeds: int, out: Path, *, quick: bool) -> int:
    """Run seeds 0..seeds-1, write results.json, table.md and plot.svg into `out`, print the table; the exit code 0.

    A seed gives the same lines however many there are: each runs on one thread of a process of its own, for about
    120 CPU seconds, with `quick` 36. ConfigError for fewer than one seed or a file in the place of the folder,
    MissingDependency without torch.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds {seeds}: expected 1 or more")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out}: there is a file of this name; expected a folder")
    torch_of()
    out.mkdir(parents=True, exist_ok=True)
    lines = run(range(seeds), QUICK if quick else Scale())
    write(lines, out)
    sys.stdout.write(as_markdown(lines))
    return 0


def run(seeds: range, scale: Scale) -> list[Line]:
    """The lines of these seeds, in order of seed, arm and round."""
    runner = get_runner("processes", workers=min(len(seeds), os.cpu_count() or 1))
    done: dict[int, list[Line]] = {}
    for at, lines in runner(run_seed, [(seed, scale) for seed in seeds]):
        done[at] = lines
        if sys.stderr.isatty():
            sys.stderr.write(f"seed {seeds[at]} is done, {len(done)} of {len(seeds)}\n")
    return [line for at in sorted(done) for line in done[at]]
