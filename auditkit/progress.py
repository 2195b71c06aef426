"""Progress on stderr while a corpus is read: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from auditkit.shards import Shard


@contextmanager
def progress(inputs: Sequence[str]) -> Iterator[Callable[[Shard], None]]:
    """A function to call with each shard that is being worked on. The total is a guess from file sizes."""
    if not sys.stderr.isatty():
        yield lambda _shard: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True, no_color="NO_COLOR" in os.environ)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=_guessed_bytes(inputs))
        yield lambda shard: bar.update(task, advance=shard.n_bytes)


def _guessed_bytes(inputs: Sequence[str]) -> int | None:
    """The size of the inputs as they lie there; None when something is compressed or not a plain file."""
    paths = [path for item in inputs for path in ([Path(item)] if Path(item).is_file() else Path(item).rglob("*"))]
    files = [path for path in paths if path.is_file()]
    if not files or any(path.suffix in {".gz", ".zst", ".parquet"} for path in files):
        return None
    return sum(path.stat().st_size for path in files)
