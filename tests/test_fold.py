"""Folding: the disguise comes off and every character knows where it came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.text.fold import fold, same


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\u200bb\u00adc", "abc"),
        ("\uff21\uff42\uff11", "Ab1"),
        ("\U0001d400\U0001d7cf", "A1"),
        ("\u0661\u0967", "11"),
        ("&#65;&#x42;&amp;&nothing;", "AB&&nothing;"),
        ("a%40b%2Ec%zz", "a@b.c%zz"),
        ("x\u202ecba\u202cy", "xabcy"),
        ("caf\u00e9 \u041f\u0440\u0438 \u00bd", "caf\u00e9 \u041f\u0440\u0438 \u00bd"),
    ],
)
def test_the_disguise_comes_off(text, plain):
    assert fold(text).text == plain


def test_places_hold_what_is_hidden_inside():
    folded = fold("x a\u200bb&#99; y")
    start = folded.text.index("abc")
    assert folded.place(start, start + 3) == (2, 10)


@given(st.text(st.sampled_from("ab1 &#64;%40\u200b\u202e\u202c\uff21\u0661\u00e9\n"), max_size=80))
def test_places_are_inside_and_every_kept_character_is_found_again(text):
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert (folded.starts >= 0).all()
    assert (folded.ends <= len(text)).all()
    assert (folded.starts < folded.ends).all()


@given(st.text(st.characters(max_codepoint=0x7F, exclude_characters="&%"), max_size=60))
def test_plain_ascii_stays(text):
    folded = fold(text)
    assert folded.text == text
    assert np.array_equal(folded.starts, same(text).starts)
