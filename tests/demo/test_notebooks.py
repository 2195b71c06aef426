"""The notebooks run as they stand, and show what they showed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(ROOT.glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path):
    command = [sys.executable, str(ROOT / "execute.py"), str(path), "--check"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_run_from_top_to_bottom_before_it_was_committed(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell["outputs"] for cell in cells)


def test_a_cell_that_raises_fails(tmp_path):
    cell = {"cell_type": "code", "source": ["1 / 0"], "outputs": [], "execution_count": None}
    (tmp_path / "bad.ipynb").write_text(json.dumps({"cells": [cell]}))
    command = [sys.executable, str(ROOT / "execute.py"), str(tmp_path / "bad.ipynb"), "--check"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 1
    assert "ZeroDivisionError" in said.stderr
