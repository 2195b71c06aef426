"""The near-copy index: exact similarities, the same answers however it grew, whole after any crash or not at all."""

import gzip
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.checker import Context, build
from auditkit.checkers.near_duplicates import index, matching
from auditkit.documents import Text, batch_of
from auditkit.errors import ConfigError, InputError


def pages(n: int, seed: int, *, length: int = 60) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(f"word{rng.randrange(3_000)}" for _ in range(length)) for _ in range(n)]


def edited(text: str, n: int, seed: int = 0) -> str:
    words = text.split()
    for place in random.Random(seed).sample(range(len(words)), n):
        words[place] = "edited"
    return " ".join(words)


def batch(texts: list[str], file: str = "round1.jsonl", first: int = 0):
    records = [{"doc": first + row, "file": file, "row": row} for row in range(len(texts))]
    return batch_of([Text(first + row, "text", "text", text) for row, text in enumerate(texts)], records)


def jaccard(left: str, right: str) -> float:
    a, b = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (left.split(), right.split()))
    return len(a & b) / len(a | b)


def audit(batch, **options):
    checker = build("near_duplicates", options)
    context = Context(n_docs=len(batch))
    state = checker.map(batch)
    wanted = checker.again(state, context)
    return checker.finish(state, checker.map_again(batch, wanted) if wanted else None, context)


def test_answers_are_exact_and_name_the_input(tmp_path):
    known = pages(300, 1)
    new = [edited(text, row % 6) for row, text in enumerate(known)] + pages(50, 2) + ["a b c", ""]
    index.build(str(tmp_path / "i"), [batch([*known, "A b, c!"])])
    found = list(matching.query(str(tmp_path / "i"), [batch(new, "round2.jsonl")]))
    truth = {row: jaccard(text, known[row]) for row, text in enumerate(new[:300])}
    assert {match.row: match.jaccard for match in found if match.row < 300} == {
        row: value for row, value in truth.items() if value >= 0.8
    }
    assert {(match.file, match.kept_file) for match in found} == {("round2.jsonl", "round1.jsonl")}
    assert all(match.kept_row == match.row for match in found if match.row < 300)
    assert [(match.row, match.kept_row, match.exact) for match in found if match.row >= 300] == [(350, 300, True)]


@pytest.mark.parametrize("length", [900, 1_500, 5_000])
def test_long_documents_are_exact_too(tmp_path, length):
    known = pages(5, 3, length=length)
    new = [edited(text, length // 60) for text in known]
    index.build(str(tmp_path / "i"), [batch(known)])
    found = list(matching.query(str(tmp_path / "i"), [batch(new)]))
    assert [match.jaccard for match in found] == [jaccard(a, b) for a, b in zip(known, new, strict=True)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3_000), st.integers(0, 200), st.integers(0, 200))
def test_sketches_tell_the_exact_similarity(seed, n_common, n_left, n_right):
    from auditkit.checkers.near_duplicates.sketches import largest_sketch, similarity, sketch_all, sketch_ends

    rng = np.random.default_rng(seed)
    values = np.unique(rng.integers(0, 2**64, n_common + n_left + n_right, np.uint64, endpoint=False))
    rng.shuffle(values)
    left, right = np.sort(values[: n_common + n_left]), np.sort(np.delete(values, np.s_[n_common : n_common + n_left]))
    sizes = np.array([len(right)])
    ends = sketch_ends(sizes.astype(np.uint32), 0.8)
    sketch = np.zeros(int(ends[0]), np.uint8)
    sketch_all(right, np.array([0]), sizes, ends, sketch)
    exact = n_common / len(values)
    assert similarity(left, largest_sketch(left, 0.8), len(right), sketch, 0.8) == (exact if exact >= 0.8 else -1.0)


def test_grown_is_as_good_as_built_at_once(tmp_path):
    texts = pages(90, 4)
    parts = [batch(texts[i : i + 30], f"part{i}.jsonl") for i in (0, 30, 60)]
    index.build(str(tmp_path / "once"), parts)
    index.build(str(tmp_path / "grown"), parts[:1])
    for part in parts[1:]:
        index.add(str(tmp_path / "grown"), [part])
    new = batch([edited(text, 1) for text in texts] + texts, "new.jsonl")
    answers = [list(matching.query(str(tmp_path / name), [new])) for name in ("once", "grown")]
    assert answers[0] == answers[1]
    outcomes = [audit(new, against=[str(tmp_path / name)]) for name in ("once", "grown")]
    assert outcomes[0].certificates == outcomes[1].certificates
    assert len(outcomes[0].certificates) == 180


def test_the_index_wins_over_the_run(tmp_path):
    known, other = pages(2, 5)
    index.build(str(tmp_path / "i"), [batch([known])])
    texts = [edited(known, 1), edited(known, 1) + " longer", known, edited(other, 1), other]
    outcome = audit(batch(texts, "new.jsonl"), against=[str(tmp_path / "i")])
    kept = {one.doc: (one.kept, one.kept_file, one.kept_row, one.rule) for one in outcome.certificates}
    near, exact = "near_duplicates/near-copy", "near_duplicates/exact-copy"
    in_index = (None, "round1.jsonl", 0)
    assert kept == {0: (*in_index, near), 1: (*in_index, near), 2: (*in_index, exact), 3: (4, None, None, near)}
    values = {metric.metric: metric.value for metric in outcome.metrics}
    assert values["known_share"] == 3 / 5


def test_an_index_is_small(tmp_path):
    built = index.build(str(tmp_path / "i"), [batch(pages(1_000, 6, length=360))])
    size = sum(path.stat().st_size for path in (tmp_path / "i").rglob("*") if path.is_file())
    assert size / built.n_docs <= 400


@pytest.mark.parametrize("column", list(index.COLUMNS))
def test_a_flipped_byte_is_found(tmp_path, column):
    index.build(str(tmp_path / "i"), [batch(pages(20, 7))])
    path = tmp_path / "i" / "seg-000000" / f"{column}.bin"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match=column):
        index.open_index(str(tmp_path / "i"))


def test_a_missing_or_cut_file_is_found(tmp_path):
    index.build(str(tmp_path / "i"), [batch(pages(20, 7))])
    path = tmp_path / "i" / "seg-000000" / "keys.bin"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="keys"):
        index.open_index(str(tmp_path / "i"))
    path.unlink()
    with pytest.raises(InputError, match="keys"):
        index.open_index(str(tmp_path / "i"))


CRASH = """
import os, sys, signal
sys.path[:0] = sys.argv[2:]
from test_near_duplicates_index import batch, pages
from auditkit.checkers.near_duplicates import index
def batches():
    yield batch(pages(20, 9), "more.jsonl")
    os.kill(os.getpid(), signal.SIGKILL)
index.add(sys.argv[1], batches())
"""


def test_a_killed_add_leaves_the_index_as_it_was(tmp_path):
    path = str(tmp_path / "i")
    index.build(path, [batch(pages(20, 8))])
    before = (tmp_path / "i" / "index.json").read_bytes()
    roots = [str(Path(__file__).parent), str(Path(index.__file__).parents[3])]
    done = subprocess.run([sys.executable, "-c", CRASH, path, *roots], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "i" / "index.json").read_bytes() == before
    assert index.open_index(path).n_docs == 20
    assert index.add(path, [batch(pages(20, 9), "more.jsonl")]).n_docs == 40
    assert index.open_index(path).place(25) == ("more.jsonl", 5)


def test_two_writers_do_not_meet(tmp_path):
    path = str(tmp_path / "i")
    index.build(path, [batch(pages(5, 8))])

    def batches():
        yield batch(pages(5, 9))
        with pytest.raises(InputError, match="another process"):
            index.add(path, [])

    index.add(path, batches())


def test_what_is_refused(tmp_path):
    path = str(tmp_path / "i")
    index.build(path, [batch(pages(5, 8))])
    with pytest.raises(ConfigError, match="already"):
        index.build(path, [])
    with pytest.raises(ConfigError, match=r"0\.8"):
        list(matching.query(path, [batch(["a"])], threshold=0.7))
    with pytest.raises(ConfigError, match=r"0\.8"):
        audit(batch(["a"]), against=[path], threshold=0.7)
    with pytest.raises(InputError, match="not a near-copy index"):
        index.open_index(str(tmp_path))
    manifest = json.loads((tmp_path / "i" / "index.json").read_text())
    (tmp_path / "i" / "index.json").write_text(json.dumps(manifest | {"version": 99}))
    with pytest.raises(InputError, match="version 99"):
        index.open_index(path)
    for wrong in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match="against"):
            build("near_duplicates", {"against": [str(wrong)]})


def test_an_empty_index_holds_nothing(tmp_path):
    index.build(str(tmp_path / "i"), [batch([])])
    assert list(matching.query(str(tmp_path / "i"), [batch(pages(5, 8))])) == []


QUESTION = (
    "A gardener plants seven rows of nine bulbs each and gives a third of them away, how many bulbs are left for her?"
)


def benchmark(path: Path) -> Path:
    rows = [
        {"question": QUESTION, "answer": "She plants 63 bulbs and gives 21 away so 42 are left #### 42", "id": 1},
        {"question": "What colour was the old door?", "answer": "green", "id": 2},
        {"question": "Why?", "answer": "Because.", "id": 3},
    ]
    raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_bytes(gzip.compress(raw) if path.name.endswith(".gz") else raw)
    return path


@pytest.mark.parametrize("name", ["test.jsonl", "test.jsonl.gz", "test.parquet"])
def test_contaminated_documents_name_the_item(tmp_path, name):
    path = benchmark(tmp_path / name)
    texts = [
        "Puzzles of the week. " + QUESTION.upper() + " Send your answer by post.",
        QUESTION.replace("gardener", "farmer"),
        QUESTION.replace("gives a third of them away", "sells all of the red and yellow ones at the fair on Sunday"),
        "he asked what colour was the old door and nobody knew",
        "Why? Because.",
        " ".join(pages(1, 10)),
    ]
    outcome = audit(batch(texts), against=[str(path)])
    found = [
        (row["doc"], json.loads(row["detail"])["benchmark_row"], json.loads(row["detail"])["benchmark_field"])
        for row in outcome.findings.to_pylist()
        if row["rule"] == "near_duplicates/contamination"
    ]
    assert found == [(0, 0, "question"), (1, 0, "question"), (3, 1, "question")]
    assert outcome.certificates == []
    values = {(metric.metric, metric.slice): metric.value for metric in outcome.metrics}
    assert values["contaminated_share", ""] == 3 / 6
    assert values["contaminated_items", name] == 2 / 3


def test_a_broken_benchmark_is_an_error(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"question": ')
    with pytest.raises(InputError, match="benchmark"):
        audit(batch(["a"]), against=[str(path)])


def test_splits_are_read_from_file_names():
    text = pages(1, 11)[0]
    records = [
        {"doc": doc, "file": file, "row": 0} for doc, file in enumerate(["data/train.jsonl", "data/test-1.jsonl", "x"])
    ]
    outcome = audit(batch_of([Text(doc, "text", "text", text) for doc in range(3)], records), keep="first")
    rules = [(row["doc"], row["rule"]) for row in outcome.findings.to_pylist()]
    assert (1, "near_duplicates/leakage") in rules
    assert (2, "near_duplicates/leakage") not in rules
    assert next(metric.value for metric in outcome.metrics if metric.metric == "leaked_share") == 1 / 3


def test_lock_file_is_no_obstacle_after_a_crash(tmp_path):
    path = str(tmp_path / "i")
    index.build(path, [batch(pages(5, 8))])
    assert (tmp_path / "i" / ".lock").exists()
    assert index.add(path, [batch(pages(5, 9))]).n_docs == 10
