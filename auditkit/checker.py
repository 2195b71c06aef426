"""What a checker is: rules, the two contracts, and the catalogue of those that are installed.

Kind 1, per document: `check(batch) -> Checked`. Kind 2, whole corpus: `map`, `merge`, `finish`.
A checker may be both. It does no I/O, opens no socket, reads no clock and keeps no global state.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from auditkit.documents import Batch
from auditkit.errors import ConfigError, suggestion
from auditkit.findings import Metric

if typing.TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

Example = str | tuple[Mapping[str, object], ...]
"""A text, or the records of a tiny corpus."""

State = dict[str, "NDArray[Any]"]
"""What a corpus checker remembers: named numpy arrays without objects, so that they can be stored and sent."""

Item = TypeVar("Item")
Result = TypeVar("Result")

SEVERITIES = ("info", "low", "medium", "high", "critical")


@dataclass(frozen=True)
class Rule:
    """One thing that a checker can find. The metadata is the documentation; the examples are its proof.

    match: examples on which it fires through the command line; clean: look-alikes on which it does not.
    pattern, keywords and options carry what the checker needs to apply it.
    """

    id: str
    severity: str
    summary: str
    why: str
    match: tuple[Example, ...] = ()
    clean: tuple[Example, ...] = ()
    source: str = ""
    pattern: str = ""
    keywords: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What a per-document checker says of a batch.

    findings: table with schema findings.FOUND. scores: document score name -> one float per document of the batch
    (NaN = none). looked: bool per document, None = it looked at all of them.
    tallies: (metric, slice) -> (numerator, denominator); they add up over batches and become metrics with intervals.
    """

    findings: pa.Table
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    looked: NDArray[np.bool_] | None = None
    tallies: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


class Run(Protocol):
    """Calls a function of a module on every item, wherever the run's runner does; results in the order of the items."""

    def __call__(self, fn: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """The results; items are taken a few ahead of them."""
        ...


def gather(states: Iterable[State]) -> State:
    """The arrays of the states below one another, in memory; every state has the same arrays, and there is one."""
    parts = list(states)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@dataclass(frozen=True)
class Context:
    """What a corpus checker may know when it finishes, and how it does what is too large for one process.

    n_docs: rows of the corpus, unreadable ones included (keys are 0..n_docs-1).
    dropped: for each checker that finished before, the keys it drops (sorted).
    scores: document scores so far, `checker/score` -> float64[n_docs] (NaN = none).
    protected: keys that must stay because a certificate names them as the kept copy.
    run: a further map stage: a function of a module over items that depend on the data alone.
    gather: arrays of states below one another; in a run they are in files of the work folder, mapped.
    """

    n_docs: int
    dropped: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    protected: NDArray[np.int64] | None = None
    run: Run = map
    gather: Callable[[Iterable[State]], State] = gather


@dataclass(frozen=True)
class Certificate:
    """Why document `doc` is a near-copy of `kept`: their exact Jaccard similarity, and the rule that says so.

    kept is a document key of this run; kept_file/kept_row name a row of an earlier round's index instead.
    """

    doc: int
    kept: int | None
    jaccard: float
    rule: str
    kept_file: str | None = None
    kept_row: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a corpus checker says of the whole corpus.

    scores: score name -> (document keys, values). looked: keys of the documents looked at, None = all.
    """

    findings: pa.Table
    metrics: Sequence[Metric] = ()
    scores: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)
    certificates: Sequence[Certificate] = ()
    looked: NDArray[np.int64] | None = None


class Described(Protocol):
    """What every checker says of itself.

    name: as in `[checkers.NAME]`. version: changes when a result changes. Options: frozen dataclass of its options.
    METRICS: names of its metrics, so that a policy can be validated; those of every checker are added by the engine.
    default_action: what its findings do to a document unless the policy says otherwise: flag | redact | drop.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    Options: ClassVar[type]
    METRICS: ClassVar[tuple[str, ...]]
    default_action: ClassVar[str]

    def __init__(self, options: Any) -> None: ...

    def rules(self) -> Sequence[Rule]:
        """All rules it can report under these options."""
        ...


@runtime_checkable
class Checker(Described, Protocol):
    """Kind 1: looks at each document by itself. Batching must not change the result."""

    def check(self, batch: Batch) -> Checked:
        """Findings and scores of these documents."""
        ...


@runtime_checkable
class CorpusChecker(Described, Protocol):
    """Kind 2: looks at the corpus as a whole, through a state that shards can fill apart and merge in a fixed order.

    map(empty batch) is the identity of merge, merge is associative, and any split of the corpus gives the same outcome.
    finish_order: those with a lower number finish first, and the next see what they drop.
    again/map_again: an optional second look at the documents whose keys `again` returns in its array "docs".

    Where states are large a checker says, in two optional methods, what need not be in memory:
    `appended()`: names of arrays, in the states of both looks, of which the merge is one below the other. The engine
    keeps them in files, and `merge` and `merge_again` are asked for the others alone.
    `part_of(wanted, first, last)`: what of `again`'s answer the documents first <= key < last need; else all of it.
    """

    finish_order: ClassVar[int]

    def map(self, batch: Batch) -> State:
        """What these documents add to the state."""
        ...

    def merge(self, left: State, right: State) -> State:
        """The state of both; documents of `left` come before those of `right`."""
        ...

    def again(self, state: State, context: Context) -> State | None:
        """What the second look needs to know, with "docs" = sorted keys to look at; None = no second look."""
        ...

    def map_again(self, batch: Batch, wanted: State) -> State:
        """What these documents add to the second look; merged by `merge_again`."""
        ...

    def merge_again(self, left: State, right: State) -> State:
        """Both second looks, in document order."""
        ...

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """Findings, metrics, scores and certificates of the whole corpus."""
        ...

    def state_bytes(self, n_docs: int) -> int:
        """The most bytes that the state of `n_docs` documents may take; a law test holds it to that."""
        ...


AnyChecker = Checker | CorpusChecker


def appended(checker: CorpusChecker) -> Collection[str]:
    """The arrays that a checker wants kept in files, as its optional method `appended` says."""
    names: Collection[str] = getattr(checker, "appended", tuple)()
    return names


def part_of(checker: CorpusChecker, wanted: State, first: int, last: int) -> State:
    """What the documents first <= key < last need of what a checker's second look needs to know."""
    low, high = np.searchsorted(wanted["docs"], [first, last])
    own: State = getattr(checker, "part_of", lambda whole, _first, _last: whole)(wanted, first, last)
    return own | {"docs": wanted["docs"][low:high]}


BUILTIN = {
    "pii": "auditkit.checkers.pii:Pii",
    "toxicity": "auditkit.checkers.toxicity:Toxicity",
    "near_duplicates": "auditkit.checkers.near_duplicates:NearDuplicates",
    "hallucination": "auditkit.checkers.hallucination:Hallucination",
    "skew": "auditkit.checkers.skew:Skew",
    "diversity": "auditkit.checkers.diversity:Diversity",
}
ENTRY_POINTS = "auditkit.checkers"


@cache
def catalogue() -> dict[str, str]:
    """Checker name -> "module:Class", the built-in six first, then those of installed plug-ins."""
    from importlib.metadata import entry_points

    plugins = {point.name: point.value for point in entry_points(group=ENTRY_POINTS) if point.name not in BUILTIN}
    return BUILTIN | dict(sorted(plugins.items()))


def checker_class(name: str) -> type[AnyChecker]:
    """The class of this checker; ConfigError with a suggestion when there is none of that name."""
    from importlib import import_module

    target = catalogue().get(name)
    if target is None:
        message = f"unknown checker '{name}'{suggestion(name, catalogue())}"
        raise ConfigError(message)
    module, _, attribute = target.partition(":")
    found: type[AnyChecker] = getattr(import_module(module), attribute)
    return found


def build(name: str, table: Mapping[str, object]) -> AnyChecker:
    """The checker with these options; ConfigError names every option that is wrong."""
    kind = checker_class(name)
    options, mistakes = read_options(kind.Options, table)
    if mistakes:
        raise ConfigError("\n".join(f"[checkers.{name}] {mistake.text}" for mistake in mistakes))
    return kind(options)


class Mistake(typing.NamedTuple):
    """A wrong key or value of an options table: the key, and what is wrong with it."""

    key: str
    text: str


def read_options(kind: type, table: Mapping[str, object]) -> tuple[Any, list[Mistake]]:
    """An instance of the frozen dataclass `kind` filled from the table, and every mistake in it.

    Accepts bool, int, float (finite), str, Literal, tuple[T, ...], Mapping[str, T], T | None, a nested dataclass.
    A `check(self) -> Iterable[(key, text)]` method on the dataclass may add mistakes of its own.
    """
    known = {item.name: item for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    values: dict[str, object] = {}
    mistakes: list[Mistake] = []
    for key, value in table.items():
        if key not in known:
            mistakes.append(Mistake(key, f"unknown option '{key}'{suggestion(key, known)}"))
            continue
        try:
            values[key] = _converted(value, hints[key])
        except ValueError as error:
            mistakes.append(Mistake(key, f"option '{key}': {error}"))
    if mistakes:
        return None, mistakes
    options = kind(**values)
    if hasattr(options, "check"):
        mistakes.extend(Mistake(key, f"option '{key}': {text}") for key, text in options.check())
    return options, mistakes


def _converted(value: object, hint: Any) -> object:
    """The TOML value as the annotated type; ValueError says what was expected."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in args:
            near = suggestion(str(value), map(str, args))
            raise ValueError(
                f"expected one of {', '.join(map(repr, args))}, got {value!r}{near if 'mean' in near else ''}"
            )
        return value
    if origin is typing.Union or origin is types.UnionType:
        return _converted(value, next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a list, got {_kind(value)}")
        return tuple(_converted(item, args[0]) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a table, got {_kind(value)}")
        return {key: _converted(item, args[1]) for key, item in value.items()}
    return _scalar(value, hint)


def _nested(value: object, hint: type) -> object:
    """A table inside an options table as its own dataclass; every mistake in it is told."""
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a table, got {_kind(value)}")
    made, mistakes = read_options(hint, value)
    if mistakes:
        raise ValueError("; ".join(mistake.text for mistake in mistakes))
    return made


def _scalar(value: object, hint: type) -> object:
    """A bool, int, finite float or str of exactly the annotated kind, or the dataclass of a nested table."""
    if dataclasses.is_dataclass(hint):
        return _nested(value, hint)
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"expected a number, got {_kind(value)}")
        if not abs(value) < float("inf"):
            raise ValueError(f"expected a finite number, got {value}")
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"expected {hint.__name__}, got {_kind(value)}")
    return value


def _kind(value: object) -> str:
    """How a TOML author would call this value."""
    return f"{type(value).__name__} {value!r}" if isinstance(value, str | int | float) else type(value).__name__


@cache
def rule_pack(name: str) -> tuple[Rule, ...]:
    """The rules of rules/packs/NAME.toml, in file order. Lists of strings in `match`/`clean` are one text, joined."""
    import tomllib

    from auditkit.resources import resource

    data = tomllib.loads(resource(f"rules/packs/{name}.toml").read_text(encoding="utf-8"))
    return tuple(read_rule(table) for table in data["rule"])


def read_rule(table: Mapping[str, Any]) -> Rule:
    """A rule from its TOML table; ConfigError on an unknown key, a missing one or an unknown severity."""
    known = {item.name for item in dataclasses.fields(Rule)}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(f"rule {table.get('id', '?')}: unknown key '{unknown[0]}'{suggestion(unknown[0], known)}")
    missing = sorted({"id", "severity", "summary", "why"} - set(table))
    if missing:
        raise ConfigError(f"rule {table.get('id', '?')}: missing {', '.join(missing)}")
    if table["severity"] not in SEVERITIES:
        raise ConfigError(
            f"rule {table['id']}: severity {table['severity']!r}{suggestion(table['severity'], SEVERITIES)}"
        )
    values = dict(table)
    for key in ("match", "clean"):
        values[key] = tuple(_example(item) for item in table.get(key, ()))
    values["keywords"] = tuple(table.get("keywords", ()))
    return Rule(**values)


def _example(item: Any) -> Example:
    """A text, a text in several parts (so that no scanner trips over a sample secret), or records."""
    if isinstance(item, str):
        return item
    if all(isinstance(part, str) for part in item):
        return "".join(item)
    return tuple(item)
