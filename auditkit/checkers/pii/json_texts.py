r"""Texts that are JSON as a whole, such as the arguments of a tool call: read and redacted as JSON.

In `{"note": "a\njane@corp.com"}` the `n` belongs to a line break and to no address. So such a text is read with its
escapes resolved, and each finding ends up inside one string or number of it: what takes its place leaves JSON behind.
Not done: a string that holds JSON itself is resolved once.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import orjson

from auditkit.text.settled import settled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditkit.checkers.pii.spans import Span

ESCAPED, BARE = "escaped", "bare"
"""The forms of a value in JSON: part of a string with escapes; a number, which stands without quotes."""

_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.")
_VALUE = re.compile(r'"((?:[^"\\]++|\\.)*+)"|([^\s"\[\]{},:]++)')
_HEAD = 64  # characters in which JSON must begin


class Resolved(NamedTuple):
    """A text without escapes. at: where in it each escape stood. longer: by how much the text was longer before it."""

    text: str
    at: list[int]
    longer: list[int]

    def place(self, index: int) -> int:
        """Where the character stands in the text with escapes."""
        return index + self.longer[bisect_left(self.at, index)]


def is_json(text: str) -> bool:
    """Whether a text is an object or a list in JSON."""
    if text[:_HEAD].lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def resolved(texts: Sequence[str]) -> dict[int, Resolved]:
    """The texts that are JSON with escapes, by their index."""
    return {index: _resolved(text) for index, text in enumerate(texts) if "\\" in text and is_json(text)}


def _resolved(text: str) -> Resolved:
    parts, at, surplus = [], [], []
    last = n_out = 0
    for match in _ESCAPE.finditer(text):
        character = settled(json.loads(f'"{match.group()}"'))
        parts += [text[last : match.start()], character]
        n_out += match.start() - last
        at.append(n_out)
        surplus.append(len(match.group()) - 1)
        n_out, last = n_out + 1, match.end()
    return Resolved("".join([*parts, text[last:]]), at, list(accumulate(surplus, initial=0)))


def placed(text: str, spans: Sequence[Span], without: Resolved | None) -> list[Span]:
    """The findings of a text, or of what it is without escapes, at their places in it: of JSON, inside its values."""
    if not spans or not (without or is_json(text)):
        return list(spans)
    if without:
        spans = [span._replace(start=without.place(span.start), end=without.place(span.end)) for span in spans]
    return sorted(dict.fromkeys(_within(text, spans)))


def _within(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """What of each finding lies in a string; the whole of a number that it touches."""
    values = list(_VALUE.finditer(text))
    ends = [match.end() for match in values]
    for span in spans:
        for match in values[bisect_left(ends, span.start + 1) :]:
            if match.start() >= span.end:
                break
            if match[1] is None:
                yield span._replace(start=match.start(), end=match.end(), form=BARE)
                continue
            start, end = max(span.start, match.start(1)), min(span.end, match.end(1))
            if start < end:
                yield span._replace(start=start, end=end, form=ESCAPED if "\\" in text[start:end] else "")


def plain(value: str, form: object) -> str:
    """The value that stands in JSON in this form."""
    return settled(json.loads(f'"{value}"')) if form == ESCAPED else value


def fitting(made: str, form: object) -> str:
    """What stands in JSON for a replacement: without a form it holds no sign that needs an escape."""
    if form == BARE:
        return made if _NUMBER.fullmatch(made) else json.dumps(made, ensure_ascii=False)
    return json.dumps(made, ensure_ascii=False)[1:-1] if form == ESCAPED else made


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")
