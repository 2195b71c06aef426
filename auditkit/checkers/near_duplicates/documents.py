"""What the two looks at a batch bring home: hashes and band keys of every document, gram sets of the wanted ones."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.buffers import utf8_buffers
from auditkit.text.folding import IGNORE, fold, folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.near_duplicates.options import Bands
    from auditkit.documents import Batch
    from auditkit.text.shingles import Texts


def signed(batch: Batch, bands: Bands, *, passages: bool = False) -> State:
    """State of a batch: doc int64, chars, words uint32, text uint64, keys uint32[n, bands]; text 0 = nothing visible.

    print uint64 and print_doc int64: prints of the passages, when they are asked for. About 400 MB/s on one core.
    """
    from auditkit.text.shingles import Signed, code_points, sign

    n = len(batch)
    print_ends = np.zeros(n if passages else 0, np.int64)
    signed = Signed(np.zeros(n, np.uint32), np.zeros(n, np.uint64), np.zeros((n, bands.n), np.uint32), print_ends)
    texts = texts_of(batch)
    bounds = texts.bounds
    prints = sign(texts, folding(), _probes(bands.n * bands.rows), signed)
    for index in np.flatnonzero(signed.words == 0):
        symbols = batch.texts.column("text").slice(bounds[index], bounds[index + 1] - bounds[index])
        signed.hashes[index] = symbols_hash("".join(symbols.to_pylist()))
    chars = code_points(texts)
    told: State = {"doc": batch.docs, "chars": chars, "words": signed.words, "text": signed.hashes, "keys": signed.keys}
    return told | {
        "print": prints,
        "print_doc": np.repeat(batch.docs[: len(print_ends)], np.diff(print_ends, prepend=0)),
    }


def gram_sets(batch: Batch, wanted: NDArray[np.int64]) -> State:
    """Keys (doc int64), sizes int64 and grams uint64: the sorted distinct grams of the wanted documents, in a row."""
    from auditkit.text.shingles import distinct, gram_lists

    chosen = np.isin(batch.docs, wanted, assume_unique=True)
    ends = np.zeros(len(batch), np.int64)
    values = gram_lists(texts_of(batch), folding(), chosen, ends)
    ends = ends[chosen]
    start = 0
    for end in ends.tolist():  # numpy sorts with vector instructions: 3 µs a document, a tenth of the kernel's own sort
        values[start:end].sort()
        start = end
    n = distinct(values, ends)
    return {"doc": batch.docs[chosen], "sizes": np.diff(ends, prepend=0), "grams": values[:n].copy()}


def texts_of(batch: Batch) -> Texts:
    """The texts of each document of the batch, for the kernels; nothing is copied."""
    from auditkit.text.shingles import Texts

    starts = np.searchsorted(batch.text_docs, batch.docs)
    bounds = np.append(starts, len(batch.text_docs)).astype(np.int64)
    return Texts(*utf8_buffers(batch.texts.column("text")), bounds)


def symbols_hash(text: str) -> int:
    """64-bit hash of the visible characters of a text without words; 0 when there is none."""
    steps = folding().step
    visible = "".join(char for char in fold(text) if not char.isspace() and char > " " and steps[ord(char)] != IGNORE)
    return int.from_bytes(blake2b(visible.encode(), digest_size=8).digest(), "little") if visible else 0


@cache
def _probes(bins: int) -> NDArray[np.int16]:
    from auditkit.text.shingles import probes

    return probes(bins)
