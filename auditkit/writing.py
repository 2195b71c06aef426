"""What `gate` writes: the tables, the split corpus, the manifest and the report."""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from auditkit import disk
from auditkit.engine.decide import DOCUMENTS, quarantined
from auditkit.engine.look import Spent, reads, timed
from auditkit.engine.redact import Cut, Open, Style, edits_of, filled, key_of, own_key
from auditkit.errors import AuditkitError
from auditkit.findings import FINDINGS
from auditkit.lines import line_table
from auditkit.result import Examined, Settled, certificates_of, settle
from auditkit.run_folder import RunFolder, TableWriter, publish, write_quarantine, write_text
from auditkit.shards import REDACT, Edit, Written

PACKAGES = ("auditkit", "pyarrow", "numpy", "numba", "orjson", "presidio-analyzer", "spacy", "zstandard")


@dataclass
class Clock:
    """Wall and CPU time since the start of a run, children included; and what writing took of it."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=lambda: sum(os.times()[:4]))
    writing: Spent = field(default_factory=Spent)


def write_tables(folder: RunFolder, examined: Examined, clock: Clock) -> tuple[Settled, list[Written]]:
    """Decide, and write findings, documents, certificates, metrics and quarantine."""
    with timed(clock.writing):
        scores = [pa.field(name, pa.float64()) for name in examined.judgement.scores]
        with (
            TableWriter(folder.file("findings.parquet"), FINDINGS) as findings,
            TableWriter(folder.file("documents.parquet"), pa.schema([*DOCUMENTS, *scores])) as documents,
        ):
            settled = settle(examined, findings.add, documents.add)
            tables = [findings.publish(), documents.publish()]
        certificates = certificates_of(examined, settled.decisions)
        with TableWriter(folder.file("certificates.parquet"), certificates.schema) as table:
            for some in certificates.to_batches():
                table.add(pa.table(some))
            tables.append(table.publish())
        del certificates
        examined.finished.outcomes.clear()  # written: a third of the memory of a corpus full of copies
        metrics = json.dumps([metric.as_dict() for metric in settled.metrics], indent=1, allow_nan=False)
        store, n_shards = examined.work.store, examined.work.corpus.n_shards
        return settled, [
            *tables,
            replace(write_text(folder.file("metrics.json"), metrics + "\n"), n_rows=len(settled.metrics)),
            write_quarantine(folder.file("quarantine.jsonl"), quarantined(store, n_shards)),
        ]


def split(folder: RunFolder, examined: Examined, settled: Settled, clock: Clock) -> list[Written]:
    """Copy every row to kept/ or dropped/, with the spans of redacted rows replaced."""
    from auditkit.formats import split_file

    with timed(clock.writing):
        edits = _edits(examined, settled)
        corpus = examined.work.corpus
        outputs: list[Written] = []
        for number, source in enumerate(corpus.sources):
            start, summary = corpus.first_doc[number], corpus.summaries[number]
            outputs += split_file(
                source,
                corpus.layouts[number],
                corpus.limits,
                settled.decisions[start : start + summary.n_rows],
                partial(_edits_between, edits, start),
                kept=folder.file(f"kept/{source.name}"),
                dropped=folder.file(f"dropped/{source.name}"),
                expected=summary,
            )
        _remove_empty(folder)
        return [replace(item, path=os.path.relpath(item.path, folder.path).replace(os.sep, "/")) for item in outputs]


def _remove_empty(folder: RunFolder) -> None:
    """Folders under dropped/ that got no file."""
    for name, _, _ in os.walk(folder.path / "dropped", topdown=False):
        if not any(Path(name).iterdir()):
            disk.remove(Path(name))


def _edits(examined: Examined, settled: Settled) -> dict[int, list[Edit]]:
    """Document key -> edits, for every redacted document; AuditkitError when a replacement could not be made.

    The documents are read once more for the values that are replaced, by the run's own runner.
    """
    if not settled.spans:
        return {}
    style = Style(
        {name: table.common.redact for name, table in examined.policy.checkers.items()}, redaction_key(examined)
    )
    work = examined.work

    def cuts() -> Iterator[Cut]:
        for shard in work.corpus.shards():
            if shard.index in settled.spans:
                yield Cut(shard, settled.spans[shard.index])

    edits: dict[int, list[Edit | Open]] = {}
    for _, (some, reason) in work.runner(partial(edits_of, plan=work.plan, style=style), cuts()):
        if some is None:
            raise AuditkitError(f"redaction failed, so nothing is published: {reason}")
        edits |= some
    missing = np.flatnonzero(settled.decisions == REDACT)
    if not all(doc in edits for doc in missing.tolist()):
        raise AuditkitError("a redacted document has nothing to cut out; this is a defect of auditkit")
    return filled(edits, work.plan, style.key)


def _edits_between(
    edits: Mapping[int, Sequence[Edit]], start: int, first_row: int, last_row: int
) -> dict[int, Sequence[Edit]]:
    """Row of a file -> its edits, for rows first_row <= row < last_row of the file that begins at key `start`."""
    return {row: edits[start + row] for row in range(first_row, last_row) if start + row in edits}


def redaction_key(examined: Examined) -> bytes:
    """The key of hashes and surrogates: AUDITKIT_KEY of the environment, else one that only this corpus gives."""
    return own_key() or key_of("".join(summary.sha256 for summary in examined.work.corpus.summaries))


def finish_run(
    folder: RunFolder, examined: Examined, settled: Settled, outputs: Sequence[Written], clock: Clock
) -> None:
    """Write the report and publish the manifest."""
    from auditkit.outputs import render
    from auditkit.quoting import with_texts
    from auditkit.report_data import Report, read_run_table, tables

    odd = line_table(examined.work.corpus, read_run_table(folder.file("findings.parquet"), ["file", "row"]))
    manifest = manifest_of(examined, settled, [*outputs, *_write_lines(folder, odd)])
    run = run_of(examined, clock)
    report = Report(
        manifest=manifest,
        metrics=[metric.as_dict() for metric in settled.metrics],
        run=run,
        rules=examined.judgement.rules,
        **tables(folder.path, odd, whole=False),
    )
    report = with_texts(report, folder.path)
    for name, kind in (("report.html", "html"), ("report.md", "markdown")):
        write_text(folder.file(name), render(report, kind).decode("utf-8"))
    publish(folder, manifest, run)


def _write_lines(folder: RunFolder, odd: pa.Table) -> list[Written]:
    """lines.parquet, where rows with a finding begin on another line than their number says."""
    if not odd.num_rows:
        return []
    with TableWriter(folder.file("lines.parquet"), odd.schema) as table:
        table.add(odd)
        return [table.publish()]


def manifest_of(examined: Examined, settled: Settled, outputs: Sequence[Written]) -> dict[str, Any]:
    """The content of manifest.json: nothing in it depends on clock, host, runner or run folder."""
    corpus = examined.work.corpus
    inputs = [
        {
            "path": source.name,
            "bytes": summary.n_bytes,
            "sha256": summary.sha256,
            "rows": summary.n_rows,
            "blank_lines": summary.n_blank,
            "format": source.format + (f".{source.compression}" if source.compression else ""),
            "layout": asdict(layout),
        }
        for source, summary, layout in zip(corpus.sources, corpus.summaries, corpus.layouts, strict=True)
    ]
    return {
        "auditkit": version("auditkit"),
        "schema": 1,
        "verdict": settled.verdict.word,
        "reasons": list(settled.verdict.reasons),
        "counts": settled.counts,
        "files": settled.files,
        "inputs": inputs,
        "policy": examined.policy.as_dict(),
        "policy_sha256": examined.policy.sha256,
        "checkers": [_checker_entry(examined, settled, name) for name in examined.checkers],
        "waivers": examined.judgement.accepted.as_dict(),
        "gaps": [asdict(gap) for gap in (*examined.first.gaps, *examined.finished.gaps)],
        "gates": [gate.as_dict() for gate in settled.verdict.gates],
        "outputs": [
            {"path": item.path, "bytes": item.n_bytes, "sha256": item.sha256, "rows": item.n_rows} for item in outputs
        ],
    }


def _checker_entry(examined: Examined, settled: Settled, name: str) -> dict[str, Any]:
    checker = examined.checkers[name]
    return {
        "name": name,
        "version": checker.version if checker else "",
        "rules": len(checker.rules()) if checker else 0,
        "models": dict(sorted(getattr(checker, "models", dict)().items())),
        "reads": dict(sorted(reads(checker).items())),
        "looked": examined.looked_at(name),
        "of": settled.counts["rows_in"] - settled.counts["quarantined"],
    }


def run_of(examined: Examined, clock: Clock) -> dict[str, Any]:
    """The content of run.json: what differs from run to run."""
    spent = {name: asdict(one) for name, one in examined.first.spent.items()}
    for name, one in examined.finished.spent.items():
        for key in ("cpu_s", "wall_s"):
            spent.setdefault(name, asdict(Spent()))[key] += getattr(one, key)
    renamed = {
        name: {"cpu_s": one["cpu_s"], "wall_s": one["wall_s"], "bytes": one["n_bytes"]} for name, one in spent.items()
    }
    reading = renamed.pop("reading", {"cpu_s": 0.0, "wall_s": 0.0, "bytes": 0})
    writing = asdict(clock.writing)
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "wall_s": time.perf_counter() - clock.wall,
        "cpu_s": sum(os.times()[:4]) - clock.cpu,
        "peak_rss_bytes": peak_rss_bytes(),
        "reading": reading,
        "writing": {"cpu_s": writing["cpu_s"], "wall_s": writing["wall_s"], "bytes": reading["bytes"]},
        "checkers": renamed,
        "host": {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def peak_rss_bytes() -> int:
    """The largest resident set of this process and of any child so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    usages = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usages) * unit


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
