"""The embedded scorer fitted to a judge: a small second table that says which texts of a corpus the judge must see.

`fit` learns from texts of the user's corpus that the judge has scored: the log odds of the embedded labels and 4,096
hashed words, weighed by logistic regression (scikit-learn). The file holds numbers and a JSON text, nothing that runs.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.toxicity.cascade import Guarantee
from auditkit.errors import ConfigError, MissingDependency
from auditkit.text.buffers import utf8_buffers
from auditkit.text.safe import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

KIND = "auditkit toxicity calibration 1"
BUCKETS = 1 << 12
STEEP = 8.0  # log odds beyond this say no more
REGULARISATION = 0.1  # scikit-learn's C; 0.03 to 1 give the same share of texts sent on within a tenth of itself


@dataclass(frozen=True)
class Calibration:
    """A fitted table and the band that was proved with it.

    weights: float32[labels + 1 + BUCKETS], of the labels' log odds, the length, and the words. judge: what it was
    fitted to. guarantee: see cascade.Guarantee; its `escalate_from` is a value of `score`.
    """

    weights: NDArray[np.float32]
    intercept: float
    judge: str
    guarantee: Guarantee

    def score(self, texts: pa.Array, labels: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """float64[n] in 0..1: how likely the judge calls each text toxic."""
        numbers, owners, buckets = _features(texts, labels)
        n_numbers = numbers.shape[1]
        total = numbers @ self.weights[:n_numbers].astype(np.float64) + self.intercept
        np.add.at(total, owners, self.weights[n_numbers + buckets].astype(np.float64))
        scores: NDArray[np.float64] = np.round(1 / (1 + np.exp(-np.clip(total, -50, 50))), 6)
        return scores


def fit(
    texts: pa.Array, labels: Mapping[str, NDArray[np.float64]], judged: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """(weights, intercept) fitted to the judge's verdicts; ConfigError where it calls all or none of them toxic."""
    try:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingDependency("fitting to a judge needs scikit-learn: pip install 'auditkit[sklearn]'") from None
    if judged.all() or not judged.any():
        raise ConfigError(f"the judge calls {int(judged.sum())} of {len(judged)} texts toxic: nothing to fit to")
    numbers, owners, buckets = _features(texts, labels)
    words = csr_matrix((np.ones(len(owners)), (owners, buckets)), shape=(len(texts), BUCKETS))
    model = LogisticRegression(C=REGULARISATION, max_iter=1000)
    model.fit(hstack([csr_matrix(numbers), words]).tocsr(), judged)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _features(
    texts: pa.Array, labels: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """(float64[n, labels + 1] log odds and log length, then for each word of a text once: its text, its bucket)."""
    from auditkit.text.folding import folding
    from auditkit.text.shingles import Texts, all_words

    data, offsets = utf8_buffers(texts)
    shares = np.stack([np.nan_to_num(values) for values in labels.values()], axis=1)
    floor = 1 / (1 + np.exp(STEEP))
    shares = np.clip(shares, floor, 1 - floor)
    numbers = np.column_stack([np.log(shares / (1 - shares)), np.log1p(np.diff(offsets))])
    words, ends = all_words(Texts(data, offsets, np.arange(len(offsets))), folding())
    owners = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    buckets = (words * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - BUCKETS.bit_length() + 1)).astype(np.int64)
    once = np.unique(owners * BUCKETS + buckets)
    return numbers, once // BUCKETS, once % BUCKETS


def save(found: Calibration, path: Path) -> None:
    """Write the calibration as npz without pickled objects."""
    told = json.dumps({"kind": KIND, "judge": found.judge, "guarantee": asdict(found.guarantee)}, sort_keys=True)
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        weights=found.weights,
        intercept=np.array([found.intercept]),
        told=np.frombuffer(told.encode(), np.uint8),
    )
    path.write_bytes(stream.getvalue())


@cache
def load(path: str) -> Calibration:
    """The calibration in this file; ConfigError when it is none. Cached per process."""
    name = printable(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            told = json.loads(arrays["told"].tobytes())
            if told["kind"] == KIND:
                guarantee = Guarantee(**told["guarantee"])
                return Calibration(arrays["weights"], float(arrays["intercept"][0]), told["judge"], guarantee)
    except FileNotFoundError:
        raise ConfigError(f"calibration {name}: no such file; `auditkit judge calibrate` writes one") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        pass
    raise ConfigError(f"calibration {name}: not what `auditkit judge calibrate` of this version writes")
