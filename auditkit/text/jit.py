"""The one door to numba. Modules whose functions carry `@kernel` are imported inside functions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """The function compiled by numba: no Python objects, lock released, machine code cached on disk.

    The first call on a machine compiles (seconds); later processes load the cache.
    """
    import numba

    compiled: Any = numba.njit(cache=True, nogil=True)(function)
    return cast("F", compiled)
