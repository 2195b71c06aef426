"""Run every code cell of notebooks in a fresh folder and write what they showed into the files.

    python notebooks/execute.py notebooks/audit_a_corpus.ipynb [--check]

With `--check` nothing is written: exit 1 when a cell raises. Plain Python cells only, so that no Jupyter is needed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Run the notebooks named in the arguments; the exit code."""
    paths = [Path(argument).absolute() for argument in arguments if not argument.startswith("-")]
    failed = 0
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        problem = run(notebook)
        if problem:
            sys.stderr.write(f"{path.name}: {problem}\n")
            failed = 1
        elif "--check" not in arguments:
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return failed


def run(notebook: Cell) -> str:
    """Run the cells in one namespace and fill in their outputs; the traceback of the first that raises, or ""."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number, cell in enumerate(cells, 1):
                cell["execution_count"] = number
                cell["outputs"] = outputs("".join(cell["source"]), names, number)
        except Exception:  # noqa: BLE001 - whatever a cell raises is shown as a notebook would
            return f"cell {number}:\n{traceback.format_exc()}"
        finally:
            os.chdir(before)
    return ""


def outputs(source: str, names: dict[str, Any], number: int) -> list[Cell]:
    """What a cell prints, and the value of its last line where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)  # noqa: S102 - running the notebook is the purpose
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names) if last else None  # noqa: S307
    shown: list[Cell] = []
    if printed.getvalue():
        shown.append({"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        shown.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return shown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
