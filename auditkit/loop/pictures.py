"""Pictures of a loop as inline SVG without text: a metric over rounds, and which round was made from which."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from auditkit.loop.trend import Trend
from auditkit.outputs.html.elements import Html, el

WIDTH, HEIGHT, EDGE = 200, 44, 8
NODE = 9


def slope(trend: Trend) -> Html:
    """The points of a metric with their intervals, joined by a line; the lowest bound is at the bottom."""
    points = trend.points
    lows = [point.value if point.low is None else point.low for point in points]
    highs = [point.value if point.high is None else point.high for point in points]
    bottom, top = min(lows), max(highs)
    room = (top - bottom) or abs(top) or 1.0
    first, last = points[0].round, points[-1].round

    def across(number: int) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * (number - first) / max(1, last - first)

    def up(value: float) -> float:
        return HEIGHT - EDGE / 2 - (HEIGHT - EDGE) * (value - bottom) / room

    shapes = [_line(across(a.round), up(a.value), across(b.round), up(b.value), "base")
              for a, b in pairwise(points)]  # fmt: skip
    for point, low, high in zip(points, lows, highs, strict=True):
        at = across(point.round)
        shapes += [_line(at, up(low), at, up(high), "whisker"), _dot(at, up(point.value), "dot")]
    values = ", ".join(f"round {point.round}: {point.value:.4g}" for point in points)
    return _picture(f"{trend.metric} over rounds: {values}", HEIGHT, *shapes)


def lineage(rounds: Sequence[tuple[int, Sequence[int]]]) -> Html:
    """Rounds as dots from left to right; a line from the round before, an arc from each other parent."""
    base = EDGE + 4 * len(rounds) + NODE
    step = (WIDTH - 2 * EDGE - 2 * NODE) / max(1, len(rounds) - 1)
    at = {number: EDGE + NODE + step * place for place, (number, _) in enumerate(rounds)}
    edges = []
    for number, parents in rounds:
        for parent in parents:
            if parent in at:
                rise = 0 if parent == number - 1 else 8 * (number - parent)
                middle = (at[parent] + at[number]) / 2
                path = f"M {at[parent]:.1f} {base} Q {middle:.1f} {base - rise} {at[number]:.1f} {base}"
                edges.append(el("path", d=path, class_="whisker", fill="none"))
    dots = [_dot(x, base, "dot", size=4) for x in at.values()]
    said = "; ".join(
        f"round {number} from {', '.join(map(str, parents)) or 'the real data'}" for number, parents in rounds
    )
    return _picture(said, base + NODE, *edges, *dots)


def _picture(label: str, height: float, *shapes: Html) -> Html:
    return el("svg", *shapes, viewBox=f"0 0 {WIDTH} {height:g}", class_="chart rounds", role="img", aria_label=label)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return el("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def _dot(x: float, y: float, class_: str, *, size: float = 2.5) -> Html:
    return el("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{size:g}", class_=class_)
