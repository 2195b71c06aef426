"""What a costly judge would say of a corpus, from a sample: a band with a proved recall, and the toxic share.

Both read the corpus in passes of constant memory: the embedded scores of all texts, then the sampled texts themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditkit.audit import load_policy
from auditkit.checkers.toxicity import Toxicity, cascade, refit, scorer
from auditkit.checkers.toxicity.embedded import LABELS, model
from auditkit.corpus import open_corpus
from auditkit.documents import settled
from auditkit.errors import AuditkitError, ConfigError, InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

LEAST = 200  # sampled texts: a half of fewer proves nothing about any judge


class Texts:
    """The texts of a corpus by number, and the policy's checker; each use is one pass over the files.

    ConfigError where the policy asks no judge about toxicity.
    """

    def __init__(self, inputs: Sequence[str], policy: str, fields: Mapping[str, str]) -> None:
        self._inputs, self._policy = list(inputs), load_policy(policy, fields)
        options = getattr(self._policy.checkers.get("toxicity"), "options", None)
        if options is None or not options.asks:
            raise ConfigError('the policy asks no judge: [checkers.toxicity] engine = "cascade", "detoxify" or "http"')
        self.checker = Toxicity(options)

    def columns(self) -> Iterator[pa.Array]:
        """The texts of each batch, in the order of the corpus."""
        from auditkit.formats import parse

        with tempfile.TemporaryDirectory() as folder:
            corpus = open_corpus(self._inputs, self._policy, Path(folder))
            for shard in corpus.shards(learn=True):
                for parsed in parse(shard, corpus.limits):
                    yield settled(parsed.batch).texts.column("text")
            if corpus.refused:
                raise InputError.joined(corpus.refused)

    def count(self) -> int:
        """How many texts there are."""
        return sum(len(column) for column in self.columns())

    def take(self, rows: NDArray[np.int64]) -> pa.Array:
        """The texts with these numbers, which ascend."""
        import pyarrow as pa

        parts, seen = [], 0
        for column in self.columns():
            first, last = np.searchsorted(rows, [seen, seen + len(column)])
            parts.append(column.take(pa.array(rows[first:last] - seen)))
            seen += len(column)
        return pa.concat_arrays(parts) if parts else pa.array([], pa.large_utf8())


def calibrate(
    corpus: Texts, out: Path, *, sample: int, recall: float, confidence: float, seed: int
) -> cascade.Guarantee:
    """Ask the policy's judge about a random sample of texts, fit the embedded scorer to one half, prove on the other.

    Writes the calibration to `out`. ConfigError: no cascade in the policy, too few positives to prove anything.
    AuditkitError: a question that the judge did not answer.
    """
    checker = corpus.checker
    if sample < LEAST:
        raise ConfigError(f"--sample {sample}: at least {LEAST} texts, of which one half proves what the other fits")
    chosen = np.sort(np.random.default_rng(seed).permutation(corpus.count())[:sample])
    column = corpus.take(chosen)
    judged = _verdicts(checker, column.to_pylist())
    own = _labels(column)
    halves = np.random.default_rng(seed + 1).permutation(len(column))
    learn, prove = np.sort(halves[::2]), np.sort(halves[1::2])
    fitted = refit.fit(column.take(learn), {name: values[learn] for name, values in own.items()}, judged[learn])
    nothing = cascade.Guarantee(0.0, 0.0, confidence, 0.0, 0)
    found = refit.Calibration(*fitted, judge=_named(checker), guarantee=nothing)
    held, labels = column.take(prove), {name: values[prove] for name, values in own.items()}
    likely = np.where(labels["toxic"] >= checker.options.threshold, 1.0, found.score(held, labels))
    guarantee = cascade.calibrate(likely, judged[prove], recall=recall, confidence=confidence)
    refit.save(refit.Calibration(found.weights, found.intercept, found.judge, guarantee), out)
    return guarantee


def toxic_share(corpus: Texts, *, calls: int, confidence: float, seed: int) -> cascade.Estimate:
    """The share of texts that the policy's judge would call toxic, from `calls` of its answers."""
    scores = np.concatenate([_labels(column)["toxic"] for column in corpus.columns()] or [np.zeros(0)])
    if len(scores) < LEAST:
        raise ConfigError(f"{len(scores)} texts are too few for a sample; ask the judge about each (engine = ...)")

    def ask(rows: Sequence[int]) -> NDArray[np.bool_]:
        order = np.argsort(rows, kind="stable")
        answers = np.zeros(len(rows), bool)
        answers[order] = _verdicts(corpus.checker, corpus.take(np.asarray(rows)[order]).to_pylist())
        return answers

    return cascade.estimate(scores, ask, calls=calls, confidence=confidence, seed=seed)


def _labels(column: pa.Array) -> dict[str, NDArray[np.float64]]:
    """The embedded scores of each text, as the checker writes them."""
    scores = scorer.score(column, model())
    return {label: np.round(scores.labels[:, at], 4) for at, label in enumerate(LABELS)}


def _verdicts(checker: Toxicity, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether the judge calls each text toxic; AuditkitError where it did not answer."""
    _, scores = checker.judged(texts)
    silent = int(np.isnan(scores[:, 0]).sum())
    if silent:
        raise AuditkitError(f"the judge did not answer {silent} of {len(texts)} questions; nothing is proved without")
    verdicts: NDArray[np.bool_] = scores[:, 0] >= checker.options.threshold
    return verdicts


def _named(checker: Toxicity) -> str:
    """The judge in a few words, without its address."""
    options = checker.options
    if options.asks == "http":
        return f"http {options.model}"
    return f"detoxify {Path(options.checkpoint).name} {options.precision}"
