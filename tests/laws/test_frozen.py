"""A changed result demands a changed version: what every built-in checker says of a frozen corpus is pinned.

AUDITKIT_UPDATE=1 writes the pins anew, and refuses where a result changed under the same version.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from auditkit.checker import BUILTIN, Checker, Context, CorpusChecker
from auditkit.documents import Text, batch_of
from auditkit.findings import canonical

from .conftest import built
from .corpora import PHRASES, outcome, said

PINS = Path(__file__).parent / "frozen.json"


def corpus():
    """A hundred documents made of the phrases, some of them samples of one prompt, some copies; never changed."""
    rows, records = [], []
    for doc in range(100):
        picks = [PHRASES[(doc * step + offset) % len(PHRASES)] for step, offset in ((7, 0), (3, 5), (11, 2))]
        body = " ".join(picks * (2 if doc % 5 else 1)) if doc % 10 else " ".join(PHRASES)
        records.append(
            {"doc": doc, "file": "a.jsonl", "group": f"q{doc // 4}" if doc % 3 == 0 else None, "label": "xyz"[doc % 3]}
        )
        if doc % 3 == 0:
            rows += [Text(doc, "prompt", "prompt", picks[0]), Text(doc, "response", "response", body)]
        else:
            rows.append(Text(doc, "text", "text", body))
    return batch_of(rows, records)


def fingerprint(name):
    """A hash of everything that a checker says of the frozen corpus."""
    batch, checker, parts = corpus(), built(name), []
    if isinstance(checker, Checker):
        checked = checker.check(batch)
        scores = {
            key: [repr(round(float(value), 3)) for value in values] for key, values in sorted(checked.scores.items())
        }
        parts += [canonical(checked.findings).select(["doc", "field", "rule", "start", "end"]).to_pylist(), scores]
    if isinstance(checker, CorpusChecker):
        findings, _, scores, certificates = said(outcome(checker, [batch], Context(len(batch))))
        parts += [
            [(row["doc"], row["rule"], row["start"], row["end"]) for row in findings],
            sorted(scores),
            certificates,
        ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize("name", BUILTIN)
def test_a_changed_result_demands_a_changed_version(name):
    pins = json.loads(PINS.read_text()) if PINS.exists() else {}
    now = {"version": built(name).version, "result": fingerprint(name)}
    before = pins.get(name)
    if os.environ.get("AUDITKIT_UPDATE"):
        PINS.write_text(json.dumps(pins | {name: now}, indent=1, sort_keys=True) + "\n")
    assert before is None or before["result"] == now["result"] or before["version"] != now["version"], (
        f"{name} says something else of the frozen corpus: give it a new version"
    )
    assert json.loads(PINS.read_text())[name] == now, "AUDITKIT_UPDATE=1 pins the new version"
