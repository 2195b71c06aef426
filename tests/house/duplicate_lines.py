"""Share of code lines that stand in a window of six equal lines elsewhere; exit 1 above 2 %.

Usage: duplicate_lines.py FOLDER. Blank lines, comments, docstrings and imports do not count.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

WINDOW = 6
MAX_SHARE = 0.02  # the lowest among the projects that were studied for this house was 1.5 %


def code_lines(path: Path) -> list[tuple[int, str]]:
    """(line number, stripped text) of the lines that count."""
    text = path.read_text(encoding="utf-8")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_docstring = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if is_docstring or isinstance(node, ast.Import | ast.ImportFrom):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#") and number not in skipped]


def repeated(folder: Path) -> tuple[int, int, list[str]]:
    """(repeated lines, all lines, places of the repeats)."""
    places: dict[tuple[str, ...], list[tuple[Path, int, int]]] = defaultdict(list)
    total = 0
    for path in sorted(folder.rglob("*.py")):
        lines = code_lines(path)
        total += len(lines)
        for start in range(len(lines) - WINDOW + 1):
            window = tuple(line for _, line in lines[start : start + WINDOW])
            if sum(len(line) for line in window) > 60:  # six closing brackets are no repetition
                places[window].append((path, start, lines[start][0]))
    marked = {
        (path, start + i)
        for found in places.values()
        if len(found) > 1
        for path, start, _ in found
        for i in range(WINDOW)
    }
    shown = [" ~ ".join(f"{path}:{line}" for path, _, line in found) for found in places.values() if len(found) > 1]
    return len(marked), total, shown


def main() -> int:
    """Print the share and the places."""
    n_repeated, total, places = repeated(Path(sys.argv[1]))
    share = n_repeated / max(total, 1)
    print(f"{n_repeated} of {total} lines repeated ({share:.1%}, at most {MAX_SHARE:.0%})")
    if share > MAX_SHARE:
        print("\n".join(places[:20]))
    return int(share > MAX_SHARE)


if __name__ == "__main__":
    sys.exit(main())
