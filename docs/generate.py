"""Pages of the documentation site that the code itself writes: checkers, rules, policy, command line, changes.

A hook of mkdocs: the pages exist only while the site is built, so they are as true as the code they were made from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from auditkit.checker import BUILTIN, Rule, build
from auditkit.cli import cli
from auditkit.explain import explain
from auditkit.policy import PACKAGED
from auditkit.policy_schema import policy_schema
from auditkit.report_data.words import meanings
from auditkit.resources import resource
from auditkit.text.safe import printable

ROOT = Path(__file__).parents[1]
Page = tuple[str, str]
"""(path of the page below docs/, markdown)."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the generated pages to the navigation."""
    checkers = [{name: f"checkers/{name}.md"} for name in BUILTIN]
    config.nav = [
        *(config.nav or []),
        {"Checkers": checkers},
        {"Rules": "rules/index.md"},
        {"Reference": [{"Policy": "policy.md"}, {"Command line": "commands.md"}, {"Changes": "changes.md"}]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the files."""
    for path, content in pages():
        files.append(File.generated(config, path, content=content))
    return files


def pages() -> Iterator[Page]:
    """Every generated page."""
    rules = {name: list(build(name, {}).rules()) for name in BUILTIN}
    for name, own in rules.items():
        yield f"checkers/{name}.md", _checker(name, own)
        yield from ((f"rules/{rule.id}.md", _rule(name, rule)) for rule in own)
    yield "rules/index.md", _rules(rules)
    yield "policy.md", _policy()
    yield "commands.md", _commands()
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    yield "changes.md", changes


def _checker(name: str, rules: Iterable[Rule]) -> str:
    """A checker: its manual as its module says it, options, numbers, rules."""
    options = policy_schema([name])["properties"]["checkers"]["properties"][name]["properties"]
    said = [(metric, text) for metric, text in meanings().items() if metric.partition(".")[0] == name]
    parts = [f"# {name}", "", _block(explain(name)), "", "## Options", ""]
    parts += [f"In a policy: `[checkers.{name}]`.", "", *_options(options), "", "## Numbers", ""]
    parts += _table(("number", "what it says"), ((f"`{metric}`", _cell(text)) for metric, text in said))
    parts += ["", "## Rules", "", *_rule_table(rules, "../rules/")]
    return "\n".join(parts) + "\n"


def _rule(checker: str, rule: Rule) -> str:
    """A rule: what it says, why it matters, on what it fires and on what not."""
    parts = [f"# {rule.id}", "", f"{rule.summary[:1].upper()}{rule.summary[1:]}.".replace("..", "."), ""]
    parts += [f"Severity **{rule.severity}**, checker [{checker}](../../checkers/{checker}.md)."]
    parts += ["", "## Why it matters", "", _cell(rule.why)]
    for title, examples in (("It fires on", rule.match), ("It does not fire on", rule.clean)):
        shown = (example if isinstance(example, str) else json.dumps(list(example)) for example in examples)
        parts += ["", f"## {title}", "", _block("\n".join(printable(text, limit=300) for text in shown))]
    if rule.source:
        parts += ["", "## Source", "", _cell(rule.source)]
    misses = f"What the checker misses, measured, stands on [its page](../../checkers/{checker}.md)."
    return "\n".join([*parts, "", "## What it misses", "", misses, ""])


def _rules(rules: Mapping[str, Iterable[Rule]]) -> str:
    parts = ["# Rules", "", "Each page is made from the rule itself; `auditkit rules test` proves every example."]
    for name, own in rules.items():
        parts += ["", f"## {name}", "", *_rule_table(own, "")]
    return "\n".join(parts) + "\n"


def _rule_table(rules: Iterable[Rule], up: str) -> list[str]:
    rows = ((f"[{rule.id}]({up}{rule.id}.md)", rule.severity, _cell(rule.summary)) for rule in rules)
    return _table(("rule", "severity", "what it finds"), rows)


def _policy() -> str:
    """Every table and key of a policy, from the JSON Schema that the same types make."""
    schema = policy_schema(BUILTIN)["properties"]
    parts = [
        "# Policy",
        "",
        "A TOML file; an unknown key, metric or rule is an error with its line and a suggestion.",
        "",
    ]
    parts += [f"`extends` takes one of {', '.join(f'`{name}`' for name in PACKAGED)}.", ""]
    parts += ["## [fields]", "", "Where the texts are, when the layout is not one of the common ones.", ""]
    parts += _options(schema["fields"]["properties"])
    parts += ["", "## [corpus]", "", *_options(schema["corpus"]["properties"])]
    parts += ["", "## [[gate]]", "", "Exactly one of `max`, `min` and `not_worse_than`.", ""]
    parts += _options(schema["gate"]["items"]["properties"])
    for name, table in schema["checkers"]["properties"].items():
        parts += ["", f"## [checkers.{name}]", "", f"What they do stands on [its page](checkers/{name}.md).", ""]
        parts += _options(table["properties"])
    for name in PACKAGED:
        text = resource(f"rules/policies/{name}.toml").read_text(encoding="utf-8")
        parts += ["", f"## The packaged policy {name}", "", f"```toml\n{text}```"]
    return "\n".join(parts) + "\n"


def _options(properties: Mapping[str, Any]) -> list[str]:
    rows = ((f"`{name}`", _cell(_kind(kind)), _cell(_default(kind))) for name, kind in properties.items())
    return _table(("key", "takes", "default"), rows)


def _kind(kind: Mapping[str, Any]) -> str:
    if "enum" in kind:
        return " or ".join(f'"{value}"' for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_kind(kind['items'])}"
    return str(kind.get("type", "a table"))


def _default(kind: Mapping[str, Any]) -> str:
    return json.dumps(kind["default"]) if "default" in kind else ""


def _commands() -> str:
    """Every command with its help, as the command line prints it."""
    parts = ["# Command line", "", "Exit codes: 0 pass, 1 the gate failed or findings, 2 wrong usage, 3 incomplete."]
    for name, command in _all_commands(cli, "auditkit"):
        context = click.Context(command, info_name=name, max_content_width=100)
        parts += ["", f"## {name}", "", _block(command.get_help(context))]
    return "\n".join(parts) + "\n"


def _all_commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for key, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from _all_commands(command, f"{name} {key}")
        else:
            yield f"{name} {key}", command


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    names = list(head)
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _cell(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join(f"&#{ord(char)};" if char in "|<>[]*_`\\" else char for char in printable(text, limit=2000))


def _block(text: str) -> str:
    """Text as it stands, whatever it holds."""
    lines = [line.replace("\t", "    ") for line in text.split("\n")]
    return "\n".join(["~~~~text", *(line if line != "~~~~" else " ~~~~" for line in lines), "~~~~"])
