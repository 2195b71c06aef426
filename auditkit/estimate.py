"""What the judges of a policy will take for a corpus, before the first question is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from auditkit.audit import load_policy
from auditkit.checker import checker_class
from auditkit.corpus import open_corpus
from auditkit.documents import Batch, settled
from auditkit.endpoint import Estimate
from auditkit.engine.first_pass import Corpus
from auditkit.errors import InputError


def estimates(inputs: Sequence[str], policy: str, fields: Mapping[str, str]) -> dict[str, Estimate]:
    """Checker -> what it will ask, for the checkers that ask an endpoint. Reads the corpus once for each of them.

    A checker says so with an optional method `estimate(batches) -> Estimate | None`. InputError when a file cannot be
    read, so that no cost is told for a part of the corpus.
    """
    chosen = load_policy(policy, fields)
    found: dict[str, Estimate] = {}
    with tempfile.TemporaryDirectory() as folder:
        for table in chosen.checkers.values():
            asks = getattr(checker_class(table.name)(table.options), "estimate", None)
            corpus = open_corpus(list(inputs), chosen, Path(folder)) if asks else None
            said = asks(_batches(corpus)) if asks and corpus else None
            if said is not None:
                found[table.name] = said
    return found


def _batches(corpus: Corpus) -> Iterator[Batch]:
    from auditkit.formats import parse

    for shard in corpus.shards(learn=True):
        for parsed in parse(shard, corpus.limits):
            yield settled(parsed.batch)
    if corpus.refused:
        raise InputError.joined(corpus.refused)


def told(found: Mapping[str, Estimate], *, per_million_in: float, per_million_out: float) -> str:
    """One line per checker."""
    if not found:
        return "no checker of this policy asks an endpoint"
    lines = []
    for name, said in found.items():
        questions = f"{said.n_new:,} questions to ask, {said.n_kept:,} answered before"
        tokens = f"about {said.tokens_in:,} tokens in, at most {said.tokens_out:,} out"
        price = said.price(per_million_in, per_million_out)
        lines.append(f"{name}: {questions}; {tokens}" + (f"; at most {price:,.4f}" if price else ""))
    return "\n".join(lines)
