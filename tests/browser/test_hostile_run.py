"""From hostile rows, ids, field and file names through the command line to the page that a reviewer opens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import samples

if TYPE_CHECKING:
    from conftest import Page

pytestmark = pytest.mark.slow

FILE = "<img src=x onerror=document.title='PWNED'> ![x](javascript:1) ::error:: \u202egnp.jsonl"
FIELD = "<img src=x>"
POLICY = """
version = 1
[fields]
text = "<img src=x>"
[checkers.pii]
action = "flag"
[[gate]]
metric = "pii.documents_share"
max = 0.1
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = [
        {"id": text, FIELD: f"Write to john.doe{number}@example.org. {text}"}
        for number, text in enumerate(samples.HOSTILE)
    ]
    (tmp_path / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "p.toml").write_text(POLICY, encoding="utf-8")
    out = tmp_path / "run"
    arguments = ["gate", tmp_path / FILE, "--policy", tmp_path / "p.toml", "--out", out]
    done = subprocess.run([sys.executable, "-m", "auditkit", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    return out


def test_a_hostile_corpus_does_nothing_in_the_browser(page: Page, run: Path) -> None:
    page.open(run / "report.html")
    time.sleep(0.5)
    assert page.driver.title == "auditkit: fail"
    assert page.driver.get_log("browser") == []
    assert page.rows() == len(samples.HOSTILE)
    assert page.find("onerror") == len(samples.HOSTILE)
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert "john.doe" not in (run / "report.html").read_text(encoding="utf-8")
