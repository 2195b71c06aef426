"""Decisions of people about findings, kept in git: which findings of which documents are accepted, by whom, until when.

A waiver names a rule, the fingerprint of a document's texts and the field; it holds no text. It is void after its
expiry, and as soon as the document's text changes. A baseline is a set of findings accepted as they stand.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from auditkit.errors import ConfigError, suggestion

WAIVERS_FILE = "auditkit-waivers.jsonl"
DECISIONS = ("accepted-risk", "false-positive", "must-fix")
WAIVING = ("accepted-risk", "false-positive")

Key = tuple[str, str, str]
"""(rule, fingerprint of the document, field): what a waiver and a baseline speak of."""


@dataclass(frozen=True)
class Waiver:
    """One decision. when and expires are dates (YYYY-MM-DD), expires "" = never."""

    rule: str
    fingerprint: str
    field: str
    decision: str
    who: str
    when: str
    why: str
    expires: str = ""

    @property
    def key(self) -> Key:
        """What it speaks of."""
        return self.rule, self.fingerprint, self.field

    def is_expired(self, today: dt.date) -> bool:
        """Whether its last day has passed."""
        return bool(self.expires) and dt.date.fromisoformat(self.expires) < today


@dataclass(frozen=True)
class Accepted:
    """What counts for nothing in this run, and why: waivers that hold, the baseline's findings, expired waivers."""

    keys: frozenset[Key] = frozenset()
    expired: tuple[Waiver, ...] = ()
    n_waivers: int = 0
    n_baseline: int = 0
    sha256: str = ""
    used: set[Key] = field(default_factory=set, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest: counts, and the waivers that were expired or matched nothing."""
        unused = sorted(self.keys - self.used)
        return {
            "sha256": self.sha256,
            "waivers": self.n_waivers,
            "baseline": self.n_baseline,
            "used": len(self.used),
            "unused": [list(key) for key in unused[:MAX_LISTED]],
            "n_unused": len(unused),
            "expired": [list(waiver.key) for waiver in self.expired[:MAX_LISTED]],
            "n_expired": len(self.expired),
        }


MAX_LISTED = 100


def accepted(waivers: Path | None, baseline: Path | None, *, today: dt.date) -> Accepted:
    """What these files accept on this day; ConfigError names the file and line of every mistake."""
    read = read_waivers(waivers) if waivers else []
    live = [item for item in read if item.decision in WAIVING and not item.is_expired(today)]
    keys = {item.key for item in live}
    known = read_baseline(baseline) if baseline else set()
    mark = hashlib.sha256(json.dumps(sorted(keys | known)).encode()).hexdigest()
    expired = tuple(item for item in read if item.is_expired(today))
    return Accepted(frozenset(keys | known), expired, len(live), len(known), mark if keys or known else "")


def accepted_today(waivers: str | Path | None, baseline: str | Path | None) -> Accepted:
    """What these files accept as of today."""
    paths = [Path(item) if item else None for item in (waivers, baseline)]
    return accepted(*paths, today=dt.datetime.now(tz=dt.UTC).date())


def read_waivers(path: Path) -> list[Waiver]:
    """The waivers of a JSON lines file."""
    mistakes: list[str] = []
    found: list[Waiver] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            waiver, mistake = _waiver(line)
            if waiver:
                found.append(waiver)
            else:
                mistakes.append(f"{path.name}:{number}: {mistake}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({reason})") from None


def _waiver(line: str) -> tuple[Waiver | None, str]:
    """One waiver, or what is wrong with it."""
    try:
        row = json.loads(line)
    except ValueError:
        return None, "is not a JSON object"
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        return None, "is not an object of strings"
    mistake = _mistake(row)
    return (None, mistake) if mistake else (Waiver(**row), "")


def _mistake(row: dict[str, str]) -> str:
    """What is wrong with the keys and values of a waiver, or nothing."""
    names = {item.name for item in fields(Waiver)}
    unknown = sorted(set(row) - names)
    missing = sorted(names - {"expires", *row})
    dates = [name for name in ("when", "expires") if row.get(name) and not _is_date(row[name])]
    if unknown:
        return f"unknown key '{unknown[0]}'{suggestion(unknown[0], names)}"
    if missing:
        return f"lacks {', '.join(missing)}"
    if row["decision"] not in DECISIONS:
        return f"unknown decision '{row['decision']}'{suggestion(row['decision'], DECISIONS)}"
    return f"{dates[0]} '{row[dates[0]]}' is not a date; expected YYYY-MM-DD" if dates else ""


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def read_baseline(path: Path) -> set[Key]:
    """The keys of the findings in a file that `scan --format json` or `baseline` wrote."""
    try:
        rows = json.loads(_text(path))["findings"]
        return {(row["rule"], row["fingerprint"] or "", row["field"] or "") for row in rows}
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{path}: is no baseline; make one with: auditkit scan INPUT --format json > {path.name}"
        ) from None


def from_decisions(path: Path, *, who: str, when: dt.date, expires: str) -> list[Waiver]:
    """The decisions of a file from the report's page or of a sample that was read, as waivers; undecided ones aside."""
    _, rows = read_decisions(path)
    decided = [row for row in rows if row[1]]
    mistakes = [f"{path.name}: {key[0]} is marked without a reason" for key, _, why in decided if not why.strip()]
    if expires and not _is_date(expires):
        mistakes.append(f"--expires {expires}: is not a date; expected YYYY-MM-DD")
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    day = when.isoformat()
    return [Waiver(*key, decision, who, day, why, expires) for key, decision, why in decided]


def read_decisions(path: Path) -> tuple[dict[str, Any], list[tuple[Key, str, str]]]:
    """(what the file says of the sample it is, (key, decision or "", reason) of each entry) of a decisions file."""
    try:
        content = json.loads(_text(path))
        rows = content["decisions"] if isinstance(content, dict) else content
        raw = [
            [str(row[name] or "") for name in ("rule", "fingerprint", "field", "decision", "reason")] for row in rows
        ]
        about = dict(content.get("sample", {})) if isinstance(content, dict) else {}
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path}: is no decisions file; download one from the report of the run") from None
    read = [((rule, mark, place), _decision(said), why) for rule, mark, place, said, why in raw]
    wrong = [said for _, said, _ in read if said and said not in DECISIONS]
    if wrong:
        said = [f"{path.name}: unknown decision '{one}'{suggestion(one, DECISIONS)}" for one in dict.fromkeys(wrong)]
        raise ConfigError("\n".join(said))
    return about, read


def _decision(said: str) -> str:
    """`accepted risk`, `accepted_risk` and `accepted-risk` are one."""
    return said.strip().replace(" ", "-").replace("_", "-")


def merged(old: Sequence[Waiver], new: Iterable[Waiver]) -> list[Waiver]:
    """Both, sorted by key; a new decision replaces the old one on the same key."""
    by_key = {waiver.key: waiver for waiver in (*old, *new)}
    return [by_key[key] for key in sorted(by_key)]


def lines(waivers: Iterable[Waiver]) -> str:
    """The waivers as JSON lines, one decision a line so that a diff shows each."""
    return "".join(json.dumps(asdict(waiver), ensure_ascii=True) + "\n" for waiver in waivers)
