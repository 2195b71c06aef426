"""The texts that a report quotes, read back from kept/ and dropped/ of its run folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditkit.formats import parse, read_shards
from auditkit.report_data import Place, Report
from auditkit.report_data.quotes import private_places, spans_of
from auditkit.report_data.views import quoted
from auditkit.shards import Layout, Limits, Shard, Source

MAX_FILE_BYTES = 2 << 30  # of a file that is read again for a few quotations; larger ones are not quoted
MAX_RAW_FINDINGS = 10_000  # of `--evidence raw`, worst first
WHOLE = {"kept": "keep", "dropped": "drop"}  # of rows with redacted spans the run folder has no original


def with_texts(report: Report, run: Path, *, raw: bool = False) -> Report:
    """The report with the texts of the documents that it quotes; with `raw` those of the worst findings too.

    Reads the files of kept/ and dropped/ up to the last of these documents, about 1 s per GB of JSON lines.
    """
    wanted = quoted(report)
    if raw:
        worst = report.worst(MAX_RAW_FINDINGS)
        places = zip(worst["file"].to_pylist(), worst["row"].to_pylist(), strict=True)
        wanted |= {(file, row) for file, row in places if row is not None}
    texts = {place: text for item in report.manifest["inputs"] for place, text in _of_file(report, run, item, wanted)}
    known = replace(report, texts=texts, raw=raw)
    return replace(known, spans=spans_of(known), private=private_places(known))


def _of_file(
    report: Report, run: Path, item: Mapping[str, Any], wanted: set[Place]
) -> Iterator[tuple[Place, dict[str, str]]]:
    """(file, row) -> field -> text, of the wanted documents of one input."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    name = str(item["path"])
    rows = np.array(sorted(row for file, row in wanted if file == name), np.int64)
    documents = report.documents.select(["row", "decision"]).filter(pc.equal(report.documents["file"], name))
    if not len(rows) or not documents.num_rows:
        return
    here = documents["row"].to_numpy()
    for part, known in (("kept", ("keep", "redact")), ("dropped", ("drop",))):
        there = pc.is_in(documents["decision"], value_set=pa.array(known)).to_numpy()
        mine = here[there]  # the rows of the input that stand in this file, in its order
        whole = pc.equal(documents["decision"], WHOLE[part]).to_numpy()[there]
        ranks = np.flatnonzero(np.isin(mine, rows) & whole)
        for rank, texts in _read(run / part / name, item, ranks.tolist()):
            yield (name, int(mine[rank])), texts


def _read(path: Path, item: Mapping[str, Any], ranks: Iterable[int]) -> Iterator[tuple[int, dict[str, str]]]:
    """(rank, field -> text) of the rows with these 0-based numbers."""
    wanted = set(ranks)
    if not wanted or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        return
    kind, _, compression = str(item["format"]).partition(".")
    layout = dict(item["layout"])
    layout |= {"texts": tuple(map(tuple, layout["texts"])), "required": tuple(layout["required"])}
    limits = Limits()
    for shard in read_shards(Source(str(path), path.name, kind, compression), Layout(**layout), limits):
        if any(shard.first_row <= rank < shard.first_row + shard.n_rows for rank in wanted):
            yield from _of_shard(replace(shard, first_doc=shard.first_row), limits, wanted)
        if shard.first_row + shard.n_rows > max(wanted):
            return


def _of_shard(shard: Shard, limits: Limits, wanted: set[int]) -> Iterator[tuple[int, dict[str, str]]]:
    for parsed in parse(shard, limits):
        found: dict[int, dict[str, str]] = {}
        for text in parsed.batch.iter_texts():
            if text.doc in wanted:
                found.setdefault(text.doc, {})[text.field] = text.text
        yield from found.items()
