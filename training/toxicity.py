"""Makes auditkit/models/toxicity.npz from the labelled sets, the same bytes every time.

    OMP_NUM_THREADS=1 python training/toxicity.py DATA_FOLDER [--out FILE]

DATA_FOLDER holds `toxicity/*.parquet` and `hallucination/gsm8k_train.jsonl.gz`. Sources, licences and figures are in
docs/model-cards/toxicity.md. Sets that serve for evaluation alone are never trained on. Needs scikit-learn and scipy;
about five minutes on one core. One in five texts (by hash) is held out to choose calibration and thresholds; the
weights that ship are then fitted on all texts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import toxicity_card
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, hstack, vstack
from sklearn.linear_model import LogisticRegression
from toxicity_data import (
    BITS,
    CLASSES,
    FOLD,
    Data,
    Floats,
    Labelled,
    features,
    group_words,
    han_features,
    held_out,
    names_group,
    places,
    refuse_overlap,
    word_features,
)

from auditkit.checkers.toxicity import grams, scorer
from auditkit.checkers.toxicity.embedded import LABELS, Model, from_arrays

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Linear:
    """A linear head on the n-grams: weights[1 << BITS], bias; logit = features @ weights + bias."""

    weights: Floats
    bias: float


def fit(
    sets: Sequence[Labelled], *, inverse_penalty: float, all_texts: bool, others: float = 1.0, plain: float = 0.0
) -> Linear:
    """Logistic regression on n-grams scaled by their log count ratio (Wang & Manning 2012) and idf.

    Each set has an intercept of its own, so that "this is a tweet" is not learnt as "this is toxic"; the shipped
    intercept is that of the first set. In the count ratios all sets but the first count `others` times their weight.
    `plain` times a second regression without the count ratios is added, which helps n-grams that Jigsaw hardly has.
    """
    rows = [np.flatnonzero(~part.held) if not all_texts else np.arange(len(part.y)) for part in sets]
    matrix = vstack([part.matrix()[row] for part, row in zip(sets, rows, strict=True)]).tocsr()
    y = np.concatenate([part.y[row] for part, row in zip(sets, rows, strict=True)])
    weight = np.concatenate([np.full(len(row), part.weight) for part, row in zip(sets, rows, strict=True)])
    domain = np.concatenate([np.full(len(row), i) for i, row in enumerate(rows)])
    present = matrix.copy()
    present.data[:] = 1
    idf = (np.log((1 + len(y)) / (1 + np.asarray(present.sum(0))[0])) + 1) / 4
    counted = weight * np.where(domain == 0, 1.0, others)
    bad, good = (np.asarray(present.T @ (counted * (y == label))) for label in (1, 0))
    ratio = np.log((bad + 1) / ((counted * y).sum() + 2)) - np.log((good + 1) / ((counted * (1 - y)).sum() + 2))
    own_intercept = csr_matrix((np.full(len(y), 3.0), (np.arange(len(y)), domain)), shape=(len(y), len(sets)))
    result = Linear(np.zeros(1 << BITS), 0.0)
    for scale, strength, share in ((np.abs(ratio) * idf, inverse_penalty, 1.0), (idf, 3 * inverse_penalty, plain)):
        if share:
            model = _liblinear(strength).fit(hstack([matrix @ diags(scale), own_intercept]).tocsr(), y, weight)
            weights = model.coef_[0][: 1 << BITS] * scale
            bias = float(model.intercept_[0] + 3.0 * model.coef_[0][1 << BITS])
            result = Linear(result.weights + share * weights, result.bias + share * bias)
    return result


def _liblinear(inverse_penalty: float) -> LogisticRegression:
    """Logistic regression by dual coordinate descent (Yu et al. 2011), in a fixed order."""
    return LogisticRegression(C=inverse_penalty, solver="liblinear", dual=True, max_iter=60, tol=1e-2, random_state=0)


NEUTRAL = 0.75  # of a group word's own weight is taken away: 1.0 costs 0.001 AUC, 0.6 lets BPSN fall below 0.80


def neutral(weights: Floats, frequency: Floats) -> Floats:
    """The weights, changed as little as possible, so that each word that names a group loses NEUTRAL of its own sum.

    `frequency` is in how many texts without such a word each n-gram occurs: common n-grams change least.
    """
    keys = [np.unique(features([word]).indices) for word in group_words()]
    columns = np.unique(np.concatenate(keys))
    within = np.array([np.isin(columns, key) for key in keys], float)
    excess = within @ weights[columns]
    cheap = 1 / (1 + frequency[columns])
    system = (within * cheap) @ within.T
    change = cheap * (within.T @ np.linalg.lstsq(system, -excess, rcond=1e-9)[0])
    result = weights.copy()
    result[columns] += NEUTRAL * change
    return result


def quantised(weights: Floats) -> tuple[NDArray[np.uint8], float]:
    """(weights as whole steps + 128, the value of one step); one in ten thousand is clipped."""
    step = float(np.quantile(np.abs(weights[weights != 0]), 0.9999)) / 127
    return (np.clip(np.round(weights / step), -127, 127) + 128).astype(np.uint8), step


def platt(logits: Floats, y: NDArray[np.int64]) -> tuple[float, float]:
    """(slope, offset) of the logistic curve that turns logits into shares of positives (Platt 1999)."""
    model = LogisticRegression(C=1e6, solver="lbfgs").fit(logits[:, None], y)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def fit_words(data: Data, *, all_texts: bool) -> tuple[Linear, float, float]:
    """(head that marks toxic words, threshold on a word's sum, character F1 on the held-out texts)."""
    table = data.table("toxic_spans_semeval2021")
    wanted = [i for i, split in enumerate(table["split"]) if split == "train"]
    texts = [table["text"][i] for i in wanted]
    matrix, spans, owners = word_features(texts)
    held = held_out(texts)
    marks = [_marked(table["text"][i], places(table["spans"][i])) for i in wanted]
    y = np.array([marks[t][a:b].mean() >= 0.5 for (a, b), t in zip(spans, owners, strict=True)], np.int64)
    use = np.ones(len(y), bool) if all_texts else ~held[owners]
    model = LogisticRegression(C=1.0, solver="liblinear", dual=True, max_iter=100, tol=1e-3, random_state=0).fit(
        matrix[use], y[use]
    )
    logits = matrix @ model.coef_[0]
    test = held[owners]
    options = np.quantile(logits[test], np.linspace(0.7, 0.99, 59))
    scores = [_character_f1(logits >= cut, spans, owners, marks, np.flatnonzero(held)) for cut in options]
    best = int(np.argmax(scores))
    return Linear(model.coef_[0], 0.0), float(options[best]), float(scores[best])


def _marked(text: str, places: frozenset[int]) -> NDArray[np.float64]:
    """1.0 for each byte of a marked character."""
    return np.array([float(i in places) for i, char in enumerate(text) for _ in char.encode()])


def _character_f1(
    chosen: NDArray[np.bool_], spans: NDArray[np.int64], owners: NDArray[np.int64], marks: Sequence[Floats], texts: Any
) -> float:
    """Mean over texts of the F1 of marked bytes (SemEval 2021 task 5's measure, on bytes)."""
    found = {int(t): np.zeros(len(marks[t])) for t in texts}
    for (a, b), t in zip(spans[chosen], owners[chosen], strict=True):
        if int(t) in found:
            found[int(t)][a:b] = 1
    scores = []
    for t, mine in found.items():
        both, size = float((mine * marks[t]).sum()), float(mine.sum() + marks[t].sum())
        scores.append(2 * both / size if size else 1.0)
    return float(np.mean(scores))


def corpora(data: Data) -> dict[str, list[Labelled]]:
    """The sets that each lane is fitted on, with their weights; the first set gives the intercept."""

    def labelled(name: str, found: tuple[Sequence[str], NDArray[np.int64]], weight: float = 1.0) -> Labelled:
        texts = [str(text) for text in found[0]]
        return Labelled(name, texts, found[1], held_out(texts), weight)

    own, own_hate = (labelled(f"own{hate}", data.own(hate=hate), 1.0 if hate else 0.2) for hate in (False, True))
    wiki = {label: labelled("jigsaw", data.of("jigsaw_wiki_train_subset", label)) for label in LABELS[:-1]}
    sets = {label: [wiki[label]] for label in LABELS[:-1]}
    sets["toxic"] += [
        labelled("wiki_natural", data.of("wiki_natural_20k")),
        labelled("paradetox", data.paradetox(), 0.3),
        own,
        labelled("davidson", data.of("davidson"), 0.3),
        labelled("surge", data.of("surge_toxicity")),
        labelled("lexicon", data.lexicon(), 0.5),
        labelled("toxic_spans", data.cut_spans(), 0.3),
        labelled("gsm8k", data.questions(), 0.5),
    ]
    sets["identity_hate"] += [replace(own_hate, weight=0.3)]
    sets["hate"] = [
        wiki["identity_hate"],
        labelled("hatemoji", data.of("hatemoji_train")),
        labelled("edos", data.of("edos")),
        labelled("surge", data.of("surge_toxicity")),
        labelled("davidson", data.of("davidson", "label_hate")),
        own_hate,
    ]
    return sets


SETTINGS: dict[str, dict[str, float]] = {  # best on the held-out texts
    "toxic": {"inverse_penalty": 2.5, "others": 0.05, "plain": 0.3},
    "hate": {"inverse_penalty": 1.0},
}
SMALL_BITS = 16  # of the German and Chinese tables: their sets are small


def english(data: Data) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of the English head, and its held-out figures."""
    lanes, numbers, figures = np.zeros((1 << BITS, 8), np.uint8), np.zeros((5, 8)), {}
    sets = corpora(data)
    frequency = sum(np.asarray((part.matrix() > 0).sum(0))[0] for part in sets["toxic"][:3])
    wiki, held_logits = sets["toxic"][0], []
    for lane, name in enumerate(LABELS):
        settings = SETTINGS.get(name, {"inverse_penalty": 2.0})
        trial = fit(sets[name], all_texts=False, **settings)
        weights = neutral(trial.weights, frequency)
        tests = sets[name][:-1] if name == "hate" else sets[name][:1]
        logits = np.concatenate([test.matrix()[test.held] @ weights + trial.bias for test in tests])
        y = np.concatenate([test.y[test.held] for test in tests])
        slope, offset = platt(logits, y)
        held_logits.append((wiki.matrix()[wiki.held] @ weights + trial.bias) * slope + offset)
        head = fit(sets[name], all_texts=True, **settings)
        lanes[:, lane], step = quantised(neutral(head.weights, frequency))
        numbers[:4, lane] = step, head.bias, slope, offset
        figures[name] = held_out_figures(y, logits * slope + offset) | {"sets": by_set(sets[name], weights)}
        print(name, figures[name]["auc"], flush=True)
    stack = fit_stack(np.column_stack(held_logits), wiki)
    named = names_group(held_texts(wiki)).astype(np.int32)
    figures["stack"] = held_out_figures(
        wiki.y[wiki.held],
        grams.stacked(np.column_stack(held_logits), wiki_sizes(wiki), named, stack, LABELS.index("hate")),
    )
    print("stack", figures["stack"]["auc"], flush=True)
    _, cut, f1 = fit_words(data, all_texts=False)
    words, _, _ = fit_words(data, all_texts=True)
    lanes[:, 7], numbers[0, 7] = quantised(words.weights)
    numbers[4, :2] = 7, cut
    figures["words"] = {"character_f1": round(f1, 4)}
    return {"english.table": lanes, "english.numbers": numbers, "english.stack": stack}, figures


def wiki_sizes(wiki: Labelled) -> NDArray[np.int32]:
    """Number of distinct n-grams of the held-out Wikipedia comments."""
    return np.maximum(np.diff(wiki.matrix()[wiki.held].indptr), 1).astype(np.int32)


def held_texts(wiki: Labelled) -> list[str]:
    """The held-out texts."""
    return [text for text, held in zip(wiki.texts, wiki.held, strict=True) if held]


def fit_stack(logits: Floats, wiki: Labelled) -> Floats:
    """The array that grams.stacked needs: a quadratic logistic regression on the lanes' held-out log odds."""
    from sklearn.preprocessing import PolynomialFeatures

    inputs = np.column_stack([logits, np.log(wiki_sizes(wiki))])
    mean, scale = inputs.mean(0), inputs.std(0)
    expansion = PolynomialFeatures(2, include_bias=False)
    terms = expansion.fit_transform(np.clip((inputs - mean) / scale, -4, 4))
    model = LogisticRegression(C=0.1, max_iter=1000).fit(terms, wiki.y[wiki.held])
    k = inputs.shape[1]
    stack = np.zeros((4 + k, k))
    stack[0], stack[1], stack[2], stack[3, 0] = mean, scale, model.coef_[0][:k], model.intercept_[0]
    hate = logits[names_group(held_texts(wiki)), LABELS.index("hate")]
    stack[3, 1:3] = HATE, np.median(hate)
    for (a, b), weight in zip(_pairs(expansion.powers_[k:]), model.coef_[0][k:], strict=True):
        stack[4 + a, b] = weight
    return stack


HATE = 1.0  # evidence adds; twice the evidence costs 0.004 AUC on held-out Jigsaw texts


def _pairs(powers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The two inputs that each quadratic term multiplies."""
    places = [np.repeat(np.arange(len(row)), row) for row in powers]
    return [(int(a), int(b)) for a, b in places]


def by_set(sets: Sequence[Labelled], weights: Floats) -> dict[str, float]:
    """AUC of the trial weights on the held-out fifth of each set that has both labels there."""
    found = {}
    for part in sets:
        y = part.y[part.held]
        if 0 < y.sum() < len(y):
            found[part.name] = round(toxicity_card.auc(y, part.matrix()[part.held] @ weights), 4)
    return found


def held_out_figures(y: NDArray[np.int64], logits: Floats) -> dict[str, Any]:
    """AUC and calibration of texts that the trial fit has not seen."""
    return {"auc": round(toxicity_card.auc(y, logits), 4)} | toxicity_card.reliability(y, 1 / (1 + np.exp(-logits)))


def small_head(
    name: str,
    train: tuple[Sequence[str], NDArray[np.int64]],
    test: tuple[Sequence[str], NDArray[np.int64]],
    features_of: Callable[[Sequence[str], int], csr_matrix],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of a head with one lane, fitted on `train` alone and measured on `test`."""
    matrix, y, held = features_of(train[0], SMALL_BITS), train[1], held_out(train[0])
    trial = _regression(matrix[~held], y[~held], 1.0)
    slope, offset = platt(matrix[held] @ trial.weights + trial.bias, y[held])
    head = _regression(matrix, y, 1.0)
    lanes = np.zeros((1 << SMALL_BITS, 1), np.uint8)
    lanes[:, 0], step = quantised(head.weights)
    logits = (features_of(test[0], SMALL_BITS) @ head.weights + head.bias) * slope + offset
    numbers = np.zeros((5, 8))
    # a word's share above which it is marked: no labelled spans exist, so the heaviest twentieth of all n-grams' sums
    numbers[:4, 0], numbers[4, 1] = (
        (step, head.bias, slope, offset),
        np.quantile(head.weights[head.weights > 0], 0.99) * 3,
    )
    print(name, toxicity_card.auc(test[1], logits), flush=True)
    return {f"{name}.table": lanes, f"{name}.numbers": numbers}, held_out_figures(test[1], logits)


def _regression(matrix: csr_matrix, y: NDArray[np.int64], inverse_penalty: float) -> Linear:
    """As `fit`, of one set."""
    present = matrix.copy()
    present.data[:] = 1
    idf = (np.log((1 + len(y)) / (1 + np.asarray(present.sum(0))[0])) + 1) / 4
    bad, good = (np.asarray(present.T @ (y == label).astype(float)) for label in (1, 0))
    ratio = np.log((bad + 1) / (y.sum() + 2)) - np.log((good + 1) / ((1 - y).sum() + 2))
    scale = np.abs(ratio) * idf
    model = _liblinear(inverse_penalty).fit(matrix @ diags(scale), y)
    return Linear(model.coef_[0] * scale, float(model.intercept_[0]))


def make(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the model."""
    data = Data(folder)
    tests = data.of("hatecheck")[0] + data.of("en_sentence_templates")[0]
    refuse_overlap(data.own(hate=False)[0], tests)
    arrays, card = english(data)
    for name, of, features_of in (("german", data.german, features), ("chinese", data.chinese, han_features)):
        more, figures = small_head(name, of("train"), of("test"), features_of)
        arrays |= more
        card[name] = figures
    arrays |= {"fold": FOLD, "classes": CLASSES}
    known = from_arrays(arrays | {"card": np.frombuffer(b"{}", np.uint8)})
    card |= measured(data, known)
    return arrays | {"card": np.frombuffer(json.dumps(card, sort_keys=True).encode(), np.uint8)}


def measured(data: Data, known: Model) -> dict[str, Any]:
    """The model card's figures on sets that are read, not trained on; the model is finished by now."""

    def score(texts: Sequence[str]) -> Floats:
        return scorer.score(pa.array(texts, pa.large_utf8()), known).labels[:, 0]

    sets = {"jigsaw_test": data.of("jigsaw_test_balanced"), "templates": data.of("en_sentence_templates")}
    sets |= {"hatecheck": data.of("hatecheck"), "wiki_fuzzed": data.of("wiki_tox_fuzzed")}
    return toxicity_card.measure(score, sets)


def main() -> None:
    """Write the model, print its size and hash."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=HERE.parent / "auditkit" / "models" / "toxicity.npz")
    parser.add_argument("--card", type=Path, default=HERE.parent / "docs" / "model-cards" / "toxicity.md")
    arguments = parser.parse_args()
    arrays = make(arguments.data)
    np.savez_compressed(arguments.out, **arrays)
    size, digest = arguments.out.stat().st_size, hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    card = toxicity_card.page(json.loads(arrays["card"].tobytes()), size=size, sha256=digest)
    arguments.card.write_text(card, encoding="utf-8")
    print(size, "bytes, sha256", digest)


if __name__ == "__main__":
    main()
