"""A run folder: opened by one process at a time, published by one rename of its manifest, verified by its hashes."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from auditkit import disk
from auditkit.errors import ConfigError, RunFolderError
from auditkit.shards import Quarantined, Written

MANIFEST = "manifest.json"
STATEMENT = "statement.json"  # a reviewer's sign-off, written after the run
WORK = "_work"
LOCK = ".lock"
ARGUMENTS = "arguments.json"
TABLE_ROWS = 1 << 16  # rows of one row group: a Parquet default that keeps memory flat


@dataclass(frozen=True)
class RunFolder:
    """A folder that this process may write to."""

    path: Path

    @property
    def work(self) -> Path:
        """Scratch: shard results and spooled input."""
        return self.path / WORK

    def file(self, name: str) -> Path:
        """The path of a file of the run, its folder made."""
        path = self.path / name
        disk.make_folder(path.parent)
        return path


@contextmanager
def opened(path: Path, *, resume: bool, arguments: Mapping[str, object]) -> Iterator[RunFolder]:
    """The folder for a run with these arguments, locked; RunFolderError or ConfigError when it may not be used.

    A new or empty folder is taken. A folder with an unfinished run of the same arguments is taken with `resume`.
    Files of the run are readable by their owner alone, since kept/, dropped/ and quarantine.jsonl hold raw text.
    """
    disk.make_folder(path)
    with disk.step("open", path / LOCK):
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.OWNER)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunFolderError(
                f"--out {path}: another run is using it; wait for it or choose another folder"
            ) from None
        folder = RunFolder(path)
        _take(folder, resume=resume, arguments=arguments)
        yield folder
    finally:
        os.close(lock)


def keep_apart(source: Any, folder: Path) -> None:
    """ConfigError when the run folder is an input, holds one or lies inside one: the only copy is never overwritten."""
    out = folder.absolute()
    for item in [source] if isinstance(source, str | Path) else source if isinstance(source, list | tuple) else []:
        path = Path(str(item)).absolute()
        if path.exists() and (path == out or out in path.parents or (path in out.parents and path.is_dir())):
            raise ConfigError(f"--out {folder}: overlaps the input {item}; choose a folder outside of it")


def _take(folder: RunFolder, *, resume: bool, arguments: Mapping[str, object]) -> None:
    """Make the folder ready, or say why it cannot be."""
    path, mark = folder.path, folder.work / ARGUMENTS
    there = sorted(entry.name for entry in path.iterdir() if entry.name != LOCK)
    wanted = json.dumps(arguments, sort_keys=True)
    if (path / MANIFEST).exists():
        raise ConfigError(
            f"--out {path}: holds a finished run; choose another folder, or --resume to get its verdict again"
        )
    if there and not mark.exists() and not _just_begun(folder):
        raise RunFolderError(
            f"--out {path}: is not empty and holds no run ({', '.join(there[:3])}); choose another folder"
        )
    if mark.exists() and not resume:
        raise ConfigError(f"--out {path}: holds an unfinished run; add --resume to go on, or choose another folder")
    if mark.exists() and mark.read_text(encoding="utf-8") != wanted:
        raise ConfigError(f"--out {path}: its unfinished run has other inputs or another policy; choose another folder")
    for entry in there:
        if entry != WORK:
            disk.remove(path / entry)
    disk.make_folder(folder.work)
    write_text(mark, wanted)


def _just_begun(folder: RunFolder) -> bool:
    """Whether a run was killed here before it could even write down its arguments."""
    there = {entry.name for entry in folder.path.iterdir()} - {LOCK}
    return there == {WORK} and all(entry.name.startswith(".") for entry in folder.work.iterdir())


def finished_exit_code(path: Path, arguments: Mapping[str, object]) -> int | None:
    """The exit code of the whole run in this folder, None without one; ConfigError when it had another policy.

    Scratch that a kill just after publishing left behind is removed.
    """
    if not (path / MANIFEST).exists():
        return None
    manifest = read_manifest(path)
    if manifest["policy_sha256"] != arguments["policy_sha256"]:
        raise ConfigError(f"--out {path}: holds a finished run with another policy; choose another folder")
    _clear(path / WORK)
    return {"pass": 0, "fail": 1}.get(str(manifest["verdict"]), 3)


# ---- writing ----------------------------------------------------------------------------------------------------


def write_text(path: Path, text: str, *, mode: int = disk.OWNER) -> Written:
    """Write UTF-8 text whole or not at all."""
    file = disk.write(path, text.encode("utf-8", "surrogatepass"), mode=mode)
    return Written(path.name, file.size, file.sha256, 0)


class TableWriter:
    """A Parquet file written table by table, in row groups of TABLE_ROWS whatever sizes the tables have."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        with ExitStack() as until_ready:
            self._file = until_ready.enter_context(disk.NewFile(path))
            self._writer = pq.ParquetWriter(self._file, schema, compression="zstd", write_page_checksum=True)
            until_ready.pop_all()
        self._waiting = schema.empty_table()
        self._n_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)
        self._writer.close()

    def add(self, table: pa.Table) -> None:
        """Append these rows."""
        self._waiting = pa.concat_tables([self._waiting, table.cast(self._schema)])
        self._n_rows += table.num_rows
        full = self._waiting.num_rows - self._waiting.num_rows % TABLE_ROWS
        if full:
            whole = self._waiting.combine_chunks()
            self._writer.write_table(whole.slice(0, full), row_group_size=TABLE_ROWS)
            self._waiting = whole.slice(full)

    def publish(self) -> Written:
        """Write what waits, and give the file its name."""
        if self._waiting.num_rows or not self._n_rows:
            self._writer.write_table(self._waiting.combine_chunks(), row_group_size=TABLE_ROWS)
        self._writer.close()
        self._file.publish()
        return Written(self._file.path.name, self._file.size, self._file.sha256, self._n_rows)


def write_quarantine(path: Path, rows: Iterable[Quarantined]) -> Written:
    """quarantine.jsonl, also when it is empty."""
    n_rows = 0
    with disk.NewFile(path) as file:
        for row in rows:
            entry = vars(row) | {"raw": base64.b64encode(row.raw).decode()}
            file.write(json.dumps(entry).encode() + b"\n")
            n_rows += 1
        file.publish()
    return Written(path.name, file.size, file.sha256, n_rows)


def written(path: Path, name: str, n_rows: int) -> Written:
    """Size and hash of a file that is there."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(name, path.stat().st_size, sha256, n_rows)


def publish(folder: RunFolder, manifest: dict[str, Any], run: dict[str, Any]) -> None:
    """Write run.json, then the manifest: from that rename on the run exists. The scratch goes last."""
    reports = [written(path, path.name, 0) for path in sorted(folder.path.glob("report.*"))]
    run["files"] = [{"path": report.path, "sha256": report.sha256} for report in reports]
    write_text(folder.file("run.json"), sealed(run))
    write_text(folder.file(MANIFEST), sealed(manifest))
    _clear(folder.work)


def _clear(work: Path) -> None:
    """Remove the scratch of a run that is whole: what cannot be removed changes nothing."""
    with suppress(RunFolderError):
        disk.remove(work)


def sealed(content: Mapping[str, Any]) -> str:
    """The JSON text of a dictionary with the hash of itself in `self_sha256`."""
    body = {key: value for key, value in content.items() if key != "self_sha256"}
    seal = hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
    return json.dumps(body | {"self_sha256": seal}, indent=1, allow_nan=False) + "\n"


# ---- reading ----------------------------------------------------------------------------------------------------


def read_manifest(run: Path) -> dict[str, Any]:
    """The manifest; RunFolderError when there is none or it is broken."""
    return read_sealed(run / MANIFEST, missing=f"{run}: no manifest.json, so this is no finished run")


def read_sealed(path: Path, *, missing: str) -> dict[str, Any]:
    """A sealed JSON file; RunFolderError with the text `missing` when it is not there, another when it was changed."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(missing) from None
    except (OSError, ValueError):
        raise RunFolderError(f"{path}: cannot be read; the file is broken") from None
    if not isinstance(content, dict) or json.loads(sealed(content)).get("self_sha256") != content.get("self_sha256"):
        raise RunFolderError(f"{path}: was changed after the run (its own hash does not fit)")
    return content


def verify(run: Path) -> list[str]:
    """Every way in which the folder is not what the run wrote: hashes, sizes, row sums, files missing or added."""
    manifest = read_manifest(run)
    problems: list[str] = []
    expected = {entry["path"]: entry for entry in manifest["outputs"]}
    try:
        extra = read_sealed(run / "run.json", missing=f"{run}/run.json: is missing")
        expected |= {entry["path"]: entry for entry in extra["files"]}
    except RunFolderError as error:
        problems.append(str(error))
    for name, entry in expected.items():
        problems += _differs(run / name, name, entry)
    problems += [f"{name}: was not written by the run" for name in _others(run, set(expected))]
    return problems + _wrong_statement(run) + _wrong_sums(manifest)


def _wrong_statement(run: Path) -> list[str]:
    """A sign-off that is about another manifest, or cannot be read."""
    path = run / STATEMENT
    if not path.exists():
        return []
    try:
        subject = json.loads(path.read_text(encoding="utf-8"))["subject"][0]["digest"]["sha256"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return [f"{STATEMENT}: cannot be read; the sign-off is broken"]
    if subject != hashlib.sha256((run / MANIFEST).read_bytes()).hexdigest():
        return [f"{STATEMENT}: signs another manifest than the one in this folder"]
    return []


def _differs(path: Path, name: str, entry: Mapping[str, Any]) -> list[str]:
    try:
        now = written(path, name, 0)
    except OSError:
        return [f"{name}: is missing or cannot be read"]
    return [] if now.sha256 == entry["sha256"] else [f"{name}: its bytes were changed after the run"]


def _others(run: Path, expected: set[str]) -> list[str]:
    """Files of the folder that nobody vouches for; scratch and hidden names aside."""
    names = (path.relative_to(run).as_posix() for path in sorted(run.rglob("*")) if path.is_file())
    known = {MANIFEST, "run.json", "review.json", STATEMENT, f"{STATEMENT}.sig", *expected}
    return [name for name in names if name not in known and not name.split("/")[0].startswith((".", "_"))]


def _wrong_sums(manifest: Mapping[str, Any]) -> list[str]:
    problems = []
    for entry in (manifest["counts"] | {"path": "the corpus"}, *manifest["files"]):
        parts = sum(entry[key] for key in ("kept", "redacted", "dropped", "quarantined"))
        if parts != entry["rows_in"]:
            problems.append(f"{entry['path']}: {entry['rows_in']} rows in, {parts} accounted for")
    for kind, keys in (("kept/", ("kept", "redacted")), ("dropped/", ("dropped",))):
        rows = sum(entry["rows"] for entry in manifest["outputs"] if entry["path"].startswith(kind))
        if rows != sum(manifest["counts"][key] for key in keys):
            problems.append(f"{kind}: holds {rows} rows, {sum(manifest['counts'][key] for key in keys)} were decided")
    return problems
