"""Keywords of secrets: in a text that repeats them, few wake the same windows as all."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.checkers.pii import kernels
from auditkit.checkers.pii.anchors import Texts
from auditkit.checkers.pii.precise import _keyword_points
from auditkit.checkers.pii.secrets import AHEAD, BEHIND, Secrets, _windows
from auditkit.text.buffers import utf8_buffers


def windows_of(texts, near):
    """(rows of keywords, the windows that they wake by text and rule)."""
    secrets, column = Secrets(), pa.array(texts, pa.large_utf8())
    data, offsets = utf8_buffers(column)
    rows = kernels.words(data, offsets, secrets._trie, near)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    points = {}
    for text, point, word in _keyword_points(Texts(data, offsets, np.ones(len(texts), bool)), rows).tolist():
        for rule in secrets._owners[word - 1]:
            points.setdefault((text, rule), []).append(point)
    return len(rows), {key: _windows(some, AHEAD) for key, some in points.items()}


@given(st.integers(0, 1 << 30))
@settings(max_examples=40, deadline=None)
def test_few_keywords_of_a_chain_wake_the_windows_of_all(seed):
    rng, words = random.Random(seed), Secrets()._keywords
    gaps = ["é" * rng.randint(1, 900), "x " * rng.randint(1, 700), " "]
    texts = ["".join(rng.choice(words if rng.random() < 0.7 else gaps) for _ in range(120)) for _ in range(3)]
    assert windows_of(texts, -1)[1] == windows_of(texts, BEHIND + AHEAD)[1]


def test_a_text_that_is_one_keyword_again_and_again_has_few_of_them():
    """24 MB of one letter took 4 GB: each of them begins a keyword of the same letters."""
    for text in ("a" * 400_000, "password " * 40_000):
        assert windows_of([text], BEHIND + AHEAD)[0] < 700
