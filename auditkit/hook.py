"""`scan --changed-since`, as a commit hook runs it: the new lines of changed files, many of which it has seen before.

A file that was scanned before costs its hash, a row that was scanned before a look-up. What is left is scanned, and
remembered where every checker looks at one document at a time and none missed anything. Only the text output remembers.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditkit.changed import BY_LINE, Earlier, changed_files, earlier, git_folder, new_lines
from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS
from auditkit.remembered import Memory, key, stamp
from auditkit.waivers import Accepted

if TYPE_CHECKING:
    from auditkit.engine.first_pass import Corpus
    from auditkit.scan import Scanned

Lines = list[tuple[int, bytes]]
LFS_LOST = "the earlier version is a git LFS object that is not here (git lfs fetch); looked at as a whole"


class Asked(NamedTuple):
    """What the user asked for, beside the inputs."""

    policy: str
    fields: Mapping[str, str]
    since: str
    accepted: Accepted
    format: str = "text"


class Said(NamedTuple):
    """One finding as it is printed behind its path and line; text is `rule: masked message`. line is 1-based."""

    line: int
    rule: str
    field: str
    fingerprint: str
    text: str


@dataclass
class File:
    """A changed file. said: its findings, None while they are not known; mark, key: see `remembered`.

    unseen: its new lines that are not known, None where it is looked at as a whole. keys: those of the unseen lines.
    """

    path: str
    before: Earlier
    mark: bytes
    key: bytes
    said: list[Said] | None = None
    unseen: Lines | None = None
    keys: list[bytes] = field(default_factory=list)


class Spared:
    """Makes a package look as if it were not installed, for the rest of a process that needs none of them.

    numba asks for scipy, and pyarrow for pandas, only to learn whether they are there: 0.4 s of 2 s where they are.
    """

    PACKAGES = ("pandas", "scipy")
    POLICIES = ("pre-commit", "secrets")  # the hook's own: what they run needs neither

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Nothing for other packages, so that the import goes on; ModuleNotFoundError for these."""
        del path, target
        if name.partition(".")[0] in self.PACKAGES:
            raise ModuleNotFoundError(name, name=name)


def scan_changed(inputs: Sequence[str], asked: Asked) -> tuple[str, int, list[str]]:
    """(findings, exit code, remarks) of what the revision lacks: 1 with findings, 3 when something was not looked at.

    ConfigError and InputError as `scan_inputs` raises them, for changed files alone.
    """
    paths = changed_files(_paths(inputs), asked.since)
    if not paths:
        return "", EXIT_PASS, []
    mark = stamp(asked.policy, asked.fields)
    files = [_file(path, asked.since, mark) for path in paths]
    remembers = asked.format == "text"
    with closing(Memory(git_folder(paths[0]) if remembers else None)) as memory, ThreadPoolExecutor(1) as aside:
        _recall_files(files, memory)
        unknown = [file for file in files if file.said is None]
        waiting = {file.path: aside.submit(_new_lines, file) for file in unknown}
        if not unknown:
            return (*_told(files, inputs, asked.accepted), [])
        return _scan(files, waiting, memory, inputs, asked)


def _paths(inputs: Sequence[str]) -> list[str]:
    """The files of the inputs; files are taken as they are named, which loads nothing."""
    if not any(Path(item).is_dir() or "://" in item or "*" in item for item in inputs):
        return [str(Path(item).absolute()) for item in inputs]
    from auditkit.formats import discover

    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        return [source.path for source in discover(inputs, scratch=Path(scratch))]


def _file(path: str, since: str, mark: bytes) -> File:
    before = earlier(path, since)
    now = b""
    if Path(path).is_file():
        with Path(path).open("rb") as stream:
            now = hashlib.file_digest(stream, "blake2b").digest()
    return File(path, before, mark, key(mark, Path(path).name, before.oid, now))


def _recall_files(files: Sequence[File], memory: Memory) -> None:
    known = memory.known([file.key for file in files])
    for file in files:
        if file.key in known:
            file.said = [Said(*item) for item in known[file.key]]


def _new_lines(file: File) -> tuple[Lines | None, str]:
    """(new lines, or None where the whole file is new; a remark). Runs aside, while the rest is imported."""
    if not Path(file.path).name.endswith(BY_LINE):
        return None, ""
    before = file.before.content()
    if before is None:
        return None, f"{file.path}: {LFS_LOST}" if file.before.oid else ""
    return new_lines(before, Path(file.path).read_bytes()), ""


def _scan(
    files: Sequence[File],
    waiting: Mapping[str, Future[tuple[Lines | None, str]]],
    memory: Memory,
    inputs: Sequence[str],
    asked: Asked,
) -> tuple[str, int, list[str]]:
    """Look at what is not known, say everything, remember what was new."""
    from auditkit.audit import load_policy
    from auditkit.corpus import open_corpus
    from auditkit.scan import Place, as_given, exit_code, rendered, scan_corpus, unread

    policy = load_policy(asked.policy, asked.fields)
    unknown = {file.path: file for file in files if file.said is None}
    remarks = []
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        corpus = open_corpus(list(unknown), policy, Path(scratch))
        by_name = {source.name: unknown[source.path] for source in corpus.sources}
        for path, lines in waiting.items():
            unknown[path].unseen, remark = lines.result()
            remarks += [remark] if remark else []
        for source, layout in zip(corpus.sources, corpus.layouts, strict=True):
            _recall_rows(by_name[source.name], repr(layout), memory)
        reduced = _reduced(corpus, by_name, Path(scratch))
        if not reduced.sources:
            _remember_files(list(unknown.values()), memory)
            return (*_told(files, inputs, asked.accepted), remarks)
        places = {name: Place(as_given(file.path, inputs), _numbers(file)) for name, file in by_name.items()}
        accepted = Accepted() if asked.format == "text" else asked.accepted
        scanned = scan_corpus(reduced, policy, Path(scratch), accepted, places)
        if asked.format != "text":
            return rendered(scanned, asked.format), exit_code(scanned), remarks
        _remember(scanned, by_name, memory)
        text, found = _told(files, inputs, asked.accepted)
        incomplete = exit_code(scanned) == EXIT_INCOMPLETE
        return text + unread(scanned), EXIT_INCOMPLETE if incomplete else found, remarks


def _recall_rows(file: File, layout: str, memory: Memory) -> None:
    """Say what is known of the file's new lines; the others stay unseen."""
    file.said = []
    if file.unseen is None:
        return
    keys = [key(file.mark, layout, line) for _, line in file.unseen]
    known = memory.known(keys)
    lines = [number for number, _ in file.unseen]
    file.said = [Said(line, *item) for line, mark in zip(lines, keys, strict=True) for item in known.get(mark, ())]
    file.keys = [mark for mark in keys if mark not in known]
    file.unseen = [item for item, mark in zip(file.unseen, keys, strict=True) if mark not in known]


def _numbers(file: File) -> list[int] | None:
    return None if file.unseen is None else [line for line, _ in file.unseen]


def _reduced(corpus: Corpus, files: Mapping[str, File], scratch: Path) -> Corpus:
    """The corpus with its JSON lines files cut down to their unseen lines; the layouts are those of the whole files."""
    sources, layouts = [], []
    for number, (source, layout) in enumerate(zip(corpus.sources, corpus.layouts, strict=True)):
        unseen = files[source.name].unseen
        if unseen == []:
            continue
        path = source.path
        if unseen is not None:
            path = str(scratch / f"{number}-{Path(path).name}")
            Path(path).write_bytes(b"".join(line + b"\n" for _, line in unseen))
        sources.append(replace(source, path=path))
        layouts.append(layout)
    return replace(corpus, sources=sources, layouts=layouts)


def _remember(scanned: Scanned, files: Mapping[str, File], memory: Memory) -> None:
    """Add what was found to what is said of each file; keep what will be the same the next time."""
    found = _found(scanned)
    bad = {(name, line) for name, line, _ in scanned.unreadable()}
    entries: dict[bytes, list[tuple[object, ...]]] = {}
    for name, file in files.items():
        new = found.get(name, [])
        file.said = sorted([*(file.said or ()), *new], key=lambda said: said.line)
        of_line: dict[int, list[tuple[object, ...]]] = {}
        for said in new:
            of_line.setdefault(said.line, []).append(said[1:])
        read = [line for line, _ in file.unseen or () if (name, line) not in bad]
        marks = dict(zip((line for line, _ in file.unseen or ()), file.keys, strict=True))
        entries |= {marks[line]: of_line.get(line, []) for line in read}
    if scanned.by_document:
        memory.remember(entries)
        _remember_files([file for name, file in files.items() if name not in {name for name, _ in bad}], memory)


def _found(scanned: Scanned) -> dict[str, list[Said]]:
    """File name -> its findings as they are printed."""
    from auditkit.outputs.terminal import finding

    found: dict[str, list[Said]] = {}
    for row in scanned.report.located.to_pylist():
        said = Said(
            row["line"], row["rule"], row["field"] or "", row["fingerprint"] or "", finding(row, scanned.report.rules)
        )
        found.setdefault(row["file"] or scanned.report.path(None), []).append(said)
    return found


def _remember_files(files: Sequence[File], memory: Memory) -> None:
    memory.remember({file.key: file.said for file in files})


def _told(files: Sequence[File], inputs: Sequence[str], accepted: Accepted) -> tuple[str, int]:
    """(a line per finding that nobody has accepted, exit code)."""
    lines = []
    for file in files:
        for said in file.said or ():
            if (said.rule, said.fingerprint, said.field) not in accepted.keys:
                from auditkit.outputs.terminal import line
                from auditkit.scan import as_given

                lines.append(line(as_given(file.path, inputs), said.line, said.text))
    return "".join(lines), EXIT_FAIL if lines else EXIT_PASS
