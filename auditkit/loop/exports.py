"""Training files: the kept rows in the shapes that trainers read, each with the exact config that reads it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from auditkit import disk
from auditkit.loop.folder import Row, write_json, write_rows
from auditkit.loop.look import Looked
from auditkit.loop.recovery import NO_AGREEMENT
from auditkit.loop.sampling import Vote

SHOTS = 4  # worked examples before the question; LMSI uses 4 to 8
STEP_BY_STEP = "Let's think step by step."
LINEAGE = ("id", "round", "format", "repair", "confidence")

AXOLOTL = """\
# axolotl reads the files beside this one: axolotl train config.yml
base_model: YOUR_MODEL
datasets:
  - path: messages.jsonl
    ds_type: json
    type: chat_template
    field_messages: messages
    message_property_mappings:
      role: role
      content: content
# or, for a model without a chat template:
#  - path: alpaca.jsonl
#    ds_type: json
#    type: alpaca
val_set_size: 0.02
output_dir: ./out
"""
LLAMA_FACTORY = {
    "round_alpaca": {
        "file_name": "alpaca.jsonl",
        "columns": {"prompt": "instruction", "query": "input", "response": "output"},
    },
    "round_sharegpt": {
        "file_name": "sharegpt.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
        "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
    },
    "round_preferences": {
        "file_name": "preferences.jsonl",
        "ranking": True,
        "columns": {"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"},
    },
}
LLAMA_FACTORY_TRAIN = """\
# llamafactory-cli train train.yaml, in this folder
model_name_or_path: YOUR_MODEL
stage: sft
do_train: true
finetuning_type: lora
dataset_dir: .
dataset: round_sharegpt      # or round_alpaca; for stage: dpo take round_preferences
template: default
cutoff_len: 2048
output_dir: ./out
"""
TRL = '''\
"""Fine-tune on this round with TRL: python train.py MODEL. For preference pairs see the last lines."""

import sys

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

rows = load_dataset("json", data_files="messages.jsonl", split="train")
trainer = SFTTrainer(model=sys.argv[1], train_dataset=rows, args=SFTConfig(output_dir="out"))
trainer.train()
trainer.save_model("out")

# from trl import DPOConfig, DPOTrainer
# pairs = load_dataset("json", data_files="preferences.jsonl", split="train")
# DPOTrainer(model=sys.argv[1], train_dataset=pairs, args=DPOConfig(output_dir="out")).train()
'''


def shaped(rows: Sequence[Row], votes: Mapping[str, Vote], formats: Sequence[str], *, seed: int) -> list[Row]:
    """Each row in one of the formats, in turn: {id, prompt, response, format, confidence ...}.

    confidence: the share of the prompt's samples that gave its most frequent answer, null where none gave any.

    The four of LMSI (arXiv 2210.11610, section 3.2): worked examples with reasoning or with bare answers before the
    question, the question with STEP_BY_STEP before the reasoning, the question alone with the bare answer. Here
    `question` is the question with the answer as it was sampled. A row without a final answer has `question` alone.
    """
    answered = [row for row in rows if votes.get(str(row["group"])) and votes[str(row["group"])].answer]
    chooser = random.Random(f"shots {seed}")
    made = []
    for turn, row in enumerate(rows):
        vote = votes.get(str(row["group"]))
        name = formats[turn % len(formats)] if vote and vote.answer else "question"
        others = [
            one for one in chooser.sample(answered, min(SHOTS + 1, len(answered))) if one["group"] != row["group"]
        ]
        prompt, response = _shaped(row, name, others[:SHOTS], votes)
        confidence = round(vote.share, 4) if vote and vote.answer else None
        made.append({**row, "prompt": prompt, "response": response, "format": name, "confidence": confidence})
    return made


def _shaped(row: Row, name: str, shots: Sequence[Row], votes: Mapping[str, Vote]) -> tuple[str, str]:
    question, path = str(row["prompt"]), str(row["response"])
    if name == "question":
        return question, path
    if name == "step_by_step":
        return f"Q: {question}\nA: {STEP_BY_STEP}", path
    direct = name == "few_shot_direct"

    def answer(one: Row) -> str:
        return f"The answer is {votes[str(one['group'])].answer}." if direct else str(one["response"])

    shown = "".join(f"Q: {shot['prompt']}\nA: {answer(shot)}\n\n" for shot in shots)
    return f"{shown}Q: {question}\nA:", answer(row)


def preferences(looked: Looked, kept: Sequence[Row], votes: Mapping[str, Vote]) -> Iterator[Row]:
    """Pairs {id, prompt, chosen, rejected}: a kept path, and one of the same prompt that ended in another answer.

    A rejected text that anything but the vote has a word to say about is in no pair: it would teach something else.
    """
    chosen: dict[str, list[Row]] = {}
    for row in kept:
        chosen.setdefault(str(row["group"]), []).append(row)
    taken: dict[str, int] = {}
    for row in looked.rows:
        name, group = str(row["id"]), str(row["group"])
        sound = looked.reasons.get(name) == (NO_AGREEMENT,) and name not in looked.flagged
        if sound and group in chosen and votes[group].answer:
            winner = chosen[group][taken.get(group, 0) % len(chosen[group])]
            taken[group] = taken.get(group, 0) + 1
            yield {"id": name, "prompt": winner["prompt"], "chosen": winner["response"], "rejected": row["response"]}


def export(folder: Path, rows: Sequence[Row], pairs: Sequence[Row]) -> None:
    """Write export/: trl, axolotl, llama_factory, and lineage.jsonl, which has one line per training row, in order.

    rows: {id, prompt, response, round, ...}, repeated as often as they count.
    """
    messages = [{"messages": _messages(row)} for row in rows]
    alpaca = [{"instruction": row["prompt"], "input": "", "output": row["response"]} for row in rows]
    plain = [{key: pair[key] for key in ("prompt", "chosen", "rejected")} for pair in pairs]
    files: dict[str, Sequence[Row]] = {
        "lineage.jsonl": [{key: row.get(key, "") for key in LINEAGE} for row in rows],
        "trl/messages.jsonl": messages,
        "trl/prompt_completion.jsonl": [{"prompt": row["prompt"], "completion": row["response"]} for row in rows],
        "trl/preferences.jsonl": plain,
        "axolotl/messages.jsonl": messages,
        "axolotl/alpaca.jsonl": alpaca,
        "llama_factory/alpaca.jsonl": alpaca,
        "llama_factory/sharegpt.jsonl": [{"conversations": _turns(row)} for row in rows],
        "llama_factory/preferences.jsonl": [
            {"instruction": pair["prompt"], "input": "", "chosen": pair["chosen"], "rejected": pair["rejected"]}
            for pair in plain
        ],
    }
    for name, lines in files.items():
        disk.make_folder((folder / name).parent)
        write_rows(folder / name, lines)
    for name, text in (("trl/train.py", TRL), ("axolotl/config.yml", AXOLOTL),
                       ("llama_factory/train.yaml", LLAMA_FACTORY_TRAIN)):  # fmt: skip
        disk.write(folder / name, text.encode())
    write_json(folder / "llama_factory" / "dataset_info.json", LLAMA_FACTORY)


def _messages(row: Row) -> list[Row]:
    """A chat of two turns; a row without a prompt is the answer alone."""
    asked = [{"role": "user", "content": row["prompt"]}] if row["prompt"] else []
    return [*asked, {"role": "assistant", "content": row["response"]}]


def _turns(row: Row) -> list[Row]:
    """The same as ShareGPT names it; LLaMA-Factory wants a human turn first, be it empty."""
    return [{"from": "human", "value": row["prompt"]}, {"from": "gpt", "value": row["response"]}]
