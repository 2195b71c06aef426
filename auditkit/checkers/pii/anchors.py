r"""Regions of texts outside which a Presidio recogniser cannot match: the anchors, one proof per family.

A region is cut where no match of the recogniser can reach across, with one more character on each side for `\b` and
the
lookarounds; so the recogniser run on its regions finds what it finds on the whole text. The proofs hold for ASCII
digits and letters; a text with other digits, or with a letter that ignoring case turns into an ASCII letter, is one
region.

- words [A-Za-z0-9_]: licences, passports, bank and DEA numbers, wallets consist of word characters only.
- decimals [0-9 .-] with nine digits: cards, NHS, SSN and ITIN consist of these.
- hexes [0-9A-Fa-f:.-]: UUID and MAC consist of these.
- chunks between ASCII spaces: e-mail, URL, IP and dates contain no space, and neighbours that all of theirs have.
- windows of 48 from two letters of any case and two digits: the longest IBAN pattern (the registry adds IGNORECASE).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

from numpy.typing import NDArray

Ints = NDArray[np.int64]
Regions = NDArray[np.int64]

DIGITS = b"0123456789"
LOWER = b"abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
LETTERS = LOWER + UPPER
HEX = DIGITS + b"abcdefABCDEF"
SPACES = b" \t\n\r\x0b\x0c"
FOREIGN = bytes(range(0x80, 0x100))
EVERY = bytes(range(0x100))
IBAN_REACH = 48  # the longest match of Presidio's IBAN pattern is 43 signs, its lookahead one more

# Pairs and triples that mark a chunk: (marked bit, before, at, after). Bits 0 to 2 have a meaning in the kernel.
QUAD, COLON, DOMAIN, AT, DOUBLE_COLON, DATE, BRACKETS = (1 << bit for bit in range(7))
MONTH_FIRST, MONTH_LAST = b"jfmasondJFMASOND", b"nbrylgptvcNBRYLGPTVC"
MARKS = (
    (QUAD, DIGITS, b".", DIGITS),
    (COLON, EVERY, b":", EVERY),
    (DOMAIN, LETTERS + DIGITS + b".-", b".", LETTERS),
    (AT, LETTERS + DIGITS + FOREIGN + b"!#$%&'*+-/=?^_`{|}~", b"@", LETTERS + DIGITS + FOREIGN + b"_"),
    (DOUBLE_COLON, EVERY, b":", b":"),
    (DATE, DIGITS, b"/.-", DIGITS),
    (DATE, DIGITS, b"-", MONTH_FIRST),
    (DATE, MONTH_LAST, b"-", DIGITS),
    (BRACKETS, b"]", b"]", DIGITS),
)


@dataclass(frozen=True)
class Texts:
    """Texts as UTF-8 bytes with offsets, and which of them each proof holds for (`plain`)."""

    data: NDArray[np.uint8]
    offsets: Ints
    plain: NDArray[np.bool_]

    def spans(self) -> Ints:
        """int64[n, 2]: first and last byte + 1 of each text."""
        return np.column_stack([self.offsets[:-1], self.offsets[1:]])


def table(*groups: Iterable[int]) -> NDArray[np.uint8]:
    """uint8[256]: 0 for bytes of no group; group 0 sets bit 0, group j bit j."""
    kinds = np.zeros(256, np.uint8)
    for bit, group in enumerate(groups):
        kinds[list(group)] |= np.uint8(1 << bit)
    return kinds


@cache
def _mark_tables() -> Ints:
    """int64[3, 256] for kernels.chunks. A mark that several rows of MARKS define gets a bit for each."""
    tables = np.zeros((3, 256), np.int64)
    for row, (_, *sides) in enumerate(MARKS):
        for side, group in enumerate(sides):
            tables[side, list(group)] |= 1 << row
    return tables


def trie_of(words: Iterable[str]) -> Ints:
    """int64[n, 27] of ASCII words: [node, letter] = next node, [node, 26] = rank (from 1) of the word that ends
    there.
    """
    rows = [[0] * 27]
    for rank, word in enumerate(words, 1):
        node = 0
        for ch in word.lower().encode():
            if not rows[node][ch - 97]:
                rows.append([0] * 27)
                rows[node][ch - 97] = len(rows) - 1
            node = rows[node][ch - 97]
        rows[node][26] = rows[node][26] or rank
    return np.array(rows, np.int64)


def prepared(data: NDArray[np.uint8], offsets: Ints, unusual: NDArray[np.uint8]) -> Texts:
    """The texts with `plain` filled in; `unusual` marks the code points that break the proofs."""
    from auditkit.checkers.pii import kernels

    return Texts(data, offsets, kernels.foreign(data, offsets, unusual) < 2)


def regions(texts: Texts, tlds: Ints) -> dict[str, Regions]:
    """Recogniser class -> int64[n, 3]: text, first byte, last byte + 1; ascending, disjoint."""
    from auditkit.checkers.pii import kernels

    found = {**_words(texts), **_decimals(texts), **_hexes(texts)}
    chunks = kernels.chunks(texts.data, texts.offsets, table(SPACES), _mark_tables(), tlds)
    bits = np.zeros(len(chunks), np.int64)
    for row, (mark, *_) in enumerate(MARKS):
        bits |= np.where(chunks[:, 2] >> row & 1, mark, 0)
    quads, colons = chunks[:, 3] >> 32, chunks[:, 3] & 0xFFFFFFFF
    found["UrlRecognizer"] = chunks[(bits & DOMAIN) > 0]
    found["EmailRecognizer"] = chunks[(bits & AT) > 0]
    found["DateRecognizer"] = chunks[(bits & DATE) > 0]
    found["IpRecognizer"] = chunks[(quads >= 3) | ((bits & DOUBLE_COLON) > 0) | (colons >= 6)]
    found["UsLicenseRecognizer"] = np.concatenate(
        [found["UsLicenseRecognizer"][:, :2], chunks[(bits & BRACKETS) > 0][:, :2]]
    )
    starts = kernels.iban_starts(texts.data, texts.offsets, table(LETTERS, DIGITS))
    found["IbanRecognizer"] = np.column_stack([starts, starts + IBAN_REACH])
    return {name: _settled(texts, places[:, :2]) for name, places in found.items()}


def weights(members: Iterable[int], *counted: Iterable[int]) -> Ints:
    """int64[256] for kernels.runs: 0 for bytes that are no member, 15 bits for each group that is counted, keys
    first.
    """
    from auditkit.checkers.pii import kernels

    out = np.zeros(256, np.int64)
    out[list(members)] = kernels.MEMBER
    for j, group in enumerate(counted):
        out[list(group)] += 1 << (15 * j)
    return out


def _runs(texts: Texts, weights: Ints, need: int) -> tuple[Ints, Ints]:
    """(int64[n, 2] start and end, int64[4, n] counts) of the runs."""
    from auditkit.checkers.pii import kernels

    found = kernels.runs(texts.data, texts.offsets, weights, need)
    return found[:, :2], np.stack([found[:, 2] >> (15 * j) & 0x7FFF for j in range(4)])


def _words(texts: Texts) -> dict[str, Ints]:
    """Places of words that hold a digit and fit each recogniser whose values are single words."""
    words, (digits, letters, *_) = _runs(texts, weights(LETTERS + DIGITS + b"_", DIGITS, LETTERS), 1)
    size = words[:, 1] - words[:, 0]
    clean = digits + letters == size
    return {
        "UsLicenseRecognizer": words[
            clean & (size <= 19) & (letters <= 3) & ((letters > 0) & (size > 1) | (digits >= 6))
        ],
        "UsBankRecognizer": words[clean & (letters == 0) & (size >= 8) & (size <= 17)],
        "UsPassportRecognizer": words[clean & (size == 9) & (digits >= 8)],
        "MedicalLicenseRecognizer": words[(digits >= 7) & (letters > 0)],
        "CryptoRecognizer": words[size >= 26],
    }


def _decimals(texts: Texts) -> dict[str, Ints]:
    """Places of runs of digits, spaces, dots and hyphens that hold at least nine digits."""
    found, (digits, *_) = _runs(texts, weights(DIGITS + b" .-", DIGITS), 9)
    return {
        "UsSsnRecognizer": found,
        "UsItinRecognizer": found,
        "NhsRecognizer": found[digits >= 10],
        "CreditCardRecognizer": found[digits >= 13],
    }


def _hexes(texts: Texts) -> dict[str, Ints]:
    """Places of runs of hex digits, colons, hyphens and dots that are long enough and divided often enough."""
    separators = b":-."
    members = weights(HEX + separators, separators, b":", b"-", HEX)
    found, (divisions, colons, hyphens, digits) = _runs(texts, members, 2)
    return {
        "UuidRecognizer": found[(hyphens >= 4) & (digits >= 32)],
        "MacAddressRecognizer": found[
            (digits >= 12) & ((colons >= 5) | (hyphens >= 5) | (divisions - colons - hyphens >= 2))
        ],
    }


def _settled(texts: Texts, places: Ints) -> Regions:
    """The places one character wider, inside their texts, merged where they touch; unusual texts as one region each."""
    starts = np.sort(places[:, 0])
    order = np.argsort(places[:, 0], kind="stable")
    ends = places[order, 1]
    owner = np.searchsorted(texts.offsets, starts, "right") - 1
    usual = texts.plain[owner] if len(owner) else np.zeros(0, bool)
    owner, starts, ends = owner[usual], starts[usual], ends[usual]
    low = _character(texts, np.maximum(starts - 1, texts.offsets[owner]), -1)
    high = _character(texts, np.minimum(ends + 1, texts.offsets[owner + 1]), 1)
    whole = np.flatnonzero(~texts.plain)
    rows = np.column_stack([owner, low, high])
    if len(whole):
        rows = np.concatenate([rows, np.column_stack([whole, texts.spans()[whole]])])
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
    return merged(rows)


def _character(texts: Texts, places: Ints, step: int) -> Ints:
    """The places moved (by -1 or 1) until they stand between characters; at most three bytes."""
    last = len(texts.data)
    for _ in range(3):
        inside = (places < last) & ((texts.data[np.minimum(places, last - 1)] & 0xC0) == 0x80)
        if not inside.any():
            break
        places = places + np.where(inside, step, 0)
    return places


def merged(rows: Regions) -> Regions:
    """Regions of which those that overlap or touch inside one text are one; `rows` ascend by first byte."""
    if not len(rows):
        return np.zeros((0, 3), np.int64)
    reach = np.maximum.accumulate(rows[:, 2])
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:, 1] > reach[:-1]) | (rows[1:, 0] != rows[:-1, 0])
    firsts = np.flatnonzero(new)
    lasts = np.append(firsts[1:], len(rows)) - 1
    return np.column_stack([rows[firsts, 0], rows[firsts, 1], reach[lasts]])


_SIGNS = b"-xX ().[]/~+"
_FOREIGN_FIRST, _FOREIGN_INSIDE = bytes(range(0xC0, 0x100)), bytes(range(0x80, 0xC0))
PHONE_KINDS = (b"0123456789", _SIGNS + _FOREIGN_FIRST, _FOREIGN_INSIDE)
_FOREIGN = _FOREIGN_FIRST + _FOREIGN_INSIDE
LEAD_KINDS = (
    _SIGNS + _FOREIGN,
    b" \t," + _FOREIGN,
    b"exiaEXIA#~;-" + _FOREIGN,
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#~;=:." + _FOREIGN,
    b" \t,-:." + _FOREIGN,
    b"0123456789",
)


def phone_regions(texts: Texts) -> tuple[Regions, Ints]:
    """(regions, digits): groups of digits that are at most four signs apart, with what may lead and extend them."""
    from auditkit.checkers.pii import kernels

    found = kernels.clusters(texts.data, texts.offsets, table(*PHONE_KINDS))
    return _joined_clusters(kernels.with_leads_and_extensions(texts.data, texts.offsets, found, table(*LEAD_KINDS)))


def _joined_clusters(wide: Ints) -> tuple[Regions, NDArray[np.int64]]:
    """(regions, digits): clusters with what leads and extends them; those that overlap are one region."""
    if not len(wide):
        return np.zeros((0, 3), np.int64), np.zeros(0, np.int64)
    wide = wide[np.argsort(wide[:, 1], kind="stable")]
    joined = merged(wide[:, :3])
    owner = np.searchsorted(joined[:, 1], wide[:, 1], "right") - 1
    return joined, np.bincount(owner, wide[:, 3], len(joined)).astype(np.int64)


def in_code_points(texts: Texts, rows: NDArray[np.int64]) -> Ints:
    """The rows (recogniser, text, first byte, last byte + 1) with code points counted from the start of the text."""
    from auditkit.checkers.pii import kernels

    firsts = texts.offsets[rows[:, 1]]
    out = rows.copy()
    for column in (2, 3):
        order = np.lexsort((rows[:, column], firsts))
        out[order, column] = kernels.points(texts.data, firsts[order], rows[order, column])
    return out
