"""How a report says things: numbers, shares, sizes, bounds, and a document's text made plain."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from auditkit.checker import Rule
from auditkit.report_data import Row
from auditkit.resources import resource
from auditkit.text.safe import printable

_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")  # never text; XML and some browsers refuse them
MAX_TEXT = 200  # characters of one text of a document in a report; more helps no reviewer
_SHARES = (
    "share",
    "rate",
    "ratio_of_documents",
    "distinct_n",
    "distinct_openings",
    "_checked",
    "_wrong",
    "tv_distance",
    "agreement",
)


def plain(text: object, *, limit: int = MAX_TEXT) -> str:
    """Text from data on one line without control, bidi or invisible characters, at most `limit` long."""
    shown = printable("" if text is None else str(text), limit=limit)
    shown = _NONCHARACTERS.sub(lambda match: f"\\u{ord(match.group()):04x}", shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def count(number: float | None) -> str:
    """`12,345`."""
    return "–" if number is None else f"{number:,.0f}"


def many(number: int, thing: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def percent(value: float | None) -> str:
    """`3.42%`: three figures that say something, never 0% for a share above 0 nor 100% for one below 1."""
    if value is None:
        return "–"
    scaled = 100 * value
    if abs(scaled) < 1e-9 or scaled == 100 or abs(scaled) >= 1000:  # bounds of an interval carry rounding noise
        return f"{scaled:.0f}%".replace("-0%", "0%")
    if abs(scaled) < 0.005:
        return f"{scaled:.1g}%"
    digits = 1 if 10 <= abs(scaled) < 99.95 else 2
    return f"{scaled:.{digits}f}%"


def is_share(metric: str) -> bool:
    """Whether a metric of this name is a share of something, shown in percent."""
    return metric.rpartition(".")[2].endswith(_SHARES)


def amount(metric: str, value: float | None) -> str:
    """The value of a metric as people read it: percent for shares, whole counts whole, else three figures."""
    if value is None:
        return "–"
    if is_share(metric):
        return percent(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return count(value)
    return f"{value:.4g}" if abs(value) < 1e4 else count(value)


def interval(metric: str, low: float | None, high: float | None) -> str:
    """`3.0% to 3.9%`, empty without an interval."""
    return "" if low is None or high is None else f"{amount(metric, low)} to {amount(metric, high)}"


def bound(gate: Row) -> str:
    """`at most 2%`; where an earlier run is the bound `at most 2.3% (1.8% in runs/1, tolerance 0.5%)`."""
    compared = gate.get("not_worse_than")
    if gate["threshold"] is None:
        return f"no worse than in {plain(compared['run'])}" if compared else "nothing"
    metric = str(gate["metric"])
    said = f"{'at most' if gate['op'] == 'max' else 'at least'} {_round(metric, gate['threshold'])}"
    if not compared:
        return said
    slack = f", tolerance {_round(metric, compared['tolerance'])}" if compared["tolerance"] else ""
    return f"{said} ({_round(metric, compared['value'])} in {plain(compared['run'])}{slack})"


def _round(metric: str, value: float) -> str:
    shown = amount(metric, value)
    return shown[:-1].rstrip("0").rstrip(".") + "%" if shown.endswith("%") and "." in shown else shown


def gate_value(gate: Row) -> str:
    """The value of a gate's metric with as many figures as it takes to tell it from a threshold that it is not."""
    metric, value, threshold = str(gate["metric"]), gate["value"], gate["threshold"]
    shown = amount(metric, value)
    if value is None or value == threshold or shown != amount(metric, threshold):
        return shown
    unit, scale = ("%", 100) if is_share(metric) else ("", 1)
    for figures in range(3, 17):
        shown = f"{scale * value:.{figures}g}"
        if shown != f"{scale * threshold:.{figures}g}":
            break
    return shown + unit


def gate_name(gate: Row) -> str:
    """The metric of a gate with its slice."""
    return f"{gate['metric']} [{gate['slice']}]" if gate["slice"] else str(gate["metric"])


def seconds(value: float | None) -> str:
    """`0.42 s`, `3 min 20 s`."""
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: float | None) -> str:
    """`4.2 MB` (10^6)."""
    if n_bytes is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes:.0f} bytes"


def details(finding: Row) -> dict[str, Any]:
    """The detail as an object; what a plug-in wrote that is none stands under `text`."""
    try:
        values = json.loads(finding["detail"] or "{}")
    except ValueError:
        values = finding["detail"]
    return values if isinstance(values, dict) else {"text": values}


def evidence(finding: Row, *, limit: int = 120) -> str:
    """The masked evidence; where there is none, what the detail says: `slice Europe, ratio 3.3`."""
    if finding["evidence"]:
        return plain(finding["evidence"], limit=limit)
    values = details(finding)
    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in values.items()}
    known = [f"{name} {value}" for name, value in shown.items() if isinstance(value, str | int)]
    return plain(", ".join(known), limit=limit)


@cache
def meanings() -> dict[str, str]:
    """What each number of the built-in checkers says: `checker.metric` -> one sentence."""
    tables = tomllib.loads(resource("reports/templates/metrics.toml").read_text(encoding="utf-8"))
    return {f"{checker}.{metric}": said for checker, table in tables.items() for metric, said in table.items()}


def message(finding: Row, rules: Mapping[str, Rule]) -> str:
    """One sentence for a linter line: what the rule says, and the masked evidence."""
    rule = rules.get(finding["rule"])
    summary = rule.summary.rstrip(".") if rule else f"{finding['severity']} finding of {finding['checker']}"
    shown = evidence(finding)
    return f"{plain(summary)}: {shown}" if shown else plain(summary)


def place(file: object, row: object) -> str:
    """`data/a.jsonl row 12`, or `the corpus`."""
    return f"{plain(file)} row {row}" if row is not None else "the corpus"
