"""loop.toml: what a loop is. Every mistake is told with its line and a suggestion, all at once."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from auditkit.checker import checker_class, read_options
from auditkit.errors import ConfigError, suggestion
from auditkit.loop.tables import (
    LOOP_METRICS,
    Drift,
    GeneratorTable,
    JudgeTable,
    Prompts,
    RecoveryTable,
    Reference,
    Sampling,
    TailTable,
    TrainerTable,
)
from auditkit.policy import CORPUS_METRICS, STANDARD_METRICS, Policy, key_lines
from auditkit.resources import resource

OPERATIONAL = ("timeout_s", "tries", "backoff_s", "concurrency", "per_second", "price_in", "price_out", "budget_tokens")
"""Settings that change nothing in what comes out; a resumed or continued loop may have others."""


@dataclass(frozen=True)
class Loop:
    """A whole, valid loop. folder: what its relative paths start from. drift: the packaged bounds unless given."""

    folder: Path
    rounds: int = 1
    seed: int = 0
    regime: str = "accumulate"
    policy: str = "self-training"
    reference: Reference = field(default_factory=Reference)
    prompts: Prompts = field(default_factory=Prompts)
    sampling: Sampling = field(default_factory=Sampling)
    generator: GeneratorTable = field(default_factory=GeneratorTable)
    judge: JudgeTable = field(default_factory=JudgeTable)
    trainer: TrainerTable = field(default_factory=TrainerTable)
    recovery: RecoveryTable = field(default_factory=RecoveryTable)
    tail: TailTable = field(default_factory=TailTable)
    drift: tuple[Drift, ...] = ()

    def path(self, name: str) -> Path:
        """A path of loop.toml, relative ones from its folder."""
        return self.folder / name

    def load_policy(self) -> Policy:
        """The policy by its packaged name or its file."""
        is_file = self.policy.endswith(".toml") or "/" in self.policy
        return Policy.load(str(self.path(self.policy)) if is_file else self.policy)

    def decides(self) -> dict[str, object]:
        """Every setting that changes what comes out, as JSON values; the number of rounds does not."""
        tables: dict[str, object] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                tables[item.name] = {key: part for key, part in asdict(value).items() if key not in OPERATIONAL}
            elif item.name not in ("folder", "rounds"):
                tables[item.name] = [asdict(one) for one in value] if item.name == "drift" else value
        return tables


TABLES: Mapping[str, type] = {
    "reference": Reference, "prompts": Prompts, "sampling": Sampling, "generator": GeneratorTable,
    "judge": JudgeTable, "trainer": TrainerTable, "recovery": RecoveryTable, "tail": TailTable,
}  # fmt: skip
REQUIRED = ("reference", "prompts", "generator")


@dataclass(frozen=True)
class _Top:
    """The keys outside of any table."""

    version: int = 0
    rounds: int = 1
    seed: int = 0
    regime: Literal["accumulate", "replace"] = "accumulate"
    policy: str = "self-training"

    def check(self) -> Iterable[tuple[str, str]]:
        """Version and number of rounds."""
        if self.version != 1:
            yield "version", "`version = 1` is missing" if not self.version else f"unknown version {self.version}"
        if self.rounds < 1:
            yield "rounds", "expected 1 or more"


def load(path: Path) -> Loop:
    """The loop of this TOML file; ConfigError lists every mistake as `loop.toml:LINE: what`."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({reason})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}") from None
    lines = key_lines(text)

    def said(where: tuple[str, ...], what: str) -> str:
        known = [where[:size] for size in range(len(where), 0, -1) if where[:size] in lines]
        return f"{path.name}:{lines[known[0]]}: {what}" if known else f"{path.name}: {what}"

    loop, mistakes = _read(table, path.resolve().parent)
    mistakes += _missing_files(loop) if loop and not mistakes else []
    if mistakes or loop is None:
        raise ConfigError("\n".join(said(where, what) for where, what in mistakes))
    policy = loop.load_policy()
    unknown = _unknown_metrics(loop, policy) if "drift" in table else []
    if unknown:
        raise ConfigError("\n".join(said(where, what) for where, what in unknown))
    return loop


_Mistakes = list[tuple[tuple[str, ...], str]]


def _read(table: Mapping[str, Any], folder: Path) -> tuple[Loop | None, _Mistakes]:
    """The loop of a TOML table, and every mistake in it by its path."""
    mistakes: _Mistakes = []
    top = {key: value for key, value in table.items() if key not in TABLES and key != "drift"}
    values: dict[str, Any] = {}
    first, wrong = read_options(_Top, {"version": 0} | top)
    known = [*(item.name for item in dataclasses.fields(_Top)), *TABLES, "drift"]
    for mistake in wrong:
        unknown = mistake.key not in known
        mistakes.append(
            (
                (mistake.key,),
                f"unknown key '{mistake.key}'{suggestion(mistake.key, known)}" if unknown else mistake.text,
            )
        )
    for name, kind in TABLES.items():
        given = table.get(name, {})
        if not isinstance(given, Mapping):
            mistakes.append(((name,), f"[{name}] must be a table"))
        elif name in table or name in REQUIRED:
            values[name], wrong = read_options(kind, given)
            mistakes += [((name, mistake.key), f"[{name}] {mistake.text}") for mistake in wrong]
    values["drift"] = _drift(table.get("drift"), mistakes)
    if mistakes or first is None:
        return None, mistakes
    own = {name: getattr(first, name) for name in ("rounds", "seed", "regime", "policy")}
    return Loop(folder, **own, **values), mistakes


def _drift(tables: Any, mistakes: _Mistakes) -> tuple[Drift, ...]:
    """The bounds of a loop, or the packaged ones."""
    if tables is None:
        return default_drift()
    found = []
    for number, given in enumerate(tables if isinstance(tables, list) else [tables]):
        complete = isinstance(given, Mapping) and {"metric", "tolerance"} <= given.keys()
        if not complete:
            mistakes.append((("drift", str(number)), "[[drift]] needs metric and tolerance"))
            continue
        one, wrong = read_options(Drift, given)
        mistakes += [(("drift", str(number), mistake.key), f"[[drift]] {mistake.text}") for mistake in wrong]
        found.append(one)
    return tuple(found)


def _unknown_metrics(loop: Loop, policy: Policy) -> _Mistakes:
    """Bounds on metrics that no round of this loop measures: such a bound would never hold anything."""
    audited = [f"corpus.{name}" for name in CORPUS_METRICS]
    for name in policy.checkers:
        audited += [f"{name}.{metric}" for metric in (*STANDARD_METRICS, *checker_class(name).METRICS)]
    known = {f"{stage}.{name}" for stage in ("samples", "kept") for name in audited}
    known |= {f"{stage}.loop.{name}" for stage, names in LOOP_METRICS.items() for name in names}
    mistakes: _Mistakes = []
    for number, bound in enumerate(loop.drift):
        where = ("drift", str(number), "metric")
        if bound.metric not in known:
            mistakes.append((where, f"[[drift]] unknown metric '{bound.metric}'{suggestion(bound.metric, known)}"))
        elif bound.metric.startswith("probe.") and not loop.reference.probe:
            mistakes.append((where, f"[[drift]] '{bound.metric}' needs a probe: set [reference] probe"))
    return mistakes


def default_drift() -> tuple[Drift, ...]:
    """The bounds of rules/loop/drift.toml."""
    table = tomllib.loads(resource("rules/loop/drift.toml").read_text(encoding="utf-8"))
    return tuple(Drift(**one) for one in table["drift"])


def _missing_files(loop: Loop) -> _Mistakes:
    """Files and folders that are not there."""
    reference = loop.reference
    named = [(("reference", "files"), name) for name in reference.files]
    named += [(("reference", "evaluation"), name) for name in reference.evaluation]
    named += [(("prompts", "files"), name) for name in loop.prompts.files]
    named += [(("reference", "probe"), reference.probe)] if reference.probe else []
    named += [(("prompts", "attributes"), loop.prompts.attributes)] if loop.prompts.attributes else []
    return [(where, f"there is no file '{name}'") for where, name in named if not loop.path(name).exists()]
