"""The first pass over a corpus: every checker looks at every shard."""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from auditkit.engine.look import Looked, Plan, Spent, add_tallies, look
from auditkit.engine.store import Store
from auditkit.errors import InputError
from auditkit.guard import Gap
from auditkit.shards import FileSummary, Layout, Limits, Shard, Source

Item = TypeVar("Item")
Result = TypeVar("Result")


class Runner(Protocol):
    """Runs one function over many items, lazily, a few ahead."""

    def __call__(self, fn: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[int, Result]]:
        """(position of the item, its result), in any order. InputError when a worker died at an item twice."""
        ...


Reader = Callable[[Source, Layout, Limits], Generator[Shard, None, FileSummary]]


@dataclass
class Corpus:
    """What reading showed: sources with their layouts, and per file its first key and its summary."""

    sources: Sequence[Source]
    layouts: Sequence[Layout]
    read: Reader
    limits: Limits
    first_doc: list[int] = field(default_factory=list)
    summaries: list[FileSummary] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    n_shards: int = 0

    @property
    def n_docs(self) -> int:
        """Rows of the corpus, unreadable ones included."""
        return sum(summary.n_rows for summary in self.summaries)

    def place(self, doc: int) -> tuple[str, int]:
        """File and row of a document key; the corpus must have been read once."""
        number = bisect.bisect_right(self.first_doc, doc) - 1
        while self.summaries[number].n_rows == 0:
            number -= 1
        return self.sources[number].name, doc - self.first_doc[number]

    def shards(self, *, learn: bool = False) -> Iterator[Shard]:
        """All shards with their numbers and keys; with `learn` it notes first keys, summaries and refused files."""
        index = doc = 0
        for number, source in enumerate(self.sources):
            if learn:
                self.first_doc.append(doc)
            reader = self.read(source, self.layouts[number], self.limits)
            summary = FileSummary(0, "", 0)
            try:
                while True:
                    shard = next(reader)
                    yield dataclasses.replace(shard, index=index, first_doc=doc + shard.first_row)
                    index += 1
            except StopIteration as stop:
                summary = stop.value
            except InputError as error:
                self.refused.append(str(error))
            self._note(number, summary, learn=learn)
            doc += summary.n_rows
        self.n_shards = index

    def _note(self, number: int, summary: FileSummary, *, learn: bool) -> None:
        """Remember a file's summary, or hold a later reading against it."""
        if learn:
            self.summaries.append(summary)
        elif summary.sha256 != self.summaries[number].sha256:
            raise InputError(self.sources[number].name, "it changed during the run; run again on files at rest")


def digest(shard: Shard, plan: Plan) -> str:
    """Names the bytes of a shard and everything that its result depends on."""
    mark = hashlib.sha256(plan.key.encode())
    mark.update(
        repr((shard.source.name, shard.layout, shard.first_doc, shard.n_rows, sorted(shard.part.items()))).encode()
    )
    mark.update(shard.payload if shard.payload is not None else b"")
    return mark.hexdigest()


@dataclass
class Pass:
    """What the first pass left: results in the store, and the small sums over them."""

    looked: dict[str, int] = field(default_factory=dict)
    tallies: dict[str, dict[tuple[str, str], tuple[int, int]]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    spent: dict[str, Spent] = field(default_factory=dict)
    n_quarantined: int = 0


@dataclass(frozen=True)
class Work:
    """What every pass needs: the corpus, the plan, the runner, the store of shard results."""

    corpus: Corpus
    plan: Plan
    runner: Runner
    store: Store


def first_pass(work: Work, *, advance: Callable[[Shard], None]) -> Pass:
    """Look at every shard that the store does not hold yet. Refused files are in corpus.refused."""
    corpus, plan, store = work.corpus, work.plan, work.store
    waiting: dict[int, str] = {}

    def missing() -> Iterator[Shard]:
        for shard in corpus.shards(learn=True):
            mark = digest(shard, plan)
            advance(shard)
            if not store.has(shard.index, mark):
                waiting[shard.index] = mark
                yield shard

    for _, looked in work.runner(partial(look, plan=plan), missing()):
        if looked.refused:
            corpus.refused.append(looked.refused)
        store.put(looked, waiting.pop(looked.index))
    total = Pass()
    if not corpus.refused:
        for looked in store.each(corpus.n_shards):
            _add(total, looked)
    return total


def _add(total: Pass, looked: Looked) -> None:
    for name, count in looked.looked.items():
        total.looked[name] = total.looked.get(name, 0) + count
    for name, tallies in looked.tallies.items():
        total.tallies[name] = add_tallies(total.tallies.get(name, {}), tallies)
    for name, spent in looked.spent.items():
        total.spent.setdefault(name, Spent()).add(spent)
    total.gaps += looked.gaps
    total.n_quarantined += len(looked.quarantined)
