"""A user's file of Presidio recognisers: YAML as Presidio reads it, but held against what it should be.

`recognizers:` is a list; each has name, supported_entity, patterns (name, regex, score) or deny_list, and may have
context, supported_language, deny_list_score, global_regex_flags. Keys that are there twice, unknown keys, patterns
that do not compile or can backtrack without bound are told with their line. The file is data: no tag constructs
anything.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.checkers.pii.safe_patterns import problem
from auditkit.errors import MissingDependency, suggestion

LARGEST = 1 << 20  # bytes; a file of recognisers is written by hand
KEYS = (
    *("name", "supported_entity", "supported_entities", "supported_language", "patterns", "context"),
    *("deny_list", "deny_list_score", "global_regex_flags"),
)
PATTERN_KEYS = ("name", "regex", "score")


class Entry(NamedTuple):
    """One recogniser of the file, as PatternRecognizer.from_dict takes it, and its entity."""

    entity: str
    table: dict[str, Any]


class Read(NamedTuple):
    """What a file holds: recognisers, and mistakes as `line N: ...`."""

    entries: tuple[Entry, ...]
    mistakes: tuple[str, ...]


def sha256(path: str) -> str:
    """The hash of the file; empty when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def read(path: str) -> Read:
    """The recognisers of a file and every mistake in it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Read((), (f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})",))
    if len(text) > LARGEST:
        return Read((), (f"larger than {LARGEST} bytes",))
    try:
        import yaml
    except ImportError:  # pragma: no cover - presidio-analyzer brings it along
        raise MissingDependency("a registry of recognisers needs PyYAML: pip install 'auditkit[pii]'") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        return Read((), (f"{place}not valid YAML",))
    mistakes: list[str] = []
    data = _value(root, mistakes, 0) if root is not None else None
    listed = data.get("recognizers") if isinstance(data, dict) else None
    if not isinstance(listed, _Sequence) or not listed:
        return Read((), (*mistakes, "line 1: expected `recognizers:` with a list"))
    entries = [_entry(item, line, mistakes) for item, line in zip(listed, listed.lines, strict=True)]
    return Read(tuple(entry for entry in entries if entry), tuple(mistakes))


class _Sequence(list[Any]):
    """A list that knows the line of each element."""

    lines: tuple[int, ...] = ()


class _Table(dict[str, Any]):
    """A table that knows the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


DEEPEST = 20


def _value(node: Any, mistakes: list[str], depth: int) -> Any:
    """The plain value of a YAML node: text, number, bool, list, table; nothing else is made of any tag."""
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        mistakes.append(f"line {line}: nested too deeply")
        return None
    if node.id == "sequence":
        found = _Sequence(_value(item, mistakes, depth + 1) for item in node.value)
        found.lines = tuple(item.start_mark.line + 1 for item in node.value)
        return found
    if node.id == "mapping":
        return _table(node, mistakes, depth)
    return _scalar(node, line, mistakes)


def _table(node: Any, mistakes: list[str], depth: int) -> _Table:
    table = _Table()
    for key, value in node.value:
        line, name = key.start_mark.line + 1, str(key.value)
        if name in table:
            mistakes.append(f"line {line}: the key '{name}' is there twice")
        table[name] = _value(value, mistakes, depth + 1)
        table.lines[name] = line
    return table


def _scalar(node: Any, line: int, mistakes: list[str]) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    try:
        if kind in ("int", "float"):
            return float(node.value) if kind == "float" else int(node.value)
    except ValueError:
        kind = "odd number"
    if kind == "bool":
        return node.value.lower() in ("true", "yes", "on")
    if kind not in ("str", "null", "int", "float"):
        mistakes.append(f"line {line}: expected text or a number, got {kind}")
    return None if kind == "null" else node.value


def _entry(item: Any, line: int, mistakes: list[str]) -> Entry | None:
    """One recogniser; None where something is wrong with it."""
    if not isinstance(item, _Table):
        mistakes.append(f"line {line}: expected a recogniser with a name")
        return None
    before = len(mistakes)
    _unknown(item, KEYS, mistakes)
    entity = item.get("supported_entity") or next(iter(item.get("supported_entities") or ()), None)
    if not isinstance(entity, str) or not entity.replace("_", "").isalnum() or not entity.isascii():
        mistakes.append(f"line {line}: a recogniser needs supported_entity, a name such as MY_NUMBER")
    if not item.get("patterns") and not item.get("deny_list"):
        mistakes.append(f"line {line}: a recogniser needs patterns or a deny_list")
    for pattern in item.get("patterns") or ():
        _pattern(pattern, item.lines["patterns"], mistakes)
    if len(mistakes) > before:
        return None
    table = {key: value for key, value in item.items() if value is not None and key != "supported_entities"}
    return Entry(str(entity), table | {"supported_entity": str(entity), "supported_language": "en"})


def _pattern(pattern: Any, line: int, mistakes: list[str]) -> None:
    if not isinstance(pattern, _Table):
        mistakes.append(f"line {line}: expected a pattern with name, regex and score")
        return
    _unknown(pattern, PATTERN_KEYS, mistakes)
    wrong = problem(pattern["regex"]) if isinstance(pattern.get("regex"), str) else "expected a text"
    if wrong:
        mistakes.append(f"line {pattern.lines.get('regex', line)}: regex: {wrong}")
    score = pattern.get("score")
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        mistakes.append(f"line {pattern.lines.get('score', line)}: score: expected a number from 0 to 1")


def _unknown(table: _Table, known: tuple[str, ...], mistakes: list[str]) -> None:
    mistakes += [
        f"line {table.lines[key]}: unknown key '{key}'{suggestion(key, known)}" for key in table if key not in known
    ]
