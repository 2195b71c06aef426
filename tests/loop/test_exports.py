"""Training files are what TRL, axolotl and LLaMA-Factory read, and each row knows where it comes from."""

from __future__ import annotations

import ast
import json
import re

import pytest

from auditkit.loop.exports import export, preferences, shaped
from auditkit.loop.folder import read_rows
from auditkit.loop.look import Looked
from auditkit.loop.sampling import votes
from auditkit.loop.tables import FORMATS

ROWS = [
    {"id": f"r1/q{q}/{s}", "group": f"q{q}", "prompt": f"What is {q} + 1?", "response": f"One more than {q}. The answer is {q + 1}."}
    for q in range(6)
    for s in range(2)
]  # fmt: skip
POEM = {
    "id": "r1/p/0",
    "group": "p",
    "prompt": "Write a poem about rain in the mountains.",
    "response": "Rain falls " * 30,
}


def test_the_four_formats_of_lmsi_take_turns():
    rows = shaped(ROWS, votes(ROWS), FORMATS, seed=1)
    assert [row["format"] for row in rows] == list(FORMATS) * 3
    by_name = {row["format"]: row for row in rows}
    assert by_name["question"]["prompt"] == ROWS[8]["prompt"]
    assert by_name["step_by_step"]["prompt"].endswith("A: Let's think step by step.")
    assert {row["confidence"] for row in rows} == {1.0}
    assert by_name["few_shot_direct"]["response"] == "The answer is 6."
    shown = by_name["few_shot_cot"]["prompt"]
    assert shown.count("Q: ") == 5
    assert shown.count(by_name["few_shot_cot"]["prompt"].split("Q: ")[-1].split("\n")[0]) == 1
    assert by_name["few_shot_cot"]["response"].startswith("One more than")
    assert shaped(ROWS, votes(ROWS), FORMATS, seed=1) == rows


def test_what_has_no_final_answer_stays_a_plain_question():
    rows = shaped([POEM, *ROWS], votes([POEM, *ROWS]), ("few_shot_direct",), seed=1)
    assert (rows[0]["format"], rows[0]["response"]) == ("question", POEM["response"])


def looked_at(rows, reasons, flagged=()):
    return Looked(None, rows, [], frozenset(), reasons, {}, frozenset(flagged))


def test_pairs_prefer_the_path_that_agrees():
    wrong = {**ROWS[0], "id": "w", "response": "The answer is 99."}
    private = {**ROWS[0], "id": "x", "response": "Ask jo@example.com. The answer is 98."}
    broken = {**ROWS[0], "id": "y", "response": "The answer is 97"}
    rows = [*ROWS, wrong, private, broken]
    no = ("hallucination/no-agreement",)
    reasons = {"w": no, "x": no, "y": (*no, "hallucination/truncated")}
    pairs = list(preferences(looked_at(rows, reasons, flagged=["x"]), ROWS, votes(rows)))
    assert pairs == [
        {"id": "w", "prompt": ROWS[0]["prompt"], "chosen": ROWS[0]["response"], "rejected": wrong["response"]}
    ]


@pytest.fixture
def folder(tmp_path):
    rows = [{**row, "round": 1, "format": "question"} for row in ROWS]
    rows.append(
        {"id": "r0/0", "group": "g", "prompt": "", "response": "A text alone.", "round": 0, "format": "question"}
    )
    pair = {"id": "w", "prompt": "p", "chosen": "c", "rejected": "r"}
    export(tmp_path, rows, [pair])
    return tmp_path


def test_every_file_has_a_line_per_row_in_the_same_order(folder):
    lineage = read_rows(folder / "lineage.jsonl")
    assert [row["id"] for row in lineage] == [*(row["id"] for row in ROWS), "r0/0"]
    for name in ("trl/messages", "trl/prompt_completion", "axolotl/messages", "axolotl/alpaca", "llama_factory/alpaca",
                 "llama_factory/sharegpt"):  # fmt: skip
        assert len(read_rows(folder / f"{name}.jsonl")) == len(lineage), name


def test_trl_reads_messages_completions_and_pairs(folder):
    messages = read_rows(folder / "trl/messages.jsonl")
    assert [turn["role"] for turn in messages[0]["messages"]] == ["user", "assistant"]
    assert [turn["role"] for turn in messages[-1]["messages"]] == ["assistant"]
    assert set(read_rows(folder / "trl/prompt_completion.jsonl")[0]) == {"prompt", "completion"}
    assert set(read_rows(folder / "trl/preferences.jsonl")[0]) == {"prompt", "chosen", "rejected"}
    script = (folder / "trl/train.py").read_text()
    ast.parse(script)
    assert set(re.findall(r'data_files="([^"]+)"', script)) == {"messages.jsonl", "preferences.jsonl"}


def test_the_axolotl_config_names_files_and_fields_that_are_there(folder):
    config = (folder / "axolotl/config.yml").read_text()
    for name in re.findall(r"path: (\S+)", config):
        assert (folder / "axolotl" / name).is_file()
    field = re.search(r"field_messages: (\S+)", config).group(1)
    turn = read_rows(folder / "axolotl/messages.jsonl")[0][field][0]
    assert set(turn) == {"role", "content"}
    assert set(read_rows(folder / "axolotl/alpaca.jsonl")[0]) == {"instruction", "input", "output"}


def test_dataset_info_names_files_and_columns_that_are_there(folder):
    home = folder / "llama_factory"
    for entry in json.loads((home / "dataset_info.json").read_text()).values():
        row = read_rows(home / entry["file_name"])[0]
        assert set(entry["columns"].values()) <= set(row)
        if entry.get("formatting") == "sharegpt":
            turns, tags = row[entry["columns"]["messages"]], entry["tags"]
            assert [turn[tags["role_tag"]] for turn in turns] == [tags["user_tag"], tags["assistant_tag"]]
            assert all(tags["content_tag"] in turn for turn in turns)
    train = (home / "train.yaml").read_text()
    assert re.search(r"dataset: (\S+)", train).group(1) in json.loads((home / "dataset_info.json").read_text())
