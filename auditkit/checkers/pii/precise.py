"""Profile `precise`: anchors find where to look, shapes and validators say what is there; Presidio is not asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditkit.checkers.pii import shapes, validators
from auditkit.checkers.pii.anchors import DIGITS, LETTERS, Texts, in_code_points, phone_regions, regions, table, trie_of
from auditkit.checkers.pii.confirm import confirmed
from auditkit.checkers.pii.disguise import disguised, undisguised
from auditkit.checkers.pii.locales import ENGLISH_REGIONS
from auditkit.checkers.pii.phone_shapes import PhoneShapes
from auditkit.checkers.pii.secrets import Secrets
from auditkit.checkers.pii.spans import Span, rule_of
from auditkit.checkers.pii.url_shapes import url_place
from auditkit.text.buffers import utf8_buffers
from auditkit.text.fold import suspicious

if TYPE_CHECKING:
    import re

    from numpy.typing import NDArray

    from auditkit.checkers.pii.anchors import Regions
    from auditkit.checkers.pii.confirm import Run

SHORTEST_PHONE = 6  # digits


@cache
def engine(regions_of_phones: tuple[str, ...] = ENGLISH_REGIONS) -> Precise:
    """One per process and set of regions."""
    return Precise(regions_of_phones)


class Precise:
    """Finds values in many texts at once."""

    def __init__(self, regions_of_phones: tuple[str, ...]) -> None:
        self._shapes = shapes.shapes()
        self._runs = [_run(shape.pattern) for shape in self._shapes]
        self._phones = PhoneShapes(regions_of_phones)
        self._secrets = Secrets()
        self._tlds = trie_of(validators.tlds())

    def find(self, column: pa.Array) -> list[list[Span]]:
        """The findings of each text, several at one place among them; also those that are disguised."""
        from auditkit.checkers.pii import kernels

        found = self._find(column)
        hidden = disguised(column, kernels.foreign(*utf8_buffers(column), suspicious()))
        if len(hidden):
            folded = [undisguised(column[index].as_py()) for index in hidden.tolist()]
            uncovered = self._find(pa.array([item.text for item in folded], pa.large_utf8()))
            for index, item, spans in zip(hidden.tolist(), folded, uncovered, strict=True):
                for span in spans:
                    start, end = item.place(span.start, span.end)
                    found[index].append(span._replace(start=start, end=end))
        return found

    def _find(self, column: pa.Array) -> list[list[Span]]:
        """The findings of each text as it stands."""
        found: list[list[Span]] = [[] for _ in range(len(column))]
        data, offsets = utf8_buffers(column)
        if not len(data):
            return found
        texts = Texts(data, offsets, np.ones(len(column), bool))
        strings = Strings(column)
        places = regions(texts, self._tlds)
        self._shaped(texts, places, strings, found)
        self._ibans(texts, strings, found)
        self._urls(texts, places["UrlRecognizer"], strings, found)
        self._numbers(texts, strings, found)
        for text, span in self._secrets.find(strings, _keyword_points(texts, self._secrets.keywords(texts))):
            found[text].append(span)
        return found

    def _shaped(self, texts: Texts, places: dict[str, Regions], strings: Strings, found: list[list[Span]]) -> None:
        """Everything that a pattern and a test tell."""
        for shape, run in zip(self._shapes, self._runs, strict=True):
            for text, low, high in _points(texts, confirmed(texts, places[shape.family], run)[0]):
                place = shape.accept(strings[text], low, high)
                if place:
                    found[text].append(Span(*place, shape.entity, shape.score, rule_of(shape.entity)))

    def _ibans(self, texts: Texts, strings: Strings, found: list[list[Span]]) -> None:
        """Two letters, two digits, and then as many signs as their country has, with check digits that hold."""
        from auditkit.checkers.pii import kernels

        starts = kernels.iban_starts(texts.data, texts.offsets, table(LETTERS, DIGITS))
        owners = np.searchsorted(texts.offsets, starts, "right") - 1
        for text, start, _ in _points(texts, np.column_stack([owners, starts, starts])):
            end = shapes.iban_end(strings[text], start)
            if end:
                found[text].append(Span(start, end, "IBAN_CODE", shapes.SURE, rule_of("IBAN_CODE")))

    def _urls(self, texts: Texts, places: Regions, strings: Strings, found: list[list[Span]]) -> None:
        for text, low, high in _points(texts, places):
            for place in url_place(strings[text], low, high):
                found[text].append(Span(*place, "URL", shapes.LIKELY, rule_of("URL")))

    def _numbers(self, texts: Texts, strings: Strings, found: list[list[Span]]) -> None:
        places, digits = phone_regions(texts)
        for text, low, high in _points(texts, places[digits >= SHORTEST_PHONE]):
            for start, end, score in self._phones.find(strings[text], low, high):
                found[text].append(Span(start, end, "PHONE_NUMBER", score, rule_of("PHONE_NUMBER")))


class Strings:
    """The texts as Python strings, each made when it is first asked for."""

    def __init__(self, column: pa.Array) -> None:
        self._column = column
        self._known: dict[int, str] = {}

    def __getitem__(self, index: int) -> str:
        known = self._known.get(index)
        if known is None:
            known = self._known[index] = self._column[index].as_py()
        return known


def _points(texts: Texts, rows: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Rows (text, first byte, last byte + 1) in code points of their text."""
    if not len(rows):
        return []
    numbered = np.column_stack([np.zeros(len(rows), np.int64), rows])
    out: list[tuple[int, int, int]] = in_code_points(texts, numbered)[:, 1:].tolist()
    return out


def _keyword_points(texts: Texts, hits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (text, byte, number) with code points for bytes."""
    rows = np.column_stack([np.zeros(len(hits), np.int64), hits[:, 0], hits[:, 1], hits[:, 1]])
    return np.column_stack([hits[:, 0], in_code_points(texts, rows)[:, 2], hits[:, 2]])


def _run(pattern: re.Pattern[str]) -> Run:
    """All matches of a pattern in a string; the patterns here are bounded and cannot run away."""

    def run(string: str) -> list[tuple[int, int, float]]:
        return [(*match.span(), 1.0) for match in pattern.finditer(string)]

    return run
