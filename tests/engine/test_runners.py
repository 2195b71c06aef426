"""The same bytes whatever runs the shards."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from auditkit import gate
from auditkit.policy import Corpus
from auditkit.shards import Limits

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
        pytest.param("processes", 7, id="7 processes", marks=pytest.mark.slow),
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


@pytest.mark.parametrize(("block_bytes", "block_rows"), [(1 << 14, 1 << 15), (1 << 18, 100), (1 << 26, 1 << 15)])
def test_blocks_of_any_size_give_the_same_bytes(expected, tmp_path, monkeypatch, block_bytes, block_rows):
    path, files = expected
    limits = dataclasses.replace(Limits(), block_bytes=block_bytes, block_rows=block_rows)
    monkeypatch.setattr(Corpus, "limits", lambda _corpus: limits)
    gate(path, POLICY, out=tmp_path / "run")
    for name, data in files.items():
        assert (tmp_path / "run" / name).read_bytes() == data, name


def test_inputs_in_any_order_and_named_twice_give_the_same_bytes(plugins, write, tmp_path):
    paths = [str(write(f"in/{name}.jsonl", ROWS[place::4])) for place, name in enumerate("abcd")]
    orders = [paths, paths[::-1], [str(tmp_path / "in")], [paths[2], str(tmp_path / "in"), paths[0]]]
    found = []
    for number, order in enumerate(orders):
        run = tmp_path / f"run{number}"
        gate(order, POLICY, out=run)
        found.append(
            {name: (run / name).read_bytes() for name in ("manifest.json", "findings.parquet", "kept/c.jsonl")}
        )
    assert all(one == found[0] for one in found)


GOLDEN = Path(__file__).with_name("golden_run.json")


def test_every_version_of_python_gives_the_same_bytes(plugins, write, tmp_path):
    """Held against what was committed: each Python that the tests run on gives these hashes, or this fails there.

    Parquet files are left out, since every version of their writer signs them. AUDITKIT_UPDATE=1 writes it anew.
    """
    lines = [*map(json.dumps, ROWS[:600]), "{broken", json.dumps({"text": "é😀 loud!!!", "id": 1.50})]
    policy = {
        "version": 1,
        "corpus": {"max_quarantined": 1.0},
        "checkers": {"shouting": {"action": "redact"}, "letters": {}},
    }
    gate(write("a.jsonl", lines), policy, out=tmp_path / "run")
    content = json.loads((tmp_path / "run/manifest.json").read_text())
    names = ("metrics.json", "quarantine.jsonl", "kept/a.jsonl")
    now = {name: hashlib.sha256((tmp_path / "run" / name).read_bytes()).hexdigest() for name in names}
    now |= {key: content[key] for key in ("verdict", "counts", "files", "inputs")}
    if os.environ.get("AUDITKIT_UPDATE"):
        GOLDEN.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    assert now == json.loads(GOLDEN.read_text())


SIX_GOLDEN = Path(__file__).with_name("golden_six.json")
SIX = ("pii", "toxicity", "near_duplicates", "hallucination", "skew", "diversity")


def test_six_checkers_say_the_same_on_every_version_of_python(write, tmp_path, monkeypatch):
    """All six over characters of every age and what versions of Python say differently, held against what was committed.

    benchmarks/versions.py holds whole runs of several versions against one another. AUDITKIT_UPDATE=1 writes it anew.
    """
    from auditkit.engine.redact import KEY_VARIABLE
    from tests.versions import characters, edges

    monkeypatch.setenv(KEY_VARIABLE, "versions")
    policy = {
        "version": 1,
        "corpus": {"max_quarantined": 1.0},
        "checkers": {name: {} for name in SIX} | {"pii": {"action": "redact", "redact": "surrogate"}},
    }
    run = tmp_path / "run"
    gate(write("a.jsonl", [*characters(step=9), *edges()]), policy, out=run)
    metrics = json.loads((run / "metrics.json").read_text())
    said = {
        "findings": pq.read_table(run / "findings.parquet").to_pylist(),
        "metrics": [{key: round(v, 9) if isinstance(v, float) else v for key, v in row.items()} for row in metrics],
    }
    now = {name: hashlib.sha256(repr(rows).encode()).hexdigest() for name, rows in said.items()}
    now |= {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in ("quarantine.jsonl", "kept/a.jsonl")
    }
    now |= {"rules": dict(sorted(Counter(row["rule"] for row in said["findings"]).items()))}
    if os.environ.get("AUDITKIT_UPDATE"):
        SIX_GOLDEN.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    assert now == json.loads(SIX_GOLDEN.read_text())
