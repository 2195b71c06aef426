"""What the second pass over a file carries: the decision and the edits of each row, and where rows go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from auditkit.errors import CheckerError, InputError
from auditkit.formats.target import Target
from auditkit.shards import DROP, KEEP, QUARANTINE, REDACT, Edit
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Codes = NDArray[np.uint8]

CHANGED = "changed during the run: nothing of it was published; run again"
Redact = Callable[[bytes, Sequence[Edit]], bytes]


@dataclass(frozen=True)
class Plan:
    """decisions: one code per row of the file. edits(first, last): the edits of redacted rows first <= row < last."""

    name: str
    decisions: Codes
    edits: Callable[[int, int], Mapping[int, Sequence[Edit]]]
    kept: Target
    dropped: Target

    def of_rows(self, first: int, n_rows: int) -> Codes:
        """The decisions of n_rows rows; InputError when the file has more rows than were decided."""
        if first + n_rows > len(self.decisions):
            raise InputError(self.name, CHANGED)
        return self.decisions[first : first + n_rows]

    def copy(self, payload: bytes, starts: Ints, ends: Ints, first: int, redact: Redact) -> None:
        """Copy rows first, first + 1, ... = payload[starts:ends], line ends included, to where they belong.

        Rows of one decision that touch are copied in one piece, byte for byte.
        """
        codes = self.of_rows(first, len(starts))
        some = self.edits(first, first + len(starts)) if (codes == REDACT).any() else {}
        breaks = (np.diff(codes) != 0) | (starts[1:] != ends[:-1]) | (codes[1:] == REDACT)
        runs = np.concatenate([[0], np.flatnonzero(breaks) + 1, [len(starts)]])
        for low, high in pairwise(runs.tolist()):
            if low == high:
                continue
            piece, code = payload[starts[low] : ends[high - 1]], codes[low]
            if code == REDACT:
                self.kept.write(redact(piece, self.edits_of(some, first + low)), 1)
            elif code != QUARANTINE:
                target = self.kept if code == KEEP else self.dropped
                target.write(piece, high - low)

    def edits_of(self, some: Mapping[int, Sequence[Edit]], row: int) -> Sequence[Edit]:
        """The edits of a redacted row; CheckerError when it has none, for then it would be kept as it is."""
        if not some.get(row):
            raise CheckerError(f"row {row} of {printable(self.name)} is to be redacted but has no edits")
        return some[row]

    def quarantined(self, row: int) -> None:
        """InputError unless the row, which has now turned out to be unreadable, was quarantined."""
        if self.of_rows(row, 1)[0] != QUARANTINE:
            raise InputError(self.name, CHANGED)

    @property
    def drops(self) -> bool:
        """Whether any row goes to the dropped file."""
        return bool((self.decisions == DROP).any())
