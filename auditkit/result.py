"""From what the checkers said to decisions, metrics and a verdict; and the result that Python users hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from auditkit.checker import AnyChecker, Rule
from auditkit.engine.decide import Judgement, Tally, corpus_level, count, decide, score_names
from auditkit.engine.finish import Finished
from auditkit.engine.first_pass import Pass, Work
from auditkit.engine.look import READING, opened
from auditkit.engine.metrics import collect, looked_at
from auditkit.engine.redact import spans_of
from auditkit.errors import AuditkitError, ConfigError, suggestion
from auditkit.findings import CERTIFICATES, Metric
from auditkit.frames import to_dataset, to_pandas, to_polars
from auditkit.policy import Policy
from auditkit.shards import DROP, KEEP, QUARANTINE, REDACT
from auditkit.verdict import Verdict, judge
from auditkit.waivers import Accepted

Add = Callable[[pa.Table], None]
AT_A_TIME = 1 << 16  # certificates that are Python objects at one time, 1 kB each


@dataclass(frozen=True)
class Examined:
    """A corpus that every checker has looked at and finished with."""

    policy: Policy
    work: Work
    first: Pass
    finished: Finished
    judgement: Judgement
    witnessed: tuple[Metric, ...] = ()

    @property
    def checkers(self) -> dict[str, AnyChecker | None]:
        """The checkers of the policy by name, None where one could not be opened."""
        return {name: ready.checker for name, ready in opened(self.work.plan).items()}

    def looked_at(self, checker: str) -> int:
        """Number of documents that a checker looked at."""
        return looked_at(checker, self.first, self.finished.outcomes)


@dataclass
class Settled:
    """What was decided: one code per row of the corpus, sums per file, spans to cut, metrics, verdict."""

    decisions: NDArray[np.uint8]
    counts: dict[str, int]
    files: list[dict[str, object]]
    metrics: list[Metric]
    verdict: Verdict
    spans: dict[int, pa.Table] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


def actions_and_rules(policy: Policy, work: Work) -> tuple[dict[str, str], dict[str, Rule]]:
    """Rule id -> what its findings do, and rule id -> rule, for every checker that could be opened."""
    actions: dict[str, str] = {}
    rules: dict[str, Rule] = {}
    for name, ready in opened(work.plan).items():
        for rule in ready.checker.rules() if ready.checker else ():
            rules[rule.id] = rule
            actions[rule.id] = policy.checkers[name].action_of(rule)
    return actions, rules


def judgement_of(policy: Policy, work: Work, finished: Finished, accepted: Accepted) -> Judgement:
    """What `decide` needs."""
    actions, rules = actions_and_rules(policy, work)
    scores = score_names(work.store, work.corpus.n_shards, finished.outcomes)
    return Judgement(rules, actions, finished.outcomes, scores, accepted, work.corpus.place)


def settle(examined: Examined, add_findings: Add, add_documents: Add) -> Settled:
    """Decide shard by shard, handing on the public tables; then count, measure and judge."""
    corpus, store = examined.work.corpus, examined.work.store
    decisions = np.full(corpus.n_docs, 255, np.uint8)
    tally = Tally()
    spans: dict[int, pa.Table] = {}
    first = 0
    for decided in decide(corpus, store, examined.judgement):
        codes = decided.decisions
        decisions[first : first + len(codes)] = codes
        redacted = first + np.flatnonzero(codes == REDACT)
        if len(redacted):
            spans[decided.looked.index] = spans_of(decided.found, redacted.tolist())
        first += len(codes)
        count(tally, decided)
        add_findings(decided.findings)
        add_documents(decided.documents)
    rest = corpus_level(examined.judgement)
    count(tally, rest)
    add_findings(rest.findings)
    counts, files = _counts(examined, decisions)
    metrics = collect(examined.checkers, examined.first, examined.finished.outcomes, tally, counts)
    metrics += examined.witnessed
    gaps = [gap.sentence() for gap in (*examined.first.gaps, *examined.finished.gaps)]
    verdict = judge(examined.policy, metrics, [*gaps, *_unseen(examined, counts)], counts)
    return Settled(decisions, counts, files, metrics, verdict, spans, tally)


def _counts(examined: Examined, decisions: NDArray[np.uint8]) -> tuple[dict[str, int], list[dict[str, object]]]:
    """Sums for the corpus and for each file; AuditkitError when a row was not accounted for."""
    corpus = examined.work.corpus
    if (decisions == 255).any():
        raise AuditkitError(
            f"{int((decisions == 255).sum())} rows were not accounted for; this is a defect of auditkit"
        )
    names = {"kept": KEEP, "redacted": REDACT, "dropped": DROP, "quarantined": QUARANTINE}

    def of(codes: NDArray[np.uint8]) -> dict[str, int]:
        return {"rows_in": len(codes)} | {name: int((codes == code).sum()) for name, code in names.items()}

    files: list[dict[str, object]] = []
    for source, start, summary in zip(corpus.sources, corpus.first_doc, corpus.summaries, strict=True):
        files.append({"path": source.name, **of(decisions[start : start + summary.n_rows])})
    return of(decisions), files


def _unseen(examined: Examined, counts: Mapping[str, int]) -> list[str]:
    """What no gap tells and was not looked at all the same: blank texts, blind checkers, checkers without documents."""
    readable = counts["rows_in"] - counts["quarantined"]
    blank = ["no document has any text"] if readable and not examined.looked_at(READING) else []
    blind = [
        f"{metric.slice} found none of the {int(metric.denominator or 0)} faults that were planted for it"
        for metric in examined.witnessed
        if metric.slice in examined.checkers and metric.value == 0
    ]
    named = {gap.checker for gap in (*examined.first.gaps, *examined.finished.gaps)}
    idle = [name for name in examined.checkers if name not in named and readable and not examined.looked_at(name)]
    return blank + blind + [f"{name} looked at no document" for name in idle]


def certificates_of(examined: Examined, decisions: NDArray[np.uint8]) -> pa.Table:
    """The certificates of the documents that are dropped, with files and rows, in order of the removed document."""
    place = examined.work.corpus.place
    given = itertools.chain.from_iterable(outcome.certificates for outcome in examined.finished.outcomes.values())

    def rows() -> Iterator[dict[str, object]]:
        for item in given:
            if decisions[item.doc] == DROP:
                kept = place(item.kept) if item.kept is not None else (item.kept_file, item.kept_row)
                values = (*place(item.doc), *kept, item.jaccard, item.rule)
                yield dict(zip(CERTIFICATES.names, values, strict=True)) | {"doc": item.doc}

    schema, waiting = CERTIFICATES.append(pa.field("doc", pa.int64())), rows()
    tables = [schema.empty_table()]
    while some := list(itertools.islice(waiting, AT_A_TIME)):
        tables.append(pa.Table.from_pylist(some, schema=schema))
    said = pa.concat_tables(tables)
    docs = said.column("doc").to_numpy()
    if not (docs[1:] > docs[:-1]).all():
        said = said.sort_by([("doc", "ascending"), ("rule", "ascending")])
    return said.select(CERTIFICATES.names)


TABLES = ("findings", "documents", "certificates", "metrics")


@dataclass(frozen=True)
class AuditResult:
    """What an audit found, in memory.

    findings, documents, certificates: Arrow tables with the columns of the run folder's files.
    metrics: list of Metric. verdict: pass, fail or incomplete with its reasons. counts: rows in and what they became.
    """

    findings: pa.Table
    documents: pa.Table
    certificates: pa.Table
    metrics: list[Metric]
    verdict: Verdict
    counts: dict[str, int]
    gaps: list[str]

    def table(self, name: str = "findings") -> pa.Table:
        """One of the tables findings, documents, certificates and metrics; ConfigError for another name."""
        if name == "metrics":
            return pa.Table.from_pylist([metric.as_dict() for metric in self.metrics])
        if name not in TABLES:
            raise ConfigError(f"unknown table '{name}'{suggestion(name, TABLES)}")
        table: pa.Table = getattr(self, name)
        return table

    def to_pandas(self, name: str = "findings") -> Any:
        """A table as a pandas.DataFrame. MissingDependency without pandas."""
        return to_pandas(self.table(name))

    def to_polars(self, name: str = "findings") -> Any:
        """A table as a polars.DataFrame. MissingDependency without polars."""
        return to_polars(self.table(name))

    def to_dataset(self, name: str = "findings") -> Any:
        """A table as a datasets.Dataset. MissingDependency without datasets."""
        return to_dataset(self.table(name))

    @staticmethod
    def of(examined: Examined, settled: Settled, findings: list[pa.Table], documents: list[pa.Table]) -> AuditResult:
        """The result from its parts."""
        gaps = [gap.sentence() for gap in (*examined.first.gaps, *examined.finished.gaps)]
        certificates = certificates_of(examined, settled.decisions)
        tables = (pa.concat_tables(findings), pa.concat_tables(documents), certificates)
        return AuditResult(*tables, settled.metrics, settled.verdict, settled.counts, gaps)
