"""Which fields of a record are texts, and in which role: recognised from a sample, or named by the user.

A path is a name of the record as it stands, else it is split at dots; a segment may end in `[0]` (one element) or
`[*]` (every element), more than once for lists in a list. Any other character is part of a name. In `Layout.texts` the
role "" means that each element tells its own: the speaker of a chat message, whose texts are those of `messages.py`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from auditkit.errors import ConfigError, suggestion
from auditkit.messages import CALLS, TOO_LONG, kind_of, message_texts
from auditkit.shards import Layout, Limits
from auditkit.text.safe import field_name, printable
from auditkit.text.strict_json import Refused
from auditkit.text.tool_calls import told_calls

FIELD_ROLES = ("text", "prompt", "response", "context", "group", "id", "label", "split", "logprob")
"""What `[fields]` and `--field` may name; the first four are texts."""
BY_SPEAKER = ""

_TEXTS = ("text", "content")
_PROMPTS = ("instruction", "prompt", "question", "query", "input")
_RESPONSES = ("completion", "response", "output", "answer")
_ALONE = ("completion", "response")
_SAMPLES = ("samples", "responses", "completions", "answers")
_CHATS = ("messages", "conversations", "conversation")
_CONTEXTS = ("context", "document", "source", "knowledge", "article", "passage")
IDS = ("id", "_id", "uuid")
_GROUPS = ("group", "question_id", "prompt_id", "group_id")
_LABELS = ("label", "category", "class")
_SPLITS = ("split",)
_LOGPROBS = ("mean_logprob", "avg_logprob")  # means per token; a sum over tokens says nothing without their number
_NAMES_OF_THINGS = frozenset({"source", "document", "article"})  # often a name or an address, not a text
_MOST_INNER = 20
_PROSE_CHARACTERS = 100  # a provenance column of public corpora stays below, a source text of a summary above


class Step(NamedTuple):
    """One segment of a path: a name and perhaps an element: its number, EACH, or None for no element.

    The elements of lists in a list are steps without a name.
    """

    name: str
    element: int | None = None


EACH = -1
_SEGMENT = re.compile(r"(.*?)((?:\[(?:\d{1,9}|\*)\])*)", re.DOTALL)


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[Step, ...]:
    """The segments of a path; ConfigError where one has no name."""
    found = []
    for segment in path.split("."):
        match = _SEGMENT.fullmatch(segment)
        name, brackets = match.groups() if match else ("", "")
        if not name:
            raise ConfigError(f"field path '{printable(path)}': a segment has no name")
        elements = [EACH if element == "*" else int(element) for element in brackets[1:-1].split("][") if element]
        found.append(Step(name, elements[0] if elements else None))
        found += [Step("", element) for element in elements[1:]]
    return tuple(found)


def values(record: Mapping[str, object], path: str) -> list[tuple[str, object]]:
    """The (concrete path, value) pairs that a path names in a record, in order; none where it leads nowhere."""
    if path in record and "[" not in path:
        return [(path, record[path])]
    found: list[tuple[str, object]] = [("", record)]
    for step in steps(path):
        found = [pair for prefix, value in found for pair in _follow(prefix, value, step)]
    return found


def _follow(prefix: str, value: object, step: Step) -> Iterable[tuple[str, object]]:
    inner, name = value, prefix
    if step.name:
        if not isinstance(value, Mapping) or step.name not in value:
            return
        inner = value[step.name]
        name = f"{prefix}.{step.name}" if prefix else step.name
    if step.element is None or (inner is None and step.element == EACH):
        yield name, inner
    elif isinstance(inner, list):
        chosen = range(len(inner)) if step.element == EACH else range(step.element, step.element + 1)
        for index in chosen:
            if index < len(inner):
                yield f"{name}[{index}]", inner[index]
    elif step.element == EACH:
        yield name, inner  # not a list: the caller says so


class Row(NamedTuple):
    """What a layout takes from one record. texts: (field, role or "role:speaker", text) in the order of the layout."""

    texts: list[tuple[str, str, str]]
    group: str | None
    id: str | None
    label: str | None
    split: str | None
    logprob: str | None = None
    calls: str | None = None


def extract(record: Mapping[str, object], layout: Layout, limits: Limits) -> Row | str:
    """The texts and keys of a record, or the reason why the record cannot be read."""
    texts: list[tuple[str, str, str]] = []
    for path, role in layout.texts:
        problem = _chat(record, path, texts) if role == BY_SPEAKER else _plain(record, path, role, texts)
        if problem:
            return problem
    for path in layout.required:
        problem = _lacks(record, path)
        if problem:
            return problem
    if not texts:
        return "no text in the record"
    longest = limits.max_text_bytes
    for name, _, text in texts:
        if len(text) * 4 > longest and len(text.encode()) > longest:
            return f"{TOO_LONG} of {longest} bytes for one text: field '{printable(name)}'"
    keys = (layout.group, layout.id, layout.label, layout.split, layout.logprob)
    calls = told_calls(record.get(layout.calls), record.get("tools"), limits.max_nesting) if layout.calls else None
    group, id_, label, split, logprob = (key(record, path) if path else None for path in keys)
    return Row(texts, group, id_, label, split, logprob, calls)


def _lacks(record: Mapping[str, object], path: str) -> str:
    found = [value for _, value in values(record, path)]
    if not found:
        return f"no field '{printable(path)}'"
    if all(value is None or value == [] for value in found):
        return f"field '{printable(path)}' is {'null' if found[0] is None else 'an empty list'}"
    return ""


def _plain(record: Mapping[str, object], path: str, role: str, texts: list[tuple[str, str, str]]) -> str:
    for name, value in values(record, path):
        if type(value) is str:
            texts.append((name, role, value))
        elif value is not None or name.endswith("]"):
            return f"field '{printable(name)}' is not a text but {kind_of(value)}"
    return ""


def _chat(record: Mapping[str, object], path: str, texts: list[tuple[str, str, str]]) -> str:
    where, _, key = path.rpartition("[*].")
    for name, message in values(record, f"{where}[*]"):
        if not isinstance(message, dict):
            return f"field '{printable(name)}' is not a message but {kind_of(message)}"
        try:
            texts.extend(message_texts(message, name, key))
        except Refused as reason:
            return str(reason)
    return ""


def key(record: Mapping[str, object], path: str) -> str | None:
    """The first scalar at a path as text; numbers as they were written."""
    if not path:
        return None
    for _, value in values(record, path):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
    return None


@dataclass
class Census:
    """What the fields of a sample hold: for each name how many values of each kind, and how long its texts are."""

    kinds: dict[str, dict[str, int]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    spaced: dict[str, int] = field(default_factory=dict)
    inner: dict[str, None] = field(default_factory=dict)

    def add(self, record: Mapping[str, object]) -> None:
        """Count the fields of one more record."""
        for name, value in record.items():
            self.count(name, _shape(value))
            if type(value) is str:
                self.lengths[name] = self.lengths.get(name, 0) + len(value)
                self.spaced[name] = self.spaced.get(name, 0) + (" " in value)
            elif len(self.inner) < _MOST_INNER:
                self.inner |= dict.fromkeys(_inner_texts(name, value))

    def count(self, name: str, kind: str) -> None:
        """Count one value of a kind: text, texts, chat:content, chat:value, null or other."""
        kinds = self.kinds.setdefault(name, {})
        kinds[kind] = kinds.get(kind, 0) + 1

    def has(self, name: str, kind: str = "text") -> bool:
        """Whether the field ever held this kind."""
        return self.kinds.get(name, {}).get(kind, 0) > 0

    def first(self, names: Iterable[str], kind: str = "text") -> str:
        """The first of these names that ever held this kind, else ""."""
        return next((name for name in names if self.has(name, kind)), "")

    def reads_as_prose(self, name: str) -> bool:
        """Whether the field is a text and not a name, an address or a key."""
        n_texts = self.kinds.get(name, {}).get("text", 0)
        long = self.lengths.get(name, 0) >= _PROSE_CHARACTERS * n_texts
        return n_texts > 0 and long and 2 * self.spaced.get(name, 0) > n_texts


def _inner_texts(name: str, value: object) -> Iterable[str]:
    """The paths of texts one level inside a value: what a user may want to name."""
    if isinstance(value, list) and value:
        name, value = f"{name}[*]", value[0]
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if type(inner) is str:
                yield f"{name}.{key}"


def _shape(value: object) -> str:
    if type(value) is str:
        return "text"
    if value is None:
        return "null"
    if isinstance(value, list) and value:
        if all(type(element) is str for element in value):
            return "texts"
        head = value[0]
        for speaker, key in (("role", "content"), ("from", "value")):
            if isinstance(head, Mapping) and speaker in head and not {key, *CALLS}.isdisjoint(head):
                return f"chat:{key}"
    return "other"


def recognise(census: Census) -> Layout | None:
    """The layout that the field names and kinds of a sample show, or None."""
    found = _chats(census) or _sampled(census) or _answered(census) or _plain_texts(census)
    if found is None:
        return None
    name, texts, required = found
    taken = {path for path, _ in texts}
    contexts = tuple((path, "context") for path in _contexts(census) if path not in taken)
    keys = {role: _first_key(census, names) for role, names in _KEYS.items()}
    chat = name if texts[0][1] == BY_SPEAKER else ""
    return _layout(name, texts + contexts, required, keys, calls=chat)


_KEYS = {"group": _GROUPS, "id": IDS, "label": _LABELS, "split": _SPLITS, "logprob": _LOGPROBS}


def _layout(
    name: str,
    texts: tuple[tuple[str, str], ...],
    required: tuple[str, ...],
    keys: Mapping[str, str],
    *,
    calls: str = "",
) -> Layout:
    group, id_, label, split, logprob = (keys[role] for role in _KEYS)
    return Layout(name, texts, required, group, id_, label, split, logprob, calls)


_Found = tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]


def _chats(census: Census) -> _Found | None:
    for key in ("content", "value"):
        name = census.first(_CHATS, f"chat:{key}")
        if name:
            return name, ((f"{name}[*].{key}", BY_SPEAKER), *_beside(census, "text")), (name,)
    return None


def _sampled(census: Census) -> _Found | None:
    samples = census.first(_SAMPLES, "texts")
    prompt = census.first(_PROMPTS)
    if not samples or not prompt:
        return None
    return "samples", ((prompt, "prompt"), (f"{samples}[*]", "response")), (prompt, samples)


def _answered(census: Census) -> _Found | None:
    response = census.first(_RESPONSES)
    prompt = census.first(_PROMPTS)
    if response and prompt == "instruction":
        texts = (("instruction", "prompt"), ("input", "prompt"), (response, "response"))
        return "alpaca", (*texts, *_beside(census, "text")), ("instruction", response)
    if response and prompt:
        return "prompt", ((prompt, "prompt"), (response, "response"), *_beside(census, "text")), (prompt, response)
    if response in _ALONE and not census.has("text"):
        return "response", ((response, "response"),), (response,)
    return None


def _plain_texts(census: Census) -> _Found | None:
    text = census.first(_TEXTS)
    others = _beside(census, "content") if text == "text" else ()
    return ("text", ((text, "text"), *others), (text,)) if text else None


def _beside(census: Census, name: str) -> tuple[tuple[str, str], ...]:
    """A second copy of the text (Alpaca's ready-made `text`) is looked at too: training may use it."""
    return ((name, "text"),) if census.has(name) else ()


def _contexts(census: Census) -> Iterable[str]:
    for name in _CONTEXTS:
        if census.has(name, "texts"):
            yield f"{name}[*]"
        elif census.has(name) and (name not in _NAMES_OF_THINGS or census.reads_as_prose(name)):
            yield name


def _first_key(census: Census, names: Sequence[str]) -> str:
    return next((name for name in names if name in census.kinds), "")


def named(fields: Mapping[str, str]) -> Layout:
    """The layout that the user names; `id` is still found by itself. ConfigError lists every wrong role or path."""
    wrong = [
        f"unknown role '{role}' in --field{suggestion(role, FIELD_ROLES)}" for role in fields if role not in FIELD_ROLES
    ]
    for path in fields.values():
        try:
            steps(path)
        except ConfigError as error:
            wrong.append(str(error))
    texts = tuple((fields[role], role) for role in FIELD_ROLES[:4] if role in fields)
    if wrong:
        raise ConfigError("\n".join(wrong))
    required = tuple(path for path, role in texts if role != "context")
    return _layout("fields", texts, required, {role: fields.get(role, "") for role in _KEYS})


def unknown(census: Census) -> str:
    """The letter about a file without a recognised text: what it has, and the option to type."""
    names = [field_name(name) for name in census.kinds]
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    advice = f"Name one with --field text=PATH, for example {_guess(census)}"
    return f"no field is recognised as text; found: {listed or 'none'}. {advice}"


def _guess(census: Census) -> str:
    """The options to type: a known name in other letters, a question with what may be its answer, else the longest."""
    texts = sorted((name for name in census.kinds if census.has(name)), key=lambda name: -census.lengths.get(name, 0))
    lists = [f"{name}[*]" for name in census.kinds if census.has(name, "texts")]
    for names, role in ((_TEXTS, "text"), (_RESPONSES, "response")):
        for name in texts:
            if name.lower() in names:
                return _option(role, name)
    prompt = next((name for name in texts if name.lower() in _PROMPTS), "")
    others = [name for name in (*texts, *lists, *census.inner) if name != prompt]
    if prompt and others:
        return f"{_option('prompt', prompt)} {_option('response', others[0])}"
    return _option("text", prompt or next(iter(others), "PATH"))


def _option(role: str, path: str) -> str:
    return f"--field {shlex.quote(f'{role}={printable(path)}')}"
