"""On which line of its file a row with a finding begins: what SARIF, annotations and linters point at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.engine.first_pass import Corpus
from auditkit.formats import lines as lines_of

LINES = pa.schema([("file", pa.utf8()), ("row", pa.int64()), ("line", pa.int64())])
NUMBERED = ("parquet", "arrow")  # rows without lines: row + 1 stands for them


def line_table(corpus: Corpus, findings: pa.Table) -> pa.Table:
    """File, row and 1-based line of each row with a finding that does not begin on line `row + 1`; schema LINES.

    Files in which that cannot be are not read again: Parquet, and JSON lines without a blank one.
    """
    tables = [pa.table(dict(zip(LINES.names, part, strict=True)), LINES) for part in _parts(corpus, findings)]
    return pa.concat_tables([LINES.empty_table(), *tables])


def _parts(corpus: Corpus, findings: pa.Table) -> Iterator[tuple[pa.Array, pa.Array, pa.Array]]:
    for source, layout, summary in zip(corpus.sources, corpus.layouts, corpus.summaries, strict=True):
        if source.format in NUMBERED or (source.format == "jsonl" and not summary.n_blank):
            continue
        mine = findings.filter(pc.equal(findings["file"].cast(pa.utf8()), source.name))["row"]
        rows = np.unique(mine.drop_null().to_numpy())
        for shard in corpus.read(source, layout, corpus.limits) if len(rows) else ():
            here = rows[(rows >= shard.first_row) & (rows < shard.first_row + shard.n_rows)]
            if len(here):
                lines = np.asarray(lines_of(shard, corpus.limits))[here - shard.first_row]
                odd = lines != here + 1
                names = pa.repeat(pa.scalar(source.name), int(odd.sum()))
                yield names, pa.array(here[odd], pa.int64()), pa.array(lines[odd].astype(np.int64), pa.int64())
