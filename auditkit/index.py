"""The near-copy index on the command line: build it from a corpus, add a round, ask what a corpus shares with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditkit.corpus import open_corpus
from auditkit.documents import Batch, settled
from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS, InputError
from auditkit.policy import Policy
from auditkit.text.safe import printable


@dataclass
class Unread:
    """Rows that could not be read, counted while batches go by."""

    n_rows: int = 0


def build(inputs: list[str], out: Path, *, threshold: float, fields: Mapping[str, str]) -> tuple[str, int]:
    """(what was done, exit code): a new index of these inputs; 3 when rows could not be read and are not in it."""
    from auditkit.checkers.near_duplicates import index

    with _batches(inputs, fields) as (batches, unread):
        made = index.build(str(out), batches, threshold=threshold)
    return _said(out, made.n_docs, unread)


def add(path: Path, inputs: list[str], *, fields: Mapping[str, str]) -> tuple[str, int]:
    """(what was done, exit code): the index at `path` grown by these inputs."""
    from auditkit.checkers.near_duplicates import index

    with _batches(inputs, fields) as (batches, unread):
        made = index.add(str(path), batches)
    return _said(path, made.n_docs, unread)


def _said(path: Path, n_docs: int, unread: Unread) -> tuple[str, int]:
    text = f"{path}: {n_docs:,} documents"
    if unread.n_rows:
        return f"{text}; {unread.n_rows:,} rows could not be read and are not in it", EXIT_INCOMPLETE
    return text, EXIT_PASS


def query(path: Path, inputs: list[str], *, fields: Mapping[str, str]) -> tuple[Iterable[str], int]:
    """(a line per document that the index holds, exit code): 1 with such documents, 3 when rows could not be read."""
    from auditkit.checkers.near_duplicates import matching

    with _batches(inputs, fields) as (batches, unread):
        found = [
            f"{printable(one.file)}:{one.row + 1}: {'exact' if one.exact else 'near'} copy of "
            f"{printable(one.kept_file)}:{one.kept_row + 1} (jaccard {one.jaccard:.4f})"
            for one in matching.query(str(path), batches)
        ]
    return found, EXIT_INCOMPLETE if unread.n_rows else EXIT_FAIL if found else EXIT_PASS


@contextmanager
def _batches(inputs: list[str], fields: Mapping[str, str]) -> Iterator[tuple[Iterator[Batch], Unread]]:
    """The documents of these inputs, batch by batch, and a count of the rows that could not be read."""
    from auditkit.formats import parse

    policy = Policy.from_dict({"version": 1, "checkers": {"near_duplicates": {}}}).with_fields(fields)
    unread = Unread()
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        corpus = open_corpus(inputs, policy, Path(scratch))

        def each() -> Iterator[Batch]:
            for shard in corpus.shards(learn=True):
                for parsed in parse(shard, corpus.limits):
                    unread.n_rows += len(parsed.quarantined)
                    yield settled(parsed.batch)
            if corpus.refused:
                raise InputError.joined(corpus.refused)

        yield each(), unread
