"""Arrays that grow with the corpus, in files of the work folder, so that memory does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from auditkit import disk
from auditkit.checker import State


@dataclass
class Columns:
    """Arrays of states below one another, each in a file of the folder; all states have the same arrays."""

    folder: Path
    kinds: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = field(default_factory=dict)
    _files: dict[str, IO[bytes]] = field(default_factory=dict)

    def add(self, state: State) -> None:
        """Append the arrays of one more state."""
        for name, values in state.items():
            path = self.folder / f"{name}.bin"
            if name not in self._files:
                disk.make_folder(self.folder)
                with disk.step("open", path):
                    self._files[name] = path.open("wb")
                self.kinds[name] = (values.dtype, values.shape[1:])
            with disk.step("write", path):
                self._files[name].write(np.ascontiguousarray(values, self.kinds[name][0]).data)

    def abandon(self) -> None:
        """Close the files, whatever comes of it."""
        for file in self._files.values():
            with suppress(OSError):
                file.close()

    def mapped(self) -> State:
        """The arrays, mapped and not read; nothing can be added any more."""
        for name, file in self._files.items():
            with disk.step("close", self.folder / f"{name}.bin"):
                file.close()
        return {name: self._mapped(name, *kind) for name, kind in self.kinds.items()}

    def _mapped(self, name: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        path = self.folder / f"{name}.bin"
        if not path.stat().st_size:  # an empty file cannot be mapped
            return np.zeros((0, *shape), kind)
        return np.asarray(np.memmap(path, kind, "r")).reshape(-1, *shape)


@dataclass
class Room:
    """A folder in which a checker's arrays are kept while it finishes."""

    folder: Path
    _made: list[Columns] = field(default_factory=list)

    def columns(self) -> Columns:
        """New columns in a folder of their own."""
        self._made.append(Columns(self.folder / str(len(self._made) + 1)))
        return self._made[-1]

    def gather(self, states: Iterable[State]) -> State:
        """The arrays of the states below one another, mapped; what `Context.gather` is in a run."""
        columns = self.columns()
        for state in states:
            columns.add(state)
        return columns.mapped()

    def clear(self) -> None:
        """Remove the files; arrays that are still mapped stay readable."""
        for columns in self._made:
            columns.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)
