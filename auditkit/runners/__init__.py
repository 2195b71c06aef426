"""Ways to run one function over many items: inline, in processes, on Ray. All give the same results."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditkit.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from auditkit.engine.first_pass import Runner

RUNNERS = ("inline", "processes", "ray")


def get_runner(name: str, *, workers: int | None = None) -> Runner:
    """The runner of this name; `workers` defaults to the number of processors. Ray needs the extra `[ray]`."""
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers {workers}: expected 1 or more")
    n_workers = workers or os.cpu_count() or 1
    if name == "inline":
        from auditkit.runners.inline import run

        return run
    if name == "processes":
        from auditkit.runners.processes import processes

        return processes(n_workers)
    if name == "ray":
        from auditkit.runners.ray import on_ray

        return on_ray(n_workers)
    raise ConfigError(f"unknown runner '{name}'{suggestion(name, RUNNERS)}")
