"""How a metric moves over rounds: its points with intervals, and a straight line through them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditkit.loop.drift import Metrics

Z = 1.96  # of the 95 % intervals in metrics.json


@dataclass(frozen=True)
class Point:
    """A metric in one round. low and high: its interval, null where it has none."""

    round: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Trend:
    """A metric over rounds. slope: change per round with its 95 % interval, null where the points have none."""

    metric: str
    slice: str
    points: tuple[Point, ...]
    slope: float
    low: float | None
    high: float | None

    @property
    def moves(self) -> bool:
        """Whether the interval of the slope leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def trends(rounds: Mapping[int, Metrics]) -> list[Trend]:
    """Every metric that two rounds or more have, by name and slice. rounds: number -> its metrics by (name, slice)."""
    names = sorted({name for metrics in rounds.values() for name in metrics})
    found = []
    for name in names:
        points = tuple(_points(name, rounds))
        if len(points) >= 2:
            slope, low, high = _line(points)
            found.append(Trend(*name, points, slope, low, high))
    return found


def _points(name: tuple[str, str], rounds: Mapping[int, Metrics]) -> list[Point]:
    found = []
    for number in sorted(rounds):
        row = rounds[number].get(name)
        if row is not None and isinstance(row["value"], int | float):
            low, high = (float(side) if isinstance(side, int | float) else None for side in (row["low"], row["high"]))
            found.append(Point(number, float(row["value"]), low, high))
    return found


def _line(points: Sequence[Point]) -> tuple[float, float | None, float | None]:
    """(slope, low, high) by weighted least squares, each point counting by its interval (Aitken 1936).

    Without intervals all points count the same and the slope has none. An interval of width 0 counts as a very small
    one, so that a number without error does not make the others worthless.
    """
    known = [(point.high - point.low) / (2 * Z) for point in points if point.low is not None and point.high is not None]
    errors = [max(error, 1e-9 * (1 + abs(point.value))) for error, point in zip(known, points, strict=False)]
    weights = [error**-2 for error in errors] if len(known) == len(points) else [1.0] * len(points)
    total = math.fsum(weights)
    middle = math.fsum(weight * point.round for weight, point in zip(weights, points, strict=True)) / total
    mean = math.fsum(weight * point.value for weight, point in zip(weights, points, strict=True)) / total
    spread = math.fsum(weight * (point.round - middle) ** 2 for weight, point in zip(weights, points, strict=True))
    moved = math.fsum(
        weight * (point.round - middle) * (point.value - mean) for weight, point in zip(weights, points, strict=True)
    )
    slope = moved / spread
    if len(known) < len(points):
        return slope, None, None
    return slope, slope - Z * spread**-0.5, slope + Z * spread**-0.5
