"""Round against round: which metrics of two runs differ by more than chance, and whether that is for the worse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auditkit.errors import EXIT_FAIL, EXIT_PASS, RunFolderError
from auditkit.findings import wilson
from auditkit.gates import Gate
from auditkit.policy import Policy
from auditkit.run_folder import read_manifest

CONFIDENCE = 0.95
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One metric in both runs. low and high: interval of `right - left`, null where a run gave none.

    status: up | down when the interval leaves out 0, `same` when it does not, `unknown` without an interval.
    """

    metric: str
    slice: str
    left: float | None
    right: float | None
    low: float | None
    high: float | None
    status: str
    verdict: str = ""

    @property
    def difference(self) -> float | None:
        """The value of the right run minus that of the left."""
        return None if self.left is None or self.right is None else self.right - self.left


def compare_runs(left: Path, right: Path, policy: str | None) -> tuple[list[Change], int]:
    """The changes from one run to the other, those that a gate of the policy watches first; and the exit code.

    Exit 1 when a watched metric moved for the worse by more than chance: up under a `max`, down under a `min`.
    """
    sides = [_metrics(run) for run in (left, right)]
    gates = {(*_named(gate.metric), gate.slice): gate for gate in (Policy.load(policy).gates if policy else ())}
    changes = [_change(key, sides[0].get(key), sides[1].get(key), gates.get(key)) for key in _keys(sides)]
    changes.sort(
        key=lambda change: (not change.verdict, change.status in ("same", "unknown"), change.metric, change.slice)
    )
    worse = any(change.verdict == "worse" for change in changes)
    return changes, EXIT_FAIL if worse else EXIT_PASS


def _metrics(run: Path) -> dict[Key, Mapping[str, Any]]:
    """The metrics of a finished run by checker, metric and slice."""
    read_manifest(run)
    try:
        rows = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunFolderError(f"{run}/metrics.json: cannot be read") from None
    return {(row["checker"], row["metric"], row["slice"] or ""): row for row in rows}


def _named(metric: str) -> tuple[str, str]:
    checker, _, name = metric.partition(".")
    return checker, name


def _keys(sides: Sequence[Mapping[Key, Any]]) -> Iterable[Key]:
    return sorted(
        {key for side in sides for key in side if any(one.get(key, {}).get("value") is not None for one in sides)}
    )


def _change(key: Key, left: Mapping[str, Any] | None, right: Mapping[str, Any] | None, gate: Gate | None) -> Change:
    before, after = (side["value"] if side else None for side in (left, right))
    low, high = interval_of_difference(left, right)
    status = "unknown" if low is None or high is None else "up" if low > 0 else "down" if high < 0 else "same"
    return Change(f"{key[0]}.{key[1]}", key[2], before, after, low, high, status, _judged(status, gate))


def _judged(status: str, gate: Gate | None) -> str:
    """worse, better or unchanged for a metric that a gate watches, else nothing."""
    if gate is None:
        return ""
    bad = "up" if gate.op == "max" else "down"
    return {"same": "unchanged", "unknown": "unknown"}.get(status, "worse" if status == bad else "better")


def interval_of_difference(
    left: Mapping[str, Any] | None, right: Mapping[str, Any] | None
) -> tuple[float | None, float | None]:
    """Interval of the difference from the intervals of both sides (Newcombe 1998, method 10; MOVER for other metrics).

    Shares take their Wilson intervals, computed from their counts; any other metric the interval that it was given.
    """
    if left is None or right is None or left["value"] is None or right["value"] is None:
        return None, None
    bounds = [_bounds(side) for side in (left, right)]
    if bounds[0] is None or bounds[1] is None:
        return None, None
    (low1, high1), (low2, high2) = bounds[0], bounds[1]
    p1, p2 = left["value"], right["value"]
    difference = p2 - p1
    down = ((p2 - low2) ** 2 + (high1 - p1) ** 2) ** 0.5
    up = ((high2 - p2) ** 2 + (p1 - low1) ** 2) ** 0.5
    return difference - down, difference + up


def _bounds(row: Mapping[str, Any]) -> tuple[float, float] | None:
    n, of = row["numerator"], row["denominator"]
    if n is not None and of and 0 <= n <= of and abs(n / of - row["value"]) < 1e-9 and float(n).is_integer():
        return wilson(int(n), int(of), confidence=CONFIDENCE)
    return None if row["low"] is None or row["high"] is None else (row["low"], row["high"])


def as_text(changes: Sequence[Change], *, everything: bool) -> str:
    """A line per change: what moved, and with `everything` also what did not."""
    from auditkit.text.safe import printable

    lines = []
    for one in changes:
        if everything or one.verdict or one.status in ("up", "down"):
            name = f"{one.metric}[{printable(one.slice)}]" if one.slice else one.metric
            interval = f" ({one.low:+.4g} to {one.high:+.4g})" if one.low is not None and one.high is not None else ""
            moved = f"{one.difference:+.4g}{interval}" if one.difference is not None else "only in one of the runs"
            lines.append(f"{one.verdict or one.status:<9}  {name}: {_shown(one.left)} -> {_shown(one.right)}, {moved}")
    return "\n".join(lines) or "no metric moved by more than chance"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def as_json(changes: Sequence[Change]) -> str:
    """All changes as JSON."""
    return json.dumps([asdict(change) for change in changes], indent=1)
