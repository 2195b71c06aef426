"""The search for a file's layout: records are shown until one can be read, or the letter says why none can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from auditkit.errors import ConfigError, InputError
from auditkit.formats.unread import Sample, columns_of
from auditkit.layouts import IDS, Census, extract, named, recognise, unknown, values
from auditkit.messages import TOO_LONG
from auditkit.shards import Layout, Limits, Source
from auditkit.text.safe import field_name, printable

_LOOK_BYTES = 64 << 20
"""A layout shows within so many bytes of a file, or the file is refused: no whole pass over a foreign file."""


class Finder:
    """Watches the records of one file; `found` is asked after each block of them."""

    def __init__(self, source: Source, fields: Mapping[str, str], limits: Limits) -> None:
        self.census = Census()
        self._anywhere = bool(fields)  # a field that the user names may come late
        self.name = source.name
        self._limits = limits
        self.named = named(fields) if fields else None
        self._unseen = {path for path in fields.values() if path}
        self._records: list[Mapping[str, object]] = []
        self._reasons: list[str] = []
        self._n_long = 0
        self._columns: list[str] | None = None
        self._sample: Sample | None = None

    @property
    def look_bytes(self) -> int:
        """How far into the file a layout is looked for."""
        return 1 << 62 if self._anywhere and self._sample is None else _LOOK_BYTES

    def record(self, record: Mapping[str, object]) -> None:
        """One more record that was read."""
        if self._columns is None:
            self._columns = columns_of(self.census)
        self.census.add(record)
        self._records.append(record)
        if self._unseen:
            self._unseen = {path for path in self._unseen if not values(record, path)}

    def refused(self, reason: str) -> None:
        """One more row that could not be read."""
        if reason.startswith(TOO_LONG):
            self._n_long += 1
        elif not self._reasons:
            self._reasons.append(reason)

    def found(self) -> Layout | None:
        """The layout, once a row was seen that can be read with it, and enough rows to tell which fields are no texts.

        The records shown so far are forgotten.
        """
        records, self._records = self._records, []
        if self._sample is None:
            layout = self._layout()
            if layout is None or not self._reads(layout, records) or self._unseen:
                return None
            self._sample = Sample(layout, self._limits)
        for record in records:
            self._sample.add(record)
        return self._sample.told(self._columns or ()) if self._sample.is_full else None

    @property
    def is_readable(self) -> bool:
        """Whether a layout was found that reads a row."""
        return self._sample is not None

    def _reads(self, layout: Layout, records: Iterable[Mapping[str, object]]) -> bool:
        """Whether one of these records can be read with the layout."""
        for record in records:
            row = extract(record, layout, self._limits)
            if not isinstance(row, str):
                return True
            self.refused(row)
        return False

    def _layout(self) -> Layout | None:
        if self.named is None:
            return recognise(self.census)
        automatic = "" if self.named.id else next((name for name in IDS if name in self.census.kinds), "")
        return replace(self.named, id=self.named.id or automatic)

    def give_up(self) -> Layout:
        """What the end of the file means: a layout when one was found or all rows are too long, else a refusal."""
        if self._sample is not None:
            return self._sample.told(self._columns or ())
        layout = self._layout()
        name = self.name
        if self._unseen and (self.census.kinds or not self._n_long):
            paths = ", ".join(f"'{printable(path)}'" for path in sorted(self._unseen))
            fields = ", ".join(field_name(key) for key in list(self.census.kinds)[:20])
            raise ConfigError(f"{printable(name)}: no row has the field {paths}; found: {fields or 'none'}")
        if self._n_long and not self._reasons:
            return layout or Layout("unknown", ())
        if self.census.kinds and layout is None:
            raise InputError(name, unknown(self.census))
        if self._reasons:
            raise InputError(name, f"not one row can be read; the first: {self._reasons[0]}")
        raise InputError(name, "has no rows")
