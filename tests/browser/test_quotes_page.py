"""Quotations, differences and raw text in a real browser: accessible, inert, hidden until a click."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditkit import gate
from auditkit.cli.runs import report
from auditkit.reading import take_judged, write_sample

if TYPE_CHECKING:
    from conftest import Page

pytestmark = pytest.mark.slow

SAME = "the mill stands by the river and grinds rye for the whole valley every autumn until the first snow falls on it "
HOSTILE = "<img src=x onerror=document.title='PWNED'>"
ROWS = [
    {"id": "mail", "text": f"You stupid idiot {HOSTILE} write to mary.poppins@acme-corp.com \u202e now"},
    {"id": "stays", "text": SAME * 2 + "and the miller sings while he works at the wheel all day long"},
    {"id": "copy", "text": SAME * 2 + f"and {HOSTILE} the miller hums while he works at the wheel"},
]
POLICY = {
    "version": 1,
    "checkers": {
        "pii": {"entities": ["EMAIL_ADDRESS"], "action": "flag"},
        "toxicity": {"action": "flag"},
        "near_duplicates": {"threshold": 0.5, "action": "drop"},
    },
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that readers have judged, and its page with raw text."""
    import json

    folder = tmp_path_factory.mktemp("quotes")
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    gate(folder / "a.jsonl", POLICY, out=folder / "run")
    write_sample(folder / "run", folder / "sample.json", per_rule=5, seed=0)
    sample = json.loads((folder / "sample.json").read_text())
    for entry in sample["decisions"]:
        entry["decision"] = "must-fix"
    (folder / "sample.json").write_text(json.dumps(sample))
    take_judged(folder / "run", folder / "sample.json", who="Jo")
    for name, evidence in (("masked.html", "masked"), ("raw.html", "raw")):
        arguments = [str(folder / "run"), "--out", str(folder / name), "--evidence", evidence]
        report.main(arguments, standalone_mode=False)
    return folder


def opened(page: Page, path: Path, size: str) -> None:
    page.open(path, size=size)
    page.js("for (const one of document.querySelectorAll('details')) one.open = true")


@pytest.mark.parametrize("name", ["masked.html", "raw.html"])
@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_the_page_is_accessible_and_nothing_in_it_acts(
    size: str, scheme: str, name: str, page: Page, run: Path
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    opened(page, run / name, size)
    assert "PWNED" not in page.driver.title
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert page.js("return document.documentElement.scrollWidth <= window.innerWidth")
    assert page.js("return document.querySelectorAll('.difference ins, .difference del').length") > 0
    assert "How right the findings are" in page.js("return document.body.textContent")
    page.driver.set_script_timeout(240)
    page.js((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    serious = [
        (item["id"], item["nodes"][0]["html"][:200])
        for item in found["violations"]
        if item["impact"] in ("serious", "critical", "moderate")
    ]
    assert serious == []
    page.driver.get_log("browser")


def test_raw_text_shows_after_a_click_only(page: Page, run: Path) -> None:
    page.open(run / "masked.html")
    assert "mary.poppins" not in page.driver.page_source
    page.open(run / "raw.html")
    banner = page.driver.find_element("css selector", ".banner")
    assert "raw text" in banner.text
    assert "mary.poppins" not in page.driver.find_element("tag name", "body").text
    assert page.find("pii/email") == 1
    page.driver.find_element("css selector", "#findings tbody details summary").click()
    assert "mary.poppins@acme-corp.com" in page.driver.find_element("css selector", "#findings tbody").text
    assert "\u202e" not in page.driver.page_source
