"""What may be quoted of a document: words around a finding, and how a removed copy differs from the one that stays.

Every place that a checker of sensitive things found in the document is masked, and with it, whatever they found, each
word that holds an @, or a digit and five other characters, and the rude words of rules/lexicons/rude.toml. Where
private data was found, each word in the middle of a sentence that begins as names do is masked too. Of documents with
redacted spans nothing is quoted: their text is no longer the one that the findings speak of.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.findings import mask
from auditkit.report_data import Place, Report, Row
from auditkit.resources import resource
from auditkit.text.word_diff import Piece, shortened, word_diff

PASSAGES = frozenset({"hallucination", "near_duplicates", "skew", "diversity"})  # their places are no secrets
AROUND = 90  # characters on each side of a finding
MAX_DIFFERENCE = 600  # characters of a difference
HIDDEN = "***"
MAX_COMPARED = 40_000  # characters of a document that are held against another
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")


class Quote(NamedTuple):
    """A finding with the words around it, masked; raw: the finding itself, "" unless raw text was asked for."""

    before: str
    evidence: str
    after: str
    raw: str


class Difference(NamedTuple):
    """How a removed copy differs from the document that stays: left is what stays, right the copy."""

    pieces: list[Piece]
    only_removed: list[str]


def quote(report: Report, row: Row, evidence: str) -> Quote | None:
    """The finding in its text, None where that is not known or the finding is about the whole document."""
    text = report.texts.get((row["file"], row["row"]), {}).get(row["field"])
    start, end = row["start"], row["end"]
    if text is None or start is None or end > len(text):
        return None
    hide = _mask_of(report, (row["file"], row["row"]), row["field"])
    low, high = _word_start(text, start - AROUND), _word_end(text, end + AROUND)
    before = ("… " if low else "") + hide(low, start)
    after = hide(end, high) + (" …" if high < len(text) else "")
    return Quote(before, evidence, after, raw(report, row))


def raw(report: Report, row: Row) -> str:
    """The finding itself, "" where it is not known or was not asked for."""
    text = report.texts.get((row["file"], row["row"]), {}).get(row["field"])
    known = report.raw and text is not None and row["start"] is not None
    return text[row["start"] : row["end"]] if known and text is not None else ""


def difference(report: Report, kept: Place, removed: Place) -> Difference | None:
    """The words in which a removed copy differs from the document that stays, None where a text is not known."""
    if kept not in report.texts or removed not in report.texts:
        return None
    pieces = word_diff(_whole(report, kept), _whole(report, removed))
    return Difference(_cut(list(shortened(pieces))), [piece.text for piece in pieces if piece.kind == "right"])


def _cut(pieces: Sequence[Piece]) -> list[Piece]:
    """The first pieces, MAX_DIFFERENCE characters in all."""
    shown: list[Piece] = []
    left = MAX_DIFFERENCE
    for piece in pieces:
        if left <= 0:
            return [*shown, Piece("same", "…")]
        shown.append(Piece(piece.kind, piece.text[:left]))
        left -= len(piece.text)
    return shown


def _whole(report: Report, place: Place) -> str:
    """All texts of a document, masked unless raw text was asked for."""
    texts = report.texts[place]
    if report.raw:
        return "\n".join(texts.values())
    return "\n".join(_mask_of(report, place, name)(0, min(len(text), MAX_COMPARED)) for name, text in texts.items())


def _word_start(text: str, at: int) -> int:
    """`at` moved right to where a word begins, 0 for the start of the text."""
    if at <= 0:
        return 0
    space = re.compile(r"\s").search(text, at - 1)
    return space.end() if space else at


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    return max((match.start() for match in re.finditer(r"\s", text[: at + 1])), default=at)


def _mask_of(report: Report, place: Place, name: str) -> Callable[[int, int], str]:
    """From two offsets to what may be shown of the text between them, on one line."""
    text, spans, private = report.texts[place][name], report.spans.get((*place, name), ()), place in report.private

    def hide(low: int, high: int) -> str:
        shown = " ".join(_masked(text, low, high, spans).split())
        shown = _without_names(shown, inside=low > 0) if private else shown
        edges = (" " if text[low : low + 1].isspace() else "", " " if text[high - 1 : high].isspace() else "")
        return edges[0] + shown + (edges[1] if shown else "")

    return hide


def _without_names(text: str, *, inside: bool) -> str:
    """The text with each word masked that begins as a name does; not the first of a sentence, nor words in capitals."""
    words = text.split(" ")
    before = [("x" if inside else "."), *words]
    return " ".join(
        mask(word) if word[:1].isupper() and not word.isupper() and previous[-1:] not in ".!?" else word
        for previous, word in zip(before, words, strict=False)
    )


def _masked(text: str, low: int, high: int, spans: Sequence[tuple[int, int]]) -> str:
    """text[low:high] with the spans and every telling word masked; a place that reaches in from outside too."""
    parts, at = [], low
    for start, end in spans:
        if end > at and start < high:
            parts += [text[at : max(at, start)], mask(text[start:end]) or HIDDEN]
            at = min(max(at, end), high)
    parts.append(text[at:high])
    shown = _WORD.sub(_untold, "".join(parts))
    return _rude().sub(lambda match: mask(match.group()), shown)


def _untold(match: re.Match[str]) -> str:
    """The word, or what stands for it where it looks like an address, a number or a key."""
    word = match.group()
    return HIDDEN if "@" in word or (len(word) >= 6 and _DIGIT.search(word)) else word


@cache
def _rude() -> re.Pattern[str]:
    """Words that are not quoted, whether or not the scorer named them."""
    lists = tomllib.loads(resource("rules/lexicons/rude.toml").read_text(encoding="utf-8"))
    return re.compile(rf"(?:{'|'.join(lists['stems'])})\w*|\b(?:{'|'.join(lists['words'])})s?\b", re.IGNORECASE)


def private_places(report: Report) -> frozenset[Place]:
    """The documents in which something other than rude words is masked: there names are likely, found or not."""
    table = _about(report, ["file", "row", "checker"])
    table = table.filter(pc.invert(pc.is_in(table["checker"], value_set=pa.array([*PASSAGES, "toxicity"]))))
    rows = zip(table["file"].to_pylist(), table["row"].to_pylist(), strict=True)
    return frozenset(place for place in rows if place in report.texts)


def _about(report: Report, columns: list[str]) -> pa.Table:
    """These columns of the findings in rows of which texts are known, of whatever file."""
    rows = pa.array(sorted({row for _, row in report.texts}), pa.int64())
    known = pc.is_in(report.findings["row"], value_set=rows).to_numpy()
    return report.taken(np.flatnonzero(known)).select(columns)


def spans_of(report: Report) -> Mapping[tuple[str, int, str], list[tuple[int, int]]]:
    """(file, row, field) -> the sensitive spans, for the documents whose texts are known."""
    table = _about(report, ["file", "row", "field", "start", "end", "checker"])
    table = table.filter(pc.is_valid(table["start"]))
    found: dict[tuple[str, int, str], list[tuple[int, int]]] = {}
    for item in table.to_pylist():
        if item["checker"] not in PASSAGES and (item["file"], item["row"]) in report.texts:
            found.setdefault((item["file"], item["row"], item["field"]), []).append((item["start"], item["end"]))
    return {key: sorted(spans) for key, spans in found.items()}
