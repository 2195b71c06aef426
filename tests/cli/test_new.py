"""`auditkit new`: what it makes installs, finds something, and passes its own test."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest


def installed(folder):
    """The environment of a Python that has the package in this folder, by the entry points that it declares."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in one.items())
        for group, one in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    return os.environ | {"PYTHONPATH": str(folder)}


def own_tests(folder):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"]
    return subprocess.run(
        command, cwd=folder, env=installed(folder), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_a_new_checker_passes_its_own_test_and_a_policy_runs_it(command, tmp_path):
    done = command("new", "checker", "badge_numbers")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "auditkit-badge_numbers"
    assert sorted(done.stdout.split()) == sorted(
        str(path.relative_to(tmp_path)) for path in folder.rglob("*") if path.is_file()
    )
    tested = own_tests(folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    (tmp_path / "a.jsonl").write_text('{"text": "my badge is BN-204118"}\n')
    scanned = command("scan", "a.jsonl", "--policy", folder / "policy.toml", env=installed(folder))
    assert scanned.stdout == "a.jsonl:1: badge_numbers/badge-number: a badge number: B***\n"
    told = command("explain", "badge_numbers/badge-number", env=installed(folder))
    assert "a badge number" in told.stdout


@pytest.mark.slow
def test_a_new_rule_joins_the_package_and_is_proven_with_it(command, tmp_path):
    assert command("new", "rule", "badge_numbers/first").returncode == 0
    done = command("new", "rule", "badge_numbers/visitor-badge")
    assert done.stdout.strip() == "auditkit-badge_numbers/auditkit_badge_numbers/rules.toml"
    folder = tmp_path / "auditkit-badge_numbers"
    tested = own_tests(folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    listed = command("rules", "list", "--checker", "badge_numbers", env=installed(folder))
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [
        "badge_numbers/first",
        "badge_numbers/visitor-badge",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("checker", "pii"), "auditkit's own", id="built in"),
        pytest.param(("checker", "Bad-Name"), "small letters", id="no name for a module"),
        pytest.param(("rule", "badges"), "expected CHECKER/RULE", id="no rule"),
        pytest.param(("rule", "badges/$(x)"), "expected CHECKER/RULE", id="no name for a rule"),
        pytest.param(("checker", "badges", "--out", "full"), "is not empty", id="a folder with something in it"),
    ],
)
def test_mistakes(command, tmp_path, arguments, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").write_text("")
    done = command("new", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_rule_is_not_written_twice(command):
    command("new", "rule", "badges/one")
    done = command("new", "rule", "badges/one")
    assert done.returncode == 2
    assert "already" in done.stderr
