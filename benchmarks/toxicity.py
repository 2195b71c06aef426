"""Toxicity, side by side in one run: quality on every labelled set, speed per CPU-second.

    OMP_NUM_THREADS=1 python benchmarks/toxicity.py [DATA_FOLDER] [--docs N]

Scorers: auditkit's embedded model, two word lists, TF-IDF + logistic regression (scikit-learn, trained here on the same
Jigsaw rows), alt-profanity-check where it is installed. Sets marked * are partly or wholly in the training data of the
embedded model; the others were never seen by it. Speed: one thread, CPU time, on the texts of jigsaw_test_balanced.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from auditkit.checker import build
from auditkit.documents import batch_of_texts
from auditkit.errors import ConfigError

Score = Callable[[Sequence[str]], NDArray[np.float64]]

SETS = (
    ("jigsaw_test_balanced", "label", ""),
    ("wiki_natural_20k", "label", "*"),
    ("davidson", "label", "*"),
    ("hatecheck", "label", ""),
    ("wiki_tox_nonfuzzed", "label", ""),
    ("wiki_tox_fuzzed", "label", ""),
    ("en_sentence_templates", "label", ""),
    ("surge_toxicity", "label", "*"),
    ("edos", "label", "*"),
    ("hatemoji_train", "label", "*"),
    ("germeval2018_de", "label", "test split"),
    ("cold_zh", "label", "test split"),
)


def auc(y: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    values, first, counts = np.unique(score[order], return_index=True, return_counts=True)
    del values
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    ones = int(y.sum())
    return float((ranks[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def embedded(texts: Sequence[str]) -> NDArray[np.float64]:
    scores = build("toxicity", {"threshold": 1.0}).check(batch_of_texts(texts)).scores["toxic"]  # type: ignore[union-attr]
    return np.asarray(scores)


def word_list(words: set[str]) -> Score:
    token = re.compile(r"[\w$@*!']+")

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array(
            [
                sum(word in words for word in token.findall(text.lower())) / (1 + (len(text) / 100) ** 0.5)
                for text in texts
            ]
        )

    return score


def tfidf(texts: Sequence[str], y: Sequence[int]) -> Score:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, max_features=200_000, sublinear_tf=True, strip_accents="unicode"
    )
    model = make_pipeline(vectorizer, LogisticRegression(C=4, solver="liblinear")).fit(texts, y)
    return lambda more: np.asarray(model.decision_function(more))


def scorers(folder: Path) -> Iterator[tuple[str, Score]]:
    yield "auditkit embedded", embedded
    listed = pq.read_table(folder / "ldnoobw.parquet").to_pydict()
    pairs = zip(listed["term"], listed["lang"], strict=True)
    yield "LDNOOBW (en) word list", word_list({term.lower() for term, lang in pairs if lang == "en"})
    surge = pq.read_table(folder / "surge_profanity_lexicon.parquet").to_pydict()["text"]
    yield "Surge profanity word list", word_list({term.lower() for term in surge})
    train = pq.read_table(folder / "jigsaw_wiki_train_subset.parquet").to_pydict()
    yield "TF-IDF words 1-2 + LR", tfidf(train["text"], train["toxic"])
    try:
        from profanity_check import predict_prob  # type: ignore[import-not-found]
    except ImportError:
        print("alt-profanity-check is not installed: left out")
    else:
        yield "alt-profanity-check", lambda texts: np.asarray(predict_prob(list(texts)))


def labelled(folder: Path, name: str, column: str, limit: int) -> tuple[list[str], NDArray[np.int64]]:
    table = pq.read_table(folder / f"{name}.parquet").to_pydict()
    rows = (
        [i for i, text in enumerate(table["text"]) if text and table.get("split", ["test"] * (i + 1))[i] == "test"]
        if (name in {"germeval2018_de", "cold_zh"})
        else list(range(len(table["text"])))
    )
    if len(rows) > limit:
        rows = np.random.default_rng(0).choice(rows, limit, replace=False).tolist()
    return [str(table["text"][i]) for i in rows], (np.asarray([table[column][i] for i in rows], float) >= 0.5).astype(
        int
    )


def spans_f1(folder: Path) -> float:
    """Mean character F1 on the test split of SemEval 2021 task 5, every document flagged."""
    table = pq.read_table(folder / "toxic_spans_semeval2021.parquet").to_pydict()
    rows = [i for i, split in enumerate(table["split"]) if split == "test"]
    texts = [table["text"][i] for i in rows]
    found = build("toxicity", {"threshold": 0.0}).check(batch_of_texts(texts)).findings.to_pylist()  # type: ignore[union-attr]
    mine: list[set[int]] = [set() for _ in rows]
    for row in found:
        mine[row["doc"]] |= set(range(row["start"], row["end"]))
    gold = [set(json.loads(table["spans"][i])) for i in rows]
    pairs = zip(mine, gold, strict=True)
    return float(np.mean([2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0 for a, b in pairs]))


def speed(score: Score, texts: Sequence[str]) -> float:
    """MB of text per CPU-second, best of three."""
    score(texts[:100])
    size, best = sum(len(text.encode()) for text in texts) / 1e6, 0.0
    for _ in range(3):
        start = time.process_time()
        score(texts)
        best = max(best, size / (time.process_time() - start))
    return best


def kernel_speed(texts: Sequence[str]) -> float:
    """MB per CPU-second of the scorer alone, over Arrow buffers."""
    from auditkit.checkers.toxicity import scorer
    from auditkit.checkers.toxicity.embedded import model

    column = pa.array(list(texts) * 4, pa.large_utf8())
    scorer.score(column[:100], model())
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        scorer.score(column, model())
        best = max(best, column.nbytes / 1e6 / (time.process_time() - start))
    return best


def cascade_table(sets: dict[str, tuple[list[str], NDArray[np.int64]]]) -> None:
    """What a judge that gives the labels would be asked about, by the embedded score and by one fitted to the judge.

    Half of each set fits and proves (2,000 texts at most), the other half tells what the promise was worth.
    """
    from auditkit.checkers.toxicity import cascade, refit, scorer
    from auditkit.checkers.toxicity.embedded import LABELS, model

    print("\ncascade, recall 95 % promised with 95 % confidence   sent on  recall kept    fitted: sent on  recall kept")
    for title, (texts, y) in sets.items():
        if len(texts) < 4000:
            continue
        order = np.random.default_rng(1).permutation(len(texts))
        column, judged = pa.array(texts, pa.large_utf8()), y.astype(bool)
        scores = scorer.score(column, model())
        own = {label: np.round(scores.labels[:, at], 4) for at, label in enumerate(LABELS)}
        learn, prove, rest = order[:1000], order[1000:2000], order[2000:]

        def part(rows: NDArray[np.int64], own: dict[str, NDArray[np.float64]] = own) -> dict[str, NDArray[np.float64]]:
            return {label: values[rows] for label, values in own.items()}

        try:
            plain = cascade.calibrate(own["toxic"][order[:2000]], judged[order[:2000]])
            fitted = refit.fit(column.take(learn), part(learn), judged[learn])
            known = refit.Calibration(*fitted, "labels", plain)
            band = cascade.calibrate(known.score(column.take(prove), part(prove)), judged[prove])
        except ConfigError as error:
            print(f"{title:50s}  {error}")
            continue
        likely, truth = known.score(column.take(rest), part(rest)), judged[rest]
        first, second = own["toxic"][rest] >= plain.escalate_from, likely >= band.escalate_from
        print(
            f"{title:50s}  {first.mean():7.1%}  {first[truth].mean():11.1%}  {second.mean():16.1%}"
            f"  {second[truth].mean():11.1%}"
        )


def detoxify_speed(texts: Sequence[str], folder: Path, layers: int) -> list[tuple[str, float]]:
    """(way, documents per CPU-second) of one network with random weights: as Detoxify is used, and by our engine.

    BERT's shape with `layers` layers (base has 12; ratios hardly depend on it), vocabulary from the texts themselves.
    """
    from collections import Counter

    import torch
    import transformers

    from auditkit.checkers.toxicity import detoxify

    torch.set_num_threads(1)
    torch.manual_seed(0)
    home = folder / "bert"
    home.mkdir()
    counted = Counter(word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower()))
    pieces = [word for word, _ in counted.most_common(8000)] + [
        f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"
    ]
    vocabulary = dict.fromkeys(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789", *pieces]
    )
    (home / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (home / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "model_max_length": 512}), encoding="utf-8"
    )
    settings = transformers.BertConfig(vocab_size=len(vocabulary), num_hidden_layers=layers, num_labels=6)
    settings.save_pretrained(home)
    network = transformers.BertForSequenceClassification(settings).eval()
    classes = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
    arguments = {
        "num_classes": 6,
        "model_type": str(home),
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
    }
    file = folder / "random.ckpt"
    config = {"arch": {"args": arguments}, "dataset": {"args": {"classes": classes}}}
    torch.save({"state_dict": network.state_dict(), "config": config}, file)
    tokenizer = transformers.BertTokenizer.from_pretrained(home)

    def plain(more: Sequence[str]) -> NDArray[np.float64]:
        rows = []
        for i in range(0, len(more), 32):
            inputs = tokenizer(list(more[i : i + 32]), return_tensors="pt", truncation=True, padding=True)
            with torch.inference_mode():
                rows.append(torch.sigmoid(network(**inputs)[0]).numpy())
        return np.concatenate(rows)

    ways = [("Detoxify's way, batches of 32 in file order", plain)]
    ways += [(f"auditkit detoxify engine, {kind}", detoxify.load(str(file), kind).score) for kind in ("fp32", "int8")]
    results = []
    for name, way in ways:
        way(texts[:4])
        start = time.process_time()
        scores = way(texts)
        results.append((f"{name}, first score {scores[0, 0]:.5f}", len(texts) / (time.process_time() - start)))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--docs", type=int, default=20_000, help="at most so many texts per set")
    parser.add_argument("--detoxify-docs", type=int, default=256, help="texts for the Detoxify engine; 0 = leave out")
    parser.add_argument("--detoxify-layers", type=int, default=2)
    arguments = parser.parse_args()
    folder = arguments.data / "toxicity"
    sets = {f"{name} {mark}": labelled(folder, name, column, arguments.docs) for name, column, mark in SETS}
    speed_texts = next(iter(sets.values()))[0][:4000]
    named = dict(scorers(folder))
    rates = {name: speed(score, speed_texts) for name, score in named.items()}
    print(f"{'AUC':36s}" + "".join(f"{name[:24]:>26s}" for name in named))
    for title, (texts, y) in sets.items():
        print(f"{title:36s}" + "".join(f"{auc(y, score(texts)):26.4f}" for score in named.values()), flush=True)
    cascade_table(sets)
    print(f"{'MB per CPU-second':36s}" + "".join(f"{rate:26.2f}" for rate in rates.values()))
    print(f"embedded scorer alone, over Arrow buffers: {kernel_speed(speed_texts):.1f} MB per CPU-second")
    if arguments.detoxify_docs:
        with tempfile.TemporaryDirectory() as scratch:
            chosen = [text[:2000] for text in speed_texts[: arguments.detoxify_docs]]
            for name, rate in detoxify_speed(chosen, Path(scratch), arguments.detoxify_layers):
                print(f"{name}: {rate:.2f} documents per CPU-second")
    print(f"toxic spans (SemEval 2021 test split), mean character F1: {spans_f1(folder):.4f}")


if __name__ == "__main__":
    main()
