"""Profile `presidio`: Presidio's own findings by anchor-then-confirm, or by Presidio itself where nothing is proven."""

from __future__ import annotations

import hashlib
import itertools
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from auditkit.checkers.pii import reference
from auditkit.checkers.pii.anchors import (
    DIGITS,
    FOREIGN,
    LETTERS,
    SPACES,
    Regions,
    Texts,
    in_code_points,
    prepared,
    regions,
    table,
    trie_of,
)
from auditkit.checkers.pii.anchors import phone_regions as phone_places
from auditkit.checkers.pii.confirm import analyze_run, confirmed, pattern_run, without_contained
from auditkit.checkers.pii.context import EDGES, WORDS_BACK, Surroundings, Words
from auditkit.checkers.pii.locales import ENGLISH_REGIONS, phone_regions
from auditkit.checkers.pii.phones import MAX_CANDIDATE_CHARS, SHORTEST, Phones
from auditkit.checkers.pii.spans import Span, rule_of
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.checkers.pii.confirm import Run

    Matches = tuple[NDArray[np.int64], NDArray[np.float64]]

PROVEN = "69e5bc723f536d98411ed306a098bb4c"
"""Fingerprint of the recognisers that the anchors were proven for: classes, patterns, flags, context words,
entities.
"""

BOOST, FLOOR = 0.35, 0.4  # LemmaContextAwareEnhancer's defaults: what a context word adds, and the least it makes of it
"""A finding near a context word: min(1, max(score + BOOST, FLOOR))."""


class Found(NamedTuple):
    """A finding before its context is known: index of its recogniser, text, bytes from and to, score."""

    recognizer: int
    text: int
    low: int
    high: int
    score: float


def fingerprint(recognizers: Sequence[Any]) -> str:
    """32 hex digits over everything of these recognisers that the anchors rely on."""
    facts = sorted(
        repr(
            (
                type(r).__module__, type(r).__name__, r.supported_entities, r.context, getattr(r,
                "global_regex_flags", 0),
                [(p.regex, p.score) for p in getattr(r, "patterns", ())],
                getattr(r, "supported_regions", ()), getattr(r, "leniency", 0),
            )
        )
        for r in recognizers
    )  # fmt: skip
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()


def find(texts: pa.Array, languages: tuple[str, ...] = (), registry: str = "") -> list[list[Span]]:
    """Presidio's findings of each text, ordered by place, with what the languages and the user's registry add."""
    if not proven():
        return [sorted(reference.analyze(text, languages, registry)) for text in texts.to_pylist()]
    found = _engine(phone_regions(languages)).find(texts)
    if not reference.added_recognizers(languages, registry):
        return found
    more = find_added(texts.to_pylist(), languages, registry)
    return [sorted(united(a, b)) if b else a for a, b in zip(found, more, strict=True)]


def find_added(texts: Sequence[str], languages: tuple[str, ...], registry: str) -> list[list[Span]]:
    """What the added recognisers alone find in each text."""
    return [reference.analyze_added(text, languages, registry) for text in texts]


def united(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """The findings of both; of an entity that both have, none inside another that scores as high."""
    shared = {span.entity for span in left} & {span.entity for span in right}
    out = [span for span in (*left, *right) if span.entity not in shared]
    for entity in sorted(shared):
        same = sorted({(*span[:2], span.score) for span in (*left, *right) if span.entity == entity})
        out += [Span(low, high, entity, score, rule_of(entity)) for low, high, score in without_contained(same)]
    return out


@cache
def proven() -> bool:
    """Whether the installed Presidio is the one whose anchors are proven."""
    return reference.presidio_version() == reference.PROVEN_VERSION and fingerprint(reference.recognizers()) == PROVEN


@cache
def _engine(regions_of_phones: tuple[str, ...] = ENGLISH_REGIONS) -> Fast:
    return Fast(reference.recognizers(), regions_of_phones)


class Fast:
    """The recognisers with their anchors; one per process."""

    def __init__(self, recognizers: Sequence[Any], regions_of_phones: tuple[str, ...]) -> None:
        self._recognizers = list(recognizers)
        self._names = [type(recognizer).__name__ for recognizer in recognizers]
        self._entities = [recognizer.supported_entities[0] for recognizer in recognizers]
        self._ranks = np.array([sorted(self._entities).index(entity) for entity in self._entities])
        self._rules = [rule_of(entity) for entity in self._entities]
        self._context = [tuple(word.lower() for word in recognizer.context or ()) for recognizer in recognizers]
        self._runs = {name: _run_of(r) for name, r in zip(self._names, recognizers, strict=True) if name != PHONE}
        url, phone = self._of("UrlRecognizer"), self._of(PHONE)
        self._tlds = trie_of(re.findall(r"\(\?:([a-z]+)\)", url.patterns[0].regex))
        self._phones = Phones(regions_of_phones, phone.leniency)
        self._words = Words(reference.tokenizer, reference.stop_words())
        self._near = _context_trie(self._context)
        self._unsure = trie_of(sorted(self._words.unsure()))
        self._spaces = reference.spaces()
        standard, bare, quoted, quoted_bare = (pattern.score for pattern in url.patterns)
        self._url_scores = (bare, standard, quoted_bare, quoted)
        self._unusual = reference.unusual_characters()

    def _of(self, name: str) -> Any:
        return self._recognizers[self._names.index(name)]

    def find(self, texts: pa.Array) -> list[list[Span]]:
        """Presidio's findings of each text, ordered by place."""
        spans: list[list[Span]] = [[] for _ in range(len(texts))]
        bytes_and_offsets = utf8_buffers(texts)
        if not len(texts) or not len(bytes_and_offsets[0]):
            return spans
        prepared_texts = prepared(*bytes_and_offsets, self._unusual)
        columns = self._matches(prepared_texts)
        self._finish(texts, columns, spans)
        return spans

    def _matches(self, texts: Texts) -> Matches:
        """(int64[n, 5]: recogniser, text, code points from and to, how near a context word is; float64[n] score) of
        all matches, ordered by text.
        """
        rows, scores = [], []
        places = regions(texts, self._tlds)
        for index, name in enumerate(self._names):
            if name == PHONE:
                found, score = self._phone_places(texts)
            elif name == URL:
                found, score = self._urls(texts, places[name])
            else:
                found, score = confirmed(texts, places[name], self._runs[name])
            rows.append(np.column_stack([np.full(len(found), index), found]))
            scores.append(score)
        every = np.concatenate(rows)
        order = np.lexsort((every[:, 3], every[:, 2], every[:, 1]))
        every = every[order]
        found = np.column_stack([in_code_points(texts, every), self._near_bounds(texts, every)])
        return found, np.concatenate(scores)[order]

    def _near_bounds(self, texts: Texts, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """FAR_OFF, PERHAPS or NEAR: whether a context word is near each match (recogniser, text, bytes from, to)."""
        from auditkit.checkers.pii import context_kernels

        text = rows[:, 1]
        may, sure = context_kernels.near(
            texts.data,
            texts.offsets[text],
            texts.offsets[text + 1],
            rows[:, 2],
            table(*WORD_KINDS),
            self._unsure,
            self._near,
            WORDS_BACK,
        )
        plain = texts.plain[text]
        return np.where(
            sure >> rows[:, 0] & 1 & plain, NEAR, np.where(may >> rows[:, 0] & 1 | ~plain, PERHAPS, FAR_OFF)
        )

    def _urls(self, texts: Texts, places: Regions) -> Matches:
        """The URL patterns by kernel where the texts are plain, by regex elsewhere."""
        from auditkit.checkers.pii import url_kernels

        plain = texts.plain[places[:, 0]]
        rest, rest_scores = confirmed(texts, places[~plain], self._runs[URL])
        found = url_kernels.urls(texts.data, places[plain], table(*URL_KINDS), self._spaces, self._tlds)
        scores = np.array([self._url_scores[mode] for mode in range(4)])[found[:, 3]]
        keep = _not_inside(found, scores)
        return np.concatenate([found[keep, :3], rest]), np.concatenate([scores[keep], rest_scores])

    def _phone_places(self, texts: Texts) -> Matches:
        """The numbers that PhoneRecognizer finds."""
        regions_, digits = phone_places(texts)
        heavy = _texts_beyond(regions_, len(texts.plain)) | ~texts.plain
        wanted = regions_[(digits >= SHORTEST) & ~heavy[regions_[:, 0]]]
        # One character per byte: in an ASCII neighbourhood inside a text bytes are code points and nothing need be
        # decoded.
        string = texts.data.tobytes().decode("latin-1")
        inside = (wanted[:, 1] > texts.offsets[wanted[:, 0]]) & (wanted[:, 2] + 3 <= texts.offsets[wanted[:, 0] + 1])
        matches: list[tuple[int, int, int]] = []
        for (text, low, high), safe in zip(wanted.tolist(), inside.tolist(), strict=True):
            if safe and string[low - 1 : high + 3].isascii():
                places = self._phones.find(string, low, high) or ()
                kept = without_contained([(a, b, 0.4) for a, b in places]) if len(places) > 1 else places
                matches += [(text, place[0], place[1]) for place in kept]
            else:
                matches += self._phones_in(texts, text, low, high)
        matches += [place for text in np.flatnonzero(heavy).tolist() for place in self._phones_of(texts, text)]
        rows = np.array(matches, np.int64).reshape(-1, 3)
        return rows, np.full(len(rows), self._of(PHONE).SCORE)

    def _phones_in(self, texts: Texts, text: int, low: int, high: int) -> list[tuple[int, int, int]]:
        """Places (text, first byte, last byte + 1) of the numbers in one region."""
        first, last = int(texts.offsets[text]), int(texts.offsets[text + 1])
        start, end = max(first, low - 4), min(last, high + 12)
        around = texts.data[start:end].tobytes()
        ahead, core = around[: low - start].decode(errors="ignore"), around[low - start : high - start].decode()
        string = ahead + core + around[high - start :].decode(errors="ignore")
        found = self._phones.find(string, len(ahead), len(ahead) + len(core))
        if not found:
            return []
        kept = without_contained([(a, b, 0.4) for a, b in found])
        return [
            (text, low + len(string[len(ahead) : a].encode()), low + len(string[len(ahead) : b].encode()))
            for a, b, _ in kept
        ]

    def _phones_of(self, texts: Texts, text: int) -> list[tuple[int, int, int]]:
        """The same of a whole text; by phonenumbers alone where it may give up before the end."""
        first, last = int(texts.offsets[text]), int(texts.offsets[text + 1])
        data = texts.data[first:last]
        string = data.tobytes().decode()
        found = self._phones.find(string, 0, len(string))
        if found is None:
            found = self._phones.whole(string)
        places = np.append(np.flatnonzero((data & 0xC0) != 0x80), last - first) + first
        kept = without_contained([(a, b, 0.4) for a, b in found])
        return [(text, int(places[a]), int(places[b])) for a, b, _ in kept]

    def _finish(self, texts: pa.Array, found: Matches, spans: list[list[Span]]) -> None:
        """Context words counted, duplicates removed, spans sorted into their texts."""
        rows, scores = found
        boosted = (rows[:, 4] == NEAR) | self._near_after_all(texts, rows)
        final = np.where(boosted, np.minimum(np.maximum(scores + BOOST, FLOOR), 1.0), scores)
        kept = _one_per_entity(rows, final)
        rows, final = rows[kept], final[kept]
        order = np.lexsort((final, self._ranks[rows[:, 0]], rows[:, 3], rows[:, 2], rows[:, 1]))
        points = np.round(final[order], 4).tolist()
        for (index, text, low, high, _), score in zip(rows[order].tolist(), points, strict=True):
            spans[text].append(Span(low, high, self._entities[index], score, self._rules[index]))

    def _near_after_all(self, texts: pa.Array, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a context word is near the matches of which the bounds say PERHAPS, by tokens; False elsewhere."""
        near = np.zeros(len(rows), bool)
        unknown = np.flatnonzero(rows[:, 4] == PERHAPS)
        surroundings, last = None, -1
        for row, (index, text, low, *_) in zip(unknown.tolist(), rows[unknown].tolist(), strict=True):
            if text != last or surroundings is None:
                surroundings, last = Surroundings(texts[text].as_py(), self._words), text
            near[row] = surroundings.supports(low, self._context[index])
        return near


PHONE, URL = "PhoneRecognizer", "UrlRecognizer"
WORD_KINDS = (SPACES + bytes(range(0x1C, 0x20)), EDGES.encode(), LETTERS, DIGITS, b":", b"'`" + FOREIGN)
FAR_OFF, PERHAPS, NEAR = 0, 1, 2
URL_KINDS = (LETTERS + DIGITS + b".-", SPACES + b"()<>\"'", b"\"'")


def _run_of(recognizer: Any) -> Run:
    """How a recogniser looks at a string: its patterns alone, or its own analyze where it has one."""
    from presidio_analyzer import PatternRecognizer

    plain = type(recognizer).analyze is PatternRecognizer.analyze
    return pattern_run(recognizer) if plain else analyze_run(recognizer)


def _texts_beyond(found: Regions, n_texts: int) -> NDArray[np.bool_]:
    """Texts with so many candidates that phonenumbers may give up on them."""
    sizes = np.bincount(found[:, 0], found[:, 2] - found[:, 1], n_texts)
    return sizes > MAX_CANDIDATE_CHARS


def _not_inside(found: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indexes of the matches that are in no other match of their text that scores as high."""
    order = np.lexsort((-scores, -found[:, 2], found[:, 1], found[:, 0]))
    kept: list[int] = []
    active: list[int] = []
    rows, points = found.tolist(), scores.tolist()
    for i in order.tolist():
        text, start, end, _ = rows[i]
        active = [j for j in active if rows[j][0] == text and rows[j][2] >= start]
        if all(end > rows[j][2] or points[i] > points[j] for j in active):
            kept.append(i)
            active.append(i)
    return np.array(kept, np.int64)


def _one_per_entity(rows: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indexes of the matches (recogniser, text, from, to) that Presidio's remove_duplicates leaves of each entity."""
    order = np.lexsort((rows[:, 3], rows[:, 2], rows[:, 0], rows[:, 1]))
    placed = rows[order]
    firsts = np.ones(len(rows), bool)
    firsts[1:] = (placed[1:, :2] != placed[:-1, :2]).any(axis=1)
    group = np.cumsum(firsts) - 1
    meets = ~firsts[1:] & (placed[1:, 2] < placed[:-1, 3])
    crowded = np.isin(group, group[1:][meets])
    kept = [order[~crowded]]
    members = order[crowded]
    matches = [
        (*place, score) for place, score in zip(rows[members, 2:4].tolist(), scores[members].tolist(), strict=True)
    ]
    edges = np.flatnonzero(np.diff(group[crowded], prepend=-1)).tolist()
    for first, last in itertools.pairwise((*edges, len(members))):
        some = matches[first:last]
        left = [first + some.index(match) for match in without_contained(some)]
        kept.append(members[left])
    return np.concatenate(kept)


def _context_trie(context: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """int64[n, 27] as in anchors.trie_of, but [node, 26] holds a bit for each recogniser that has the word.

    Words with a space are in no token, words that hold another of the same recogniser add nothing. If another is no
    plain
    ASCII word, the root marks its recogniser everywhere.
    """
    bits: dict[str, int] = {}
    for index, words in enumerate(context):
        least = [w for w in words if " " not in w and not any(other != w and other in w for other in words)]
        for word in least if all(w.isascii() and w.isalpha() for w in least) else LETTERS.decode():
            bits[word.lower()] = bits.get(word.lower(), 0) | 1 << index
    words_in_order = sorted(bits)
    trie = trie_of(words_in_order)
    ranks = trie[:, 26]
    trie[:, 26] = np.array([0, *(bits[word] for word in words_in_order)])[ranks]
    return trie
