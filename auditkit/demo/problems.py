"""Rows that can be right or wrong: word problems with their sums, reports with questions about them."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from random import Random

from auditkit.demo.rows import Attributes, Row
from auditkit.demo.templates import Slots, texts

SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
RANGES = {"a": (6, 12), "b": (11, 29), "c": (2, 5), "d": (380, 720), "e": (6, 9)}


class Problem:
    """One word problem with its numbers: the question, and answers with the right or with misunderstood steps."""

    def __init__(self, rng: Random, attributes: Attributes, *, group: str | None = None) -> None:
        self._rng, self._group = rng, group
        table = texts("problems")
        self._template = rng.choice(table["problem"])
        self._numbers = {letter: rng.randint(*bounds) for letter, bounds in RANGES.items()}
        shown = {letter: str(number) for letter, number in self._numbers.items()}
        named = {**attributes.people(), **attributes.time(), "things": rng.choice(table["things"])}
        self._slots = Slots({**named, **shown}, rng)
        self.right = computed(self._template["steps"], self._numbers)[-1][1]

    def answer(self) -> Row:
        """A row whose steps and answer are right."""
        return self._row(self._template["steps"])

    def misread(self) -> list[Row]:
        """Rows of people who misunderstood it: every step holds, the answers are wrong and differ from one another."""
        rows: dict[int, Row] = {}
        for steps in self._template["misread"]:
            rows.setdefault(computed(steps, self._numbers)[-1][1], self._row(steps))
        return [row for value, row in rows.items() if value != self.right]

    def miscounted(self) -> Row:
        """A row with one sum that does not hold, and everything after it built on that."""
        return self._row(self._template["steps"], slip=self._rng.choice((-10, -7, 3, 9, 20)))

    def _row(self, steps: Sequence[str], *, slip: int = 0) -> Row:
        table, rng = texts("problems")["answers"], self._rng
        sums = computed(steps, self._numbers, slip=slip)
        ways = rng.choice(table["step"])
        said = [way.format(s=shown) for way, (shown, _) in zip(ways, sums, strict=False)]
        last = self._slots.fill(rng.choice(table["last"]), t=str(sums[-1][1]))
        output = " ".join([rng.choice(table["first"]), *said, last])
        question = self._slots.fill(self._template["question"])
        return Row("arithmetic", None, "plain", question, "", output, self._slots, question_id=self._group)


def computed(steps: Sequence[str], numbers: Mapping[str, int], *, slip: int = 0) -> list[tuple[str, int]]:
    """(`6 * 14 = 84`, 84) for each step `a * b = p`; `slip` is added to the first result and carried on."""
    known = dict(numbers)
    shown = []
    for step in steps:
        left, sign, right, _, name = step.split()
        value = SIGNS[sign](known[left], known[right]) + slip
        slip = 0
        shown.append((f"{known[left]} {sign} {known[right]} = {value}", value))
        known[name] = value
    return shown


def report_rows(rng: Random, attributes: Attributes) -> tuple[Row, Row]:
    """(an answer that its report bears out, an answer to the same question that it does not)."""
    table = texts("problems")
    template = rng.choice(table["report"])
    region, place = attributes.place()
    years = sorted(rng.sample(range(1871, 2019), 4))
    values = {
        "house": rng.choice(table["houses"]),
        "year": str(years[0]), "year2": str(years[2]), "odd": str(years[1]), "odd2": str(rng.randint(41, 97)),
        "k": str(rng.randint(11, 39)), "v": str(rng.randint(120, 980)),
    }  # fmt: skip
    slots = Slots({**attributes.people(), **attributes.time(), **place, **values}, rng)
    question = slots.fill(rng.choice(table["report_tasks"]), question=slots.fill(template["question"]))
    context = slots.fill(template["context"])
    right, wrong = (
        Row("reports", region, "plain", question, "", slots.fill(template[which]), slots, context=context)
        for which in ("right", "wrong")
    )
    return right, wrong
