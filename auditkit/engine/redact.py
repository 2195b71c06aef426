"""What is cut out of redacted documents, and what stands there instead."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditkit.engine.look import SECONDS_PER_MB, Plan, opened
from auditkit.errors import AuditkitError
from auditkit.guard import attempt
from auditkit.shards import REDACT, Edit, Shard
from auditkit.text.settled import restored, settled

KEY_VARIABLE = "AUDITKIT_KEY"
MASK = "***"
COLUMNS = ("doc", "field", "start", "end", "checker", "rule", "detail")


@dataclass(frozen=True)
class Style:
    """How each checker's findings are replaced, in the words of the policy, and the key of hashes and surrogates."""

    by_checker: Mapping[str, str]
    key: bytes


@dataclass(frozen=True)
class Open:
    """An edit whose replacement depends on the other values of the corpus: it is filled in once all are known."""

    field: str
    start: int
    end: int
    checker: str
    rule: str
    detail: str
    value: str


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


def own_key() -> bytes:
    """The key that the user gives by AUDITKIT_KEY; empty when there is none."""
    own = os.environ.get(KEY_VARIABLE, "")
    return key_of(own) if own else b""


def key_of(words: str) -> bytes:
    """32 bytes from whatever a key is made of."""
    return hashlib.sha256(f"auditkit redaction {words}".encode()).digest()


def edits_of(cut: Cut, plan: Plan, style: Style) -> tuple[dict[int, list[Edit | Open]] | None, str]:
    """(document key -> edits, "") for a shard, or (None, reason). Reads the shard's texts for the values replaced."""
    seconds = plan.deadline_s + SECONDS_PER_MB * cut.shard.n_bytes / 1e6
    return attempt(lambda: _edits(cut, plan, style), seconds=seconds, what=f"redacting {cut.shard.source.name}")


def filled(edits: Mapping[int, Sequence[Edit | Open]], plan: Plan, key: bytes) -> dict[int, list[Edit]]:
    """The edits of the whole corpus with the open ones filled in; AuditkitError when a checker has no answer."""
    replacements: dict[tuple[str, str, str, str], str] = {}
    values = {(e.checker, e.rule, e.detail, e.value) for some in edits.values() for e in some if isinstance(e, Open)}
    for name in sorted({value[0] for value in values}):
        own = sorted(value for value in values if value[0] == name)
        replacements |= zip(own, _surrogates(name, own, plan, key), strict=True)
    return {doc: [_closed(edit, replacements) for edit in some] for doc, some in edits.items()}


def _surrogates(checker: str, values: Sequence[tuple[str, str, str, str]], plan: Plan, key: bytes) -> Sequence[str]:
    asked = [(rule, json.loads(detail), settled(value)) for _, rule, detail, value in values]
    checker_with_surrogates: Any = opened(plan)[checker].checker
    seconds = plan.deadline_s + SECONDS_PER_MB * sum(len(value) for *_, value in values) / 1e3
    made, reason = attempt(lambda: checker_with_surrogates.surrogates(asked, key=key), seconds=seconds)
    if made is None or len(made) != len(values):
        raise AuditkitError(f"redaction failed, so nothing is published: {reason or 'a surrogate is missing'}")
    return [restored(str(one), value) for one, (*_, value) in zip(made, values, strict=True)]


def _closed(edit: Edit | Open, replacements: Mapping[tuple[str, str, str, str], str]) -> Edit:
    if isinstance(edit, Edit):
        return edit
    made = replacements[edit.checker, edit.rule, edit.detail, edit.value]
    return Edit(edit.field, edit.start, edit.end, made)


def _edits(cut: Cut, plan: Plan, style: Style) -> dict[int, list[Edit | Open]]:
    spans: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in cut.spans.to_pylist():
        spans.setdefault((row["doc"], row["field"]), []).append(row)
    docs = pa.array(sorted({doc for doc, _ in spans}), pa.int64())
    edits: dict[int, list[Edit | Open]] = {}
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


def _edit(text: str, group: list[Mapping[str, Any]], plan: Plan, style: Style) -> Edit | Open:
    """One edit for overlapping spans: all of them go, replaced as the longest (then the first) of them would be."""
    start, end = group[0]["start"], max(span["end"] for span in group)
    chief = max(group, key=lambda span: (span["end"] - span["start"], -span["start"]))
    value = text[chief["start"] : chief["end"]]
    place, checker = (group[0]["field"], start, end), chief["checker"]
    if style.by_checker[checker] == "surrogate" and hasattr(opened(plan)[checker].checker, "surrogates"):
        return Open(*place, checker, chief["rule"], chief["detail"], value)
    return Edit(*place, _replacement(chief, value, plan, style))


def _replacement(span: Mapping[str, Any], value: str, plan: Plan, style: Style) -> str:
    """The checker's own replacement, or a general one where it has none."""
    checker = opened(plan)[span["checker"]].checker
    how = style.by_checker[span["checker"]]
    if how == "redact":  # nothing stays; of a number in JSON an empty string, for what is left must be JSON
        return '""' if json.loads(span["detail"]).get("form") == "bare" else ""
    how = "label" if how == "replace" else how
    own = getattr(checker, "replacement", None)
    if own is not None:
        made = str(own(span["rule"], json.loads(span["detail"]), settled(value), style=how, key=style.key))
        return restored(made, value)
    if how == "label":
        return f"[{span['rule'].rpartition('/')[2].upper()}]"
    if how == "hash":
        return hashlib.blake2b(value.encode(), key=style.key[:64], digest_size=6).hexdigest()
    return MASK
