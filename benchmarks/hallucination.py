"""Tables of the checker `hallucination` beside their baselines.

    python benchmarks/hallucination.py [DATA_FOLDER] [agreement|arithmetic|grounding|rules|claims|speed ...]

DATA_FOLDER defaults to ../shared/data. All sets but gsm8k_train are for evaluation only.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from auditkit.checker import Context, build  # noqa: E402
from auditkit.checkers.hallucination.agreement import agreed, state_of  # noqa: E402
from auditkit.checkers.hallucination.arithmetic import equations  # noqa: E402
from auditkit.checkers.hallucination.grounding import Source, model, words_of  # noqa: E402
from auditkit.documents import Batch, Text, batch_of, batch_of_texts  # noqa: E402

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
NOTE = re.compile(r"<<[^>]*>>")
Rows = list[dict[str, Any]]
Numbers = Sequence[float] | Sequence[bool] | np.ndarray


def load(data: Path, name: str) -> Rows:
    with gzip.open(data / "hallucination" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def auroc(scores: Numbers, labels: Numbers) -> float:
    """Ties count half."""
    values, bad = np.asarray(scores, float), np.asarray(labels, bool)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(bad.sum())
    return float((ranks[bad].sum() - n * (n + 1) / 2) / (n * (len(bad) - n)))


def interval(scores: Numbers, labels: Numbers) -> str:
    """95 % bootstrap interval of the AUROC, 300 draws."""
    rng = np.random.default_rng(1)
    values, bad = np.asarray(scores, float), np.asarray(labels, bool)
    draws = [rng.integers(0, len(values), len(values)) for _ in range(300)]
    low, high = np.quantile([auroc(values[d], bad[d]) for d in draws if 0 < bad[d].sum() < len(d)], [0.025, 0.975])
    return f"[{low:.3f}, {high:.3f}]"


def batch(rows: Sequence[dict[str, str]], groups: Sequence[str] | None = None) -> Batch:
    """Rows of role -> text as one batch."""
    texts = [Text(doc, role, role, text) for doc, row in enumerate(rows) for role, text in row.items()]
    return batch_of(texts, [{"doc": doc, "group": groups[doc] if groups else None} for doc in range(len(rows))])


def agreement(data: Path) -> None:
    print("\nAgreement on gsm8k_model_solutions (four models, one answer each: not samples of one model)")
    rows = load(data, "gsm8k_model_solutions")
    flat = [(n, row, row[name]) for n, row in enumerate(rows) for name in MODELS]
    right = np.array([sample["is_correct"] for _, _, sample in flat])
    made = [{"prompt": row["question"], "response": sample["solution"]} for _, row, sample in flat]
    shares = agreed(state_of(batch(made, [str(n) for n, _, _ in flat]))).shares
    filled = np.nan_to_num(shares, nan=0.0)
    lengths = [-len(sample["solution"]) for _, _, sample in flat]
    print(
        f"  {len(rows)} problems, {len(flat)} answers, {right.mean():.3f} right,"
        f" {np.isnan(shares).sum()} without a share"
    )
    print(f"  AUROC of agreement {auroc(filled, right):.4f} {interval(filled, right)}")
    print(f"  AUROC of shortness alone {auroc(lengths, right):.3f}")
    print("  share >=   kept answers   precision   recall of right")
    for threshold in (0.0, 0.25, 0.5, 0.75, 1.0):
        kept = filled >= threshold
        print(
            f"  {threshold:7.2f}   {kept.sum():12d}   {right[kept].mean():9.3f}   {right[kept].sum() / right.sum():.3f}"
        )
    print("  other rows, all 1,319 problems, a prototype: AUROC .878, precision .893 at share >= .75")
    _consistency(rows)


def _consistency(rows: Rows) -> None:
    """The samples of a problem as one row: does `selfcheck` rank the problems that most samples get wrong?"""
    texts = [
        Text(n, field, role, text)
        for n, row in enumerate(rows)
        for field, role, text in [
            ("question", "prompt", row["question"]),
            *((f"samples[{k}]", "response", row[name]["solution"]) for k, name in enumerate(MODELS)),
        ]
    ]
    whole = batch_of(texts, [{"doc": n} for n in range(len(rows))])
    checker: Any = build("hallucination", {})
    scores = checker.check(whole).scores["selfcheck"]
    docs, shares = checker.finish(checker.map(whole), None, Context(len(rows))).scores["agreement"]
    bad = [sum(row[name]["is_correct"] for name in MODELS) < 2 for row in rows]
    lengths = [sum(len(row[name]["solution"]) for name in MODELS) for row in rows]
    lacking = np.ones(len(rows))
    lacking[docs] = 1 - np.nan_to_num(shares, nan=0.0)
    print("  problems that three or four of the models get wrong, by the four answers alone:")
    for name, values in (
        ("selfcheck (unigrams)", scores),
        ("1 - agreement", lacking),
        ("length alone", lengths),
    ):
        print(f"    AUROC of {name:22s} {auroc(values, bad):.3f} {interval(values, bad)}")
    print("    other rows, WikiBio-GPT3, AUC-PR of non-factual sentences (random 73.0): unigrams 85.6, NLI 92.5")


def mutated(value: str, rng: random.Random) -> str:
    number = float(value.replace(",", ""))
    changed = rng.choice([number + 1, number - 1, number + rng.randint(2, 30), number * rng.choice([1.1, 0.9, 2, 10])])
    changed = round(changed, 2)
    return f"{number + 1 if changed == number else changed:g}"


def arithmetic(data: Path) -> None:
    print("\nArithmetic recheck on the 7,473 human solutions of gsm8k_train")
    rows = [row["answer"] for row in load(data, "gsm8k_train")]
    for name, texts in (("with notes", rows), ("without notes", [NOTE.sub("", row) for row in rows])):
        checked = [equations(text) for text in texts]
        flagged = [n for n, found in enumerate(checked) if not all(equation.right for equation in found)]
        print(
            f"  {name}: {sum(map(len, checked)):,} equations, {len(flagged)} solutions flagged"
            f" ({len(flagged) / len(rows):.2%}): rows {flagged}"
        )
    print("  all of these were read, see docs/hallucination-rule-precision.md: each equation is wrong as it stands;")
    print("  equations flagged that hold: 0")
    _planted(rows)
    _model_solutions(data)


def _planted(rows: Sequence[str]) -> None:
    plain = re.compile(r"[-+*/x]\s*\$?\d[\d,.]*\s*=\s*\$?(\d[\d,]*(?:\.\d+)?|\.\d+)")
    noted = re.compile(r"=\s*\$?<<[^<>=]*=([^<>]*)>>\s*\$?(-?[\d,]*\.?\d+)")
    rng = random.Random(5)
    for name, pattern, change_note in (
        ("note and number", noted, True),
        ("number behind the note", noted, False),
        ("no notes", plain, False),
    ):
        n = found = 0
        for row in rows:
            text = NOTE.sub("", row) if pattern is plain else row
            places = [match for match in pattern.finditer(text) if match.groups()[-1].strip(",.")]
            if not places:
                continue
            match = rng.choice(places)
            value = mutated(match.groups()[-1], rng)
            last = match.lastindex or 1
            changed = text[: match.start(last)] + value + text[match.end(last) :]
            if change_note:
                changed = changed[: match.start(1)] + value + changed[match.end(1) :]
            n += 1
            found += not all(equation.right for equation in equations(changed))
        print(f"  one planted wrong result, {name}: {found:,} of {n:,} found ({found / n:.1%})")


def _model_solutions(data: Path) -> None:
    rows = load(data, "gsm8k_model_solutions")
    for label in (False, True):
        texts = [row[name]["solution"] for row in rows for name in MODELS if row[name]["is_correct"] is label]
        flagged = sum(not all(equation.right for equation in equations(text)) for text in texts)
        print(
            f"  model solutions that are {'right' if label else 'wrong'}: {flagged} of {len(texts)} flagged"
            " (they used a calculator)"
        )


def _voted(sentences: Rows) -> bool:
    return all(
        2 * sum(vote["response"] == "yes" for vote in item["responses"]) > len(item["responses"]) for item in sentences
    )


def pairs(data: Path) -> dict[str, list[tuple[str, str, bool]]]:
    """Set -> (source, response, unsupported)."""
    found = {}
    for name in ("qags_cnndm", "qags_xsum"):
        rows = load(data, name)
        found[name] = [
            (row["article"], " ".join(item["sentence"] for item in said), not _voted(said))
            for row in rows
            for said in [row["summary_sentences"]]
        ]  # fmt: skip
    found["begin_dialogue"] = [
        (str(row["knowledge"]), str(row["response"]), not str(row["begin_label"]).startswith("Fully"))
        for row in load(data, "begin_dialogue")
        if row["begin_label"] != "Generic"
    ]
    return found


def novel(source: str, response: str, size: int) -> float:
    known, said = words_of(source), words_of(response)
    grams = list(zip(*(said[place:] for place in range(size)), strict=False))
    inside = set(zip(*(known[place:] for place in range(size)), strict=False))
    return sum(gram not in inside for gram in grams) / max(1, len(grams))


def rouge_l_precision(source: str, response: str) -> float:
    known, said = words_of(source)[:1500], words_of(response)
    row = np.zeros(len(known) + 1, int)
    codes = {word: number for number, word in enumerate(dict.fromkeys(known))}
    sequence = np.array([codes[word] for word in known])
    for word in said:
        same = np.concatenate([[0], row[:-1] + (sequence == codes.get(word, -1))])
        row = np.maximum.accumulate(np.maximum(row, same))
    return float(row[-1]) / max(1, len(said))


def grounding(data: Path) -> None:
    print("\nGrounding: AUROC of `unsupported` (no set took part in training) beside baselines")
    heads = "  ".join(
        f"{name:>12s}" for name in ("unsupported", "length", "novel words", "novel pairs", "1 - ROUGE-L P")
    )
    print(f"  {'set':15s} {'pairs':>6s}  bad   {heads}  95 %            pairs/s")
    table: list[list[float]] = []
    weighing = model()
    for name, all_items in pairs(data).items():
        items = [item for item in all_items if words_of(item[1])]
        bad = [item[2] for item in items]
        started = time.process_time()
        scores = [weighing.score(Source(source), response) for source, response, _ in items]
        rate = len(items) / (time.process_time() - started)
        base = [
            auroc([len(response) for _, response, _ in items], bad),
            auroc([novel(source, response, 1) for source, response, _ in items], bad),
            auroc([novel(source, response, 2) for source, response, _ in items], bad),
            auroc([1 - rouge_l_precision(source, response) for source, response, _ in items], bad),
        ]
        skill = auroc(scores, bad)
        table.append([skill, *base])
        shown = "  ".join(f"{value:12.3f}" for value in table[-1])
        print(f"  {name:15s} {len(items):6d}  {np.mean(bad):.2f}  {shown}  {interval(scores, bad)}  {rate:7,.0f}")
    for name, summary in (("mean", np.mean(table, axis=0)), ("worst", np.min(table, axis=0))):
        print(f"  {name:15s} {'':12s}  " + "  ".join(f"{value:12.3f}" for value in summary))
    print(
        "  other rows (FRANK, published outputs): BERTScore, FactCC, QAGS, ROUGE-L:"
        " cnndm .739 .708 .625 .601; xsum .711 .552 .493 .648"
    )
    print("  HaluEval-QA is left out on purpose: the length of the answer alone gives .976 there")


def _alpaca(data: Path) -> tuple[Rows, Batch]:
    rows = load(data, "alpaca_original_half")
    texts = [
        Text(doc, field, role, row[field])
        for doc, row in enumerate(rows)
        for field, role in (("instruction", "prompt"), ("input", "prompt"), ("output", "response"))
    ]
    return rows, batch_of(texts, [{"doc": doc} for doc in range(len(rows))])


def rules(data: Path) -> None:
    rows, whole = _alpaca(data)
    found = build("hallucination", {}).check(whole).findings  # type: ignore[union-attr]
    print(f"\nArtefact rules on {len(rows):,} Alpaca rows; precision by reading: docs/hallucination-rule-precision.md")
    hits: dict[str, list[int]] = {}
    for doc, rule in zip(found["doc"].to_pylist(), found["rule"].to_pylist(), strict=True):
        hits.setdefault(rule, []).append(rows[doc]["idx"])
    for rule, ids in sorted(hits.items(), key=lambda pair: -len(pair[1])):
        print(f"  {rule:35s} {len(ids):5d}   idx {ids[:6]}")
    docs = Counter(found["doc"].to_pylist())
    print(f"  rows with a finding: {len(docs):,} ({len(docs) / len(rows):.2%})")
    _other_model(data)


def _other_model(data: Path) -> None:
    """Answers of another model to prompts of the same kind: no rule was written or corrected on them."""
    rows = load(data, "halueval_general")
    texts = [
        Text(n, role, role, row[name])
        for n, row in enumerate(rows)
        for role, name in (("prompt", "user_query"), ("response", "chatgpt_response"))
    ]
    checker: Any = build("hallucination", {})
    found = checker.check(batch_of(texts, [{"doc": n} for n in range(len(rows))])).findings
    counts = Counter(rule.removeprefix("hallucination/") for rule in found["rule"].to_pylist())
    print(f"  findings on {len(rows):,} answers of halueval_general: {dict(counts.most_common())}")


CLAIMS = (
    "isbn", "issn", "doi", "orcid", "arxiv", "iban", "vin", "card-number", "impossible-date", "impossible-span",
    "before-birth", "weekday", "duration", "letter-count", "impossible-url", "temperature", "arithmetic",
)  # fmt: skip


def claims(data: Path) -> None:
    """Rules that carry their own proof, on texts that people wrote: what they find is an error or a false alarm."""
    import pyarrow.parquet as pq

    print("\nClaims on texts that people wrote")
    checker: Any = build("hallucination", {"only": list(CLAIMS)})
    sets = {
        "gsm8k_train, question and answer": [
            f"{row['question']}\n{NOTE.sub('', row['answer'])}" for row in load(data, "gsm8k_train")
        ],
        "comments of Wikipedia's talk pages": pq.read_table(data / "toxicity" / "wiki_natural_20k.parquet")
        .column("text")
        .to_pylist(),
    }
    for name, texts in sets.items():
        found = checker.check(batch_of_texts(texts)).findings
        counts = Counter(rule.removeprefix("hallucination/") for rule in found["rule"].to_pylist())
        print(f"  {name}, {len(texts):,}: {dict(sorted(counts.items()))}")


def speed(data: Path) -> None:
    print("\nSpeed, one core, CPU seconds")
    rows, whole = _alpaca(data)
    checker = build("hallucination", {})
    checker.check(whole)  # type: ignore[union-attr]
    started = time.process_time()
    checker.check(whole)  # type: ignore[union-attr]
    rate = len(rows) / (time.process_time() - started)
    print(f"  artefacts, arithmetic, claims, structure on Alpaca: {rate:,.0f} rows/s")
    started = time.process_time()
    checker.map(whole)  # type: ignore[union-attr]
    print(f"  answers for agreement on Alpaca: {len(rows) / (time.process_time() - started):,.0f} rows/s")
    items = pairs(data)["qags_cnndm"]
    sources = [
        {"context": " ".join([source] * max(1, math.ceil(4000 / len(source)))), "response": said}
        for source, said, _ in items
    ]
    long = batch(sources)
    checker.check(batch(sources[:1]))  # type: ignore[union-attr]  # the model is read
    started = time.process_time()
    checker.check(long)  # type: ignore[union-attr]
    rate = len(items) / (time.process_time() - started)
    size = np.mean([len(row["context"]) for row in sources])
    print(f"  everything on pairs with sources of {size:,.0f} characters: {rate:,.0f} pairs/s")


TABLES = {
    "agreement": agreement,
    "arithmetic": arithmetic,
    "grounding": grounding,
    "rules": rules,
    "claims": claims,
    "speed": speed,
}

if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word not in TABLES]
    folder = Path(words[0]) if words else ROOT.parent / "shared" / "data"
    for table in [word for word in sys.argv[1:] if word in TABLES] or TABLES:
        TABLES[table](folder)
