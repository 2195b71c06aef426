"""Fetched models: where they lie, how they get there, whether they are still what was fetched.

    MODELS/                    AUDITKIT_MODELS, else the cache folder of the platform
      lock.json                name -> SHA-256 of the file that was first fetched under that name
      NAME/model.json          url, bytes and sha256 of the fetched file; size and sha256 of every file here
      NAME/...                 the pipeline of a wheel, or the checkpoint
      .parts/                  downloads that are not whole yet

A model appears under its name by one rename, whole and verified, or not at all. A hash is taken from the catalogue,
else from `--sha256`, else from lock.json; where the catalogue knows the first digits alone, the first fetch records
the rest (trust on first use), which `fetch` says.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from auditkit import disk
from auditkit.errors import AuditkitError, ConfigError
from auditkit.models.catalogue import Entry, Part
from auditkit.models.download import DownloadError, Tell, check_address, download, forget, sha256_of
from auditkit.models.unpack import unpack_pipeline
from auditkit.text.safe import printable

RECORD = "model.json"


def folder() -> Path:
    """Where fetched models lie; the environment variable AUDITKIT_MODELS goes before the platform's cache folder."""
    named = os.environ.get("AUDITKIT_MODELS")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "auditkit/models"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/auditkit/models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auditkit/models"


def find(name: str) -> Path | None:
    """The folder of a fetched model, or None; nothing is verified here, see `changed`."""
    place = folder() / name
    return place if (place / RECORD).is_file() else None


def sha256_of_fetched(place: Path) -> str:
    """The hash of the file that a model's folder came from, as recorded when it was fetched."""
    return str(_record(place)["sha256"])


def file_of(name: str) -> Path | None:
    """The one file of a fetched model that is no folder of files, such as a checkpoint; None when not fetched."""
    place = find(name)
    if place is None:
        return None
    names = sorted(set(_record(place)["files"]))
    return place / names[0] if len(names) == 1 else None


class Fetched(NamedTuple):
    """A model on this machine: its folder, the hash of what was fetched, and whether nobody had told the hash."""

    path: Path
    sha256: str
    first_use: bool


def fetch(
    entry: Entry,
    *,
    origin: str = "",
    sha256: str = "",
    tell: Tell = lambda _have, _total: None,
    prepare: Callable[[Path], None] = lambda _folder: None,
) -> Fetched:
    """Download, verify and unpack a model; one that is there and whole is left as it is.

    origin: another URL, or a file of this machine, with the same bytes. sha256: in full, where the catalogue has none.
    prepare: what is done to the model's folder before it appears under its name, such as a conversion.
    ConfigError: no hash is known, or two that differ. DownloadError: not reached, broken off, or other bytes.
    """
    wanted, first_use = _wanted(entry, sha256)
    place = find(entry.name)
    if place is not None and not changed(place) and _record(place)["sha256"].startswith(wanted):
        return Fetched(place, _record(place)["sha256"], first_use=False)
    disk.make_folder(folder() / ".parts")
    part = folder() / ".parts" / f"{entry.name}-{wanted[:12]}"
    got = _obtain(entry, origin, part, tell)
    if not got.startswith(wanted):
        forget(part)
        raise DownloadError(
            f"{entry.name}: not the file that was meant: its SHA-256 is {got}, expected {wanted}"
            f"{'...' if len(wanted) < 64 else ''}. Nothing of it was kept"
        )

    def fill(fresh: Path) -> None:
        PREPARE[entry.kind](entry, part, fresh)
        for further in entry.files:
            _further(entry, further, fresh, tell)
        prepare(fresh)

    path = _settle(entry, part, Source(origin or entry.url, got), fill)
    _lock(entry.name, got)
    return Fetched(path, got, first_use)


def _wanted(entry: Entry, given: str) -> tuple[str, bool]:
    """(the hash or its first digits, whether the rest is taken on trust)."""
    locked = locks().get(entry.name, "")
    told = [value for value in (entry.sha256, given.lower(), locked) if value]
    if len({*told}) > 1:
        raise ConfigError(
            f"{entry.name}: SHA-256 {told[0]} is pinned, not {told[1]}; to replace what was fetched before, "
            f"remove its line from {printable(str(folder() / 'lock.json'))}"
        )
    if told and not told[0].startswith(entry.sha256_starts):
        raise ConfigError(f"{entry.name}: a SHA-256 that starts with {entry.sha256_starts} is pinned")
    if told:
        return told[0], False
    if not entry.sha256_starts:
        raise ConfigError(f"{entry.name}: the catalogue has no hash of it; give the publisher's by --sha256")
    return entry.sha256_starts, True


def _obtain(entry: Entry, origin: str, part: Path, tell: Tell) -> str:
    """The hash of the file that now lies at `part`."""
    if origin and "://" not in origin:
        try:
            shutil.copyfile(origin, part)
        except OSError as error:
            raise ConfigError(f"{printable(origin)}: {error.strerror or 'cannot be read'}") from None
        return sha256_of(part)
    check_address(origin or entry.url, frozenset([_host(origin or entry.url)]))
    return download(origin or entry.url, part, hosts=frozenset(entry.hosts), tell=tell)


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""


def _further(entry: Entry, file: Part, fresh: Path, tell: Tell) -> None:
    """Put one more file of the model into its folder, held against its hash, or against that of the first fetch."""
    name = f"{entry.name}/{file.path}"
    wanted = file.sha256 or locks().get(name, "")
    part = folder() / ".parts" / name.replace("/", "-")
    got = download(file.url, part, hosts=frozenset(entry.hosts), tell=tell)
    if not got.startswith(wanted):
        forget(part)
        raise DownloadError(f"{name}: not the file that was meant: its SHA-256 is {got}, expected {wanted}")
    disk.make_folder((fresh / file.path).parent)
    shutil.copyfile(part, fresh / file.path)
    forget(part)
    if not file.sha256:
        _lock(name, got)


def _keep(entry: Entry, part: Path, into: Path) -> None:
    shutil.copyfile(part, into / entry.file)


PREPARE: dict[str, Callable[[Entry, Path, Path], None]] = {
    "spacy": lambda _entry, part, into: unpack_pipeline(part, into),
    "checkpoint": _keep,
    "file": _keep,
}
"""Kind -> how a verified download becomes the files of a model: (entry, downloaded file, empty folder)."""


class Source(NamedTuple):
    """Where a model came from, and the hash of what came."""

    url: str
    sha256: str


def _settle(entry: Entry, part: Path, source: Source, fill: Callable[[Path], None]) -> Path:
    """The model's folder, put in place by a rename."""
    fresh = folder() / ".parts" / f"{entry.name}.new"
    if fresh.exists():
        disk.remove(fresh)
    disk.make_folder(fresh)
    fill(fresh)
    files = {str(path.relative_to(fresh).as_posix()): sha256_of(path) for path in _files(fresh)}
    record = {"name": entry.name, **source._asdict(), "bytes": part.stat().st_size, "files": files}
    disk.write(fresh / RECORD, json.dumps(record, indent=1, sort_keys=True).encode())
    place = folder() / entry.name
    if place.exists():
        disk.remove(place)
    fresh.rename(place)
    disk.sync_folder(folder())
    forget(part)
    return place


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file() and path.name != RECORD)


def _record(place: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((place / RECORD).read_bytes())
        if isinstance(record["files"], dict) and isinstance(record["sha256"], str):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise AuditkitError(f"{printable(str(place))}: its {RECORD} cannot be read; fetch the model again")


def changed(place: Path) -> list[str]:
    """What differs from what was fetched: names of files that are missing, other, or new. Reads every byte."""
    recorded = _record(place)["files"]
    present = {str(path.relative_to(place).as_posix()): path for path in _files(place)}
    wrong = [name for name in sorted(set(recorded) | set(present)) if name not in present or name not in recorded]
    return wrong + [name for name in sorted(set(recorded) & set(present)) if sha256_of(present[name]) != recorded[name]]


def locks() -> dict[str, str]:
    """Name -> SHA-256 of the file that was first fetched under that name on this machine."""
    with suppress(OSError, ValueError):
        known = json.loads((folder() / "lock.json").read_bytes())
        return {str(name): str(value) for name, value in known.items()}
    return {}


def _lock(name: str, sha256: str) -> None:
    disk.write(folder() / "lock.json", json.dumps(locks() | {name: sha256}, indent=1, sort_keys=True).encode())
