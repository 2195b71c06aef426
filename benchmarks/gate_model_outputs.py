"""What the gate keeps of real model outputs, and how much of it is right.

    python benchmarks/gate_model_outputs.py [DATA_FOLDER] [FILE.md]

gsm8k_model_solutions (openai/grade-school-math, MIT; evaluation only): four models, one solution each, to half of the
1,319 test problems, labelled right or wrong. DATA_FOLDER defaults to ../shared/data. No label reaches the gate.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

from auditkit import audit
from auditkit.findings import wilson

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
WAYS = {
    "agreement of half (`min_agreement = 0.5`)": {"hallucination": {"min_agreement": 0.5, "action": "drop"}},
    "agreement of three quarters": {"hallucination": {"min_agreement": 0.75, "action": "drop"}},
    "all four agree": {"hallucination": {"min_agreement": 1.0, "action": "drop"}},
    "policy `self-training`": None,
}


def rows_of(path: Path) -> tuple[list[dict[str, str]], list[bool]]:
    """One row per solution, its problem as group; and whether each is right."""
    rows, right = [], []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            problem = json.loads(line)
            for model in MODELS:
                name = f"{number}-{model}"
                row = {"id": name, "question_id": str(number), "prompt": problem["question"]}
                rows.append(row | {"response": problem[model]["solution"]})
                right.append(bool(problem[model]["is_correct"]))
    return rows, right


def told(name: str, kept: list[bool], right: list[bool]) -> str:
    """A line of the table."""
    n, good = sum(kept), sum(one and two for one, two in zip(kept, right, strict=True))
    low, high = wilson(good, n)
    problems = len({at // len(MODELS) for at, one in enumerate(kept) if one})
    recall = good / sum(right)
    return f"| {name} | {n:,} | {problems:,} | {good / n:.3f} ({low:.3f} to {high:.3f}) | {recall:.3f} |"


def main() -> None:
    """Gate in four ways, print the table."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    rows, right = rows_of(data / "hallucination" / "gsm8k_model_solutions.jsonl.gz")
    lines = [
        "# What the gate keeps of real model outputs",
        "",
        "Made by `python benchmarks/gate_model_outputs.py ../shared/data benchmarks/results/gate_model_outputs.md`.",
        f"{len(rows):,} solutions of four models to {len(rows) // len(MODELS):,} problems of GSM8K's test set.",
        "",
        "| gate | solutions kept | problems with one | right among them (95 %) | of all right ones |",
        "|---|---|---|---|---|",
        told("none", [True] * len(rows), right),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "solutions.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for name, checkers in WAYS.items():
            policy = "self-training" if checkers is None else {"version": 1, "checkers": checkers}
            decisions = audit(file, policy).documents.column("decision").to_pylist()
            lines.append(told(name, [decision != "drop" for decision in decisions], right))
    text = "\n".join(lines) + "\n"
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
