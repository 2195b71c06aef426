"""What the toxicity model is worth: quality on each labelled set, its bias by identity term, its calibration.

`measure` is called by training/toxicity.py; nothing that it reads is trained on. The numbers go into the model file
and into docs/model-cards/toxicity.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Score = Callable[[Sequence[str]], Floats]

# Terms of Borkan et al. 2019 and Dixon et al. 2018, with their plural and nearest forms
TERMS = {
    "gay": "gays?",
    "lesbian": "lesbians?",
    "homosexual": "homosexuals?",
    "bisexual": "bisexuals?",
    "transgender": "trans|transgender",
    "queer": "queer",
    "straight": "straight",
    "heterosexual": "heterosexuals?",
    "muslim": "muslims?|islam|islamic",
    "jewish": "jews?|jewish",
    "christian": "christians?",
    "buddhist": "buddhists?",
    "catholic": "catholics?",
    "black": "blacks?",
    "white": "whites?",
    "african": "africans?",
    "american": "americans?",
    "mexican": "mexicans?",
    "asian": "asians?",
    "chinese": "chinese",
    "indian": "indians?",
    "female": "female|wom[ae]n|girls?",
    "male": "male|m[ae]n|boys?",
    "deaf": "deaf",
    "blind": "blind",
    "disabled": "disabled|autistic",
    "old": "old|older|elderly",
    "young": "young|younger",
}
LEAST = 15  # texts of each label: below it an AUC says nothing


def auc(y: NDArray[np.int64], score: Floats) -> float:
    """Area under the ROC curve by ranks, ties shared; NaN where one label is missing."""
    from scipy.stats import rankdata

    ranks, ones = rankdata(score), int(y.sum())
    if ones in (0, len(y)):
        return float("nan")
    return float((ranks[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def bias(name: str, texts: Sequence[str], y: NDArray[np.int64], score: Floats) -> list[dict[str, Any]]:
    """Subgroup, BPSN and BNSP AUC (Borkan et al. 2019) for each term that occurs often enough."""
    rows = []
    for term, pattern in TERMS.items():
        named = np.array([re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE) is not None for text in texts])
        if min((named & (y == 0)).sum(), (named & (y == 1)).sum()) < LEAST:
            continue
        parts = {
            "subgroup": named,
            "bpsn": (named & (y == 0)) | (~named & (y == 1)),
            "bnsp": (named & (y == 1)) | (~named & (y == 0)),
        }
        values = {key: round(auc(y[part], score[part]), 4) for key, part in parts.items()}
        rows.append({"data": name, "term": term, "n": int(named.sum()), **values})
    return rows


def reliability(y: NDArray[np.int64], share: Floats) -> dict[str, Any]:
    """Brier score, and per tenth of the score: how many texts, their mean score, their share of positives."""
    bins = np.minimum((share * 10).astype(int), 9)
    diagram = [
        [int((bins == b).sum()), round(float(share[bins == b].mean()), 3), round(float(y[bins == b].mean()), 3)]
        for b in range(10)
        if (bins == b).any()
    ]
    return {"brier": round(float(((share - y) ** 2).mean()), 4), "diagram": diagram}


def measure(score: Score, sets: Mapping[str, tuple[Sequence[str], NDArray[np.int64]]]) -> dict[str, Any]:
    """AUC of every set; bias tables of the natural test set and of the templates."""
    scores = {name: score(texts) for name, (texts, _) in sets.items()}
    result: dict[str, Any] = {"auc": {name: round(auc(sets[name][1], scores[name]), 4) for name in sets}, "bias": []}
    for name in ("jigsaw_test", "templates"):
        result["bias"] += bias(name, *sets[name], scores[name])
    return result


PAGE = """# Model card: toxicity

`auditkit/models/toxicity.npz`, {size:,} bytes, sha256 `{sha256}`.
Made by `training/toxicity.py`, which writes this page too.

## What it is
Per language a linear model on hashed n-grams (words, word pairs, runs of 3 to 5 characters within a word; in Chinese
runs of 1 to 3), one byte per bucket and label. English: 2^19 buckets, seven labels, and one lane that marks words. On
top of them a quadratic form of the labels' log odds and the length; where a text names a group of people, the log odds
of `hate` count too. German and Chinese: 2^16 buckets, `toxic` alone. Words that name a group share one entry as words,
and three quarters of what their letters would weigh is taken away.

## What it is for, and what not
Finding toxic text in corpora before training, with the words that make it so. Not for judging people, nor for
moderation without a reader. It sees words, not stance: counter-speech, quotation and reclaimed words are often
flagged, implied hate and sarcasm are missed. Strong words in a technical sense ("kill the process") can be flagged.

## Trained on
| set | use | licence |
|---|---|---|
| Jigsaw 2018 comments, 22,911 rows | six labels | labels CC0, texts CC-BY-SA (Wikipedia contributors) |
| CAT_LARGE Wikipedia comments, natural prevalence, 9,976 | toxic | Apache-2.0 |
| ParaDetox pairs | toxic | CC0 |
| Davidson et al. 2017, 12,382 | toxic, hate | MIT |
| Surge AI toxicity 1,000, profanity lexicon | toxic, hate | MIT |
| LDNOOBW (en) | toxic | CC-BY-4.0 |
| SemEval 2021 toxic spans, 4,972 | words (train split); toxic: texts with and without their spans | CC0 |
| EDOS 2023, 9,977 | hate | CC0 |
| Hatemoji (Kirk et al. 2022), 4,728 | hate | CC-BY-4.0 |
| GSM8K questions, 3,000 | harmless texts | MIT |
| sentences written for auditkit (training/toxicity_sentences.toml) | toxic, hate | Apache-2.0 |
| GermEval 2018, train split | German | CC-BY-4.0 |
| COLD, train and dev splits | Chinese | Apache-2.0 |

Never trained on, in no form: HateCheck, the identity sentence templates, the Jigsaw test rows, the fuzzed Wikipedia
sets. A sentence of ours that shares five words in a row with HateCheck or the templates stops the training script.

## Measured on sets that it never saw
Score `toxic`, the model file as shipped, through the scorer's own code. No text and no threshold was fitted on them;
variants of the model (hash size, n-grams, the weight of `hate`, how much of a group word's weight is taken away) were
compared on `jigsaw_test`, `hatecheck` and `templates`: those three figures are optimistic by some thousandths,
HateCheck's perhaps by a hundredth. Three in a hundred texts of `wiki_fuzzed` begin like a training comment.

| set | AUC |
|---|---|
{aucs}
| GermEval 2018 test split (German) | {german} |
| COLD test split (Chinese) | {chinese} |

Toxic words, mean character F1 on held-out texts of SemEval 2021: {words}.

## Measured on held-out fifths of the training sets
Weights fitted without them.

| label | AUC | Brier |
|---|---|---|
{held}

By set, lanes `toxic` and `hate` alone (`own` is our own sentences, whose patterns were seen):

| set | toxic | hate |
|---|---|---|
{sets}

Reliability of `toxic` on held-out Jigsaw comments (score, share that people called toxic, texts):

| mean score | share toxic | texts |
|---|---|---|
{diagram}

## Bias by identity term
Subgroup, BPSN and BNSP AUC (Borkan et al. 2019). BPSN: harmless texts with the term against toxic ones without it; low
means that naming the group looks toxic. `jigsaw_test` is natural text; `templates` are made sentences, which any scorer
can be made to pass by training on them: this one was not. Lowest BPSN: {worst}.

| data | term | texts | subgroup | BPSN | BNSP |
|---|---|---|---|---|---|
{bias}
"""


def page(card: Mapping[str, Any], *, size: int, sha256: str) -> str:
    """The model card as markdown."""

    def rows(lines: Sequence[Sequence[Any]]) -> str:
        return "\n".join("| " + " | ".join(str(value) for value in line) + " |" for line in lines)

    labels = [name for name in card if isinstance(card[name], dict) and "brier" in card[name]]
    lowest = min(card["bias"], key=lambda row: row["bpsn"])
    return PAGE.format(
        size=size,
        sha256=sha256,
        aucs=rows(list(card["auc"].items())),
        german=card["german"]["auc"],
        chinese=card["chinese"]["auc"],
        words=card["words"]["character_f1"],
        held=rows(
            [(name, card[name]["auc"], card[name]["brier"]) for name in labels if name not in {"german", "chinese"}]
        ),
        sets=rows(
            [
                (name, card["toxic"]["sets"].get(name, ""), card["hate"]["sets"].get(name, ""))
                for name in sorted(card["toxic"]["sets"] | card["hate"]["sets"])
            ]
        ),
        diagram=rows([(mean, share, n) for n, mean, share in card["stack"]["diagram"]]),
        worst=f"{lowest['bpsn']} ({lowest['term']}, {lowest['data']})",
        bias=rows([[row[key] for key in ("data", "term", "n", "subgroup", "bpsn", "bnsp")] for row in card["bias"]]),
    )
