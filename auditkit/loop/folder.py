"""A round is a folder, published by one rename of its round.json and chained to its parents by hash.

    OUT/0/           the reference corpus (real data), audited: round 0
    OUT/1/round.json       lineage: parents (round, SHA-256 of their round.json), settings, generator, trainer, seed,
                           policy, counts, verdict; path, bytes and SHA-256 of every file below
          prompts.jsonl    {id, text, attributes, answer}        samples.jsonl    {prompt, number, text, ...}
          rows.jsonl       the samples as rows                   run/             audit of these rows: what is rejected
          recovery.jsonl   a line per rejected row               again/ anew/     audits of repaired and new rows
          candidates.jsonl what is left                          gate/            audit of these: the gate
          kept.jsonl       what may be trained on                index/           near-copy index of it
          metrics.json     as in a run folder                    export/          training files, configs, lineage.jsonl
          model/           what the trainer wrote
    OUT/answers.jsonl      what was paid for, by the hash of what was asked

A round without round.json is unfinished and goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditkit import disk
from auditkit.errors import RunFolderError
from auditkit.run_folder import read_sealed, sealed

ROUND = "round.json"
LOCK = ".lock"
UNHASHED = ("model/",)  # a trainer's own; large, and named in round.json by its id
Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The folder of one round."""

    path: Path
    number: int

    def __truediv__(self, name: str) -> Path:
        """A file of the round, its folder made."""
        path = self.path / name
        disk.make_folder(path.parent)
        return path

    @property
    def published(self) -> bool:
        """Whether the round is finished."""
        return (self.path / ROUND).exists()

    @property
    def manifest(self) -> Row:
        """round.json; RunFolderError when it is missing, broken or was changed."""
        return read_sealed(self.path / ROUND, missing=f"{self.path}: no {ROUND}, so this is no finished round")

    @property
    def sha256(self) -> str:
        """Hash of round.json: the name under which later rounds know this one."""
        return hashlib.sha256((self.path / ROUND).read_bytes()).hexdigest()


def place_of(out: Path, number: int) -> Place:
    """The folder of round `number`."""
    return Place(out / str(number), number)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """The loop's folder for this process alone; RunFolderError while another one works in it."""
    disk.make_folder(out)
    with disk.step("open", out / LOCK):
        handle = os.open(out / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.OWNER)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise RunFolderError(f"{out}: another loop is using it; wait for it or choose another folder") from None
    try:
        yield
    finally:
        os.close(handle)


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """JSON lines, whole or not at all."""
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows]
    disk.write(path, "".join(lines).encode("utf-8", "surrogatepass"))


def write_json(path: Path, content: object) -> None:
    """A JSON file, whole or not at all."""
    disk.write(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of JSON lines; RunFolderError when it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="surrogatepass") as file:
            return [json.loads(line) for line in file]
    except (OSError, ValueError):
        raise RunFolderError(f"{path}: cannot be read; the file is broken or missing") from None


def publish(place: Place, lineage: Mapping[str, object], parents: Sequence[Place]) -> None:
    """Write round.json with the hashes of the parents and of every file: from this rename on the round exists."""
    chain = [{"round": parent.number, "sha256": parent.sha256} for parent in parents]
    content = {**lineage, "round": place.number, "parents": chain, "files": _files(place.path)}
    disk.write(place / ROUND, sealed(content).encode())


def _files(folder: Path) -> list[dict[str, object]]:
    """Path, bytes and SHA-256 of every file of a round, but for round.json, hidden names and what is UNHASHED."""
    entries = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name == ROUND or name.startswith(UNHASHED) or any(part.startswith(".") for part in name.split("/")):
            continue
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        entries.append({"path": name, "bytes": path.stat().st_size, "sha256": sha256})
    return entries


def verify(place: Place) -> list[str]:
    """Every way in which a published round differs from what was published."""
    manifest = place.manifest
    wanted = {str(entry["path"]): entry["sha256"] for entry in manifest["files"]}
    there = {str(entry["path"]): entry["sha256"] for entry in _files(place.path)}
    problems = [f"{place.path}/{name}: is missing" for name in wanted if name not in there]
    problems += [f"{place.path}/{name}: was added after the round" for name in there if name not in wanted]
    problems += [
        f"{place.path}/{name}: its bytes were changed after the round"
        for name in wanted
        if name in there and there[name] != wanted[name]
    ]
    return problems


def check_chain(out: Path, last: int) -> list[Place]:
    """Rounds 0..last, each whole and with the parents that it was made from; RunFolderError names what is not."""
    places = [place_of(out, number) for number in range(last + 1)]
    problems: list[str] = []
    for place in places:
        if not place.published:
            problems.append(f"{place.path}: the parent round {place.number} is missing or unfinished")
            continue
        problems += verify(place)
        for parent in place.manifest["parents"]:
            known = places[parent["round"]]
            if known.published and known.sha256 != parent["sha256"]:
                problems.append(f"{known.path}/{ROUND}: is not the one that round {place.number} was made from")
    if problems:
        raise RunFolderError("\n".join([*problems, "restore these files, or start anew in another folder"]))
    return places


def published(out: Path) -> list[Place]:
    """The finished rounds, in order, without a check of their files."""
    numbers = sorted(int(path.name) for path in out.iterdir() if path.name.isdigit()) if out.is_dir() else []
    return [place for place in (place_of(out, number) for number in numbers) if place.published]
