"""What is cut out of redacted documents, and what stands there instead."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditkit.engine.look import SECONDS_PER_MB, Plan, opened
from auditkit.guard import attempt
from auditkit.shards import REDACT, Edit, Shard

MASK = "***"
COLUMNS = ("doc", "field", "start", "end", "checker", "rule", "detail")


@dataclass(frozen=True)
class Style:
    """How each checker's findings are replaced (mask | label | hash | surrogate), and the key for the last two."""

    by_checker: Mapping[str, str]
    key: bytes


@dataclass(frozen=True)
class Cut:
    """A shard with the spans to cut out of it."""

    shard: Shard
    spans: pa.Table


def spans_of(found: pa.Table, redacted: Iterable[int]) -> pa.Table:
    """The spans to cut out of the redacted documents: findings whose code is REDACT, in document order."""
    docs = pa.array(sorted(redacted), pa.int64())
    wanted = pc.and_(pc.equal(found.column("code"), REDACT), pc.is_in(found.column("doc"), value_set=docs))
    return found.filter(wanted).select(list(COLUMNS))


def edits_of(cut: Cut, plan: Plan, style: Style) -> tuple[dict[int, list[Edit]] | None, str]:
    """(document key -> edits, "") for a shard, or (None, reason). Reads the shard's texts for the values replaced."""
    seconds = plan.deadline_s + SECONDS_PER_MB * cut.shard.n_bytes / 1e6
    return attempt(lambda: _edits(cut, plan, style), seconds=seconds)


def _edits(cut: Cut, plan: Plan, style: Style) -> dict[int, list[Edit]]:
    spans: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in cut.spans.to_pylist():
        spans.setdefault((row["doc"], row["field"]), []).append(row)
    docs = pa.array(sorted({doc for doc, _ in spans}), pa.int64())
    edits: dict[int, list[Edit]] = {}
    for parsed in plan.parse(cut.shard, plan.limits):
        texts = parsed.batch.texts
        wanted = texts.filter(pc.is_in(texts.column("doc"), value_set=docs))
        for row in wanted.to_pylist():
            own = spans.get((row["doc"], row["field"]), [])
            edits.setdefault(row["doc"], []).extend(
                _edit(row["text"], group, plan, style) for group in overlapping(own)
            )
    return edits


def overlapping(spans: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The spans in groups that overlap one another, in order of their start."""
    groups: list[list[Mapping[str, Any]]] = []
    end = -1
    for span in sorted(spans, key=lambda row: (row["start"], -row["end"], row["rule"])):
        if groups and span["start"] < end:
            groups[-1].append(span)
        else:
            groups.append([span])
        end = max(end, span["end"])
    return groups


def _edit(text: str, group: list[Mapping[str, Any]], plan: Plan, style: Style) -> Edit:
    """One edit for overlapping spans: all of them go, replaced as the longest (then the first) of them would be."""
    start, end = group[0]["start"], max(span["end"] for span in group)
    chief = max(group, key=lambda span: (span["end"] - span["start"], -span["start"]))
    value = text[chief["start"] : chief["end"]]
    return Edit(group[0]["field"], start, end, _replacement(chief, value, plan, style))


def _replacement(span: Mapping[str, Any], value: str, plan: Plan, style: Style) -> str:
    """The checker's own replacement, or a general one where it has none."""
    checker = opened(plan)[span["checker"]].checker
    how = style.by_checker[span["checker"]]
    own = getattr(checker, "replacement", None)
    if own is not None:
        return str(own(span["rule"], json.loads(span["detail"]), value, style=how, key=style.key))
    if how == "label":
        return f"[{span['rule'].rpartition('/')[2].upper()}]"
    if how == "hash":
        return hashlib.blake2b(value.encode(), key=style.key[:64], digest_size=6).hexdigest()
    return MASK
