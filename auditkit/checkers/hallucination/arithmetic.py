"""Recheck of the arithmetic in a text: every equation whose two sides are numbers, with or without <<a*b=c>> notes.

A wrong equation is one that holds under no reading (rounding, percent, units, where the expression starts).
Unknown words, variables, functions, dates or times inside an expression: not checked, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from auditkit.checkers.hallucination import tokens as tk
from auditkit.checkers.hallucination.expressions import FRACTION, UNITS, Item, Leaf, holds
from auditkit.checkers.hallucination.tokens import Token
from auditkit.checkers.hallucination.words import CLOSING, FUNCTIONS

MAX_WORDS = 4  # "miles per hour each" between a number and the next operator
MAX_STARTS = 6  # readings of one left side


class Equation(NamedTuple):
    """A checked equation: where it stands in the text, and whether it holds."""

    start: int
    end: int
    right: bool


_OTHER_ARITHMETIC = re.compile(
    r"\b(?:binary|hexadecimal|octal|modulo|mod|base[ -]?\d|matrix|vector|boolean|incorrect|wrong|false|mistake|error"
    r"|not equal|not true|invalid)\b",
    re.IGNORECASE,
)
_UNCHECKED = frozenset(["squared", "cubed", "power", "remainder", "R", "r", "mod", "choose", "factorial"])
_ABOUT = frozenset(["about", "approximately", "roughly", "around", "nearly", "almost", "approx"])


@dataclass
class _Run:
    """An expression while it is read. starts: where a reading may begin; words: unit words since the last number."""

    items: list[Item] = field(default_factory=list)
    first: int = -1
    last: int = -1
    starts: list[int] = field(default_factory=lambda: [0])
    words: int = 0
    depth: int = 0
    word: str = ""
    opaque: bool = False
    unsure: bool = False  # a number before it may belong to it
    noted: bool = False  # a note right before it holds its computation
    tight: bool = False  # the last sign had no space before it
    broken_line: bool = False
    loose: bool = False  # words stand between it and the relation

    @property
    def complete(self) -> bool:
        """It ends in an operand."""
        return bool(self.items) and (isinstance(self.items[-1], Leaf) or self.items[-1] == ")")

    def add(self, item: Item, token: Token) -> None:
        """One more item, read from this token."""
        if self.first < 0:
            self.first = token.start
        self.items.append(item)
        self.last = token.end
        self.words, self.word, self.broken_line = 0, "", False


class _Reader:
    """Reads tokens from left to right; the run before a relation and the run after it make an equation."""

    def __init__(self, text: str, offset: int = 0) -> None:
        self.text, self.offset = text, offset
        self.found: list[Equation] = []
        self.run = _Run()
        self.left: _Run | None = None
        self.about = False
        self.before: tuple[str, str] = ("", "")  # the last two words outside any run
        self.note: tuple[Leaf, Token] | None = None
        self.steps = {
            tk.NUM: self.num, tk.OP: self.op, tk.OPEN: self.open, tk.CLOSE: self.close, tk.EQ: self.eq,
            tk.WORD: self.word, tk.STOP: self.stop, tk.OPAQUE: self.opaque, tk.NOTE: self.read_note,
        }  # fmt: skip

    def read(self, tokens: Sequence[Token]) -> list[Equation]:
        """The equations of these tokens."""
        for token in tokens:
            self.steps[token.kind](token)
        self.reset()
        return self.found

    def reset(self) -> None:
        """The run is over: compare it with the left side that waits for it, and begin anew."""
        if self.left is not None and self.run.items:
            self.compare(self.left, self.run)
        self.run, self.left, self.about = _Run(), None, False

    # one method per kind of token

    def num(self, token: Token) -> None:
        """A number is the next operand, or begins a new expression."""
        leaf = Leaf(token.value, token.decimals, token.percent, token.money)
        if self.note is not None:
            self.compare_note(leaf, token)
            self.run.noted = True
        run = self.run
        if run.complete and run.word == "of" and run.words == 1 and _is_part(run.items):
            run.add("*", token)
        elif run.complete and (run.broken_line or not run.opaque):
            unsure = run.words > 0 and not run.broken_line
            self.reset()
            self.run.unsure, self.before = unsure, ("", "")
        elif run.items and run.items[-1] == "/" and token.glued and run.tight:
            run.items[-1] = FRACTION
        elif not run.items and self.left is None and self.follows_function():
            run.opaque = True
        self.run.add(leaf, token)

    def follows_function(self) -> bool:
        """`log 100`, `average of 5`: the number is an argument, not an operand."""
        earlier, last = self.before
        return last in FUNCTIONS or (last == "of" and earlier in FUNCTIONS)

    def word(self, token: Token) -> None:
        """A word outside an operand: prose, a name, or the end of an expression."""
        word, run = token.text.lower(), self.run
        if word in CLOSING or run.broken_line:
            self.reset()
        elif run.complete:
            return self.unit(token)
        elif len(run.items) > 1 and run.items[-1] in ("/", FRACTION, "-"):
            return self.word_after_sign(token)
        elif any(isinstance(item, Leaf) for item in run.items):
            run.opaque = True
        elif self.left is not None and word in _ABOUT:
            self.about = True
            return None
        else:
            opaque = run.opaque or any(sign.isdigit() for sign in word)
            self.reset()
            self.run.opaque = opaque
        self.before = (self.before[1], word)
        return None

    def unit(self, token: Token) -> None:
        """A word after an operand: its unit, or a variable glued to it, or the end of the expression."""
        run = self.run
        if token.text in _UNCHECKED or (_is_variable(token.text) and (token.glued or token.text not in "aAI")):
            run.opaque = True
        carrier = -3 if len(run.items) > 2 and run.items[-2] == FRACTION else -1  # 1/2 hour is 1 hour over 2
        number = run.items[carrier]
        if run.words == 0 and isinstance(number, Leaf):
            percent = number.percent or token.text == "percent"
            run.items[carrier] = number._replace(unit=token.text, percent=percent)
        run.words += 1
        run.word = token.text.lower()
        if run.words > MAX_WORDS:
            self.reset()
            self.run.unsure, self.before = True, ("", run.word)

    def word_after_sign(self, token: Token) -> None:
        """`$12/hour`, `12-pack` are units; `8 apples - so` is a dash; `12 / x` cannot be checked."""
        run = self.run
        if _is_variable(token.text):
            run.opaque = True
        elif token.glued:
            run.items.pop()
            run.words, run.word = run.words + 1, token.text.lower()
        elif run.items[-1] == "-":
            run.items.pop()
            self.reset()
            self.before = ("", token.text.lower())
        else:
            run.opaque = True

    def op(self, token: Token) -> None:
        """A sign between operands, a leading minus, or a bullet."""
        run = self.run
        if run.complete:
            soft = run.broken_line or (token.text == "-" and not token.glued)
            if (token.text == "/" and token.glued and run.words) or (token.text == "^" and run.words):
                run.opaque = True
            run.add(token.text, token)
            run.tight = token.glued
            if soft:
                run.starts += [len(run.items) - 1, len(run.items)]
        elif not run.items:
            if token.text == "-":
                run.add("-", token)
                run.starts.append(1)
            run.opaque = run.opaque or (self.left is None and self.before[1] != "")
        elif token.text == "-" and run.items[-1] != "-":
            run.add("-", token)
        else:
            run.opaque = True

    def open(self, token: Token) -> None:
        """A bracket: of the expression, of a function call, or of a remark."""
        if self.run.complete and self.run.broken_line:
            self.reset()
        run = self.run
        if not run.items and token.glued and self.before[1]:
            run.opaque = True
        if run.complete and not (token.glued and run.words == 0):
            run.starts.append(len(run.items))
        run.add("(", token)
        run.depth += 1

    def close(self, token: Token) -> None:
        """A closing bracket; without an opening one the expression is over."""
        run = self.run
        if run.depth == 0:
            self.reset()
            return
        run.depth -= 1
        run.opaque = run.opaque or not run.complete
        words = run.words
        run.add(")", token)
        run.words = words

    def eq(self, token: Token) -> None:
        """A relation: what was read is a left side, and the right side of the relation before."""
        run = self.run
        if token.text[0].isalpha() and not _has_sign(run.items) and not _is_measure(run):  # "the speed is 5"
            self.reset()
            self.before = ("", "")
            return
        if self.left is not None and run.items:
            self.compare(self.left, run)
        worded = token.text[0].isalpha()
        run.loose = worded or run.words > 0
        run.unsure = run.unsure or (worded and "^" in run.items)  # "a frequency of 4 x 10^4 is 7.5 m"
        run.unsure = run.unsure or (len(run.items) == 1 and self.before[1] in ("if", "and", "suppose", "assuming"))
        self.left = run if run.items or run.opaque else None
        self.run, self.about, self.before = _Run(), token.text == "≈", ("", "")

    def stop(self, token: Token) -> None:
        """Punctuation ends an expression, a new line only where nothing connects the lines."""
        if token.text == "\n" and self.run.items:
            self.run.broken_line = True
        elif token.text != "\n" or self.left is None:
            dangling = bool(self.run.items) and not self.run.complete
            self.reset()
            self.run.opaque = dangling
        self.before = ("", "")

    def opaque(self, token: Token) -> None:
        """Something that is not understood: the expression around it is not checked."""
        if self.run.complete and not token.glued and self.run.words:
            self.reset()
        self.run.opaque = True

    def read_note(self, token: Token) -> None:
        """<<48/2=24>>: an equation of its own, and the number behind it must be its result."""
        inner = tk.tokens(token.text, 2, len(token.text) - 2, whole=True)
        self.found.extend(_Reader(self.text, self.offset + token.start).read(inner))
        last = inner[-1] if inner else None
        if last is not None and last.kind == tk.NUM:
            negative = len(inner) > 1 and inner[-2].kind == tk.OP and inner[-2].text == "-"
            self.note = (Leaf(-last.value if negative else last.value, last.decimals), token)

    def compare_note(self, leaf: Leaf, token: Token) -> None:
        """The number right behind a note must be its result: rounded or cut, its sign aside ("200 years less")."""
        assert self.note is not None
        noted, note = self.note
        self.note = None
        cut = abs(abs(noted.value) - leaf.value) <= 10.0**-leaf.decimals and noted.decimals > 9  # 14.999999999999998
        sides = [Leaf(abs(noted.value), noted.decimals)], [leaf]
        if token.start == note.end and not cut and holds(*sides) is False and holds(*sides[::-1]) is False:
            self.found.append(Equation(self.offset + note.start, self.offset + token.end, right=False))

    def compare(self, left: _Run, right: _Run) -> None:
        """Adds the equation of these two runs when it can be checked."""
        if left.opaque or right.opaque:
            return
        verdict = self.verdict(left, right)
        if verdict or (verdict is False and not _doubtful(left, right)):
            self.found.append(Equation(left.first + self.offset, right.last + self.offset, right=verdict))

    def verdict(self, left: _Run, right: _Run) -> bool | None:
        """True when one reading holds, False when some can be checked and none holds, None when none can be checked."""
        verdict: bool | None = None
        results = list(_right_readings(right))
        for items in _left_readings(left):
            for result in results:
                about = self.about or len(items) == 1  # a conversion is never exact to the digit
                held = holds(items, result, about=about) if _is_equation(items, result) else None
                if held:
                    return True
                verdict = held if held is not None else verdict
        return verdict


def _doubtful(left: _Run, right: _Run) -> bool:
    """The left side may be something else than an operation: `1/3 of the tank =`, `Weeks 1-2 =`, `2m + 55 =`."""
    items = left.items
    if len(items) == 3 and isinstance(items[0], Leaf) and isinstance(items[2], Leaf):
        odd = items[0].value < items[2].value < _first(right.items)  # a tempo `1/4=160`
        fraction = items[1] == FRACTION and (left.loose or odd)
        span = items[1] == "-" and left.tight and items[0].value < items[2].value
        if fraction or span:
            return True
    if len(items) == 1 and right.word not in UNITS:  # "2 hours is 30 minutes longer"
        return True
    leaves = [item for item in (*items, *right.items) if isinstance(item, Leaf)]
    letters = {leaf.unit for leaf in leaves if len(leaf.unit) == 1}
    mixed = bool(letters) and any(len(leaf.unit) != 1 for leaf in leaves) and ("+" in items or "-" in items)
    return left.unsure or right.noted or mixed


def _first(items: Sequence[Item]) -> float:
    return items[0].value if items and isinstance(items[0], Leaf) else 0.0


def _is_part(items: Sequence[Item]) -> bool:
    """`20% of`, `2/3 of`: what "of" multiplies."""
    last = items[-1]
    return isinstance(last, Leaf) and (last.percent or (len(items) >= 3 and items[-2] in ("/", FRACTION)))


def _is_variable(word: str) -> bool:
    """`x`, `n1`; unit letters are none."""
    return (len(word) == 1 and word not in UNITS and word.lower() != "k") or any(sign.isdigit() for sign in word)


def _is_measure(run: _Run) -> bool:
    """`5 km` alone, right before the relation: `5 km is 3.1 miles`."""
    lone = run.items[0] if len(run.items) == 1 else None
    exact = isinstance(lone, Leaf) and lone.unit in UNITS and lone.unit.rstrip("s") not in ("month", "year")
    return exact and run.words == 1


def _has_sign(items: Sequence[Item]) -> bool:
    return "*" in items or "+" in items


def _is_equation(items: Sequence[Item], result: Sequence[Item]) -> bool:
    """Two numbers on the left, or a conversion such as `2 hours = 120 minutes`."""
    leaves = [item for item in items if isinstance(item, Leaf)]
    if len(leaves) > 1:
        return True
    shown = [item for item in result if isinstance(item, Leaf)]
    units = [UNITS.get(leaf.unit) for leaf in (*leaves, *shown)]
    return (
        len(units) == 2
        and units[0] is not None
        and units[1] is not None
        and units[0][0] == units[1][0]
        and units[0] != units[1]
    )


def _left_readings(run: _Run) -> Iterator[list[Item]]:
    """The items from each possible start, without brackets that were opened before the expression."""
    starts = [run.starts[0], *run.starts[1:][-MAX_STARTS:]]
    for start in starts:
        items = run.items[start:]
        unmatched = items.count("(") - items.count(")")
        while unmatched > 0 and items and items[0] == "(":
            items, unmatched = items[1:], unmatched - 1
        yield items


def _right_readings(run: _Run) -> Iterator[list[Item]]:
    """All of it without a trailing sign, and its first number alone: people write `5 + 3 = 8 - 2 = 6`."""
    items = list(run.items)
    while items and not isinstance(items[-1], Leaf) and items[-1] != ")":
        items.pop()
    yield items
    first = 2 if items[:1] == ["-"] else 1
    if len(items) > first:
        yield items[:first]


def equations(text: str) -> list[Equation]:
    """Every equation of the text that could be checked, in order of its place. Linear in the text."""
    found: list[Equation] = []
    for start, end in tk.windows(text):
        if not _OTHER_ARITHMETIC.search(text, start, end):
            found.extend(_Reader(text).read(tk.tokens(text, start, end)))
    return found
