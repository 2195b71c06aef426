"""The README is true: its commands run, its example prints what stands below it.

AUDITKIT_UPDATE=1 writes the outputs of today into the README instead of comparing.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TIMES = re.compile(r"\d+(\.\d+)? (ms|s|min)\b|\b\d+ min \d+ s|[0-9.,]+ (kB|MB|GB)")
pytestmark = pytest.mark.slow


def blocks():
    """(language, text) of every fenced block."""
    return [(match.group(1), match.group(2)) for match in BLOCK.finditer(README.read_text(encoding="utf-8"))]


def compare(text, said):
    """The block holds what was said, times aside; or it is rewritten."""
    if os.environ.get("AUDITKIT_UPDATE"):
        README.write_text(README.read_text(encoding="utf-8").replace(f"```text\n{text}```", f"```text\n{said}```", 1))
        return
    assert words(text) == words(said)


def words(text):
    """What is said, times aside, in any order: a longer time breaks a line elsewhere."""
    return sorted(TIMES.sub("T", text).split())


def run(command, folder):
    """One command of the README in a folder, `auditkit` being this interpreter's."""
    words = shlex.split(command)
    words = [sys.executable, "-m", "auditkit", *words[1:]]
    environment = os.environ | {"COLUMNS": "80"}
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment, timeout=600, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the demonstration has run."""
    path = tmp_path_factory.mktemp("readme")
    done = run("auditkit demo demo --rows 2000", path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def test_the_example_prints_what_stands_below_it(tmp_path):
    found = blocks()
    place = next(i for i, (language, _) in enumerate(found) if language == "python")
    code = found[place][1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 8
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    compare(found[place + 1][1], done.stdout)


def test_every_command_runs(folder):
    found = blocks()
    policy = next(text for language, text in found if language == "toml")
    assert len(policy.splitlines()) <= 8
    (folder / "strict.toml").write_text(policy)
    for place, (language, text) in enumerate(found):
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")] if language == "console" else []
        for command in commands:
            if command.startswith("make "):
                subprocess.run(["make", "-n", command.split()[1]], cwd=ROOT, check=True, capture_output=True)
                continue
            done = run(command, folder)
            assert done.returncode in (0, 1, 3), command + done.stderr  # 3: the corpus has lines that cannot be read
            assert "Traceback" not in done.stderr
            if " gate " in command:
                compare(
                    found[place + 1][1], "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip() + "\n"
                )
