"""Items in worker processes. A worker that dies is replaced and its items are tried once more."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, TypeVar

from auditkit.errors import InputError
from auditkit.shards import Shard
from auditkit.watchdog import expendable

if TYPE_CHECKING:
    from auditkit.engine.first_pass import Runner

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items per worker in flight: enough that none waits, few enough that memory stays flat


def processes(n_workers: int) -> Runner:
    """A runner with this many worker processes, started afresh (spawn), so that no thread's lock is inherited."""

    def run(fn: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[int, Result]]:
        waiting = enumerate(items)
        pool = _pool(n_workers)
        flying: dict[Future[Result], tuple[int, Item]] = {}
        try:
            while True:
                while len(flying) < n_workers * AHEAD and (entry := next(waiting, None)) is not None:
                    flying[pool.submit(fn, entry[1])] = entry
                if not flying:
                    return
                try:
                    done, _ = wait(flying, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield flying.pop(future)[0], result
                except BrokenProcessPool:
                    pool.shutdown(wait=False, cancel_futures=True)
                    yield from _one_by_one(fn, sorted(flying.values(), key=lambda entry: entry[0]))
                    flying = {}
                    pool = _pool(n_workers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    return run


def _pool(n_workers: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, spawn, initializer=_begin, initargs=(os.getpid(),))


def _begin(parent: int) -> None:
    """Leave Ctrl-C to the main process, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    expendable(parent)


def _one_by_one(fn: Callable[[Item], Result], entries: list[tuple[int, Item]]) -> Iterator[tuple[int, Result]]:
    """The items of a broken pool once more, each in a worker of its own, so that the one that kills it is named."""
    for position, item in entries:
        with _pool(1) as pool:
            try:
                result = pool.submit(fn, item).result()
            except BrokenProcessPool:
                raise lost(item) from None
        yield position, result


def lost(item: object) -> InputError:
    """The error for an item whose worker died twice."""
    if isinstance(item, Shard):
        last = item.first_row + item.n_rows - 1
        return InputError(
            item.source.name,
            f"a worker process died twice while it looked at rows {item.first_row}-{last} (killed, out of memory, or a "
            "crash in a native library or plug-in); nothing is published. --resume goes on from here",
        )
    return InputError("a worker process", "died twice at the same item")
