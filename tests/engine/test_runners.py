"""The same bytes whatever runs the shards."""

from __future__ import annotations

import random

import pytest

from auditkit import gate

ROWS = [
    {"id": str(i), "text": f"row {i} " + f"word{i % 13} " * 200 + ("!!!" if i % 5 == 0 else "")} for i in range(4000)
]
POLICY = {"version": 1, "checkers": {"shouting": {"action": "drop"}, "letters": {}, "near_duplicates": {}}}
FILES = (
    "manifest.json",
    "findings.parquet",
    "documents.parquet",
    "certificates.parquet",
    "metrics.json",
    "kept/a.jsonl",
    "report.md",
)


def shuffled(fn, items):
    """A runner that gives its results in any order."""
    results = [(position, fn(item)) for position, item in enumerate(items)]
    random.Random(7).shuffle(results)
    yield from results


@pytest.fixture
def expected(plugins, write, tmp_path):
    path = write("a.jsonl", ROWS)
    gate(path, POLICY, out=tmp_path / "expected")
    return path, {name: (tmp_path / "expected" / name).read_bytes() for name in FILES[:-1]}


@pytest.mark.parametrize(
    ("runner", "workers"),
    [
        pytest.param(shuffled, None, id="shuffled"),
        pytest.param("processes", 1, id="1 process"),
        pytest.param("processes", 2, id="2 processes"),
        pytest.param("ray", 2, id="ray", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own future
def test_every_runner_gives_the_same_bytes(expected, tmp_path, runner, workers, monkeypatch):
    from tests.conftest import PLUGINS

    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))
    path, files = expected
    gate(path, POLICY, out=tmp_path / "run", runner=runner, workers=workers)
    for name, data in files.items():
        assert (tmp_path / "run" / name).read_bytes() == data, name
