"""What a checker says of a batch, held against its contract: a finding that breaks it is a gap, not a result."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditkit.checker import Checked
from auditkit.documents import Batch
from auditkit.errors import CheckerError
from auditkit.findings import FOUND


def verify(checked: Checked, batch: Batch, rules: frozenset[str]) -> None:
    """CheckerError when findings or scores break the contract: schema, known rules, scores 0..1, spans inside texts."""
    if not isinstance(checked, Checked) or checked.findings.schema != FOUND:
        raise CheckerError("its findings do not have the schema of findings.FOUND")
    for name, values in checked.scores.items():
        if len(values) != len(batch) or np.isinf(values).any():
            raise CheckerError(f"its score '{name}' is not one finite number or NaN per document")
    if checked.looked is not None and len(checked.looked) != len(batch):
        raise CheckerError("`looked` is not one bool per document")
    if not checked.findings.num_rows:
        return
    verify_findings(checked.findings, rules)
    _verify_spans(checked.findings, batch)


def verify_findings(findings: pa.Table, rules: frozenset[str]) -> None:
    """CheckerError when a rule is unknown or a score is not within 0..1."""
    unknown = sorted(set(findings.column("rule").unique().to_pylist()) - rules)
    if unknown:
        raise CheckerError(f"it reported the rule '{unknown[0]}', which it does not have")
    scores = findings.column("score").to_numpy()
    if not ((scores >= 0) & (scores <= 1)).all():
        raise CheckerError("a finding's score is not within 0..1")


def _verify_spans(findings: pa.Table, batch: Batch) -> None:
    """CheckerError when a finding is not in a document of the batch, or its span not inside the text of its field."""
    docs = findings.column("doc")
    if docs.null_count or not np.isin(docs.to_numpy(), batch.docs).all():
        raise CheckerError("a finding is in a document that was not in the batch")
    placed = findings.select(["doc", "field", "start", "end"]).filter(pc.is_valid(findings.column("field")))
    lengths = _lengths(placed, batch)
    if (lengths < 0).any():
        raise CheckerError("a finding is in a field that its document does not have")
    spanned = pc.is_valid(placed.column("start"))
    start, end = (placed.column(name).filter(spanned).to_numpy() for name in ("start", "end"))
    length = lengths[spanned.to_numpy()]
    if not ((start >= 0) & (start <= end) & (end <= length)).all():
        raise CheckerError("a span lies outside its text")


def _lengths(placed: pa.Table, batch: Batch) -> NDArray[np.int64]:
    """int64[n]: the characters of the text that each finding names by `doc` and `field`, -1 where there is none."""
    fields = batch.texts.column("field")
    n_fields = len(fields.dictionary) + 1
    keys = batch.owners * n_fields + fields.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(keys, kind="stable")
    sizes = pc.utf8_length(batch.texts.column("text")).cast(pa.int64()).to_numpy()[order]
    codes = pc.index_in(placed.column("field"), value_set=fields.dictionary)
    named = np.searchsorted(batch.docs, placed.column("doc").to_numpy()) * n_fields
    named += pc.fill_null(codes, n_fields - 1).to_numpy()
    at = np.minimum(np.searchsorted(keys[order], named), max(len(keys) - 1, 0))
    known = keys[order][at] == named if len(keys) else np.zeros(len(named), np.bool_)
    return np.where(known, sizes[at] if len(keys) else -1, -1)
