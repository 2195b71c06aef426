"""Faults injected into each of the six checkers: the verdict is never pass."""

from __future__ import annotations

import time

import pytest

from auditkit import audit
from auditkit.checker import BUILTIN, checker_class
from auditkit.engine import look
from auditkit.errors import AuditkitError, MissingDependency

ROWS = [{"text": "A quiet row about gardens in Kenya."}, {"text": "Another one, quite different from it."}]


def crash(*_arguments):
    raise ValueError("text of a document")


def hang(*_arguments):
    time.sleep(3600)


def no_extra(*_arguments):
    raise MissingDependency("the model is not there; install the extra")


@pytest.fixture
def inject(monkeypatch):
    """inject(name, fault): the first step of a checker on a document fails in this way."""

    def _inject(name, fault):
        kind = checker_class(name)
        monkeypatch.setattr(kind, "check" if hasattr(kind, "check") else "map", fault)
        look._opened.clear()

    yield _inject
    look._opened.clear()


@pytest.mark.parametrize("fault", [crash, hang, no_extra], ids=["crash", "hang", "missing extra"])
@pytest.mark.parametrize("name", BUILTIN)
def test_a_fault_makes_the_verdict_incomplete(write, inject, name, fault):
    inject(name, fault)
    policy = {"version": 1, "checkers": {name: {}}, "corpus": {"shard_deadline_s": 0.3}}
    result = audit(write("a.jsonl", ROWS), policy)
    assert result.verdict.word == "incomplete"
    assert result.gaps[0].startswith(f"{name} did not look at a.jsonl rows 0-1")
    assert "text of a document" not in " ".join(result.gaps)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_checker_that_cannot_be_built_makes_the_verdict_incomplete(write, monkeypatch, name):
    monkeypatch.setattr(checker_class(name), "__init__", no_extra)
    look._opened.clear()
    result = audit(write("a.jsonl", ROWS), {"version": 1, "checkers": {name: {}}})
    look._opened.clear()
    assert result.verdict.word == "incomplete"
    assert "install the extra" in result.gaps[0]


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("rows", [b"", b"\n\n", b"{broken\n"], ids=["no byte", "blank lines", "no readable row"])
def test_an_empty_corpus_never_passes(write, name, rows):
    with pytest.raises(AuditkitError) as caught:
        audit(write("a.jsonl", rows), {"version": 1, "checkers": {name: {}}})
    assert caught.value.exit_code == 3
