"""Round against the round before and against round 0: a ratchet, since both have the same bound.

A step that stays within the tolerance passes against the round before; when such steps add up, round 0 says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from auditkit.compare import interval_of_difference
from auditkit.loop.measure import named
from auditkit.loop.tables import Drift

Metrics = Mapping[tuple[str, str], Mapping[str, object]]


@dataclass(frozen=True)
class Moved:
    """One metric against an earlier round. status: pass | fail | undecided.

    low, high: 95 % bounds of the difference.
    """

    metric: str
    slice: str
    against: int
    before: float | None
    now: float | None
    low: float | None
    high: float | None
    tolerance: float
    worse: str
    on_undecided: str
    status: str

    @property
    def fails(self) -> bool:
        """Whether it stops the round."""
        return self.status == "fail" or (self.status == "undecided" and self.on_undecided == "fail")

    def sentence(self) -> str:
        """For people."""
        name = f"{self.metric}[{self.slice}]" if self.slice else self.metric
        if self.before is None or self.now is None:
            return f"{name} against round {self.against}: nothing was there to measure it on: undecided"
        moved = self.now - self.before
        shown = f" ({self.low:+.4g} to {self.high:+.4g})" if self.low is not None and self.high is not None else ""
        return (
            f"{name} against round {self.against}: {self.before:.4g} to {self.now:.4g}, {moved:+.4g}{shown}, "
            f"tolerance {self.tolerance:g} {self.worse}: {self.status}"
        )

    def as_dict(self) -> dict[str, object]:
        """As in round.json."""
        return asdict(self)


def by_name(rows: Iterable[Mapping[str, object]]) -> dict[tuple[str, str], Mapping[str, object]]:
    """The metrics of a round by (stage.checker.metric, slice)."""
    return {named(row): row for row in rows}


def drifted(bounds: Sequence[Drift], now: Metrics, earlier: Sequence[Metrics]) -> list[Moved]:
    """Every bound against the last of the earlier rounds and against the first that has the metric, once if the same.

    earlier: the metrics of rounds 0, 1, ...; a metric that no earlier round has is not compared.
    """
    found = []
    for bound in bounds:
        for slice_ in _slices(bound, [now, *earlier]):
            name = (bound.metric, slice_)
            having = [number for number, one in enumerate(earlier) if _value(one.get(name)) is not None]
            for number in dict.fromkeys([*having[-1:], *having[:1]]):
                found.append(_moved(bound, slice_, number, earlier[number][name], now.get(name)))
    return found


def _slices(bound: Drift, rounds: Sequence[Metrics]) -> list[str]:
    if bound.slice != "*":
        return [bound.slice]
    return sorted({slice_ for one in rounds for metric, slice_ in one if metric == bound.metric})


def _value(row: Mapping[str, object] | None) -> float | None:
    value = row["value"] if row else None
    return float(value) if isinstance(value, int | float) else None


def _moved(
    bound: Drift, slice_: str, number: int, before: Mapping[str, object], now: Mapping[str, object] | None
) -> Moved:
    old, new = _value(before), _value(now)
    low, high = interval_of_difference(before, now)
    status = _status(bound, old, new, low, high)
    return Moved(
        bound.metric, slice_, number, old, new, low, high, bound.tolerance, bound.worse, bound.on_undecided, status
    )


def _status(bound: Drift, old: float | None, new: float | None, low: float | None, high: float | None) -> str:
    """Fail when all of the interval lies beyond the tolerance, pass when none of it does; else undecided."""
    if old is None or new is None:
        return "undecided"
    bottom, top = (new - old, new - old) if low is None or high is None else (low, high)
    beyond = {"up": (bottom, top), "down": (-top, -bottom), "away": _away(bottom, top)}[bound.worse]
    if beyond[0] > bound.tolerance:
        return "fail"
    return "pass" if beyond[1] <= bound.tolerance else "undecided"


def _away(bottom: float, top: float) -> tuple[float, float]:
    """The least and the most that a difference between these bounds is away from 0."""
    least = 0.0 if bottom <= 0 <= top else min(abs(bottom), abs(top))
    return least, max(abs(bottom), abs(top))
