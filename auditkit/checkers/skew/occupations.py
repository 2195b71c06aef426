"""Who is said to do which work: sentences with an occupation and words of one gender, against labour statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew.lexicon import gender_bits, occupations
from auditkit.findings import Metric, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from auditkit.checkers.skew.mentions import Hits

NAME = "skew"
FEW = 10  # sentences: an occupation in fewer has no figure of its own
SENTENCE_ENDS = np.isin(np.arange(256), np.frombuffer(b".!?\n", np.uint8))


def gendered_sentences(hits: Hits, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n, 2]: for each occupation the sentences with masculine words only, and with feminine words only."""
    counts = np.zeros((len(occupations()), 2), np.int64)
    working = hits.occupation >= 0
    if not working.any():
        return counts
    first, last = int(offsets[0]), int(offsets[-1])
    ends = np.flatnonzero(SENTENCE_ENDS[data[first:last]]) + first
    sentence = np.searchsorted(ends, hits.start) + hits.text  # both only grow: no two sentences share a number
    men, women = (np.unique(sentence[hits.members >> np.uint64(bit) & np.uint64(1) > 0]) for bit in gender_bits())
    pairs = np.unique(np.stack([sentence[working], hits.occupation[working].astype(np.int64)], axis=1), axis=0)
    with_men, with_women = np.isin(pairs[:, 0], men), np.isin(pairs[:, 0], women)
    np.add.at(counts[:, 0], pairs[with_men & ~with_women, 1], 1)
    np.add.at(counts[:, 1], pairs[with_women & ~with_men, 1], 1)
    return counts


def occupation_metrics(counts: NDArray[np.int64], *, confidence: float) -> Iterable[Metric]:
    """occupation.feminine_share of each occupation in ten sentences or more.

    Status `fail` when the interval, simultaneous over the occupations, leaves out the share of women in that work.
    """
    totals = counts.sum(axis=1)
    shown = np.flatnonzero(totals >= FEW)
    level = 1 - (1 - confidence) / max(len(shown), 1)
    for at in shown:
        work = occupations()[at]
        women, whole = int(counts[at, 1]), int(totals[at])
        low, high = wilson(women, whole, confidence=level)
        status = "undecided" if low <= work.female_share <= high else "fail"
        reference = f"{work.female_share:.1%} women (US BLS {work.year})"
        metric = "occupation.feminine_share"
        yield Metric(NAME, metric, women / whole, work.name, low, high, women, whole, reference, status)
