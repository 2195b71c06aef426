"""Sentences made for this project: templates of names_sentences.toml filled with invented people and real places."""

from __future__ import annotations

import gzip
import json
import random
import re
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

from names_data import Marked
from names_lexicon import LOCALES, person_names, place_names

from auditkit.checkers.pii import names_text as text

HERE = Path(__file__).parent
N_SENTENCES = 7_000
N_SUMS = 1_000
PERSON, LOCATION = ("first", "last", "full"), ("city", "CITY", "country", "area", "street", "river")
HOLE = re.compile(r"\{(\w+)\}")
ENGLISH = 0.5  # share of people with names from English-speaking countries; the rest from all locales alike


class Words:
    """What fills the holes."""

    def __init__(self, rng: random.Random, lists: dict[str, list[str]]) -> None:
        self.rng, self.lists = rng, lists
        self.first, self.last = person_names("first"), person_names("last")
        self.cities, self.regions, _ = place_names()

    def person(self, kind: str) -> str:
        """A first, last or full name."""
        draw = self.rng.random()
        locale = self.rng.choice([name for name in LOCALES if name.startswith("en_") == (draw < ENGLISH)])
        first, last = self._name(self.first[locale], "Maria"), self._name(self.last[locale], "Novak")
        if kind == "full":
            middle = f" {self.rng.choice('ABCDEFGHJKLMPRSTW')}." if self.rng.random() < 0.1 else ""
            prefix = self.rng.choice(["al-", "Abu ", "bin ", "de ", "van ", "Mc"]) if self.rng.random() < 0.06 else ""
            return f"{first}{middle} {prefix}{last}"
        return first if kind == "first" else last

    def _name(self, names: list[str], otherwise: str) -> str:
        return self.rng.choice(names) if names else otherwise

    def place(self, kind: str) -> str:
        """A city, country, area, street or river."""
        if kind in ("city", "CITY"):
            rank = int(len(self.cities) * self.rng.random() ** 2.5)  # large cities more often
            return self.cities[rank].upper() if kind == "CITY" else self.cities[rank]
        if kind == "country":
            return self.rng.choice(self.lists["country_too"] if self.rng.random() < 0.35 else self.regions)
        return self.rng.choice(self.lists[kind]) + (" River" if kind == "river" else "")

    def other(self, kind: str) -> str:
        """What is no name: numbers, days, things, organisations."""
        if kind == "n":
            return str(self.rng.choice([2, 5, 12, 40, 300, 1985, 2004, 17]))
        if kind.lower() != "org":
            return self.rng.choice(self.lists[kind])
        if self.rng.random() < 0.5:
            return self.rng.choice(self.lists["org"])
        shape = self.rng.choice(self.lists["org_shape"])
        return HOLE.sub(lambda m: self.person(m[1]) if m[1] in PERSON else self.place(m[1]), shape)


def fill(template: str, words: Words) -> Marked:
    """The template with its holes filled, and where the names are."""
    out, spans, at = "", [], 0
    for hole in HOLE.finditer(template.replace("{river} River", "{river}")):
        out += hole.string[at : hole.start()]
        at, kind = hole.end(), hole[1]
        label = "PER" if kind in PERSON else "LOC" if kind in LOCATION else ""
        value = words.person(kind) if label == "PER" else words.place(kind) if label else words.other(kind)
        lead = len(value) - len(value.removeprefix("the ")) if label else 0
        if label:
            spans.append((len(out) + lead, len(out) + len(value), label))
        out += value
    return Marked(out + template.replace("{river} River", "{river}")[at:], spans)


@cache
def _templates() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    tables = tomllib.loads((HERE / "names_sentences.toml").read_text(encoding="utf-8"))
    lists = tables.pop("words")
    return tables, lists


def sums(data: Path, n: int = N_SUMS) -> list[Marked]:
    """Sentences of GSM8K's questions in which a list of first names explains every capital within."""
    with gzip.open(data / "hallucination/gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        questions = [json.loads(line)["question"] for line in lines]
    found = []
    for question in questions:
        for sentence in text.sentences(question):
            spans = []
            for start, end, word in zip(*sentence, strict=True):
                known = text.known_as(word)
                if word[0].isupper() and known & text.FIRST and not known & (text.COMMON | text.PLACE_START):
                    spans.append((start - sentence.starts[0], end - sentence.starts[0], "PER"))
                elif word[0].isupper() and word != "I" and not (start == sentence.starts[0] and known & text.COMMON):
                    spans = []
                    break
            if spans and all(b[0] - a[1] > 1 for a, b in pairwise(spans)):
                found.append(Marked(question[sentence.starts[0] : sentence.ends[-1]], spans))
    random.Random(5).shuffle(found)
    return found[:n]


def own_sentences(n: int = N_SENTENCES) -> list[Marked]:
    """`n` sentences, the same every time; genres alike, templates within a genre alike."""
    rng = random.Random(7)
    tables, lists = _templates()
    words = Words(rng, lists)
    genres = sorted(tables)
    return [fill(rng.choice(tables[rng.choice(genres)]), words) for _ in range(n)]
