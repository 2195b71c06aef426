"""Near-duplicates: every removal has an exact certificate, nothing similar is left, in any script."""

import itertools
import json
import random
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.checker import Context, Outcome, build
from auditkit.checkers.near_duplicates import index
from auditkit.documents import Batch, Text, batch_of, batch_of_texts, take
from auditkit.errors import AuditkitError, ConfigError

SENTENCE = (
    "Water the seedlings every second morning, keep them out of the direct sun for the first week, then move them "
    "step by step to a brighter window and turn the pots a little each day so that the stems grow straight"
)


def audit(batch: Batch, *, cuts: tuple[int, ...] = (), context: Context | None = None, **options: object) -> Outcome:
    """The outcome for a batch that is cut into shards at these documents."""
    checker = build("near_duplicates", options)
    edges = [0, *cuts, len(batch)]
    shards = [take(batch, first, last) for first, last in itertools.pairwise(edges)]
    context = context or Context(n_docs=len(batch))
    state = merged(checker.merge, [checker.map(shard) for shard in shards])
    wanted = checker.again(state, context)
    looked = merged(checker.merge_again, [checker.map_again(shard, wanted) for shard in shards]) if wanted else None
    return checker.finish(state, looked, context)


def merged(merge, states):
    state = states[0]
    for other in states[1:]:
        state = merge(state, other)
    return state


def removed(outcome: Outcome) -> dict[int, tuple[int, float]]:
    return {one.doc: (one.kept, one.jaccard) for one in outcome.certificates}


def grams(text: str) -> set[tuple[str, ...]]:
    """The word 5-grams by definition, for spaced scripts (words) and Chinese and Thai (characters with their marks)."""
    words: list[str] = []
    for char in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()) + " ":
        alone = "\u4e00" <= char <= "\u9fff" or "\u0e00" <= char <= "\u0eff"
        goes_on = char.isalnum() and not alone and words and words[-1] and not words[-1].endswith("|")
        if goes_on or unicodedata.category(char)[0] == "M":
            words[-1] += char
        else:
            words.append(char + "|" if alone else char if char.isalnum() else "")
    words = [word for word in words if word]
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))} if words else set()


def jaccard(left: str, right: str) -> float:
    a, b = grams(left), grams(right)
    return len(a & b) / len(a | b) if a | b else 0.0


ALPHABETS = {
    "latin": "abcdeé",
    "cyrillic": "абвгдё",
    "greek": "αβγδές",
    "arabic": "ابتثج",
    "hangul": "가나다라각",
    "devanagari": "कखगघङ",
    "han": "天地玄黃宇宙洪荒",
    "thai": "กขคงจ",
}


def corpus(script: str, seed: int) -> list[str]:
    """Documents of 3 to 60 words, and edited copies of them that differ more and more."""
    rng = random.Random(f"{script}{seed}")
    space = "" if script in ("han", "thai") else " "
    vocabulary = ["".join(rng.choices(ALPHABETS[script], k=rng.randint(1, 5))) for _ in range(40)]
    texts = []
    for _ in range(12):
        words = rng.choices(vocabulary, k=rng.choice((3, 6, 12, 25, 60)))
        for edits in (0, 0, 1, 2, 5):
            copy = list(words)
            for _ in range(min(edits, len(copy))):
                copy[rng.randrange(len(copy))] = rng.choice(vocabulary)
            texts.append(space.join(copy).upper() if rng.random() < 0.3 else space.join(copy))
    rng.shuffle(texts)
    return texts


@pytest.mark.parametrize("script", ALPHABETS)
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.95])
def test_agrees_with_a_plain_python_jaccard(script, threshold):
    for seed in range(3):
        texts = corpus(script, seed)
        gone = removed(audit(batch_of_texts(texts), threshold=threshold))
        for doc, (kept, similarity) in gone.items():
            assert kept not in gone
            assert similarity == jaccard(texts[doc], texts[kept]) >= threshold
        stay = [doc for doc in range(len(texts)) if doc not in gone]
        left = [(a, b) for a in stay for b in stay if a < b and jaccard(texts[a], texts[b]) >= threshold]
        assert left == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*corpus("latin", 0), "", "!!!"]), max_size=30), st.data())
def test_any_cut_into_shards_gives_the_same_outcome(texts, data):
    cuts = tuple(sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4))))
    whole, parts = audit(batch_of_texts(texts)), audit(batch_of_texts(texts), cuts=cuts)
    assert whole.findings.equals(parts.findings)
    assert whole.certificates == parts.certificates
    assert whole.metrics == parts.metrics


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_is_looked_at(texts):
    outcome = audit(batch_of_texts(texts), threshold=0.5)
    assert outcome.looked.tolist() == list(range(len(texts)))
    copies = [row["doc"] for row in outcome.findings.to_pylist() if row["rule"].endswith("-copy")]
    assert sorted(removed(outcome)) == sorted(copies)


@pytest.mark.parametrize(
    ("left", "right", "rule"),
    [
        pytest.param("The café is open", "the CAFE\u0301 is OPEN!", "exact-copy", id="case, NFC and NFD, punctuation"),
        pytest.param("ГОРОД У МОРЯ", "город у моря", "exact-copy", id="Cyrillic case"),
        pytest.param("!!! 😀", "!!!😀 ", "exact-copy", id="symbols only"),
        pytest.param(SENTENCE, SENTENCE + " and tall", "near-copy", id="a longer ending"),
        pytest.param(SENTENCE, SENTENCE.replace(" ", "  ").upper(), "exact-copy", id="white space"),
        pytest.param("one two three", "one two four", None, id="a short text is one gram"),
        pytest.param("", "", None, id="empty texts are not copies"),
        pytest.param(" \u200b", "\n", None, id="nor are invisible ones"),
        pytest.param("!!!", "???", None, id="other symbols"),
        pytest.param("one two three four five six", "six five four three two one", None, id="order matters"),
    ],
)
def test_pairs(left, right, rule):
    rules = audit(batch_of_texts([left, right])).findings.column("rule").to_pylist()
    assert rules == ([f"near_duplicates/{rule}"] if rule else [])


def test_finding_names_the_kept_copy_and_group():
    outcome = audit(batch_of_texts([SENTENCE, "something else entirely", SENTENCE + " and tall"]))
    (finding,) = outcome.findings.to_pylist()
    assert (finding["doc"], finding["group"]) == (0, "near_duplicates:2")
    assert json.loads(finding["detail"]) == {"jaccard": finding["score"], "kept_doc": 2}
    assert finding["score"] == jaccard(SENTENCE, SENTENCE + " and tall")
    values = {metric.metric: metric.value for metric in outcome.metrics if metric.status == "ok"}
    assert values == {"removed_share": 1 / 3, "clusters": 1, "largest_cluster": 2, "repeated_lines": 0}


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        pytest.param({}, 1, id="longest by default"),
        pytest.param({"keep": "first"}, 0, id="first"),
        pytest.param({"keep": "best", "score": "judge/quality"}, 2, id="best"),
        pytest.param({"keep": "best", "score": "-judge/quality"}, 0, id="lowest score; no score comes last"),
    ],
)
def test_which_copy_stays(options, kept):
    texts = [SENTENCE, SENTENCE + " and tall", SENTENCE, SENTENCE]
    scores = {"judge/quality": np.array([0.1, 0.2, 0.9, np.nan])}
    gone = removed(audit(batch_of_texts(texts), context=Context(n_docs=4, scores=scores), **options))
    assert {keeper for keeper, _ in gone.values()} == {kept}
    assert len(gone) == 3


def test_what_others_drop_is_never_the_kept_copy():
    texts = [SENTENCE + " and tall", SENTENCE, SENTENCE, "a b c", "a b c"]
    dropped = {"pii": np.array([0]), "toxicity": np.array([3, 4])}
    gone = removed(audit(batch_of_texts(texts), context=Context(n_docs=5, dropped=dropped)))
    assert {doc: kept for doc, (kept, _) in gone.items()} == {0: 1, 2: 1}


def test_all_roles_of_a_record_are_one_document():
    def record(doc: int, prompt: str, response: str) -> list[Text]:
        return [Text(doc, "prompt", "prompt", prompt), Text(doc, "response", "response", response)]

    answer = "The Ucayali joins the Marañón"
    texts = [
        *record(0, "Name a river.", answer),
        *record(1, "Name a river!", answer),
        *record(2, answer, "Name a river."),
    ]
    gone = removed(audit(batch_of(texts, [{"doc": doc} for doc in range(3)]), keep="first"))
    assert gone == {1: (0, 1.0)}


def test_a_chain_is_a_row_of_stars():
    words = [f"w{i}" for i in range(2_400)]
    texts = [" ".join(words[i : i + 100]) for i in range(0, 2_300, 2)]  # neighbours: 94 of 98 grams in common
    gone = removed(audit(batch_of_texts(texts), keep="first"))
    stay = [doc for doc in range(len(texts)) if doc not in gone]
    assert all(kept in stay and similarity >= 0.8 for kept, similarity in gone.values())
    assert len(stay) == len(range(0, len(texts), 6))  # 5 steps: 86 common of 106, 0.81; 6 steps: 0.78


def test_state_stays_within_its_bound():
    checker = build("near_duplicates", {})
    batch = batch_of_texts([f"{SENTENCE} {number}" for number in range(500)])
    size = sum(array.nbytes for array in checker.map(batch).values())
    assert size == 500 * 96 + (1 << 18)
    assert checker.state_bytes(500) == 500 * (96 + 68) + (1 << 18)


@pytest.mark.parametrize(
    "options",
    [{"threshold": 0.1}, {"threshold": 1.1}, {"keep": "best"}, {"score": "toxicity/toxic"}, {"keep": "shortest"}],
)
def test_wrong_options(options):
    with pytest.raises(ConfigError):
        build("near_duplicates", options)


def test_missing_score_is_an_error_not_a_guess():
    with pytest.raises(AuditkitError, match="quality"):
        audit(batch_of_texts(["a", "b"]), keep="best", score="judge/quality")


def test_threshold_one_removes_equal_gram_sets_only():
    texts = [
        "a b c d e f g",
        "A B C D E F G",
        "a b c d e a b c d e a",
        "a b c d e a b c d e a b c d e a",
        "a b c d e f g h",
    ]
    assert removed(audit(batch_of_texts(texts), threshold=1.0)) == {1: (0, 1.0), 2: (3, 1.0)}


def test_texts_of_one_template_are_compared_by_what_is_rare():
    rng = random.Random(5)
    template = " ".join(f"t{i}" for i in range(100))
    texts = [f"{template} {' '.join(f'v{rng.randrange(5_000)}' for _ in range(20 + doc % 7))}" for doc in range(300)]
    texts += [f"{text} {index}" for index, text in enumerate(texts[:20])]
    gone = removed(audit(batch_of_texts(texts)))
    sets = [grams(text) for text in texts]
    similar = [[len(a & b) / len(a | b) for b in sets] for a in sets]
    assert all(similarity == similar[doc][kept] >= 0.8 and kept not in gone for doc, (kept, similarity) in gone.items())
    stay = [doc for doc in range(len(texts)) if doc not in gone]
    assert not any(similar[a][b] >= 0.8 for a in stay for b in stay if a < b)
    assert len(gone) >= 20


def test_repeated_lines_say_which_and_in_how_many_documents():
    foot = "Café hours: open daily from nine to five, except on Sundays."
    twice = "This sentence stands in two documents only, that is a quotation."
    short = "A short line."
    texts = [f"Ünique {doc} words\n{short}\n  {foot} \r\n{twice if doc < 2 else ''}\n{foot}" for doc in range(7)]
    outcome = audit(batch_of_texts([*texts, "something else"]), cuts=(3, 4))
    (found,) = [row for row in outcome.findings.to_pylist() if row["rule"] == "near_duplicates/repeated-line"]
    assert texts[found["doc"]][found["start"] : found["end"]] == foot
    assert (found["doc"], found["field"], json.loads(found["detail"])) == (0, "text", {"n_documents": 7})
    assert found["score"] == 7 / 8
    assert next(metric.value for metric in outcome.metrics if metric.metric == "repeated_lines") == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=5), max_size=40), st.integers(0, 7))
def test_lines_are_counted_as_in_plain_python(documents, indent):
    lines = ["x" * 31, *(f"line {number} é " + "y" * (32 + 7 * number) for number in range(6))]
    texts = [" " * indent + "\n".join(lines[number] for number in document) for document in documents]
    found = {
        texts[row["doc"]][row["start"] : row["end"]]: json.loads(row["detail"])["n_documents"]
        for row in audit(batch_of_texts(texts)).findings.to_pylist()
        if row["rule"] == "near_duplicates/repeated-line"
    }
    counts = {line: sum(number in document for document in documents) for number, line in enumerate(lines)}
    assert found == {line: count for line, count in counts.items() if count >= 5 and len(line) >= 32}


PROMPT = " ".join(f"given{i}" for i in range(120))


@pytest.mark.parametrize(
    ("left", "right", "copy"),
    [
        pytest.param("forty two", "forty three", False, id="another short answer"),
        pytest.param("forty two", "Forty Two!", True, id="the same short answer"),
        pytest.param(SENTENCE, " ".join(reversed(SENTENCE.split()[:20])), False, id="another long answer"),
        pytest.param(SENTENCE, SENTENCE + " and tall", True, id="nearly the same long answer"),
    ],
)
@pytest.mark.parametrize("where", ["run", "index"])
def test_the_same_prompt_with_another_answer_is_no_copy(tmp_path, left, right, copy, where):
    def record(doc: int, answer: str) -> list[Text]:
        return [Text(doc, "prompt", "prompt", PROMPT + f" {doc}"), Text(doc, "response", "response", answer)]

    both = batch_of([*record(0, left), *record(1, right)], [{"doc": 0}, {"doc": 1}])
    if where == "run":
        assert bool(removed(audit(both))) is copy
    else:
        index.build(str(tmp_path / "i"), [take(both, 0, 1)])
        assert (1 in removed(audit(both, against=[str(tmp_path / "i")]))) is copy


@pytest.mark.parametrize("keep", ["longest", "best"])
def test_what_stays_does_not_depend_on_the_order_of_the_rows(keep):
    texts = sorted({text: None for seed in range(4) for text in corpus("latin", seed)}, key=len)
    texts = [text + f" {'x' * row}" for row, text in enumerate(texts)]  # no two of one length
    outcomes = []
    for seed in range(3):
        rows = list(range(len(texts)))
        random.Random(seed).shuffle(rows)
        scores = {"judge/quality": np.array(rows, np.float64)}
        options = {"keep": keep, "threshold": 0.5} | ({"score": "judge/quality"} if keep == "best" else {})
        gone = removed(
            audit(batch_of_texts([texts[row] for row in rows]), context=Context(len(rows), scores=scores), **options)
        )
        outcomes.append({rows[doc]: (rows[kept], similarity) for doc, (kept, similarity) in gone.items()})
    assert outcomes[0] == outcomes[1] == outcomes[2] != {}
