"""The metrics of a run: the standard ones of every checker, its tallies, and what corpus checkers add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditkit.checker import AnyChecker, Outcome
from auditkit.engine.decide import Tally
from auditkit.engine.first_pass import Pass
from auditkit.findings import Metric, share


def collect(
    checkers: Mapping[str, AnyChecker | None],
    first: Pass,
    outcomes: Mapping[str, Outcome],
    tally: Tally,
    counts: Mapping[str, int],
) -> list[Metric]:
    """All metrics, in the order of the checkers, the corpus last."""
    metrics: list[Metric] = []
    n_docs = counts["rows_in"] - counts["quarantined"]
    for name, checker in checkers.items():
        looked = looked_at(name, first, outcomes)
        metrics += _standard(name, looked, n_docs, tally)
        for (metric, part), (numerator, denominator) in sorted(first.tallies.get(name, {}).items()):
            metrics.append(share(name, metric, numerator, denominator, slice=part))
        if name in outcomes:
            metrics += outcomes[name].metrics
        metrics += _not_looked_for(name, checker)
    return [*metrics, *_corpus(counts)]


def looked_at(name: str, first: Pass, outcomes: Mapping[str, Outcome]) -> int:
    """Number of documents that a checker looked at."""
    outcome = outcomes.get(name)
    if outcome is not None and outcome.looked is not None:
        return len(outcome.looked)
    return first.looked.get(name, 0)


def _standard(name: str, looked: int, n_docs: int, tally: Tally) -> list[Metric]:
    """documents_share (all rules, then each rule), findings, looked_share."""
    rules = sorted(rule for checker, rule in tally.n_docs_with if checker == name and rule)
    found = [(rule, tally.n_docs_with[name, rule]) for rule in rules]
    with_any = tally.n_docs_with.get((name, ""), 0)
    return [
        share(name, "documents_share", min(with_any, looked), looked),
        *(share(name, "documents_share", min(number, looked), looked, slice=rule) for rule, number in found),
        Metric(name, "findings", float(tally.n_findings.get(name, 0))),
        share(name, "looked_share", looked, n_docs),
    ]


def _not_looked_for(name: str, checker: AnyChecker | None) -> list[Metric]:
    """What a checker says it cannot look for here, with why."""
    said: Mapping[str, str] = getattr(checker, "not_looked_for", dict)()
    return [
        Metric(name, "not_looked_for", None, what, reference=why, status="not_looked_for")
        for what, why in sorted(said.items())
    ]


def _corpus(counts: Mapping[str, int]) -> Sequence[Metric]:
    rows = counts["rows_in"]
    shares = {"kept": "kept", "redacted": "redacted", "dropped": "dropped", "quarantined": "quarantined"}
    return [
        Metric("corpus", "rows", float(rows)),
        *(share("corpus", f"{name}_share", counts[key], rows) for name, key in shares.items()),
    ]
