"""The quick commands: findings of changed files as lines, and one file cleaned; no run folder is left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from auditkit.audit import How, examine, gate, load_policy
from auditkit.checker import AnyChecker, Checker, CorpusChecker
from auditkit.corpus import open_corpus
from auditkit.engine.first_pass import Corpus
from auditkit.engine.look import reads
from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS, ConfigError
from auditkit.lines import line_table
from auditkit.policy import Policy
from auditkit.report_data import Report
from auditkit.result import Examined, Settled, certificates_of, settle
from auditkit.run_folder import read_manifest
from auditkit.waivers import Accepted
from auditkit.writing import manifest_of


@dataclass(frozen=True)
class Place:
    """What a scanned file stands for. path: as the user wrote it. lines: the line there of each line here."""

    path: str
    lines: Sequence[int] | None = None

    def line_of(self, line: int) -> int:
        """The line in the user's file of a line of the scanned one."""
        return line if self.lines is None else self.lines[line - 1]


@dataclass(frozen=True)
class Scanned:
    """A scan: what was examined, its report with the line of each finding, and the user's file behind each name."""

    examined: Examined
    settled: Settled
    report: Report
    places: Mapping[str, Place]

    @property
    def by_document(self) -> bool:
        """Whether each finding depends on its own document alone, and nothing was missed: it may be remembered."""
        gaps = (*self.examined.first.gaps, *self.examined.finished.gaps)
        return not gaps and all(_by_document(checker) for checker in self.examined.checkers.values())

    def unreadable(self) -> list[tuple[str, int, str]]:
        """(name of the file, line in the user's file, reason) of each row that could not be read."""
        store, n_shards = self.examined.work.store, self.examined.work.corpus.n_shards
        rows = [row for looked in store.each(n_shards) for row in looked.quarantined]
        return [(row.file, self.places[row.file].line_of(row.line), row.reason) for row in rows]


def _by_document(checker: AnyChecker | None) -> bool:
    """Of our own kind, looks at one document at a time, and reads no file beside it."""
    own = type(checker).__module__.startswith("auditkit.")
    return own and isinstance(checker, Checker) and not isinstance(checker, CorpusChecker) and not reads(checker)


def scan_inputs(
    inputs: list[str], policy: str, *, fields: Mapping[str, str], format: str, accepted: Accepted
) -> tuple[str, int]:
    """(text, exit code): findings in this format; 1 with findings, 3 when something was not looked at, else 0."""
    from auditkit.outputs.terminal import lines

    chosen = load_policy(policy, fields)
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        corpus = open_corpus(inputs, chosen, Path(scratch))
        places = {source.name: Place(as_given(source.path, inputs)) for source in corpus.sources}
        scanned = scan_corpus(corpus, chosen, Path(scratch), accepted, places)
        if format == "text":
            paths = {name: place.path for name, place in places.items()}
            return lines(scanned.report, paths=paths) + unread(scanned), exit_code(scanned)
        return rendered(scanned, format), exit_code(scanned)


def scan_corpus(
    corpus: Corpus, policy: Policy, scratch: Path, accepted: Accepted, places: Mapping[str, Place]
) -> Scanned:
    """Every checker over the corpus, in memory."""
    examined = examine(corpus, policy, scratch, How(accepted=accepted))
    report, settled = _report(examined, places)
    return Scanned(examined, settled, report, places)


def rendered(scanned: Scanned, format: str) -> str:
    """The findings in one of the formats for machines."""
    from auditkit.outputs import render

    paths = {name: place.path for name, place in scanned.places.items()}
    return render(replace(scanned.report, paths=paths), format).decode("utf-8")


def exit_code(scanned: Scanned) -> int:
    """Incomplete before findings: what was not read cannot be called clean."""
    report, settled = scanned.report, scanned.settled
    too_many = (
        settled.counts["quarantined"] > scanned.examined.policy.corpus.max_quarantined * settled.counts["rows_in"]
    )
    if settled.verdict.word == "incomplete" or too_many:
        return EXIT_INCOMPLETE
    live = report.findings.num_rows - sum(report.findings.column("waived").to_pylist())
    return EXIT_FAIL if live else EXIT_PASS


def as_given(path: str, inputs: Sequence[str]) -> str:
    """The path as the user would write it: as an input or below one, relative where that was."""
    for item in inputs:
        top = Path(item).absolute()
        if Path(path) == top:
            return item
        if Path(path).is_relative_to(top):
            return str(Path(item) / Path(path).relative_to(top))
    return path


def _report(examined: Examined, paths: Mapping[str, Place]) -> tuple[Report, Settled]:
    """The report of an audit in memory, with the line of each finding."""
    findings: list[pa.Table] = []
    documents: list[pa.Table] = []
    settled = settle(examined, findings.append, documents.append)
    table = pa.concat_tables(findings)
    report = Report(
        manifest=manifest_of(examined, settled, []),
        metrics=[metric.as_dict() for metric in settled.metrics],
        run={},
        findings=table.append_column("line", _lines(examined.work.corpus, table, paths)),
        documents=pa.concat_tables(documents),
        certificates=certificates_of(examined, settled.decisions),
        rules=examined.judgement.rules,
    )
    return report, settled


def _lines(corpus: Corpus, findings: pa.Table, places: Mapping[str, Place]) -> pa.Array:
    """The 1-based line of each finding's row in the user's file, null where it has no row."""
    odd = line_table(corpus, findings).to_pylist()
    known = {(one["file"], one["row"]): one["line"] for one in odd}
    rows = zip(findings["file"].to_pylist(), findings["row"].to_pylist(), strict=True)
    lines = [None if row is None else places[file].line_of(known.get((file, row), row + 1)) for file, row in rows]
    return pa.array(lines, pa.int64())


def unread(scanned: Scanned) -> str:
    """A line for every row that could not be read and every gap."""
    from auditkit.text.safe import printable

    said = [
        f"{printable(scanned.places[name].path)}:{line}: corpus/unreadable: {printable(reason)}"
        for name, line, reason in scanned.unreadable()
    ]
    examined = scanned.examined
    said += [printable(gap.sentence()) for gap in (*examined.first.gaps, *examined.finished.gaps)]
    return "".join(line + "\n" for line in said)


def clean_file(
    input: str, out: Path, policy: str, *, fields: Mapping[str, str], runner: str, workers: int | None
) -> tuple[str, int]:
    """(what was done, exit code): the kept rows of one file written to `out`, 3 when something was not looked at."""
    if out.exists() and not out.is_file():
        raise ConfigError(f"--out {out}: is not a file")
    if Path(input).exists() and out.exists() and out.samefile(input):
        raise ConfigError(f"--out {out}: is the input; the only copy is never overwritten")
    with tempfile.TemporaryDirectory(prefix=".auditkit-", dir=out.absolute().parent) as scratch:
        run = Path(scratch) / "run"
        code = gate(input, policy, out=run, fields=fields, runner=runner, workers=workers)
        manifest = read_manifest(run)
        if len(manifest["inputs"]) != 1:
            raise ConfigError("clean takes one file; for several use gate, which writes a folder kept/")
        shutil.move(run / "kept" / manifest["inputs"][0]["path"], out)
    counts = {name: f"{number:,}" for name, number in manifest["counts"].items()}
    message = "{rows_in} rows in: {kept} kept, {redacted} redacted, {dropped} dropped, {quarantined} unreadable".format(
        **counts
    )
    return f"{out}: {message}", EXIT_INCOMPLETE if code == EXIT_INCOMPLETE else EXIT_PASS
