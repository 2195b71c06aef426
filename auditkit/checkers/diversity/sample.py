"""The text sample of the state: a few hundred documents of the corpus and of each label, chosen by their keys.

A sample has the same size whatever the size of its corpus, so that its figures compare from round to round and from
label to label, which those of whole corpora do not: distinct-n falls as a corpus grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.documents import Batch

SIZE = 512  # documents of the corpus
LABEL_SIZE, LABELS = 64, 16  # documents of each label, and labels, those with the smallest hash
TEXT_BYTES, LABEL_BYTES = 1024, 64  # what is kept of a text and of the name of a label
ROOM = SIZE + LABELS * LABEL_SIZE
STATE_BYTES = ROOM * (TEXT_BYTES + LABEL_BYTES + 24)


class Sample(NamedTuple):
    """Documents in the order of their keys, which has nothing to do with that of the corpus."""

    keys: NDArray[np.uint64]
    labels: NDArray[np.bytes_]
    texts: list[bytes]

    def only(self, label: bytes) -> Sample:
        """The documents of one label."""
        at = np.flatnonzero(self.labels == label)[:LABEL_SIZE]
        return Sample(self.keys[at], self.labels[at], [self.texts[index] for index in at])

    def first(self, size: int) -> Sample:
        """The documents with the smallest keys, whatever their label."""
        return Sample(self.keys[:size], self.labels[:size], self.texts[:size])


def spoken(batch: Batch) -> NDArray[np.int64]:
    """int64[n]: the text of each document that a model would learn to write: the first response, else text, else any.

    -1 for a document without texts.
    """
    roles = batch.texts.column("role").cast("string").to_numpy(zero_copy_only=False)
    rank = np.where(roles == "response", 0, np.where(roles == "text", 1, 2))
    order = np.lexsort((np.arange(len(rank)), rank, batch.owners))
    owners, first = np.unique(batch.owners[order], return_index=True)
    found = np.full(len(batch), -1, np.int64)
    found[owners] = order[first]
    return found


def sample_of(
    batch: Batch, chosen: NDArray[np.int64], data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """sample_key, sample_label, sample_end, sample_bytes: the starts of the chosen texts of some documents."""
    rows = np.flatnonzero(chosen >= 0)
    keys = _mixed(batch.docs[rows])
    names = [(name or "").encode()[:LABEL_BYTES] for name in batch.records.column("label").take(rows).to_pylist()]
    labels = np.array(names, f"S{LABEL_BYTES}")
    kept = _kept(keys, labels)
    texts = chosen[rows[kept]]
    parts = [bytes(data[offsets[at] : min(offsets[at + 1], offsets[at] + TEXT_BYTES)]) for at in texts]
    return _arrays(Sample(keys[kept], labels[kept], parts))


def merged_samples(left: State, right: State) -> dict[str, NDArray[np.generic]]:
    """The sample of both corpora together."""
    one, other = sample_in(left), sample_in(right)
    keys, labels = np.concatenate([one.keys, other.keys]), np.concatenate([one.labels, other.labels])
    texts = one.texts + other.texts
    kept = _kept(keys, labels)
    return _arrays(Sample(keys[kept], labels[kept], [texts[at] for at in kept]))


def sample_in(state: State) -> Sample:
    """The sample that the state holds."""
    raw, ends = state["sample_bytes"].tobytes(), state["sample_end"].tolist()
    texts = [raw[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return Sample(state["sample_key"], state["sample_label"], texts)


def _kept(keys: NDArray[np.uint64], labels: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """The documents with the smallest keys, of all and of each label, in the order of their keys."""
    order = np.argsort(keys, kind="stable")
    chosen = set(order[:SIZE].tolist())
    for label in labels_in(labels):
        chosen.update(order[labels[order] == label][:LABEL_SIZE].tolist())
    return np.array([at for at in order.tolist() if at in chosen], np.int64)


def labels_in(labels: NDArray[np.bytes_]) -> list[bytes]:
    """The labels that have a sample of their own, sorted; any part of a corpus keeps those that the whole keeps."""
    import hashlib

    names: Iterable[bytes] = (name for name in np.unique(labels).tolist() if name)
    return sorted(sorted(names, key=lambda name: hashlib.blake2b(name, digest_size=8).digest())[:LABELS])


def _arrays(sample: Sample) -> dict[str, NDArray[np.generic]]:
    """The sample as arrays of a state."""
    return {
        "sample_key": sample.keys,
        "sample_label": sample.labels,
        "sample_end": np.cumsum([len(text) for text in sample.texts], dtype=np.int64),
        "sample_bytes": np.frombuffer(b"".join(sample.texts), np.uint8),
    }


def _mixed(docs: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Document keys in an order that has nothing to do with theirs (finaliser of SplitMix64, Steele et al. 2014)."""
    value = (docs.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed
