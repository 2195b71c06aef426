"""One look of the gate at the rows of a round: an audit in a run folder, read back row by row."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from auditkit.audit import gate
from auditkit.engine.redact import KEY_VARIABLE
from auditkit.errors import EXIT_INCOMPLETE, RunFolderError
from auditkit.loop.folder import Row, read_rows, write_rows
from auditkit.policy import Policy
from auditkit.run_folder import read_manifest


class Place(NamedTuple):
    """Where in a row's response a rule fired, in code points."""

    rule: str
    start: int
    end: int


@dataclass(frozen=True)
class Looked:
    """What an audit made of some rows. kept: as written, redacted ones changed; reasons: id -> rules that rejected it.

    places: id -> where in the response. flagged: ids with any finding of `pii` or `toxicity`, whatever its action.
    """

    run: Path
    rows: Sequence[Row]
    kept: Sequence[Row]
    redacted: frozenset[str]
    reasons: Mapping[str, tuple[str, ...]]
    places: Mapping[str, tuple[Place, ...]]
    flagged: frozenset[str]

    @property
    def verdict(self) -> str:
        """The word: pass, fail or incomplete."""
        return str(read_manifest(self.run)["verdict"])

    @property
    def why(self) -> list[str]:
        """The reasons of the verdict."""
        return [str(reason) for reason in read_manifest(self.run)["reasons"]]


def look(rows: Sequence[Row], policy: Policy, *, file: Path, run: Path) -> Looked:
    """Write the rows, audit them into `run` (an unfinished audit goes on), read back what became of each.

    RunFolderError when something was not looked at: an incomplete audit is no ground to keep or to reject a row.
    """
    if not file.exists():
        write_rows(file, rows)
    code = gate(str(file), policy, out=run, resume=run.exists())
    manifest = read_manifest(run)
    if code == EXIT_INCOMPLETE and rows:
        told = "; ".join(map(str, manifest["reasons"][:3]))
        raise RunFolderError(f"{run}: the audit is incomplete: {told}. Remove this folder when the cause is gone")
    return _read(rows, run, file.name)


def _read(rows: Sequence[Row], run: Path, name: str) -> Looked:
    documents = pq.read_table(run / "documents.parquet", columns=["id", "decision", "reasons"]).to_pylist()
    findings = pq.read_table(run / "findings.parquet", columns=["id", "rule", "field", "start", "end"]).to_pylist()
    places: dict[str, list[Place]] = {}
    for found in findings:
        if found["field"] == "response" and found["start"] is not None:
            places.setdefault(found["id"], []).append(Place(found["rule"], found["start"], found["end"]))
    kept = run / "kept" / name
    return Looked(
        run,
        rows,
        read_rows(kept) if kept.exists() else [],
        frozenset(one["id"] for one in documents if one["decision"] == "redact"),
        {one["id"]: tuple(one["reasons"]) for one in documents if one["decision"] == "drop"},
        {name: tuple(own) for name, own in places.items()},
        frozenset(found["id"] for found in findings if str(found["rule"]).startswith(("pii/", "toxicity/"))),
    )


@contextmanager
def one_key(paths: Sequence[Path]) -> Iterator[None]:
    """All audits inside replace private data with the same key, so that the next one knows its surrogates as such.

    AUDITKIT_KEY of the environment where it is set, else a key that only these files (the reference) give.
    """
    if os.environ.get(KEY_VARIABLE):
        yield
        return
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(path.read_bytes())
    os.environ[KEY_VARIABLE] = digest.hexdigest()
    try:
        yield
    finally:
        del os.environ[KEY_VARIABLE]


def against(policy: Policy, paths: Sequence[Path]) -> Policy:
    """The policy with these indexes and benchmarks added to what near_duplicates is held against."""
    table = policy.checkers.get("near_duplicates")
    if table is None or not paths:
        return policy
    options = replace(table.options, against=(*table.options.against, *map(str, paths)))
    return replace(policy, checkers={**policy.checkers, "near_duplicates": replace(table, options=options)})


def redacting(policy: Policy) -> Policy:
    """The same policy, in which private data is masked instead of dropped and nothing else changes."""
    table = policy.checkers["pii"]
    common = replace(table.common, action="redact", actions={})
    return replace(policy, checkers={**policy.checkers, "pii": replace(table, common=common)})
