"""The quick commands: findings of changed files as lines, and one file cleaned; no run folder is left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from auditkit.audit import How, examine, gate, load_policy
from auditkit.changed import Changed, changed_inputs, nothing_changed
from auditkit.engine.first_pass import Corpus
from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS, ConfigError
from auditkit.report_data import Report
from auditkit.result import Examined, Settled, certificates_of, settle
from auditkit.run_folder import read_manifest
from auditkit.waivers import Accepted
from auditkit.writing import manifest_of


def scan_inputs(
    inputs: list[str], policy: str, *, fields: Mapping[str, str], format: str, accepted: Accepted, since: str = ""
) -> tuple[str, int]:
    """(text, exit code): findings in this format; 1 with findings, 3 when something was not looked at, else 0.

    With `since` only the rows that this git revision lacks are looked at.
    """
    from auditkit.outputs import render
    from auditkit.outputs.terminal import lines

    chosen = load_policy(policy, fields)
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        reduced = _changed(inputs, since, Path(scratch)) if since else {name: Changed(name, name) for name in inputs}
        if not reduced:
            return "", EXIT_PASS
        examined = examine(list(reduced), chosen, Path(scratch), How(accepted=accepted))
        sources = examined.work.corpus.sources
        paths = {one.name: reduced.get(one.path, Changed(as_given(one.path, inputs), "")) for one in sources}
        report, settled = _report(examined, paths)
        if format == "text":
            text = lines(report, paths={name: one.path for name, one in paths.items()})
            text += _unread(examined, paths)
        else:
            text = render(report, format).decode("utf-8")
    return text, _exit_code(report, settled, chosen.corpus.max_quarantined)


def _exit_code(report: Report, settled: Settled, max_quarantined: float) -> int:
    """Incomplete before findings: what was not read cannot be called clean."""
    too_many = settled.counts["quarantined"] > max_quarantined * settled.counts["rows_in"]
    if settled.verdict.word == "incomplete" or too_many:
        return EXIT_INCOMPLETE
    live = report.findings.num_rows - sum(report.findings.column("waived").to_pylist())
    return EXIT_FAIL if live else EXIT_PASS


def _changed(inputs: list[str], since: str, scratch: Path) -> dict[str, Changed]:
    """File to look at -> what it stands for, of the inputs that changed since the revision."""
    from auditkit.formats import discover

    if nothing_changed(inputs, since):
        return {}
    paths = [source.path for source in discover(inputs, scratch=scratch)]
    changed = changed_inputs(paths, since, scratch)
    return {one.copy: Changed(as_given(one.path, inputs), one.copy, one.lines) for one in changed}


def as_given(path: str, inputs: list[str]) -> str:
    """The path as the user would write it: as an input or below one, relative where that was."""
    for item in inputs:
        top = Path(item).absolute()
        if Path(path) == top:
            return item
        if Path(path).is_relative_to(top):
            return str(Path(item) / Path(path).relative_to(top))
    return path


def _report(examined: Examined, paths: Mapping[str, Changed]) -> tuple[Report, Settled]:
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


def _lines(corpus: Corpus, findings: pa.Table, paths: Mapping[str, Changed]) -> pa.Array:
    """The 1-based line of each finding's row, null where it has no row."""
    from auditkit.formats import lines as lines_of

    wanted: dict[str, set[int]] = {}
    places = list(zip(findings["file"].to_pylist(), findings["row"].to_pylist(), strict=True))
    for file, row in places:
        if row is not None:
            wanted.setdefault(file, set()).add(row)
    found: dict[tuple[str, int], int] = {}
    for shard in corpus.shards():
        rows = sorted(row for row in wanted.get(shard.source.name, ()) if 0 <= row - shard.first_row < shard.n_rows)
        if rows:
            lines = lines_of(shard, corpus.limits)
            for row in rows:
                line = int(lines[row - shard.first_row])
                found[shard.source.name, row] = paths[shard.source.name].line_of(line)
    return pa.array([found.get((file, row)) if row is not None else None for file, row in places], pa.int64())


def _unread(examined: Examined, paths: Mapping[str, Changed]) -> str:
    """A line for every row that could not be read and every gap."""
    from auditkit.text.safe import printable

    store, n_shards = examined.work.store, examined.work.corpus.n_shards
    said = []
    for looked in store.each(n_shards):
        for row in looked.quarantined:
            place = f"{printable(paths[row.file].path)}:{paths[row.file].line_of(row.line)}"
            said.append(f"{place}: corpus/unreadable: {printable(row.reason)}")
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
