"""Corpora for the laws: ordinary rows with faults in them, and any Unicode text at all."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from auditkit.documents import Batch, Text, batch_of, concat, take
from auditkit.engine.finish import merge_tree

PHRASES = (
    "Write to jane.roe@acme-corp.com about the order.", "Call (212) 555-0142 before noon.", "My card is 4111 1111 1111 1111.",
    "You are a stupid idiot and I hate you.", "The capital of Kenya is Nairobi.", "She met him in Paris, France.",
    "As an AI language model, I cannot do that.", "2 + 2 = 5, so the answer is 5.", "12 * 3 = 36 apples in all.",
    "The quick brown fox jumps over the lazy dog while the cat sleeps.", "Lorem ipsum dolor sit amet, consectetur.",
    "东京是日本的首都。", "Die Hauptstadt von Österreich ist Wien.", "[INSERT NAME HERE]", "The answer is 42.", "#### 42", "",
    "\u200bh\u0435llo", "e\u0301clair \U0001f600", "no no no no no no no no no no no no no no", "https://example.org/a?b=c", "192.168.1.17",
)  # fmt: skip
ROLES = ("text", "prompt", "response", "context")
phrase = st.sampled_from(PHRASES)
ordinary = st.lists(phrase, min_size=1, max_size=6).map(" ".join)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


texts_of_any_kind = st.one_of(ordinary, ordinary, anything)


@st.composite
def batches(draw, texts=texts_of_any_kind, max_docs=8):
    """A batch of documents of one to three texts, some of them samples of one prompt."""
    rows, records = [], []
    for doc in range(draw(st.integers(1, max_docs))):
        group = draw(st.sampled_from([None, None, "q1", "q2"]))
        records.append(
            {"doc": doc, "file": "a.jsonl", "group": group, "label": draw(st.sampled_from([None, "x", "y"]))}
        )
        roles = draw(st.sampled_from([("text",), ("prompt", "response"), ("prompt", "context", "response")]))
        rows += [Text(doc, role, role, draw(texts)) for role in roles]
    return batch_of(rows, records)


@st.composite
def splits(draw, **options):
    """A batch, and the same documents in several batches."""
    batch = draw(batches(**options))
    cuts = sorted(draw(st.lists(st.integers(0, len(batch)), max_size=3)))
    edges = [0, *cuts, len(batch)]
    return batch, [take(batch, low, high) for low, high in pairwise(edges)]


def empty(batch: Batch) -> Batch:
    """No documents, in the same schema."""
    return take(batch, 0, 0)


def outcome(checker, parts, context, *, merge=merge_tree):
    """What a corpus checker says in the end of documents that come in these parts."""
    state = merge(checker.merge, [checker.map(part) for part in parts])
    wanted = checker.again(state, context)
    looked = None
    if wanted is not None:
        whole = concat([part for part in parts if len(part)])
        keep = [place for place, doc in enumerate(whole.docs.tolist()) if doc in set(wanted["docs"].tolist())]
        again = [checker.map_again(take(whole, place, place + 1), wanted) for place in keep]
        looked = merge(checker.merge_again, again) if again else checker.map_again(empty(whole), wanted)
    return checker.finish(state, looked, context)


def said(result):
    """An outcome as plain values that can be compared."""
    return (
        result.findings.sort_by([("doc", "ascending"), ("rule", "ascending"), ("detail", "ascending")]).to_pylist(),
        sorted((metric.as_dict() for metric in result.metrics), key=repr),
        {
            name: (keys.tolist(), [repr(round(value, 4)) for value in values])
            for name, (keys, values) in result.scores.items()
        },
        sorted(map(repr, result.certificates)),
    )
