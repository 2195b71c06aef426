"""What each character is to the kernels: part of a word or not, capital or not, and its folded form."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.checkers.skew.codes import MARK, OWN, SEPARATOR, UPPER, WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE_SIZE = 0x2000  # scripts with case, accents and words lie below; blocks decide beyond (kernels.kind_of)
THAI = range(0x0E01, 0x0E80)
SOFT_HYPHEN = 0xAD


class Letters(NamedTuple):
    """uint8[8192] kind of each character (SEPARATOR, WORD, ...); uint16[8192] its lower-case base letter."""

    kinds: NDArray[np.uint8]
    folds: NDArray[np.uint16]


@cache
def letters() -> Letters:
    """The tables. Cached per process; 20 ms."""
    kinds = np.zeros(TABLE_SIZE, np.uint8)
    folds = np.arange(TABLE_SIZE, dtype=np.uint16)
    for code in range(TABLE_SIZE):
        kinds[code] = _kind(code)
        if kinds[code] in (WORD, UPPER):
            folds[code] = _folded(code)
    return Letters(kinds, folds)


def _kind(code: int) -> int:
    """SEPARATOR, WORD, UPPER, OWN or MARK."""
    category = unicodedata.category(chr(code))
    if code in THAI and category[0] in "LM":
        return OWN
    if category[0] == "M" or code == SOFT_HYPHEN:
        return MARK
    if category in ("Lu", "Lt"):
        return UPPER
    return WORD if category[0] in "LN" else SEPARATOR


def _folded(code: int) -> int:
    """The lower-case letter without its accents; letters that decompose into several stay as they are."""
    base = unicodedata.normalize("NFKD", chr(code))[0]
    lower = {"ı": "i", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ß": "s"}.get(base, base.lower()[:1])
    return ord(lower) if ord(lower) < TABLE_SIZE else code
