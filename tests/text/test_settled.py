"""Every Python sees the same characters: what it says of the stand-ins is held against what was committed."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit
from auditkit.documents import Batch, batch_of_texts
from auditkit.documents import settled as settled_batch
from auditkit.text.settled import restored, settled, settled_texts, stand_ins

PROPERTIES = "fda439c38dac9f435c0c28b4378113f727280819ce0a6e4c8b0fef511c8b03fc"
"""SHA-256 of what Python 3.11, 3.12 and 3.13 say alike of every character that checkers see."""
YOUNG = ("\u0cf3", "\U0001fae8", "\U0001e4f5", "\U00011f04", "\U0002ebf0", "\U00031350", "\u1c89", "\u0558")
WORD, DIGIT, SPACE = re.compile(r"\w"), re.compile(r"\d"), re.compile(r"\s")
SIGHTS = [
    "isalpha",
    "isalnum",
    "isdigit",
    "isdecimal",
    "isupper",
    "islower",
    "istitle",
    "isspace",
    "isprintable",
    "isidentifier",
]
MADE = ["lower", "upper", "title", "casefold", "swapcase", "capitalize"]
FORMS = ["NFC", "NFD", "NFKC", "NFKD"]


def said(code):
    """All that the code of this project and of the libraries below it may ask of a character."""
    sign = chr(code)
    return (
        code,
        unicodedata.category(sign),
        unicodedata.combining(sign),
        unicodedata.digit(sign, None),
        *(getattr(sign, name)() for name in (*SIGHTS, *MADE)),
        *(unicodedata.normalize(form, sign) for form in FORMS),
        *(pattern.match(sign) is not None for pattern in (WORD, DIGIT, SPACE)),
    )


def test_every_python_says_the_same_of_what_checkers_see():
    seen = sorted(set(stand_ins().tolist()) | set(range(0xE0000, 0xE1000)))
    mark = hashlib.sha256()
    for code in seen:
        if not 0xD800 <= code < 0xE000:
            mark.update(repr(said(code)).encode())
    assert mark.hexdigest() == PROPERTIES, f"Unicode {unicodedata.unidata_version} says something else: see CHANGED"


def test_no_character_becomes_longer_or_shorter_and_a_second_time_changes_nothing():
    table = stand_ins()
    for code in np.flatnonzero(table != np.arange(len(table))).tolist():
        sign = chr(code)
        assert settled(sign) == chr(table[code])
        assert len(settled(sign).encode()) == len(sign.encode())
        assert settled(settled(sign)) == settled(sign)


def test_characters_of_unicode_14_stay_but_for_those_that_changed():
    """Held against this Python: what it does not know is young, or a stand-in of two bytes."""
    table = stand_ins()
    codes = np.flatnonzero(table == np.arange(len(table))).tolist()
    unknown = [c for c in codes if unicodedata.category(chr(c)) == "Cn" and not 0xFDD0 <= c < 0xFDF0]
    assert all(code & 0xFFFE == 0xFFFE for code in unknown)
    assert all(table[ord(sign)] == ord(sign) for sign in "aÄß中가ก्😀𝒜\U0001f9ff")


@pytest.mark.parametrize("sign", YOUNG, ids=[f"U+{ord(sign):04X}" for sign in YOUNG])
def test_young_characters_stand_for_others_in_texts_of_any_kind(sign):
    text = f"before {sign} after \u00e9 {sign}{sign}"
    assert settled(text) == text.replace(sign, settled(sign)) != text
    assert settled_texts(pa.array(["", text, "x"], pa.large_utf8())).to_pylist() == ["", settled(text), "x"]
    assert restored(f"[{settled(sign)}]", text) == f"[{sign}]"
    assert restored("made up", text) == "made up"


def test_letters_stay_letters_and_symbols_symbols():
    assert all(settled(sign).isalpha() for sign in "\U0002ebf0\U00031350\U000323af\U00011f04\U0001e4d0\ua7cb\u1c89")
    assert not any(settled(sign).isalnum() for sign in "\U0001fae8\U0001fac8\U0001cc00\u2ffc\u20c1\u31ef")


text = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(YOUNG)), max_size=30)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(text, max_size=6), st.data())
def test_columns_and_slices_of_them_are_settled_as_their_texts_are(texts, data):
    low = data.draw(st.integers(0, len(texts)))
    column = pa.array(texts, pa.large_utf8()).slice(low)
    assert settled_texts(column).to_pylist() == [settled(one) for one in texts[low:]]


def test_a_batch_without_young_characters_is_not_copied():
    batch = batch_of_texts(["plain", "\u00e9\u4e2d\U0001f600"])
    assert settled_batch(batch) is batch
    young = settled_batch(batch_of_texts(["\U0001fae8"]))
    assert isinstance(young, Batch)
    assert young.texts.column("text").to_pylist() == [settled("\U0001fae8")]


def test_what_is_kept_and_redacted_has_its_own_characters(tmp_path, write):
    rows = [{"text": f"{sign} write to jane.roe@acme-corp.com {sign} at &#x1FAE8; once"} for sign in YOUNG]
    policy = {"version": 1, "checkers": {"pii": {"action": "redact", "redact": "mask"}}}
    path = write("a.jsonl", [*rows, *({"text": sign} for sign in YOUNG)])
    auditkit.gate(path, policy, out=tmp_path / "run")
    kept = [json.loads(line)["text"] for line in (tmp_path / "run/kept/a.jsonl").read_text("utf-8").splitlines()]
    assert kept[len(YOUNG) :] == list(YOUNG)
    for sign, one in zip(YOUNG, kept, strict=False):
        assert one.startswith(f"{sign} write to ")
        assert one.endswith(f" {sign} at &#x1FAE8; once")
        assert "jane" not in one


def test_nothing_asks_for_what_is_not_held_here():
    """Values of numerals and directions changed with 15.1 for characters that are older."""
    asks = re.compile(r"\bisnumeric\b|unicodedata\.(?:numeric|bidirectional|east_asian_width|name|lookup|mirrored)\b")
    files = Path(auditkit.__file__).parent.rglob("*.py")
    assert [path.name for path in files if asks.search(path.read_text(encoding="utf-8"))] == []
