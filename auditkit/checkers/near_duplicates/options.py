"""The options of the checker, and the bands that its threshold asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

MANIFEST = "index.json"
"""The file that makes a folder an index."""
READABLE = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst", ".parquet")
"""What a benchmark may be called."""
LOWEST_THRESHOLD = 0.4
"""Below it nearly every pair of documents shares a band of 3 rows and is compared: quadratic time."""
LOWEST_COSINE = 0.5
MISSED = 1e-4
"""Probability that a pair exactly at the threshold shares no band; pairs above it are missed less often."""
MAX_BINS = 72
MIN_ROWS = 3
"""Bins of a signature at most, rows of a band at least; threshold 0.8 gets 18 bands of 4 rows."""


class Bands(NamedTuple):
    """How a signature is cut: number of bands, rows of each."""

    n: int
    rows: int


@dataclass(frozen=True)
class Options:
    """Options of `[checkers.near_duplicates]`.

    threshold: Jaccard similarity of word 5-grams from which a document is a near-copy, 0.4 to 1.
    keep: which copy stays: the longest (characters), the first (file order), the best (highest score); then the first.
    against: folders of `auditkit index`, whose documents win over those of the run, and benchmarks (JSONL or Parquet),
    whose items no document may contain.
    withheld: single texts that no document may contain, such as canaries.
    passages: whether 50 words or more in a row that other documents have, too, are looked for; takes as long again.
    semantic: whether documents that say the same in other words are looked for; needs the extra `[semantic]`.
    semantic_threshold: cosine of the documents' vectors from which they do, 0.5 to 1.
    score: for keep = "best" a document score such as "hallucination/agreement"; after a "-" the lowest is best.
    """

    threshold: float = 0.8
    keep: Literal["longest", "first", "best"] = "longest"
    score: str = ""
    against: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    passages: bool = False
    semantic: bool = False
    semantic_threshold: float = 0.9

    def check(self) -> Iterable[tuple[str, str]]:
        """Mistakes that the types do not show."""
        if not LOWEST_THRESHOLD <= self.threshold <= 1:
            yield "threshold", f"expected a similarity from {LOWEST_THRESHOLD} to 1, got {self.threshold}"
        if not LOWEST_COSINE <= self.semantic_threshold <= 1:
            yield "semantic_threshold", f"expected a cosine from {LOWEST_COSINE} to 1, got {self.semantic_threshold}"
        if self.keep == "best" and not self.score:
            yield "score", 'keep = "best" needs the score that decides, for example score = "hallucination/agreement"'
        if self.keep != "best" and self.score:
            yield "score", f'has no effect with keep = "{self.keep}"; set keep = "best"'

        for path in self.against:
            if not Path(path).exists():
                yield "against", f"there is no file or folder '{path}'"
            elif not Path(path, MANIFEST).exists() and not path.lower().endswith(READABLE):
                yield "against", f"'{path}' is neither an index folder nor a benchmark ({', '.join(READABLE)})"

    def bands(self) -> Bands:
        """The most selective bands that still find a pair at the threshold with probability 1 - MISSED."""
        for rows in range(MAX_BINS, MIN_ROWS, -1):
            n = bands_needed(self.threshold**rows)
            if n * rows <= MAX_BINS:
                return Bands(n, rows)
        return Bands(bands_needed(self.threshold**MIN_ROWS), MIN_ROWS)


def bands_needed(agreement: float) -> int:
    """Bands until a pair that agrees in one band with this probability is missed in all with at most MISSED."""
    return 1 if agreement == 1 else math.ceil(math.log(MISSED) / math.log1p(-agreement))
