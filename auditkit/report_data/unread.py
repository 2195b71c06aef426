"""Which fields of the records nobody looked at: what a layout does not take for a text is copied as it is."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.report_data import Report
from auditkit.report_data.words import count


class Unread(NamedTuple):
    """Names of fields with strings that no checker read, `more` that are not listed, and in how many first rows."""

    names: list[str]
    more: int
    rows: int

    def rest(self, shown: int) -> str:
        """` (12 more)` where only so many names are shown, else nothing."""
        n_more = len(self.names) - min(shown, len(self.names)) + self.more
        return f" ({count(n_more)} more)" if n_more else ""

    @property
    def where(self) -> str:
        """In which rows they were looked for."""
        return f"seen in the first {count(self.rows)} rows of a file" if self.rows > 1 else "seen in the first row"


def unread(report: Report) -> Unread:
    """The fields of all inputs, in the order of the inputs; each name once."""
    names: dict[str, None] = {}
    more = rows = 0
    for item in report.manifest["inputs"]:
        layout = item["layout"]
        names |= dict.fromkeys(layout.get("unread", ()))
        more = max(more, layout.get("n_unread", 0) - len(layout.get("unread", ())))
        rows = max(rows, layout.get("n_shown", 0))
    return Unread(list(names), more, rows)
