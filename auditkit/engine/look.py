"""The function that every runner executes: one shard in, what all checkers say of it out."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from auditkit.checker import AnyChecker, Checked, Checker, CorpusChecker, State, checker_class
from auditkit.documents import RECORDS, Batch, settled
from auditkit.engine.capped import capped
from auditkit.engine.verify import verify
from auditkit.errors import CheckerError, InputError
from auditkit.findings import FOUND, as_scores, canonical, masked_ids
from auditkit.guard import Gap, attempt
from auditkit.policy import CheckerTable
from auditkit.shards import Limits, Parsed, Quarantined, Shard
from auditkit.watchdog import limit_memory

SECONDS_PER_MB = 60.0  # a checker may be slow (Presidio's own engine reads 0.16 MB/s), but not endless
READING = "reading"  # beside the checkers in what was spent and looked at: the documents that have text
FOUND_BY = FOUND.append(pa.field("checker", pa.utf8()))


@dataclass(frozen=True)
class Plan:
    """What a worker needs to look at a shard: which checkers with which options, limits, and how to parse."""

    tables: tuple[CheckerTable, ...]
    limits: Limits
    deadline_s: float
    parse: Callable[[Shard, Limits], Iterator[Parsed]]
    salt: str = ""  # what else a result depends on: hashes of files that checkers read
    secret: bytes = field(default=b"", repr=False)  # the user's own key, by which checkers know their surrogates

    @property
    def opening(self) -> str:
        """The same for the same checkers, options, limits and key."""
        return repr([(t.name, t.options) for t in self.tables]) + repr(self.limits) + _digest(self.secret)

    @property
    def key(self) -> str:
        """The same for everything that a shard's result depends on, the shard aside."""
        return hashlib.sha256((self.opening + self.salt).encode()).hexdigest()


@dataclass
class Spent:
    """CPU seconds, wall seconds and bytes of one part of the work."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    n_bytes: int = 0

    def add(self, other: Spent) -> None:
        """Add the other's to these."""
        self.cpu_s += other.cpu_s
        self.wall_s += other.wall_s
        self.n_bytes += other.n_bytes


@dataclass
class Looked:
    """Everything about one shard.

    records: documents.RECORDS + fingerprint. found: FOUND_BY, canonical order. scores: doc + one column per score.
    looked: checker -> keys it looked at. tallies: checker -> {(metric, slice): (numerator, denominator)}.
    refused: why the whole file cannot be read, or "".
    """

    index: int
    records: pa.Table
    found: pa.Table
    scores: pa.Table
    looked: dict[str, int] = field(default_factory=dict)
    tallies: dict[str, dict[tuple[str, str], tuple[int, int]]] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    spent: dict[str, Spent] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Opened:
    """A checker that could be built in this process, or why it could not."""

    checker: AnyChecker | None
    reason: str
    rules: frozenset[str] = frozenset()


def _digest(secret: bytes) -> str:
    return hashlib.sha256(b"opening" + secret).hexdigest() if secret else ""


_opened: dict[str, dict[str, Opened]] = {}


def opened(plan: Plan) -> Mapping[str, Opened]:
    """The checkers of a plan, built once per process: models are loaded here."""
    if plan.opening not in _opened:
        _opened.clear()
        _opened[plan.opening] = {table.name: _open(table, plan.secret) for table in plan.tables}
    return _opened[plan.opening]


def _open(table: CheckerTable, secret: bytes) -> Opened:
    def step() -> tuple[AnyChecker, frozenset[str]]:
        checker = checker_class(table.name)(table.options)
        keyed = getattr(checker, "with_key", None)
        if secret and keyed is not None:
            checker = keyed(secret)
        return checker, frozenset(rule.id for rule in checker.rules())

    built, reason = attempt(step, seconds=600, what=f"{table.name}, being opened")
    return Opened(built[0], "", built[1]) if built else Opened(None, reason)


def salted(plan: Plan) -> Plan:
    """The plan with the hashes of the files that its checkers read, so that a result is never taken for another's."""
    files = {name: reads(ready.checker) for name, ready in opened(plan).items()}
    said = sorted((name, sorted(hashes.items())) for name, hashes in files.items() if hashes)
    return dataclasses.replace(plan, salt=repr(said) if said else "")


def reads(checker: AnyChecker | None) -> Mapping[str, str]:
    """File that a checker reads besides the corpus -> SHA-256, as its optional method `reads` says."""
    said: Mapping[str, str] = getattr(checker, "reads", dict)()
    return said


def look(shard: Shard, plan: Plan) -> Looked:
    """All checkers over all rows of the shard. Never raises for what a checker or a document does."""
    limit_memory(plan.limits.max_memory_bytes)
    parts: list[Looked] = []
    reading = Spent(n_bytes=shard.n_bytes)
    try:
        parsed_parts = plan.parse(shard, plan.limits)
        while True:
            with timed(reading):
                parsed = next(parsed_parts, None)
            if parsed is None:
                break
            parts.append(_look_at_batch(parsed, shard, plan))
    except InputError as error:
        return dataclasses.replace(_joined(shard.index, parts, plan), refused=str(error))
    whole = _joined(shard.index, parts, plan)
    whole.spent[READING] = reading
    seen = whole.records.num_rows + len(whole.quarantined)
    if seen != shard.n_rows:
        whole.refused = (
            f"{shard.source.name}: {seen} of {shard.n_rows} rows accounted for; this is a defect of the reader"
        )
    return whole


class timed:  # noqa: N801 - reads as a word of the with statement
    """Adds the time spent inside to a Spent."""

    def __init__(self, spent: Spent) -> None:
        self.spent = spent

    def __enter__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent.cpu_s += time.process_time() - self.cpu
        self.spent.wall_s += time.perf_counter() - self.wall


def _look_at_batch(parsed: Parsed, shard: Shard, plan: Plan) -> Looked:
    """Every checker on one batch."""
    batch = parsed.batch
    records = masked_ids(pa.Table.from_batches([batch.records]))
    size = int(batch.texts.column("text").nbytes)
    seconds = plan.deadline_s + SECONDS_PER_MB * size / 1e6
    result = Looked(shard.index, _with_fingerprints(batch, records), FOUND_BY.empty_table(), pa.table({}))
    result.quarantined = list(parsed.quarantined)
    result.looked[READING] = batch.n_with_text()
    columns: dict[str, Any] = {"doc": records.column("doc")}
    found: list[pa.Table] = []
    batch = settled(batch)
    place = f"{shard.source.name} from row {shard.first_row}"
    for name, ready in opened(plan).items():
        spent = result.spent.setdefault(name, Spent(n_bytes=size))
        with timed(spent):
            said, reason = attempt(lambda r=ready: _ask(r, batch), seconds=seconds, what=f"{name}, {place}")  # type: ignore[misc]
        if said is None:
            first = int(records.column("row")[0].as_py()) if len(batch) else shard.first_row
            result.gaps.append(Gap(name, reason, shard.source.name, first, len(batch)))
            continue
        checked, state = said
        if state is not None:
            result.states[name] = state
        result.looked[name] = len(batch)
        if checked is not None:
            listed = capped(checked.findings, plan.limits.max_findings)
            found.append(listed.append_column("checker", pa.array([name] * listed.num_rows, pa.utf8())))
            _add_checked(result, columns, name, checked)
    result.found = _canonical_by(found)
    result.scores = pa.table(columns)
    return result


def _ask(ready: Opened, batch: Batch) -> tuple[Checked | None, State | None]:
    """What one checker says of a batch, its contract verified."""
    if ready.checker is None:
        raise CheckerError(ready.reason)
    checked = state = None
    if isinstance(ready.checker, Checker):
        checked = ready.checker.check(batch)
        verify(checked, batch, ready.rules)
    if isinstance(ready.checker, CorpusChecker):
        state = ready.checker.map(batch)
        if not all(isinstance(value, np.ndarray) and value.dtype != object for value in state.values()):
            raise CheckerError("its state holds something else than plain numpy arrays")
    return checked, state


def _add_checked(result: Looked, columns: dict[str, Any], name: str, checked: Checked) -> None:
    """One checker's scores, coverage and tallies into the result."""
    docs = columns["doc"].to_numpy()
    hits = np.searchsorted(docs, checked.findings.column("doc").to_numpy()) if checked.findings.num_rows else []
    columns[f"{name}/findings"] = pa.array(np.bincount(hits, minlength=len(docs)).astype(np.float64))
    for score, values in as_scores(checked.scores).items():
        columns[f"{name}/{score}"] = values
    if checked.looked is not None:
        result.looked[name] = int(checked.looked.sum())
    result.tallies[name] = dict(checked.tallies)


def _canonical_by(found: list[pa.Table]) -> pa.Table:
    """The findings of all checkers in canonical order."""
    table = pa.concat_tables([FOUND_BY.empty_table(), *found])
    return canonical(table)


def _with_fingerprints(batch: Batch, records: pa.Table) -> pa.Table:
    """The records with `fingerprint`: 16 hex digits of BLAKE2b over the document's texts, the key of waivers.

    A Python loop over documents, 1.2 µs each: below 1 % of any checker.
    """
    from auditkit.text.buffers import utf8_buffers

    data, bounds = utf8_buffers(batch.texts.column("text"))
    view = memoryview(data)  # type: ignore[arg-type]  # numpy arrays are buffers; the stubs do not say so yet
    marks = [hashlib.blake2b(digest_size=8) for _ in range(len(batch))]
    edges = bounds.tolist()
    for owner, start, end in zip(batch.owners.tolist(), edges, edges[1:], strict=False):
        marks[owner].update(view[start:end])
        marks[owner].update(b"\xff")  # never part of UTF-8: keeps ("a", "bc") apart from ("ab", "c")
    return records.append_column("fingerprint", pa.array([mark.hexdigest() for mark in marks], pa.utf8()))


def _joined(index: int, parts: list[Looked], plan: Plan) -> Looked:
    """The batches of a shard as one result; states merged left to right."""
    whole = no_result(index)
    for part in parts:
        for name, spent in part.spent.items():
            whole.spent.setdefault(name, Spent()).add(spent)
        for name, count in part.looked.items():
            whole.looked[name] = whole.looked.get(name, 0) + count
        for name, tallies in part.tallies.items():
            whole.tallies[name] = add_tallies(whole.tallies.get(name, {}), tallies)
        whole.gaps += part.gaps
        whole.quarantined += part.quarantined
    if parts:
        whole.records = pa.concat_tables([part.records for part in parts])
        whole.found = pa.concat_tables([part.found for part in parts])
        whole.scores = pa.concat_tables([part.scores for part in parts], promote_options="default")
    _merge_states(whole, parts, plan)
    return whole


def _merge_states(whole: Looked, parts: list[Looked], plan: Plan) -> None:
    """Merge the states of the parts, left to right; a checker that fails at it has a gap."""
    for name, ready in opened(plan).items():
        states = [part.states[name] for part in parts if name in part.states]
        checker = ready.checker
        if not states or not isinstance(checker, CorpusChecker):
            continue
        merged, reason = attempt(lambda c=checker, s=states: _fold(c, s), seconds=plan.deadline_s * 20)  # type: ignore[misc]
        if merged is None:
            whole.gaps.append(Gap(name, reason))
        else:
            whole.states[name] = merged


def _fold(checker: CorpusChecker, states: list[State]) -> State:
    total = states[0]
    for state in states[1:]:
        total = checker.merge(total, state)
    return total


def add_tallies(
    left: Mapping[tuple[str, str], tuple[int, int]], right: Mapping[tuple[str, str], tuple[int, int]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Both tallies added up, key by key."""
    total = dict(left)
    for key, (numerator, denominator) in right.items():
        have = total.get(key, (0, 0))
        total[key] = (have[0] + numerator, have[1] + denominator)
    return total


def no_result(index: int) -> Looked:
    """The result of a shard without documents."""
    records = RECORDS.append(pa.field("fingerprint", pa.utf8())).empty_table()
    return Looked(index, records, FOUND_BY.empty_table(), pa.table({"doc": pa.array([], pa.int64())}))


def look_again(item: tuple[Shard, State], plan: Plan, name: str) -> tuple[State | None, str]:
    """The second look of one corpus checker at the wanted documents of a shard: (state, "") or (None, reason)."""
    shard, wanted = item
    checker = opened(plan)[name].checker
    docs = wanted["docs"]

    def step() -> State:
        if not isinstance(checker, CorpusChecker):
            raise CheckerError("it has no second look")
        states = []
        for parsed in plan.parse(shard, plan.limits):
            batch = settled(_only(parsed.batch, docs))
            states.append(checker.map_again(batch, wanted))
        total = states[0]
        for state in states[1:]:
            total = checker.merge_again(total, state)
        return total

    seconds = plan.deadline_s + SECONDS_PER_MB * shard.n_bytes / 1e6
    return attempt(step, seconds=seconds, what=f"{name}, {shard.source.name} once more")


def _only(batch: Batch, docs: np.ndarray[Any, np.dtype[np.int64]]) -> Batch:
    """The documents of the batch whose key is in the sorted `docs`."""
    wanted = np.isin(batch.docs, docs)
    if wanted.all():
        return batch
    records = batch.records.filter(pa.array(wanted))
    texts = batch.texts.filter(pa.array(np.isin(batch.text_docs, docs)))
    return Batch(texts, records)
