"""The near-copy index as a user works with it: build, add, query, and a run held against it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "brew",
    "hot",
    "tea",
    "behind",
    "an",
    "old",
    "stone",
    "wall",
]


def text(number):
    """A text of 60 words that no other number shares five words in a row with."""
    return " ".join(f"{WORDS[i % len(WORDS)]}{number}" for i in range(60))


@pytest.fixture
def rounds(write):
    """Two rounds: the second holds one exact and one edited copy of the first."""
    first = write("r1.jsonl", [{"id": f"a{i}", "text": text(i)} for i in range(20)])
    edited = text(4).replace("fox4", "wolf", 1)
    second = write("r2.jsonl", [{"text": text(100)}, {"text": text(3)}, {"text": edited}])
    return first, second


def test_build_add_query(command, rounds, tmp_path):
    first, second = rounds
    done = command("index", "build", first, "--out", tmp_path / "r1.idx")
    assert done.returncode == 0, done.stderr
    assert "20 documents" in done.stdout
    done = command("index", "query", tmp_path / "r1.idx", second)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "r2.jsonl:2: exact copy of r1.jsonl:4 (jaccard 1.0000)"
    assert lines[1].startswith("r2.jsonl:3: near copy of r1.jsonl:5 (jaccard 0.8")
    assert len(lines) == 2
    assert "23 documents" in command("index", "add", tmp_path / "r1.idx", second).stdout
    assert command("index", "query", tmp_path / "r1.idx", second).stdout.count("copy of r2.jsonl:1 ") == 1


def test_a_run_against_an_index_names_the_earlier_round(command, rounds, write, tmp_path):
    first, second = rounds
    command("index", "build", first, "--out", tmp_path / "r1.idx")
    policy = write("p.toml", b'version = 1\n[checkers.near_duplicates]\nagainst = ["r1.idx"]\n')
    done = command("gate", second, "--out", tmp_path / "run", "--policy", policy)
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "run/certificates.parquet").to_pylist()
    assert [(row["row"], row["kept_file"], row["kept_row"]) for row in rows] == [(1, "r1.jsonl", 3), (2, "r1.jsonl", 4)]
    assert json.loads((tmp_path / "run/manifest.json").read_text())["counts"]["dropped"] == 2
    assert command("verify", tmp_path / "run").returncode == 0


def test_unreadable_rows_are_told(command, write, tmp_path):
    path = write("a.jsonl", [{"text": text(1)}, "{broken"])
    done = command("index", "build", path, "--out", tmp_path / "a.idx")
    assert done.returncode == 3
    assert "1 documents; 1 rows could not be read" in done.stdout


def test_mistakes(command, rounds, tmp_path):
    first, _ = rounds
    assert command("index", "query", tmp_path / "no.idx", first).returncode in (2, 3)
    command("index", "build", first, "--out", tmp_path / "r1.idx")
    done = command("index", "build", first, "--out", tmp_path / "r1.idx")
    assert done.returncode == 2
    assert "there is an index already" in done.stderr
    keys = next((tmp_path / "r1.idx").rglob("keys.bin"))
    data = bytearray(keys.read_bytes())
    data[7] ^= 1
    keys.write_bytes(data)
    done = command("index", "query", tmp_path / "r1.idx", first)
    assert done.returncode == 3
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr
