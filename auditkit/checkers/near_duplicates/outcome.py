"""What the checker has to say at the end, as findings, certificates and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.checker import Certificate
from auditkit.checkers.near_duplicates import lines, passages, relations, semantic
from auditkit.findings import Found, Metric, detail, found_concat, found_table, share

if TYPE_CHECKING:
    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.against import Against, Known
    from auditkit.checkers.near_duplicates.clusters import Copies

NAME = "near_duplicates"
EXACT, NEAR = "near_duplicates/exact-copy", "near_duplicates/near-copy"
CONTAMINATION = "near_duplicates/contamination"
AT_A_TIME = 1 << 16
METRICS = (
    "removed_share",
    "clusters",
    "largest_cluster",
    "repeated_lines",
    "known_share",
    "contaminated_share",
    "contaminated_items",
    "leaked_share",
    "passages_share",
    "semantic_share",
)


class Certificates(Sequence[Certificate]):
    """One certificate per document that is a copy; 25 bytes for each that is a copy of one in the run."""

    def __init__(self, copies: Copies, known: Sequence[Known]) -> None:
        self._copies, self._known = copies, known

    def __len__(self) -> int:
        """Number of certificates."""
        return len(self._copies.doc) + len(self._known)

    @overload
    def __getitem__(self, at: int) -> Certificate: ...
    @overload
    def __getitem__(self, at: slice) -> list[Certificate]: ...
    def __getitem__(self, at: int | slice) -> Certificate | list[Certificate]:
        """Those of the run by document, then those of indexes by document."""
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        copies, beyond = self._copies, range(len(self))[at] - len(self._copies.doc)
        if beyond >= 0:
            one = self._known[beyond]
            return Certificate(one.doc, None, one.jaccard, rule_of(one.exact), one.kept_file, one.kept_row)
        doc, kept, jaccard, exact = (column[beyond].item() for column in copies)
        return Certificate(doc, kept, jaccard, rule_of(exact))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content


def table(found: Iterable[Found]) -> pa.Table:
    """The findings as a table, made of some thousand at a time: a finding is 1 kB in Python and 130 bytes in Arrow."""
    waiting = iter(found)
    return found_concat([found_table(some) for some in iter(lambda: list(islice(waiting, AT_A_TIME)), [])])


def findings(copies: Copies, known: Sequence[Known]) -> Iterator[Found]:
    """One finding per document that is a copy."""
    for low in range(0, len(copies.doc), AT_A_TIME):
        some = (column[low : low + AT_A_TIME].tolist() for column in copies)
        for doc, kept, jaccard, exact in zip(*some, strict=True):
            why = detail(jaccard=jaccard, kept_doc=kept)
            yield Found(doc, rule_of(exact), score=jaccard, detail=why, group=f"{NAME}:{kept}")
    for one in known:
        why = detail(jaccard=one.jaccard, kept_file=one.kept_file, kept_row=one.kept_row)
        group = f"{NAME}:{one.kept_file}:{one.kept_row}"
        yield Found(one.doc, rule_of(one.exact), score=one.jaccard, detail=why, group=group)


def rule_of(exact: bool) -> str:  # noqa: FBT001 - a column of them
    """The rule that a copy breaks."""
    return EXACT if exact else NEAR


def contained(state: State, against: Against) -> Iterator[Found]:
    """A finding per document and item that it contains."""
    if against.items is None:
        return
    columns = (state[name].tolist() for name in ("item_doc", "item", "item_share"))
    for doc, number, part in zip(*columns, strict=True):
        item = against.items.items[number]
        why = detail(benchmark_file=item.file, benchmark_row=item.row, benchmark_field=item.field, contained=part)
        yield Found(doc, CONTAMINATION, score=part, detail=why, group=f"{NAME}:{item.file}:{item.row}")


def metrics(copies: Copies, found: pa.Table, state: State, against: Against) -> list[Metric]:
    """Shares of the documents, and of the rows of each benchmark; members of a cluster include the kept one."""
    n_docs = len(state["doc"])
    _, sizes = np.unique(copies.kept, return_counts=True)
    rules = Counter(
        dict(zip(*(column.to_pylist() for column in found.column("rule").value_counts().flatten()), strict=True))
    )

    def documents(rule: str) -> int:
        return len(found.filter(pc.equal(found.column("rule"), rule)).column("doc").unique())

    told = [
        share(NAME, "removed_share", rules[EXACT] + rules[NEAR], n_docs),
        Metric(NAME, "clusters", float(len(sizes))),
        Metric(NAME, "largest_cluster", float(sizes.max()) + 1 if len(sizes) else 0.0),
        Metric(NAME, "repeated_lines", float(rules[lines.RULE])),
    ]
    asked = (
        (bool(against.indexes), "known_share", rules[EXACT] + rules[NEAR] - len(copies.doc)),
        (against.items is not None, "contaminated_share", documents(CONTAMINATION)),
        (bool(len(state["split_doc"])), "leaked_share", rules[relations.LEAKAGE]),
        (against.options.passages, "passages_share", documents(passages.RULE)),
        (against.options.semantic, "semantic_share", documents(semantic.RULE)),
    )
    for looked_for, name, count in asked:
        told.append(share(NAME, name, count, n_docs) if looked_for else not_looked_for(name))
    return told + list(_benchmarks(state, against))


def not_looked_for(name: str) -> Metric:
    """The metric of something that nobody asked for."""
    return Metric(NAME, name, None, status="not_looked_for")


def _benchmarks(state: State, against: Against) -> Iterator[Metric]:
    """Rows of each benchmark of which a document contains a text; the slice is the name of its file."""
    items = against.items
    if items is None:
        yield not_looked_for("contaminated_items")
        return
    rows = {(items.items[number].file, items.items[number].row) for number in state["item"].tolist()}
    for file, n_rows in items.n_rows.items():
        yield share(NAME, "contaminated_items", sum(name == file for name, _ in rows), n_rows, slice=file)
