"""Contradictions of a user's own table of facts: subject, relation, value.

A sentence contradicts a fact when it names subject and relation and gives another value: "the capital of France is
Lyon", "France's capital is Lyon", "Lyon is the capital of France", "Acme was founded in 1900" (a relation of two words
or more). Several rows with one subject and relation are all right. What does not look like a value (no capital, no
digit, where the fact has one) is no contradiction.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from auditkit.checkers.hallucination.artefacts import Check, Rows, candidates
from auditkit.documents import Text

RULE = "hallucination/contradiction"
MAX_FACTS = 100_000
_IS = r"\s+(?:is|was|are|were|=)\s+|\s*:\s*"
_SAID = r"(?P<said>[^.,;:!?()\n]{1,60})"
_NO = re.compile(r"\b(?:not|n['’]t|never|no longer|formerly|once|said to|if)\b", re.IGNORECASE)

Facts = Mapping[tuple[str, str], tuple[str, ...]]
"""(subject, relation) -> its values."""


def read_facts(lines: Iterable[str], path: str) -> Facts:
    """Facts of `subject | relation | value` lines and of a CSV file with these three columns, with or without a header.

    OSError when the file cannot be read, ValueError when a row has not three values.
    """
    rows = [[part.strip() for part in line.split("|")] for line in lines]
    if path:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows += [[part.strip() for part in row] for row in csv.reader(file) if row]
    facts: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows[:MAX_FACTS]:
        if len(row) != 3 or not all(row):
            raise ValueError("a fact has three parts: subject, relation, value")
        if [part.lower() for part in row] != ["subject", "relation", "value"]:
            key = (row[0], row[1])
            facts[key] = (*facts.get(key, ()), row[2])
    return facts


def contradictions(facts: Facts) -> Check:
    """The check for these facts: one scan for the subjects, then the relations of those that occur."""
    subjects: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for (subject, relation), values in facts.items():
        subjects.setdefault(subject.lower(), []).append((relation, values))
    names = sorted(subjects, key=lambda name: (-len(name), name))
    anchor = "(?i)" + "|".join(re.escape(name).replace("\\ ", " ") for name in names)
    found = re.compile("|".join(map(re.escape, names)), re.IGNORECASE) if names else None

    def check(rows: Rows) -> Iterator[tuple[Text, int, int]]:
        if found is None:
            return
        for text in candidates(rows.column(("response", "text")), anchor):
            present = sorted({match.group().lower() for match in found.finditer(text.text)})
            for subject in present:
                for relation, values in subjects[subject]:
                    yield from ((text, *span) for span in _against(text.text, subject, relation, values))

    return check


def _against(text: str, subject: str, relation: str, values: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the text gives this relation of the subject another value."""
    for match in _pattern(subject, relation).finditer(text):
        said = match["said"] or match["before"] or match["after"]
        sentence = text[max(0, match.start() - 20) : match.end()]
        if _is_value(said, values) and not _agrees(said, values) and not _NO.search(sentence):
            yield match.span()


def _pattern(subject: str, relation: str) -> re.Pattern[str]:
    """The four ways to say it."""
    who, what = re.escape(subject), re.escape(relation)
    after = r"(?P<after>[^.,;:!?()\n]{1,60})"
    before = r"(?P<before>\b[A-Z0-9][\w'’-]{0,30}(?: [A-Z0-9][\w'’-]{0,30}){0,4})"
    ways = [
        rf"\b{what}\s+of\s+(?:the\s+)?{who}(?:{_IS}){_SAID}",
        rf"{before}\s+(?:is|was)\s+the\s+{what}\s+of\s+(?:the\s+)?{who}\b",
        rf"\b{who}\s+{what}\s+{after}" if " " in relation else rf"\b{who}['’]s?\s+{what}(?:{_IS}){after}",
    ]
    return re.compile("|".join(ways), re.IGNORECASE)


def _is_value(said: str, values: Sequence[str]) -> bool:
    """It looks like what the fact gives: a name for a name, a number for a number."""
    first = re.sub(r"^(?:the|in|about|around)\s+", "", said.strip(), flags=re.IGNORECASE)
    number = any(sign.isdigit() for value in values for sign in value)
    return any(sign.isdigit() for sign in said) if number else first[:1].isupper() or values[0][:1].islower()


def _agrees(said: str, values: Sequence[str]) -> bool:
    shown = _plain(said)
    return any(_plain(value) in shown or shown in _plain(value) for value in values)


_WORD = re.compile(r"[^\W_]+")


def _plain(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.replace(',', '').lower()))} "
