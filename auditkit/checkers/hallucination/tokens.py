"""Mathematical prose as tokens: numbers with currency, percent and unit; operators as signs or words; relations.

Only windows around `=` and its words are read, each character at most once, so that the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WINDOW = 160  # characters read before and after a relation; the longest equation of gsm8k_train has 123
MAX_DIGITS = 15  # of a whole number: more than a float carries exactly
MAX_DECIMALS = 20  # a calculator prints 14.999999999999998

NUM, OP, OPEN, CLOSE, EQ = "num", "op", "open", "close", "eq"
WORD, STOP, OPAQUE, NOTE = "word", "stop", "opaque", "note"


class Token(NamedTuple):
    """One token. value, decimals, percent, money speak of numbers only; glued: no space before it."""

    kind: str
    text: str
    start: int
    end: int
    value: float = 0.0
    decimals: int = 0
    percent: bool = False
    money: bool = False
    glued: bool = False


_TOKEN = re.compile(
    r"""
    (?P<item>^[ \t]*\d{1,3}[.)][ ])
  | (?P<note><<[^<>\n]{0,200}>>)
  | (?P<opaque>\d{2,4}(?:-\d{2,4}){2,} | \d{1,2}/\d{1,2}/\d{2,4}(?!\d) | \d+(?:[.:]\d+){2,} | \d+:\d+ | \d+,\d{4,}
      | \d{1,3}(?:,[ ]|[ \u2009\u00a0\u202f])\d{3}(?![\d,]) | \d+[ ]?[²³⁴√] | \d+!(?=\s?[-+*/×÷=^)])
      | [√∑∫∂|²³±□▢☐] | _{2,} | \?(?=[ ]?[-+*/×÷=]) | \\(?!times|cdot|div|\$|%)[A-Za-z]+ | &\w{1,8}; )
  | (?P<eq>(?<![<>!=:+\-*/~])=(?![=>]) | ≈ | \b(?:is\ equal\ to|equals|is|gives|makes)\b(?=\s[$€£]?\d))
  | (?P<times>(?:(?<=[\w)%\]][ ])|(?<=[\d)%\]]))[xX](?=[ ]?[$€£]?[\d(.]) | \\times | \\cdot | \\div
      | \b(?:times|multiplied\ by|divided\ by|plus|minus)\b)
  | (?P<word>\d+(?:st|nd|rd|th)\b | [^\W\d_][\w'’]*)
  | (?P<mixed>(?<![\d.,])\d{1,6}[ ](?:\d{1,3}/\d{1,3}|and[ ]\d/[2348])(?![\d/.]) | \d{0,6}[ ]?[½⅓⅔¼¾⅕⅛])
  | (?P<num>(?:(?:[$€£¥₹]|\\\$)[ ]?)?(?:\d{1,3}(?:,\d{2,3}){0,6},\d{3}(?![\d]) | \d+)(?:\.\d+)?(?:(?:\.\.\.)?[ ]?\\?%)?
      | \$?\.\d+(?:[ ]?%)?)
  | (?P<op>\*\*|[-+*/×÷·^−–∙•⋅])
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<newline>\n)
  | (?P<stop>[;:?!,.…=<>~"#“”])
    """,
    re.VERBOSE | re.MULTILINE,
)

_SIGNS = {
    **{sign: sign for sign in "+-*/^"},
    **dict.fromkeys(["x", "X", "×", "·", "∙", "•", "⋅", "\\times", "\\cdot", "times", "multiplied by"], "*"),
    **dict.fromkeys(["÷", "\\div", "divided by"], "/"),
    **dict.fromkeys(["−", "–", "minus"], "-"),
    "plus": "+",
    "**": "^",
}
_ANCHOR = re.compile(
    r"(?<![=<>!:])(?:=|≈)\s{0,3}(?:[-−–$€£(\[\d.<\\*~]|about\b|approx|roughly\b|around\b|nearly\b|almost\b)"
    r"|\b(?:is equal to|equals|is|gives|makes)\s[$€£]?\d"
)
_SIGN_BEFORE = re.compile(
    r"[\d)%>a-z]\s{0,2}[-+*/×x÷^−–·]\s{0,2}[$€£]?[\d(.]|\b(?:times|plus|minus|by|of)\s[$€£]?\d|\d\s?[a-z]{1,12}\s?(?:=|(?:is|equals)\b)|<<|\\"
)


def windows(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the stretches around relations that follow an operation, apart from one another."""
    start = end = -1
    for match in _ANCHOR.finditer(text):
        if not _SIGN_BEFORE.search(text, max(0, match.start() - WINDOW), match.end()):
            continue
        low, high = max(0, match.start() - WINDOW), min(len(text), match.end() + WINDOW)
        if low > end:
            if end > 0:
                yield start, end
            start = low
        end = high
    if end > 0:
        yield start, end


def tokens(text: str, start: int, end: int, *, whole: bool = False) -> list[Token]:
    """The tokens of text[start:end]; unless it is whole, what a cut has torn at its edges is left out."""
    if start > 0 and not whole:
        start = next((at + 1 for at in range(start, end) if text[at].isspace()), end)
    found: list[Token] = []
    last = start
    for match in _TOKEN.finditer(text, start, end):
        kind = match.lastgroup or ""
        found.append(_token(kind, match, glued=match.start() == last and last > start))
        last = match.end()
    if not whole and end < len(text) and found and found[-1].end == end:
        found.pop()
    return found


def _token(kind: str, match: re.Match[str], *, glued: bool) -> Token:
    shown = match.group()
    if kind == "num":
        return _number(shown, match.start(), match.end(), glued=glued)
    if kind == "mixed":
        return _mixed(shown, match.start(), match.end(), glued=glued)
    if kind in ("times", "op"):
        return Token(OP, _SIGNS.get(shown, "*"), match.start(), match.end(), glued=glued)
    if kind in ("newline", "item"):
        return Token(STOP, "\n" if kind == "newline" else ".", match.start(), match.end())
    if kind == "note":
        return Token(NOTE, shown, match.start(), match.end(), glued=glued)
    return Token(kind, shown, match.start(), match.end(), glued=glued)


def _number(shown: str, start: int, end: int, *, glued: bool) -> Token:
    """`$1,234.50`, `40%`, `.5`; a number with more digits than a float holds exactly is opaque."""
    percent, money = shown.endswith("%"), shown[0] in "$€£¥₹\\"
    digits = shown.strip("$€£¥₹\\% ").removesuffix("...").replace(",", "")
    whole, _, after = digits.partition(".")
    leading_zero = len(whole) > 1 and whole[0] == "0"
    if len(whole) > MAX_DIGITS or len(after) > MAX_DECIMALS or leading_zero:
        return Token(OPAQUE, shown, start, end, glued=glued)
    return Token(NUM, shown, start, end, float(digits), len(after), percent, money, glued)


_FRACTIONS = {"½": 1 / 2, "⅓": 1 / 3, "⅔": 2 / 3, "¼": 1 / 4, "¾": 3 / 4, "⅕": 1 / 5, "⅛": 1 / 8}


def _mixed(shown: str, start: int, end: int, *, glued: bool) -> Token:
    """`1 1/2`, `2½`; what only looks like it (`3 4/2`) is opaque."""
    if shown[-1] in _FRACTIONS:
        return Token(NUM, shown, start, end, float(shown[:-1].strip() or 0) + _FRACTIONS[shown[-1]], 4, glued=glued)
    whole, *_, fraction = shown.split()
    above, below = map(int, fraction.split("/"))
    if above >= below:
        return Token(OPAQUE, shown, start, end, glued=glued)
    return Token(NUM, shown, start, end, int(whole) + above / below, 4, glued=glued)
