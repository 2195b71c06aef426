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
