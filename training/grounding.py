"""Makes rules/lexicons/grounding.npz: how telling words are, and the scale of the grounding score.

    python training/grounding.py DATA_FOLDER

Reads skew/ref/factbook (CIA World Factbook, public domain) and the Wikipedia comments of toxicity/ (document counts of
words alone). No human judgement about hallucinations is read. Supported responses are made from sentences of a source
by cutting, fusing and rewording; unsupported ones by swapping names, numbers and clauses for those of other sources.
They set three numbers: where order saturates (three of four supported responses stay below), slope and offset.
Seeded; the same data give the same bytes.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from auditkit.checkers.hallucination.grounding import (  # noqa: E402
    FEATURES,
    WEIGHTS,
    Source,
    features,
    sentence_spans,
    stem,
    words_of,
)

OUT = ROOT / "rules" / "lexicons" / "grounding.npz"
MIN_COUNT = 2  # a stem in one document alone is as telling as one never seen
PAIRS_PER_SOURCE = 16
REWORDED = {  # own list: words that a faithful summary may change
    "began": "started",
    "large": "big",
    "major": "main",
    "established": "set up",
    "following": "after",
    "became": "turned into",
    "country": "nation",
    "nation": "country",
    "government": "authorities",
    "several": "a number of",
    "however": "but",
    "war": "conflict",
    "conflict": "fighting",
    "agreement": "deal",
    "elected": "chosen",
    "election": "vote",
    "elections": "polls",
    "president": "leader",
    "independence": "freedom",
    "forces": "troops",
    "military": "army",
    "also": "too",
    "primarily": "mostly",
    "including": "such as",
    "since": "from",
    "during": "in",
    "subsequently": "later",
    "approximately": "about",
    "population": "people",
    "approved": "backed",
    "won": "took",
    "led": "headed",
    "ended": "came to an end",
    "territory": "area",
    "region": "area",
    "first": "earliest",
    "returned": "gave back",
    "increased": "rose",
    "economic": "financial",
    "ruled": "governed",
    "rule": "government",
    "signed": "agreed to",
    "joined": "entered",
    "responsible": "in charge",
    "percent": "per cent",
    "years": "a while",
    "many": "lots of",
    "small": "little",
    "important": "key",
}
OPENERS = (
    "",
    "",
    "",
    "yes , ",
    "well , ",
    "i know that ",
    "it is said that ",
    "according to the text , ",
    "reports say ",
)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][a-zA-Z]{2,}(?:\s[A-Z][a-zA-Z]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")


def leaves(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from leaves(value)
    elif isinstance(node, str):
        yield re.sub(r"<[^>]*>|&\w+;", " ", node)


def sources(folder: Path) -> list[str]:
    """One text of 4 to 40 full sentences per country: its history and notes."""
    found = []
    for path in sorted(folder.glob("**/*.json")):
        prose = [text for text in leaves(json.loads(path.read_text(encoding="utf-8"))) if len(text) > 200]
        sentences = [
            text[low:high] for text in prose for low, high in sentence_spans(text)
            if re.match(r"[A-Z]", text[low:high]) and 6 <= len(words_of(text[low:high])) <= 60
        ]  # fmt: skip
        if len(sentences) >= 4:
            found.append("\n".join(sentences[:40]))
    return found


def telling(data: Path, texts: list[str]) -> dict[str, float]:
    """Stem -> 0..1 by document frequency: log(n / count) / log(n)."""
    import pyarrow.parquet as pq

    documents = list(texts)
    for name in ("wiki_natural_20k", "jigsaw_wiki_train_subset"):
        documents += pq.read_table(data / "toxicity" / f"{name}.parquet").column("text").to_pylist()
    counts = Counter(known for text in documents for known in {stem(word) for word in words_of(text)})
    top = math.log(len(documents))
    return {known: max(0.0, 1 - math.log(count) / top) for known, count in sorted(counts.items()) if count >= MIN_COUNT}


class Maker:
    """Supported and unsupported responses to sources."""

    def __init__(self, texts: list[str], seed: int) -> None:
        self.texts = [text.split("\n") for text in texts]
        self.rng = random.Random(seed)
        self.names = [sorted({name for line in lines for name in _NAME.findall(line)}) for lines in self.texts]

    def supported(self, at: int) -> str:
        """One or two sentences of the source, cut and reworded."""
        rng, lines = self.rng, self.texts[at]
        first = rng.randrange(len(lines))
        chosen = [lines[first]]
        if rng.random() < 0.45:
            chosen.append(
                lines[rng.choice([max(0, first - 1), min(len(lines) - 1, first + 1), rng.randrange(len(lines))])]
            )
        text = " ".join(self.cut(line) for line in chosen)
        reword = rng.choice((0.0, 0.0, 0.3, 1.0))  # systems copy more often than they reword
        words = [REWORDED.get(word, word) if rng.random() < reword else word for word in text.split()]
        dropped = rng.choice((0.0, 0.0, 0.2))
        words = [word for word in words if len(word) > 3 or rng.random() > dropped]
        return rng.choice(OPENERS) + " ".join(words)

    def cut(self, line: str) -> str:
        """The sentence without some of its clauses."""
        clauses = re.split(r"(?<=[,;:])\s", re.sub(r"\([^)]*\)", "", line))
        if len(clauses) > 1 and self.rng.random() < 0.6:
            keep = self.rng.randint(1, len(clauses) - 1)
            start = self.rng.randint(0, len(clauses) - keep)
            clauses = clauses[start : start + keep]
        return " ".join(clauses)

    def unsupported(self, at: int) -> str:
        """A supported response with one to three inventions."""
        text = self.supported(at)
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            (change,) = self.rng.choices(
                (self.swap_name, self.foreign_clause, self.splice, self.foreign, self.swap_number, self.negate),
                (30, 20, 25, 12, 8, 5),  # names and fused sentences most often, as in abstractive summaries
            )
            text = change(at, text)
        return text

    def other(self, at: int) -> int:
        """Another source."""
        return (at + self.rng.randrange(1, len(self.texts))) % len(self.texts)

    def swap_name(self, at: int, text: str) -> str:
        """A name becomes one of this source or of another."""
        pool = self.names[at if self.rng.random() < 0.3 else self.other(at)]
        found = _NAME.findall(text)
        if not found or not pool:
            return self.foreign_clause(at, text)
        return text.replace(self.rng.choice(found), self.rng.choice(pool), 1)

    def swap_number(self, at: int, text: str) -> str:
        """A number becomes another."""
        found = _NUMBER.findall(text)
        if not found:
            return self.foreign_clause(at, text)
        return text.replace(
            self.rng.choice(found), str(self.rng.choice((self.rng.randint(2, 99), self.rng.randint(1900, 2024)))), 1
        )

    def foreign_clause(self, at: int, text: str) -> str:
        """Some words of another source, in place of others or between them."""
        words = text.split()
        borrowed = self.cut(self.rng.choice(self.texts[self.other(at)])).split()
        size = self.rng.randint(2, 8)
        start = self.rng.randrange(max(1, len(borrowed) - size))
        place = self.rng.randrange(len(words) + 1)
        gone = self.rng.choice((0, size))
        return " ".join(words[:place] + borrowed[start : start + size] + words[place + gone :])

    def splice(self, at: int, text: str) -> str:
        """The beginning of one sentence and the end of another of the same source."""
        words, others = text.split(), self.rng.choice(self.texts[at]).split()
        return " ".join(words[: max(2, len(words) // 2)] + others[len(others) // 2 :])

    def negate(self, at: int, text: str) -> str:
        """The first verb is negated."""
        changed = re.sub(r"\b(was|is|were|are|has|had|will)\b", r"\1 not", text, count=1)
        return changed if changed != text else self.foreign_clause(at, text)

    def foreign(self, at: int, _text: str) -> str:
        """A sentence of another source instead."""
        return self.cut(self.rng.choice(self.texts[self.other(at)]))


def examples(texts: list[str], weights: dict[int, float], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FEATURES of made responses (order not yet saturated), 1 = unsupported, and the number of their source."""
    maker = Maker(texts, seed)
    rows, labels, groups = [], [], []
    for at, text in enumerate(texts):
        lines = text.split("\n")
        for number in range(PAIRS_PER_SOURCE):
            maker.texts[at] = lines[: maker.rng.randint(1, min(len(lines), 30))] if number % 2 else lines
            source = Source("\n".join(maker.texts[at]))
            for label, make in ((0, maker.supported), (1, maker.unsupported)):
                values = features(source, make(at), weights, 1.0)
                if values is not None:
                    rows.append(values)
                    labels.append(label)
                    groups.append(at)
            maker.texts[at] = lines
    return np.array(rows), np.array(labels), np.array(groups)


def totals(values: np.ndarray, saturation: float) -> np.ndarray:
    """The weighted sum of the features."""
    scaled = values.copy()
    scaled[:, 0] = np.minimum(1.0, scaled[:, 0] / saturation)
    return np.asarray(scaled @ np.array(WEIGHTS))


def fit(total: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Slope and offset of a logistic curve over one number, by Newton's method."""
    x = np.stack([total, np.ones(len(total))], axis=1)
    beta = np.zeros(2)
    for _ in range(25):
        p = 1 / (1 + np.exp(-(x @ beta)))
        beta += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (labels - p))
    return float(beta[0]), float(beta[1])


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    n = int(labels.sum())
    return float((ranks[labels == 1].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def save(arrays: dict[str, np.ndarray]) -> None:
    """An .npz without the time of writing, so that equal arrays are equal bytes."""
    with zipfile.ZipFile(OUT, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, values)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED
            )


def main(data: Path) -> None:
    texts = sources(data / "skew" / "ref" / "factbook")
    table = telling(data, texts)
    levels = {crc32(known.encode()): round(255 * value) for known, value in table.items()}
    weights_of_words = {key: level / 255 for key, level in levels.items()}
    values, labels, groups = examples(texts, weights_of_words, seed=7)
    held_out = groups % 5 == 0
    saturation = round(float(np.quantile(values[(labels == 0) & ~held_out, 0], 0.75)), 4)
    total = totals(values, saturation)
    slope, offset = fit(total[~held_out], labels[~held_out])
    probability = 1 / (1 + np.exp(-(slope * total + offset)))
    skill = auroc(total[held_out], labels[held_out])
    print(f"{len(texts)} sources, {len(labels)} made responses; held-out AUROC {skill:.4f}")
    for name, column in zip(FEATURES, values[held_out].T, strict=True):
        print(f"  {name:10s} alone {auroc(column, labels[held_out]):.3f}")
    for share in (0.10, 0.05, 0.01):
        at = np.quantile(probability[held_out & (labels == 0)], 1 - share)
        found = (probability[held_out & (labels == 1)] >= at).mean()
        print(f"  threshold {at:.3f} flags {share:.0%} of supported and {found:.1%} of unsupported made responses")
    keys = np.array(sorted(levels), np.uint32)
    numbers = {"saturation": saturation, "slope": round(slope, 4), "offset": round(offset, 4)}
    stored: dict[str, np.ndarray] = {name: np.array(value) for name, value in numbers.items()}
    table_of_words = np.array([levels[int(key)] for key in keys], np.uint8)
    stored |= {"words": keys, "telling": table_of_words}
    save(stored)
    print(numbers, f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size} bytes, {len(keys)} words")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
