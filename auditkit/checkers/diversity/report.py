"""The metrics of the checker, from the merged state."""

from __future__ import annotations

import bz2
import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.diversity import sketch
from auditkit.checkers.diversity.intervals import metrics_of_sample
from auditkit.checkers.diversity.sample import sample_in
from auditkit.errors import ConfigError
from auditkit.findings import Metric, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from auditkit.checker import State

NAME = "diversity"
ORDERS = 4
WORD = re.compile(r"\w+")
SAMPLED = 256  # documents of the sample whose likeness is measured phrase by phrase
QUANTILES = (0.1, 0.5, 0.9)


def metrics_of(state: State) -> list[Metric]:
    """All metrics; those of an empty corpus are not_checkable."""
    return [
        *gram_metrics(state),
        *shape_metrics(state),
        *line_metrics(state),
        *likeness_metrics(state),
        *metrics_of_sample(sample_in(state)),
    ]


def measured(name: str, value: float | None, *, slice: str = "", over: float | None = None) -> Metric:
    """A metric without an interval; no value is not_checkable."""
    if value is None:
        return Metric(NAME, name, None, slice, denominator=over, status="not_checkable")
    return Metric(NAME, name, round(value, 6), slice, denominator=over)


def gram_metrics(state: State) -> Iterable[Metric]:
    """vocabulary, distinct_n, ingf, hapax_share, word_entropy."""
    n_words = int(state["gram1_total"][0])
    yield measured("vocabulary", sketch.distinct(state, "gram1"), over=n_words)
    for order in (1, 2, 3, 4):
        kind = f"gram{order}"
        total, found = int(state[f"{kind}_total"][0]), sketch.distinct(state, kind)
        yield measured("distinct_n", found / total if total else None, slice=str(order), over=total)
        docs = state[f"{kind}_docs"]
        yield measured("ingf", float(docs.mean()) if len(docs) else None, slice=str(order), over=found)
    once = state["gram1_count"] == 1
    tail = float(once.mean()) * sketch.distinct(state, "gram1") / n_words if n_words else None
    yield measured("hapax_share", tail, over=n_words)
    exact = len(state["gram1_hash"]) < sketch.KEEP
    counts = state["gram1_count"] if exact else state["words"]
    yield measured("word_entropy", entropy(counts) if n_words else None, over=n_words)


def entropy(counts: NDArray[np.int64]) -> float:
    """Bits per item. Shannon 1948."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def shape_metrics(state: State) -> Iterable[Metric]:
    """words_per_document: mean and quantiles; empty_share."""
    n_docs, filled, n_words, _ = (int(number) for number in state["docs"])
    yield share(NAME, "empty_share", n_docs - filled, n_docs)
    yield measured("words_per_document", n_words / n_docs if n_docs else None, slice="mean", over=n_docs)
    steps = np.cumsum(state["lengths"])
    for quantile in QUANTILES:
        at = int(np.searchsorted(steps, quantile * n_docs)) if n_docs else 0
        value = sketch.bin_start(at) if n_docs else None
        yield measured("words_per_document", value, slice=f"p{quantile * 100:.0f}", over=n_docs)


def line_metrics(state: State) -> Iterable[Metric]:
    """duplicate_lines_share, distinct_openings, top_opening_share."""
    lines = int(state["line_total"][0])
    again = min(max(lines - round(sketch.distinct(state, "line")), 0), lines)
    yield share(NAME, "duplicate_lines_share", again, lines)
    openings = int(state["opening_total"][0])
    found = sketch.distinct(state, "opening")
    yield measured("distinct_openings", found / openings if openings else None, over=openings)
    yield share(NAME, "top_opening_share", int(state["openings"].max()), openings)


def likeness_metrics(state: State) -> Iterable[Metric]:
    """compression_ratio and self_bleu of the sample; pairwise_similarity and vendi_score of hashed word vectors."""
    sampled = sample_in(state).first(SAMPLED).texts
    raw = b"\n".join(sampled)
    yield measured("compression_ratio", len(raw) / len(bz2.compress(raw)) if raw else None, over=len(raw))
    texts = [text.decode("utf-8", "ignore").lower() for text in sampled]
    yield measured("self_bleu", self_bleu([WORD.findall(text) for text in texts]), over=len(texts))
    n = int(state["docs"][1])
    squares = float(state["docs"][3])
    total = state["vector"].astype(np.float64)
    pairs = (float(total @ total) - squares) / max(squares, 1.0) / (n - 1) if n > 1 else None
    yield measured("pairwise_similarity", pairs, over=n)
    yield measured("vendi_score", vendi(state["outer"]) if n else None, over=n)


def self_bleu(texts: Sequence[Sequence[str]]) -> float | None:
    """Mean BLEU-4 of each text against all others: 0 = no phrase returns, 1 = copies. Zhu et al. 2018.

    Precisions are smoothed by one (Lin and Och 2004); there is no brevity penalty, since some other text is as long.
    None for fewer than two texts of four words.
    """
    texts = [text for text in texts if len(text) >= ORDERS]
    if len(texts) < 2:
        return None
    logs = np.zeros(len(texts))
    for order in range(1, ORDERS + 1):
        counts = [Counter(zip(*(text[at:] for at in range(order)), strict=False)) for text in texts]
        logs += np.log(np.array(_clipped(counts)))
    return float(np.exp(logs / ORDERS).mean())


def _clipped(counts: Sequence[Counter[tuple[str, ...]]]) -> list[float]:
    """For each text the smoothed share of its n-grams that another text has as often."""
    largest: dict[tuple[str, ...], tuple[int, int, int]] = {}  # most, its text, second most
    for text, grams in enumerate(counts):
        for gram, count in grams.items():
            most, owner, second = largest.get(gram, (0, -1, 0))
            largest[gram] = (count, text, most) if count > most else (most, owner, max(second, count))
    shares = []
    for text, grams in enumerate(counts):
        found = 0
        for gram, count in grams.items():
            most, owner, second = largest[gram]
            found += min(count, second if owner == text else most)
        shares.append((found + 1) / (sum(grams.values()) + 1))
    return shares


def change_metrics(metrics: Sequence[Metric], folder: Path) -> Iterable[Metric]:
    """Change per `metric` or `metric/slice`: this corpus over an earlier run; bounds where both have an interval."""
    try:
        rows = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder}: it has no readable metrics.json") from error
    before = {(row["metric"], row["slice"]): row for row in rows if row["checker"] == NAME}
    for metric in metrics:
        row = before.get((metric.metric, metric.slice))
        if row is None or not row["value"] or metric.value is None:
            continue
        low = metric.low / row["high"] if metric.low is not None and row["high"] else None
        high = metric.high / row["low"] if metric.high is not None and row["low"] else None
        name = f"{metric.metric}/{metric.slice}" if metric.slice else metric.metric
        value = metric.value / row["value"]
        yield Metric(NAME, "change", value, name, low, high, metric.value, row["value"], folder.name)


def vendi(outer: NDArray[np.int64]) -> float:
    """Effective number of different documents seen through the hashed vectors, at most their dimensions.

    exp of the entropy of the eigenvalues of the similarity matrix; those of the d x d matrix are the same
    (Friedman and Dieng 2023, arXiv 2210.02410).
    """
    whole = float(np.trace(outer))
    if not whole:
        return 1.0
    values = np.linalg.eigvalsh(outer.astype(np.float64) / whole)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))
