"""report.html in a real browser: hostile text stays text, nothing is requested, search, marking and download work."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import samples

from auditkit.report_data.words import plain

if TYPE_CHECKING:
    from conftest import Page

pytestmark = pytest.mark.slow


def complaints(page: Page) -> list[str]:
    """Errors and warnings of the console, refusals of the content security policy among them."""
    return [entry["message"] for entry in page.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def requests(page: Page) -> list[str]:
    """Addresses that the page asked for."""
    events = (json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance"))
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_hostile_text_does_nothing(size: str, page: Page, hostile_page: Path) -> None:
    page.open(hostile_page, size=size)
    page.js("for (const item of document.querySelectorAll('details')) item.open = true")
    time.sleep(0.5)
    assert page.driver.title == "auditkit: fail"
    assert complaints(page) == []
    assert [url for url in requests(page) if not url.startswith(("file:", "data:,"))] == []
    assert page.js("return document.querySelectorAll('img, iframe, object, embed, form, base').length") == 0
    assert page.js("return document.querySelectorAll('main a:not([href^=\"#\"])').length") == 0


def test_hostile_texts_are_shown_and_found(page: Page, hostile_page: Path) -> None:
    page.open(hostile_page)
    assert page.rows() == len(samples.HOSTILE)
    shown = page.js("return [...document.querySelectorAll('#findings tbody tr')].map(row => row.textContent)")
    for text in samples.HOSTILE:
        assert any(plain(text) in row for row in shown)
        field = page.driver.find_element("id", "search")
        page.driver.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
            field,
            text.split("\n")[0],  # a field has one line
        )
        assert page.rows() >= 1, text


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_verdict_is_on_the_first_screen_and_nothing_overflows(size: str, page: Page, sample_page: Path) -> None:
    page.open(sample_page, size=size)
    word = page.driver.find_element("css selector", "h1 .word")
    assert word.text == "incomplete"
    assert word.location["y"] < 1000
    assert page.js("return document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints(page) == []


def test_search_is_a_case_insensitive_substring_over_file_id_rule_and_evidence(page: Page, sample_page: Path) -> None:
    page.open(sample_page)
    everything = page.shown()
    report = samples.sample()
    rows = report.findings.select(["file", "id", "rule", "evidence"]).to_pylist()

    def matching(text: str) -> int:
        return sum(any(text.lower() in (value or "").lower() for value in row.values()) for row in rows)

    for text in ("DOC-03775", "pii/EMAIL", "Support.JSONL", "j***@e", "nothing like this"):
        page.find(text)
        expected = matching(text)
        assert page.shown() == f"{expected:,} of 901 findings", text
    page.driver.find_element("id", "search").clear()
    page.find("")
    assert page.shown() == everything == "901 findings"


def test_filters_and_sorting(page: Page, sample_page: Path) -> None:
    from selenium.webdriver.support.ui import Select

    page.open(sample_page)
    Select(page.driver.find_element("id", "filter-severity")).select_by_visible_text("critical")
    assert page.shown() == "36 of 901 findings"
    button = page.driver.find_element("css selector", "button[data-sort=file]")
    for direction in ("ascending", "descending"):
        page.driver.execute_script("arguments[0].click()", button)
        assert (
            page.js("return document.querySelector('th[aria-sort=ascending], th[aria-sort=descending]').ariaSort")
            == direction
        )
        files_ = page.js(
            "return [...document.querySelectorAll('#findings tbody tr td:nth-child(3) bdi:first-child')].map(x => x.textContent)"
        )
        assert files_ == sorted(files_, reverse=direction == "descending")


def test_rows_are_drawn_as_they_scroll_into_view(page: Page, sample_page: Path) -> None:
    page.open(sample_page)
    first = page.rows()
    assert first < 901
    for _ in range(200):
        page.js("window.scrollTo({top: document.getElementById('sentinel').offsetTop, behavior: 'instant'})")
        time.sleep(0.02)
        if page.rows() == 901:
            break
    assert page.rows() == 901


def test_marking_is_kept_and_downloaded(page: Page, sample_page: Path) -> None:
    from selenium.webdriver.support.ui import Select

    page.open(sample_page)
    page.js("localStorage.clear()")
    page.open(sample_page)
    assert page.find("doc-03775") >= 1
    row = page.driver.find_element("css selector", "#findings tbody tr")
    rule = row.find_element("css selector", "td:nth-child(2)").text
    Select(row.find_element("tag name", "select")).select_by_value("false_positive")
    row.find_element("css selector", "input").send_keys("checked <b>by hand</b>")
    assert page.driver.find_element("css selector", "#marks p").text == "1 decision"
    page.driver.refresh()
    assert page.driver.find_element("css selector", "#marks p").text == "1 decision"
    page.driver.find_element("id", "download").click()
    path = page.downloads / "decisions.json"
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.05)
    (decision,) = json.loads(path.read_text())
    assert decision["rule"] == rule
    assert decision["decision"] == "false_positive"
    assert decision["reason"] == "checked <b>by hand</b>"
    assert len(decision["fingerprint"]) == 32
    assert complaints(page) == []


def test_marking_all_that_is_shown_with_one_reason(page: Page, sample_page: Path) -> None:
    from selenium.webdriver.support.ui import Select

    page.open(sample_page)
    page.js("localStorage.clear()")
    page.open(sample_page)
    Select(page.driver.find_element("id", "filter-rule")).select_by_visible_text("hallucination/refusal")
    Select(page.driver.find_element("id", "mark-all")).select_by_value("accepted_risk")
    assert page.driver.find_element("css selector", "#marks p").text == "77 decisions, 77 without a reason"
    page.driver.find_element("css selector", "#marks input").send_keys("refusals are wanted here")
    page.driver.find_element("css selector", "#marks button").click()
    assert page.driver.find_element("css selector", "#marks p").text == "77 decisions"
    Select(page.driver.find_element("id", "filter-decision")).select_by_visible_text("none yet")
    assert page.shown() == "0 of 901 findings"
    page.js("localStorage.clear()")


def test_ten_thousand_findings_are_there_within_two_seconds(page: Page, large_page: Path) -> None:
    page.open(large_page)
    assert page.find("doc-00077") >= 1
    assert page.js("return performance.getEntriesByType('navigation')[0].loadEventEnd") < 2000
    took = page.js(
        "const t = performance.now(); const s = document.getElementById('search'); s.value = 'e***';"
        "s.dispatchEvent(new Event('input')); return performance.now() - t"
    )
    assert took < 500
    assert page.shown().endswith("of 10,001 findings")


def test_everything_but_later_findings_reads_without_script(page: Page, sample_page: Path) -> None:
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(sample_page)
        text = page.driver.find_element("tag name", "body").text
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Without script this page shows the worst 50." in text
    assert "near_duplicates/near_copy" in text
    assert "What the words mean" in text


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_axe_finds_no_serious_violation(size: str, scheme: str, page: Page, small_page: Path) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    page.open(small_page, size=size)
    page.driver.set_script_timeout(240)
    page.js((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    serious = [
        (item["id"], item["nodes"][0]["html"][:120])
        for item in found["violations"]
        if item["impact"] in ("serious", "critical", "moderate")
    ]
    assert serious == []


def test_keyboard_reaches_search_rows_and_decisions(page: Page, sample_page: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open(sample_page)
    page.driver.find_element("id", "search").send_keys("credit", Keys.TAB)
    seen = set()
    for _ in range(24):
        active = page.driver.switch_to.active_element
        seen.add(active.tag_name)
        active.send_keys(Keys.TAB)
    assert {"select", "button", "summary"} <= seen
