"""A checker or a rule to begin with: a package that installs, finds something, and proves it by its own test.

The package holds rules as data (rules.toml, with their examples) and a checker of a few lines that applies patterns.
`auditkit new rule` adds to such a package, `auditkit new checker` makes one.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from auditkit.checker import BUILTIN
from auditkit.errors import ConfigError

_CHECKER = re.compile(r"[a-z][a-z0-9_]{1,30}")
_RULE = re.compile(r"[a-z][a-z0-9-]{1,40}")

PYPROJECT = Template("""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "auditkit-$name"
version = "0.1.0"
description = "The checker $name for auditkit."
requires-python = ">=3.11"
dependencies = ["auditkit"]

[project.optional-dependencies]
dev = ["pytest"]

[project.entry-points."auditkit.checkers"]
$name = "auditkit_$name:$kind"

[tool.hatch.build.targets.wheel]
packages = ["auditkit_$name"]
""")

MODULE = Template('''\
"""$kind: what rules.toml says, found by pattern.

What it finds: write it here; this text is the checker's page in the manual.
What it misses: measure it, and say so with a number.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from auditkit import Batch, Checked, Rule
from auditkit.checker import read_rule
from auditkit.findings import Found, found_table, mask

RULES = tuple(map(read_rule, tomllib.loads((Path(__file__).parent / "rules.toml").read_text("utf-8"))["rule"]))


@dataclass(frozen=True)
class Options:
    """`[checkers.$name]` of a policy: every field is an option, its type and default are checked and documented."""

    min_score: float = 0.0


class $kind:
    """Looks at each document by itself."""

    name = "$name"
    version = "1"  # raise it whenever the same text would give another finding
    Options = Options
    METRICS: ClassVar[tuple[str, ...]] = ()
    default_action = "flag"

    def __init__(self, options: Options) -> None:
        self.options = options

    def rules(self) -> Sequence[Rule]:
        """What it can find; the examples of each rule are its proof."""
        return RULES

    def check(self, batch: Batch) -> Checked:
        """One finding per match; spans in code points. A Python loop: fine for a start, slow for a large corpus."""
        return Checked(found_table(self._found(batch)))

    def _found(self, batch: Batch) -> Iterator[Found]:
        for text in batch.iter_texts():
            for rule in RULES:
                score = float(str(rule.options.get("score", 1.0)))
                if score >= self.options.min_score:
                    for match in re.finditer(rule.pattern, text.text):
                        yield Found(text.doc, rule.id, text.field, *match.span(), score, mask(match.group()))
''')

RULE = Template("""\
[[rule]]
id = "$name/$rule"
severity = "medium"                                  # info | low | medium | high | critical
summary = "a badge number"                           # what a finding says, in a few words
why = "It names one person, and a model may learn it by heart."
source = ""                                          # the standard or paper that the pattern follows
pattern = \'\'\'(?<![A-Z0-9-])BN-[0-9]{6}(?![0-9])\'\'\'
options = { score = 0.9 }                            # 0..1, higher is worse
match = ["my badge is BN-204118", "BN-771204, at the gate"]          # it must fire on these ...
clean = ["flight BN-20", "order XBN-2041181 arrived"]               # ... and not on these
""")

TEST = Template('''\
"""Every example of every rule goes through a whole audit; and a corpus comes out as it should."""

import subprocess
import sys

from auditkit import audit

POLICY = {"version": 1, "checkers": {"$name": {}}}


def test_the_examples_of_every_rule():
    done = subprocess.run([sys.executable, "-m", "auditkit", "rules", "test", "$name"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"text": "nothing here"}\\n{"text": "my badge is BN-204118"}\\n')
    result = audit(path, POLICY)
    assert result.verdict.word == "pass", result.gaps
    assert set(result.findings["row"].to_pylist()) == {1}
    assert "204118" not in str(result.findings.to_pylist()), "evidence is masked"
''')

README = Template("""\
# auditkit-$name

    pip install -e '.[dev]'                          # from then on auditkit knows the checker
    pytest                                           # every example of every rule, through a whole audit
    auditkit explain $name/$rule
    auditkit scan corpus.jsonl --policy policy.toml

A new rule: `auditkit new rule $name/another-rule`, then edit `auditkit_$name/rules.toml`.
""")

POLICY = Template("""\
version = 1

[checkers.$name]
action = "flag"                                      # flag | redact | drop

[[gate]]
metric = "$name.documents_share"
max = 0.01
""")


def new_checker(name: str, out: Path, *, rule: str = "badge-number") -> list[Path]:
    """Make the package of a checker in `out`, which must be new or empty; the files that were written."""
    _check_names(name, rule)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is not empty; choose another folder with --out")
    kind = "".join(part.capitalize() for part in name.split("_"))
    module = f"auditkit_{name}"
    files = {
        "pyproject.toml": PYPROJECT,
        "README.md": README,
        "policy.toml": POLICY,
        f"{module}/__init__.py": MODULE,
        f"{module}/rules.toml": RULE,
        f"tests/test_{name}.py": TEST,
    }
    for path, template in files.items():
        _write(out / path, template.substitute(name=name, rule=rule, kind=kind))
    return [out / path for path in files]


def new_rule(id: str, out: Path) -> list[Path]:
    """Add a rule `checker/rule` to the package in `out`, which is made where it is not there yet."""
    name, _, rule = id.partition("/")
    _check_names(name, rule)
    path = out / f"auditkit_{name}" / "rules.toml"
    if not path.is_file():
        return new_checker(name, out, rule=rule)
    known = path.read_text(encoding="utf-8")
    if f'id = "{id}"' in known:
        raise ConfigError(f"{path}: has a rule {id} already")
    _write(path, known.rstrip("\n") + "\n\n" + RULE.substitute(name=name, rule=rule))
    return [path]


def _check_names(name: str, rule: str) -> None:
    """ConfigError for a name that Python, TOML or the catalogue would not take."""
    if name in BUILTIN:
        raise ConfigError(f"'{name}' is a checker of auditkit's own; its rules are part of it. Choose another name")
    if not _CHECKER.fullmatch(name):
        raise ConfigError(f"checker '{name}': expected small letters, digits and _, such as badge_numbers")
    if not _RULE.fullmatch(rule):
        raise ConfigError(f"rule '{name}/{rule}': expected CHECKER/RULE, such as {name}/badge-number")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
