"""Kernels that decide which place a name means, or that it means none. Imported inside functions only: numba.

Most hits are clear and cost a few comparisons; what is ambiguous is judged by the words beside it and by the other
places of the same text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew.codes import (
    ACRONYM,
    ADMIN1,
    ALL_CAPS,
    AS_NAME,
    AT_SIGN,
    CA_PROVINCE,
    CAPITAL,
    CAPITAL_CITY,
    CITY,
    COUNTRY,
    DEMONYM,
    FIRST_NAME,
    GAP_COMMA,
    GAP_SPACE,
    LOCATIVE,
    LOWER_WORD,
    NEXT_ALL_CAPS,
    NEXT_CAPITAL,
    OWN_SCRIPT,
    PLACE_HEAD,
    PREV_CAPITAL,
    STOP,
    SURNAME,
    TITLE,
    US_STATE,
    WORDS_CAPITAL,
)
from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.checkers.skew.lexicon import Places

NO_PLACE, WEAK, PLACE = 0, 1, 2
MIXED, CASUAL, ALL_LOWER, ALL_UPPER = 0, 1, 2, 3
CASUAL_BYTES = 300  # a message: its writer may leave out capitals
SMALL_TOWN = 50  # log10(people) * 10: a town under 100,000 needs another place of its country beside it
LOCATED_TOWN = 43  # 20,000: enough after `in`
SHORT = 2  # places in a text that is too short for company
LARGE_TOWN = 55  # 316,000: large enough that its being a first or family name does not matter
VERY_LARGE_TOWN = 60
STATE = 256  # where the weights of states begin, after those of the countries
HOME = 3  # mentions that the known origin of a text counts for: a name that it shares with London is its own
NEIGHBOURS = 3  # towns that one state or country explains, and no other explains as many: they vouch for one another


@kernel
def letter_case(data: NDArray[np.uint8], start: int, end: int) -> int:
    """ALL_LOWER for a text without capitals, ALL_UPPER with few small letters, CASUAL if short, else MIXED."""
    small = large = 0
    for at in range(start, end):
        byte = data[at]
        if 97 <= byte <= 122:
            small += 1
        elif 65 <= byte <= 90:
            large += 1
    if large * 3 > small * 2 and large > 12:
        return ALL_UPPER
    if large == 0 and small > 12:
        return ALL_LOWER
    return CASUAL if end - start < CASUAL_BYTES else MIXED


@kernel
def first_look(hits: NDArray[np.int64], at: int, case: int, lexicon: Places) -> int:
    """PLACE, WEAK (an ordinary word too: only with a comma and its country) or NO_PLACE, from the hit alone."""
    entry, shape = hits[at, 3], hits[at, 4]
    best, flags = lexicon.starts[entry], lexicon.flags[entry]
    if best == lexicon.starts[entry + 1] or shape & AT_SIGN:
        return NO_PLACE
    if shape & OWN_SCRIPT:
        return PLACE
    if flags & ACRONYM:
        clear = shape & ALL_CAPS and case != ALL_UPPER
    elif not shape & CAPITAL:
        least = DEMONYM if case == ALL_LOWER else COUNTRY
        clear = case != MIXED and lexicon.kind[best] <= least and not flags & (LOWER_WORD | STOP | AS_NAME)
    else:
        clear = shape & (WORDS_CAPITAL | ALL_CAPS)
    if not clear:
        return NO_PLACE
    return WEAK if flags & STOP else PLACE


@kernel
def person_name(hits: NDArray[np.int64], at: int, first: int, last: int, lexicon: Places) -> bool:
    """Whether the hit is part of a person's name: after a first name or title, before a family name, or too small."""
    entry, shape, gaps = hits[at, 3], hits[at, 4], hits[at, 5]
    best, named = lexicon.starts[entry], lexicon.flags[entry] & AS_NAME
    kind = lexicon.kind[best]
    if kind in (COUNTRY, DEMONYM) and not named:
        return False
    other = hits[at - 1, 3] if at > first and hits[at - 1, 2] + 1 == hits[at, 1] else -1
    after_place = other >= 0 and lexicon.starts[other] < lexicon.starts[other + 1]
    if gaps >> 8 == GAP_SPACE and shape & PREV_CAPITAL and hits[at, 6] & (FIRST_NAME | TITLE) and not after_place:
        return True
    if family_follows(hits, at, last) and lexicon.classes[entry] & FIRST_NAME:
        return True
    small = kind not in (COUNTRY, DEMONYM, CAPITAL_CITY) and lexicon.size[best] < LARGE_TOWN
    return bool(named and small and gaps & 255 != GAP_COMMA and not located(hits, at))


@kernel
def located(hits: NDArray[np.int64], at: int) -> bool:
    """Whether `in`, `near` or the like stands before the name."""
    return bool(hits[at, 5] >> 8 == GAP_SPACE and hits[at, 6] & LOCATIVE)


@kernel
def family_follows(hits: NDArray[np.int64], at: int, last: int) -> bool:
    """Whether the next word is a family name with a capital, and no place and no `City` or `County`."""
    if at + 1 < last and hits[at, 2] + 1 == hits[at + 1, 1]:
        return False
    following = hits[at, 7]
    beside = hits[at, 5] & 255 == GAP_SPACE and hits[at, 4] & NEXT_CAPITAL
    return bool(beside and following & SURNAME and not following & PLACE_HEAD)


@kernel
def support(entry: int, lexicon: Places, weight: NDArray[np.int64], sign: int) -> None:
    """Add to `weight` what the first bearer of this name says of the countries and states that the text speaks of."""
    best = lexicon.starts[entry]
    kind, country = lexicon.kind[best], lexicon.country[best]
    if kind in (COUNTRY, DEMONYM):
        weight[country] += 2 * sign
    elif kind in (CAPITAL_CITY, ADMIN1) or lexicon.size[best] >= VERY_LARGE_TOWN:
        weight[country] += sign
    if kind == ADMIN1 and lexicon.state[best]:
        weight[STATE + lexicon.state[best]] += 2 * sign


@kernel
def vote(entry: int, lexicon: Places, votes: NDArray[np.int64], home: NDArray[np.int64]) -> None:
    """One vote for each state, or country without states, that has a place of this name; home: country of a state."""
    if lexicon.flags[entry] & (AS_NAME | STOP | ACRONYM):
        return
    for candidate in range(lexicon.starts[entry], lexicon.starts[entry + 1]):
        if lexicon.kind[candidate] in (CAPITAL_CITY, ADMIN1, CITY):
            state = lexicon.state[candidate]
            votes[STATE + state if state else lexicon.country[candidate]] += 1
            home[state] = lexicon.country[candidate]


@kernel
def elect(votes: NDArray[np.int64], weight: NDArray[np.int64], home: NDArray[np.int64]) -> None:
    """Give weight to the state or country that explains more of the towns than any other does: a local paper's own."""
    best = int(votes.argmax())
    most = votes[best]
    if most < NEIGHBOURS or (votes == most).sum() > 1:
        return
    country = home[best - STATE] if best >= STATE else best
    weight[country] += most - 1
    if best >= STATE:
        weight[best] += most - 1


@kernel
def bearer(entry: int, country: int, lexicon: Places) -> int:
    """The candidate of this entry that lies in this country, or -1."""
    for candidate in range(lexicon.starts[entry], lexicon.starts[entry + 1]):
        if lexicon.country[candidate] == country:
            return candidate
    return -1


@kernel
def beside_country(story: Story, at: int, lexicon: Places) -> int:
    """The candidate that `City, Country` or `City, State` names, or -1."""
    hits = story.hits
    if hits[at, 5] & 255 != GAP_COMMA or at + 1 >= story.last or hits[at + 1, 1] != hits[at, 2] + 2:
        return -1
    if story.verdicts[at + 1] == NO_PLACE:
        return -1
    other = hits[at + 1, 3]
    for candidate in range(lexicon.starts[other], lexicon.starts[other + 1]):
        if lexicon.kind[candidate] in (COUNTRY, ADMIN1, CAPITAL_CITY):
            found = bearer(hits[at, 3], lexicon.country[candidate], lexicon)
            if found >= 0 and lexicon.kind[found] not in (COUNTRY, DEMONYM):
                return found
    return -1


@kernel
def company(candidate: int, weight: NDArray[np.int64], lexicon: Places) -> float:
    """How much the rest of the text speaks for this candidate; ten times the people count like one more mention."""
    state = lexicon.state[candidate]
    near = weight[STATE + state] if state else 0
    return float(weight[lexicon.country[candidate]] + near + lexicon.size[candidate] / 10.0)


@kernel
def by_company(entry: int, weight: NDArray[np.int64], lexicon: Places) -> int:
    """The candidate that the other names of the text speak for; the first one unless another is clearly ahead."""
    first = int(lexicon.starts[entry])
    best, most = first, company(first, weight, lexicon) + 1.0
    for candidate in range(first + 1, lexicon.starts[entry + 1]):
        ahead = company(candidate, weight, lexicon)
        if ahead > most and lexicon.kind[candidate] != DEMONYM:
            best, most = candidate, ahead
    return best


@kernel
def state_after(hits: NDArray[np.int64], at: int) -> int:
    """0 when a comma and the abbreviation of a US state follow the name, 1 for a Canadian province, else -1."""
    shape, following = hits[at, 4], hits[at, 7]
    short = shape & NEXT_ALL_CAPS or not following & TITLE  # Miss is a title, MISS and Miss. Mississippi
    if hits[at, 5] & 255 != GAP_COMMA or not shape & NEXT_CAPITAL or not short:
        return -1
    if following & US_STATE:
        return 0
    return 1 if following & CA_PROVINCE else -1


@kernel
def choose(story: Story, at: int, lexicon: Places, states_of: tuple[int, int]) -> tuple[int, int]:
    """(country, kind) of hit `at`, or (-1, -1)."""
    entry = story.hits[at, 3]
    best = lexicon.starts[entry]
    if lexicon.kind[best] != DEMONYM:
        state = state_after(story.hits, at)
        if state >= 0:
            return states_of[state], CITY
        named = beside_country(story, at, lexicon)
        if named >= 0:
            return lexicon.country[named], lexicon.label[named]
    if story.verdicts[at] == WEAK:
        return -1, -1
    if lexicon.kind[best] in (COUNTRY, DEMONYM) and not two_places(best, lexicon):
        return lexicon.country[best], lexicon.label[best]
    support(entry, lexicon, story.weight, -1)
    best = by_company(entry, story.weight, lexicon)
    least = LOCATED_TOWN if story.n_places <= SHORT and located(story.hits, at) else SMALL_TOWN
    lonely = story.weight[lexicon.country[best]] == 0 and lexicon.size[best] < least
    support(entry, lexicon, story.weight, 1)
    if lonely and lexicon.kind[best] not in (COUNTRY, DEMONYM):
        return -1, -1
    return lexicon.country[best], lexicon.label[best]


@kernel
def two_places(best: int, lexicon: Places) -> bool:
    """Whether the country shares its name with a state of another: Georgia."""
    other = best + 1
    return bool(other < len(lexicon.kind) and lexicon.state[other] and lexicon.kind[other] == ADMIN1)


class Story(NamedTuple):
    """The hits of one text end before `last`; their first verdicts, the weight of each country, how many are places."""

    hits: NDArray[np.int64]
    last: int
    verdicts: NDArray[np.int8]
    weight: NDArray[np.int64]
    n_places: int


class Known(NamedTuple):
    """What is known before a text is read.

    states_of: the countries whose states follow a comma in short, the USA and Canada. prior: int64[2 * STATE], the
    weight of each country and state.
    """

    states_of: tuple[int, int]
    prior: NDArray[np.int64]


@kernel
def resolve_texts(
    hits: NDArray[np.int64],
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lexicon: Places,
    known: Known,
) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """(int16 country index or -1, int8 place kind) of each hit; hits of one text lie together."""
    n = len(hits)
    country, kind = np.full(n, -1, np.int16), np.full(n, -1, np.int8)
    verdicts, weight = np.zeros(n, np.int8), np.zeros(2 * STATE, np.int64)
    votes, home = np.zeros(2 * STATE, np.int64), np.zeros(STATE, np.int64)
    seen = np.full(len(lexicon.flags), -1, np.int64)
    first = 0
    while first < n:
        text, last = hits[first, 0], first
        while last < n and hits[last, 0] == text:
            last += 1
        case = letter_case(data, offsets[text], offsets[text + 1])
        weight[:] = known.prior
        votes[:] = 0
        for at in range(first, last):
            verdicts[at] = first_look(hits, at, case, lexicon)
            if verdicts[at] == PLACE and person_name(hits, at, first, last, lexicon):
                verdicts[at] = NO_PLACE
            if verdicts[at] == PLACE and seen[hits[at, 3]] != text:
                seen[hits[at, 3]] = text
                support(hits[at, 3], lexicon, weight, 1)
                vote(hits[at, 3], lexicon, votes, home)
        elect(votes, weight, home)
        story = Story(hits, last, verdicts, weight, (verdicts[first:last] == PLACE).sum())
        for at in range(first, last):
            if verdicts[at] != NO_PLACE:
                country[at], kind[at] = choose(story, at, lexicon, known.states_of)
        first = last
    return country, kind
