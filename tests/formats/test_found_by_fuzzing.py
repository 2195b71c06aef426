"""Every case that fuzzing has found, and the seeds it started from, through the harness that it broke."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HARNESSES = Path(__file__).parents[2] / "benchmarks/fuzz/harnesses.py"
FOUND = Path(__file__).parent / "found"
spec = importlib.util.spec_from_file_location("harnesses", HARNESSES)
harnesses = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harnesses)

AWKWARD = [
    b"",
    b"\0",
    b"\x00\n",
    b"\x01{}",
    b'\x00{"text": ""}\r\n',
    b"\x00\xef\xbb\xbf\n",
    b"\x00\xff\n[",
    b"%&#@" * 9,
]


def cases():
    for name in harnesses.HARNESSES:
        seeds = [*harnesses.SEEDS[name], *AWKWARD]
        yield from (pytest.param(name, data, id=f"{name}-seed{number}") for number, data in enumerate(seeds))
        for path in sorted((FOUND / name).glob("*")):
            yield pytest.param(name, path.read_bytes(), id=f"{name}-{path.name}")


@pytest.mark.parametrize(("name", "data"), list(cases()))
def test_a_found_case_stays_mended(name, data):
    harnesses.HARNESSES[name](data)
