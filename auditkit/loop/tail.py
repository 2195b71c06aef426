"""The tail: words that the reference corpus uses rarely, how much of them a corpus still has, and weights that keep it.

Models that learn from their own samples forget the rare first (Shumailov et al. 2024, Nature 631:755): sampling below
temperature 1 sharpens, the next model learns the sharpened shares, and so on. What is rare is estimated from the
reference corpus alone (the real data of round 0); no true shares are asked for.

Three ways to hold on to it, all from the same estimate:

    tail_weights   one weight per text, so that each band of rarity gets the share it has in the reference
                   (entropy balancing: of all such weights those nearest to equal ones; Hainmueller 2012, Political
                   Analysis 20:25); a training set is drawn by them with `resampled`
    ratio_weights  one weight per text, the geometric mean of reference share over present share of its words; simpler,
                   and it does not meet the shares exactly
    refill         which reference texts to repeat, rare words first, until the whole has the reference's shares
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.findings import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

TAIL_SHARE = 0.2
"""Share of the reference's words that its rarest words make up together: the tail, unless asked otherwise."""
MOST = 8.0
"""No text counts more than so many times the mean: beyond it one text would speak for a whole band."""
FEW = 30
"""Words that a band has at least before it is balanced by itself."""
RIDGE = 1e-3
"""Pull towards equal weights, per text: keeps the solution finite where a band cannot be met."""
EFFECTIVE = 0.4
"""Texts that weighted ones are worth at least, as a share of all (Kish 1965): weights are drawn together until then.
By benchmarks/tail.py, over the 90 rarest of 150 words: .96 of the tail left at 0.4, .90 at 0.5, .80 at 0.6."""
STEPS = 50
"""Newton steps at most; ten are usual."""


@dataclass(frozen=True)
class Words:
    """The words of some texts, as hashes: those of text i are hashes[bounds[i]:bounds[i + 1]]."""

    hashes: NDArray[np.uint64]
    bounds: Places

    @property
    def owners(self) -> Places:
        """int64 per word: the place of its text."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))


@dataclass(frozen=True)
class Rarity:
    """What the reference corpus says of words. words: its vocabulary as sorted hashes; counts: how often it uses each.

    band: int64 per word, 0 = rarest; each band is a doubling of the count. tail: bool per word. shares: float64 per
    band, of the reference's words.
    """

    words: NDArray[np.uint64]
    counts: Places
    band: Places
    tail: NDArray[np.bool_]
    shares: Floats

    @property
    def tail_share(self) -> float:
        """Share of the reference's words that are of the tail."""
        return float(self.counts[self.tail].sum() / max(1, self.counts.sum()))

    def places(self, words: Words) -> Places:
        """int64 per word: its place in the vocabulary, -1 for a word that the reference lacks."""
        if not len(self.words):
            return np.full(len(words.hashes), -1, np.int64)
        at = np.minimum(np.searchsorted(self.words, words.hashes), len(self.words) - 1)
        return np.where(self.words[at] == words.hashes, at, -1)


@dataclass(frozen=True)
class TailMass:
    """The tail of some texts. share: of their words, with its interval; ratio: share over the reference's own.

    covered: share of the tail's different words that occur at all. new: share of words that the reference lacks.
    The interval is over texts, whose words are not independent: by the sums of each text (ratio estimator).
    """

    share: float
    low: float
    high: float
    ratio: float
    covered: float
    new: float
    n_words: int


def words_of(texts: Sequence[str]) -> Words:
    """The folded words of each text; case and composition do not matter."""
    from auditkit.text.buffers import utf8_buffers
    from auditkit.text.folding import folding
    from auditkit.text.settled import settled_texts
    from auditkit.text.shingles import Texts, all_words

    safe = [text.encode("utf-8", "replace").decode() for text in texts]
    data, offsets = utf8_buffers(settled_texts(pa.array(safe, pa.large_utf8())))
    hashes, bounds = all_words(Texts(data, offsets, np.arange(len(texts) + 1)), folding())
    return Words(hashes, bounds)


def rarity(reference: Sequence[str] | Words, *, tail: float = TAIL_SHARE) -> Rarity:
    """Counts, bands and tail of the reference's words.

    The tail is all words used at most so often that together they stay within `tail` of all words; words used equally
    often are in it together or not at all, and those used once always are.
    """
    words = reference if isinstance(reference, Words) else words_of(reference)
    vocabulary, counts = np.unique(words.hashes, return_counts=True)
    band = np.floor(np.log2(np.maximum(counts, 1))).astype(np.int64)
    band = np.searchsorted(np.unique(band), band)
    levels, at = np.unique(counts, return_inverse=True)
    mass = np.cumsum(np.bincount(at, weights=counts, minlength=len(levels))) / max(1, counts.sum())
    within = mass <= tail
    within[:1] = True
    shares = np.bincount(band, weights=counts, minlength=1) / max(1, counts.sum())
    return Rarity(vocabulary, counts.astype(np.int64), band, within[at], shares)


def tail_mass(known: Rarity, texts: Sequence[str] | Words) -> TailMass:
    """How much of the tail these texts have."""
    words = texts if isinstance(texts, Words) else words_of(texts)
    place, n_texts = known.places(words), len(words.bounds) - 1
    in_tail = (place >= 0) & known.tail[np.maximum(place, 0)] if len(known.words) else place >= 0
    lengths = np.diff(words.bounds).astype(np.float64)
    sums = np.bincount(words.owners, weights=in_tail, minlength=n_texts).astype(np.float64)
    n_words = int(lengths.sum())
    share = float(sums.sum() / n_words) if n_words else 0.0
    low, high = _over_texts(sums, lengths, share)
    seen = len(np.unique(place[in_tail]))
    return TailMass(
        share,
        low,
        high,
        share / known.tail_share if known.tail_share else 0.0,
        seen / max(1, int(known.tail.sum())),
        float((place < 0).mean()) if n_words else 0.0,
        n_words,
    )


def _over_texts(sums: Floats, lengths: Floats, share: float) -> tuple[float, float]:
    """95 % interval of sum(sums) / sum(lengths), texts being what was drawn (Cochran 1977, chapter 6)."""
    n, total = len(sums), float(lengths.sum())
    if n < 2 or not total:
        return 0.0, 1.0
    spread = 1.96 * float(np.sqrt(n / (n - 1) * ((sums - share * lengths) ** 2).sum())) / total
    if spread == 0.0:  # no text differs from another: only the number of words tells
        return wilson(round(share * total), int(total))
    return max(0.0, share - spread), min(1.0, share + spread)


def tail_weights(reference: Sequence[str] | Rarity, texts: Sequence[str], *, most: float = MOST) -> Floats:
    """float64[n], mean 1: the weights nearest to equal ones with which `texts` have the reference's share of each band.

    Words that the reference lacks count in no band. No text weighs more than `most`, so that a band which hardly any
    text has is met only in part; the weighted texts are worth EFFECTIVE of them or more. Equal weights when there is
    nothing to balance. O(n * bands^2) per step.
    """
    known = reference if isinstance(reference, Rarity) else rarity(reference)
    words = words_of(texts)
    counts, shares = _joined(_band_counts(known, words, len(texts)), known.shares)
    lengths = counts.sum(axis=1)
    if not lengths.sum():
        return np.ones(len(texts))
    gap = (counts - lengths[:, None] * shares[None, :]) / max(1.0, float(lengths.mean()))
    return _tempered(_capped(_balanced(gap), most))


def _band_counts(known: Rarity, words: Words, n_texts: int) -> Floats:
    """float64[n, bands]: words of each text per band."""
    place, n_bands = known.places(words), len(known.shares)
    there = place >= 0
    cell = words.owners[there] * n_bands + known.band[place[there]]
    return np.bincount(cell, minlength=n_texts * n_bands).reshape(n_texts, n_bands).astype(np.float64)


def _joined(counts: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Counts and shares of bands that hold FEW words of these texts each: rarer ones are joined to the next.

    A band that no text has cannot be met, and the search for weights that meet it would never end well.
    """
    of_band, group, held = np.zeros(len(shares), np.int64), 0, 0.0
    for band, n_words in enumerate(counts.sum(axis=0)):
        of_band[band] = group
        held += n_words
        if held >= FEW:
            group, held = group + 1, 0.0
    last = max(0, group - 1)  # what is left over at the end goes with the last full band
    parts = np.minimum(of_band, last)[:, None] == np.arange(last + 1)
    return counts @ parts, shares @ parts


def _balanced(gap: Floats) -> Floats:
    """Weights exp(-gap @ point) that bring the weighted mean of every column of `gap` to 0, by Newton's method."""
    scale = gap.std(axis=0)
    used = gap[:, scale > 1e-12] / scale[scale > 1e-12]
    point = np.zeros(used.shape[1])
    for _ in range(STEPS):
        weights = _tilted(used, point)
        mean = weights @ used
        slope = RIDGE * point - mean
        if not len(point) or float(np.abs(slope).max()) < 1e-8:
            break
        bend = (used * weights[:, None]).T @ used - np.outer(mean, mean) + RIDGE * np.eye(len(point))
        point = _downhill(used, point, np.linalg.solve(bend, slope), slope)
    return _tilted(used, point) * len(gap)


def _tilted(used: Floats, point: Floats) -> Floats:
    """exp(-used @ point), scaled to the sum 1."""
    tilt = -used @ point
    made: Floats = np.exp(tilt - tilt.max())
    made /= made.sum()
    return made


def _downhill(used: Floats, point: Floats, step: Floats, slope: Floats) -> Floats:
    """The point after as much of the Newton step as goes down far enough (Armijo 1966)."""

    def value(at: Floats) -> float:
        tilt = -used @ at
        top = float(tilt.max())
        return top + float(np.log(np.exp(tilt - top).mean())) + RIDGE / 2 * float(at @ at)

    size, here, fall = 1.0, value(point), 1e-4 * float(slope @ step)
    while size > 1e-4 and value(point - size * step) > here - size * fall:
        size /= 2
    return point - size * step


def _capped(weights: Floats, most: float) -> Floats:
    """The weights with mean 1 and none above `most`: what is cut goes to the others."""
    weights = weights / weights.mean()
    for _ in range(STEPS):
        over = weights > most
        if not over.any():
            break
        rest = weights[~over].sum()
        weights = np.where(over, most, weights * (len(weights) - most * over.sum()) / rest) if rest else weights
    return np.minimum(weights, most)


def effective_share(weights: Floats) -> float:
    """What weighted texts are worth, as a share of their number (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights)) if weights.any() else 1.0


def _tempered(weights: Floats) -> Floats:
    """The weights raised to the largest power up to 1 at which they are worth EFFECTIVE of the texts, mean 1."""
    low, high = 0.0, 1.0
    if effective_share(weights) >= EFFECTIVE:
        return weights
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if effective_share(weights**middle) >= EFFECTIVE else (low, middle)
    made: Floats = weights**low
    made /= made.mean()
    return made


def ratio_weights(reference: Sequence[str] | Rarity, texts: Sequence[str], *, most: float = MOST) -> Floats:
    """float64[n], mean 1: the geometric mean over a text's words of (share in the reference / share in `texts`).

    Counts get half a word more on both sides (Jeffreys), words that the reference lacks are left out.
    """
    known = reference if isinstance(reference, Rarity) else rarity(reference)
    words = words_of(texts)
    place = known.places(words)
    there = place >= 0
    if not there.any():
        return np.ones(len(texts))
    now = np.bincount(place[there], minlength=len(known.words)) + 0.5
    ratio = np.log((known.counts + 0.5) / (known.counts.sum())) - np.log(now / now.sum())
    owners = words.owners[there]
    sums = np.bincount(owners, weights=ratio[place[there]], minlength=len(texts))
    n_words = np.maximum(1, np.bincount(owners, minlength=len(texts)))
    return _tempered(_capped(np.exp(sums / n_words), most))


def refill(reference: Sequence[str], texts: Sequence[str], *, most: int = 4, tail: float = TAIL_SHARE) -> Places:
    """int64[n]: places of reference texts to repeat, so that the tail of `texts` plus these has the reference's share.

    Texts richest in missing tail words come first, ties in order; none is repeated more than `most` times.
    """
    words = words_of(reference)
    known = rarity(words, tail=tail)
    mass = tail_mass(known, texts)
    lengths = np.diff(words.bounds).astype(np.float64)
    sums = np.bincount(words.owners, weights=known.tail[known.places(words)], minlength=len(reference))
    gain = sums - known.tail_share * lengths  # words of the tail beyond what its own length asks for
    missing = (known.tail_share - mass.share) * mass.n_words
    order = np.argsort(-gain / np.maximum(lengths, 1), kind="stable")
    order = np.tile(order[gain[order] > 0], most)
    needed = int(np.searchsorted(np.cumsum(gain[order]), missing)) + 1 if missing > 0 and len(order) else 0
    return order[:needed].astype(np.int64)


def resampled(weights: Floats, n: int, *, seed: int) -> Places:
    """int64[n], rising: places drawn in proportion to their weights, each floor or ceil of its due times.

    Systematic resampling: one random number for all (Kitagawa 1996, J. Comp. Graph. Stat. 5:1).
    """
    if not len(weights) or not n or not weights.sum():
        return np.zeros(0, np.int64)
    start = np.random.Generator(np.random.PCG64(seed)).random()
    steps = np.cumsum(weights / weights.sum()) * n
    drawn = np.searchsorted(steps, np.arange(n) + start, side="right")
    return np.minimum(drawn, len(weights) - 1).astype(np.int64)
