"""What the checker has to say at the end, as findings, certificates and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checker import Certificate
from auditkit.checkers.near_duplicates import lines, relations
from auditkit.findings import Found, Metric, detail, share

if TYPE_CHECKING:
    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.against import Against, Known
    from auditkit.checkers.near_duplicates.clusters import Copy

NAME = "near_duplicates"
EXACT, NEAR = "near_duplicates/exact-copy", "near_duplicates/near-copy"
CONTAMINATION = "near_duplicates/contamination"
METRICS = (
    "removed_share",
    "clusters",
    "largest_cluster",
    "repeated_lines",
    "known_share",
    "contaminated_share",
    "contaminated_items",
    "leaked_share",
)


class Said(NamedTuple):
    """Everything that was found. copies: of documents that stay; known: of documents in an index; others only flag."""

    copies: Sequence[Copy]
    known: Sequence[Known]
    others: Sequence[Found]


def findings(said: Said) -> Iterator[Found]:
    """One finding per document that is a copy, and the others."""
    for copy in said.copies:
        why = detail(jaccard=copy.jaccard, kept_doc=copy.kept)
        yield Found(copy.doc, rule_of(copy), score=copy.jaccard, detail=why, group=f"{NAME}:{copy.kept}")
    for one in said.known:
        why = detail(jaccard=one.jaccard, kept_file=one.kept_file, kept_row=one.kept_row)
        group = f"{NAME}:{one.kept_file}:{one.kept_row}"
        yield Found(one.doc, rule_of(one), score=one.jaccard, detail=why, group=group)
    yield from said.others


def certificates(said: Said) -> list[Certificate]:
    """One certificate per document that is a copy."""
    own = [Certificate(copy.doc, copy.kept, copy.jaccard, rule_of(copy)) for copy in said.copies]
    return own + [
        Certificate(one.doc, None, one.jaccard, rule_of(one), one.kept_file, one.kept_row) for one in said.known
    ]


def rule_of(copy: Copy | Known) -> str:
    """The rule that this copy breaks."""
    return EXACT if copy.exact else NEAR


def contained(state: State, against: Against) -> Iterator[Found]:
    """A finding per document and item that it contains."""
    if against.items is None:
        return
    columns = (state[name].tolist() for name in ("item_doc", "item", "item_share"))
    for doc, number, part in zip(*columns, strict=True):
        item = against.items.items[number]
        why = detail(benchmark_file=item.file, benchmark_row=item.row, benchmark_field=item.field, contained=part)
        yield Found(doc, CONTAMINATION, score=part, detail=why, group=f"{NAME}:{item.file}:{item.row}")


def metrics(said: Said, state: State, against: Against) -> list[Metric]:
    """Shares of the documents, and of the rows of each benchmark; members of a cluster include the kept one."""
    n_docs = len(state["doc"])
    _, sizes = np.unique([copy.kept for copy in said.copies], return_counts=True)
    rules = [one.rule for one in said.others]
    contaminated = len({one.doc for one in said.others if one.rule == CONTAMINATION})
    told = [
        share(NAME, "removed_share", len(said.copies) + len(said.known), n_docs),
        Metric(NAME, "clusters", float(len(sizes))),
        Metric(NAME, "largest_cluster", float(sizes.max()) + 1 if len(sizes) else 0.0),
        Metric(NAME, "repeated_lines", float(rules.count(lines.RULE))),
    ]
    asked = (
        (bool(against.indexes), "known_share", len(said.known)),
        (against.items is not None, "contaminated_share", contaminated),
        (bool(len(state["split_doc"])), "leaked_share", rules.count(relations.LEAKAGE)),
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
