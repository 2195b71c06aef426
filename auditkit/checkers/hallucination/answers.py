r"""The final answer of a response in one canonical form, so that equal answers are equal strings.

1,000 = 1000 = 1e3 = $1,000.00; 1/2 = 0.5 = \frac{1}{2}; 50% = 50 percent, and 50 where a percentage is asked for;
(B) = B. = "the answer is B"; Yes. = yes; [1, 2] = [1,2]; what code prints, as text or in a fence; "The Eiffel Tower" =
"eiffel tower". The empty string: no final answer.
"""

from __future__ import annotations

import re

from auditkit.checkers.hallucination.expressions import SCALES, UNITS
from auditkit.checkers.hallucination.words import NUMBERS

TAIL = 4000  # characters read from the end of a response: what it says last is its answer
SHORT_WORDS = 8  # a response of at most so many words is its own answer

_SIGN = r"(?:(?<![\w)])[-−]\s?)?"
_NUMBER = (
    rf"{_SIGN}(?:[$€£¥₹]\s?|\\\$)?[-−]?"
    r"(?:(?:\d{1,3}(?:,\d{3}){1,5}(?!\d)|\d{1,30})(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?|\.\d{1,30})"
)
_VALUE = re.compile(
    rf"(?P<whole>\d{{1,9}}\s)?(?P<above>\d{{1,9}})\s?/\s?(?P<below>\d{{1,9}})(?![\d/])|(?P<number>{_NUMBER})"
    r"(?P<percent>\s?\\?%|\s?percent\b)?(?:\s?(?P<unit>[A-Za-z]{1,14})\b)?",
    re.IGNORECASE,
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d{1,9})\}\{(\d{1,9})\}")
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]{0,100}\}){1,200})\}")
_HASHES = re.compile(r"^####[ \t]*(\S[^\n]{0,200})$", re.MULTILINE)
_ANSWER_IS = re.compile(
    r"""(?:\b(?:final|correct|right|best)\s+)?\b(?:answer|result|total|solution)\b(?:\s+(?:choice|option))?\s*
    (?:is|are|was|would\sbe|:|=)\s*:?\s*([^\n]{1,200})""",
    re.IGNORECASE | re.VERBOSE,
)
_LABELLED = re.compile(
    r"^\s{0,8}(?:A|ans|answer|output|final answer)\s*[:=]\s*(\S[^\n]{0,200})$", re.IGNORECASE | re.MULTILINE
)
_PRINTED = re.compile(
    r"""\b(?:outputs?|prints?|printed|returns?|returned|results?)\b[^\n`]{0,40}?
    (?:\n?\s{0,4}```\w{0,12}\n(?P<block>[^`]{1,400}?)\n?```|`(?P<inline>[^`\n]{1,200})`)""",
    re.IGNORECASE | re.VERBOSE,
)
_SESSION = re.compile(r"^>>> [^\n]{1,200}\n(?P<shown>(?!>>>|\.\.\.)[^`\n]{1,200})\n?```", re.MULTILINE)
_LIST = re.compile(r"[\[({][^\n]{0,200},[^\n]{0,200}[\])}]")
_CHOICE = re.compile(r"^[\s*\"'(\[]{0,6}(?:(?:option|choice)\s+)?([A-Ha-h])(?:[)\].:*]|$)")
_YES_NO = re.compile(r"^\W{0,4}(yes|no|true|false)\b(?=[.,;:!\s]|$)", re.IGNORECASE)
ASKS_NUMBER = re.compile(
    r"""\bhow\s(?:many|much|long|far|old|fast|tall|often|big)\b|\bcalculate|\bcompute|\bsolve\b|\bwhat\sis\s[-\d(]
  | \bwhat\spercent|\bevaluate\b|\bfind\sthe\b|\bwhat\s(?:is|was|are)\sthe\s
    (?:total|sum|average|mean|area|volume|price|cost|value|number|distance|speed|probability)""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS_CHOICE = re.compile(r"(?:^|\s)[(\[]?A[)\].:][^\n]{1,200}\s[(\[]?B[)\].:]", re.DOTALL)
_ASKS_PERCENT = re.compile(r"\bpercent|%", re.IGNORECASE)
_ASKS_UNIT = re.compile(r"\b(?:how many|in|number of)\s+([a-z]{1,14})\b", re.IGNORECASE)
_CALCULATION = re.compile(r"\d\s?[-+*/×x]\s?\d[^=\n]{0,60}=|<<")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NON_WORD = re.compile(r"[^\w\s.%/-]|(?<!\d)\.|\.(?!\d)|_")


def final_answer(response: str, prompt: str = "") -> str:
    """Canonical final answer, "" where the response has none. Reads the last TAIL characters of each text."""
    text = response[-TAIL:].replace("**", "")
    for pattern in (_BOXED, _HASHES, _LABELLED, _ANSWER_IS):
        stated = _last(pattern, text)
        if stated and not stated.startswith("```"):
            return canonical(stated, prompt[-TAIL:], stated=True)
    printed = _printed(text)
    return canonical(printed, prompt[-TAIL:]) if printed else _unmarked(text.strip(), len(response), prompt[-TAIL:])


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = ""
    for match in pattern.finditer(text):
        found = match.group(1)
    return found.strip()


def _printed(text: str) -> str:
    """What code is said to print: a fenced block or inline code behind the word, the last line of a session."""
    found = ""
    for pattern in (_SESSION, _PRINTED):
        for match in pattern.finditer(text) if "`" in text else ():
            found = next(value for value in match.groups() if value is not None)
        if found:
            return found.strip()
    return ""


def _unmarked(text: str, length: int, prompt: str) -> str:
    """The answer of a response that does not announce it: a choice, yes or no, a short span, else the last number."""
    choice = _CHOICE.match(text)
    if choice and (len(text) < 4 or _ASKS_CHOICE.search(prompt)):
        return f"choice {choice.group(1).upper()}"
    yes_no = _YES_NO.match(text)
    if yes_no:
        return yes_no.group(1).lower()
    short = length < 200 and len(text.split()) <= SHORT_WORDS
    number = ""
    if ASKS_NUMBER.search(prompt) or (_CALCULATION.search(text) and not short):
        number = _last_number(text, prompt)
    return number or (canonical(text, prompt) if short else "")


def canonical(answer: str, prompt: str = "", *, stated: bool = False) -> str:
    """One form for equal answers; `stated`: it follows "the answer is", so only its beginning counts."""
    text = _LATEX_FRACTION.sub(r"\1/\2", answer).replace("\\text", " ").strip(" \t\n.$*`\"'{}")
    choice = _CHOICE.match(text)
    if choice and (stated or len(text) < 4):
        return f"choice {choice.group(1).upper()}"
    listed = _LIST.match(text)
    if listed:
        return "".join(listed.group().split()).replace("'", '"')
    if stated:
        text = re.split(r"[;\n]|\.(?:\s|$)|,\s", text, maxsplit=1)[0]
        yes_no = _YES_NO.match(text)
        if yes_no:
            return yes_no.group(1).lower()
    words = text.lower().split()
    if len(words) == 1 and words[0] in NUMBERS:
        return NUMBERS[words[0]]
    matches = list(_VALUE.finditer(text))
    if matches and (len(matches) == 1 or stated) and _mostly_number(text, matches[0]):
        return _value(matches[0], prompt)
    return " ".join(_ARTICLE.sub(" ", _NON_WORD.sub(" ", text.lower())).split())


def _mostly_number(text: str, match: re.Match[str]) -> bool:
    """Only a few words stand around the number: `18 dollars`, `about $18 per day`."""
    around = text[: match.start()] + " " + text[match.end() :]
    return len(around.split()) <= 4


def _last_number(text: str, prompt: str) -> str:
    last = None
    for match in _VALUE.finditer(text):
        last = match
    return _value(last, prompt) if last else ""


def _value(match: re.Match[str], prompt: str) -> str:
    """The number without currency, separators and unit; converted where the prompt asks for another unit."""
    parts = match.groupdict()
    if parts["above"]:
        below = float(parts["below"])
        number = float(parts["whole"] or 0) + float(parts["above"]) / below if below else 0.0
        return _shown(number)
    number = float(re.sub(r"[$€£¥₹\\,\s]", "", parts["number"]).replace("−", "-"))
    unit = (parts["unit"] or "").lower()
    if parts["percent"]:
        return _shown(number / 100)
    if (
        _ASKS_PERCENT.search(prompt)
        and re.search(r"\bwhat percent|\bpercentage\b", prompt, re.IGNORECASE)
        and abs(number) > 1
    ):
        return _shown(number / 100)
    return _shown(_converted(number * SCALES.get(unit, 1.0), unit, prompt))


def _converted(number: float, unit: str, prompt: str) -> float:
    """The number in the unit that the prompt asks for, where both are units of one dimension."""
    if unit not in UNITS:
        return number
    dimension, factor = UNITS[unit]
    for asked in _ASKS_UNIT.findall(prompt):
        wanted = UNITS.get(asked.lower())
        if wanted is not None and wanted[0] == dimension:
            return number * factor / wanted[1]
    return number


def _shown(number: float) -> str:
    """Six significant digits: 3.3333333 and 3.33333 are the same answer."""
    return f"{number + 0.0:.6g}"
