"""Which fields of a file hold strings that no checker reads: told from the rows in which its layout was found.

They are copied to kept/ as they are, so whoever reads the report must know their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from auditkit.layouts import BY_SPEAKER, IDS, Census, extract
from auditkit.messages import MACHINERY, speaker_of
from auditkit.shards import Layout, Limits
from auditkit.text.safe import field_name

MOST_ROWS = 1000  # of a file: 50 ms; what comes later comes too late
MOST_CHARS = 1 << 20  # a quarter of a block: it is rarely read on for them
MOST_NAMES = 1000  # that are told apart: a file may have a new one in each row
MOST_OF_ROW = MOST_CHARS << 5  # a line of many megabytes is not walked to its end
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


class Sample:
    """The first rows of a file that can be read with its layout, and the fields in them that are no texts."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self._layout, self._limits, self._keys = layout, limits, _keys(layout)
        self._names: dict[str, None] = {}
        self._n_rows = self._n_chars = 0

    @property
    def is_full(self) -> bool:
        """Whether enough was seen: so many rows or so much text, whatever the blocks in which they came."""
        return self._n_rows >= MOST_ROWS or self._n_chars >= MOST_CHARS

    def add(self, record: Mapping[str, object]) -> None:
        """One more row."""
        row = "" if self.is_full else extract(record, self._layout, self._limits)
        if isinstance(row, str):
            return
        read = {field for field, _, _ in row.texts}
        self._n_rows += 1
        for path, text in _strings(record, ""):
            self._n_chars += len(text) + 1
            if self._n_chars >= MOST_OF_ROW:
                break
            name = _PLACE.sub("[*]", path)
            if path not in read and not self._keys.has(name, text) and len(self._names) < MOST_NAMES:
                self._names[name] = None

    def told(self, columns: Iterable[str]) -> Layout:
        """The layout with these fields, in the order in which they came; `columns` hold strings by their type."""
        paths = [path for path, _ in self._layout.texts]
        taken = {*paths, *(path.partition("[")[0].partition(".")[0] for path in paths)}
        typed = (name for name in columns if name.partition("[")[0] not in taken and not self._keys.has(name, ""))
        names = [shown(name) for name in self._names | dict.fromkeys(typed)]
        return replace(self._layout, unread=tuple(names[:LISTED]), n_unread=len(names), n_shown=self._n_rows)


def columns_of(census: Census) -> list[str]:
    """The fields of which the census knows by their type alone that they hold strings: asked before the first row."""
    texts = [name for name in census.kinds if census.has(name)]
    return texts + [f"{name}[*]" for name in census.kinds if census.has(name, "texts")]


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
