"""One HTML page over the rounds of a loop: verdicts, drift, what each gate removed, slopes, lineage.

Offline, no script; a Content-Security-Policy admits the one style by its hash. All text passes `elements.text`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template

from auditkit import disk
from auditkit.errors import RunFolderError
from auditkit.loop.drift import by_name
from auditkit.loop.folder import Place, Row, published, verify
from auditkit.loop.pictures import lineage, slope
from auditkit.loop.trend import Trend, trends
from auditkit.outputs.html import asset, source_of
from auditkit.outputs.html.charts import bar
from auditkit.outputs.html.elements import NONE, Html, block, data, el, join, mark, more, table, text
from auditkit.report_data.words import amount, count, interval, many, meanings, percent

MOST_TRENDS = 2000
MOST_RISKS = 15
ANSWERS = {
    "pass": "Every round so far may be trained on.",
    "fail": "The last round must not be trained on.",
    "incomplete": "Something was not looked at.",
    "none": "No round was published yet.",
}


def write_report(out: Path, path: Path) -> int:
    """Write the page about the rounds in `out`; how many there are. RunFolderError when there is none."""
    rounds = published(out)
    if not rounds:
        raise RunFolderError(f"{out}: holds no finished round; run `auditkit loop run` first")
    disk.write(path, render(rounds).encode("utf-8"), mode=disk.EVERYONE)
    return len(rounds)


def render(rounds: Sequence[Place]) -> str:
    """The whole page."""
    style = asset("style.css")
    told = [place.manifest for place in rounds]
    problems = [problem for place in rounds for problem in verify(place)]
    return Template(asset("loop.html")).substitute(
        csp=text(f"default-src 'none'; style-src {source_of(style)}; img-src data:; base-uri 'none'; "
                 "form-action 'none'"),
        title=text(f"auditkit loop: {_word(told)}"),
        style=style,
        body=join([_verdict(told, problems), _body(rounds, told)]),
    )  # fmt: skip


def _word(told: Sequence[Row]) -> str:
    return str(told[-1]["verdict"]) if told[-1]["round"] else "none"


def _verdict(told: Sequence[Row], problems: Sequence[str]) -> Html:
    last, word = told[-1], _word(told)
    counts = last["counts"]
    tiles = [
        ("rounds", count(last["round"]), "findings"),
        ("rows sampled, last round", count(counts["rows"]), "rows_in"),
        ("kept", count(counts["kept"]), "kept"),
        ("not kept", count(max(0, counts["rows"] - counts["kept"])), "dropped"),
    ]
    why = [*problems, *(last["reasons"] if word == "fail" else [])]
    return el(
        "header",
        el("p", "auditkit loop report: what did the rounds do to the data?", class_="eyebrow"),
        el("h1", el("span", word, class_="word"), " ", el("span", ANSWERS.get(word, ""))),
        el("p", f"Regime {last['settings']['regime']}, policy ", data(last["settings"]["policy"]), class_="muted"),
        el("ul", *(el("li", data(one, limit=400)) for one in why), class_="why") if why else None,
        el("dl", *(el("div", el("dt", name), el("dd", value), class_=f"tile {key}") for name, value, key in tiles)),
        class_=f"verdict {'incomplete' if problems else word}",
    )


def _body(rounds: Sequence[Place], told: Sequence[Row]) -> Html:
    metrics = {place.number: by_name(_metrics(place)) for place in rounds}
    parts: Sequence[tuple[str, str, Html | None]] = (
        ("rounds", "Rounds", _rounds(told)),
        ("risks", "Risks and open questions", _risks(told)),
        ("drift", "Drift from the round before and from round 0", _drift(told[-1])),
        ("removed", "What each gate removed", _removed(told)),
        ("slopes", "How the numbers move", _slopes(trends(metrics), told[-1])),
        ("lineage", "Lineage", _lineage(rounds, told)),
    )
    there = [part for part in parts if part[-1] is not None]
    links = [el("a", name.capitalize(), href=f"#{name}") for name, _, _ in there]
    shown = [el("section", el("h2", title), content, id=name) for name, title, content in there]
    return join([el("nav", *links, aria_label="Sections"), el("main", *shown, id="main")])


def _metrics(place: Place) -> list[Row]:
    rows: list[Row] = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    if place.number:
        return rows
    return [row for row in rows if row["stage"] == "kept"]  # round 0 was sampled by nobody


def _rounds(told: Sequence[Row]) -> Html:
    rows = []
    for one in told:
        counts = one["counts"]
        share = counts["kept"] / counts["rows"] if counts["rows"] else 0.0
        rows.append((
            f"Round {one['round']}" + ("" if one["round"] else ": reference"),
            mark(str(one["verdict"])),
            data(one["asked_model"]) if one["round"] else NONE,
            count(counts.get("prompts")) if one["round"] else NONE,
            count(counts["rows"]),
            count(counts["kept_without_recovery"]) if one["round"] else NONE,
            count(counts["kept"]),
            bar(share, "kept", label=f"{percent(share)} kept"),
            data(one["model"]) if one["round"] else NONE,
        ))  # fmt: skip
    head = (
        "Round",
        "Verdict",
        "Model asked",
        "Prompts",
        "Rows",
        "Kept at first look",
        "Kept",
        "Share",
        "Model trained",
    )
    return table("Rounds and their verdicts", head, rows, numbers=(3, 4, 5, 6))


def _risks(told: Sequence[Row]) -> Html | None:
    last = told[-1]
    lines = [*(f"Risk: {one}" for one in last["risks"]), *(f"Open: {one}" for one in last["warnings"])]
    if last["counts"].get("unanswered"):
        lines.append(f"Risk: {many(last['counts']['unanswered'], 'prompt')} lacked samples")
    rest = el("li", f"and {len(lines) - MOST_RISKS} more, in round.json") if len(lines) > MOST_RISKS else None
    shown = [el("li", data(line, limit=400)) for line in lines[:MOST_RISKS]]
    return el("ul", *shown, rest) if lines else None


def _drift(last: Row) -> Html | None:
    """One bound for both comparisons: many small steps pass no more than one big step would."""
    if not last["drift"]:
        return None
    rows = [
        (
            join([data(_named(one)), _meaning(str(one["metric"]))]),
            mark(str(one["status"])),
            f"round {one['against']}",
            amount(one["metric"], one["before"]),
            amount(one["metric"], one["now"]),
            interval(one["metric"], one["low"], one["high"]) or NONE,
            f"{amount(one['metric'], one['tolerance'])} {one['worse']}",
        )
        for one in sorted(last["drift"], key=lambda one: ("fail", "undecided", "pass").index(one["status"]))
    ]
    head = ("Metric", "Status", "Against", "Before", "Now", "Interval of the difference", "Tolerated")
    note = "The bound is the same against both rounds, so that many small steps pass no more than one big step would."
    return join([table("Bounds on drift", head, rows, numbers=(3, 4)), el("p", note, class_="muted")])


def _named(one: Mapping[str, object]) -> str:
    return f"{one['metric']} [{one['slice']}]" if one["slice"] else str(one["metric"])


def _removed(told: Sequence[Row]) -> Html | None:
    """Rule by round: rows rejected at the first look, and those that recovery brought back."""
    rounds = [one for one in told if one["round"]]
    rules = sorted({rule for one in rounds for rule in one["removed"].get("run", {})})
    if not rules:
        return None
    rows: list[Sequence[Html | str]] = []
    for rule in rules:
        numbers = [one["removed"].get("run", {}).get(rule, 0) for one in rounds]
        rows.append((data(rule), *(count(number) for number in numbers)))
    head = ("Rule", *(f"Round {one['round']}" for one in rounds))
    first = table("Rows rejected at the first look, by rule", head, rows, numbers=range(1, len(head)))
    back = [
        (
            f"Round {one['round']}",
            count(one["counts"]["kept_without_recovery"]),
            count(one["counts"]["kept"]),
            count(sum(one["removed"].get("gate", {}).values())),
            count(one["removed"].get("judge", {}).get("not better", 0)),
        )
        for one in rounds
    ]
    head = ("Round", "Kept without recovery", "Kept with it", "Rejected by the last gate", "Not better than before")
    return join([first, table("Recovery, judge and last gate", head, back, numbers=(1, 2, 3, 4))])


def _slopes(found: Sequence[Trend], last: Row) -> Html | None:
    """Bounded metrics first, then those that move, then the rest, folded away."""
    if not found:
        return el("p", "One round alone has no slope.")
    watched = {bound["metric"] for bound in last["settings"]["drift"]}
    groups = (
        ("Numbers with a bound", [one for one in found if one.metric in watched]),
        (
            "Other numbers that move by more than chance",
            [one for one in found if one.metric not in watched and one.moves],
        ),
        ("All others", [one for one in found if one.metric not in watched and not one.moves]),
    )
    shown = []
    for title, own in groups:
        if own:
            made = _trend_table(title, own[:MOST_TRENDS])
            shown.append(made if title != "All others" else more(f"{title} ({count(len(own))})", made))
    note = (
        "Dots: rounds from left to right; lines: 95% intervals. Slope: change a round, least squares weighted by them."
    )
    return join([*shown, el("p", note, class_="muted")])


def _trend_table(title: str, own: Sequence[Trend]) -> Html:
    rows = [
        (
            join([data(f"{one.metric} [{one.slice}]" if one.slice else one.metric), _meaning(one.metric)]),
            slope(one),
            join((amount(one.metric, point.value) for point in one.points), " → "),
            amount(one.metric, one.slope),
            interval(one.metric, one.low, one.high) or NONE,
        )
        for one in own
    ]
    return table(title, ("Metric", "Rounds", "Values", "Slope", "Interval"), rows, numbers=(3,))


@cache
def _loop_meanings() -> dict[str, str]:
    words: dict[str, str] = tomllib.loads(asset("loop.toml"))
    return words


def _meaning(metric: str) -> Html | None:
    """What a metric of a stage says: `kept.skew.region.share` as `skew.region.share` does."""
    _, _, name = metric.partition(".")
    said = _loop_meanings().get(name.removeprefix("loop.")) if name.startswith("loop.") else meanings().get(name)
    return join([" ", el("small", said, class_="muted")]) if said else None


def _lineage(rounds: Sequence[Place], told: Sequence[Row]) -> Html:
    """Which round was made from which, with the hashes that chain them."""
    rows = [
        (
            f"Round {one['round']}",
            el("code", place.sha256, class_="hash"),
            join((f"round {parent['round']}" for parent in one["parents"]), ", ") or NONE,
            data(one["generator"].get("kind")),
            data(one["trainer"].get("kind")),
        )
        for place, one in zip(rounds, told, strict=True)
    ]
    head = ("Round", "SHA-256 of its round.json", "Made from", "Generator", "Trainer")
    last = told[-1]
    shown = json.dumps({name: last[name] for name in ("generator", "trainer", "settings")}, indent=2, sort_keys=True)
    return join([
        lineage([(one["round"], [parent["round"] for parent in one["parents"]]) for one in told]),
        table("Rounds and what they were made from", head, rows),
        el("p", f"Seed {last['seed']}, policy SHA-256 ", el("code", data(last["policy_sha256"]), class_="hash")),
        more("Generator, trainer and settings", block(shown)),
    ])  # fmt: skip
