"""One item after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(fn: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[int, Result]]:
    """(position, result) in order."""
    for position, item in enumerate(items):
        yield position, fn(item)
