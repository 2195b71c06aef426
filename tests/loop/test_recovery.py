"""A rejected row is diagnosed, repaired where that is allowed, and looked at again like any other."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from auditkit.checker import rule_pack
from auditkit.loop.folder import read_rows
from auditkit.loop.look import Place
from auditkit.loop.recovery import repair_of, repairs, trimmed
from auditkit.loop.rounds import run_loop
from auditkit.loop.settings import load
from auditkit.loop.tables import REPAIRS
from tests.loop.conftest import CALLABLE

RULE = "hallucination/truncated"
TEXT = "Tides follow the moon. They rise twice a day. The sun also plays a smaller"


@pytest.mark.parametrize(
    ("text", "start", "end", "left"),
    [
        (TEXT, 67, 74, "Tides follow the moon. They rise twice a day."),
        ("Sure, as an AI model I will.\nTides follow the moon and rise twice a day.", 6, 20, "Tides follow the moon and rise twice a day."),
        ("As an AI I cannot feel. But the moon pulls the sea, and so tides come.", 0, 8, "But the moon pulls the sea, and so tides come."),
        ("A long and whole answer to it.\n\n### Instruction:\nNow", 32, 46, "A long and whole answer to it."),
        ("One sentence that was never ended and stops right in the mid", 50, 60, ""),
        ("Half. The rest of this text is what stands behind the place", 6, 10, ""),
        ("月は海を引く。潮は一日に二度満ちる。太陽も小さな", 18, 24, "月は海を引く。潮は一日に二度満ちる。"),
    ],
    ids=["tail", "head line", "head sentence", "another task", "nothing whole", "too little left", "no spaces"],
)  # fmt: skip
def test_a_head_or_a_tail_is_cut_at_the_end_of_a_sentence(text, start, end, left):
    assert trimmed(text, [Place(RULE, start, end)], [RULE]) == left


def test_only_the_rules_that_rejected_the_row_cut_it():
    assert trimmed(TEXT, [Place("pii/email", 67, 74)], [RULE]) == ""


def test_every_line_of_the_table_is_about_a_rule_that_exists():
    known = {rule.id for checker in ("hallucination", "pii", "toxicity") for rule in rule_pack(checker)}
    for repair in repairs():
        assert set(repair.ways) <= set(REPAIRS)
        assert repair.reason
        if "*" not in repair.rule:
            assert repair.rule in known
    assert repair_of("hallucination/truncated").ways[0] == "trim"
    assert repair_of("near_duplicates/exact-copy") is None


FAULTY = '''

def faulty(texts, *, n, temperature, seed, model):
    """Four sound paths, unless the question is spoiled; what is asked again is answered soundly."""
    from tests.loop.conftest import path

    said = []
    for text in texts:
        number = sum(map(ord, text)) % 6 if "was rejected" not in text else 9
        good = [path(text, f"{seed} {at}", right_share=1) for at in range(n)]
        if number == 0:
            good = [f"{one} But then again there is more to say about the" for one in good]
        elif number == 1:
            good = ["I'm sorry, but as an AI language model I cannot answer that."] * n
        elif number == 2:
            good = [path(text, f"{seed} {at} {at}", right_share=0) for at in range(n)]
        elif number == 3:
            good = [good[0], good[1], "I'm sorry, but I cannot help with that.", "I'm sorry, but I cannot help with that request."]
        elif number == 4:
            good = [f"{one} Write to mary.miller@example.com for more." for one in good]
        said.append(good)
    return said
'''


@pytest.fixture
def recovered(loop_folder):
    """recovered("trim", "vote") -> (folder of the round, round.json, kept groups) of one round with these repairs."""

    def run(*repairs_allowed, policy="self-training"):
        shown = json.dumps(list(repairs_allowed))
        settings = loop_folder(
            CALLABLE.replace("answer", "faulty"), extra=f"[recovery]\nrepairs = {shown}\n", n_prompts=36,
            top=f'rounds = 1\npolicy = "{policy}"',
        )  # fmt: skip
        learner = settings.parent / "learner.py"
        learner.write_text(learner.read_text() + FAULTY)
        out = settings.parent / "-".join(["out", *repairs_allowed])
        run_loop(load(settings), out)
        told = json.loads((out / "1" / "round.json").read_text())
        return out / "1", told, {row["group"] for row in read_rows(out / "1" / "kept.jsonl")}

    return run


def test_each_repair_brings_rows_back(recovered):
    """Yield before and after, by repair: with all four, nearly every prompt has a row that passes the gate.

    Where four samples were wrong, four new ones that agree are half of the votes: too few, and rightly so.
    """
    folder, told, groups = recovered()
    assert told["counts"]["kept"] == told["counts"]["kept_without_recovery"]
    alone = len(groups)
    _, with_trim, groups = recovered("trim")
    assert len(groups) > alone
    assert with_trim["counts"]["kept"] > with_trim["counts"]["kept_without_recovery"]
    _, _, groups = recovered("vote")
    assert len(groups) >= alone
    folder, told, groups = recovered("redact", "trim", "vote", "resample")
    assert len(groups) >= 32 > alone
    assert told["counts"]["kept"] > with_trim["counts"]["kept"]
    lines = read_rows(folder / "recovery.jsonl")
    outcomes = Counter((line["repair"], line["outcome"]) for line in lines)
    assert outcomes["trim", "kept"] >= 4
    assert outcomes["new sample", "kept"] >= 4
    metrics = {(row["metric"]): row["value"] for row in json.loads((folder / "metrics.json").read_text())
               if row["checker"] == "loop" and row["stage"] == "kept"}  # fmt: skip
    assert metrics["prompts_before_recovery"] < metrics["prompts_after_recovery"]
    training = read_rows(folder / "export" / "lineage.jsonl")
    assert {"trim", "resample"} <= {row["repair"] for row in training}
    kept = read_rows(folder / "kept.jsonl")
    assert not [row for row in kept if "more to say about the" in row["response"] or "was rejected" in row["prompt"]]


def test_the_reason_stands_in_the_prompt_that_is_asked_again(recovered):
    folder, _, _ = recovered("resample")
    asked = [row for row in read_rows(folder / "recovery.jsonl") if row["repair"] == "resample"]
    assert asked
    assert all(row["rules"] for row in asked)
    new = [row for row in read_rows(folder / "sampled.jsonl") if row.get("repair") == "resample"]
    assert {row["prompt"] for row in new} <= {row["text"] for row in read_rows(folder / "prompts.jsonl")}
    assert all("again-" in row["id"] for row in new)


def test_private_data_is_masked_where_the_policy_drops(recovered, tmp_path):
    (tmp_path / "loop").mkdir(exist_ok=True)
    (tmp_path / "loop" / "strict.toml").write_text(
        'version = 1\nextends = "self-training"\n[checkers.pii]\naction = "drop"\nredact = "mask"\n'
    )
    folder, told, _ = recovered("redact", policy="strict.toml")
    assert told["removed"]["run"]["pii/email"] >= 8
    lines = read_rows(folder / "recovery.jsonl")
    assert Counter((line["repair"], line["outcome"]) for line in lines)["redact", "kept"] >= 8
    kept = read_rows(folder / "kept.jsonl")
    assert not [row for row in kept if "mary.miller" in row["response"]]
    assert [row for row in kept if row.get("repair") == "redact"]


def test_defective_samples_leave_the_vote(recovered):
    """Two of four samples decline: the two that answer agree, which is half of four and all of two."""
    _, before, alone = recovered()
    folder, after, groups = recovered("vote")
    lines = read_rows(folder / "recovery.jsonl")
    assert {line["outcome"] for line in lines if line["repair"] == "vote"} <= {"kept", "rejected"}
    assert after["counts"]["kept"] >= before["counts"]["kept"]
    assert groups >= alone
    assert {"hallucination/refusal", "hallucination/no-agreement"} <= set(before["removed"]["run"])
