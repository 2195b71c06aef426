"""The end of the corpus checkers: states merged in a fixed tree, a second look where one asks for it, outcomes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditkit.checker import Context, CorpusChecker, Item, Outcome, Result, Run, State, appended, part_of
from auditkit.engine.actions import dropped_docs
from auditkit.engine.capped import capped
from auditkit.engine.columns import Room
from auditkit.engine.first_pass import Corpus, Runner, Work
from auditkit.engine.look import Plan, Spent, look_again, opened, timed
from auditkit.engine.store import Store
from auditkit.engine.verify import verify_findings
from auditkit.errors import CheckerError
from auditkit.findings import FOUND
from auditkit.guard import Gap, attempt
from auditkit.shards import Limits, Shard

FINISH_SECONDS = 3600.0  # for one step of one corpus checker, and above it per document; then the run is incomplete
SECONDS_PER_DOC = 1e-4
T = TypeVar("T")


@dataclass
class Finished:
    """Outcomes of the corpus checkers in the order in which they finished, and what went wrong."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    spent: dict[str, Spent] = field(default_factory=dict)


class ScoreColumns(Mapping[str, "NDArray[np.float64]"]):
    """Document scores by name, each read from the store when it is asked for: float64[n_docs], NaN = none."""

    def __init__(self, store: Store, n_shards: int, n_docs: int, names: Iterable[str]) -> None:
        self._store, self._n_shards, self._n_docs = store, n_shards, n_docs
        self._names = tuple(names)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """The column; KeyError when no checker gave it."""
        if name not in self._names:
            raise KeyError(name)
        column = np.full(self._n_docs, np.nan)
        for looked in self._store.each(self._n_shards):
            if name in looked.scores.column_names:
                values = looked.scores.column(name).to_numpy(zero_copy_only=False)
                column[looked.scores.column("doc").to_numpy()] = values
        return column

    def __iter__(self) -> Iterator[str]:
        """Names of the scores."""
        return iter(self._names)

    def __len__(self) -> int:
        """Number of scores."""
        return len(self._names)


def finish(work: Work, actions: Mapping[str, str]) -> Finished:
    """Finish every corpus checker, lower finish_order first, so that the next see what the earlier drop."""
    result = Finished()
    corpus, store = work.corpus, work.store
    dropped, names = _of_first_pass(corpus, store, actions)
    protected = np.zeros(0, np.int64)
    for name, checker in _in_order(work.plan):
        scores = ScoreColumns(store, corpus.n_shards, corpus.n_docs, names)
        context = Context(corpus.n_docs, dict(dropped), scores, protected)
        spent = result.spent.setdefault(name, Spent())
        with timed(spent):
            outcome, reason = _finish_one(name, checker, context, work)
        if outcome is None:
            result.gaps.append(Gap(name, reason))
            continue
        result.outcomes[name] = outcome
        drops = dropped_docs(outcome.findings, actions)
        dropped[name] = np.union1d(dropped.get(name, np.zeros(0, np.int64)), drops)
        kept = (certificate.kept for certificate in outcome.certificates if certificate.kept is not None)
        protected = np.union1d(protected, np.fromiter(kept, np.int64))
    return result


def _in_order(plan: Plan) -> list[tuple[str, CorpusChecker]]:
    """The corpus checkers that could be opened, by finish_order, then name."""
    ready = [(name, opening.checker) for name, opening in opened(plan).items()]
    corpus_checkers = [(name, checker) for name, checker in ready if isinstance(checker, CorpusChecker)]
    return sorted(corpus_checkers, key=lambda pair: (pair[1].finish_order, pair[0]))


def _of_first_pass(
    corpus: Corpus, store: Store, actions: Mapping[str, str]
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """What the per-document checkers drop, and the names of the scores they gave."""
    dropped: dict[str, list[NDArray[np.int64]]] = {}
    names: dict[str, None] = {}
    for looked in store.each(corpus.n_shards):
        names |= dict.fromkeys(name for name in looked.scores.column_names if name != "doc")
        for checker in looked.found.column("checker").unique().to_pylist():
            own = looked.found.filter(pc.equal(looked.found.column("checker"), checker))
            dropped.setdefault(checker, []).append(dropped_docs(own, actions))
    return {name: np.concatenate(parts) for name, parts in dropped.items()}, list(names)


def _finish_one(name: str, checker: CorpusChecker, context: Context, work: Work) -> tuple[Outcome | None, str]:
    """(outcome, "") or (None, reason): merge, second look, finish; each step under its deadline."""
    what = _whole(name)
    room = Room(work.store.folder / "columns" / name)
    context = dataclasses.replace(context, run=staged(work.runner), gather=room.gather)
    seconds = FINISH_SECONDS + SECONDS_PER_DOC * context.n_docs
    states = (state for state in _states(work, name) if state is not None)
    first = next(states, None)
    if first is None:
        return None, "it has looked at nothing"
    try:
        state, reason = attempt(
            lambda: _merged(checker, itertools.chain([first], states), room), seconds=seconds, what=what
        )
        if state is None:
            return None, reason
        return _finish_state(name, checker, state, context, work=work, room=room)
    finally:
        room.clear()


def _finish_state(
    name: str, checker: CorpusChecker, state: State, context: Context, *, work: Work, room: Room
) -> tuple[Outcome | None, str]:
    """Second look and finish."""
    what = _whole(name)
    seconds = FINISH_SECONDS + SECONDS_PER_DOC * context.n_docs
    wanted, reason = attempt(lambda: (checker.again(state, context),), seconds=seconds, what=what)
    if wanted is None:
        return None, reason
    again: State | None = None
    if wanted[0] is not None:
        again, reason = _second_look(name, checker, wanted[0], work, room)
        if again is None:
            return None, reason
    rules = opened(work.plan)[name].rules
    return attempt(
        lambda: limited(verified(checker.finish(state, again, context), context.n_docs, rules), work.plan.limits),
        seconds=seconds,
        what=what,
    )


def _whole(name: str) -> str:
    return f"{name}, the whole corpus"


def _states(work: Work, name: str) -> Iterator[State | None]:
    return (work.store.state(index, name) for index in range(work.corpus.n_shards))


def staged(runner: Runner) -> Run:
    """What `Context.run` is in a run; a single item stays in this process."""

    def run(fn: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        waiting = iter(items)
        first = list(itertools.islice(waiting, 2))
        if len(first) < 2:
            return map(fn, first)
        return in_order(runner(fn, itertools.chain(first, waiting)))

    return run


def in_order(results: Iterable[tuple[int, T]]) -> Iterator[T]:
    """The results by position; those that come early wait."""
    early: dict[int, T] = {}
    following = 0
    for place, result in results:
        early[place] = result
        while following in early:
            yield early.pop(following)
            following += 1


def _merged(checker: CorpusChecker, states: Iterable[State], room: Room) -> State:
    """All states merged; the arrays that the checker calls appended are in files."""
    names, columns = appended(checker), room.columns()

    def rest() -> Iterator[State]:
        for state in states:
            columns.add({name: values for name, values in state.items() if name in names})
            yield {name: values for name, values in state.items() if name not in names}

    return merge_tree(checker.merge, rest()) | columns.mapped()


def merge_tree(merge: Callable[[State, State], State], states: Iterable[State]) -> State:
    """All states merged in a binary tree that depends on their number alone; log2(n) partial sums in memory."""
    stack: list[tuple[int, State]] = []
    for state in states:
        stack.append((1, state))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (size, right), (_, left) = stack.pop(), stack.pop()
            stack.append((2 * size, merge(left, right)))
    _, total = stack.pop()
    while stack:
        total = merge(stack.pop()[1], total)
    return total


def _second_look(name: str, checker: CorpusChecker, wanted: State, work: Work, room: Room) -> tuple[State | None, str]:
    """The merged second look at the wanted documents; shards without any of them are not read again by the checker."""
    docs = wanted["docs"]

    def asked() -> Iterator[tuple[Shard, State]]:
        for shard in work.corpus.shards():
            low, high = np.searchsorted(docs, [shard.first_doc, shard.first_doc + shard.n_rows])
            if low < high:
                yield shard, part_of(checker, wanted, shard.first_doc, shard.first_doc + shard.n_rows)

    names, columns = appended(checker), room.columns()
    rest: list[State] = []
    for state, reason in in_order(work.runner(partial(look_again, plan=work.plan, name=name), asked())):
        if state is None:
            return None, reason
        columns.add({name: values for name, values in state.items() if name in names})
        rest.append({name: values for name, values in state.items() if name not in names})
    if not rest:
        return None, "the documents of its second look were not found"
    seconds = FINISH_SECONDS + SECONDS_PER_DOC * work.corpus.n_docs
    return attempt(lambda: merge_tree(checker.merge_again, rest) | columns.mapped(), seconds=seconds, what=_whole(name))


def verified(outcome: Outcome, n_docs: int, rules: frozenset[str]) -> Outcome:
    """The outcome; CheckerError when it breaks the contract."""
    if not isinstance(outcome, Outcome) or outcome.findings.schema != FOUND:
        raise CheckerError("its findings do not have the schema of findings.FOUND")
    if outcome.findings.num_rows:
        verify_findings(outcome.findings, rules)
    docs = outcome.findings.column("doc").drop_null().to_numpy()
    if len(docs) and (docs.min() < 0 or docs.max() >= n_docs):
        raise CheckerError("a finding is in a document that the corpus does not have")
    for score, (keys, values) in outcome.scores.items():
        if len(keys) != len(values) or np.isinf(values).any():
            raise CheckerError(f"its score '{score}' is not one finite number or NaN per document")
    return outcome


def limited(outcome: Outcome, limits: Limits) -> Outcome:
    """The outcome with at most so many findings of one rule in one document as a run lists."""
    return dataclasses.replace(outcome, findings=capped(outcome.findings, limits.max_findings))
