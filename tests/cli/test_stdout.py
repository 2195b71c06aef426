"""A reader that goes away, as in `| head`: no traceback, and the exit code is still the verdict's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import PLUGINS


@pytest.mark.parametrize(("policy", "code"), [("drop", 0), ("gate", 1)])
@pytest.mark.parametrize("name", ["gate", "scan"])
def test_a_closed_stdout_keeps_the_exit_code(write, tmp_path, name, policy, code):
    rows = [{"text": "loud!!!"}] * 50
    table = 'version = 1\n[checkers.shouting]\naction = "drop"\n'
    if policy == "gate":
        table += '[[gate]]\nmetric = "shouting.findings"\nmax = 0\n'
    arguments = [name, write("a.jsonl", rows), "--policy", write("p.toml", table.encode())]
    arguments += ["--out", tmp_path / "run"] if name == "gate" else []
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "auditkit", *map(str, arguments)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PLUGINS)},
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == (1 if name == "scan" else code)
