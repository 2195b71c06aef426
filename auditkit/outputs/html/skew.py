"""Whom the corpus speaks of, whom it leaves out, and whom the filter hit: map, shares and ratios with intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from auditkit.outputs.html import charts
from auditkit.outputs.html.elements import NONE, Child, Html, data, el, join, more, table
from auditkit.outputs.html.skew_pictures import heat_map
from auditkit.report_data import Report, Row
from auditkit.report_data.words import count, percent, plain
from auditkit.resources import resource

NAME = "skew"
IMPACT = "filter_impact.risk_ratio"
SHOWN = 16  # rows of a table before the rest is folded away
MAX_ROWS = 300
FEW = 30  # mentions under which a share says nothing
WORDS = {"fail": "far from it", "pass": "near it", "ok": "near it", "undecided": "too few to tell"}
STEPS = ((0.25, "m4"), (0.5, "m2"), (2.0, "m0"), (4.0, "p2"), (float("inf"), "p4"))
"""Upper ends of the classes of the map, and their names in the style."""
LEGEND = (
    ("m4", "under ¼"),
    ("m2", "¼ to ½"),
    ("m0", "½ to 2 times"),
    ("p2", "2 to 4 times"),
    ("p4", "over 4 times"),
    ("mx", "too few to tell"),
)
AXIS = "An eighth … as often … eight times"


@cache
def world() -> dict[str, Any]:
    """Width, height and, by country code, name and outline; made by training/world_map.py."""
    content: dict[str, Any] = json.loads(resource("reports/templates/world.json").read_text(encoding="utf-8"))
    return content


def section(report: Report) -> Html | None:
    """The whole section, or None when the checker did not run."""
    measured = [row for row in report.metrics_of(NAME) if row["value"] is not None and row["slice"]]
    rows = [row for row in measured if not str(row["metric"]).startswith("rebalance.")]  # a proposal, not a finding
    parts = [_map(rows)]
    for dimension in dict.fromkeys(str(row["metric"]).rpartition(".")[0] for row in rows):
        ratios = [row for row in rows if row["metric"] == f"{dimension}.ratio"]
        shares = [row for row in rows if row["metric"] == f"{dimension}.share"]
        if dimension == "label":
            continue
        if ratios:
            parts.append(_ratios(dimension, ratios, {row["slice"]: row for row in shares}))
        elif shares:
            parts.append(_shares(dimension, shares))
    parts += [_labels(rows), _impact(rows)]
    return join(parts) if any(part is not None for part in parts) else None


def _map(rows: Sequence[Row]) -> Html | None:
    """Countries coloured by how often they are named, against their share of the world's people."""
    ratios = {row["slice"]: row for row in rows if row["metric"] == "country.ratio"}
    if not ratios:
        return None
    shapes = []
    for code, (name, path) in world()["countries"].items():
        if not path:
            continue
        row = ratios.get(code)
        class_, said = ("mx", f"{name}: not measured") if row is None else (_class(row), f"{name}: {_times(row)}")
        shapes.append(Html(f'<path class="{class_}" d="{path}">{el("title", said)}</path>'))
    box = f"0 0 {world()['width']} {world()['height']}"
    label = "World map: how often each country is named, against its share of people; the table has the numbers"
    legend = el("ul", *(el("li", el("span", class_=f"swatch {key}"), word) for key, word in LEGEND), class_="legend")
    picture = el("svg", *shapes, viewBox=box, class_="map", role="img", aria_label=label)
    return el("figure", picture, el("figcaption", "Named, against the share of the world's people", legend))


def _class(row: Row) -> str:
    """The class of the map: `mx` when the interval is too wide to tell."""
    if row["status"] == "undecided":
        return "mx"
    return next(name for end, name in STEPS if row["value"] <= end)


def _times(row: Row) -> str:
    around = "" if row["low"] is None or row["high"] is None else f" ({row['low']:.2g} to {row['high']:.2g})"
    return f"{row['value']:.2g} times{around}"


def _group(name: str) -> Html:
    """The name of a group; country codes get their country."""
    known = world()["countries"].get(name)
    return data(f"{known[0]} ({name})" if known else name)


def _ratios(dimension: str, rows: Sequence[Row], shares: dict[str, Row]) -> Html:
    """Groups against a reference on a log scale; those that count for most come first, unclear ones last."""
    ordered = sorted(rows, key=lambda row: (row["status"] == "undecided", -_missing(row, shares), row["slice"]))
    lines = [_ratio_line(row, _share(row, shares)) for row in ordered[:MAX_ROWS]]
    reference = plain(rows[0]["reference"] or "the reference", limit=60).replace("-", " ")
    head = ("Group", "Share", "Times the reference", "95% interval", "Against it", AXIS)
    return _folded(f"{plain(dimension, limit=40).capitalize()}, against {reference}", head, lines)


def _folded(title: str, head: Sequence[Child], lines: Sequence[Sequence[Child]]) -> Html:
    """A table of the first rows, and the others on demand."""
    made = [table(title, head, lines[:SHOWN], numbers=(1, 2, 3))]
    if len(lines) > SHOWN:
        rest = table(f"{title}: the others", head, lines[SHOWN:], numbers=(1, 2, 3))
        made.append(more(f"{len(lines) - SHOWN} more", rest))
    return join(made)


def _missing(row: Row, shares: dict[str, Row]) -> float:
    """How far the share of a group is from its reference share; 0 where it was never named and that is not known."""
    share = _share(row, shares) or 0.0
    return abs(share - share / row["value"]) if row["value"] else 0.0


def _share(row: Row, shares: dict[str, Row]) -> float | None:
    """The share of a group: its own metric, else from the counts of its ratio (mentions of all mentions)."""
    if row["slice"] in shares:
        return float(shares[row["slice"]]["value"])
    counted = row["numerator"] is not None and (row["denominator"] or 0) > 1
    return row["numerator"] / row["denominator"] if counted else None


def _ratio_line(row: Row, share: float | None) -> tuple[Child, ...]:
    return (
        _group(row["slice"]),
        NONE if share is None else percent(share),
        f"{row['value']:.2f}",
        _around(row),
        WORDS.get(row["status"], plain(row["status"])),
        charts.ratio(row["value"], row["low"], row["high"]),
    )


def _around(row: Row) -> Child:
    return NONE if row["low"] is None or row["high"] is None else f"{row['low']:.2f} to {row['high']:.2f}"


def _shares(dimension: str, rows: Sequence[Row]) -> Html:
    """Groups of a dimension without a reference, as bars; few mentions are folded away with a word of warning."""
    n = max((row["denominator"] or 0 for row in rows), default=0)
    top = max((row["value"] for row in rows), default=1.0) or 1.0
    lines = [
        (
            _group(row["slice"]),
            percent(row["value"]),
            NONE if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
            f"{count(row['numerator'])} of {count(row['denominator'])}",
            charts.share(row["value"], row["low"], row["high"], top=top),
        )
        for row in sorted(rows, key=lambda row: (-row["value"], row["slice"]))[:MAX_ROWS]
    ]
    title = f"{plain(dimension, limit=40).capitalize()}: shares of {count(n)} mentions"
    made = table(title, ("Group", "Share", "95% interval", "Counts", "Share and interval"), lines, numbers=(1, 2, 3))
    return made if n >= FEW else more(f"{title}, too few to tell", made)


def _labels(rows: Sequence[Row]) -> Html | None:
    """Regions within each label as a heat map."""
    picture = heat_map([row for row in rows if row["metric"] == "label.region_share"])
    if picture is None:
        return None
    return el("figure", picture, el("figcaption", "Share of each region among the places named under each label"))


def _impact(rows: Sequence[Row]) -> Html | None:
    """Whom the filter hit: the risk of removal of documents that name a group, against those that do not."""
    ratios = [row for row in rows if row["metric"] == IMPACT]
    if not ratios:
        return None
    order = {"fail": 0, "undecided": 1}
    ratios.sort(key=lambda row: (order.get(row["status"], 2), -row["value"], row["slice"]))
    lines = [
        (
            data(row["slice"]),
            f"{count(row['numerator'])} of {count(row['denominator'])}",
            f"{row['value']:.2f}",
            _around(row),
            {"fail": "hit harder", "undecided": "too few to tell"}.get(row["status"], "not harder"),
            charts.ratio(row["value"], row["low"], row["high"]),
        )
        for row in ratios[:MAX_ROWS]
    ]
    head = ("Removed by, group named", "Removed", "Times as often", "95% interval", "So", AXIS)
    said = "How much more often documents that name a group were removed than those that do not."
    return join([el("h3", "Whom the filter hit"), el("p", said), _folded("Risk of removal", head, lines)])
