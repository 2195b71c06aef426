"""Edits put into a text, and into a JSON line without touching another byte of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from auditkit.errors import CheckerError
from auditkit.layouts import Step, steps
from auditkit.shards import Edit
from auditkit.text.safe import printable

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
_PIECE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+"
)  # a surrogate pair, an escape, or text: each escape is one code point
_Path = tuple[Step, ...]


def splice(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made; spans are code points of the text as it was."""
    parts, last = [], 0
    for edit in _ordered(edits, len(text)):
        parts += [text[last : edit.start], edit.replacement]
        last = edit.end
    return "".join([*parts, text[last:]])


def _ordered(edits: Sequence[Edit], length: int) -> list[Edit]:
    """The edits by place; CheckerError when they overlap or lie outside: a redaction is never made by halves."""
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    last = 0
    for edit in ordered:
        if not last <= edit.start <= edit.end <= length:
            raise CheckerError(f"edits of field '{printable(edit.field)}' overlap or lie outside its text")
        last = edit.end
    return ordered


def by_field(edits: Iterable[Edit]) -> dict[str, list[Edit]]:
    """The edits of each field."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.field, []).append(edit)
    return found


def splice_json(line: bytes, edits: Sequence[Edit]) -> bytes:
    """A JSON line with its edits made inside the strings they name; every other byte, escapes included, stays."""
    fields = by_field(edits)
    spans = _locate(line, fields)
    ascii_only = line.isascii()
    cuts = []
    for field, some in fields.items():
        start, end = spans[field]
        places = _raw_places(line[start:end], [place for edit in some for place in (edit.start, edit.end)])
        for edit in _ordered(some, max(places)):
            replacement = json.dumps(edit.replacement, ensure_ascii=ascii_only)[1:-1].encode()
            cuts.append((start + places[edit.start], start + places[edit.end], replacement))
    parts, last = [], 0
    for start, end, replacement in sorted(cuts, key=lambda cut: cut[:2]):
        parts += [line[last:start], replacement]
        last = end
    return b"".join([*parts, line[last:]])


def _raw_places(raw: bytes, wanted: Iterable[int]) -> dict[int, int]:
    """For each code point place its byte in the escaped string; CheckerError for a place outside it."""
    remaining = sorted(set(wanted), reverse=True)
    found: dict[int, int] = {}
    point = 0
    for match in _PIECE.finditer(raw):
        piece = match.group()
        text = piece.decode() if piece[:1] != b"\\" else "?"
        while remaining and remaining[-1] < point + len(text):
            place = remaining.pop()
            found[place] = match.start() + (len(text[: place - point].encode()) if place > point else 0)
        point += len(text)
    if remaining and remaining[-1] == point:
        found[remaining.pop()] = len(raw)
    if remaining:
        raise CheckerError("an edit lies outside its text")
    return found


def _locate(line: bytes, fields: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The (start, end) of the contents of the strings at these paths; CheckerError when one is not there."""
    wanted: dict[_Path, str] = {}
    names = list(fields)
    for name in names:
        wanted[steps(name)] = name
    exact = {(Step(name),): name for name in names if "[" not in name}  # as `layouts.values` reads it
    found: dict[str, tuple[int, int]] = {}
    for path, start, end in _string_values(line):
        if path in exact:
            found[exact[path]] = start, end
        elif path in wanted:
            found.setdefault(wanted[path], (start, end))
    missing = [name for name in names if name not in found]
    if missing:
        raise CheckerError(f"an edit names field '{printable(missing[0])}', which the row does not have")
    return found


def _string_values(line: bytes) -> Iterator[tuple[_Path, int, int]]:
    """(path, start, end) of each string value of a well-formed line; its contents are line[start:end]."""
    stack: list[Step] = []  # the way to the current value: the last is its name, or its place in a list
    lists: list[bool] = []
    naming = False
    for match in _TOKEN.finditer(line):
        token = line[match.start()]
        if token == 0x22 and naming:
            stack[-1] = Step(json.loads(match.group()))
            naming = False
        elif token == 0x22:
            yield _joined(stack), match.start() + 1, match.end() - 1
        elif token in b"{[":
            lists.append(token == 0x5B)
            stack.append(Step("", 0) if lists[-1] else Step(""))
            naming = not lists[-1]
        elif token in b"}]":
            stack.pop()
            lists.pop()
            naming = False
        elif token == 0x2C:
            naming = not lists[-1]
            if lists[-1]:
                stack[-1] = Step("", (stack[-1].element or 0) + 1)


def _joined(stack: Sequence[Step]) -> _Path:
    """The way as a path: the place in a list belongs to the name before it."""
    path: list[Step] = []
    for step in stack:
        if step.element is None or not path or path[-1].element is not None:
            path.append(step)
        else:
            path[-1] = Step(path[-1].name, step.element)
    return tuple(path)
