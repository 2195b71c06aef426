"""What people read of a run: a stratified sample of its findings, and what they found when they had read it.

The sample is a decisions file, as the report's page downloads one: whoever reads it writes a decision behind each
finding, and the same file serves `auditkit review --judged` and `auditkit waive`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.errors import ConfigError
from auditkit.report_data import REVIEW, Report, read_report
from auditkit.report_data.precision import precisions
from auditkit.report_data.words import evidence, interval, many, percent, plain
from auditkit.run_folder import MANIFEST, write_text
from auditkit.waivers import DECISIONS, Key, read_decisions

WRONG = "false-positive"  # the other decisions say that the finding is right, whatever is done about it


class Place(NamedTuple):
    """A rule that fired in a field of a document: what a reader judges, and what a waiver speaks of."""

    key: Key
    decision: str
    row: Mapping[str, Any]


def places(report: Report) -> list[Place]:
    """Each place once, in the order of the findings; `decision` is what became of the document."""
    documents = zip(*(report.documents[name].to_pylist() for name in ("file", "row", "decision")), strict=True)
    decisions = {(file, row): decision for file, row, decision in documents}
    found: dict[Key, Place] = {}
    for row in report.located.to_pylist():
        if row["row"] is not None:
            key = (row["rule"], row["fingerprint"] or "", row["field"] or "")
            found.setdefault(key, Place(key, decisions.get((row["file"], row["row"]), ""), row))
    return list(found.values())


def strata(found: Iterable[Place]) -> dict[tuple[str, str], list[Place]]:
    """Rule and decision -> their places, sorted."""
    parts: dict[tuple[str, str], list[Place]] = {}
    for place in found:
        parts.setdefault((place.key[0], place.decision), []).append(place)
    return dict(sorted(parts.items()))


def sample(found: Iterable[Place], *, per_rule: int, seed: int) -> list[Place]:
    """At most `per_rule` places of each rule and decision, drawn by a seeded hash: the same for the same findings."""

    def draw(place: Place) -> bytes:
        return hashlib.blake2b("\0".join((str(seed), *place.key)).encode("utf-8", "surrogatepass")).digest()

    return [place for part in strata(found).values() for place in sorted(part, key=draw)[:per_rule]]


def write_sample(run: Path, out: Path, *, per_rule: int, seed: int) -> str:
    """Write the sample with file, row and line of each finding, a line each; says how many there are to read."""
    report = read_report(run)
    chosen = sample(places(report), per_rule=per_rule, seed=seed)
    about = {"manifest_sha256": _mark(run), "per_rule": per_rule, "seed": seed, "decisions": list(DECISIONS)}
    lines = ",\n".join(json.dumps(_entry(place), ensure_ascii=True) for place in chosen)
    write_text(out, f'{{"sample": {json.dumps(about)},\n"decisions": [\n{lines}\n]}}\n')
    return f"{out}: {many(len(chosen), 'finding')} to read; write one of {', '.join(DECISIONS)} behind each `decision`"


def _entry(place: Place) -> dict[str, Any]:
    rule, fingerprint, name = place.key
    row = place.row
    return {
        "decision": "",
        "reason": "",
        "rule": rule,
        "file": plain(row["file"]),
        "row": row["row"],
        "line": row["line"],
        "id": plain(row["id"]),
        "field": name,
        "evidence": evidence(row),
        "score": row["score"],
        "became": place.decision,
        "fingerprint": fingerprint,
    }


def take_judged(run: Path, judged: Path, *, who: str) -> str:
    """Note in RUN/review.json how many findings of each rule and decision readers called right; says the precision.

    judged: the sample with decisions in it, or what the report's page downloads, of which nobody knows how it was
    chosen. ConfigError when it is of another run.
    """
    report = read_report(run)
    about, rows = read_decisions(judged)
    if about and about.get("manifest_sha256") != _mark(run):
        raise ConfigError(f"{judged}: is a sample of another run than {run}")
    said = {key: decision for key, decision, _ in rows if decision}
    parts = strata(places(report))
    known = {place.key for part in parts.values() for place in part}
    strange = sorted(set(said) - known)
    if strange:
        raise ConfigError(f"{judged}: {many(len(strange), 'decision')} on no finding of {run} (first: {strange[0][0]})")
    if not said:
        raise ConfigError(
            f"{judged}: holds no decision yet; write one of {', '.join(DECISIONS)} behind each `decision`"
        )
    counted = [
        {"rule": rule, "decision": decision, "findings": len(part), **_judged(part, said)}
        for (rule, decision), part in parts.items()
    ]
    review = {"by": who, "sampled": bool(about), "strata": counted}
    write_text(run / REVIEW, json.dumps(review, indent=1) + "\n")
    return "\n".join([f"{run / REVIEW}: {many(len(said), 'finding')} judged by {who}", *_lines(run)])


def _judged(part: Sequence[Place], said: Mapping[Key, str]) -> dict[str, int]:
    decisions = [said[place.key] for place in part if place.key in said]
    return {"judged": len(decisions), "right": sum(decision != WRONG for decision in decisions)}


def _lines(run: Path) -> list[str]:
    lines = []
    for row in precisions(read_report(run)):
        name = (plain(row.rule) or "all rules") + (f" ({row.decision})" if row.decision else "")
        share = f"{percent(row.value)} ({interval('share', row.low, row.high)})"
        lines.append(f"{name}: {row.right} of {row.judged} right, {share} of {many(row.findings, 'finding')}")
    return lines


def _mark(run: Path) -> str:
    return hashlib.sha256((run / MANIFEST).read_bytes()).hexdigest()
