"""The house rules that no linter knows: sizes, the public surface, what an import costs, frames to a checker."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import auditkit

ROOT = Path(auditkit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
HEAVY = {
    "torch", "presidio_analyzer", "spacy", "great_expectations", "ray", "pandas", "sklearn", "numba", "hyperscan",
    "detoxify", "transformers", "scipy", "polars", "datasets",
}  # fmt: skip
LONG_FILES: dict[str, str] = {}  # file -> why it may be longer than 400 lines
MAX_FILE, MAX_FUNCTION_P95, MAX_PUBLIC, MAX_FRAMES = 400, 35, 14, 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_outgrows_a_stranger(path):
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_FILE or path.relative_to(ROOT).as_posix() in LONG_FILES


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.quantiles(lengths, n=20)[-1] <= MAX_FUNCTION_P95


def test_the_public_surface_is_small_and_real():
    assert len(auditkit.__all__) <= MAX_PUBLIC
    for name in auditkit.__all__:
        assert getattr(auditkit, name).__doc__, name


@pytest.mark.parametrize(
    "arguments", [["-c", "import auditkit"], ["-m", "auditkit", "--help"]], ids=["import", "--help"]
)
def test_an_import_loads_nothing_heavy(arguments):
    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & HEAVY


def test_broad_excepts_stand_in_one_place():
    broad = [
        f"{path.name}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    assert len(broad) == 1
    assert broad[0].startswith("guard.py:")


def test_few_frames_lie_between_audit_and_a_checker(plugins, write):
    """The steps of the story are counted; the guard, the clock and generator frames around them are not steps."""
    import traceback

    import auditkit_plugins

    seen: list[str] = []

    class Watcher(auditkit_plugins.Shouting):
        def check(self, batch):
            seen.extend(frame.name for frame in traceback.extract_stack() if "auditkit" in frame.filename)
            return super().check(batch)

    original, auditkit_plugins.Shouting = auditkit_plugins.Shouting, Watcher
    try:
        policy = {"version": 1, "checkers": {"shouting": {"shout": "watched"}}}  # of no other test: it is opened anew
        auditkit.audit(write("a.jsonl", [{"text": "stop, watched"}]), policy)
    finally:
        auditkit_plugins.Shouting = original
    story = seen[seen.index("audit") + 1 :]
    steps = [name for name in story if not name.startswith(("_", "<")) and name not in {"attempt", "run", "check"}]
    assert steps == ["examine", "first_pass", "look"]
    assert len(steps) + 1 <= MAX_FRAMES
