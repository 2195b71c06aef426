"""The documentation of rules, generated from the rules themselves, and the proof of their examples."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from auditkit.audit import audit
from auditkit.checker import AnyChecker, Checker, Example, Rule, build, catalogue, checker_class
from auditkit.errors import AuditkitError, ConfigError, suggestion
from auditkit.guard import attempt

OPEN_SECONDS = 60.0  # for a checker to be built and to list its rules


def all_rules() -> dict[str, tuple[str, Rule]]:
    """Rule id -> (checker, rule), for every installed checker that opens with its default options."""
    found: dict[str, tuple[str, Rule]] = {}
    for name in catalogue():
        rules, _ = attempt(lambda name=name: build(name, {}).rules(), seconds=OPEN_SECONDS)  # type: ignore[misc]
        found |= {rule.id: (name, rule) for rule in rules or ()}
    return found


def _rules_of_options() -> dict[str, tuple[str, Rule]]:
    """Rules that a checker has under other options only, as its optional method `other_rules` says."""
    found: dict[str, tuple[str, Rule]] = {}
    for name in catalogue():
        rules, _ = attempt(lambda name=name: _other_rules(build(name, {})), seconds=OPEN_SECONDS)  # type: ignore[misc]
        found |= {rule.id: (name, rule) for rule in rules or ()}
    return found


def _other_rules(checker: AnyChecker) -> Sequence[Rule]:
    rules: Sequence[Rule] = getattr(checker, "other_rules", tuple)()
    return rules


def explain(name: str) -> str:
    """What a rule finds, why it matters, its examples and source; or the manual page of a checker."""
    if name in catalogue():
        kind: type[AnyChecker] = checker_class(name)
        module = inspect.getmodule(kind)
        return inspect.cleandoc(_manual(kind) or (module.__doc__ if module else "") or "")
    rules = all_rules() | _rules_of_options()
    if name not in rules:
        raise ConfigError(f"unknown rule '{name}'{suggestion(name, [*rules, *catalogue()])}")
    checker, rule = rules[name]
    parts = [f"{rule.id}  ({rule.severity}, checker {checker})", "", rule.summary, "", f"Why: {rule.why}"]
    for title, examples in (("Fires on:", rule.match), ("Does not fire on:", rule.clean)):
        parts += ["", title, *(f"  {_shown(example)}" for example in examples)]
    if rule.source:
        parts += ["", f"Source: {rule.source}"]
    return "\n".join(parts)


def _manual(kind: type[AnyChecker]) -> str:
    """The docstring of the package that holds the checker: its page in the manual."""
    from importlib import import_module

    home = ".".join(kind.__module__.split(".")[:3])
    return import_module(home).__doc__ or ""


def _shown(example: Example) -> str:
    """An example on one line, harmless to print."""
    from auditkit.text.safe import printable

    return printable(example if isinstance(example, str) else json.dumps(list(example), ensure_ascii=False), limit=300)


def rule_lines(checker: str | None) -> list[str]:
    """One line per rule: id, severity, summary."""
    if checker is not None:
        build(checker, {})
    rules = [(rule, name) for name, rule in all_rules().values() if checker in (None, name)]
    width = max((len(rule.id) for rule, _ in rules), default=0)
    return [f"{rule.id:<{width}}  {rule.severity:<8}  {rule.summary}" for rule, _ in rules]


def failed_examples(names: Sequence[str]) -> tuple[int, list[str]]:
    """(number of examples run, one sentence per example that came out wrong) for these rules or checkers; all if none.

    Texts of a per-document checker are the rows of one corpus; every other example is audited by itself.
    """
    rules = all_rules()
    unknown = [name for name in names if name not in rules and name not in catalogue()]
    if unknown:
        raise ConfigError(f"unknown rule '{unknown[0]}'{suggestion(unknown[0], [*rules, *catalogue()])}")
    wanted = [(checker, rule) for checker, rule in rules.values() if not names or {rule.id, checker} & set(names)]
    n_examples, failures = 0, []
    for checker in dict.fromkeys(checker for checker, _ in wanted):
        own = [rule for name, rule in wanted if name == checker]
        failures += [
            f"{rule.id}: has no {kind} example"
            for rule in own
            for kind in ("match", "clean")
            if not getattr(rule, kind)
        ]
        cases = [
            (rule, example, fires)
            for rule in own
            for fires in (True, False)
            for example in (rule.match if fires else rule.clean)
        ]
        n_examples += len(cases)
        failures += _wrong(checker, cases)
    return n_examples, failures


Case = tuple[Rule, Example, bool]


def _wrong(checker: str, cases: Iterable[Case]) -> list[str]:
    """The cases that came out wrong."""
    texts: dict[str, list[Case]] = {}
    failures = []
    alone = not isinstance(build(checker, {}), Checker)  # what speaks of a corpus must not see two examples as one
    for case in cases:
        rule, example, fires = case
        options = json.dumps(rule.options.get("example_options", {}), sort_keys=True)
        records = [{"text": example}] if isinstance(example, str) else list(example)
        if isinstance(example, str) and not alone:
            texts.setdefault(options, []).append(case)
        elif (rule.id in _rules_in(checker, options, records).get(None, set())) is not fires:
            failures.append(_sentence(rule, example, fires=fires))
    for options, group in texts.items():
        found = _rules_in(checker, options, [{"text": str(example)} for _, example, _ in group])
        for row, (rule, example, fires) in enumerate(group):
            if (rule.id in found.get(row, set())) is not fires:
                failures.append(_sentence(rule, example, fires=fires))
    return failures


def _sentence(rule: Rule, example: Example, *, fires: bool) -> str:
    return f"{rule.id}: {'does not fire' if fires else 'fires'} on {_shown(example)}"


def _rules_in(checker: str, options: str, records: Sequence[object]) -> dict[int | None, set[str]]:
    """Row -> rules found in it, and under None the rules found anywhere."""
    with tempfile.TemporaryDirectory(prefix="auditkit-") as folder:
        path = Path(folder) / "examples.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        result = audit(path, {"version": 1, "checkers": {checker: json.loads(options)}})
    if result.gaps:
        raise AuditkitError(result.gaps[0])
    found: dict[int | None, set[str]] = {None: set()}
    for row, rule in zip(result.findings["row"].to_pylist(), result.findings["rule"].to_pylist(), strict=True):
        found.setdefault(row, set()).add(rule)
        found[None].add(rule)
    return found
