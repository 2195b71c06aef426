"""Beyond memory and beyond one process: stages over parts, on any runner, with bounded memory."""

import json
import random
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit import gate
from auditkit.checker import Context, gather
from auditkit.checkers.near_duplicates import RESIDENT_BYTES_PER_DOCUMENT, clusters, stages
from auditkit.engine.columns import Columns, Room
from auditkit.engine.finish import in_order, staged
from auditkit.runners import get_runner

values = st.lists(st.integers(0, 9), max_size=60).map(lambda small: np.array(small, np.uint64) << np.uint64(60))


@settings(max_examples=60, deadline=None)
@given(values, st.sampled_from([3, 1 << 22]), st.sampled_from([2, 1 << 20]))
def test_equal_rows_are_those_of_a_dictionary(hashes, part, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PART", part)
        patch.setattr(stages, "CHUNK", chunk)
        found = stages.equal(hashes, Context(len(hashes)))
    first = {}
    for row, value in enumerate(hashes.tolist()):
        first.setdefault(value, row)
    expected = [(row, first[value]) for row, value in enumerate(hashes.tolist()) if value and first[value] != row]
    assert list(zip(found.rows.tolist(), found.firsts.tolist(), strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([3, 40, 1 << 22]))
def test_clusters_are_connected_components(seed, n, part):
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 40, (n, 3)).astype(np.uint32) << np.uint32(26)
    rows = np.flatnonzero(rng.random(n) < 0.7).astype(np.uint32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PART", part)
        found = stages.clusters(keys, rows, Context(n))
    group = list(range(len(rows)))
    for _ in rows:
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                if (keys[a] == keys[b]).any():
                    group[i] = group[j] = min(group[i], group[j])
    assert found.tolist() == group


def test_columns_are_the_arrays_one_below_the_other(tmp_path):
    rng = np.random.default_rng(1)
    states = [
        {"a": rng.integers(0, 9, n), "b": rng.random((n, 3)).astype(np.float32), "none": np.zeros(0, np.uint8)}
        for n in (4, 0, 7)
    ]
    room = Room(tmp_path / "room")
    mapped, memory = room.gather(states), gather(states)
    assert {name: array.dtype for name, array in mapped.items()} == {
        name: array.dtype for name, array in memory.items()
    }
    assert all(np.array_equal(mapped[name], memory[name]) for name in memory)
    room.clear()
    assert not (tmp_path / "room").exists()
    assert np.array_equal(mapped["a"], memory["a"])
    assert Columns(tmp_path).mapped() == {}


def test_results_come_in_the_order_of_the_items():
    assert list(in_order(iter([(2, "c"), (0, "a"), (3, "d"), (1, "b")]))) == ["a", "b", "c", "d"]
    assert list(staged(get_runner("processes", workers=2))(abs, iter([-3, 2, -1]))) == [3, 2, 1]


WORDS = [f"word{number}" for number in range(900)]


def corpus(n):
    """Pages of 20 to 80 words with a header, every third an edited copy of an earlier one, some with a passage."""
    rng = random.Random(3)
    passage = " ".join(rng.choices(WORDS, k=60))
    pages = []
    for row in range(n):
        words = rng.choices(WORDS, k=rng.randint(20, 80))
        if row % 3 == 2:
            words = rng.choice(pages[-20:]).split()
            words[rng.randrange(len(words))] = "edited"
        if row % 17 == 0:
            words = [*words, *passage.split(), *rng.choices(WORDS, k=60)]
        pages.append(" ".join(words))
    return pages


FILES = ("manifest.json", "findings.parquet", "certificates.parquet", "metrics.json", "documents.parquet")
POLICY = {"version": 1, "checkers": {"near_duplicates": {"passages": True, "threshold": 0.6}}}


class Counting:
    """A runner that notes which functions it ran on how many items."""

    def __init__(self, name, workers):
        self.ran = {}
        self._run = get_runner(name, workers=workers)

    def __call__(self, fn, items):
        name = getattr(fn, "__name__", "look")

        def counted():
            for item in items:
                self.ran[name] = self.ran.get(name, 0) + 1
                yield item

        return self._run(fn, counted())


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A corpus, parts that are small enough for several items per stage, and the bytes of a run in one process."""
    monkeypatch.setattr(stages, "PART", 200)
    monkeypatch.setattr(clusters, "PACK", 2_000)
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": page}) + "\n" for page in corpus(400)))
    gate(path, POLICY, out=tmp_path / "inline")
    return path, {name: (tmp_path / "inline" / name).read_bytes() for name in FILES}


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["processes", "ray"])
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own future
def test_stages_run_on_every_runner_and_give_the_same_bytes(pages, tmp_path, runner):
    path, expected = pages
    counting = Counting(runner, 2)
    gate(path, POLICY, out=tmp_path / "run", runner=counting)
    for name, data in expected.items():
        assert (tmp_path / "run" / name).read_bytes() == data, name
    certificates = pq.read_table(tmp_path / "run" / "certificates.parquet")
    assert certificates.num_rows >= 100
    assert {"equal_in", "sharing", "verified", "shared_in"} <= set(counting.ran)
    assert min(counting.ran[name] for name in ("equal_in", "sharing", "verified", "shared_in")) >= 2


def test_parts_do_not_change_a_run(pages, tmp_path, monkeypatch):
    path, expected = pages
    monkeypatch.setattr(stages, "PART", 1 << 22)
    monkeypatch.setattr(clusters, "PACK", 1 << 22)
    gate(path, POLICY, out=tmp_path / "whole")
    assert (tmp_path / "whole" / "certificates.parquet").read_bytes() == expected["certificates.parquet"]
    assert not (tmp_path / "whole" / "_work").exists()


GROWTH = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import near_duplicates
from auditkit.checkers.near_duplicates import clusters, stages
stages.PART = stages.CHUNK = clusters.PACK = 1 << 18  # what does not grow with the corpus is small
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, near_duplicates.anonymous_bytes())
        time.sleep(0.002)
threading.Thread(target=watch, daemon=True).start()
for n_docs in (100_000, 300_000, 900_000):
    peak = 0
    near_duplicates.run(lambda: near_duplicates.synthetic(n_docs), n_docs)
    print(n_docs, peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_resident_memory_per_document_is_bounded(request):
    benchmarks = str(request.config.rootpath / "benchmarks")
    done = subprocess.run([sys.executable, "-c", GROWTH, benchmarks], capture_output=True, text=True, check=True)
    (_, _), (few, small), (many, large) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert (large - small) / (many - few) <= RESIDENT_BYTES_PER_DOCUMENT
