r"""Texts that are JSON as a whole, such as the arguments of a tool call: read and redacted as JSON.

In `{"note": "a\njane@corp.com"}` the `n` belongs to a line break and to no address. So such a text is read with its
escapes resolved, and each finding ends up inside one string or number of it: what takes its place leaves JSON behind.
Not done: a string that holds JSON itself is resolved once. Profile `presidio` finds what Presidio finds in the text as
it stands; there only what takes the place of a whole number is made to fit.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_left
from functools import lru_cache
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
    at: array[int]
    longer: array[int]

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
    """A microsecond and 16 bytes for each escape, which may be half of the text."""
    at, longer = array("q"), array("q", [0])

    def resolve(match: re.Match[str]) -> str:
        at.append(match.start() - longer[-1])
        longer.append(longer[-1] + match.end() - match.start() - 1)
        return _character(match.group())

    return Resolved(_ESCAPE.sub(resolve, text), at, longer)


@lru_cache(maxsize=1 << 16)
def _character(escape: str) -> str:
    return settled(json.loads(f'"{escape}"'))


def placed(text: str, spans: Sequence[Span], without: Resolved | None) -> list[Span]:
    """The findings of a text, or of what it is without escapes, at their places in it: of JSON, inside its values."""
    if not spans or not (without or is_json(text)):
        return list(spans)
    if without:
        spans = [span._replace(start=without.place(span.start), end=without.place(span.end)) for span in spans]
    return sorted(dict.fromkeys(_within(text, spans)))


def numbered(text: str, spans: Sequence[Span]) -> list[Span]:
    """The findings at their places; of JSON, those that are a whole number are known as such."""
    if not spans or not is_json(text):
        return list(spans)
    bare = {match.span() for match in _VALUE.finditer(text) if match.start(1) < 0}
    return [span._replace(form=BARE) if (span.start, span.end) in bare else span for span in spans]


def _within(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """What of each finding lies in a string; the whole of a number that it touches. One pass over the values."""
    waiting = sorted(spans, reverse=True)
    open_: list[Span] = []
    for match in _VALUE.finditer(text):
        while waiting and waiting[-1].start < match.end():
            open_.append(waiting.pop())
        if open_:
            open_ = [span for span in open_ if span.end > match.start()]
            yield from (found for span in open_ if (found := _inside(text, span, match)))
            if not waiting and not open_:
                return


def _inside(text: str, span: Span, value: re.Match[str]) -> Span | None:
    """The part of the finding in this value, None where there is none."""
    if value.start(1) < 0:  # the group itself would be copied for each finding
        return span._replace(start=value.start(), end=value.end(), form=BARE)
    start, end = max(span.start, value.start(1)), min(span.end, value.end(1))
    if start >= end:
        return None
    return span._replace(start=start, end=end, form=ESCAPED if "\\" in text[start:end] else "")


def plain(value: str, form: object) -> str:
    """The value that stands in JSON in this form."""
    return settled(json.loads(f'"{value}"')) if form == ESCAPED else value


def fitting(made: str, form: object) -> str:
    """What stands in JSON for a replacement: without a form it holds no sign that needs an escape."""
    if form == BARE:
        return made if _NUMBER.fullmatch(made) else json.dumps(made, ensure_ascii=False)
    return json.dumps(made, ensure_ascii=False)[1:-1] if form == ESCAPED else made


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")
