"""The documentation: the site builds with every link inside it, has a page per checker and rule, and its examples run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import duckdb
import pytest

from auditkit import gate
from auditkit.checker import BUILTIN
from auditkit.explain import all_rules

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page, language):
    """The fenced blocks of a page in this language."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [match.group(2) for match in BLOCK.finditer(text) if match.group(1) == language]


@pytest.mark.slow
def test_the_site_builds_and_has_a_page_for_everything(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    for name in BUILTIN:
        assert "Rules" in (site / f"checkers/{name}.html").read_text()
    for name, (checker, _) in all_rules().items():
        if checker in BUILTIN:
            assert "<h1 id=" in (site / f"rules/{name}.html").read_text()
    assert "not_worse_than" in (site / "policy.html").read_text()
    assert "auditkit new rule" in (site / "commands.html").read_text()
    pages = "".join(path.read_text() for path in site.rglob("*.html"))
    assert not re.search(
        r"<(?:script|link|img)[^>]+(?:src|href)=\"https?://(?!github\.com)[^\"]+\.(?:js|css|png|woff2?)", pages
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorial")


def run(command, folder):
    words = [sys.executable, "-m", "auditkit", *shlex.split(command)[1:]]
    environment = os.environ | {"COLUMNS": "100"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.slow
def test_every_step_of_the_tutorial_works(folder):
    strict, worse = blocks("tutorial.md", "toml")
    (folder / "strict.toml").write_text(strict)
    (folder / "worse.toml").write_text(worse)
    commands = [
        line[2:] for text in blocks("tutorial.md", "console") for line in text.splitlines() if line.startswith("$ ")
    ]
    codes = [run(command, folder).returncode for command in commands]
    assert all(code in (0, 1) for code in codes), dict(zip(commands, codes, strict=True))
    assert run("auditkit gate demo/corpus.jsonl --out again --policy worse.toml", folder).returncode in (0, 1)
    code = blocks("tutorial.md", "python")[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fail {")


def test_every_policy_in_a_guide_is_one(plugins):
    """Pieces of policies are completed by what stands around them in a file."""
    import tomllib

    from auditkit.policy_schema import policy_schema

    known = policy_schema()["properties"]
    for path in sorted((ROOT / "docs").rglob("*.md")):
        for text in blocks(path.relative_to(ROOT / "docs"), "toml"):
            table = tomllib.loads(text)
            if "generator" in table or not {"version", "gate", "checkers"} & set(table):
                continue  # the settings of a loop, not a policy
            assert set(table) <= set(known), path.name
            for one in table.get("gate", ()):
                assert set(one) <= set(known["gate"]["items"]["properties"]), path.name
            for name, options in table.get("checkers", {}).items():
                assert set(options) <= set(known["checkers"]["properties"][name]["properties"]), path.name


# ---- other tools -------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(write, tmp_path, plugins, monkeypatch):
    rows = [
        {"id": str(n), "text": f"mail someone.{n}@acme-corp.com you stupid idiot" if n % 2 else f"row {n}"}
        for n in range(10)
    ]
    policy = {"version": 1, "checkers": {"pii": {"entities": ["EMAIL_ADDRESS"]}, "toxicity": {}}}
    gate(write("a.jsonl", rows), policy, out=tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_the_duckdb_queries_answer(finished):
    first, second, third = (duckdb.sql(text).fetchall() for text in blocks("guides/other-tools.md", "sql"))
    assert ("pii/email", 5, 5) in first
    assert len(second) <= 20
    assert any(one.startswith("pii/") and other.startswith("toxicity/") for one, other, _ in third)


class Recorder(types.ModuleType):
    """Stands for a tracking library: notes every call, keeps what is asked of it."""

    def __init__(self, name):
        super().__init__(name)
        self.calls = []
        self.run = types.SimpleNamespace(summary={})

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def note(*arguments, **options):
            self.calls.append((name, arguments, options))
            return self

        return note


@pytest.mark.parametrize("library", ["mlflow", "wandb"])
def test_a_recipe_logs_a_run_in_twenty_lines(finished, monkeypatch, library):
    code = next(text for text in blocks("guides/other-tools.md", "python") if f"import {library}" in text)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    recorder = Recorder(library)
    monkeypatch.setitem(sys.modules, library, recorder)
    names = {}
    exec(compile(code, library, "exec"), names)
    names["log_run"](str(finished))
    said = json.dumps(recorder.calls, default=str)
    assert "pii.documents_share" in said
    assert "report.html" in said
    assert "acme-corp" not in said
