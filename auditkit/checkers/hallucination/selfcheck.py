"""How far each sample of a row is from the other samples of that row (SelfCheckGPT, Manakul et al. 2023, 2303.08896).

Without a model: the unigram variant. A model of word frequencies is made from all samples of the row; a sentence is as
doubtful as its most surprising word, a sample as its sentences on average. With a neural engine: how little the other
samples support a sample, sentence by sentence. Both rank; neither is a probability. Samples that repeat the same error
pass: it is a test of consistency.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from auditkit.checkers.hallucination.engines import Engine
from auditkit.checkers.hallucination.grounding import Model, sentence_spans, words_of

MAX_OTHERS = 4  # samples that a neural engine compares one with: its cost grows with their number
MAX_SAMPLES = 64  # of a row that are looked at


def selfcheck(samples: Sequence[str], engine: Engine) -> float:
    """The mean over the samples in 0..1, higher = less consistent; NaN where fewer than two samples say something."""
    said = [sample for sample in samples[:MAX_SAMPLES] if words_of(sample)]
    if len(said) < 2:
        return math.nan
    scores = _by_words(said) if isinstance(engine, Model) else _by_engine(said, engine)
    return round(math.fsum(scores) / len(scores), 4)


def _by_words(samples: Sequence[str]) -> list[float]:
    """Surprise of the rarest word of each sentence over the highest surprise that these samples allow."""
    counts = Counter(word for sample in samples for word in words_of(sample))
    total = sum(counts.values())
    most = math.log(total) if total > 1 else 1.0
    return [_surprise(sample, counts, total) / most for sample in samples]


def _surprise(sample: str, counts: Counter[str], total: int) -> float:
    sentences = [words for low, high in sentence_spans(sample) if (words := words_of(sample[low:high]))]
    worst = [max(math.log(total / counts[word]) for word in words) for words in sentences]
    return math.fsum(worst) / len(worst)


def _by_engine(samples: Sequence[str], engine: Engine) -> list[float]:
    scores = []
    for number, sample in enumerate(samples):
        others = [other for place, other in enumerate(samples) if place != number][:MAX_OTHERS]
        weighed = [engine.weigh(other, "", sample)[0] for other in others]
        known = [score for score in weighed if not math.isnan(score)]
        if known:
            scores.append(math.fsum(known) / len(known))
    return scores or [math.nan]
