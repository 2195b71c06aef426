"""The folder of a demonstration: taken when it is new or its own, never when it is somebody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

from auditkit.errors import ConfigError

MARK = ".auditkit-demo"
RUN, BALANCED = "run", "balanced"
OWN = ("corpus.jsonl", "planted.jsonl", RUN, BALANCED)


def take(folder: Path) -> None:
    """Make the folder ready, without the output of an earlier demonstration; ConfigError when it is not ours to use."""
    mark = folder / MARK
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder}: is not empty and was not made by `auditkit demo`; name a new folder, for example {folder}-demo"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for name in OWN:
        _remove(folder / name)
    (folder / BALANCED).mkdir()


def _remove(path: Path) -> None:
    """Remove a file, a folder, or a link without what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
