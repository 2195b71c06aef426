"""Agreement of the answers to one prompt: the state is hashes and numbers, 51 bytes a document.

A group is named by the record; else it is all rows with exactly the same prompt and context; a row with a list of
sampled answers is a group of its own. Open-ended prompts and answers about what a person is are refused: the majority
answer there is the stereotype, and keeping it would amplify it (Huang et al. 2022, arXiv 2210.11610, keep majority
answers only where there is a right one). Where each row of a group carries the mean log-probability of its tokens,
votes are also weighed with its exponential (Wang et al. 2022, arXiv 2203.11171, table 1, "weighted sum, normalized").
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checker import State
from auditkit.checkers.hallucination.answers import ASKS_NUMBER, final_answer
from auditkit.checkers.hallucination.engines import Similarity
from auditkit.checkers.hallucination.meaning import entropy, of_groups, spread, vectors
from auditkit.checkers.hallucination.words import PERSONS
from auditkit.documents import Batch, Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_ANSWER = np.uint64(0)
NONE = -1.0  # a share that is not known; NaN would not equal itself in a stored state
NAMED, SAME_PROMPT, SAMPLED = 0, 1, 2
UNKNOWN = -1
LABELS = {"true": 1, "correct": 1, "right": 1, "false": 0, "incorrect": 0, "wrong": 0}
"""What a label says of an answer; other labels say nothing of it."""
STATE_COLUMNS: Mapping[str, Any] = {
    "doc": np.int64, "group": np.uint64, "answer": np.uint64, "kind": np.uint8, "open": np.bool_, "share": np.float64,
    "entropy": np.float64, "label": np.int8, "weight": np.float64,
}  # fmt: skip
BYTES_PER_DOC: int = sum(np.dtype(kind).itemsize for kind in STATE_COLUMNS.values())

_OPEN_ENDED = re.compile(
    r"""^\W*(?:please\s+|can\syou\s+|could\syou\s+)?
    (?:write|describe|compose|create|generate|imagine|brainstorm|suggest|design|tell\sme\s(?:a|about)|come\sup\swith
      |invent|develop|draft|discuss|explain|summari[sz]e|paraphrase|rewrite|rephrase|list|make\sup|produce|propose
      |provide|outline|give\s(?:me\s)?(?:an?|some|\w+)\s(?:example|idea|tip|reason))\b
  | \b(?:your\sopinion|do\syou\sthink|a\stypical|random|favou?rite|for\sexample)\b
  | ^\W*name\s(?:an?|one|any|some|two|three|four|five|ten|\d{1,3})\b
  | ^\W*(?:hi|hello|hey|thanks|thank\syou|ok|okay|good\s(?:morning|evening))\b[^?]{0,30}$
  | \b(?:write|tell|compose|create|generate|make\sup)\b[^.?!\n]{0,40}
    \b(?:poem|story|essay|haiku|slogan|joke|tweet|song)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_PERSONS = re.compile(
    r"""\b(?:nationality|gender|ethnicity|race|religion|skin\scolou?r)\sof\s(?:the|a|an|this|that)\b
  | \b(?:nurse|doctor|engineer|secretary|ceo|teacher|housekeeper|programmer|scientist|lawyer|driver|cleaner|soldier)\b
    [^.?]{0,60}(?:_{2,}|\bpronoun\b)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Agreed:
    """One row per document with a named group or a prompt that others share, in order of the documents.

    shares: share of the group's rows with the same final answer, NaN where refused. weighted: the same with votes
    weighed by probability, NaN also where a row of the group has none. judged: the group has min_group rows and was not
    refused. labels: 1 right, 0 wrong, UNKNOWN. entropy: mean over groups of the entropy in bits of their answers, equal
    answers taken as one.
    """

    docs: NDArray[np.int64]
    shares: NDArray[np.float64]
    weighted: NDArray[np.float64]
    judged: NDArray[np.bool_]
    labels: NDArray[np.int8]
    n_groups: int
    n_refused: int
    n_without_answer: int
    entropy: float | None


def hashed(text: str) -> int:
    """A stable 64-bit hash, never 0."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def empty_state() -> State:
    """The identity of merge."""
    return {name: np.zeros(0, kind) for name, kind in STATE_COLUMNS.items()}


def merged(left: State, right: State) -> State:
    """Both states, left first."""
    return {name: np.concatenate([left[name], right[name]]) for name in left}


def state_of(batch: Batch) -> State:
    """One row per document that has a response: hash of its group and of its final answer."""
    docs = batch.docs.tolist()
    names = dict(zip(docs, batch.records.column("group").to_pylist(), strict=True))
    labels = dict(zip(docs, batch.records.column("label").to_pylist(), strict=True))
    weights = dict(zip(docs, map(_weight, batch.records.column("logprob").to_pylist()), strict=True))
    rows = [
        (*row, LABELS.get((labels[doc] or "").lower(), UNKNOWN), weights[doc])
        for doc, texts in groupby(batch.iter_texts(), key=lambda text: text.doc)
        if (row := _row(doc, names[doc], list(texts))) is not None
    ]
    if not rows:
        return empty_state()
    columns = zip(*rows, strict=True)
    return {
        name: np.array(list(values), kind) for (name, kind), values in zip(STATE_COLUMNS.items(), columns, strict=True)
    }


def answers_of(batch: Batch, state: State) -> list[str]:
    """What each row of the state answers: its last response, or its last text where it has none."""
    last: dict[int, dict[str, str]] = {}
    for text in batch.iter_texts("response", "text"):
        last.setdefault(text.doc, {})[text.role] = text.text
    return [last[doc].get("response", last[doc].get("text", "")) for doc in state["doc"].tolist()]


def spread_of_lists(batch: Batch, state: State, encoder: Similarity, same: float) -> NDArray[np.float64]:
    """Entropy of the meanings of each row that is a list of samples, as 0..1; NONE for other rows."""
    listed = set(state["doc"][state["kind"] == SAMPLED].tolist())
    found = {
        doc: spread(vectors(encoder, samples_of(list(texts))), same)
        for doc, texts in groupby(batch.iter_texts(), key=lambda text: text.doc)
        if doc in listed
    }
    return np.array([found.get(doc, NONE) for doc in state["doc"].tolist()], np.float64)


def spread_of(state: State, same: float) -> tuple[NDArray[np.int64], NDArray[np.float64], float | None, int]:
    """(documents, entropy of the meanings in their groups as 0..1, its mean over groups, number of groups)."""
    rows = np.flatnonzero(state["kind"] != SAMPLED)
    rows = rows[np.argsort(state["doc"][rows], kind="stable")]
    groups = state["group"][rows]
    spreads = of_groups(groups, state["meaning"][rows], same)
    grouped = np.isfinite(spreads)
    _, first = np.unique(groups[grouped], return_index=True)
    lists = np.flatnonzero(state["spread"] >= 0)
    of_each = np.concatenate([spreads[grouped][first], state["spread"][lists]])
    docs = np.concatenate([state["doc"][rows][grouped], state["doc"][lists]])
    order = np.argsort(docs, kind="stable")
    values = np.concatenate([spreads[grouped], state["spread"][lists]])[order]
    mean = round(float(np.sort(of_each).mean()), 6) if len(of_each) else None
    return docs[order], values, mean, len(of_each)


def _weight(logprob: str | None) -> float:
    """The weight of a vote; NONE without a mean log-probability, or with what cannot be one."""
    try:
        value = float(logprob or "nan")
    except ValueError:
        return NONE
    return math.exp(value) if value <= 0 else NONE


def _row(doc: int, group: str | None, texts: Sequence[Text]) -> tuple[int, int, int, int, bool, float, float] | None:
    prompts = [text.text for text in texts if text.role == "prompt"]
    answering = "response" if any(text.role == "response" for text in texts) or group is None else "text"
    responses = [text for text in texts if text.role == answering]
    if not responses or (not prompts and group is None and len(responses) == 1):
        return None
    prompt = "\n".join(prompts)
    samples = samples_of(texts)
    if samples:
        answers = [final_answer(sample, prompt) for sample in samples]
        is_open = _is_open(prompt, answers)
        return doc, hashed(f"doc {doc}"), 0, SAMPLED, is_open, _majority(answers), entropy(answers)
    answer = final_answer(responses[-1].text, prompt)
    is_open = _is_open(prompt, [answer])
    named = group is not None
    given = "\n".join(text.text for text in texts if text.role == "context")
    name = f"group {group}" if named else f"prompt {prompt}\ncontext {given}"
    return doc, hashed(name), hashed(answer) if answer else 0, NAMED if named else SAME_PROMPT, is_open, NONE, NONE


def samples_of(texts: Sequence[Text]) -> list[str]:
    """The responses of one list (`samples[0]`, `samples[1]`); the turns of a chat share their list with prompts.

    Parts of one message (`messages[1].content[0].text`) lie in a list inside a list: they are one answer, not several.
    """
    lists = [(text.role, _list_of(text.field), text.text) for text in texts]
    asked = {name for role, name, _ in lists if role == "prompt" and name}
    found = [(name, text) for role, name, text in lists if role == "response" and name and name not in asked]
    return [text for name, text in found if name == found[0][0]] if len(found) > 1 else []


def _list_of(field: str) -> str:
    """The list in which a text is an element, or a field of one; "" for none or several."""
    return field.partition("[")[0] if field.count("[") == 1 else ""


def _is_open(prompt: str, answers: Sequence[str]) -> bool:
    """Whether a vote would be about taste or about a person; a prompt that asks for a number is neither."""
    asks_number = bool(prompt) and ASKS_NUMBER.search(prompt[-2000:]) is not None
    return bool(
        (prompt and not asks_number and (_OPEN_ENDED.search(prompt[:2000]) or _ABOUT_PERSONS.search(prompt[:2000])))
        or any(answer in PERSONS for answer in answers)
    )


def _majority(answers: Sequence[str]) -> float:
    """Share of the samples that give the most frequent answer; NONE when no sample gives any."""
    counts = {answer: answers.count(answer) for answer in dict.fromkeys(answers) if answer}
    return max(counts.values()) / len(answers) if counts else NONE


def agreed(state: State, *, min_group: int = 3) -> Agreed:
    """The shares of all groups. O(n log n); independent of the order of the rows."""
    sampled = state["kind"] == SAMPLED
    order = np.lexsort((state["doc"][~sampled], state["answer"][~sampled], state["group"][~sampled]))
    doc, group, answer, kind, is_open, label, weight = (
        state[name][~sampled][order] for name in ("doc", "group", "answer", "kind", "open", "label", "weight")
    )
    first = _firsts(group)
    of_group = np.cumsum(first) - 1
    size = np.bincount(of_group, minlength=0) if len(group) else np.zeros(0, np.int64)
    new_answer = first | _firsts(answer)
    of_answer = np.cumsum(new_answer) - 1
    same = np.bincount(of_answer)[of_answer] if len(group) else np.zeros(0, np.int64)
    share = np.where(answer == NO_ANSWER, 0.0, same / np.maximum(size[of_group], 1))
    any_open, any_answer = _any(of_group, is_open, size), _any(of_group, answer != NO_ANSWER, size)
    counted = (size[of_group] > 1) | (kind == NAMED)
    refused = counted & (any_open | ~any_answer)
    share = np.where(refused, np.nan, share)
    unknown = state["open"][sampled] | (state["share"][sampled] < 0)
    own = np.where(unknown, np.nan, state["share"][sampled])
    weights, known = _weighted(of_group, of_answer, weight, size)
    weights = np.where(refused | ~known, np.nan, np.where(answer == NO_ANSWER, 0.0, weights))
    docs = np.concatenate([doc[counted], state["doc"][sampled]])
    weighted = np.concatenate([weights[counted], np.full(int(sampled.sum()), np.nan)])
    shares = np.concatenate([share[counted], own])
    judged = np.concatenate([size[of_group][counted] >= min_group, np.ones(int(sampled.sum()), np.bool_)])
    labels = np.concatenate([label[counted], state["label"][sampled]])
    by_doc = np.argsort(docs, kind="stable")
    usable = counted & ~refused
    return Agreed(
        docs[by_doc],
        shares[by_doc],
        weighted[by_doc],
        judged[by_doc] & np.isfinite(shares[by_doc]),
        labels[by_doc],
        n_groups=int((first & usable).sum() + np.isfinite(own).sum()),
        n_refused=int(refused.sum() + np.isnan(own).sum()),
        n_without_answer=int((usable & (answer == NO_ANSWER)).sum()),
        entropy=_mean_entropy(of_group[usable], of_answer[usable], state["entropy"][sampled][np.isfinite(own)]),
    )


def _firsts(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a run of equal values begins."""
    return np.concatenate([np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1]])


def _any(of_group: NDArray[np.int64], flags: NDArray[np.bool_], size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each row whether any row of its group has the flag."""
    if not len(of_group):
        return np.zeros(0, np.bool_)
    return (np.bincount(of_group, weights=flags, minlength=len(size)) > 0)[of_group]


def _weighted(
    of_group: NDArray[np.int64], of_answer: NDArray[np.int64], weight: NDArray[np.float64], size: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(share of each row's answer in the weights of its group, whether all rows of the group have a weight)."""
    if not len(of_group):
        return np.zeros(0), np.zeros(0, np.bool_)
    known = ~_any(of_group, weight < 0, size)
    mine = np.bincount(of_answer, weights=weight)[of_answer]
    whole = np.bincount(of_group, weights=weight, minlength=len(size))[of_group]
    known &= whole > 0
    return np.round(mine / np.where(known, whole, 1.0), 6), known


def _mean_entropy(
    of_group: NDArray[np.int64], of_answer: NDArray[np.int64], of_lists: NDArray[np.float64]
) -> float | None:
    """Mean over groups and lists of samples of the entropy (bits) of their answers, equal answers taken as one."""
    if not len(of_group) and not len(of_lists):
        return None
    _, answer_at, n_answer = np.unique(of_answer, return_index=True, return_counts=True)
    groups, n_group = np.unique(of_group, return_counts=True)
    share = n_answer / n_group[np.searchsorted(groups, of_group[answer_at])]
    total = float(-(share * np.log2(share)).sum()) + float(of_lists.sum())
    return round(total / (len(groups) + len(of_lists)) + 0.0, 6)
