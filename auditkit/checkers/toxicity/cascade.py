"""How few texts a costly judge must read: a band with a proved recall, and a share with its interval.

`calibrate` takes a sample of a corpus that the judge has scored and says from which embedded score on the judge must be
asked so that at most 1 - recall of its positives are lost, with a confidence bound. It promises recall of the judge's
positives, never a share of equal decisions: where one text in a hundred is toxic, "99 % equal" is reached by calling
everything clean. `strata` and `estimate` answer "what share is toxic" from a few hundred judged texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0)  # of the strata, as shares of the texts in order of their embedded score


@dataclass(frozen=True)
class Guarantee:
    """What a band keeps.

    escalate_from: texts with at least this embedded score go to the judge. recall_low: lower bound, at `confidence`, of
    the share of the judge's positives among them. escalated: share of texts sent on. n_positives: how many of the
    judge's positives the bound rests on.
    """

    escalate_from: float
    recall_low: float
    confidence: float
    escalated: float
    n_positives: int

    def sentence(self) -> str:
        """For people: what is promised, and what it costs."""
        return (
            f">= {self.recall_low:.1%} of the judge's positives kept, {self.confidence:.0%} confidence "
            f"({self.n_positives} positives seen); {self.escalated:.1%} of documents sent on"
        )


def calibrate(
    embedded: NDArray[np.float64], judged: NDArray[np.bool_], *, recall: float = 0.95, confidence: float = 0.95
) -> Guarantee:
    """The narrowest band whose recall is proved on these texts, a random sample of the corpus.

    embedded: the embedded scores; judged: whether the judge calls each text toxic. The band is chosen and proved on the
    same texts: the bound is that of the order statistic, which holds for the cut that leaves out the k lowest positives
    whatever the scores are. ConfigError where there are too few positives to prove any band.
    """
    positives = np.sort(embedded[judged])
    lost = _most_lost(len(positives), recall, confidence)
    if lost < 0:
        needed = int(np.ceil(np.log(1 - confidence) / np.log(recall)))
        message = (
            f"{len(positives)} of the {len(embedded)} sampled documents are positives of the judge; "
            f"{needed} are needed to prove a recall of {recall:.0%} at {confidence:.0%} confidence: sample more"
        )
        raise ConfigError(message)
    cut = float(positives[lost])
    low = _recall_bound(len(positives), lost, confidence)
    return Guarantee(cut, low, confidence, float((embedded >= cut).mean()), len(positives))


def _recall_bound(n: int, lost: int, confidence: float) -> float:
    """Lower bound of the share of the population's positives at or above the (lost + 1)-th lowest of n sampled ones.

    That share is Beta(n - lost, lost + 1) distributed (Wilks 1941): its lower quantile, by bisection.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(n, lost, 1 - middle) >= confidence else (low, middle)
    return low


def _most_lost(n: int, recall: float, confidence: float) -> int:
    """How many of n sampled positives may fall below the cut; -1 where even none is too many."""
    lost = -1
    while lost + 1 < n and _tail(n, lost + 1, 1 - recall) >= confidence:
        lost += 1
    return lost


def _tail(n: int, k: int, p: float) -> float:
    """P(Binomial(n, p) > k): that more than k of n positives lie in the lowest share p."""
    from math import comb, fsum

    return 1.0 - fsum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@dataclass(frozen=True)
class Estimate:
    """A corpus' share of positives by the judge: value and interval, and how many texts the judge read."""

    share: float
    low: float
    high: float
    confidence: float
    judged: int


def estimate(
    embedded: NDArray[np.float64],
    judge: Callable[[Sequence[int]], NDArray[np.bool_]],
    *,
    calls: int = 800,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The share of texts that the judge would call toxic, from `calls` of its judgements.

    Texts are put into strata by their embedded score; a fifth of the calls is spread evenly, the rest goes where the
    judgements vary most (Neyman 1934). judge(indices) -> bool per text, called twice. Interval: normal, with one
    pseudo-positive and one pseudo-negative per stratum (Agresti & Coull 1998), so that a stratum without positives is
    not taken as certain.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(embedded))
    order = order[np.argsort(embedded[order], kind="stable")]
    cuts = [int(edge * len(order)) for edge in EDGES[1:-1]]
    groups = [rng.permutation(group) for group in np.split(order, cuts) if len(group)]
    pilot = [min(len(group), max(2, calls // 5 // len(groups))) for group in groups]
    first = _asked(judge, [group[:n] for group, n in zip(groups, pilot, strict=True)])
    spread = np.array([len(g) * _deviation(a) for g, a in zip(groups, first, strict=True)])
    left = max(0, calls - sum(pilot))
    more = np.minimum([len(g) - n for g, n in zip(groups, pilot, strict=True)], left * spread // spread.sum())
    rest = _asked(judge, [g[n : n + int(m)] for g, n, m in zip(groups, pilot, more, strict=True)])
    answers = [np.concatenate(both) for both in zip(first, rest, strict=True)]
    return _pooled(groups, answers, confidence)


def _asked(
    judge: Callable[[Sequence[int]], NDArray[np.bool_]], groups: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.bool_]]:
    """The judge's answers to the texts of all groups, asked at one time, per group."""
    wanted = np.concatenate(groups).tolist()
    answers = np.asarray(judge(wanted), bool) if wanted else np.zeros(0, bool)
    return np.split(answers, np.cumsum([len(group) for group in groups])[:-1])


def _deviation(answers: NDArray[np.bool_]) -> float:
    """Standard deviation of a judgement, with one pseudo-positive and one pseudo-negative."""
    share = (answers.sum() + 1) / (len(answers) + 2)
    return float(np.sqrt(share * (1 - share)))


def _pooled(groups: Sequence[NDArray[np.int64]], answers: Sequence[NDArray[np.bool_]], confidence: float) -> Estimate:
    """Stratified share and interval; a stratum that was judged whole adds no uncertainty."""
    from statistics import NormalDist

    sizes = np.array([len(group) for group in groups], float)
    weights = sizes / sizes.sum()
    judged = np.array([len(answer) for answer in answers], float)
    shares = np.array([answer.mean() for answer in answers])
    variance = np.array([_deviation(answer) ** 2 for answer in answers]) / judged * (1 - judged / sizes)
    share, spread = float(weights @ shares), float(np.sqrt((weights**2) @ variance))
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return Estimate(share, max(0.0, share - z * spread), min(1.0, share + z * spread), confidence, int(judged.sum()))
