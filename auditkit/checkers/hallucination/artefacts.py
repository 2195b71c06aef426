"""Artefacts of generation: what a response shows when its generator refused, stopped, looped, copied or leaked.

Rules with a pattern are one RE2 scan over the column each, confirmed by Python only where it hits. The others are the
functions of CHECKS, on the candidates that a cheap scan leaves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.checker import Rule
from auditkit.checkers.hallucination.words import DANGLING, LANGUAGES
from auditkit.documents import Batch, Text
from auditkit.findings import Found, mask_span

if TYPE_CHECKING:
    import pyarrow as pa

Check = Callable[["Rows"], Iterator[tuple[Text, int, int]]]
"""Yields the places in the texts of a batch that are wrong: (text, start, end) in code points."""

ANSWERS = ("response",)
TAIL = 1500  # characters at the end of a text in which a loop is looked for: a loop runs on to the end
MAX_PERIOD = 60  # words of one turn of a loop
HEAD = 4000  # characters of a prompt that can clear a finding


class Calls(NamedTuple):
    """Tool calls beside the texts of a chat, (turn, name, whether its arguments can be read), and the tools offered."""

    calls: list[tuple[int, str, bool]]
    tools: list[str] | None

    @classmethod
    def read(cls, told: str) -> Calls:
        """From the batch's column `calls`."""
        found = json.loads(told)
        return cls([(turn, name, whole) for turn, name, whole in found["calls"]], found["tools"])


@dataclass(frozen=True)
class Rows:
    """A batch by document: its prompt, its context, the texts of a role as one column; memo: what was gathered once."""

    batch: Batch
    columns: dict[tuple[str, ...], pa.RecordBatch] = field(default_factory=dict)
    memo: dict[str, Any] = field(default_factory=dict)

    def column(self, roles: Sequence[str]) -> pa.RecordBatch:
        """The texts of these roles."""
        key = tuple(roles)
        if key not in self.columns:
            self.columns[key] = self.batch.of_roles(*key)
        return self.columns[key]

    @cached_property
    def prompts(self) -> Mapping[int, str]:
        """Doc -> its prompts, joined by newlines."""
        return _joined(self.batch.iter_texts("prompt"))

    @cached_property
    def first_prompts(self) -> Mapping[int, str]:
        """The first prompt of each document: the instruction, without the data that it is about."""
        found: dict[int, str] = {}
        for text in self.batch.iter_texts("prompt"):
            found.setdefault(text.doc, text.text)
        return found

    @cached_property
    def contexts(self) -> Mapping[int, str]:
        """Doc -> its contexts, joined by newlines."""
        return _joined(self.batch.iter_texts("context"))

    @cached_property
    def calls(self) -> Mapping[int, Calls]:
        """Doc -> the tool calls beside its texts."""
        told = zip(self.batch.docs.tolist(), self.batch.records.column("calls").to_pylist(), strict=True)
        return {doc: Calls.read(calls) for doc, calls in told if calls}

    def given(self, doc: int) -> str:
        """All that was given to the writer of the response."""
        return f"{self.prompts.get(doc, '')}\n{self.contexts.get(doc, '')}"


def _joined(texts: Iterable[Text]) -> dict[int, str]:
    found: dict[int, str] = {}
    for text in texts:
        found[text.doc] = f"{found[text.doc]}\n{text.text}" if text.doc in found else text.text
    return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""Python's reading of an RE2 pattern: ASCII classes, and `\x{FFFD}` as that character."""
    return re.compile(re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: re.escape(chr(int(m.group(1), 16))), pattern), re.ASCII)


def candidates(column: pa.RecordBatch, pattern: str) -> list[Text]:
    """The texts in which RE2 finds the pattern: one scan over the Arrow buffer, linear in its bytes."""
    import pyarrow.compute as pc

    hits = column.filter(pc.match_substring_regex(column.column("text"), pattern))
    return [Text(*row) for row in zip(*(hits.column(name).to_pylist() for name in Text._fields), strict=True)]


def artefacts(rows: Rows, rules: Sequence[Rule], checks: Mapping[str, Check]) -> list[Found]:
    """Every artefact of these documents by these rules; a rule without a pattern names one of the checks."""
    found: list[Found] = []
    for rule in rules:
        if rule.pattern:
            found.extend(_by_pattern(rows, rule))
        elif rule.id in checks:
            found.extend(_by_check(rows, rule, checks[rule.id]))
    return found


def _by_pattern(rows: Rows, rule: Rule) -> Iterator[Found]:
    """Findings of a rule whose pattern says it all."""
    pattern = _compiled(rule.pattern)
    for text in candidates(rows.column(_roles(rule)), rule.pattern):
        if _cleared(rows, rule, text):
            continue
        given = rows.given(text.doc) if rule.options.get("new") else ""
        for match in pattern.finditer(text.text):
            if not rule.options.get("new") or match.group() not in given:
                yield _found(rule, text, match.start(), match.end())
                break


def _roles(rule: Rule) -> Sequence[str]:
    roles = rule.options.get("roles", ANSWERS)
    assert isinstance(roles, Sequence)
    return roles


def _cleared(rows: Rows, rule: Rule, text: Text) -> bool:
    """Whether the same text or the prompt says that this is no artefact."""
    unless, unless_prompt = str(rule.options.get("unless", "")), str(rule.options.get("unless_prompt", ""))
    prompt = rows.prompts.get(text.doc, "")
    if rule.options.get("needs_prompt") and not prompt:
        return True
    if unless and _compiled(unless).search(text.text):
        return True
    return bool(unless_prompt and _compiled(unless_prompt).search(prompt[:HEAD]))


def _found(rule: Rule, text: Text, start: int, end: int) -> Found:
    return Found(text.doc, rule.id, text.field, start, end, evidence=mask_span(text.text, start, end))


def _by_check(rows: Rows, rule: Rule, check: Check) -> Iterator[Found]:
    for text, start, end in check(rows):
        if not _cleared(rows, rule, text):
            yield _found(rule, text, start, end)


_EMPTY = (
    r"(?i)^[\s\x{A0}\x{200B}\x{FEFF}]*$|^[\s.\-_…]{0,5}$"
    r"|^\W{0,3}(?:no[ _]?(?:output|input|answer|response)|n/?a|n\.a\.|null|nil|undefined|not applicable|empty|tbd|nan"
    r"|output)\W{0,3}$"
)


def empty(rows: Rows) -> Iterator[tuple[Text, int, int]]:
    """Responses without content: nothing, blanks, dots, "N/A", "<no output>"; also one that consists of null alone."""
    for text in candidates(rows.column(ANSWERS), _EMPTY):
        yield text, 0, len(text.text)


_OPEN_END = r"[\pL\pN,;-]\s*$"
_LIST_ITEM = re.compile(r"\s*(?:[-*•–]|\w{1,3}[.)])\s|[^.:]{0,40}:\s")
_NO_PROSE = re.compile(r"[#@{}=|<>*_\\]|https?:|www\.|[\"”]\s*[-–—]|\.\w{2,4}$")
_SENTENCE_END = re.compile(r"[a-z)\d][.!?][\"”’)]?\s+[A-Z\"“]")


def truncated(rows: Rows) -> Iterator[tuple[Text, int, int]]:
    """Responses whose last line is prose that ends on a dangling word or in an unfinished sentence."""
    for text in candidates(rows.column(ANSWERS), _OPEN_END):
        shown = text.text.rstrip()
        line = shown[shown.rfind("\n") + 1 :][-2000:]
        if _NO_PROSE.search(line):
            continue
        if _LIST_ITEM.match(line) or len(line) < 80:
            if _breaks_off(shown[-4000:].splitlines()):
                yield text, len(shown) - len(line.split()[-1]), len(shown)
            continue
        *before, last = line.split()
        dangling = len(before) >= 5 and last.lower() in DANGLING and before[-1][-1] not in ",;:"
        if dangling or _unfinished(line) or _one_long_sentence(line):
            yield text, len(shown) - len(last), len(shown)


def _breaks_off(lines: Sequence[str]) -> bool:
    """Two or more lines before end as sentences do, and the last one, which is no signature, does not."""
    *before, last = [line.strip() for line in lines if line.strip()]
    full = [line for line in before if len(line) >= 20]
    words = _LIST_ITEM.sub("", last, count=1).split()
    ended = len(full) >= 2 and all(line[-1] in '.!?"”’)' for line in full)
    capitals = sum(word[:1].isupper() for word in words[1:])
    return ended and before[-1][-1] in '.!?"”’)' and len(words) >= 4 and capitals <= len(words) / 3


def _one_long_sentence(line: str) -> bool:
    """At least twenty words without an end, that are no enumeration and no list of names."""
    words = line.split()
    capitals = sum(word[:1].isupper() for word in words[1:])
    plain = line.count(",") <= len(words) / 6 and capitals <= len(words) / 4 and words[0][:1].isupper()
    return len(line) >= 120 and len(words) >= 20 and plain and not _SENTENCE_END.search(line)


def _unfinished(line: str) -> bool:
    """Whole sentences, then one without an end that has at least three words and is no list of names."""
    if len(line) < 80 or not _SENTENCE_END.search(line):
        return False
    tail = re.split(r"[.!?][\"”’)]?\s+", line)[-1]
    words = tail.split()
    return len(words) >= 3 and sum(word[:1].isupper() for word in words[1:]) <= len(words) / 2


def repetition(rows: Rows) -> Iterator[tuple[Text, int, int]]:
    """Texts that end in a loop: at least four turns and twelve words, with three different words in a turn."""
    import pyarrow.compute as pc

    column = rows.column(("response", "text"))
    long = column.filter(pc.greater(pc.binary_length(column.column("text")), 60))
    for text in (Text(*row) for row in zip(*(long.column(name).to_pylist() for name in Text._fields), strict=True)):
        tail = text.text[-TAIL:]
        words = tail.split()
        if len(words) >= 16 and len(set(words)) <= 0.6 * len(words) and _loops(words):
            yield text, len(text.text) - len(tail), len(text.text)


def _loops(words: Sequence[str]) -> bool:
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    ids = np.array([numbers[word] for word in words])
    for period in range(1, min(MAX_PERIOD, len(ids) // 4) + 1):
        same = ids[period:] == ids[:-period]
        ends = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
        runs = ends[1::2] - ends[::2]
        if len(runs) and runs.max() >= max(3 * period, 12):
            start = int(ends[::2][runs.argmax()])
            turn = {word.strip(".,;!?").lower() for word in words[start : start + period]}
            if sum(len(word) > 1 and word.isalpha() for word in turn) >= min(3, period):
                return True
    return False


_ASKS_ECHO = re.compile(r"^\W*(?:repeat|copy|print|echo|say|write|type|quote|recite)\b")
_EDITS = re.compile(
    r"\b(?:repeat|copy|rewrite|edit|correct|proofread|spell|grammar|punctuat|capitali|sort|arrange|order|remove|delete|replace|fix"
    r"|convert|format|translate|check|change|modify|identify|extract|find|classify|complete|finish|continue|quote|highlight"
    r"|combine|insert|add|rephrase|paraphrase|transform|clean|redact|print|reverse|revise|update|adjust|restate|improve)",
    re.IGNORECASE,
)


def echo(rows: Rows) -> Iterator[tuple[Text, int, int]]:
    """Responses that are the prompt, or begin with all of one of 25 characters or more and add less than half of it."""
    for text in rows.batch.iter_texts(*ANSWERS):
        prompt = rows.prompts.get(text.doc, "")[:HEAD].strip()
        start = text.text[: len(prompt) + 4].strip()
        said, first = text.text.strip().casefold(), rows.first_prompts.get(text.doc, "").strip().casefold()
        same = len(first) >= 8 and said in (first, prompt.casefold()) and not _ASKS_ECHO.search(first)
        begins = len(prompt) >= 25 and start[:20].casefold() == prompt[:20].casefold()
        if same or (begins and not _EDITS.search(prompt) and _echoes(prompt, text.text)):
            yield text, 0, len(text.text)


def _echoes(prompt: str, response: str) -> bool:
    asked, said = (re.sub(r"\W+", " ", text).strip().casefold() for text in (prompt, response[: 2 * len(prompt) + 80]))
    return said.startswith(asked) and len(said) <= 1.4 * len(asked) + 1


_FOREIGN = (
    r"(?i)[^\x00-\x{24F}\x{2000}-\x{2BFF}\x{1F000}-\x{1FAFF}]"
    r"|\b(?:el|los|las|des|und|der|nicht|della|não|uma|het|een|que|est|pour|sono|gli)\b"
)
_SCRIPTS = (
    ("Latin", 0x41, 0x24F), ("Greek", 0x370, 0x3FF), ("Cyrillic", 0x400, 0x52F), ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x6FF), ("Devanagari", 0x900, 0x97F), ("Thai", 0xE00, 0xE7F), ("CJK", 0x3040, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7AF),
)  # fmt: skip


def wrong_language(rows: Rows) -> Iterator[tuple[Text, int, int]]:
    """Responses whose script or function words are those of another language than the prompt's."""
    for text in candidates(rows.column(ANSWERS), _FOREIGN):
        prompt = rows.prompts.get(text.doc, "")
        asked, said = language(prompt[:HEAD], least=1), language(text.text[:HEAD])
        if asked and said and asked != said:
            yield text, 0, len(text.text)


def language(text: str, *, least: int = 2) -> str:
    """A language code for Latin script, else the name of the script; "" when fewer than `least` function words tell."""
    script = _script(text)
    if script != "Latin":
        return script
    words = re.findall(r"[^\W\d_]+", text.lower())
    told = {name: {word for word in words if word in known} for name, known in LANGUAGES.items()}
    share = {name: sum(word in known for word in words) for name, known in told.items()}
    name = max(told, key=lambda one: (len(told[one]), one))
    others = max(len(known) for one, known in told.items() if one != name)
    return name if len(told[name]) >= max(least, 1.5 * others) and share[name] >= 0.12 * len(words) else ""


def _script(text: str) -> str:
    letters = [ord(sign) for sign in text[:1000] if sign.isalpha()]
    counts = Counter(name for code in letters for name, low, high in _SCRIPTS if low <= code <= high)
    if len(letters) < 8 or not counts:
        return ""
    name, count = counts.most_common(1)[0]
    return name if count >= 0.7 * len(letters) else ""


ARTEFACTS: Mapping[str, Check] = {
    "hallucination/empty": empty,
    "hallucination/truncated": truncated,
    "hallucination/repetition": repetition,
    "hallucination/echo": echo,
    "hallucination/wrong-language": wrong_language,
}
