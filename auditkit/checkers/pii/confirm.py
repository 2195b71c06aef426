"""Presidio's recognisers run on regions: all regions of a batch as one string, matches mapped back to bytes of the
batch.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checkers.pii.anchors import Regions, Texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Match = tuple[int, int, float]
    Run = Callable[[str], list[Match]]

TIMEOUT_S = 20.0  # for one pattern over one batch; a pattern that needs more makes the batch a gap


def confirmed(texts: Texts, regions: Regions, run: Run) -> tuple[Ints, NDArray[np.float64]]:
    """(int64[n, 3]: text, first byte, last byte + 1; float64[n] score) of what `run` matches in the regions."""
    if not len(regions):
        return np.zeros((0, 3), np.int64), np.zeros(0)
    joined, starts = _joined(texts, regions)
    string = joined.tobytes().decode()
    matches = run(string)
    if not matches:
        return np.zeros((0, 3), np.int64), np.zeros(0)
    low = np.array([match[0] for match in matches], np.int64)
    high = np.array([match[1] for match in matches], np.int64)
    if len(string) != len(joined):
        places = np.append(np.flatnonzero((joined & 0xC0) != 0x80), len(joined))
        low, high = places[low], places[high]
    region = np.searchsorted(starts, low, "right") - 1
    shift = regions[region, 1] - starts[region]
    rows = np.column_stack([regions[region, 0], low + shift, high + shift])
    return rows, np.array([match[2] for match in matches])


def _joined(texts: Texts, regions: Regions) -> tuple[NDArray[np.uint8], Ints]:
    """The bytes of all regions, a newline after each, and where each begins."""
    sizes = regions[:, 2] - regions[:, 1] + 1
    ends = np.cumsum(sizes)
    starts = ends - sizes
    source = np.arange(int(ends[-1])) + np.repeat(regions[:, 1] - starts, sizes)
    joined = texts.data[np.minimum(source, len(texts.data) - 1)]
    joined[ends - 1] = 10
    return joined, starts


def pattern_run(recognizer: Any) -> Run:
    """What PatternRecognizer.analyze does, without explanations, and with a time-out that is an error."""
    import regex

    patterns = [(regex.compile(p.regex, recognizer.global_regex_flags), p.score) for p in recognizer.patterns]

    def run(string: str) -> list[Match]:
        found: list[Match] = []
        for pattern, base in patterns:
            for match in pattern.finditer(string, timeout=TIMEOUT_S):
                low, high = match.span()
                score = _score(recognizer, string[low:high], base)
                if score > 0:
                    found.append((low, high, score))
        return without_contained(found)

    return run


def _score(recognizer: Any, value: str, base: float) -> float:
    """The score of a match after the recogniser's own validation; 0 = no finding."""
    if not value:
        return 0.0
    verdict = recognizer.validate_result(value)
    score = base if verdict is None else float(bool(verdict))
    return 0.0 if recognizer.invalidate_result(value) else score


def analyze_run(recognizer: Any) -> Run:
    """The recogniser's own analyze, for those that do more than patterns."""

    def run(string: str) -> list[Match]:
        results = recognizer.analyze(string, recognizer.supported_entities, None)
        return [(result.start, result.end, float(result.score)) for result in results]

    return run


def without_contained(found: list[Match]) -> list[Match]:
    """Presidio's remove_duplicates for one entity: no match inside another that scores as high."""
    if all(before[1] <= after[0] for before, after in itertools.pairwise(found)):
        return found
    kept: list[Match] = []
    active: list[Match] = []
    for match in sorted(set(found), key=lambda m: (m[0], m[0] - m[1], -m[2])):
        active = [other for other in active if other[1] >= match[0]]
        if all(match[1] > other[1] or match[2] > other[2] for other in active):
            kept.append(match)
            active.append(match)
    return kept
