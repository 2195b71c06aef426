r"""Which regular expressions of users are accepted: those that cannot backtrack without bound.

Refused is a repetition without limit (or above 100) whose body can be read in several ways: it holds another repetition
of variable length and nothing mandatory that cannot be part of that one, such as (a+)+ or (\w+\s?)*; or alternatives
that begin alike, such as (a|ab)*. What passes may still take time that grows with the square of a text; that runs under
a deadline. Only syntax of Python's re is accepted, so that nothing passes unread.
"""

from __future__ import annotations

import re
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MANY = 100
LETTERS = frozenset([*map(chr, range(0x80)), "\u00e9", "\u0663", "\u4e2d", "\u00a0", "\u017f"])
"""Characters that stand for all: ASCII, and one of each kind beyond that classes tell apart."""

_CLASSES = {
    codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
_WITH_ONE = (codes.SUBPATTERN, codes.ASSERT, codes.ASSERT_NOT, codes.POSSESSIVE_REPEAT)
_CHARACTERS = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)

Item = tuple[Any, Any]


def problem(pattern: str) -> str:
    """What is wrong with the pattern, or nothing."""
    if not pattern:
        return "an empty pattern matches everywhere"
    try:
        parsed = list(parser.parse(pattern, re.IGNORECASE))
        if re.compile(pattern).match("") is not None:
            return "it matches the empty text, so it would be found everywhere"
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a valid regular expression: {error}"
    return "it can backtrack without bound (a repetition inside a repetition)" if _runs_away(parsed) else ""


def _runs_away(items: list[Item]) -> bool:
    return any(_item_runs_away(item) for item in items)


def _item_runs_away(item: Item) -> bool:
    code, value = item
    if code in _REPEATS and value[1] > MANY and _is_ambiguous(list(value[2])):
        return True
    return any(_runs_away(inner) for inner in _inner(item))


def _inner(item: Item) -> list[list[Item]]:
    """The sequences inside an item."""
    code, value = item
    if code is codes.BRANCH:
        return [list(branch) for branch in value[1]]
    if code is codes.GROUPREF_EXISTS:
        return [list(branch) for branch in value[1:] if branch]
    if code is codes.ATOMIC_GROUP:
        return [list(value)]
    where = {codes.SUBPATTERN: 3, codes.ASSERT: 1, codes.ASSERT_NOT: 1}.get(code, 2)
    return [list(value[where])] if code in _WITH_ONE or code in _REPEATS else []


def _is_ambiguous(body: list[Item]) -> bool:
    """Whether a body that is repeated can be read in several ways."""
    flat = _flat(body)
    variable = [item for item in flat if item[0] in _REPEATS and item[1][0] != item[1][1]]
    reach = frozenset().union(*(_all_characters(item) for item in variable)) if variable else frozenset()
    walls = [item for item in flat if item[0] in _CHARACTERS]
    if variable and all(_characters(wall) & reach for wall in walls):
        return True
    return any(_alike(item) for item in flat if item[0] is codes.BRANCH)


def _flat(items: list[Item]) -> list[Item]:
    """The sequence with plain groups opened."""
    out: list[Item] = []
    for item in items:
        out += _flat(list(item[1][3])) if item[0] is codes.SUBPATTERN else [item]
    return out


def _alike(branch: Item) -> bool:
    """Whether two alternatives may begin with the same character, or one may be empty."""
    firsts = [_first(_flat(list(option))) for option in branch[1][1]]
    return any(not a or not b or a & b for i, a in enumerate(firsts) for b in firsts[i + 1 :])


def _first(items: list[Item]) -> frozenset[str]:
    """The characters with which the sequence may begin; all of them where that is not plain to see."""
    for item in items:
        if item[0] is codes.AT:
            continue
        if item[0] in _CHARACTERS:
            return _characters(item)
        if item[0] in _REPEATS and item[1][0] > 0:
            return _first(_flat(list(item[1][2])))
        return LETTERS
    return frozenset()


def _all_characters(item: Item) -> frozenset[str]:
    """Every character that may stand in what the item matches."""
    if item[0] in _CHARACTERS:
        return _characters(item)
    inner = [_all_characters(one) for sequence in _inner(item) for one in sequence]
    return frozenset().union(*inner) if inner else frozenset() if item[0] is codes.AT else LETTERS


def _characters(item: Item) -> frozenset[str]:
    """The characters of LETTERS that a one-character item matches, in either case."""
    code, value = item
    if code is codes.ANY:
        return LETTERS
    if code is codes.LITERAL:
        return frozenset({chr(value).lower(), chr(value).upper()})
    if code is codes.NOT_LITERAL:
        return LETTERS - {chr(value)}
    return _set_of(value)


def _set_of(parts: list[Item]) -> frozenset[str]:
    found: set[str] = set()
    negated = False
    for code, value in parts:
        if code is codes.NEGATE:
            negated = True
        elif code is codes.LITERAL:
            found |= {chr(value).lower(), chr(value).upper()}
        elif code is codes.RANGE:
            inside = {ch for ch in LETTERS if value[0] <= ord(ch) <= value[1]}
            found |= inside | {ch.lower() for ch in inside} | {ch.upper() for ch in inside}
        else:
            found |= {ch for ch in LETTERS if re.match(_CLASSES[value], ch)}
    return LETTERS - found if negated else frozenset(found)
