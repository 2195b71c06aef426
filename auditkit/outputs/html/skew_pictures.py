"""Pictures of skew as inline SVG: a heat map of labels by regions, and lines from round to round.

Every cell and line end carries its number, so that they can be read in print and without colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditkit.outputs.html.elements import Html, el
from auditkit.report_data import Row
from auditkit.report_data.words import percent, plain

CELL, ROW, NAMES, HEAD = 74, 26, 190, 120  # pixels: width and height of a cell, room for names and for turned heads
MAX_LABELS = 40
SLOPE_WIDTH, SLOPE_HEIGHT, SLOPE_NAMES = 150, 360, 250
LINE = 13  # pixels between the names at the ends of lines, so that they do not cover one another


def heat_map(rows: Sequence[Row]) -> Html | None:
    """Shares of the regions within each label: rows `label.region_share`, slice `label/region`; None without any."""
    shares = {tuple(str(row["slice"]).rsplit("/", 1)): float(row["value"]) for row in rows if row["value"] is not None}
    labels = sorted({label for label, _ in shares})[:MAX_LABELS]
    regions = sorted({region for _, region in shares})
    if not labels:
        return None
    top = max(shares.values()) or 1.0
    shapes = [_head(region, at) for at, region in enumerate(regions)]
    for line, label in enumerate(labels):
        y = HEAD + line * ROW
        shapes.append(_text(NAMES - 8, y + 17, plain(label, limit=26), "end"))
        for at, region in enumerate(regions):
            if (label, region) in shares:
                shapes += _cell(NAMES + at * CELL, y, shares[label, region], top)
    width, height = NAMES + CELL * len(regions) + 60, HEAD + ROW * len(labels) + 4
    label = "Share of each region within each label; every cell shows its number"
    return el("svg", *shapes, viewBox=f"0 0 {width} {height}", class_="heat", role="img", aria_label=label)


def _head(region: str, at: int) -> Html:
    x = NAMES + at * CELL + CELL // 2
    turned = f"rotate(-35 {x} {HEAD - 8})"
    return el("text", plain(region, limit=34), x=x, y=HEAD - 8, font_size=11, fill="currentColor", transform=turned)


def _cell(x: int, y: int, share: float, top: float) -> list[Html]:
    """A square that is the darker the larger the share, and the share in it."""
    shade = el(
        "rect",
        x=x,
        y=y,
        width=CELL - 2,
        height=ROW - 2,
        fill="currentColor",
        fill_opacity=f"{0.04 + 0.36 * share / top:.2f}",
    )
    return [shade, _text(x + CELL // 2 - 1, y + 17, percent(share), "middle")]


def _text(x: float, y: float, said: str, anchor: str) -> Html:
    return el("text", said, x=f"{x:g}", y=f"{y:g}", font_size=12, fill="currentColor", text_anchor=anchor)


def slopes(rounds: Sequence[tuple[str, Mapping[str, float]]]) -> Html | None:
    """One line per region through the rounds: (name of the round, region -> share) each; None for fewer than two."""
    names = sorted({name for _, shares in rounds for name in shares})
    if len(rounds) < 2 or not names:
        return None
    top = max(share for _, shares in rounds for share in shares.values()) or 1.0

    def height(share: float) -> float:
        return 30 + (SLOPE_HEIGHT - 50) * (1 - share / top)

    shapes = [_text(at * SLOPE_WIDTH, 14, plain(said, limit=20), "middle") for at, (said, _) in enumerate(rounds)]
    ends = _apart([height(rounds[-1][1].get(name, 0.0)) for name in names])
    for name, end in zip(names, ends, strict=True):
        heights = [height(shares.get(name, 0.0)) for _, shares in rounds]
        path = "M" + " L".join(f"{at * SLOPE_WIDTH} {y:.1f}" for at, y in enumerate(heights))
        shapes.append(el("path", d=path, fill="none", stroke="currentColor", stroke_width=1.5))
        shapes += [el("circle", cx=at * SLOPE_WIDTH, cy=f"{y:.1f}", r=3) for at, y in enumerate(heights)]
        said = f"{percent(rounds[0][1].get(name, 0.0))} → {percent(rounds[-1][1].get(name, 0.0))} {name}"
        shapes.append(_text((len(rounds) - 1) * SLOPE_WIDTH + 10, end + 4, plain(said, limit=60), "start"))
    width = (len(rounds) - 1) * SLOPE_WIDTH + SLOPE_NAMES + 80
    label = "Share of each region from round to round; the numbers stand at the ends"
    return el("svg", *shapes, viewBox=f"-60 0 {width} {SLOPE_HEIGHT}", class_="slopes", role="img", aria_label=label)


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights moved down where needed, so that two names are LINE pixels apart."""
    placed = list(heights)
    previous = float("-inf")
    for at in sorted(range(len(heights)), key=lambda index: heights[index]):
        placed[at] = max(heights[at], previous + LINE)
        previous = placed[at]
    return placed
