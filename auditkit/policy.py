"""The policy: which checkers run, what their findings do to a document, which gates decide."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from auditkit.checker import AnyChecker, Rule, catalogue, checker_class, read_options
from auditkit.errors import ConfigError, suggestion
from auditkit.gates import Earlier, Gate, earlier_runs
from auditkit.guard import attempt
from auditkit.resources import resource
from auditkit.shards import Limits

PACKAGED = ("default", "web-pretraining", "synthetic-sft", "self-training", "pre-commit", "secrets")
ACTIONS = ("flag", "redact", "drop")
FIELD_ROLES = ("text", "prompt", "response", "context", "group", "id", "label", "split", "logprob")
CORPUS_METRICS = ("rows", "quarantined_share", "dropped_share", "redacted_share", "kept_share")
RULES_SECONDS = 60.0  # for a checker to list its rules
STANDARD_METRICS = ("documents_share", "findings", "looked_share")


@dataclass(frozen=True)
class Corpus:
    """`[corpus]`: limits on the input as a whole. Shares are 0..1, sizes bytes, times seconds.

    A checker may look at one shard for shard_deadline_s + 60 s per MB; then it is a gap. Of one rule in one document
    max_findings are listed, and one more without a place tells how many there are. shards.Limits explains the others.
    """

    max_quarantined: float = 0.0
    max_line_bytes: int = Limits.max_line_bytes
    max_text_bytes: int = Limits.max_text_bytes
    max_nesting: int = Limits.max_nesting
    max_expanded_bytes: int = Limits.max_expanded_bytes
    max_expansion: int = Limits.max_expansion
    max_row_group_bytes: int = Limits.max_row_group_bytes
    max_page_bytes: int = Limits.max_page_bytes
    max_files: int = Limits.max_files
    max_findings: int = Limits.max_findings
    max_memory_bytes: int = Limits.max_memory_bytes
    shard_deadline_s: float = 60.0

    def limits(self) -> Limits:
        """The part of it that readers and workers need."""
        shared = {item.name for item in fields(Limits)} & {item.name for item in fields(Corpus)}
        return Limits(**{name: getattr(self, name) for name in shared})

    def check(self) -> list[tuple[str, str]]:
        """Values that make no sense."""
        mistakes = [] if 0 <= self.max_quarantined <= 1 else [("max_quarantined", "expected a share, 0 to 1")]
        for item in fields(Corpus)[1:]:
            least = 0 if item.name == "max_memory_bytes" else 1e-9
            if getattr(self, item.name) < least:
                mistakes.append((item.name, "expected more than 0"))
        return mistakes


@dataclass(frozen=True)
class Common:
    """Options that `[checkers.NAME]` takes for every checker, whatever its own options are.

    redact: how found values are replaced; `replace` and `redact` are presidio-anonymizer's names for a label and for
    nothing at all.
    """

    enabled: bool = True
    action: Literal["flag", "redact", "drop"] | None = None
    redact: Literal["mask", "label", "hash", "surrogate", "replace", "redact"] = "mask"
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckerTable:
    """One `[checkers.NAME]`: the checker's own options and the common ones."""

    name: str
    options: Any
    common: Common

    def action_of(self, rule: Rule) -> str:
        """What a finding of this rule does: the policy's `actions`, else the rule's own, the table's, the default."""
        own = rule.options.get("action")
        chosen = (
            self.common.actions.get(rule.id) or own or self.common.action or checker_class(self.name).default_action
        )
        return str(chosen)

    def as_dict(self) -> dict[str, object]:
        """All options with their values, for the manifest."""
        return asdict(self.options) | {
            "action": self.common.action or checker_class(self.name).default_action,
            "redact": self.common.redact,
            "actions": dict(self.common.actions),
        }


@dataclass(frozen=True)
class Policy:
    """A whole, valid policy. Build one with `Policy.load("default")`, a path, or `Policy.from_dict`."""

    name: str
    fields: Mapping[str, str]
    corpus: Corpus
    checkers: Mapping[str, CheckerTable]
    gates: tuple[Gate, ...]
    earlier: Mapping[str, Earlier] = field(default_factory=dict)

    @staticmethod
    def load(policy: str | Path) -> Policy:
        """The packaged policy of this name, or the one in this TOML file. ConfigError lists every mistake."""
        return _resolve(*_read(str(policy)))

    @staticmethod
    def from_dict(table: Mapping[str, Any]) -> Policy:
        """The policy in this dictionary, shaped as the TOML file is."""
        return _resolve(dict(table), _Place("policy", {}))

    def with_fields(self, fields: Mapping[str, str]) -> Policy:
        """The same policy, reading these fields too (they win)."""
        mistakes = [
            f"--field {role}=...: unknown role{suggestion(role, FIELD_ROLES)}"
            for role in fields
            if role not in FIELD_ROLES
        ]
        if mistakes:
            raise ConfigError("\n".join(mistakes))
        return replace(self, fields={**self.fields, **fields})

    def as_dict(self) -> dict[str, object]:
        """Everything that decides, resolved: what the manifest records and its hash covers."""
        return {
            "version": 1,
            "name": self.name,
            "fields": dict(sorted(self.fields.items())),
            "corpus": asdict(self.corpus),
            "checkers": {name: table.as_dict() for name, table in sorted(self.checkers.items())},
            "gates": [asdict(gate) for gate in self.gates],
            "earlier": {path: run.sha256 for path, run in sorted(self.earlier.items())},
        }

    @property
    def sha256(self) -> str:
        """Hash of the resolved policy, its name left out."""
        data = {key: value for key, value in self.as_dict().items() if key != "name"}
        return hashlib.sha256(json.dumps(data, sort_keys=True, default=list).encode()).hexdigest()


# ---- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where a policy was read, and the line of each of its keys."""

    name: str
    lines: Mapping[tuple[str, ...], int]

    def of(self, *path: str) -> str:
        """`policy.toml:12` for the key at this path, or of the nearest table around it."""
        for size in range(len(path), 0, -1):
            if path[:size] in self.lines:
                return f"{self.name}:{self.lines[path[:size]]}"
        return self.name


def _read(policy: str) -> tuple[dict[str, Any], _Place]:
    """The TOML table of a packaged policy or a file, and its lines; `extends` is not yet followed."""
    path = resource(f"rules/policies/{policy}.toml") if policy in PACKAGED else Path(policy)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if policy.endswith(".toml") or "/" in policy:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"policy {policy}: cannot be read ({reason})") from None
        raise ConfigError(f"unknown policy '{policy}'{suggestion(policy, PACKAGED)}") from None
    name = policy if policy in PACKAGED else path.name
    try:
        return tomllib.loads(text), _Place(name, key_lines(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"policy {name}: not valid TOML: {error}. A policy is a TOML file that begins with `version = 1`"
        ) from None


_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """1-based line of each table and key of a TOML text; elements of an array of tables get their index as a part.

    Good enough to point at: keys inside multi-line strings may be found too, keys of inline tables are not.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _parts(header.group(2))
            if header.group(1) == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            lines.setdefault(table, number)
        elif key:
            lines.setdefault((*table, *_parts(key.group(1))), number)
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _resolve(table: dict[str, Any], place: _Place) -> Policy:
    """The valid policy, or ConfigError with every mistake on a line of its own."""
    mistakes: list[str] = []
    base = _base(table, place, mistakes)
    known = ("version", "extends", "fields", "corpus", "checkers", "gate")
    for key in table:
        if key not in known:
            mistakes.append(f"{place.of(key)}: unknown key '{key}'{suggestion(key, known)}")
    if table.get("version") != 1:
        mistakes.append(
            f"{place.of('version')}: `version = 1` is missing"
            if "version" not in table
            else f"{place.of('version')}: unknown version"
        )
    for key, kind, word in (
        ("fields", dict, "table"),
        ("corpus", dict, "table"),
        ("checkers", dict, "table"),
        ("gate", list, "array of tables"),
    ):
        if key in table and not isinstance(table[key], kind):
            mistakes.append(f"{place.of(key)}: '{key}' must be a {word}")
            table[key] = kind()
    policy = _assemble(table, place, base, mistakes)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return policy


def _base(table: Mapping[str, Any], place: _Place, mistakes: list[str]) -> Policy:
    """The policy that this one extends, or an empty one."""
    if "extends" in table:
        if table["extends"] in PACKAGED:
            return Policy.load(table["extends"])
        mistakes.append(
            f"{place.of('extends')}: unknown policy '{table['extends']}'{suggestion(str(table['extends']), PACKAGED)}"
        )
    return Policy(place.name.removesuffix(".toml"), {}, Corpus(), {}, ())


def _assemble(table: Mapping[str, Any], place: _Place, base: Policy, mistakes: list[str]) -> Policy:
    """The base with this table laid over it."""
    fields = dict(base.fields)
    for role, path in table.get("fields", {}).items():
        if role not in FIELD_ROLES:
            mistakes.append(f"{place.of('fields', role)}: unknown role '{role}'{suggestion(role, FIELD_ROLES)}")
        elif not isinstance(path, str) or not path:
            mistakes.append(f"{place.of('fields', role)}: the path of '{role}' must be a non-empty string")
        else:
            fields[role] = path
    corpus, wrong = read_options(Corpus, {**asdict(base.corpus), **table.get("corpus", {})})
    mistakes.extend(f"{place.of('corpus', mistake.key)}: [corpus] {mistake.text}" for mistake in wrong)
    checkers = _checkers(table.get("checkers", {}), place, base, mistakes)
    gates = _gates(table.get("gate", []), place, base, checkers, mistakes)
    earlier = dict(base.earlier)
    for number, gate in enumerate(table.get("gate", [])):
        try:
            earlier |= earlier_runs(gate, earlier)
        except ConfigError as error:
            mistakes.append(f"{place.of('gate', str(number), 'not_worse_than')}: [[gate]] not_worse_than: {error}")
    if not checkers and not mistakes:
        mistakes.append(
            f'{place.name}: the policy runs no checker; add a table such as [checkers.pii], or extends = "default"'
        )
    return Policy(place.name.removesuffix(".toml"), fields, corpus, checkers, gates, earlier)


def _checkers(tables: Mapping[str, Any], place: _Place, base: Policy, mistakes: list[str]) -> dict[str, CheckerTable]:
    """The checkers of the base and of this policy, options merged key by key."""
    merged = dict(base.checkers)
    for name, table in tables.items():
        where = ("checkers", name)
        if name not in catalogue():
            mistakes.append(f"{place.of(*where)}: unknown checker '{name}'{suggestion(name, catalogue())}")
            continue
        if not isinstance(table, dict):
            mistakes.append(f"{place.of(*where)}: [checkers.{name}] must be a table")
            continue
        checker = _checker(name, table, base.checkers.get(name), place, mistakes)
        if checker and checker.common.enabled:
            merged[name] = checker
        else:
            merged.pop(name, None)
    return merged


def _checker(
    name: str, table: Mapping[str, Any], base: CheckerTable | None, place: _Place, mistakes: list[str]
) -> CheckerTable | None:
    """One checker's table read into its options; every mistake in it noted."""
    common_keys = {item.name for item in fields(Common)}
    own = {
        **_given(base.options if base else None),
        **{key: value for key, value in table.items() if key not in common_keys},
    }
    both = {
        **_given(base.common if base else None),
        **{key: value for key, value in table.items() if key in common_keys},
    }
    kind = checker_class(name)
    options, wrong = read_options(kind.Options, own)
    if any("unknown option" in mistake.text for mistake in wrong):
        wrong = [m._replace(text=_with_common(m.key, kind)) if "unknown option" in m.text else m for m in wrong]
    common, wrong_common = read_options(Common, both)
    notes = [
        f"{place.of('checkers', name, *m.key.split('.'))}: [checkers.{name}] {m.text}" for m in (*wrong, *wrong_common)
    ]
    if not notes and common.enabled and common.actions:
        rules, _ = attempt(lambda: kind(options).rules(), seconds=RULES_SECONDS)
        notes = _wrong_actions(name, rules, common, place)
    mistakes.extend(notes)
    return None if notes else CheckerTable(name, options, common)


def _with_common(key: str, kind: type[AnyChecker]) -> str:
    known = {item.name for item in (*fields(kind.Options), *fields(Common))}
    return f"unknown option '{key}'{suggestion(key, known)}"


def _wrong_actions(name: str, rules: Sequence[Rule] | None, common: Common, place: _Place) -> list[str]:
    """Mistakes in `actions`: unknown actions, and unknown rules of a checker that can be opened here."""
    known = {rule.id for rule in rules or ()}
    notes = []
    for rule, action in common.actions.items():
        where = place.of("checkers", name, "actions", rule)
        if rules is not None and rule not in known:
            notes.append(f"{where}: unknown rule '{rule}'{suggestion(rule, known)}")
        if action not in ACTIONS:
            notes.append(f"{where}: unknown action '{action}'{suggestion(action, ACTIONS)}")
    return notes


def _given(options: Any) -> dict[str, Any]:
    """The values of a dataclass of options that differ from its defaults, so that they can be merged."""
    if options is None:
        return {}
    default = type(options)()
    names = [item.name for item in fields(options)]
    return {name: getattr(options, name) for name in names if getattr(options, name) != getattr(default, name)}


def _gates(
    tables: Sequence[Any], place: _Place, base: Policy, checkers: Mapping[str, CheckerTable], mistakes: list[str]
) -> tuple[Gate, ...]:
    """Gates of the base, then of this policy; one on the same metric and slice replaces the earlier.

    A bound and a comparison with an earlier run may stand side by side.
    """
    there = {*checkers, "corpus", "planted"}
    gates = {gate.key: gate for gate in base.gates if gate.metric.partition(".")[0] in there}
    for number, table in enumerate(tables):
        where = ("gate", str(number))
        if not isinstance(table, dict) or "metric" not in table:
            mistakes.append(f'{place.of(*where)}: a [[gate]] needs a metric, such as metric = "pii.documents_share"')
            continue
        gate, wrong = read_options(Gate, table)
        mistakes.extend(f"{place.of(*where, mistake.key)}: [[gate]] {mistake.text}" for mistake in wrong)
        if gate is None:
            continue
        note = _unknown_metric(gate.metric, checkers)
        if note:
            mistakes.append(f"{place.of(*where, 'metric')}: {note}")
        gates[gate.key] = gate
    return tuple(gates.values())


def _unknown_metric(metric: str, checkers: Mapping[str, CheckerTable]) -> str:
    """What is wrong with this metric's name, or nothing."""
    known = {"planted.recall", *(f"corpus.{name}" for name in CORPUS_METRICS)}
    for checker in checkers:
        known |= {f"{checker}.{name}" for name in (*STANDARD_METRICS, *checker_class(checker).METRICS)}
    if metric in known:
        return ""
    checker = metric.partition(".")[0]
    if checker in catalogue() and checker not in checkers:
        return f"gate on '{metric}', but the policy does not run '{checker}'; add [checkers.{checker}]"
    return f"unknown metric '{metric}'{suggestion(metric, known)}"
