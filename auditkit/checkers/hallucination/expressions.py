"""Arithmetic expressions as numbers: a precedence parser with bounds, and the readings under which a result may hold.

People round, write 40% for 40 or for 0.40, leave out units or convert them on the way. An equation is wrong only
when it holds under no such reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

MAX_TOKENS = 64  # of one expression
MAX_VALUE = 1e15  # where whole floats end to be exact
MAX_EXPONENT = 64
ABOUT = 0.05  # relative slack after "about", "approximately", ≈

SECOND, METRE, GRAM, LITRE = "time", "length", "mass", "volume"
UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, factor)
    for names, dimension, factor in (
        ("second seconds sec secs s", SECOND, 1.0),
        ("minute minutes min mins", SECOND, 60.0),
        ("hour hours hr hrs h", SECOND, 3600.0),
        ("day days", SECOND, 86400.0),
        ("week weeks", SECOND, 604800.0),
        ("month months", SECOND, 2629800.0),
        ("year years", SECOND, 31557600.0),
        ("millimeter millimeters millimetre millimetres mm", METRE, 0.001),
        ("centimeter centimeters centimetre centimetres cm", METRE, 0.01),
        ("meter meters metre metres m", METRE, 1.0),
        ("kilometer kilometers kilometre kilometres km kms", METRE, 1000.0),
        ("inch inches in", METRE, 0.0254),
        ("foot feet ft", METRE, 0.3048),
        ("yard yards yd", METRE, 0.9144),
        ("mile miles mi", METRE, 1609.344),
        ("milligram milligrams mg", GRAM, 0.001),
        ("gram grams g", GRAM, 1.0),
        ("kilogram kilograms kg kgs", GRAM, 1000.0),
        ("ounce ounces oz", GRAM, 28.349523125),
        ("pound pounds lb lbs", GRAM, 453.59237),
        ("milliliter milliliters millilitre ml", LITRE, 0.001),
        ("liter liters litre litres l", LITRE, 1.0),
        ("gallon gallons", LITRE, 3.785411784),
        ("cent cents", "money", 0.01),
        ("dollar dollars", "money", 1.0),
    )
    for name in names.split()
}
"""Unit -> (dimension, factor to its base unit): the SI and international yard and pound definitions; US gallon."""

SCALES = {
    "hundred": 1e2, "thousand": 1e3, "k": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "dozen": 12.0, "dozens": 12.0,
}  # fmt: skip


FRACTION = "|"  # a slash without spaces, as in 3/4


class Leaf(NamedTuple):
    """A number of an expression, with what it carries: decimals shown, percent sign, currency sign, unit word."""

    value: float
    decimals: int = 0
    percent: bool = False
    money: bool = False
    unit: str = ""


Item = Leaf | str
"""A leaf, one of + - * / | ^, or a bracket."""

PLAIN, PERCENT, SCALED, UNIT = "plain", "percent", "scaled", "unit"
MODES = (PLAIN, PERCENT, SCALED, UNIT)


def leaf_value(leaf: Leaf, mode: str) -> float:
    """The number under one reading: as it stands; n% as n/100; with `million`; in base units."""
    if mode == PLAIN:
        return leaf.value
    if leaf.percent:
        return leaf.value / 100
    if mode == SCALED:
        return leaf.value * SCALES.get(leaf.unit, 1.0)
    if mode == UNIT:
        return leaf.value * UNITS.get(leaf.unit, ("", 1.0))[1]
    return leaf.value


def evaluate(items: Sequence[Item], mode: str) -> float | None:
    """The value of an infix expression, or None when it is none, divides by zero or grows beyond MAX_VALUE."""
    if len(items) > MAX_TOKENS:
        return None
    parser = _Parser(items, mode)
    value = parser.sum()
    if value is None or parser.at != len(items) or not abs(value) < MAX_VALUE:
        return None
    return value


class _Parser:
    """Precedence climbing over at most MAX_TOKENS items; None stands for no value."""

    def __init__(self, items: Sequence[Item], mode: str) -> None:
        self.items, self.mode, self.at = items, mode, 0

    def peek(self) -> Item | None:
        """The next item, None at the end."""
        return self.items[self.at] if self.at < len(self.items) else None

    def sum(self) -> float | None:
        """Terms and + and -, from left to right."""
        left = self.product()
        while left is not None and self.peek() in ("+", "-"):
            sign = self.items[self.at]
            self.at += 1
            percent = self._relative_percent()
            right = self.product()
            if right is None:
                return None
            change = right * left if percent else right
            left = left + change if sign == "+" else left - change
        return left

    def _relative_percent(self) -> bool:
        """`200 + 10%` means 200 and a tenth of it; `100% - 20%` does not."""
        item, first = self.peek(), self.items[0]
        alone = self.at + 1 == len(self.items)
        adds = isinstance(first, Leaf) and not first.percent
        return self.mode == PERCENT and alone and adds and isinstance(item, Leaf) and item.percent

    def product(self) -> float | None:
        """Factors and * and /, from left to right; a bracket behind a factor multiplies."""
        left = self.power()
        while left is not None:
            item = self.peek()
            if item in ("*", "/"):
                self.at += 1
            elif item != "(":
                return left
            right = self.power()
            if right is None or (item == "/" and right == 0):
                return None
            left = left / right if item == "/" else left * right
        return left

    def power(self) -> float | None:
        """A base and ^, from right to left, within bounds."""
        base = self.unary()
        if base is None or self.peek() != "^":
            return base
        self.at += 1
        exponent = self.power()
        if exponent is None or abs(exponent) > MAX_EXPONENT or (base <= 0 and exponent != int(exponent)):
            return None
        if base == 0:
            return 0.0 if exponent > 0 else None
        if abs(base) ** abs(exponent) > MAX_VALUE:
            return None
        return float(base**exponent)

    def unary(self) -> float | None:
        """A number, a bracket, or one of them behind a sign."""
        item = self.peek()
        self.at += 1
        if isinstance(item, Leaf):
            return leaf_value(item, self.mode)
        if item in ("-", "+"):
            value = self.unary()
            return -value if value is not None and item == "-" else value
        if item != "(":
            return None
        value = self.sum()
        closed = self.peek() == ")"
        self.at += 1
        return value if closed else None


def holds(items: Sequence[Item], result: Sequence[Item], *, about: bool = False) -> bool | None:
    """True when some reading makes both sides agree, False when none does, None when a side is not arithmetic."""
    shown = _shown(result)
    if shown is None:
        return None
    checked = False
    for mode, grouped in product(_modes([*items, *result]), _groupings(items)):
        left = evaluate(grouped, mode)
        if left is None:
            continue
        checked = True
        if any(_close(left, right, step, about=about) for right, step in _results(result, shown, mode)):
            return True
    return False if checked else None


def _groupings(items: Sequence[Item]) -> list[Sequence[Item]]:
    """As written; and with fractions bound first, for `25 / 1/3` and `14 / 1 / 4`."""
    plain = ["/" if item == FRACTION else item for item in items]
    slashes = [at for at, item in enumerate(items) if item in ("/", FRACTION)]
    if len(slashes) < 2:
        return [plain]
    tight = [at for at in slashes if items[at] == FRACTION] or slashes[-1:]
    bound: list[Item] = []
    for at, item in enumerate(plain):
        bound += ["("] * (at + 1 in tight)
        bound.append(item)
        bound += [")"] * (at - 1 in tight)
    return [plain, bound]


def _modes(items: Sequence[Item]) -> Iterator[str]:
    leaves = [item for item in items if isinstance(item, Leaf)]
    yield PLAIN
    if any(leaf.percent for leaf in leaves):
        yield PERCENT
    if any(leaf.unit in SCALES for leaf in leaves):
        yield SCALED
    if sum(leaf.unit in UNITS for leaf in leaves) > 1 or any(leaf.unit in ("cent", "cents") for leaf in leaves):
        yield UNIT


def _shown(result: Sequence[Item]) -> Leaf | None:
    """The number that carries the precision of the right side: its only leaf, else the one with most decimals."""
    leaves = [item for item in result if isinstance(item, Leaf)]
    return max(leaves, key=lambda leaf: leaf.decimals, default=None)


def _results(result: Sequence[Item], shown: Leaf, mode: str) -> Iterator[tuple[float, float]]:
    """(value, step of its last digit) of the right side; a percentage also as a share, a share as a percentage."""
    right = evaluate(["/" if item == FRACTION else item for item in result], mode)
    if right is None:
        return
    step = 10.0**-shown.decimals
    if len(result) > 2:  # a fraction or a further sum: exact as far as its numbers are
        step = step if shown.decimals else 1e-9
    scale = leaf_value(shown._replace(value=1.0), mode)
    yield right, step * abs(scale)
    if shown.percent or shown.money:  # a share as a percentage, cents as dollars
        yield right / 100, step / 100
        yield right * 100, step * 100
    if right and right % 1000 == 0:  # `5 * 3 = $15,000` counts in thousands
        yield right / 1000, 1e-9


def _close(exact: float, shown: float, step: float, *, about: bool) -> bool:
    """Equal, or rounded up or down at the last digit shown."""
    gap = abs(exact - shown)
    if gap <= 1e-9 * max(1.0, abs(exact)):
        return True
    return gap < step * (1 - 1e-6) or (about and gap <= ABOUT * abs(exact))
