"""Word by word: both texts can be put together again from the pieces."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.text.word_diff import MAX_WORDS, Piece, shortened, word_diff


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("a b c", "a b c", [("same", "a b c")], id="equal"),
        pytest.param("a b c", "a x c", [("same", "a"), ("left", "b"), ("right", "x"), ("same", "c")], id="one word"),
        pytest.param("a b", "a b c d", [("same", "a b"), ("right", "c d")], id="more at the end"),
        pytest.param("A  b", "a\nb", [("same", "A b")], id="case and spaces do not count"),
        pytest.param("", "a", [("right", "a")], id="nothing on the left"),
        pytest.param("", "", [], id="nothing"),
    ],
)
def test_pieces(left, right, expected):
    assert word_diff(left, right) == [Piece(*one) for one in expected]


words = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=12).map(" ".join)


@given(words, words)
def test_both_texts_come_back(left, right):
    pieces = word_diff(left, right)
    for side, text in (("left", left), ("right", right)):
        assert " ".join(piece.text for piece in pieces if piece.kind in ("same", side)) == text


def test_long_common_parts_are_cut_to_the_words_beside_a_difference():
    same = " ".join(map(str, range(50)))
    pieces = list(shortened(word_diff(f"{same} x {same}", f"{same} y {same}"), around=2))
    assert pieces == [Piece("same", "… 48 49"), Piece("left", "x"), Piece("right", "y"), Piece("same", "0 1 …")]


def test_long_texts_take_bounded_time():
    left = " ".join(f"w{number}" for number in range(50_000))
    right = " ".join(f"w{number * 7 % 50_000}" for number in range(50_000))
    started = time.process_time()
    pieces = word_diff(left, right)
    assert time.process_time() - started < 5
    assert sum(len(piece.text.split()) for piece in pieces) <= 2 * MAX_WORDS
