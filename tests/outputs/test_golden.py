"""The committed sample report is what the code renders today.

After a wanted change: `AUDITKIT_REGENERATE=1 pytest tests/outputs/test_golden.py`, look at the page, commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import samples

from auditkit import outputs

GOLDEN = Path(__file__).parents[2] / "reports" / "golden"


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("report.html", "html"),
        ("report.md", "markdown"),
        ("report.txt", "text"),
        ("report.github", "github"),
        ("report.junit.xml", "junit"),
    ],
)
def test_golden_report(name: str, format: str) -> None:
    made = outputs.render(samples.sample(n_rows=600, n_findings=150), format)
    path = GOLDEN / name
    if os.environ.get("AUDITKIT_REGENERATE"):
        path.write_bytes(made)
    same = path.read_bytes() == made
    assert same, f"{path} differs from what the code renders; see the docstring of {Path(__file__).name}"
