"""Small pictures as inline SVG. They hold no text, so that they shrink to a phone; the numbers stand beside them.

Colours come from the page's style by class, so that they follow light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from auditkit.outputs.html.elements import Html, el
from auditkit.report_data import Row

WIDTH, HEIGHT = 200, 24


def _svg(label: str, *shapes: Html, height: int = HEIGHT) -> Html:
    return el(
        "svg",
        *shapes,
        viewBox=f"0 0 {WIDTH} {height}",
        class_="chart",
        role="img",
        aria_label=label,
        preserveAspectRatio="none",
    )


def _rect(x: float, width: float, class_: str, *, y: float = 6, height: float = 12) -> Html:
    return el("rect", x=_n(x), y=_n(y), width=_n(max(0.0, width)), height=_n(height), class_=class_)


def _line(x1: float, x2: float, y1: float, y2: float, class_: str) -> Html:
    return el("line", x1=_n(x1), x2=_n(x2), y1=_n(y1), y2=_n(y2), class_=class_)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def gate(row: Row, low: float | None, high: float | None) -> Html:
    """Where the value and its interval lie against the threshold; the allowed side is shaded."""
    if row["value"] is None or row["threshold"] is None:
        return el("span", "not measured", class_="none")
    value, threshold = float(row["value"]), float(row["threshold"])
    low, high = (value, value) if low is None or high is None else (low, high)
    top = max(high, threshold, value) * 1.25 or 1.0

    def at(number: float) -> float:
        return WIDTH * min(1.0, max(0.0, number / top))

    allowed = (0.0, at(threshold)) if row["op"] == "max" else (at(threshold), WIDTH - at(threshold))
    return _svg(
        f"value {value:.4g}, interval {low:.4g} to {high:.4g}, threshold {threshold:.4g}",
        _rect(*allowed, class_="allowed", y=2, height=20),
        _line(at(threshold), at(threshold), 0, HEIGHT, "threshold"),
        _line(at(low), at(high), 12, 12, f"interval {row['status']}"),
        _rect(at(value) - 2.5, 5, f"dot {row['status']}", y=6, height=12),
    )


def bar(share: float, class_: str, *, label: str) -> Html:
    """A bar of this share of the width, on a pale track."""
    return _svg(label, _rect(0, WIDTH, "track"), _rect(0, WIDTH * min(1.0, max(0.0, share)), class_))


def step(start: float, end: float, class_: str, *, label: str) -> Html:
    """One step of a waterfall: the part from `start` to `end` (shares of the width)."""
    width = max(WIDTH * (end - start), 1.0 if end > start else 0.0)
    return _svg(label, _rect(0, WIDTH, "track"), _rect(min(WIDTH * start, WIDTH - width), width, class_))


def histogram(counts: Sequence[int], *, label: str) -> Html:
    """Bars of equal width; heights are logarithmic, so that a few documents among thousands can be seen."""
    most = math.log1p(max(counts, default=0)) or 1.0
    width = WIDTH / len(counts)
    bars = [
        _rect(
            at * width, width - 1, "rule", y=HEIGHT * (1 - math.log1p(n) / most), height=HEIGHT * math.log1p(n) / most
        )
        for at, n in enumerate(counts)
        if n
    ]
    return _svg(label, *bars, _line(0, WIDTH, HEIGHT, HEIGHT, "base"))


def share(value: float, low: float | None, high: float | None, *, top: float) -> Html:
    """A share as a bar with a whisker for its interval; `top` is the share at the right end."""

    def at(number: float) -> float:
        return WIDTH * min(1.0, max(0.0, number / top))

    shapes = [_rect(0, WIDTH, "track"), _rect(0, at(value), "rule")]
    if low is not None and high is not None:
        shapes.append(_line(at(low), at(high), 12, 12, "whisker"))
    return _svg(f"{value:.1%}", *shapes)


def ratio(value: float, low: float | None, high: float | None) -> Html:
    """A ratio to a reference on a log scale: 1 in the middle, 1/8 and 8 at the ends; a whisker for the interval."""

    def at(number: float) -> float:
        scaled = math.log2(number) / 3 if number > 0 else -1.0
        return WIDTH / 2 * (1 + min(1.0, max(-1.0, scaled)))

    middle = WIDTH / 2
    start, end = sorted((middle, at(value)))
    clear = low is None or high is None or low > 1 or high < 1
    side = "more" if value >= 1 else "less"
    shapes = [_rect(0, WIDTH, "track"), _rect(start, end - start, side if clear else "unclear")]
    if low is not None and high is not None:
        shapes.append(_line(at(low), at(high), 12, 12, "whisker"))
    return _svg(f"{value:.3g} times the reference", *shapes, _line(middle, middle, 2, 22, "threshold"))
