"""A headless Chromium, and report pages for it. Without a browser: a failure where CI is set, else a skip that says so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "outputs"))

import samples

from auditkit import outputs
from auditkit.report_data import Report

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


@dataclass
class Page:
    """A browser with one report open."""

    driver: Any
    downloads: Path

    def open(self, path: Path, *, size: str = "desktop") -> None:
        """Show a file at a window size; the log so far is forgotten."""
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())

    def js(self, code: str) -> Any:
        """What this JavaScript returns, run outside of the page's policy."""
        return self.driver.execute_script(code)

    def rows(self) -> int:
        """Findings that are drawn."""
        return int(self.js("return document.querySelectorAll('#findings tbody tr').length"))

    def find(self, text: str) -> int:
        """Type into the search field; the number of rows drawn then."""
        field = self.driver.find_element("id", "search")
        field.clear()
        field.send_keys(text)
        return self.rows()

    def shown(self) -> str:
        """What the page says about how many findings are shown."""
        return str(self.driver.find_element("id", "shown").text)


def _no_browser() -> None:
    message = "no Chromium or ChromeDriver: apt-get install chromium chromium-driver"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    binary, driver_path = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if binary is None or driver_path is None:
        _no_browser()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    profile, downloads = tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    try:
        yield Page(driver, downloads)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Report], Path]:
    """Writes a report page and returns its path."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str, report: Report) -> Path:
        path = folder / f"{name}.html"
        path.write_bytes(outputs.render(report, "html"))
        return path

    return write


@pytest.fixture(scope="session")
def sample_page(written: Callable[[str, Report], Path]) -> Path:
    return written("sample", samples.sample())


@pytest.fixture(scope="session")
def small_page(written: Callable[[str, Report], Path]) -> Path:
    return written("small", samples.sample(n_rows=600, n_findings=60))


@pytest.fixture(scope="session")
def hostile_page(written: Callable[[str, Report], Path]) -> Path:
    return written("hostile", samples.hostile())


@pytest.fixture(scope="session")
def large_page(written: Callable[[str, Report], Path]) -> Path:
    return written("large", samples.sample(n_rows=10_000, n_findings=10_000))
