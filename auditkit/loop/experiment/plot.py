"""The picture: four measures over the rounds, a line per arm, mean over seeds.

Without colour the regime is told by the dashes and the gate by its first letter at the end of the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from auditkit.loop.experiment.arms import Line

PANELS = ("accuracy", "stereotype", "tail_mass", "entropy")
COLOURS = {"ungated": "#b3402a", "agreement": "#8a6d00", "gated": "#00629b", "verifier": "#3b7d3b", "seed": "#666666"}
DASHES = {"accumulate": "", "replace": "5 3", "only": "1 3"}
WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 330, 220, 50, 30, 60
Point = tuple[float, float]


def plot(lines: Sequence[Line]) -> str:
    """A standalone SVG: accumulate is solid, replace is dashed, seed only is dotted; the legend stands below."""
    arms = list(dict.fromkeys(str(line["arm"]) for line in lines))
    shapes = [shape for at, measure in enumerate(PANELS) for shape in _panel(lines, arms, measure, *_corner(at))]
    below = _corner(2)[1] + HEIGHT + BETWEEN
    shapes += [
        shape for at, arm in enumerate(arms) for shape in _key(arm, LEFT + 240 * (at % 3), below + 20 * (at // 3))
    ]
    size = (LEFT + 2 * (WIDTH + BETWEEN), below + 20 * ((len(arms) + 2) // 3) + 10)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" role="img" '
        'aria-label="Accuracy, stereotype, tail mass and entropy of each arm over the rounds" '
        'font-family="sans-serif" font-size="12" fill="#222">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *shapes, "</svg>", ""])


def _corner(at: int) -> tuple[int, int]:
    return LEFT + (at % 2) * (WIDTH + BETWEEN), TOP + (at // 2) * (HEIGHT + BETWEEN)


def _panel(lines: Sequence[Line], arms: Sequence[str], measure: str, left: int, top: int) -> list[str]:
    """Frame, three ticks, and the lines of one measure."""
    means = {arm: _means(lines, arm, measure) for arm in arms}
    values = [value for points in means.values() for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) or 1.0
    last = max(number for points in means.values() for number, _ in points) or 1.0

    def place(point: Point) -> str:
        return f"{left + WIDTH * point[0] / last:.1f},{top + HEIGHT - HEIGHT * (point[1] - low) / room:.1f}"

    shapes = [
        f'<text x="{left}" y="{top - 8}" font-weight="bold">{measure.replace("_", " ")}</text>',
        f'<path d="M{left},{top}V{top + HEIGHT}H{left + WIDTH}" fill="none" stroke="#999"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = top + HEIGHT - HEIGHT * share
        shapes.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{low + room * share:.2f}</text>')
    for number in range(int(last) + 1):
        x = left + WIDTH * number / last
        shapes.append(f'<text x="{x:.0f}" y="{top + HEIGHT + 16}" text-anchor="middle">{number}</text>')
    for arm, points in means.items():
        path = " ".join(place(point) for point in points)
        shapes.append(f'<polyline points="{path}" fill="none" {_stroke(arm)}><title>{arm}</title></polyline>')
        last_x, last_y = map(float, place(points[-1]).split(","))
        shapes.append(f'<text x="{last_x + 4:.1f}" y="{last_y + 4:.1f}" font-size="10">{arm[0]}</text>')
    return shapes


def _means(lines: Sequence[Line], arm: str, measure: str) -> list[Point]:
    """(round, mean over seeds) of one arm."""
    rounds: dict[int, list[float]] = {}
    for line in lines:
        if line["arm"] == arm and line[measure] is not None:
            rounds.setdefault(int(str(line["round"])), []).append(float(str(line[measure])))
    return [(number, fmean(values)) for number, values in sorted(rounds.items())]


def _key(arm: str, x: int, y: int) -> list[str]:
    line = f'<path d="M{x},{y - 4}h34" {_stroke(arm)}/>'
    return [line, f'<text x="{x + 40}" y="{y}">{arm[0]}: {arm.replace("_", ", ")}</text>']


def _stroke(arm: str) -> str:
    gate, _, regime = arm.partition("_")
    dash = DASHES.get(regime, "")
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    width = 3 if gate == "gated" else 1.6
    return f'stroke="{COLOURS.get(gate, "#222")}" stroke-width="{width}"{dashes}'
