"""Answers whose form does not fit: code and JSON, slots of a parse; and their style. Nothing is executed."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from auditkit.checkers.hallucination import python_code
from auditkit.checkers.hallucination.artefacts import ANSWERS, Rows, candidates
from auditkit.documents import Text

MAX_CODE = 100_000  # characters of a block that are parsed
MAX_DEPTH = 60  # brackets deep; more could exhaust the stack of the parser

Wrong = Iterator[tuple[Text, int, int]]


def parsed_json(source: str) -> object:
    """The value, or None when it is no JSON or nested too deep."""
    if len(source) > MAX_CODE or _too_deep(source):
        return None
    try:
        value: object = json.loads(source)
    except ValueError:
        return None
    return value


def _too_deep(source: str) -> bool:
    depth = deepest = 0
    for sign in re.findall(r"[(\[{)\]}]", source):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


class Block(NamedTuple):
    """A fenced block: its language in lower case, where its code begins, the code."""

    language: str
    start: int
    code: str


_FENCE = re.compile(r"^```[ \t]{0,9}(\w{0,20})[ \t]{0,9}$", re.MULTILINE)


def blocks(text: str) -> list[Block]:
    """The closed fenced blocks, in order; one scan over the text."""
    found: list[Block] = []
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = match
        elif not match[1]:
            start = opened.end() + 1
            found.append(Block(opened[1].lower(), start, text[start : match.start()]))
            opened = None
    return found


_NO_SCRIPT = re.compile(r"^\s*(?:>>>|\.\.\. |[%!]\w|\$ |In \[)|^\s*\.\.\.\s*$|<[a-z_ ]+>|\.\.\.\s*\)?$", re.MULTILINE)
_STARTS_AS_CODE = re.compile(r"(?:def \w+\(|class \w+[(:]|import \w+|from \w+(?:\.\w+)* import )")
_PROSE_LINE = re.compile(r"^[A-Z][a-z]+ [a-z]+ [a-z]+|^(?:Output|Explanation|Example|Note)\b", re.MULTILINE)


def python_syntax(rows: Rows) -> Wrong:
    """A fenced Python block, or a whole response that is code, which Python cannot parse."""
    for text in candidates(rows.column(ANSWERS), r"```|^\s*(?:def|class|import|from) "):
        for start, code in _python_blocks(text.text, rows.prompts.get(text.doc, "")):
            if not _parses(code):
                yield text, start, start + len(code)


def _python_blocks(response: str, prompt: str) -> Iterator[tuple[int, str]]:
    fences = blocks(response)
    for block in fences:
        if block.language in ("python", "py", "python3") and not _NO_SCRIPT.search(block.code):
            yield block.start, block.code
    code = response.strip("\n")
    whole = not fences and "```" not in response and "python" in prompt.lower()
    if whole and _STARTS_AS_CODE.match(code) and not _PROSE_LINE.search(code) and not _NO_SCRIPT.search(code):
        yield len(response) - len(response.lstrip("\n")), code


def _parses(code: str) -> bool:
    if len(code) > MAX_CODE or _too_deep(code):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape is no error
        try:
            ast.parse(python_code.common(code))
        except (SyntaxError, ValueError):  # ValueError: a NUL byte
            return python_code.later(code)
        except (RecursionError, MemoryError):
            return True  # too deep for the parser: not judged
    return True


_ASKS_JSON = re.compile(
    r"\b(?:as|in|return|output|valid|respond with|using)\s(?:an?\s|only\s|valid\s|the\s){0,3}json\b(?! schema)",
    re.IGNORECASE,
)


def json_syntax(rows: Rows) -> Wrong:
    """A fenced JSON block that is none; a response that begins like JSON, to a prompt that asks for it, and is none."""
    for text in candidates(rows.column(ANSWERS), r"```\s?(?i:json)|^\s*[\[{]"):
        for block in blocks(text.text):
            if block.language == "json" and _broken_json(block.code):
                yield text, block.start, block.start + len(block.code)
        shown = text.text.strip()
        asked = _ASKS_JSON.search(rows.prompts.get(text.doc, "")[:4000])
        if asked and shown[:1] in "[{" and _broken_json(shown):
            yield text, 0, len(text.text)


def _broken_json(source: str) -> bool:
    if len(source) > MAX_CODE or _too_deep(source) or re.search(r"^\s*//|\.\.\.", source, re.MULTILINE):
        return False
    try:
        json.loads(source)
    except ValueError:
        return True
    return False


_SLOT = re.compile(r"\[SL:\w+\s([^\[\]]*)")
_SPELT = re.compile(r"[^\W_]+")


def slots(rows: Rows) -> Wrong:
    """An intent and slot parse with open brackets, or with slot words that the prompt does not hold."""
    for text in candidates(rows.column(ANSWERS), r"\[IN:\w|^\s*\{"):
        prompt = {word.lower() for word in _SPELT.findall(rows.prompts.get(text.doc, ""))}
        if not prompt:
            continue
        if "[IN:" in text.text:
            if text.text.count("[") != text.text.count("]"):
                yield text, 0, len(text.text)
            yield from _strange(text, _slot_spans(text.text), prompt)
        else:
            yield from _strange(text, _json_slots(text.text), prompt)


def _slot_spans(parse: str) -> Iterator[tuple[int, int]]:
    return (match.span(1) for match in _SLOT.finditer(parse))


def _json_slots(source: str) -> Iterator[tuple[int, int]]:
    """Where the values of {"intent": .., "slots": {name: value}} stand."""
    value = parsed_json(source)
    found = value.get("slots", value.get("entities")) if isinstance(value, dict) and "intent" in value else None
    for slot in found.values() if isinstance(found, dict) else ():
        at = source.find(json.dumps(slot)) if isinstance(slot, str) else -1
        if at >= 0:
            yield at + 1, at + len(json.dumps(slot)) - 1


def _strange(text: Text, spans: Iterator[tuple[int, int]], prompt: set[str]) -> Wrong:
    for start, end in spans:
        words = [word.lower() for word in _SPELT.findall(text.text[start:end])]
        if any(word not in prompt for word in words):
            yield text, start, end


STRUCTURE: Mapping[str, Callable[[Rows], Wrong]] = {
    "hallucination/python-syntax": python_syntax,
    "hallucination/json-syntax": json_syntax,
    "hallucination/slots": slots,
}

_FILLER = re.compile(
    r"""\b(?:it\s(?:is|['’]s)\s(?:important|worth|essential|crucial)\sto\s(?:note|remember|mention|understand)|in\sconclusion
    |to\ssummari[sz]e|in\ssummary|overall|as\s(?:previously\s)?mentioned|in\sother\swords|needless\sto\ssay|when\sit\scomes\sto
    |at\sthe\send\sof\sthe\sday|in\stoday['’]s\s(?:world|society)|plays?\san?\s(?:crucial|vital|important|key)\srole
    |a\swide\s(?:range|variety)\sof|i\shope\sthis\shelps|feel\sfree\sto|let\sme\sknow\sif|certainly!|sure!|of\scourse!
    |great\squestion|delve|tapestry|furthermore|moreover|additionally)""",
    re.IGNORECASE | re.VERBOSE,
)


def style(texts: Sequence[str], prompt: str) -> tuple[float, float]:
    """(verbosity, filler) of the responses to a prompt.

    verbosity: share of response words in all words of the row. filler: share of characters in stock phrases.
    """
    said = "\n".join(texts)
    n_said, n_asked = len(said.split()), len(prompt.split())
    filler = sum(match.end() - match.start() for match in _FILLER.finditer(said))
    return n_said / (n_said + n_asked) if n_said else 0.0, filler / len(said) if said else 0.0
