"""Credentials: rules/packs/secrets.toml applied to texts.

A rule is asked only where one of its keywords stands (one scan for all of them); then its pattern must match there,
its first group
must hold enough entropy (Shannon, bits per sign) to be random, and must not be a placeholder.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checker import Rule, rule_pack
from auditkit.checkers.pii.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from numpy.typing import NDArray

    from auditkit.checkers.pii.anchors import Texts

    class Strings(Protocol):
        """Texts by their number."""

        def __getitem__(self, index: int, /) -> str: ...


BEHIND, AHEAD, AHEAD_OF_BLOCK = 120, 1_200, 9_000
"""Characters around a keyword in which its credential stands; armoured blocks are longer."""

PLACEHOLDER = re.compile(
    r"^(?:user|pass(?:word|wd)?|secret|token|guest|admin|root|test|changeit|key)$"
    r"|example|sample|placeholder|change_?me|your[-_ ]|dummy|redacted|x{5,}|0{8,}|1234567|\*{3}|\.{3}|^<|^\$|^\{|^%",
    re.IGNORECASE,
)
GENERIC = frozenset(f"pii/secret-{kind}" for kind in ("api-key", "secret", "token", "password", "odbc-password"))
CERTAIN, GUESS = 1.0, 0.8


class Secrets:
    """Finds credentials in many texts at once."""

    def __init__(self) -> None:
        self._rules = rule_pack("secrets")
        self._patterns = [re.compile(rule.pattern) for rule in self._rules]
        owners: dict[str, list[int]] = {}
        for index, rule in enumerate(self._rules):
            for keyword in rule.keywords:
                owners.setdefault(keyword, []).append(index)
        self._keywords = _shortest_first(owners)
        self._trie = _byte_trie(self._keywords)
        self._owners = [owners_of(keyword, owners) for keyword in self._keywords]

    def find(self, strings: Strings, hits: NDArray[np.int64]) -> Iterable[tuple[int, Span]]:
        """(text, span) of each credential; `hits` are rows (text, code point, keyword number) of `keywords`."""
        places: dict[tuple[int, int], list[int]] = {}
        for text, point, word in hits.tolist():
            for index in self._owners[word - 1]:
                places.setdefault((text, index), []).append(point)
        for (text, index), points in places.items():
            for span in self._in_windows(strings[text], index, points):
                yield text, span

    def keywords(self, texts: Texts) -> NDArray[np.int64]:
        """Rows (text, byte, keyword number) in order, as many of the keywords as wake the windows of all of them."""
        from auditkit.checkers.pii import kernels

        found: NDArray[np.int64] = kernels.words(texts.data, texts.offsets, self._trie, BEHIND + AHEAD)
        return found[np.lexsort((found[:, 1], found[:, 0]))]

    def _in_windows(self, text: str, index: int, points: list[int]) -> Iterable[Span]:
        """The credentials of one rule around its keywords; windows that overlap are one."""
        rule, pattern = self._rules[index], self._patterns[index]
        ahead = AHEAD_OF_BLOCK if "PRIVATE KEY" in rule.pattern else AHEAD
        last = -1
        for low, high in _windows(points, ahead):
            for match in pattern.finditer(text, max(low, last), min(high, len(text))):
                last = match.end()
                if _is_secret(rule, match[1]):
                    score = GUESS if rule.id in GENERIC else CERTAIN
                    yield Span(match.start(1), match.end(1), "API_KEY", score, rule.id)


def _windows(points: list[int], ahead: int) -> list[tuple[int, int]]:
    """Stretches around ascending points, merged where they overlap."""
    merged: list[tuple[int, int]] = []
    for point in points:
        low, high = max(0, point - BEHIND), point + ahead
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def _is_secret(rule: Rule, value: str) -> bool:
    """Whether the value is random enough and no placeholder."""
    floor = rule.options.get("entropy", 0.0)
    return isinstance(floor, float) and entropy(value) >= floor and not PLACEHOLDER.search(value)


def entropy(value: str) -> float:
    """Shannon entropy of the value's signs, in bits per sign."""
    counts = Counter(value).values()
    return -math.fsum(n / len(value) * math.log2(n / len(value)) for n in counts)


def _shortest_first(owners: Mapping[str, list[int]]) -> list[str]:
    """The keywords without those that begin with another: the scan stops at the shorter one."""
    every = sorted(owners, key=lambda word: (len(word), word))
    kept: list[str] = []
    for word in every:
        if not any(word.startswith(other) for other in kept):
            kept.append(word)
    return kept


def owners_of(keyword: str, owners: Mapping[str, list[int]]) -> tuple[int, ...]:
    """The rules that a keyword wakes: its own, and those of keywords that begin with it."""
    return tuple(sorted({index for word, rules in owners.items() if word.startswith(keyword) for index in rules}))


def _byte_trie(words: list[str]) -> NDArray[np.int16]:
    """int16[nodes, 257] for kernels.words; ASCII letters lead to the same node in either case."""
    rows = [np.zeros(257, np.int16)]
    for number, word in enumerate(words, 1):
        node = 0
        for byte in word.lower().encode():
            if not rows[node][byte]:
                rows.append(np.zeros(257, np.int16))
                rows[node][[byte, *chr(byte).upper().encode()]] = len(rows) - 1
            node = int(rows[node][byte])
        rows[node][256] = number
    return np.stack(rows)
