"""`gate --plant N`: proof that the checkers were awake, on faults whose place is known."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from auditkit.audit import audit
from auditkit.demo.corpus import CORPUS, PLANTED, write_corpus
from auditkit.demo.measure import KINDS, Kind
from auditkit.findings import Metric, share
from auditkit.policy import Policy

MIN_ROWS = 200  # the smallest corpus that the planting writes
ROWS_PER_FAULT = 5  # about a fifth of its rows have a planted fault
TOLERANT = 1.0  # its unreadable lines are planted too


def witness(n_faults: int) -> Callable[[Policy], Sequence[Metric]]:
    """A function that plants about so many faults beside the corpus and gives the recall of each kind as metrics.

    The planted rows are a corpus of their own, audited by the same policy; they are in no table and no output of the
    run. Metric `planted.recall`, slice = kind of fault, for the kinds that a checker of the policy looks for;
    slice = checker for all faults of one checker together.
    """

    def look(policy: Policy) -> Sequence[Metric]:
        with tempfile.TemporaryDirectory(prefix="auditkit-") as folder:
            write_corpus(Path(folder), n_rows=max(MIN_ROWS, n_faults * ROWS_PER_FAULT))
            own = replace(policy, fields={}, gates=(), corpus=replace(policy.corpus, max_quarantined=TOLERANT))
            result = audit(Path(folder) / CORPUS, own)
            columns = (result.findings[name].to_pylist() for name in ("rule", "row"))
            found = [(rule, row) for rule, row in zip(*columns, strict=True) if row is not None]
            return _recalls(policy, found, (Path(folder) / PLANTED).read_text(encoding="utf-8"))

    return look


def _recalls(policy: Policy, found: list[tuple[str, int]], planted: str) -> list[Metric]:
    """Recall of each kind, then of each checker."""
    labels = [json.loads(line) for line in planted.splitlines()]
    metrics: list[Metric] = []
    sums: dict[str, tuple[int, int]] = {}
    for kind in KINDS:
        checker = _checker(kind)
        rows = {label["row"] for label in labels if label["kind"] == kind.name}
        if checker not in policy.checkers or not rows:
            continue
        hits = rows & {row for rule, row in found if rule.startswith(kind.rules)}
        metrics.append(share("planted", "recall", len(hits), len(rows), slice=kind.name))
        n_found, n_planted = sums.get(checker, (0, 0))
        sums[checker] = (n_found + len(hits), n_planted + len(rows))
    return [*metrics, *(share("planted", "recall", n, of, slice=name) for name, (n, of) in sums.items())]


def _checker(kind: Kind) -> str:
    """The checker whose rules find this kind."""
    return kind.rules[0].partition("/")[0]
