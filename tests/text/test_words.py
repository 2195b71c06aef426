"""Folded words: the kernels agree with a plain-Python reading of the definition, for any Unicode text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.text.folding import UNSPACED, folding


def reference(text: str) -> list[str]:
    """The words of a text, by the definition in the checker's manual."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    text = "".join(char for char in text if not ignorable(char))
    words: list[str] = []
    open_word = single = False
    for char in unicodedata.normalize("NFKD", text):
        if unicodedata.category(char).startswith("M"):
            if open_word:
                words[-1] += char
        elif not char.isalnum():
            open_word = False
        elif alone := any(first <= ord(char) <= last for first, last in UNSPACED):
            words.append(char)
            open_word = single = alone
        elif open_word and not single:
            words[-1] += char
        else:
            words.append(char)
            open_word, single = True, False
    return words


def ignorable(char: str) -> bool:
    return (
        unicodedata.category(char) == "Cf"
        or "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
        or char in "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f"
    )


def folded_words(text: str) -> list[str]:
    from auditkit.text.words import PADDING, fold_text, folded_bound

    data = np.frombuffer(text.encode(), np.uint8)
    out = np.full(folded_bound(data) + PADDING, 255, np.uint8)
    out[0] = 0
    end = fold_text(data, folding(), out, 1)
    assert end <= len(out)
    return [word.decode() for word in out[:end].tobytes().split(b"\0") if word]


LETTERS = (
    "aZé09 .-_,'\n\u00ad\u200b\u0301\u0316\u0345ßİıſﬁ½²ΣςЖéÅ한글가각가中文かがガｶﾞไทยกำภាសាខ្មែរမြန်हिन्दीعَرَبיִ😀👍🏽ﷺｆ２"
)


ASSIGNED = st.characters(exclude_categories=("Cs", "Cn"))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(ASSIGNED, max_size=80), st.text(alphabet=LETTERS, max_size=200)))
def test_kernel_and_definition_find_the_same_words(text):
    assert folded_words(text) == reference(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Don't stop_me-now 2x", ["don", "t", "stop", "me", "now", "2x"], id="everything else separates"),
        pytest.param("Straße STRASSE", ["strasse", "strasse"], id="case folding, not lower case"),
        pytest.param("co\u00adope\u200brate", ["cooperate"], id="invisible characters are not there"),
        pytest.param("我们去GPT-4学校", ["我", "们", "去", "gpt", "4", "学", "校"], id="Han characters are words"),
        pytest.param("ｆｕｌｌ ﬁne", ["full", "fine"], id="full width and ligatures"),
        pytest.param("हिन्दी भाषा", ["हिन्दी", "भाषा"], id="vowel signs belong to the word"),
        pytest.param("\u0301 \u0301", [], id="marks alone are no word"),
    ],
)
def test_words(text, words):
    assert folded_words(text) == [unicodedata.normalize("NFKD", word) for word in words]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129])
def test_words_of_any_length_at_any_place_have_one_hash(length):
    from auditkit.text.shingles import Texts, document_words, new_scratch

    word = "".join(chr(97 + i % 26) for i in range(length))
    hashes = set()
    for before in range(70):
        data = np.frombuffer((" " * before + word + "!").encode(), np.uint8)
        texts = Texts(data, np.array([0, len(data)], np.int64), np.array([0, 1], np.int64))
        n, scratch = document_words(texts, 0, folding(), new_scratch(8))
        assert n == 1
        hashes.add(int(scratch.words[0]))
    assert len(hashes) == 1


def test_a_pile_of_marks_takes_linear_time_and_is_one_word():
    assert len(folded_words("a" + "\u0301\u0316" * 20_000 + " b")) == 2
