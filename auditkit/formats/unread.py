"""Which fields of a file hold strings that no checker reads: told from the rows in which its layout was found.

They are copied to kept/ as they are, so whoever reads the report must know their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from auditkit.layouts import BY_SPEAKER, IDS, Census, extract
from auditkit.messages import MACHINERY, speaker_of
from auditkit.shards import Layout, Limits
from auditkit.text.safe import field_name

MOST_ROWS = 1000  # of a file: 50 ms; what comes later comes too late
MOST_NAMES = 1000  # that are told apart: a file may have a new one in each row
LISTED = 50
_PLACE = re.compile(r"\[\d+\]")
_KEY = re.compile(r"[^\s@]{0,100}")


class Keys(NamedTuple):
    """Where strings only name a record, or tie parts of a message together. chat: how paths into its messages begin."""

    names: frozenset[str]
    chat: str = ""
    inner: frozenset[str] = frozenset()

    def has(self, name: str, text: str) -> bool:
        """Whether the string stands in such a place and looks like no text."""
        inside = bool(self.chat) and name.startswith(self.chat) and name.rpartition(".")[2] in self.inner
        return (inside or name in self.names) and _KEY.fullmatch(text) is not None


def with_unread(layout: Layout, records: Iterable[Mapping[str, object]], census: Census, limits: Limits) -> Layout:
    """The layout with the names of the fields that hold strings and are no texts, in the order in which they came."""
    keys = _keys(layout)
    found: dict[str, None] = {}
    n_rows = 0
    for record in islice(records, MOST_ROWS):
        row = extract(record, layout, limits)
        if not isinstance(row, str):
            n_rows += 1
            read = {field for field, _, _ in row.texts}
            for path, text in _strings(record, ""):
                name = _PLACE.sub("[*]", path)
                if name not in found and path not in read and not keys.has(name, text) and len(found) < MOST_NAMES:
                    found[name] = None
    found |= dict.fromkeys(name for name in _columns(census, layout) if not keys.has(name, ""))
    names = [shown(name) for name in found]
    return replace(layout, unread=tuple(names[:LISTED]), n_unread=len(names), n_shown=n_rows)


def _keys(layout: Layout) -> Keys:
    names = frozenset([*IDS, layout.id, layout.group, layout.label, layout.split, layout.logprob])
    for path, role in layout.texts:
        if role == BY_SPEAKER:
            chat, _, key = path.rpartition(".")
            return Keys(names, f"{chat}.", MACHINERY | {speaker_of(key)})
    return Keys(names)


def shown(path: str) -> str:
    """The path with harmless names, `***` for those that are data."""
    return ".".join(field_name(name) for name in path.split("."))


def _strings(value: object, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every string inside a value that says something."""
    if type(value) is str:
        if value.strip():
            yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{path}[{index}]")


def _columns(census: Census, layout: Layout) -> Iterator[str]:
    """The fields at the top level that hold strings, by their values in all rows that were shown or by their type."""
    paths = [path for path, _ in layout.texts]
    taken = {*paths, *(path.partition("[")[0].partition(".")[0] for path in paths)}
    for name in census.kinds:
        if name not in taken and census.has(name):
            yield name
        elif name not in taken and census.has(name, "texts"):
            yield f"{name}[*]"
