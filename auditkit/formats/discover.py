# ruff: noqa: PTH100, PTH112, PTH116, PTH118, PTH120, PTH207
# Paths stay as the user wrote them: Path would lose a trailing slash, and its glob another order.
"""The input files behind what the user named: files, folders, patterns, stdin, addresses; refused files are all named.

A folder is read whole: a file of unknown kind in it is refused by its name, not passed over, except hidden ones, ones
that begin with `_`, and the papers of a data set (README, LICENSE, dataset_info.json ...). Archives are never opened.
"""

from __future__ import annotations

import glob
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from auditkit.disk import NewFile, make_folder
from auditkit.errors import ConfigError, InputError
from auditkit.formats.sniffing import kind_of_name, wrong_content
from auditkit.shards import Limits, Source
from auditkit.text.safe import printable

_PAPERS = re.compile(
    r"(?:(?:readme|licen[sc]e)(?:[-_]\w+)?|notice|changelog|citation|copying)(?:\.(?:md|txt|rst|cff|bib))?",
    re.IGNORECASE,
)
_PAPER_NAMES = frozenset({"dataset_info.json", "dataset_dict.json", "dataset_infos.json", "state.json"})
_COPY = 1 << 20


@dataclass
class _Search:
    """What was found so far: sources with their full path as name, and why others are refused or missing."""

    scratch: Path
    sources: list[Source] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def refuse(self, path: str, reason: str) -> None:
        """One more refusal."""
        self.refused.append((printable(path), reason))


def discover(inputs: Sequence[str], *, scratch: Path, max_files: int = Limits.max_files) -> list[Source]:
    """The files to read, sorted by name in bytes, each once; what is not a local file is first copied into `scratch`.

    ConfigError when an input does not exist or nothing matches, InputError when files are refused; both name all.
    """
    search = _Search(scratch)
    for given in inputs:
        _look(search, given)
    if search.missing:
        raise ConfigError("\n".join(search.missing))
    if not search.sources and not search.refused:
        raise ConfigError(f"no input file found in {', '.join(map(printable, inputs)) or 'an empty list'}")
    found = _named(_unique(search.sources), search)
    if len(found) > max_files:
        raise InputError(printable(inputs[0]), f"more than {max_files:,} files: join them, or raise corpus.max_files")
    for source in found:
        reason = wrong_content(source)
        if reason:
            search.refuse(source.path, reason)
    if search.refused:
        raise InputError.joined(f"{path}: {reason}" for path, reason in search.refused)
    return found


def _look(search: _Search, given: str) -> None:
    if given == "-":
        _stdin(search)
    elif "://" in given and not given.startswith("file://"):
        _remote(search, given)
    else:
        _local(search, given.removeprefix("file://"))


def _local(search: _Search, given: str) -> None:
    try:
        mode = os.stat(given).st_mode
    except OSError as error:
        matches = sorted(glob.glob(given, recursive=True)) if glob.has_magic(given) else []
        if not matches:
            search.missing.append(f"{printable(given)}: {_why_missing(given, error)}")
        for match in matches:
            _local(search, match)
        return
    if stat.S_ISDIR(mode):
        _folder(search, given)
    else:
        _file(search, given, mode)
        search.roots.append(os.path.dirname(os.path.abspath(given)))


def _why_missing(given: str, error: OSError) -> str:
    if glob.has_magic(given):
        return "no file matches this pattern"
    return f"cannot be read: {error.strerror}" if os.path.lexists(given) else "no such file or folder"


def _file(search: _Search, path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        search.refuse(path, "is not a regular file; pipe it in as '-'")
        return
    kind = kind_of_name(path)
    if isinstance(kind, str):
        search.refuse(path, kind)
    else:
        search.sources.append(Source(os.path.abspath(path), os.path.abspath(path), *kind))


def _folder(search: _Search, path: str) -> None:
    if not isinstance(kind_of_name(path), str) and not path.rstrip("/").endswith(".parquet"):
        search.refuse(path, "is a folder with the name of a data file")
        return
    root = os.path.abspath(path)
    search.roots.append(root)
    before = len(search.sources), len(search.refused)
    _walk(search, root, os.path.realpath(root))
    if before == (len(search.sources), len(search.refused)):
        search.missing.append(f"{printable(path)}: no data file in this folder")


def _walk(search: _Search, folder: str, root: str) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        search.refuse(folder, f"cannot be listed: {error.strerror}")
        return
    listed = _listed(search, folder)
    for entry in entries:
        if _is_paper(entry.name) or (listed is not None and entry.name.endswith(".arrow") and entry.name not in listed):
            continue
        if entry.is_symlink():
            _link(search, entry.path, root)
        elif entry.is_dir(follow_symlinks=False):
            _inner_folder(search, entry.path, root)
        else:
            _file(search, entry.path, entry.stat(follow_symlinks=False).st_mode)


def _inner_folder(search: _Search, path: str, root: str) -> None:
    if not isinstance(kind_of_name(path), str) and not path.endswith(".parquet"):
        search.refuse(path, "is a folder with the name of a data file")
    else:
        _walk(search, path, root)


def _is_paper(name: str) -> bool:
    return name.startswith((".", "_")) or name in _PAPER_NAMES or _PAPERS.fullmatch(name) is not None


def _link(search: _Search, path: str, root: str) -> None:
    """A link inside a folder leads to what is read under its own name, or is refused."""
    try:
        real = os.path.realpath(path, strict=True)
    except OSError as error:
        search.refuse(path, f"a symbolic link that leads nowhere or in a circle ({error.strerror})")
        return
    inside = os.path.commonpath([real, root]) == root
    if not inside:
        search.refuse(path, "a symbolic link to something outside the folder: name its target as an input instead")
    elif os.path.isdir(real) and os.path.commonpath([real, os.path.realpath(os.path.dirname(path))]) == real:
        search.refuse(path, "a symbolic link to a folder that holds it: a circle")


def _listed(search: _Search, folder: str) -> frozenset[str] | None:
    """The data files of a saved Hugging Face data set; None where the folder is none. Its caches are not data."""
    try:
        state = json.loads(Path(folder, "state.json").read_bytes())
        names = frozenset(str(entry["filename"]) for entry in state["_data_files"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        search.refuse(os.path.join(folder, "state.json"), "is not the state of a saved data set")
        return None
    for name in sorted(names):
        if not os.path.lexists(os.path.join(folder, name)):
            search.refuse(os.path.join(folder, name), "is named in state.json but missing")
    return names


def _stdin(search: _Search) -> None:
    path = _spooled(search.scratch, "stdin.jsonl", iter(lambda: sys.stdin.buffer.read(_COPY), b""))
    search.sources.append(Source(path, "", "jsonl"))


def _spooled(scratch: Path, name: str, chunks: Iterator[bytes]) -> str:
    path = scratch / name
    make_folder(path.parent)
    with NewFile(path) as file:
        for chunk in chunks:
            file.write(chunk)
        file.publish()
    return str(path)


def _remote(search: _Search, url: str) -> None:
    """The files behind an fsspec address, copied into the scratch folder."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
        if system.isdir(path):
            paths = [found for found in sorted(system.find(path)) if not _is_paper(found.rsplit("/", 1)[-1])]
        else:
            paths = sorted(system.glob(path)) if glob.has_magic(path) else [path] if system.exists(path) else []
    except (OSError, ValueError, ImportError) as error:
        search.missing.append(f"{printable(url)}: cannot be opened ({type(error).__name__})")
        return
    if not paths:
        search.missing.append(f"{printable(url)}: no such file or folder")
    base = path if system.isdir(path) else os.path.commonpath([os.path.dirname(found) for found in paths] or [""])
    for found in paths:
        _remote_file(search, system, found, os.path.relpath(found, base) if base else found)


def _remote_file(search: _Search, system: object, path: str, name: str) -> None:
    kind = kind_of_name(path)
    if isinstance(kind, str):
        search.refuse(path, kind)
        return
    try:
        with system.open(path, "rb") as file:  # type: ignore[attr-defined]
            local = _spooled(search.scratch / "remote", name, iter(lambda: file.read(_COPY), b""))
    except OSError as error:
        search.refuse(path, f"cannot be read ({type(error).__name__})")
        return
    search.sources.append(Source(local, "", *kind))


def _unique(sources: Sequence[Source]) -> list[Source]:
    """Each file once, however often it was named; the plainest of its names."""
    first: dict[str, Source] = {}
    for source in sorted(sources, key=lambda source: os.fsencode(source.path)):
        first.setdefault(os.path.realpath(source.path), source)
    return list(first.values())


def _named(sources: Sequence[Source], search: _Search) -> list[Source]:
    """The sources with their names relative to the common root of the inputs, sorted."""
    root = os.path.commonpath(search.roots) if search.roots else ""
    named = [replace(source, name=_name(source, root, search.scratch)) for source in sources]
    names = [source.name for source in named]
    for name in sorted({name for name in names if names.count(name) > 1}):
        search.refuse(name, "two inputs would have this name")
    for name in names:
        if os.fsencode(name) != name.encode("utf-8", "replace"):
            search.refuse(name, "its name is not UTF-8: rename it")
    return sorted(named, key=lambda source: os.fsencode(source.name))


def _name(source: Source, root: str, scratch: Path) -> str:
    if source.name:
        return os.path.relpath(source.name, root).replace(os.sep, "/")
    return os.path.relpath(source.path, scratch).removeprefix("remote/").replace(os.sep, "/")
