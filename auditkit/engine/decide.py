"""From findings to decisions: the public findings and documents tables, shard by shard, and what to cut out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditkit.checker import Outcome, Rule
from auditkit.engine.actions import codes
from auditkit.engine.capped import left_out
from auditkit.engine.first_pass import Corpus
from auditkit.engine.look import FOUND_BY, Looked, no_result
from auditkit.engine.store import Store
from auditkit.findings import FINDINGS, SORT_KEYS, canonical, detail
from auditkit.shards import DECISIONS, DROP, KEEP, QUARANTINE, Quarantined
from auditkit.waivers import Accepted

DOCUMENTS = pa.schema(
    [
        ("file", pa.utf8()),
        ("row", pa.int64()),
        ("id", pa.utf8()),
        ("fingerprint", pa.utf8()),
        ("decision", pa.utf8()),
        ("reasons", pa.list_(pa.utf8())),
    ]
)


@dataclass
class Tally:
    """Sums over the decided shards. n_docs_with: (checker, rule or "") -> documents with a finding."""

    n_findings: dict[str, int] = field(default_factory=dict)
    n_docs_with: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Decided:
    """One shard decided. found: sorted FOUND_BY with `code`; decisions: one code per row of the shard."""

    looked: Looked
    found: pa.Table
    decisions: NDArray[np.uint8]
    findings: pa.Table
    documents: pa.Table


Place = Callable[[int], tuple[str, int]]


@dataclass(frozen=True)
class Judgement:
    """What is needed to decide: rules by id, their actions, outcomes of corpus checkers, names of the score columns."""

    rules: Mapping[str, Rule]
    actions: Mapping[str, str]
    outcomes: Mapping[str, Outcome]
    scores: Sequence[str]
    accepted: Accepted = field(default_factory=Accepted)
    place: Place = lambda doc: ("", doc)


@dataclass(frozen=True)
class ByDocument:
    """The findings of one corpus checker, to be taken by document without a second copy of them all.

    docs: int64, ascending, -1 where the finding is about the corpus. order: their rows, None where they stand so.
    """

    checker: str
    found: pa.Table
    docs: NDArray[np.int64]
    order: NDArray[np.int64] | None

    @staticmethod
    def of(checker: str, found: pa.Table) -> ByDocument:
        """From a table with schema FOUND."""
        docs = found.column("doc").fill_null(-1).to_numpy()
        if (docs[1:] >= docs[:-1]).all():
            return ByDocument(checker, found, docs, None)
        order = np.argsort(docs, kind="stable")
        return ByDocument(checker, found, docs[order], order)

    def between(self, low: int, high: int) -> pa.Table:
        """Those of the documents low <= doc < high, with schema FOUND_BY."""
        start, stop = np.searchsorted(self.docs, [low, high])
        if self.order is None:
            return _said_by(self.checker, self.found.slice(start, stop - start))
        return _said_by(self.checker, self.found.take(pa.array(self.order[start:stop])))


def decide(corpus: Corpus, store: Store, judgement: Judgement) -> Iterator[Decided]:
    """Each shard with all findings of its documents, in canonical order, and what becomes of each row."""
    whole = [ByDocument.of(name, outcome.findings) for name, outcome in judgement.outcomes.items()]
    first = 0
    bases = dict(zip([source.name for source in corpus.sources], corpus.first_doc, strict=True))
    for looked in store.each(corpus.n_shards):
        n_rows = looked.records.num_rows + len(looked.quarantined)
        found = pa.concat_tables([looked.found, *(one.between(first, first + n_rows) for one in whole)])
        yield _decide_shard(looked, found.sort_by(SORT_KEYS), first, bases, judgement)
        first += n_rows


def _of_corpus(found: pa.Table) -> pa.Table:
    return found.filter(pc.is_null(found.column("doc")))


def _said_by(checker: str, found: pa.Table) -> pa.Table:
    return found.append_column("checker", pa.repeat(checker, found.num_rows)).cast(FOUND_BY)


def corpus_level(judgement: Judgement) -> Decided:
    """The findings that speak of the corpus as a whole, as if they were a shard without rows."""
    whole = [_said_by(name, _of_corpus(outcome.findings)) for name, outcome in judgement.outcomes.items()]
    found = canonical(pa.concat_tables([FOUND_BY.empty_table(), *whole]))
    nothing = no_result(0)
    waived = _waived(found, nothing.records, judgement.accepted)
    found = found.append_column("code", pa.array(np.full(found.num_rows, KEEP, np.uint8)))
    found = found.append_column("waived", pa.array(waived))
    findings = public(found, nothing.records, judgement)
    return Decided(nothing, found, np.zeros(0, np.uint8), findings, DOCUMENTS.empty_table())


def _decide_shard(
    looked: Looked, found: pa.Table, first: int, bases: Mapping[str, int], judgement: Judgement
) -> Decided:
    """One shard whose first key is `first`, with all findings of its documents."""
    n_rows = looked.records.num_rows + len(looked.quarantined)
    wanted = codes(found, judgement.actions)
    waived = _waived(found, looked.records, judgement.accepted)
    wanted[waived] = KEEP
    places = found.column("doc").to_numpy() - first
    decisions = np.full(n_rows, KEEP, np.uint8)
    np.maximum.at(decisions, places, wanted)
    for row in looked.quarantined:
        decisions[bases[row.file] + row.row - first] = QUARANTINE
    docs = looked.records.column("doc").to_numpy()
    found = found.append_column("code", pa.array(wanted)).append_column("waived", pa.array(waived))
    reasons = _reasons(found, wanted, places, decisions)
    documents = looked.records.select(["file", "row", "id", "fingerprint"])
    documents = documents.set_column(0, "file", documents.column("file").cast(pa.utf8()))
    documents = documents.append_column("decision", pa.array([DECISIONS[code] for code in decisions[docs - first]]))
    lists = [reasons.get(place, []) for place in (docs - first).tolist()]
    documents = documents.append_column("reasons", pa.array(lists, pa.list_(pa.utf8()))).cast(DOCUMENTS)
    for name, column in _score_columns(looked, judgement, docs).items():
        documents = documents.append_column(name, column)
    return Decided(looked, found, decisions, public(found, looked.records, judgement), documents)


def _waived(found: pa.Table, records: pa.Table, accepted: Accepted) -> NDArray[np.bool_]:
    """bool[n]: findings that a waiver or the baseline accepts; notes which keys were used."""
    waived = np.zeros(found.num_rows, bool)
    if not accepted.keys or not found.num_rows:
        return waived
    marks = dict(zip(records.column("doc").to_pylist(), records.column("fingerprint").to_pylist(), strict=True))
    rows = zip(*(found.column(name).to_pylist() for name in ("rule", "doc", "field")), strict=True)
    for place, (rule, doc, name) in enumerate(rows):
        key = (rule, marks.get(doc, ""), name or "")
        if key in accepted.keys:
            waived[place] = True
            accepted.used.add(key)
    return waived


def _reasons(
    found: pa.Table, wanted: NDArray[np.uint8], places: NDArray[np.int64], decisions: NDArray[np.uint8]
) -> dict[int, list[str]]:
    """Place in the shard -> sorted rules that changed the document. Walks over acting findings only."""
    acting = np.flatnonzero((wanted > KEEP) & (wanted == decisions[places]))
    rules = found.column("rule").take(pa.array(acting)).to_pylist()
    reasons: dict[int, set[str]] = {}
    for place, rule in zip(places[acting].tolist(), rules, strict=True):
        reasons.setdefault(place, set()).add(rule)
    return {place: sorted(names) for place, names in reasons.items()}


def _score_columns(looked: Looked, judgement: Judgement, docs: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Every score column for the documents of a shard; null where a checker gave none."""
    columns: dict[str, Any] = {}
    outcomes = judgement.outcomes
    for name in judgement.scores:
        checker, _, score = name.partition("/")
        values = np.full(len(docs), np.nan)
        if name in looked.scores.column_names:
            values = looked.scores.column(name).to_numpy(zero_copy_only=False)
        elif checker in outcomes and score in outcomes[checker].scores:
            keys, given = outcomes[checker].scores[score]
            places = np.searchsorted(keys, docs)
            inside = places < len(keys)
            hit = np.zeros(len(docs), bool)
            hit[inside] = keys[places[inside]] == docs[inside]
            values = np.full(len(docs), np.nan)
            values[hit] = np.round(given[places[hit]], 4)
        columns[name] = pa.array(values, pa.float64(), from_pandas=True)
    return columns


def score_names(store: Store, n_shards: int, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Names of all document scores of the run, sorted."""
    names = {name for looked in store.each(n_shards) for name in looked.scores.column_names if name != "doc"}
    names |= {f"{checker}/{score}" for checker, outcome in outcomes.items() for score in outcome.scores}
    return sorted(names)


def public(found: pa.Table, records: pa.Table, judgement: Judgement) -> pa.Table:
    """The findings with the columns of findings.parquet; those without a document have no file and row."""
    docs = records.column("doc").to_numpy()
    keys = found.column("doc").fill_null(-1).to_numpy()
    places = pa.array(np.searchsorted(docs, keys), mask=keys < 0)
    rules = found.column("rule").to_pylist()
    columns = {
        "file": records.column("file").cast(pa.utf8()).combine_chunks().take(places),
        "row": records.column("row").combine_chunks().take(places),
        "id": records.column("id").combine_chunks().take(places),
        "detail": pa.array(resolved(found.column("detail").to_pylist(), judgement.place), pa.utf8()),
        "severity": pa.array([judgement.rules[rule].severity for rule in rules], pa.utf8()),
        "action": pa.array([_action(judgement, rule, code) for rule, code in zip(rules, _codes(found), strict=True)]),
    }
    return pa.table([columns.get(f.name, _column(found, f.name)) for f in FINDINGS], schema=FINDINGS)


def resolved(details: list[str], place: Place) -> list[str]:
    """Details in which a key such as "kept_doc" (a document key) has become "kept_file" and "kept_row"."""
    return [_resolved(text, place) if '_doc":' in text else text for text in details]


def _resolved(text: str, place: Place) -> str:
    values = json.loads(text)
    for key in [name for name, value in values.items() if name.endswith("_doc") and isinstance(value, int)]:
        stem = key.removesuffix("_doc")
        values[f"{stem}_file"], values[f"{stem}_row"] = place(values.pop(key))
    return detail(**values)


def _column(found: pa.Table, name: str) -> Any:
    return found.column(name) if name in found.column_names else None


def _codes(found: pa.Table) -> list[int]:
    codes_: list[int] = found.column("code").to_pylist()
    return codes_


def _action(judgement: Judgement, rule: str, code: int) -> str:
    """What the finding does in the end: `drop` where it asked for redaction of something without a span."""
    return "drop" if code == DROP else judgement.actions[rule] if code != KEEP else "flag"


def count(tally: Tally, decided: Decided) -> None:
    """Add a shard's findings to the sums; waived ones count for nothing."""
    counting = decided.found.filter(pc.invert(decided.found.column("waived")))
    pairs = counting.select(["checker", "rule", "doc"])
    for checker, number in _counted(pairs.select(["checker"])):
        own = counting.filter(pc.equal(counting.column("checker"), checker[0]))
        every = number + left_out(own.column("detail"))
        tally.n_findings[checker[0]] = tally.n_findings.get(checker[0], 0) + every
    by_rule = pairs.group_by(["checker", "rule", "doc"], use_threads=False).aggregate([])
    for key, number in _counted(by_rule.select(["checker", "rule"])):
        tally.n_docs_with[(key[0], key[1])] = tally.n_docs_with.get((key[0], key[1]), 0) + number
    by_checker = pairs.group_by(["checker", "doc"], use_threads=False).aggregate([])
    for key, number in _counted(by_checker.select(["checker"])):
        tally.n_docs_with[(key[0], "")] = tally.n_docs_with.get((key[0], ""), 0) + number


def _counted(table: pa.Table) -> list[tuple[tuple[str, ...], int]]:
    """Distinct rows of a table of strings, and how often each is there."""
    names = table.column_names
    grouped = table.append_column("n", pa.array(np.ones(table.num_rows, np.int64)))
    grouped = grouped.group_by(names, use_threads=False).aggregate([("n", "sum")])
    return [(tuple(row[name] for name in names), row["n_sum"]) for row in grouped.to_pylist()]


def quarantined(store: Store, n_shards: int) -> Iterator[Quarantined]:
    """All rows that could not be read, in order."""
    for looked in store.each(n_shards):
        yield from looked.quarantined
