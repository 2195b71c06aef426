"""Shared passages: 50 words in a row that documents have in common, with the places at which they stand."""

import json
import random
import unicodedata

import numpy as np
import pytest

from auditkit import Policy, audit
from auditkit.checkers.near_duplicates import passages, stages
from auditkit.documents import Text, batch_of, batch_of_texts
from tests.checkers.test_near_duplicates import audit as audit_batch

RULE = "near_duplicates/shared-passage"


def words_of(text):
    """Words, as spaced scripts and Chinese have them: characters of Chinese are words of their own."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).replace("\u00ad", "")
    out = []
    for char in folded + " ":
        alone = "\u4e00" <= char <= "\u9fff"
        if unicodedata.category(char)[0] == "M" and out and out[-1]:
            out[-1] += char
        elif alone:
            out += [char, ""]
        elif char.isalnum():
            out = [*out[:-1], out[-1] + char] if out else [char]
        else:
            out.append("")
    return [word for word in out if word]


def found(batch, **options):
    outcome = audit_batch(batch, passages=True, **options)
    rows = [row for row in outcome.findings.to_pylist() if row["rule"] == RULE]
    return [(row, json.loads(row["detail"])) for row in rows]


def run_lengths(left, right):
    """For each word of `right`: is it in 50 or more words in a row that `left` has, too?"""
    covered = np.zeros(len(right), bool)
    runs = [0] * (len(left) + 1)
    for j, word in enumerate(right):
        runs = [0, *(runs[i] + 1 if left[i] == word else 0 for i in range(len(left)))]
        longest = max(runs)
        if longest >= 50:
            covered[j - longest + 1 : j + 1] = True
    return covered


SEPARATORS = [" ", ", ", "\n", " — ", "。", " \u200b", ". \U0001f600 "]


def page(rng, script, n):
    if script == "han":
        return [chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(n)]
    letters = {"latin": "abcdefgé", "cyrillic": "абвгдё", "marks": "ae\u0301o\u0308u"}[script]
    return ["".join(["x" if script == "marks" else "", *rng.choices(letters, k=rng.randint(2, 7))]) for _ in range(n)]


def written(rng, script, words):
    """The words as a text, with all kinds of separators, and some in capitals or decomposed."""
    text = ""
    for word in words:
        shown = rng.choice(
            [word, word, word.upper(), unicodedata.normalize("NFD", word), word[:1] + "\u00ad" + word[1:]]
        )
        text += shown + ("" if script == "han" and rng.random() < 0.8 else rng.choice(SEPARATORS))
    return text


@pytest.mark.parametrize("script", ["latin", "cyrillic", "marks", "han"])
def test_agrees_with_a_plain_python_search(script):
    rng = random.Random(script)
    for _ in range(6):
        shared = [page(rng, script, n) for n in (49, 50, 51, 70, 120)]
        pages = []
        for _ in range(8):
            words = page(rng, script, rng.randint(60, 200))
            for passage in rng.sample(shared, rng.randint(0, 3)):
                words += passage + page(rng, script, rng.randint(40, 150))
            pages.append(words)
        texts = [written(rng, script, words) for words in pages]
        reported = [np.zeros(len(words), bool) for words in pages]
        plain = [words_of(text) for text in texts]
        for row, told in found(batch_of_texts(texts), threshold=0.95):
            span = texts[row["doc"]][row["start"] : row["end"]]
            other = texts[told["first_doc"]][told["first_start"] : told["first_end"]]
            assert words_of(span) == words_of(other)
            assert len(words_of(span)) == told["words"] >= 50
            assert span == span.strip(" ,.\n—。\u200b\U0001f600")
            assert told["first_doc"] < row["doc"]
            before = len(words_of(texts[row["doc"]][: row["start"]]))
            reported[row["doc"]][before : before + told["words"]] = True
        for doc, words in enumerate(plain):
            expected = np.zeros(len(words), bool)
            for earlier in plain[:doc]:
                expected |= run_lengths(earlier, words)
            assert reported[doc].tolist() == expected.tolist()


def english(rng, n):
    return " ".join(f"w{rng.randrange(9_000)}" for _ in range(n))


def test_fields_are_texts_of_their_own_and_named():
    rng = random.Random(1)
    shared = english(rng, 60)
    texts = [
        Text(0, "prompt", "prompt", english(rng, 90)),
        Text(0, "messages[1].content", "response", english(rng, 30) + " " + shared),
        Text(1, "prompt", "prompt", "Ünd " + shared + "! " + english(rng, 90)),
        Text(1, "response", "response", english(rng, 80)),
        Text(2, "prompt", "prompt", english(rng, 70) + " " + " ".join(shared.split()[:30])),
        Text(2, "response", "response", " ".join(shared.split()[30:]) + " " + english(rng, 70)),
    ]
    ((row, told),) = found(batch_of(texts, [{"doc": doc} for doc in range(3)]))
    assert (row["doc"], row["field"], row["start"], row["end"]) == (1, "prompt", 4, 4 + len(shared))
    assert (told["first_doc"], told["first_field"], told["words"]) == (0, "messages[1].content", 60)


def test_removed_copies_share_nothing():
    rng = random.Random(2)
    text = english(rng, 300)
    assert found(batch_of_texts([text, text, text + " more", english(rng, 300)])) == []


def test_boilerplate_is_followed_in_its_first_documents():
    rng = random.Random(3)
    shared = english(rng, 80)
    texts = [f"{english(rng, 150)} {shared} {english(rng, 150)}" for _ in range(passages.FOLLOWED + 10)]
    docs = [row["doc"] for row, _ in found(batch_of_texts(texts))]
    assert docs[: passages.FOLLOWED - 1] == list(range(1, passages.FOLLOWED))


def test_a_page_is_asked_for_a_bounded_number_of_passages():
    rng = random.Random(4)
    shared = [english(rng, 50 + n) for n in range(20)]
    texts = [" ".join(f"{part} {english(rng, 60)}" for part in shared) for _ in range(2)]
    lengths = sorted(told["words"] for _, told in found(batch_of_texts(texts)))
    assert lengths == list(range(54, 70))


def test_nothing_without_the_option():
    rng = random.Random(5)
    shared = english(rng, 80)
    texts = [f"{english(rng, 150)} {shared} {english(rng, 150)}" for _ in range(3)]
    assert audit_batch(batch_of_texts(texts)).findings.num_rows == 0
    assert len(found(batch_of_texts(texts))) == 2


@pytest.mark.parametrize("part", [1 << 22, 7])
def test_cuts_do_not_matter(part, monkeypatch):
    monkeypatch.setattr(stages, "PART", part)
    rng = random.Random(6)
    shared = [english(rng, 70) for _ in range(5)]
    texts = [" ".join(f"{english(rng, 60)} {one}" for one in rng.sample(shared, 2)) for _ in range(12)]
    whole = audit_batch(batch_of_texts(texts), passages=True).findings
    assert whole.num_rows >= 12
    assert whole.equals(audit_batch(batch_of_texts(texts), cuts=(1, 5, 5), passages=True).findings)


def test_a_run_names_both_rows(tmp_path):
    rng = random.Random(7)
    shared = english(rng, 60)
    for name in ("a.jsonl", "b.jsonl"):
        rows = [{"text": english(rng, 100)}, {"text": f"{english(rng, 100)} {shared} {english(rng, 99)}"}]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    policy = Policy.from_dict({"version": 1, "checkers": {"near_duplicates": {"passages": True}}})
    result = audit(tmp_path, policy)
    (row,) = [row for row in result.findings.to_pylist() if row["rule"] == RULE]
    told = json.loads(row["detail"])
    assert (row["file"], row["row"], told["first_file"], told["first_row"]) == ("b.jsonl", 1, "a.jsonl", 1)
    assert row["action"] == "flag"
    assert {metric.metric: metric.value for metric in result.metrics}["passages_share"] == 1 / 4
    assert result.counts["kept"] == 4
