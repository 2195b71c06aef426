"""Mentions of places and of groups of people in texts: scan, then decide what is ambiguous."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.checkers.skew import codes
from auditkit.checkers.skew.folding import letters
from auditkit.checkers.skew.lexicon import Group, countries, lexicon
from auditkit.text.buffers import code_points, utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MENTIONS = pa.schema(
    [
        ("doc", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("kind", pa.utf8()),
        ("value", pa.utf8()),
        ("country", pa.utf8()),
        ("region", pa.utf8()),
    ]
)
"""`country` is ISO 3166-1 alpha-2, null for groups of people; `value` is the country's or the group's name."""

NATIONALITY = Group("nationality", "named")  # a demonym before a noun for persons
PUBLIC_KINDS = tuple("city" if kind == "exonym" else kind for kind in codes.PLACE_KINDS)
REACH = 32  # bytes before a term that are read for its subject
SUBJECT = re.compile(
    rb"\b(?:am|being|i'm|(?:he|she|they|you|we|who) (?:is|are|was|were)|(?:they|you|we)'re) $", re.IGNORECASE
)
PREDICATE = re.compile(rb"\b(?:is|are|was|were|am|be|being) an? (?:[a-z]+ )?$", re.IGNORECASE)
HIT_COLUMNS = 8
FIRST_GUESS = 16  # bytes of text per hit: more hits than that and the scan is repeated with room for all of them


@dataclass(frozen=True)
class Hits:
    """Terms found in texts, in the order of the texts: one row each.

    text, start, end: int64 text index and byte range in the buffer. country: int16 index into countries(), -1 = no
    place. kind: int8 index into codes.PLACE_KINDS. members: uint64 bit mask over lexicon().groups.
    nationality: int16 country of a demonym that is said of persons, -1 = none. occupation: int16 index into
    occupations(), -1 = none.
    """

    text: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    country: NDArray[np.int16]
    kind: NDArray[np.int8]
    members: NDArray[np.uint64]
    nationality: NDArray[np.int16]
    occupation: NDArray[np.int16]


def find(texts: pa.Array, home: str = "") -> Hits:
    """Places and groups of people that the texts (large_utf8) mention; about 10 ns a byte, 64 bytes of memory a hit.

    home: the country or state that the texts come from, as ISO 3166: "CA", "CA-ON"; "" = anywhere.
    """
    from auditkit.checkers.skew.places import Known, resolve_texts

    data, offsets = utf8_buffers(texts)
    words = lexicon()
    rows = _scan(data, offsets)
    known = Known((_index_of("US"), _index_of("CA")), _prior(home))
    country, kind = resolve_texts(rows, data, offsets, words.places, known)
    members, nationality = _members(rows, data)
    occupation = words.occupation[rows[:, 3]]
    seen = (country >= 0) | (members > 0) | (occupation >= 0)
    rows = rows[seen]
    text, start, end = rows[:, 0], rows[:, 1], rows[:, 2]
    return Hits(text, start, end, country[seen], kind[seen], members[seen], nationality[seen], occupation[seen])


@cache
def _prior(home: str) -> NDArray[np.int64]:
    """int64[2 * STATE]: what is known of the texts' origin, as the weight of so many mentions. Cached per process."""
    from auditkit.checkers.skew.places import HOME, STATE

    prior = np.zeros(2 * STATE, np.int64)
    if home:
        prior[_index_of(home[:2])] = HOME
        prior[STATE + codes.STATES.index(home) if home in codes.STATES else 2 * STATE - 1] = HOME
    return prior


def _scan(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """All hits of the lexicon: int64[n, 8], columns as in kernels.scan_texts."""
    from auditkit.checkers.skew.kernels import scan_texts

    words = lexicon()
    room = int(offsets[-1] - offsets[0]) // FIRST_GUESS + len(offsets)
    while True:
        hits = np.empty((room, HIT_COLUMNS), np.int64)
        n_hits = scan_texts(data, offsets, words.terms, letters(), hits)
        if n_hits <= room:
            return hits[:n_hits]
        room = n_hits


def _members(rows: NDArray[np.int64], data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    """(uint64 mask of the groups that each hit names, int16 country of its nationality or -1).

    Ambiguous terms and demonyms must be said of a person.
    """
    words = lexicon()
    entry, shape, gap, after = rows[:, 3], rows[:, 4], rows[:, 5] & 255, rows[:, 7]
    members, certainty, nation = words.members[entry], words.certainty[entry], _nations()[entry]
    hyphen = (rows[:, 5] >> 8 == codes.GAP_HYPHEN) & (certainty == codes.BEFORE_PERSON)  # year-old
    next_to = np.isin(gap, (codes.GAP_SPACE, codes.GAP_SPACES, codes.GAP_HYPHEN))
    person = next_to & (after & codes.PERSON > 0) & ~hyphen
    unsure = ((nation >= 0) | ((members > 0) & (certainty != codes.SURE))) & ~person & ~hyphen
    for at in np.flatnonzero(unsure):
        person[at] = _said_of_person(data[max(rows[at, 1] - REACH, 0) : rows[at, 1]].tobytes(), int(gap[at]))
    capital = shape & codes.CAPITAL > 0
    verb = next_to & capital & (after & codes.PRONOUN_VERB > 0)
    shown = (certainty == codes.SURE) | person
    shown |= (certainty == codes.WHEN_CAPITAL) & capital
    shown |= (certainty == codes.PLURAL_OR_PERSON) & verb
    allowed = shape & codes.AT_SIGN == 0
    plural = (data[rows[:, 2] - 1] == ord("s")) & (data[rows[:, 2] - 2] != ord("s"))  # Indians, not Swiss
    national = allowed & (nation >= 0) & (person | plural)
    found = np.where(shown & allowed, members, np.uint64(0))
    bit = np.uint64(1) << np.uint64(words.groups.index(NATIONALITY))
    return np.where(national, found | bit, found), np.where(national, nation, -1).astype(np.int16)


@cache
def _nations() -> NDArray[np.int16]:
    """int16 per entry: the country of a demonym, else -1. Cached per process."""
    places = lexicon().places
    first, named = places.starts[:-1], np.diff(places.starts) > 0
    nations = np.full(len(first), -1, np.int16)
    demonyms = named.copy()
    demonyms[named] = places.kind[first[named]] == codes.DEMONYM
    nations[demonyms] = places.country[first[demonyms]]
    return nations


def _said_of_person(before: bytes, gap: int) -> bool:
    """Whether the words before the term make it a statement about a person: `she was old`, `is a kind Mexican.`"""
    if SUBJECT.search(before):
        return True
    ends_phrase = gap not in (codes.GAP_SPACE, codes.GAP_HYPHEN, codes.GAP_QUOTE)
    return ends_phrase and PREDICATE.search(before) is not None


def _index_of(code: str) -> int:
    """The index of the country with this code."""
    return next(index for index, country in enumerate(countries()) if country.code == code)


def mentions(texts: Sequence[str]) -> pa.Table:
    """Each mention of a place or a group of people: table (doc, start, end, kind, value, country, region).

    doc: index of the text. start, end: code points. kind: country, demonym, capital, admin1, city for places;
    gender, religion, age, nationality, race, disability, orientation, body, class, politics for groups. A term of two
    groups has a row for each. Sorted by doc and start.
    """
    array = pa.array(texts, pa.large_utf8())
    hits = find(array)
    data, offsets = utf8_buffers(array)
    n = len(hits.text)
    points = code_points(data, int(offsets[0]), np.concatenate([hits.start, hits.end, offsets[:-1][hits.text]]))
    rows = np.concatenate([_place_rows(hits), *_group_rows(hits)])
    at, kind, value, country = rows[np.argsort(rows[:, 0], kind="stable")].T
    begin = points[2 * n :][at]
    known = [place.code for place in countries()], [place.region for place in countries()]
    columns = [
        pa.array(hits.text[at], pa.int64()),
        pa.array(points[:n][at] - begin, pa.int64()),
        pa.array(points[n : 2 * n][at] - begin, pa.int64()),
        *(_named(index, names) for index, names in ((kind, _kinds()), (value, _values()))),
        *(_named(country, names) for names in known),
    ]
    return pa.table(columns, schema=MENTIONS)


def _named(index: NDArray[np.int64], names: Sequence[str]) -> pa.Array:
    """The names with these numbers; -1 is null."""
    codes_ = pa.array(index, pa.int32(), mask=index < 0)
    return pa.DictionaryArray.from_arrays(codes_, pa.array(names, pa.utf8())).cast(pa.utf8())


def _kinds() -> list[str]:
    """All kinds: those of places, then the axis of each group."""
    return [*PUBLIC_KINDS, *(group.axis for group in lexicon().groups)]


def _values() -> list[str]:
    """All values: the names of the countries, then those of the groups."""
    return [*(place.name for place in countries()), *(group.name for group in lexicon().groups)]


def _place_rows(hits: Hits) -> NDArray[np.int64]:
    """int64[m, 4]: (hit, kind, value, country) of each place, as numbers."""
    at = np.flatnonzero(hits.country >= 0)
    country = hits.country[at].astype(np.int64)
    return np.stack([at, hits.kind[at].astype(np.int64), country, country], axis=1)


def _group_rows(hits: Hits) -> list[NDArray[np.int64]]:
    """int64[m, 4] per group: (hit, kind, value, -1) of each mention; a nationality is named by its country."""
    rows = []
    for bit, group in enumerate(lexicon().groups):
        at = np.flatnonzero(hits.members >> np.uint64(bit) & np.uint64(1))
        value = np.full(len(at), len(countries()) + bit, np.int64)
        if group == NATIONALITY:
            value = np.where(hits.nationality[at] >= 0, hits.nationality[at], value)
        rows.append(np.stack([at, np.full_like(at, len(PUBLIC_KINDS) + bit), value, np.full_like(at, -1)], axis=1))
    return rows
