"""A batch: the documents that a checker sees at one time, as two Arrow record batches.

`texts` has one row per text of a document, `records` one row per document; both are sorted by `doc`.
`doc` counts the rows of the whole corpus, files in order of their path, quarantined rows included,
so that it depends on the data alone and not on shards or workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROLES = ("text", "prompt", "response", "context")

TEXTS = pa.schema(
    [
        ("doc", pa.int64()),
        ("field", pa.dictionary(pa.int32(), pa.utf8())),
        ("role", pa.dictionary(pa.int32(), pa.utf8())),
        ("text", pa.large_utf8()),
        ("speaker", pa.dictionary(pa.int32(), pa.utf8())),
    ]
)
"""`field` is the path inside the record (`messages[0].content`); `role` is one of ROLES; `speaker` is who says it in a
chat, as the record spells it ("user", "gpt"), null elsewhere."""

RECORDS = pa.schema(
    [
        ("doc", pa.int64()),
        ("file", pa.dictionary(pa.int32(), pa.utf8())),
        ("row", pa.int64()),
        ("id", pa.utf8()),
        ("group", pa.utf8()),
        ("label", pa.utf8()),
        ("split", pa.utf8()),
        ("logprob", pa.utf8()),
        ("calls", pa.utf8()),
    ]
)
"""`row`: 0-based record number in its file. `id`, `group`, `label`, `split`, `logprob` (the mean log-probability of a
response's tokens, as it was written), `calls` (of tools, text/tool_calls.py) are null where the record has none."""


class Text(NamedTuple):
    """One text of one document, for code that works on few texts."""

    doc: int
    field: str
    role: str
    text: str


@dataclass(frozen=True)
class Batch:
    """Documents in two Arrow record batches with the schemas TEXTS and RECORDS. Never changed in place."""

    texts: pa.RecordBatch
    records: pa.RecordBatch

    def __len__(self) -> int:
        """Number of documents."""
        return int(self.records.num_rows)

    @cached_property
    def docs(self) -> NDArray[np.int64]:
        """int64[n]: the document keys, ascending."""
        docs: NDArray[np.int64] = self.records.column("doc").to_numpy(zero_copy_only=False)
        return docs

    @cached_property
    def text_docs(self) -> NDArray[np.int64]:
        """int64[m]: the document key of each text, ascending."""
        docs: NDArray[np.int64] = self.texts.column("doc").to_numpy(zero_copy_only=False)
        return docs

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """int64[m]: for each text the index of its document in `records`."""
        import numpy as np

        return np.searchsorted(self.docs, self.text_docs).astype(np.int64)

    def n_with_text(self) -> int:
        """Number of documents that hold more than white space."""
        import pyarrow.compute as pc

        text = self.texts.column("text")
        said = pc.and_not(pc.greater(pc.binary_length(text), 0), pc.utf8_is_space(text))
        return len(set(self.owners[said.to_numpy(zero_copy_only=False)].tolist()))

    def of_roles(self, *roles: str) -> pa.RecordBatch:
        """The texts that have one of these roles."""
        import pyarrow.compute as pc

        names = self.texts.column("role").cast(pa.utf8())
        return self.texts.filter(pc.is_in(names, value_set=pa.array(roles, pa.utf8())))

    def iter_texts(self, *roles: str) -> Iterable[Text]:
        """Each text as a Python tuple: for candidates and small batches, about 1 µs a text."""
        batch = self.of_roles(*roles) if roles else self.texts
        columns = (batch.column(name).to_pylist() for name in ("doc", "field", "role", "text"))
        return map(Text, *columns)


def batch_of(
    texts: Sequence[Text], records: Sequence[Mapping[str, object]], *, speakers: Sequence[str | None] | None = None
) -> Batch:
    """A batch from Python values. `records` rows need `doc`; what else they lack becomes null (`row` becomes `doc`).

    speakers: who says each text; None = this is no chat.
    """
    rows = [{"file": "", "row": record["doc"]} | dict(record) for record in records]
    columns = [*(list(zip(*texts, strict=True)) or [(), (), (), ()]), speakers or [None] * len(texts)]
    return Batch(
        pa.RecordBatch.from_arrays(
            [pa.array(values, kind.type) for values, kind in zip(columns, TEXTS, strict=True)], schema=TEXTS
        ),
        pa.RecordBatch.from_pylist(rows, schema=RECORDS),
    )


def batch_of_texts(texts: Sequence[str], *, role: str = "text", field: str = "text") -> Batch:
    """A batch with one document per text, keys 0..n-1."""
    return batch_of(
        [Text(doc, field, role, text) for doc, text in enumerate(texts)], [{"doc": doc} for doc in range(len(texts))]
    )


def concat(batches: Sequence[Batch]) -> Batch:
    """One batch of all documents; the keys must already ascend from batch to batch."""
    if not batches:
        return batch_of([], [])
    return Batch(
        pa.concat_batches([batch.texts for batch in batches]) if len(batches) > 1 else batches[0].texts,
        pa.concat_batches([batch.records for batch in batches]) if len(batches) > 1 else batches[0].records,
    )


def settled(batch: Batch) -> Batch:
    """The batch as checkers see it: alike on every Python (text/settled.py); the batch itself where nothing differs."""
    from auditkit.text.settled import settled_texts

    place = TEXTS.get_field_index("text")
    texts = batch.texts.column(place)
    new = settled_texts(texts)
    return batch if new is texts else Batch(batch.texts.set_column(place, TEXTS.field(place), new), batch.records)


def take(batch: Batch, first: int, last: int) -> Batch:
    """The documents with index first <= i < last, without a copy."""
    import numpy as np

    docs = batch.docs[first:last]
    if not len(docs):
        return Batch(batch.texts.slice(0, 0), batch.records.slice(0, 0))
    low, high = np.searchsorted(batch.text_docs, [docs[0], docs[-1] + 1])
    return Batch(batch.texts.slice(low, high - low), batch.records.slice(first, last - first))
