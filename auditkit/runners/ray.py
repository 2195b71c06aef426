"""Items as Ray tasks, on this machine or on the cluster that RAY_ADDRESS names. Extra `[ray]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from auditkit.errors import ConfigError, InputError
from auditkit.shards import Shard

if TYPE_CHECKING:
    from auditkit.engine.first_pass import Runner

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2


def on_ray(n_workers: int) -> Runner:
    """A runner on Ray; starts a local instance with so many CPUs when none is running or named."""
    try:
        import ray
    except ImportError:
        raise ConfigError("--runner ray needs the extra: pip install 'auditkit[ray]'") from None

    def run(fn: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[int, Result]]:
        if not ray.is_initialized():
            ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
        task = ray.remote(max_retries=1)(fn_of(fn))
        waiting = enumerate(items)
        flying: dict[Any, tuple[int, Item]] = {}
        while True:
            while len(flying) < n_workers * AHEAD and (entry := next(waiting, None)) is not None:
                flying[task.remote(entry[1])] = entry
            if not flying:
                return
            done, _ = ray.wait(list(flying), num_returns=1)
            position, item = flying.pop(done[0])
            yield position, _result(ray, done[0], item)

    return run


def fn_of(fn: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """A plain function around `fn`: Ray does not take partial objects."""

    def task(item: Item) -> Result:
        return fn(item)

    return task


def _result(ray: Any, reference: Any, item: object) -> Any:
    """The task's result; a worker that died twice becomes an InputError that names the shard."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from None
    except ray.exceptions.RayError as error:
        where = f"{item.source.name} rows from {item.first_row}" if isinstance(item, Shard) else "an item"
        raise InputError(where, f"its Ray worker was lost ({type(error).__name__}); --resume goes on") from None
