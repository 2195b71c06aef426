"""At most so many findings of one rule in one document, and one that tells how many there are."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.findings import Found, canonical, detail, found_concat, found_table

MARK = '{"all_findings":'
"""How the detail of the finding begins that stands for those left out."""


def capped(findings: pa.Table, most: int) -> pa.Table:
    """The first `most` findings of each rule in each document (by place); those beyond as one without a place.

    findings: FOUND. The one tells the true count in its detail and has the highest score of all; having no place it
    cannot be cut out, so that a document is dropped where its action is `redact`. Findings of no document stay.
    """
    if findings.num_rows <= most or _most_of_one(findings) <= most:
        return findings
    ordered = canonical(findings)
    rules = ordered.column("rule").combine_chunks().dictionary_encode()
    docs = ordered.column("doc").fill_null(-1).to_numpy()
    names = rules.dictionary.to_pylist()
    keys = docs * len(names) + rules.indices.to_numpy()
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys)) - np.repeat(starts, counts)
    beyond = [int(place) for place in order[starts[counts > most]] if docs[place] >= 0]
    if not beyond:
        return findings
    scores = ordered.column("score").to_numpy()
    extra = []
    for place in beyond:
        own = keys == keys[place]
        name = names[int(keys[place] - docs[place] * len(names))]
        told = detail(all_findings=int(own.sum()), listed=most)
        extra.append(Found(int(docs[place]), name, score=float(scores[own].max()), detail=told))
    keep = pa.array((rank < most) | (docs < 0))
    return canonical(found_concat([ordered.filter(keep), found_table(extra)]))


def _most_of_one(findings: pa.Table) -> int:
    """The most findings that one document has, of whatever rule."""
    docs = findings.column("doc").drop_null().to_numpy()
    return int(np.unique(docs, return_counts=True)[1].max(initial=0))


def left_out(details: pa.ChunkedArray) -> int:
    """How many findings the details of some findings stand for beyond themselves."""
    marks = details.filter(pc.starts_with(details, MARK)).to_pylist()
    counts = [json.loads(text) for text in marks]
    return sum(count["all_findings"] - count["listed"] - 1 for count in counts)
