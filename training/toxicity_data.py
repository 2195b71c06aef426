"""The labelled sets and the features that the toxicity model is fitted on. Used by training/toxicity.py."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from auditkit.checkers.toxicity import grams, han
from auditkit.text.buffers import utf8_buffers

HERE = Path(__file__).parent
BITS = 19  # 2^19 buckets x 8 lanes = 4 MB; 2^18 loses 0.0006 AUC, 2^20 gains 0.0003 and costs speed
SHIFT = np.uint64(64 - BITS)
HELD_OUT = 51  # of 256: one text in five
Floats = NDArray[np.float64]

# Greek and Cyrillic letters that are drawn like Latin ones
LOOKALIKES = dict(zip("αβεικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abeiknoptuxwabezhikmnoptyx", strict=True))
LOOKALIKES |= dict(zip("аеорсухіѕјкмтвнАЕОРСУХІЅЈКМТВН", "aeopcyxisjkmtbhaeopcyxisjkmtbh", strict=True))
LOOKALIKES |= dict(zip("ßøØłŁæœđıɑɡ", "soollaodiag", strict=True))


@dataclass(frozen=True)
class Labelled:
    """Texts with one 0/1 label each, the weight of the set, `held` for those held out. Equal names, equal texts."""

    name: str
    texts: Sequence[str]
    y: NDArray[np.int64]
    held: NDArray[np.bool_]
    weight: float

    def matrix(self) -> csr_matrix:
        """The features of the texts, made once."""
        if self.name not in MADE:
            MADE[self.name] = features(self.texts)
        return MADE[self.name]


MADE: dict[str, csr_matrix] = {}


def folding() -> NDArray[np.uint8]:
    """uint8[0x20000]: what each code point counts as (see auditkit.checkers.toxicity.grams)."""
    table = np.zeros(0x20000, np.uint8)
    for point in range(0x20000):
        if not 0xD800 <= point < 0xE000:
            table[point] = _folded(chr(point))
    return table


def _folded(char: str) -> int:
    point, category = ord(char), unicodedata.category(char)
    if point < 128:
        return ord(char.lower()) if char.isalnum() or char in "$@*!'" else 32
    if char in "‘’ʼ`´":
        return 39
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    if category in ("Mn", "Me", "Cf") or not base:
        return 0
    if category[0] in "ZPC" and category != "Cn":
        return 32
    letter = LOOKALIKES.get(char) or LOOKALIKES.get(base[0]) or base[0]
    return _folded(letter) if ord(letter) < 128 else 128 + ((ord(letter) * 0x9E3779B1) >> 9 & 127)


FOLD = folding()


def fold_word(word: str) -> bytes:
    """The symbols of a word."""
    return bytes(int(FOLD[ord(char)]) for char in word if FOLD[ord(char)])


@cache
def sentences() -> dict[str, Any]:
    return tomllib.loads((HERE / "toxicity_sentences.toml").read_text(encoding="utf-8"))


def names_group(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each text names a group of people, as the kernel counts it."""
    data, offsets = utf8_buffers(pa.array(texts, pa.large_utf8()))
    nothing = np.full(2, np.uint64(0))
    _, _, counts = grams.totals(data, offsets[:-1], offsets[1:], FOLD, CLASSES, nothing, np.uint64(63))
    named: NDArray[np.bool_] = counts[:, grams.GROUPS] > 0
    return named


def group_words() -> list[str]:
    """Words that name a group of people, singular and plural."""
    own = sentences()
    words = {word for pair in own["groups"] for name in pair for word in name.lower().split()}
    words = (words - set(own["not_groups"])) | set(own["more_groups"])
    words |= {word[:-1] for word in words if word.endswith("s") and len(word) > 4}
    return sorted(words | {f"{word}s" for word in words if not word.endswith(("s", "men"))})


def word_classes() -> NDArray[np.uint16]:
    """uint16[CLASS_SLOTS]: the hash set of function words (class = language) and group words."""
    table = tomllib.loads((HERE / "toxicity_languages.toml").read_text(encoding="utf-8"))
    shared = {fold_word(word) for word in table["shared"]["words"].split()}
    classes: dict[bytes, set[int]] = {}
    for number, words in enumerate(table["languages"].values(), start=1):
        for word in words.split():
            classes.setdefault(fold_word(word), set()).add(number)
    known = {word: next(iter(found)) for word, found in classes.items() if len(found) == 1 and word not in shared}
    known |= {fold_word(word): grams.GROUP for word in group_words()}
    slots = np.zeros(grams.CLASS_SLOTS, np.uint16)
    for word, number in sorted(known.items()):
        mixed = (_word_hash(word) * int(grams.SPREAD)) % 2**64
        slot = mixed >> int(grams.CLASS_SHIFT)
        while slots[slot]:
            slot = (slot + 1) % grams.CLASS_SLOTS
        slots[slot] = (mixed >> int(grams.TAG_SHIFT) & 0xFF) << 8 | number
    return slots


def _word_hash(symbols: bytes) -> int:
    value = int(grams.WORD_SEED)
    for symbol in symbols:
        value = ((value ^ symbol) * int(grams.WORD_PRIME)) % 2**64
    return value


CLASSES = word_classes()


@numba.njit(nogil=True)
def _keys_of_texts(data, offsets, fold, classes, shift, n_buckets):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled by numba
    pointers = np.zeros(len(offsets), np.int64)
    found, stamp = np.empty(1 << 22, np.int32), np.zeros(n_buckets, np.int32)
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    keys, counts = np.empty(grams.MAX_PER_BYTE * (longest + 2), np.uint32), np.zeros(grams.COUNTS, np.int32)
    owners, edges = np.empty(0, np.int32), np.empty((1, 2), np.int64)
    for i in range(len(offsets) - 1):
        n = grams.grams(data, offsets[i], offsets[i + 1], fold, classes, shift, keys, counts, owners, edges)
        m = pointers[i]
        if m + n > len(found):
            found = np.concatenate((found, np.empty(len(found) + n, np.int32)))
        for j in range(n):
            if stamp[keys[j]] != i + 1:
                stamp[keys[j]] = i + 1
                found[m] = keys[j]
                m += 1
        pointers[i + 1] = m
    return pointers, found[: pointers[len(offsets) - 1]]


@numba.njit(nogil=True)
def _keys_of_han(data, offsets, fold, shift):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled by numba
    size = offsets[len(offsets) - 1] - offsets[0]
    rows, found = np.empty(3 * size, np.int64), np.empty(3 * size, np.int64)
    m = 0
    for i in range(len(offsets) - 1):
        room = offsets[i + 1] - offsets[i]
        points, edges = np.empty(room, np.int64), np.empty((room, 2), np.int64)
        keys, ends = np.empty(3 * room, np.uint32), np.empty(3 * room, np.int64)
        n = han.characters(data, offsets[i], offsets[i + 1], fold, points, edges)
        for j in range(han.keys_of(points, n, shift, keys, ends)):
            rows[m], found[m] = i, keys[j]
            m += 1
    return rows[:m], found[:m]


@numba.njit(nogil=True)
def _keys_of_words(data, offsets, fold, classes, shift):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled by numba
    size = offsets[len(offsets) - 1]
    spans, texts = np.empty((size + 2, 2), np.int64), np.empty(size + 2, np.int64)
    owner_of, key_of = (
        np.empty(grams.MAX_PER_BYTE * (size + 2), np.int64),
        np.empty(grams.MAX_PER_BYTE * (size + 2), np.int64),
    )
    words, pairs = 0, 0
    counts = np.zeros(grams.COUNTS, np.int32)
    for i in range(len(offsets) - 1):
        room = offsets[i + 1] - offsets[i] + 2
        keys, owners = np.empty(grams.MAX_PER_BYTE * room, np.uint32), np.empty(grams.MAX_PER_BYTE * room, np.int32)
        edges = np.empty((room, 2), np.int64)
        n = grams.grams(data, offsets[i], offsets[i + 1], fold, classes, shift, keys, counts, owners, edges)
        for j in range(n):
            if owners[j] >= 0:
                owner_of[pairs], key_of[pairs] = words + owners[j], keys[j]
                pairs += 1
        for w in range(edges[room - 1, 0]):
            spans[words], texts[words] = edges[w] - offsets[i], i
            words += 1
    return spans[:words], texts[:words], owner_of[:pairs], key_of[:pairs]


def features(texts: Sequence[str], bits: int = BITS) -> csr_matrix:
    """One row per text: each distinct n-gram with 1 / sqrt(number of distinct n-grams)."""
    shift = np.uint64(64 - bits)
    pointers, keys = _keys_of_texts(*utf8_buffers(pa.array(texts, pa.large_utf8())), FOLD, CLASSES, shift, 1 << bits)
    n = np.diff(pointers)
    return csr_matrix((np.repeat(1 / np.sqrt(np.maximum(n, 1)), n), keys, pointers), shape=(len(n), 1 << bits))


def han_features(texts: Sequence[str], bits: int) -> csr_matrix:
    """As `features`, of the runs of 1 to 3 characters."""
    rows, keys = _keys_of_han(*utf8_buffers(pa.array(texts, pa.large_utf8())), FOLD, np.uint64(64 - bits))
    matrix = csr_matrix((np.ones(len(rows)), (rows, keys)), shape=(len(texts), 1 << bits))
    matrix.data[:] = 1
    return diags(1 / np.sqrt(np.maximum(np.asarray(matrix.sum(1)).ravel(), 1))) @ matrix


def word_features(texts: Sequence[str]) -> tuple[csr_matrix, NDArray[np.int64], NDArray[np.int64]]:
    """(one row per word with the counts of its n-grams, byte ranges of the words, text of each word)."""
    buffers = utf8_buffers(pa.array(texts, pa.large_utf8()))
    spans, owners, rows, keys = _keys_of_words(*buffers, FOLD, CLASSES, SHIFT)
    return csr_matrix((np.ones(len(rows)), (rows, keys)), shape=(len(spans), 1 << BITS)), spans, owners


class Data:
    """The labelled sets of DATA_FOLDER, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cache  # noqa: B019  # one Data per process
    def table(self, name: str) -> dict[str, list[Any]]:
        """The columns of a set."""
        columns: dict[str, list[Any]] = pq.read_table(self.folder / "toxicity" / f"{name}.parquet").to_pydict()
        return columns

    def of(self, name: str, column: str = "label") -> tuple[list[str], NDArray[np.int64]]:
        """Texts and labels of a set; a share of annotators counts as 1 from one half."""
        table = self.table(name)
        return table["text"], (np.asarray(table[column], float) >= 0.5).astype(np.int64)

    def paradetox(self) -> tuple[list[str], NDArray[np.int64]]:
        """Toxic sentences and their neutral paraphrases."""
        table = self.table("paradetox_pairs")
        neutral = [text for n in (1, 2, 3) for text in table[f"neutral{n}"] if text]
        return table["toxic"] + neutral, _labels(len(table["toxic"]), len(neutral))

    def cut_spans(self) -> tuple[list[str], NDArray[np.int64]]:
        """Texts with toxic spans, and the same texts without them."""
        table = self.table("toxic_spans_semeval2021")
        pairs = [(text, places(spans)) for text, spans in zip(table["text"], table["spans"], strict=True)]
        whole = [text for text, places in pairs if places]
        rest = ["".join(c for i, c in enumerate(text) if i not in places) for text, places in pairs if places]
        return whole + rest, _labels(len(whole), len(rest))

    def lexicon(self) -> tuple[list[str], NDArray[np.int64]]:
        """Obscene words, each a text of its own."""
        listed = self.table("ldnoobw")
        english = [term for term, lang in zip(listed["term"], listed["lang"], strict=True) if lang == "en"]
        words = self.table("surge_profanity_lexicon")["text"] + english
        return words, _labels(len(words), 0)

    def questions(self) -> tuple[list[str], NDArray[np.int64]]:
        """Harmless texts of another kind than comments."""
        with gzip.open(self.folder / "hallucination" / "gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["question"] for line in lines]
        return texts[:3000], _labels(0, 3000)

    def own(self, *, hate: bool) -> tuple[list[str], NDArray[np.int64]]:
        """Sentences written for auditkit; for hate, an insult without a group is a 0."""
        own = sentences()

        def made(*kinds: str) -> list[str]:
            return [text.format(g=g, p=p) for kind in kinds for text in own[kind] for g, p in own["groups"]]

        bad, good = made("attack", "hostile"), made("clean", "defending") + (own["plain"] + own["temper"]) * 20
        (good if hate else bad).extend(own["insult"] * 20)
        return bad + good, _labels(len(bad), len(good))

    def german(self, split: str) -> tuple[list[str], NDArray[np.int64]]:
        """GermEval 2018, offensive or not."""
        return self._split("germeval2018_de", split)

    def chinese(self, split: str) -> tuple[list[str], NDArray[np.int64]]:
        """COLD, offensive or not."""
        return self._split("cold_zh", split)

    def _split(self, name: str, split: str) -> tuple[list[str], NDArray[np.int64]]:
        texts, y = self.of(name)
        rows = [i for i, found in enumerate(self.table(name)["split"]) if (found == "test") == (split == "test")]
        return [texts[i] for i in rows], y[rows]


def refuse_overlap(texts: Sequence[str], tests: Sequence[str]) -> None:
    """Stop where a sentence written for training has five words in a row in common with an evaluation set."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z']+", text.lower())
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    known = set().union(*map(runs, tests))
    for text in texts:
        if runs(text) & known:
            message = f"five words in a row are those of an evaluation set: {text}"
            raise SystemExit(message)


def _labels(ones: int, zeros: int) -> NDArray[np.int64]:
    return np.concatenate([np.ones(ones, np.int64), np.zeros(zeros, np.int64)])


def places(spans: object) -> frozenset[int]:
    return frozenset(json.loads(spans) if isinstance(spans, str) else spans)  # type: ignore[arg-type]


def held_out(texts: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([hashlib.sha256(text.encode()).digest()[0] < HELD_OUT for text in texts])
