"""Recovery: a rejected row is diagnosed, repaired where the loop allows it, and looked at again like any other.

Free repairs come first. Nothing skips the gate: whatever is repaired or sampled anew is audited together with the rows
that were kept and, where samples vote, with the sound samples of its prompt.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache

from auditkit.loop.folder import Row
from auditkit.loop.look import Looked, Place
from auditkit.loop.protocols import Prompt
from auditkit.resources import resource

NO_AGREEMENT = "hallucination/no-agreement"
LEAST_LEFT = 0.5  # of a text must stay when its head or tail is cut off: otherwise it is another text
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*(?=\s|$)|\n")
AGAIN = "{prompt}\n\n(An earlier answer was rejected: {reasons}.)"


@dataclass(frozen=True)
class Repair:
    """What may be tried when this rule rejects a row, in order, and what the generator is told."""

    rule: str
    ways: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """Why a row was rejected and what is tried. way "": nothing is left to try, or nothing is wrong but the copying."""

    row: Row
    rules: tuple[str, ...]
    way: str


@dataclass
class Recovered:
    """What the free repairs give. rows: kept and repaired ones, to be looked at again; log: a line per rejected row."""

    rows: list[Row] = field(default_factory=list)
    log: dict[str, Row] = field(default_factory=dict)


@cache
def repairs() -> tuple[Repair, ...]:
    """The table of rules/loop/repairs.toml; the first line that fits a rule counts."""
    table = tomllib.loads(resource("rules/loop/repairs.toml").read_text(encoding="utf-8"))
    return tuple(Repair(one["rule"], tuple(one["try"]), one["reason"]) for one in table["repair"])


def repair_of(rule: str) -> Repair | None:
    """What may be tried for this rule, None for nothing."""
    return next((one for one in repairs() if fnmatchcase(rule, one.rule)), None)


def diagnosed(looked: Looked, allowed: Sequence[str]) -> list[Diagnosis]:
    """One diagnosis per rejected row: the first allowed way that each of its rules has."""
    found = []
    for row in looked.rows:
        rules = looked.reasons.get(str(row["id"]))
        if rules is not None:
            found.append(Diagnosis(row, rules, _way(rules, allowed)))
    return found


def _way(rules: Sequence[str], allowed: Sequence[str]) -> str:
    known = [repair_of(rule) for rule in rules]
    ways = [set(one.ways) if one else set() for one in known]
    return next((way for way in allowed if ways and all(way in own for own in ways)), "")


def recovered(looked: Looked, diagnoses: Sequence[Diagnosis]) -> Recovered:
    """The rows after all free repairs but redaction.

    Where defective samples leave a vote, the sound ones are looked at again. A row that lost the vote in a prompt with
    an agreed answer needs no repair: its prompt is answered by the paths that agree.
    """
    found = Recovered(rows=list(looked.kept))
    kept_groups = {row["group"] for row in looked.kept}
    defective = {one.row["group"] for one in diagnoses if set(one.rules) - {NO_AGREEMENT}}
    for one in diagnoses:
        name, group = str(one.row["id"]), one.row["group"]
        found.log[name] = {"id": name, "group": group, "rules": list(one.rules), "repair": one.way}
        if one.rules == (NO_AGREEMENT,) and group in kept_groups:
            found.log[name]["repair"] = "majority"
        elif one.way == "trim":
            _take(found, one, trimmed(str(one.row["response"]), looked.places.get(name, ()), one.rules))
        elif one.way == "vote":
            _take(found, one, str(one.row["response"]) if group in defective else "")
    return found


def _take(found: Recovered, one: Diagnosis, response: str) -> None:
    """The repaired row joins the others; "" means that the repair did not work."""
    if response:
        found.rows.append({**one.row, "response": response, "repair": one.way})
    else:
        found.log[str(one.row["id"])]["repair"] = ""


def asked_again(
    diagnoses: Iterable[Diagnosis], there: Collection[object], prompts: Mapping[str, Prompt]
) -> list[Prompt]:
    """Each prompt that has no row among `there`, with the reasons of its rejected rows, most frequent first.

    A prompt whose rows were all copies, or rejected by rules without a repair, is not asked again.
    """
    reasons: dict[str, Counter[str]] = {}
    for one in diagnoses:
        if one.row["group"] not in there:
            known = [repair for rule in one.rules if (repair := repair_of(rule)) and "resample" in repair.ways]
            reasons.setdefault(str(one.row["group"]), Counter()).update(repair.reason for repair in known)
    return [
        replace(
            prompts[name],
            text=AGAIN.format(
                prompt=prompts[name].text, reasons="; ".join(reason for reason, _ in told.most_common(3))
            ),
        )
        for name, told in reasons.items()
        if told
    ]


def sound_mates(looked: Looked, asked: Sequence[Prompt]) -> list[Row]:
    """The samples of these prompts that were rejected for their answer alone: they vote with the new ones."""
    groups = {prompt.id for prompt in asked}
    return [
        {**row, "repair": "vote"}
        for row in looked.rows
        if row["group"] in groups and looked.reasons.get(str(row["id"])) == (NO_AGREEMENT,)
    ]


def trimmed(text: str, places: Iterable[Place], rules: Sequence[str]) -> str:
    """The text without the head or the tail in which these rules fired, "" when less than half of it would be left.

    A place that begins in the first half is cut off with everything before it, up to the next end of a sentence or
    line; a later one with everything behind it, back to the last such end.
    """
    first, last = 0, len(text)
    for place in places:
        if place.rule not in rules:
            continue
        if place.start < len(text) / 2 and place.end <= len(text) * (1 - LEAST_LEFT):
            first = max(first, _next_end(text, place.end))
        else:
            last = min(last, _last_end(text, place.start))
    left = text[first:last].strip()
    return left if len(left) >= LEAST_LEFT * len(text) and left != text.strip() else ""


def _next_end(text: str, position: int) -> int:
    match = SENTENCE_END.search(text, position)
    return match.end() if match else len(text)


def _last_end(text: str, position: int) -> int:
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, position)]
    return ends[-1] if ends else 0
