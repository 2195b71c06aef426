"""The lock of the CI names every dependency of pyproject.toml in a version that it allows, with hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", LOCK, re.MULTILINE)
}
NOT_LOCKED = {"torch", "auditkit"}  # torch comes without CUDA from wherever the builder has it; see the Makefile


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    waiting, seen = [*project["dependencies"], *extras["all"], *extras["dev"]], set()
    while waiting:
        item = Requirement(waiting.pop())
        if item.name == "auditkit":
            waiting += [one for extra in item.extras - seen for one in extras[extra]]
            seen |= item.extras
        elif item.marker is None or item.marker.evaluate():
            yield item


def test_every_dependency_is_locked():
    wrong = [
        str(item)
        for item in requirements()
        if item.name not in NOT_LOCKED and not item.specifier.contains(PINS.get(canonicalize_name(item.name), "0"))
    ]
    assert wrong == [], "run `make lock`"


def test_every_pin_has_hashes_and_no_place():
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK
    assert "index-url" not in LOCK
