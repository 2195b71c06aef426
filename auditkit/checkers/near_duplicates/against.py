"""What a run is held against: indexes of earlier rounds, and benchmarks whose items must not be in the corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.near_duplicates import matching
from auditkit.checkers.near_duplicates.benchmarks import CONTAINED, Items, read_items
from auditkit.checkers.near_duplicates.clusters import first_rows
from auditkit.checkers.near_duplicates.documents import texts_of
from auditkit.checkers.near_duplicates.index import Index, open_index, read_manifest
from auditkit.checkers.near_duplicates.options import MANIFEST, Bands, Options
from auditkit.errors import ConfigError
from auditkit.text.folding import folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.stages import Equal
    from auditkit.documents import Batch

MOST_ITEMS = 16
"""Items reported per document, those with the largest share first: a document that contains more is a benchmark."""
BYTES_PER_DOCUMENT = 24 * MOST_ITEMS
AT_A_TIME = 1 << 18
"""Documents that are held against the indexes at a time."""
NOTHING: dict[str, NDArray[np.generic]] = {
    "item_doc": np.zeros(0, np.int64),
    "item": np.zeros(0, np.int64),
    "item_share": np.zeros(0, np.float64),
}


def file_hash(path: str) -> str:
    """SHA-256 of a benchmark file, or of the manifest of an index, which names the hash of everything in it."""
    decides = Path(path, MANIFEST) if Path(path).is_dir() else Path(path)
    with decides.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Known(NamedTuple):
    """A document of the run that an index already holds."""

    doc: int
    kept_file: str
    kept_row: int
    jaccard: float
    exact: bool


@dataclass(frozen=True)
class Against:
    """The indexes and benchmarks of `against`; files are opened when they are first needed, once per process."""

    options: Options

    @cached_property
    def bands(self) -> Bands:
        """How signatures are cut: as the indexes say, else by the threshold. ConfigError when they disagree."""
        cuts = {}
        for path in self._indexes:
            manifest = read_manifest(path)
            matching.check_threshold(Index(path, manifest), self.options.threshold)
            cuts[Bands(manifest.bands, manifest.rows)] = path
        if len(cuts) > 1:
            raise ConfigError(f"against: {' and '.join(cuts.values())} were built for different thresholds")
        return next(iter(cuts), self.options.bands())

    @cached_property
    def indexes(self) -> list[Index]:
        """The indexes, opened and checked."""
        return [open_index(path) for path in self._indexes]

    @cached_property
    def items(self) -> Items | None:
        """The items of the benchmarks, and the texts that are withheld; None without any."""
        paths = [path for path in self.options.against if not Path(path).is_dir()]
        return read_items(paths, self.options.withheld) if paths or self.options.withheld else None

    @property
    def _indexes(self) -> list[str]:
        return [path for path in self.options.against if Path(path).is_dir()]

    def contained(self, batch: Batch) -> State:
        """Columns item_doc int64, item int64 and item_share float64: which documents contain which benchmark items."""
        if self.items is None or not len(batch):
            return dict(NOTHING)
        from auditkit.checkers.near_duplicates.containment import contained

        docs, items, shares = contained(texts_of(batch), folding(), self.items.table, self.items.sizes)
        order = np.lexsort((items, -shares, docs))
        rank = np.arange(len(docs)) - np.searchsorted(docs, docs)
        best = order[(rank < MOST_ITEMS) & (shares[order] >= CONTAINED)]
        return {"item_doc": batch.docs[docs[best]], "item": items[best], "item_share": shares[best]}

    def asked(self, state: State, same: Equal) -> NDArray[np.int64]:
        """Keys of the documents whose gram sets are needed to compare them with the indexes, one per equal text."""
        docs = [np.zeros(0, np.int64)]
        for speakers in self._speakers(state, same) if self.indexes else ():
            who = [matching.candidates(index, speakers).who for index in self.indexes]
            docs.append(speakers["doc"][np.unique(np.concatenate(who))])
        return np.concatenate(docs)

    def known(self, state: State, looked: State | None, same: Equal) -> list[Known]:
        """Every document that an index holds, in order; of several indexes the first one counts."""
        if not self.indexes:
            return []
        found: dict[int, Known] = {}
        for index in self.indexes:
            for speakers in self._speakers(state, same):
                held = matching.candidates(index, speakers)
                answer = matching.verified(index, held, speakers, looked, self.options.threshold)
                for at in np.flatnonzero(answer.number != matching.NONE).tolist():
                    doc, number = int(speakers["doc"][at]), int(answer.number[at])
                    one = Known(doc, *index.place(number), float(answer.jaccard[at]), bool(answer.exact[at]))
                    found.setdefault(doc, one)
        copies = ((found.get(int(state["doc"][first])), row) for row, first in zip(same.rows, same.firsts, strict=True))
        known = [one._replace(doc=int(state["doc"][row])) for one, row in copies if one is not None]
        return sorted([*found.values(), *known])

    def _speakers(self, state: State, same: Equal) -> Iterator[State]:
        """The first documents of equal texts, some at a time: the others share whatever is found for them."""
        rows = first_rows(len(state["doc"]), same)
        for low in range(0, len(rows), AT_A_TIME):
            here = rows[low : low + AT_A_TIME]
            own = {name: state[name][here] for name in ("doc", "words", "text", "keys")}
            first, last = np.searchsorted(state["pair_doc"], [own["doc"][0], own["doc"][-1] + 1])
            paired = first + np.flatnonzero(np.isin(state["pair_doc"][first:last], own["doc"]))
            yield own | {name: state[name][paired] for name in ("pair_doc", "pair_response", "pair_words")}
