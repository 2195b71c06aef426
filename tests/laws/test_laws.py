"""The laws of DESIGN section 3 for every checker: batching, splitting, merging, purity, totality, memory."""

from __future__ import annotations

import hashlib
import io
import socket

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.checker import Checker, Context, CorpusChecker
from auditkit.documents import batch_of_texts
from auditkit.engine.verify import verify
from auditkit.findings import canonical

from .corpora import anything, batches, empty, outcome, said, splits


def checked(result):
    """What a kind-1 checker said, as plain values; neural scores rounded as the engine does."""
    scores = {name: [repr(round(float(value), 4)) for value in values] for name, values in result.scores.items()}
    return canonical(result.findings).to_pylist(), scores


@given(st.data())
def test_batching_does_not_matter(document_checker, data):
    whole, parts = data.draw(splits())
    expected, scores = checked(document_checker.check(whole))
    results = [document_checker.check(part) for part in parts if len(part)]
    found = canonical(pa.concat_tables([result.findings for result in results])).to_pylist()
    assert found == expected
    for name, values in scores.items():
        assert [repr(round(float(value), 4)) for result in results for value in result.scores[name]] == values
    for key in {key for result in results for key in result.tallies}:
        totals = [sum(result.tallies.get(key, (0, 0))[place] for result in results) for place in (0, 1)]
        assert tuple(totals) == tuple(document_checker.check(whole).tallies[key])


@given(st.data())
def test_any_split_gives_the_same_outcome(corpus_checker, data):
    whole, parts = data.draw(splits())
    context = Context(len(whole))
    assert said(outcome(corpus_checker, parts, context)) == said(outcome(corpus_checker, [whole], context))


@given(st.data())
def test_merge_is_associative(corpus_checker, data):
    whole, parts = data.draw(splits())
    context = Context(len(whole))

    def left(merge, states):
        total = states[0]
        for state in states[1:]:
            total = merge(total, state)
        return total

    def right(merge, states):
        total = states[-1]
        for state in reversed(states[:-1]):
            total = merge(state, total)
        return total

    assert said(outcome(corpus_checker, parts, context, merge=left)) == said(
        outcome(corpus_checker, parts, context, merge=right)
    )


@given(st.data())
def test_an_empty_batch_is_the_identity_of_merge(corpus_checker, data):
    whole = data.draw(batches())
    context = Context(len(whole))
    plain = said(outcome(corpus_checker, [whole], context))
    assert said(outcome(corpus_checker, [empty(whole), whole], context)) == plain
    assert said(outcome(corpus_checker, [whole, empty(whole)], context)) == plain


@given(st.data())
def test_buffers_are_not_changed(checker, data):
    batch = data.draw(batches())

    def mark():
        buffers = [
            buffer for column in (*batch.texts.columns, *batch.records.columns) for buffer in column.buffers() if buffer
        ]
        return [hashlib.sha256(buffer).hexdigest() for buffer in buffers]

    before = mark()
    if isinstance(checker, Checker):
        checker.check(batch)
    if isinstance(checker, CorpusChecker):
        outcome(checker, [batch], Context(len(batch)))
    assert mark() == before


@given(st.data())
def test_no_socket_is_opened(checker, data):
    batch = data.draw(batches())

    class Refused(socket.socket):  # a class, since a library that is first imported here may derive from it
        def __init__(self, *_args, **_kwargs):
            raise AssertionError("a checker opened a socket")

    original, socket.socket = socket.socket, Refused
    try:
        if isinstance(checker, Checker):
            checker.check(batch)
        if isinstance(checker, CorpusChecker):
            outcome(checker, [batch], Context(len(batch)))
    finally:
        socket.socket = original


@given(st.lists(anything, min_size=1, max_size=5))
def test_any_unicode_text_gives_findings_inside_the_text(checker, texts):
    batch = batch_of_texts(texts)
    rules = frozenset(rule.id for rule in checker.rules())
    if isinstance(checker, Checker):
        verify(checker.check(batch), batch, rules)
    if isinstance(checker, CorpusChecker):
        result = outcome(checker, [batch], Context(len(batch)))
        assert set(result.findings["rule"].to_pylist()) <= rules


HARD = {
    "nothing": "",
    "NUL": "\x00" * 1000,
    "one long word": "a" * 100_000,
    "digits": "7" * 20_000,
    "at signs": "@" * 20_000,
    "spaces": " " * 50_000 + "x",
    "newlines": "\n" * 50_000,
    "combining marks": "e" + "\u0301" * 20_000,
    "right to left": "\u05d0\u05d1\u202e abc \u202c",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2000,
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "brackets": "[](" * 10_000,
}


@pytest.mark.parametrize("name", HARD)
def test_hard_texts_give_findings_inside_the_text(checker, name):
    batch = batch_of_texts([HARD[name], "an ordinary text"])
    if isinstance(checker, Checker):
        verify(checker.check(batch), batch, frozenset(rule.id for rule in checker.rules()))
    if isinstance(checker, CorpusChecker):
        outcome(checker, [batch], Context(len(batch)))


@given(st.data())
def test_a_state_is_plain_arrays_that_survive_storage(corpus_checker, data):
    state = corpus_checker.map(data.draw(batches()))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **state)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as stored:
        assert set(stored.files) == set(state)
        for name, values in state.items():
            assert stored[name].dtype == values.dtype
            assert np.array_equal(stored[name], values)


@settings(max_examples=5)
@given(batches(max_docs=40))
def test_a_state_stays_within_its_declared_bound(corpus_checker, batch):
    size = sum(values.nbytes for values in corpus_checker.map(batch).values())
    assert size <= corpus_checker.state_bytes(len(batch))


def test_every_rule_is_documented(checker):
    for rule in checker.rules():
        assert rule.id.startswith(f"{checker.name}/")
        assert rule.summary
        assert rule.why
        assert len(rule.match) >= 1
        assert len(rule.clean) >= 1
