"""The state of the checker: per row a mask of places and a mask of groups; everything else is counted from these.

Masks of rows that are alike fall into one cell; the cell counts are the sufficient statistic of every share, ratio and
interval, and they add up over shards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.checkers.skew.lexicon import countries, lexicon, occupations
from auditkit.checkers.skew.mentions import find
from auditkit.checkers.skew.occupations import gendered_sentences
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.skew.mentions import Hits
    from auditkit.documents import Batch

LIST_ROW = 40  # a row that names more countries is a list, not a picture of the world: one such row undoes all erasure
MAX_LABELS = 256  # labels kept by name; of more, those with the smallest hash, so that any split keeps the same
LABEL_BYTES = 64
ROW_BYTES = 8 + 4 + 8 + 4


@dataclass(frozen=True)
class Scheme:
    """A partition of the countries: names of its parts, and for each part the bits of its UN M49 sub-regions."""

    names: tuple[str, ...]
    bits: NDArray[np.uint32]

    def masks(self, places: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """uint32 per row: bit i set = the row names a country of part i."""
        result = np.zeros(len(places), np.uint32)
        for at, bits in enumerate(self.bits):
            result |= np.where(places & bits, np.uint32(1 << at), np.uint32(0))
        return result


@cache
def subregions() -> tuple[str, ...]:
    """The 22 UN M49 sub-regions, sorted; their order is that of the bits of `places`."""
    return tuple(sorted({country.subregion for country in countries()}))


@cache
def scheme(field: str) -> Scheme:
    """The partition by "region" (8, UN SDG) or "continent" (6, as in AttrPrompt); no M49 sub-region is split."""
    part_of = {(country.subregion, getattr(country, field)) for country in countries() if country.population}
    names = tuple(sorted({part for _, part in part_of}))
    bits = np.zeros(len(names), np.uint32)
    for subregion, part in part_of:
        bits[names.index(part)] |= np.uint32(1 << subregions().index(subregion))
    return Scheme(names, bits)


@cache
def _country_bits() -> NDArray[np.uint32]:
    """uint32 per country: the bit of its sub-region."""
    return np.array([1 << subregions().index(country.subregion) for country in countries()], np.uint32)


def cells_of(
    batch: Batch, counts_as: Mapping[str, str] | None = None, home: str = ""
) -> tuple[State, NDArray[np.uint64]]:
    """The state of one batch (see state_bytes for its size), and the group mask of each of its rows.

    counts_as: code of a country -> code of the one that it counts as. home: see mentions.find.
    """
    texts = batch.texts.column("text")
    hits = find(texts, home)
    n_rows = len(batch)
    owner = batch.owners[hits.text] if len(hits.text) else np.zeros(0, np.int64)
    pairs = _country_rows(hits, owner, stands_for(counts_as or {}))
    lists = np.flatnonzero(np.bincount(pairs[:, 0], minlength=n_rows) > LIST_ROW)
    pairs = pairs[~np.isin(pairs[:, 0], lists)]
    places, people = np.zeros(n_rows, np.uint32), np.zeros(n_rows, np.uint64)
    np.bitwise_or.at(places, pairs[:, 0], _country_bits()[pairs[:, 1]])
    np.bitwise_or.at(people, owner, hits.members)
    labels = label_hashes(batch.records.column("label"))
    told = (places > 0) | (people > 0)
    state: State = {
        "doc": batch.docs[told],
        "places": places[told],
        "people": people[told],
        "label": labels[told],
        "n_rows": np.array([n_rows], np.int64),
        "lists": batch.docs[lists],
        "countries": np.bincount(pairs[:, 1], minlength=len(countries())).astype(np.int64),
        "occupations": gendered_sentences(hits, *utf8_buffers(texts)),
        **_label_table(batch.records.column("label"), labels),
    }
    return state, people


def stands_for(counts_as: Mapping[str, str]) -> NDArray[np.int64]:
    """int64 per country: the index of the country that it counts as, mostly its own."""
    number = {country.code: at for at, country in enumerate(countries())}
    found: NDArray[np.int64] = np.arange(len(number))
    for code, other in counts_as.items():
        found[number[code]] = number[other]
    return found


def _country_rows(hits: Hits, owner: NDArray[np.int64], country: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[m, 2]: each (row, country) once, sorted; `country` says what each country counts as."""
    placed = hits.country >= 0
    code = np.unique(owner[placed] * 256 + country[hits.country[placed]])
    return np.stack([code // 256, code % 256], axis=1)


def label_hashes(labels: pa.Array) -> NDArray[np.uint32]:
    """uint32 hash of each row's label; 0 = none."""
    import hashlib

    encoded = labels.dictionary_encode()
    hashes = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "little") | 1
        for name in encoded.dictionary.to_pylist()
    ]
    table = np.array([*hashes, 0], np.uint32)
    index = encoded.indices.fill_null(len(hashes)).to_numpy(zero_copy_only=False)
    found: NDArray[np.uint32] = table[index]
    return found


def _label_table(labels: pa.Array, hashes: NDArray[np.uint32]) -> State:
    """label_hash (sorted), label_name, label_rows of the labels that occur."""
    known, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    names = [(labels[int(at)].as_py() or "").encode()[:LABEL_BYTES] for at in first]
    return _smallest(known, np.array(names, f"S{LABEL_BYTES}"), counts.astype(np.int64))


def _smallest(hashes: NDArray[np.uint32], names: NDArray[np.bytes_], rows: NDArray[np.int64]) -> State:
    """The label table cut to MAX_LABELS."""
    return {"label_hash": hashes[:MAX_LABELS], "label_name": names[:MAX_LABELS], "label_rows": rows[:MAX_LABELS]}


def merged(left: State, right: State) -> State:
    """Both states: row columns one after the other, counts added."""
    state = {name: np.concatenate([left[name], right[name]]) for name in ("doc", "places", "people", "label", "lists")}
    state |= {name: left[name] + right[name] for name in ("n_rows", "countries", "occupations")}
    hashes = np.concatenate([left["label_hash"], right["label_hash"]])
    known, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    rows = np.zeros(len(known), np.int64)
    np.add.at(rows, inverse, np.concatenate([left["label_rows"], right["label_rows"]]))
    names = np.concatenate([left["label_name"], right["label_name"]])[first]
    return state | _smallest(known, names, rows)


def state_bytes(n_docs: int) -> int:
    """The most bytes the state of n_docs rows takes: 24 a row with a mention, 8 a list row, and the fixed tables."""
    return (
        (ROW_BYTES + 8) * n_docs
        + 8 * len(countries())
        + 16 * len(occupations())
        + MAX_LABELS * (4 + LABEL_BYTES + 8)
        + 64
    )


def axes() -> dict[str, list[int]]:
    """For each axis of people the bits of its groups."""
    found: dict[str, list[int]] = {}
    for bit, group in enumerate(lexicon().groups):
        found.setdefault(group.axis, []).append(bit)
    return found
