"""Python source made so that every Python from 3.11 on parses it alike, and what is too new to be judged.

What differs between versions: the inside of f-strings (PEP 701, 3.12) and t-strings (PEP 750, 3.14), names of
characters (each Unicode version has more), statements that came later (PEP 695, 3.12), and `except A, e:`, an error
from 3.0 to 3.13 which 3.14 reads as two classes (PEP 758). Known miss: errors inside of f-strings are not seen.
"""

from __future__ import annotations

import re

MAX_NESTED = 100  # f-strings inside one another; Python 3.12 allows 150

_QUOTE = re.compile(r"""#[^\n]*|(?:\b([A-Za-z]{1,2}))?('''|\"\"\"|'|")""")
_PLAIN = {
    quote: re.compile(rf"(?:[^\\\n{quote}]|\\.)*+{quote}" if len(quote) == 1 else rf"(?:[^\\]|\\.)*?{quote}", re.DOTALL)
    for quote in ("'", '"', "'''", '"""')
}
_CHARACTER_NAME = re.compile(r"\\N\{[^{}\n]*\}")
_TWO_CLASSES = re.compile(r"^([ \t]*except\*?[ \t][^()\[\]\n:,]*),", re.MULTILINE)
_LATER = re.compile(r"^[ \t]*(?:type[ \t]+\w+[ \t]*[\[=]|(?:async[ \t]+)?(?:def|class)[ \t]+\w+[ \t]*\[)", re.MULTILINE)


def common(code: str) -> str:
    """The code with an empty string in the place of each f-string; an `except A, e:` stays an error everywhere."""
    plain = _CHARACTER_NAME.sub("n", code) if "\\N" in code else code
    return _TWO_CLASSES.sub(r"\1,,", _without_f_strings(plain) if "{" in plain else plain)


def later(code: str) -> bool:
    """Whether it seems to use statements that 3.11 does not have: whether it parses depends on who parses it."""
    return _LATER.search(code) is not None


def _without_f_strings(code: str) -> str:
    parts: list[str] = []
    done = place = 0
    while match := _QUOTE.search(code, place):
        place = _end(code, match)
        if place < 0:
            break  # never closed: wrong on every Python
        if _is_formatted(match):
            parts += [code[done : match.start()], "''"]
            done = place
    return "".join([*parts, code[done:]])


def _is_formatted(match: re.Match[str]) -> bool:
    return bool(set(match[1] or "") & set("fFtT"))


def _end(code: str, match: re.Match[str], level: int = 0) -> int:
    """Where the comment or string that begins with the match ends; -1 = nowhere."""
    if match[2] is None:
        return match.end()
    if _is_formatted(match):
        return _end_of_formatted(code, match.end(), match[2], level + 1) if level < MAX_NESTED else -1
    closed = _PLAIN[match[2]].match(code, match.end())
    return closed.end() if closed else -1


_LITERAL = re.compile(r"\{\{|\\.|'''|\"\"\"|['\"{\n]", re.DOTALL)


def _end_of_formatted(code: str, place: int, quote: str, level: int) -> int:
    """Where the f-string ends whose inside begins at `place`; -1 = nowhere."""
    while match := _LITERAL.search(code, place):
        place = match.end()
        if match[0] == "{":
            place = _end_of_field(code, place, level)
            if place < 0:
                return -1
        elif code.startswith(quote, match.start()):
            return match.start() + len(quote)
        elif match[0] == "\n" and len(quote) == 1:
            return -1
        elif match[0] in ("'''", '"""'):
            place = match.start() + 1
    return -1


_INSIDE = re.compile(r"[(\[{)\]}:]|" + _QUOTE.pattern)


def _end_of_field(code: str, place: int, level: int) -> int:
    """Where the replacement field ends whose inside begins at `place`; -1 = nowhere."""
    depth = 0
    while match := _INSIDE.search(code, place):
        sign, place = match[0], match.end()
        if match[2] is not None:
            place = _end(code, match, level)
            if place < 0:
                return -1
        elif sign in "([{":
            depth += 1
        elif sign in ")]}" and depth:
            depth -= 1
        elif sign == "}":
            return place
        elif sign == ":" and not depth:
            return _end_of_spec(code, place, level + 1) if level < MAX_NESTED else -1
    return -1


_SPEC = re.compile(r"[{}]")


def _end_of_spec(code: str, place: int, level: int) -> int:
    """Where the field ends whose format specification begins at `place`; -1 = nowhere."""
    while match := _SPEC.search(code, place):
        if match[0] == "}":
            return match.end()
        place = _end_of_field(code, match.end(), level)
        if place < 0:
            return -1
    return -1
