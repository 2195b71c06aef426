"""The lexicon as the arrays that the kernels read: places, words of context, terms for groups of people."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.checkers.skew import codes, folding
from auditkit.resources import resource
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTEXT_BITS = {
    "title": codes.TITLE,
    "us_state": codes.US_STATE,
    "ca_province": codes.CA_PROVINCE,
    "place_head": codes.PLACE_HEAD,
    "locative": codes.LOCATIVE,
    "verb": codes.PRONOUN_VERB,
    "person": codes.PERSON,
}
CERTAINTY = {
    "sure": codes.SURE,
    "before_person": codes.BEFORE_PERSON,
    "capital": codes.WHEN_CAPITAL,
    "person_only": codes.PLURAL_OR_PERSON,
}


class Country(NamedTuple):
    """One country: ISO 3166-1 alpha-2 and numeric code, name, UN M49 sub-region, region, continent, population."""

    code: str
    numeric: str
    name: str
    subregion: str
    region: str
    continent: str
    population: int


class Occupation(NamedTuple):
    """An occupation, the share of women among those who work in it, and the year of that figure."""

    name: str
    female_share: float
    year: str


class Group(NamedTuple):
    """One group of people: its axis (gender, religion, ...) and its name on that axis."""

    axis: str
    name: str


class Terms(NamedTuple):
    """What the scan reads: an open-addressing table of hashes, and per entry what it is.

    keys: uint64 hash or 0; slots: its entry. is_term: worth a hit; is_prefix: some longer term begins so; classes:
    context bits (codes.FIRST_NAME, ...). sieve: one bit for the beginning of the hash of each term or prefix;
    small_sieve: of those that may be written without a capital.
    """

    keys: NDArray[np.uint64]
    slots: NDArray[np.int32]
    is_term: NDArray[np.bool_]
    is_prefix: NDArray[np.bool_]
    classes: NDArray[np.uint32]
    sieve: NDArray[np.uint8]
    small_sieve: NDArray[np.uint8]


class Places(NamedTuple):
    """What the places mean: entry i has the bearers starts[i]..starts[i + 1], the likeliest first.

    flags, classes: per entry (codes.STOP, ...; codes.FIRST_NAME, ...). country: index into countries(); kind: index
    into codes.PLACE_KINDS by which it is judged; label: that by which it is called (Nairobi is judged as the city and
    called the capital that it is); size: 10 log10 of its people;
    state: number of its US, Canadian or Australian state, 0 = none.
    """

    flags: NDArray[np.uint8]
    classes: NDArray[np.uint32]
    starts: NDArray[np.int32]
    country: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    label: NDArray[np.uint8]
    size: NDArray[np.uint8]
    state: NDArray[np.uint8]


@dataclass(frozen=True)
class Lexicon:
    """All terms. members: per entry, bit i set = a term of groups[i]; certainty: SURE, ...; occupation: index or -1."""

    terms: Terms
    places: Places
    members: NDArray[np.uint64]
    certainty: NDArray[np.uint8]
    occupation: NDArray[np.int16]
    groups: tuple[Group, ...]


@cache
def countries() -> tuple[Country, ...]:
    """All countries in the order of their index in the tables. Cached per process."""
    with resource("rules/lexicons/countries.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Country(**(row | {"population": int(row["population"])}))  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        )


@cache
def occupations() -> tuple[Occupation, ...]:
    """Occupations of labour statistics, sorted. Cached per process."""
    with resource("rules/lexicons/occupations.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Occupation(row["occupation"], float(row["female_share"]), row["year"]) for row in csv.DictReader(file)
        )


def hashes_of(phrases: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(uint64[n, MAX_WORDS] hash after each word, int64[n] words) of the phrases."""
    from auditkit.checkers.skew.kernels import phrase_hashes

    data, offsets = utf8_buffers(pa.array(phrases, pa.large_utf8()))
    return phrase_hashes(data, offsets, folding.letters())


@cache
def lexicon() -> Lexicon:
    """The one lexicon: places.npz, people.toml and context.toml joined. Cached per process; about 50 ms."""
    from auditkit.checkers.skew.kernels import sieve_of

    stored = np.load(resource("rules/lexicons/places.npz"))
    groups, people = _people()
    context = _context()
    work = {f"{job.name}{ending}": at for at, job in enumerate(occupations()) for ending in ("", "s")}
    endings, beginnings = _ends(list(people) + list(work) + list(context))
    keys = np.unique(np.concatenate([stored["hashes"], endings, beginnings]))
    size = len(keys)
    at = np.searchsorted(keys, stored["hashes"])
    classes, flags = np.zeros(size, np.uint32), np.zeros(size, np.uint8)
    prefix, counts = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    classes[at], flags[at], prefix[at], counts[at] = (
        stored["classes"],
        stored["flags"],
        stored["prefix"],
        np.diff(stored["starts"]),
    )
    prefix[np.searchsorted(keys, beginnings)] = 3
    own = np.searchsorted(keys, endings)
    np.bitwise_or.at(classes, own[len(people) + len(work) :], np.array(list(context.values()), np.uint32))
    members, certainty = np.zeros(size, np.uint64), np.zeros(size, np.uint8)
    members[own[: len(people)]] = [term.members for term in people.values()]
    certainty[own[: len(people)]] = [term.certainty for term in people.values()]
    occupation = np.full(size, -1, np.int16)
    occupation[own[len(people) : len(people) + len(work)]] = list(work.values())
    starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
    named = np.zeros(size, np.bool_)
    named[counts > 0] = stored["kind"][starts[:-1][counts > 0]] <= codes.DEMONYM
    small = named | (members > 0) | (occupation >= 0) | (flags & codes.VETO > 0)
    is_term = small | (counts > 0)
    sieves = (sieve_of(keys[is_term | (prefix > 0)]), sieve_of(keys[small | (prefix == 3)]))
    return Lexicon(
        Terms(*_hash_table(keys), is_term, prefix > 0, classes, *sieves),
        Places(flags, classes, starts, *(stored[name] for name in ("country", "kind", "label", "size", "state"))),
        members,
        certainty,
        occupation,
        groups,
    )


def gender_bits() -> tuple[int, int]:
    """The bits of masculine and feminine words."""
    at = {group.name: bit for bit, group in enumerate(lexicon().groups) if group.axis == "gender"}
    return at["masculine"], at["feminine"]


def _ends(phrases: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(hash of each whole phrase, hashes of all beginnings of phrases)."""
    rows, n_words = hashes_of(phrases)
    column = np.arange(rows.shape[1])
    return rows[np.arange(len(rows)), n_words - 1], np.unique(rows[column[None, :] < n_words[:, None] - 1])


def _hash_table(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Open-addressing table of the keys, at most half full: (hash or 0, entry) of each slot."""
    from auditkit.checkers.skew.kernels import fill

    size = 1 << (2 * len(keys) - 1).bit_length()
    hashed, slots = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    fill(keys, hashed, slots)
    return hashed, slots


class Term(NamedTuple):
    """The groups of a term as a bit mask, and how sure the term is."""

    members: int
    certainty: int


def _people() -> tuple[tuple[Group, ...], dict[str, Term]]:
    """All groups, and each term of people.toml; a phrase also belongs to the groups of its own sure words."""
    data = tomllib.loads(resource("rules/lexicons/people.toml").read_text(encoding="utf-8"))
    groups = tuple(Group(axis, name) for axis, names in data.items() for name in names)
    terms: dict[str, Term] = {}
    for number, group in enumerate(groups):
        for certainty, listed in data[group.axis][group.name].items():
            for term in listed:
                known = terms.get(term.lower(), Term(0, codes.SURE))
                terms[term.lower()] = Term(known.members | 1 << number, max(known.certainty, CERTAINTY[certainty]))
    sure = {term: found.members for term, found in terms.items() if found.certainty == codes.SURE}
    for term, found in terms.items():
        parts = [sure.get(word, 0) for word in term.split()] if " " in term else []
        terms[term] = Term(found.members | _union(parts), found.certainty)
    return groups, terms


def _union(masks: list[int]) -> int:
    """All bits of all masks."""
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def _context() -> dict[str, int]:
    """The words of context.toml with their class bits."""
    data = tomllib.loads(resource("rules/lexicons/context.toml").read_text(encoding="utf-8"))
    words: dict[str, int] = {}
    for name, listed in data.items():
        for word in listed:
            words[word.lower()] = words.get(word.lower(), 0) | CONTEXT_BITS[name]
    return words
