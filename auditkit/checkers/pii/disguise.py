"""Values that were written so that a pattern misses them: folded, read aloud, spaced, in letters of another alphabet.

A text is folded only when a cheap test says that something in it would change; what is found in the folded text is a
finding at its
place in the original. Plain ASCII without such signs costs one regular-expression test of the whole column.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from auditkit.text.fold import Folded, fold, rewritten

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

NUMERALS = {
    "zero": "0",
    "oh": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}
_NUMERAL = "(?:" + "|".join(NUMERALS) + ")"
SPOKEN = re.compile(rf"\b{_NUMERAL}(?:[ ,.-]+{_NUMERAL}){{6,24}}\b", re.IGNORECASE)
SPACED = re.compile(
    r"(?i:(?:card|visa|amex|ssn|social security|phone|call|mobile|cell|tel|fax|account|iban)[^\d\n]{0,20})"
    r"(\d(?: \d){8,18})(?![\w.])"
)
_AT = r"\s{0,2}[\[({<]?\s?(?:@|\bat\b)\s?[\])}>]?\s{0,2}"
_DOT = r"\s{0,2}[\[({<]?\s?(?:\.|\bdot\b)\s?[\])}>]?\s{0,2}"
_TLD = r"(?:com|org|net|edu|gov|info|io|co|uk|de|fr|es|it|nl|ch|at|eu|us|ca|au|in|ru|br|jp)"
ALOUD = re.compile(
    rf"([A-Za-z0-9][\w.+-]{{0,63}})({_AT})((?:[\w-]{{1,63}}{_DOT}){{1,4}}{_TLD})(?![\w-])", re.IGNORECASE
)
COMMENT = re.compile(r"(?<=[\w.@])<!--[^<>]{0,80}-->(?=[\w.@])")
PLANTED = re.compile(r"(?<=@)(?:REMOVE_?THIS|NO_?SPAM|REMOVE)[.-]?|[.-]?(?:REMOVE_?THIS|NO_?SPAM)(?=@)")
HOMOGLYPHS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0432\u043a\u043c\u043d\u0442"
    "\u0410\u0415\u041e\u0420\u0421\u0423\u0425\u0406\u0408\u0405\u0412\u041a\u041c\u041d\u0422"
    "\u03bf\u03b1\u03bd\u03c1\u03b9\u03ba\u0261\u0131",
    "aeopcyxijshdqwbkmhtAEOPCYXIJSBKMHToavpikgi",
)
"""Cyrillic and Greek letters to the Latin ones that they look like; applied inside words that hold an @ only."""
AROUND_AT = re.compile(r"(?<!\S)\S*@\S*")  # from the start of a word alone: a word without an @ is read once

# What must be in an ASCII text for folding to change anything that matters; RE2 tests whole columns, re single texts.
_ALOUD = r"[\[({< ]dot[\])}> ]|\bat[\])}]|\w\s?@\s{1,2}[\w-]+\s{0,2}\.|\w\s@\s?[\w-]+\s{0,2}\.|@[\w-]+\s{1,2}\."
_GAPS = r"\b[0-9](?: [0-9]){8}"
_SPOKEN = rf"(?:\b{_NUMERAL}[ ,.-]+){{6}}"
_ENCODED = (
    r"&#(?:3[2-9]|[4-9][0-9]|1[012][0-9]|x[2-7][0-9a-f]);"
    r"|%40|[a-z0-9]%2[de][a-z0-9]|%2b[0-9]|%28[0-9]|[a-z0-9]%5f[a-z0-9]|[0-9]%20[0-9]"
)
TRIGGER = f"(?i){_ENCODED}|{_ALOUD}|{_GAPS}|{_SPOKEN}|-->[\\w@.]|@remove|nospam"
_WORTH = {
    step: re.compile(pattern, re.IGNORECASE)
    for step, pattern in (("aloud", _ALOUD), ("gaps", _GAPS), ("spoken", _SPOKEN))
}


def disguised(column: pa.Array, foreign: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Indexes of the texts in which something may be hidden; `foreign` is kernels.foreign with fold.suspicious."""
    triggered = pc.match_substring_regex(column, TRIGGER).to_numpy(zero_copy_only=False)
    looks_alike = pc.match_substring_regex(column, r"[\p{Cyrillic}\p{Greek}]\S*@|@\S*[\p{Cyrillic}\p{Greek}]")
    return np.flatnonzero((foreign == 2) | triggered | looks_alike.to_numpy(zero_copy_only=False))


def undisguised(text: str) -> Folded:
    """The text as its writer meant it to be read."""
    folded = fold(text)
    if "-->" in folded.text:
        folded = rewritten(folded, COMMENT, lambda _: "")
    if "@" in folded.text:
        folded = rewritten(folded, PLANTED, lambda _: "")
    for step, pattern, new in (
        ("spoken", SPOKEN, _numerals),
        ("gaps", SPACED, _without_gaps),
        ("aloud", ALOUD, _address),
    ):
        if _WORTH[step].search(folded.text):
            folded = rewritten(folded, pattern, new)
    if not folded.text.isascii():
        folded = rewritten(folded, AROUND_AT, lambda match: match.group().translate(HOMOGLYPHS))
    return folded


def _without_gaps(match: re.Match[str]) -> str:
    """The words as they are, the digits behind them together."""
    return match.string[match.start() : match.start(1)] + match[1].replace(" ", "")


def _numerals(match: re.Match[str]) -> str:
    """The digits of numerals read aloud."""
    return "".join(NUMERALS[word] for word in re.findall(r"[a-z]+", match.group().lower()))


def _address(match: re.Match[str]) -> str | None:
    """An e-mail address without what stands around its @ and dots; None where nothing does, or nothing speaks of
    one.
    """
    user, at, host = match.groups()
    spelled_dot = re.search(r"\bdot\b", host, re.IGNORECASE) is not None
    if "@" not in at and not (spelled_dot or at.strip()[:1] in tuple("[({<")):
        return None
    fresh = f"{user}@{re.sub(_DOT, '.', host, flags=re.IGNORECASE)}"
    return fresh if fresh != match.group() else None
