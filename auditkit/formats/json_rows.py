"""JSON lines to the columns of a batch: from the spans of the fast scan to Arrow buffers, no Python object for a row.

Layouts of fields at the top level and at most one list go this way: strings in the list (sampled answers), or one text
in each of its objects (chat messages).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.formats.rows import Columns, batch, key_paths
from auditkit.layouts import BY_SPEAKER, EACH, steps
from auditkit.messages import BESIDE, speaker_of, voice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.documents import Batch
    from auditkit.shards import Layout, Limits, Shard

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Bools = NDArray[np.bool_]


class Shape(NamedTuple):
    """The names that the scan looks for: `top` at the top level; `listed`, one of them, is a list ("" for none);
    `inner` in the objects of that list: its text and, in a chat, who speaks. Nothing in `inner`: the list holds texts.
    A line with a value under one of the names `beside` in these objects is not for the scan.
    """

    top: tuple[str, ...]
    listed: str = ""
    inner: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def shape_of(layout: Layout) -> Shape | None:
    """What to look for, or None when the layout is deeper than the scan sees."""
    lists = [(path, role) for path, role in layout.texts if _is_listed(path)]
    listed_paths = [path for path, _ in lists]
    keys = key_paths(layout).values()
    flat = [path for path in (*dict(layout.texts), *layout.required, *keys) if path and path not in listed_paths]
    if len(lists) > 1 or any(len(steps(path)) > 1 or steps(path)[0].element is not None for path in flat):
        return None
    if not lists:
        return Shape(tuple(dict.fromkeys(flat)))
    ((path, role),) = lists
    name, *rest = (step.name for step in steps(path))
    top = tuple(dict.fromkeys([name, *flat]))
    if role == BY_SPEAKER:
        return Shape(top, name, (rest[0], speaker_of(rest[0])), BESIDE)
    return Shape(top, name, tuple(rest))


def _is_listed(path: str) -> bool:
    first, *rest = steps(path)
    return first.element == EACH and len(rest) < 2 and all(step.element is None for step in rest)


class Scan:
    """The lines of a block with what the fast scan found: their status, and kind and span of each wanted field."""

    def __init__(self, payload: bytes, starts: Ints, ends: Ints, shape: Shape | None, limits: Limits) -> None:
        from auditkit.text import json_scan

        self.clean, self.more = json_scan.CLEAN, json_scan.MORE
        self.payload, self.starts, self.ends = payload, starts, ends
        self._data = np.frombuffer(payload, np.uint8)
        self.shape = shape or Shape(())
        top, listed, inner, beside = self.shape
        names = [name.encode() for name in (*top, *inner, *beside)]
        bounds = np.cumsum([0, *map(len, names)]).astype(np.int64)
        letters = np.frombuffer(b"".join(names) + b"\0", np.uint8)
        where = np.array([limits.max_nesting, len(top), top.index(listed) if listed else -1, len(names) - len(beside)])
        n = len(starts)
        self.status, self.kinds = np.zeros(n, np.uint8), np.zeros((n, len(top)), np.uint8)
        self.spans, self.counts = np.zeros((n, len(top), 3), np.int64), np.zeros((n, 2), np.int64)
        n_found, room = -1, 8 * n if listed else 0
        while n_found < 0:
            found = np.empty((room, 4), np.int64)
            self.kinds[:] = json_scan.ABSENT
            n_found = json_scan.scan_lines(
                self._data,
                starts,
                ends,
                letters,
                bounds,
                where,
                self.status,
                self.spans,
                self.kinds,
                self.counts,
                found,
            )
            room = 4 * room + 64
        self._found = found[:n_found]

    def readable(self, layout: Layout, limits: Limits) -> Bools:
        """Which lines hold what the layout asks for; for the others the strict parser finds the reason."""
        from auditkit.text import json_scan

        good, some = np.ones(len(self.starts), np.bool_), np.zeros(len(self.starts), np.bool_)
        for path, _ in layout.texts:
            if _is_listed(path):
                good &= self._list_is_readable(layout, limits)
                some |= self.counts[:, 1] > 0
                continue
            kinds, sizes = self._column(path)
            text = kinds == json_scan.STRING
            nothing = (kinds == json_scan.NULL) | (kinds == json_scan.ABSENT)
            good &= (text & (sizes <= limits.max_text_bytes)) | (nothing & (path not in layout.required))
            some |= text
        return good & some

    def _column(self, name: str) -> tuple[Bytes, Ints]:
        at = self.shape.top.index(name)
        return self.kinds[:, at], self.spans[:, at, 2]

    def _list_is_readable(self, layout: Layout, limits: Limits) -> Bools:
        """Where every element of the list has its text, and in a chat its speaker."""
        from auditkit.text import json_scan

        kinds, _ = self._column(self.shape.listed)
        n_elements, n_strings = self.counts.T
        full = (kinds == json_scan.NESTED) & (n_elements > 0)
        full &= n_strings == n_elements * max(1, len(self.shape.inner))
        long = self._found[:, 3] > limits.max_text_bytes
        full[np.repeat(np.arange(len(self.starts)), n_strings)[long]] = False
        required = any(path.startswith(self.shape.listed) for path in layout.required)
        nothing = (kinds == json_scan.NULL) | (kinds == json_scan.ABSENT)
        readable: Bools = full if required else full | nothing
        return readable

    def batch(self, shard: Shard, good: Bools) -> Batch:
        """The batch of the good lines."""
        lines = np.flatnonzero(good)
        keys = {name: self._key(lines, path) for name, path in key_paths(shard.layout).items() if path}
        columns = self._flat_texts(shard.layout, lines)
        if self.shape.listed:
            columns = self._with_list(shard.layout, good, columns)
        return batch(shard, lines + shard.first_row, Columns(*columns[:-1], self._strings(columns.texts)), keys)

    def _flat_texts(self, layout: Layout, lines: Ints) -> Columns:
        """Owners, names and roles of the texts at the top level, with their spans in place of the texts."""
        from auditkit.text import json_scan

        texts = [(path, role) for path, role in layout.texts if not _is_listed(path)]
        at = [self.shape.top.index(path) for path, _ in texts]
        present = self.kinds[lines][:, at] == json_scan.STRING
        owners, which = np.nonzero(present)
        spans = self.spans[lines][:, at][present]
        paths, roles = [path for path, _ in texts], [role for _, role in texts]
        return Columns(owners, which, paths, which, roles, spans)

    def _with_list(self, layout: Layout, good: Bools, flat: Columns) -> Columns:
        """The same with the texts of the list, in the order of the layout."""
        n_strings = self.counts[:, 1]
        owners = np.repeat(np.cumsum(good) - 1, n_strings)
        mine = np.repeat(good, n_strings)
        first = mine & (self._found[:, 0] == 0)
        owners, spans = owners[first], self._found[first, 1:]
        starts = np.searchsorted(owners, owners)
        element = np.arange(len(owners)) - starts
        order = [_is_listed(path) for path, _ in layout.texts].index(True)
        roles, names = self._speakers(mine, layout.texts[order][1], len(owners))
        ranks = np.concatenate([flat.fields + (flat.fields >= order), np.full(len(owners), order)])
        places = np.concatenate([np.zeros(len(flat.owners), np.int64), element])
        everyone = np.concatenate([flat.owners, owners])
        by = np.lexsort((places, ranks, everyone))
        suffix = f".{self.shape.inner[0]}" if self.shape.inner else ""
        count = int(element.max(initial=-1)) + 1
        return Columns(
            everyone[by],
            np.concatenate([flat.fields, element + len(flat.field_names)])[by],
            [*flat.field_names, *(f"{self.shape.listed}[{index}]{suffix}" for index in range(count))],
            np.concatenate([flat.roles, roles + len(flat.role_names)])[by],
            [*flat.role_names, *names],
            np.concatenate([flat.texts, spans])[by],
        )

    def _speakers(self, mine: Bools, role: str, n: int) -> tuple[Ints, list[str]]:
        """The role of each text of the list, in a chat with its speaker, as indices into names."""
        if role != BY_SPEAKER:
            return np.zeros(n, np.int64), [role]
        speakers = self._strings(self._found[mine & (self._found[:, 0] == 1), 1:]).dictionary_encode()
        names = [voice(speaker) for speaker in speakers.dictionary.to_pylist()]
        return speakers.indices.to_numpy().astype(np.int64), names

    def _key(self, lines: Ints, path: str) -> pa.Array:
        """A key of each line as text, numbers and booleans as they were written, else null."""
        from auditkit.text import json_scan

        at = self.shape.top.index(path)
        valid = np.isin(self.kinds[lines, at], (json_scan.STRING, json_scan.SCALAR))
        strings = self._strings(np.where(valid[:, None], self.spans[lines, at], 0))
        mask = pa.array(valid).buffers()[1]
        return pa.LargeStringArray.from_buffers(len(lines), *strings.buffers()[1:], mask).cast(pa.utf8())

    def _strings(self, spans: Ints) -> pa.Array:
        """The values at (start, end, size) spans, unescaped, as large_utf8."""
        from auditkit.text import json_words

        spans = np.ascontiguousarray(spans)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(spans[:, 2])])
        out = np.empty(int(offsets[-1]), np.uint8)
        json_words.copy_strings(self._data, spans, offsets, out)
        return pa.LargeStringArray.from_buffers(len(spans), pa.py_buffer(offsets), pa.py_buffer(out))
