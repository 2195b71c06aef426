"""Text files: one file is one document, in UTF-8; a byte order mark before it is not part of the text."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np

from auditkit.errors import InputError
from auditkit.formats.containers import BOM, RAW_BYTES, Stored, expanded
from auditkit.formats.rows import Gathered
from auditkit.formats.sniffing import wrong_text
from auditkit.formats.splice import splice
from auditkit.formats.splitting import Plan
from auditkit.layouts import Row
from auditkit.messages import TOO_LONG
from auditkit.shards import Edit, FileSummary, Layout, Limits, Parsed, Quarantined, Shard, Source

_LAYOUT = Layout("document", (("text", "text"),), ("text",))


def detect(source: Source, fields: Mapping[str, str], limits: Limits) -> Layout:  # noqa: ARG001 - a text file has no fields
    """Always one text named `text`; InputError where the file is not UTF-8."""
    stored = Stored(source)
    try:
        payload, length = _whole(stored, limits)
    finally:
        stored.close()
    wrong = wrong_text(payload[:512], source.format) or ("" if length > len(payload) else _decoded(payload)[1])
    if wrong:
        raise InputError(source.name, wrong)
    return _LAYOUT


def read(source: Source, layout: Layout, limits: Limits) -> Generator[Shard, None, FileSummary]:
    """One shard with the whole text, or with its first bytes where it is too long."""
    stored = Stored(source)
    try:
        payload, length = _whole(stored, limits)
        summary = stored.summary(1)
    finally:
        stored.close()
    if not length:
        raise InputError(source.name, "has no rows: the text is empty")
    part = {"length": length} if length > len(payload) else {}
    yield Shard(0, source, layout, 0, 0, 1, payload=payload, part=part, n_bytes=len(payload))
    return summary


def _whole(stored: Stored, limits: Limits) -> tuple[bytes, int]:
    """The text and its length; of a text above the limit only the first bytes."""
    chunks, length = [], 0
    for chunk in expanded(stored, limits):
        length += len(chunk)
        if length <= limits.max_text_bytes:
            chunks.append(chunk)
        else:
            chunks = [b"".join(chunks)[:RAW_BYTES] or chunk[:RAW_BYTES]]
    return b"".join(chunks), length


def parse(shard: Shard, limits: Limits) -> Generator[Parsed, None, None]:
    """The text as one document, or quarantined."""
    payload = shard.payload or b""
    text, reason = _decoded(payload)
    if "length" in shard.part:
        reason = f"{TOO_LONG} of {limits.max_text_bytes} bytes for one text"
    rows, bad = Gathered(), tuple[Quarantined, ...]()
    if reason:
        length = shard.part.get("length", len(payload))
        bad = (Quarantined(shard.source.name, shard.first_row, 1, 0, length, reason, payload[:RAW_BYTES]),)
    else:
        rows.add(shard.first_row, Row([("text", "text", text)], None, None, None, None))
    yield Parsed(rows.batch(shard), bad)


def split(source: Source, layout: Layout, limits: Limits, plan: Plan) -> FileSummary:  # noqa: ARG001 - one signature
    """Copy the text to where the plan sends it."""
    stored = Stored(source)
    try:
        payload, length = _whole(stored, limits)
        if length > len(payload):
            plan.quarantined(0)
        plan.copy(payload, np.zeros(1, np.int64), np.array([len(payload)]), 0, _redacted)
        return stored.summary(1)
    finally:
        stored.close()


def _redacted(payload: bytes, edits: Sequence[Edit]) -> bytes:
    text = payload.removeprefix(BOM)
    return payload[: len(payload) - len(text)] + splice(text.decode(), edits).encode()


def _decoded(payload: bytes) -> tuple[str, str]:
    """(text, "") or ("", why not)."""
    try:
        return payload.removeprefix(BOM).decode(), ""
    except UnicodeDecodeError as error:
        return "", f"not UTF-8: byte 0x{error.object[error.start]:02x} at byte {error.start}"
