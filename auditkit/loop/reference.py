"""Round 0: the reference corpus, normalised to rows with prompt and response, audited, and measured, not judged."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from auditkit.corpus import open_corpus
from auditkit.documents import Batch, Text
from auditkit.errors import InputError
from auditkit.loop.folder import Row
from auditkit.messages import heard
from auditkit.policy import Policy


def reference_rows(paths: Sequence[Path], fields: Mapping[str, str]) -> list[Row]:
    """The documents of these files as rows {id, prompt, response, context?, label?}, in order.

    A text without a role is a response to no prompt; of a chat the last answer is the response, and what was said
    before it the prompt. InputError when a row cannot be read: a reference with holes is none.
    """
    from auditkit.formats import parse

    policy = Policy.from_dict({"version": 1, "checkers": {"diversity": {}}}).with_fields(fields)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        corpus = open_corpus([str(path) for path in paths], policy, Path(scratch))
        for shard in corpus.shards(learn=True):
            for parsed in parse(shard, corpus.limits):
                if parsed.quarantined:
                    first = parsed.quarantined[0]
                    raise InputError(f"{first.file}:{first.line}", f"{first.reason}; the reference must be whole")
                rows.extend(_rows(parsed.batch, len(rows)))
        if corpus.refused:
            raise InputError.joined(corpus.refused)
    if not rows:
        raise InputError(str(paths[0]), "the reference holds no row")
    return rows


def _rows(batch: Batch, n_before: int) -> Iterator[Row]:
    """One row per document."""
    labels = dict(zip(batch.docs.tolist(), batch.records.column("label").to_pylist(), strict=True))
    by_doc = groupby(heard(batch).iter_texts(), key=lambda text: text.doc)
    for place, (doc, texts) in enumerate(by_doc):
        number = n_before + place
        row = {"id": f"r0/{number}", "group": f"r0-{number}", **_told(list(texts))}
        yield row | ({"label": labels[doc]} if labels[doc] else {})


def _told(texts: Sequence[Text]) -> Row:
    """Prompt, response and context of a document."""
    spoken = [text for text in texts if text.role != "context"]
    answers = [place for place, text in enumerate(spoken) if text.role == "response"]
    if not answers:
        return {"prompt": "", "response": "\n\n".join(text.text for text in spoken)}
    given = [text.text for text in texts if text.role == "context"]
    before = [text.text for text in spoken[: answers[-1]] if text.text]
    row: Row = {"prompt": "\n\n".join(before), "response": spoken[answers[-1]].text}
    return row | ({"context": "\n\n".join(given)} if given else {})
