"""The corpus of the demonstration: the same bytes each time, clean rows that are clean, labels that are true."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from auditkit.demo.corpus import FAULT_SHARE, MIN_ROWS, write_corpus
from auditkit.demo.measure import KINDS
from auditkit.demo.values import luhn_digit
from auditkit.errors import ConfigError

N_ROWS = 1000
TEXT_FIELDS = ("instruction", "input", "context", "output")
SUM = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")


class Corpus:
    """The files of one corpus, read back."""

    def __init__(self, folder: Path, **arguments):
        folder.mkdir()
        write_corpus(folder, n_rows=N_ROWS, **arguments)
        self.lines = (folder / "corpus.jsonl").read_bytes().split(b"\n")[:-1]
        self.labels = [json.loads(line) for line in (folder / "planted.jsonl").read_text().splitlines()]
        self.kind_of = {label["row"]: label["kind"] for label in self.labels}
        self.rows = [
            None if self.kind_of.get(n) == "unreadable" else json.loads(line) for n, line in enumerate(self.lines)
        ]
        self.clean = [row for number, row in enumerate(self.rows) if number not in self.kind_of]

    def of_kind(self, kind):
        return [self.rows[number] for number, other in self.kind_of.items() if other == kind]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("demo") / "planted")


@pytest.fixture(scope="module")
def balanced(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("demo") / "balanced", faults=False)


def texts(row):
    return "\n".join(row[name] or "" for name in TEXT_FIELDS)


def grams(row):
    words = re.findall(r"\w+", texts(row).lower())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def jaccard(left, right):
    return len(left & right) / len(left | right)


def sums(text):
    """(as it stands, whether it holds) of each `a + b = c`."""
    operations = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
    return [operations[sign](int(a), int(b)) == int(c) for a, sign, b, c in SUM.findall(text)]


def test_same_arguments_give_the_same_bytes_whatever_the_hash_seed(tmp_path):
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        code = f"from pathlib import Path; from auditkit.demo import write_corpus; write_corpus(Path({str(folder)!r}), n_rows=200)"
        subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        written.append([(folder / name).read_bytes() for name in ("corpus.jsonl", "planted.jsonl")])
    assert written[0] == written[1]


def test_another_seed_gives_another_corpus(tmp_path):
    write_corpus(tmp_path, n_rows=200)
    first = (tmp_path / "corpus.jsonl").read_bytes()
    write_corpus(tmp_path, n_rows=200, seed=8)
    assert (tmp_path / "corpus.jsonl").read_bytes() != first


@pytest.mark.parametrize("n_rows", [200, 333, 1000])
def test_there_are_as_many_rows_as_were_asked_for(tmp_path, n_rows):
    write_corpus(tmp_path, n_rows=n_rows)
    assert (tmp_path / "corpus.jsonl").read_bytes().count(b"\n") == n_rows


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=f"at least {MIN_ROWS} rows"):
        write_corpus(tmp_path, n_rows=MIN_ROWS - 1)


def test_every_kind_is_planted_in_about_one_row_of_a_hundred(corpus):
    planted = Counter(corpus.kind_of.values())
    assert set(planted) == {kind.name for kind in KINDS} | {"diversity/same-opening", "skew/region"}
    for kind in KINDS:
        assert planted[kind.name] == (2 if kind.name == "unreadable" else N_ROWS * FAULT_SHARE)


def test_labels_name_the_row_and_its_id(corpus):
    for label in corpus.labels:
        if label["id"] is not None:
            assert corpus.rows[label["row"]]["id"] == label["id"]


def test_ids_are_unique(corpus):
    ids = [row["id"] for row in corpus.rows if row]
    assert len(set(ids)) == len(ids)


def test_clean_rows_are_no_near_copies_of_one_another(corpus):
    sets = [grams(row) for row in corpus.clean]
    rows_of: dict[tuple[str, ...], list[int]] = {}
    worst = 0.0
    for number, own in enumerate(sets):
        near = Counter(other for gram in own for other in rows_of.get(gram, ()))
        worst = max([worst, *(jaccard(own, sets[other]) for other, _ in near.most_common(5))])
        for gram in own:
            rows_of.setdefault(gram, []).append(number)
    assert worst < 0.5


def test_clean_rows_hold_no_open_slot_address_refusal_or_unfinished_end(corpus, balanced):
    for row in [*corpus.clean, *balanced.rows]:
        assert not re.search(
            r"[{}\[\]<>@]|https?:|\bAI\b|language model|  |\ba [aeiou][a-z]+ (?:and|is)\b|\d{6}", texts(row)
        )
        assert row["output"].rstrip()[-1] in ".!?"
        assert row["instruction"].strip() == row["instruction"]
        assert row["instruction"] != row["output"]


def test_sums_of_clean_rows_hold(corpus, balanced):
    checked = [right for row in [*corpus.clean, *balanced.rows] for right in sums(row["output"])]
    assert len(checked) > 100
    assert all(checked)


def test_planted_sums_do_not_hold(corpus):
    for row in corpus.of_kind("hallucination/wrong-sum"):
        assert sums(row["output"]).count(False) == 1


def test_samples_disagree_where_they_were_planted_and_nowhere_else(corpus):
    answers: dict[str, list[tuple[str, bool]]] = {}
    for number, row in enumerate(corpus.rows):
        if row and row["question_id"]:
            final = row["output"].rpartition("The answer is ")[2]
            answers.setdefault(row["question_id"], []).append((final, number in corpus.kind_of))
    assert {len(group) for group in answers.values()} == {5}
    for group in answers.values():
        right = {final for final, planted in group if not planted}
        wrong = [final for final, planted in group if planted]
        assert len(right) == 1
        assert not right & set(wrong)
        assert len(set(wrong)) == len(wrong)
    assert sum(planted for group in answers.values() for _, planted in group) == N_ROWS * FAULT_SHARE


def test_answers_that_contradict_their_report_name_people_that_it_does_not(corpus):
    names = re.compile(r"[A-Z]\w+ [A-Z]\w+")
    for row in corpus.of_kind("hallucination/contradiction"):
        assert set(names.findall(row["output"])) - set(names.findall(row["context"]))
    reports = [row for row in corpus.clean if row["context"]]
    assert len(reports) == 50
    for row in reports:
        assert set(re.findall(r"\d+", row["output"])) <= set(re.findall(r"\d+", row["context"]))


def test_copies_copy_the_row_that_they_name(corpus):
    for label in corpus.labels:
        if not label["kind"].startswith("copies/"):
            assert label["of"] is None
            continue
        copy, original = corpus.rows[label["row"]], corpus.rows[label["of"]]
        assert label["of"] < label["row"]
        assert label["of"] not in corpus.kind_of
        assert (texts(copy) == texts(original)) == (label["kind"] == "copies/exact")
        assert jaccard(grams(copy), grams(original)) >= 0.85


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("pii/email", r"[\w.]+@example\.(?:com|org|net)\b"),
        ("pii/phone", r"\b\d{3}\)?[- ]555-01\d\d\b"),
        ("pii/card", r"\b(?:\d{4}[- ]?){3}\d{4}\b"),
        ("pii/iban", r"\b(?:DE|GB|NL)\d\d(?: \w{1,4})+\b"),
        ("pii/ssn", r"\b[78]\d\d-\d\d-\d{4}\b"),
        ("pii/ip", r"\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}\b"),
        ("pii/credential", r"\b(?:AK" + r"IA[A-Z2-7]{16}|gh" + r"p_\w{36})\b"),
        ("hallucination/refusal", r"(?i)language model|sorry|apologize|unable"),
        ("hallucination/placeholder", r"\[\w[\w ]+\]|Lorem ipsum|TODO"),
        ("hallucination/truncation", r"\w$"),
        ("hallucination/loop", r"([-\w].+[.!?])(?:\s\1){3}"),
        ("hallucination/empty", r"^\s*(?:N/A|<no output>)?\s*$"),
        ("diversity/same-opening", r"^It is important to note"),
    ],
)
def test_planted_rows_hold_what_their_label_says(corpus, kind, pattern):
    rows = corpus.of_kind(kind)
    assert rows
    for row in rows:
        assert re.search(pattern, row["output"])


def test_planted_cards_and_accounts_have_valid_check_digits(corpus):
    for row in corpus.of_kind("pii/card"):
        number = re.sub(r"\D", "", re.search(r"\b(?:\d{4}[- ]?){3}\d{4}\b", row["output"])[0])
        assert int(number[-1]) == luhn_digit(number[:-1])
    for row in corpus.of_kind("pii/iban"):
        number = re.search(r"\b(?:DE|GB|NL)\d\d(?: [A-Z\d]{1,4})+", row["output"])[0].replace(" ", "")
        assert int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def test_echoes_repeat_the_instruction(corpus):
    for row in corpus.of_kind("hallucination/echo"):
        assert row["output"] == row["instruction"]


def test_unreadable_lines_cannot_be_read(corpus):
    lines = [corpus.lines[number] for number, kind in corpus.kind_of.items() if kind == "unreadable"]
    assert len(lines) == 2
    for line in lines:
        with pytest.raises(ValueError):  # noqa: PT011 - bad JSON or bad UTF-8, each with its own words
            json.loads(line.decode())


def test_places_are_skewed_with_faults_and_balanced_without(corpus, balanced):
    def share(rows):
        regions = Counter(row["region"] for row in rows if row and row["region"])
        return (regions["Europe"] + regions["Northern America"]) / sum(regions.values())

    assert share(corpus.rows) == pytest.approx(0.80, abs=0.05)
    assert share(balanced.rows) == pytest.approx(0.14, abs=0.05)
    assert not balanced.labels


def test_topics_styles_and_people_vary(balanced):
    assert len({row["topic"] for row in balanced.rows}) == 17
    assert len({row["style"] for row in balanced.rows}) == 5
    assert len({row["region"] for row in balanced.rows}) >= 8
    assert len({len(row["output"].split()) // 20 for row in balanced.rows}) >= 5
