"""What the checker says of each document by itself: artefacts, equations, grounding, and what could not be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checker import Checked, Rule
from auditkit.checkers.hallucination.agreement import samples_of
from auditkit.checkers.hallucination.arithmetic import equations
from auditkit.checkers.hallucination.artefacts import ARTEFACTS, Check, Rows, artefacts, candidates
from auditkit.checkers.hallucination.chats import CHATS
from auditkit.checkers.hallucination.claims import CHECKS
from auditkit.checkers.hallucination.engines import Engine
from auditkit.checkers.hallucination.preflight import preflight
from auditkit.checkers.hallucination.selfcheck import selfcheck
from auditkit.checkers.hallucination.structure import STRUCTURE, style
from auditkit.documents import Batch, Text
from auditkit.findings import Found, detail, found_table, mask_span

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARITHMETIC, UNSUPPORTED = "hallucination/arithmetic", "hallucination/unsupported"
MAX_FOUND = 20  # findings of one rule in one text; the last one counts the rest
_MAY_CALCULATE = (
    r"[=≈]\s{0,3}[-−–$€£(\[\d.<\\*~]|[=≈] (?:about|approx|roughly|around|nearly|almost)"
    r"|\d ?[a-z]{1,11} (?:is|equals|is equal to) \d"
    r"|(?:[+*×÷/x]|times|plus|minus|by|of) ?[$€£]?[\d.,]+ (?:is|gives|makes|equals) "
)

BUILTIN: Mapping[str, Check] = {**ARTEFACTS, **CHECKS, **CHATS, **STRUCTURE}

Tallies = dict[tuple[str, str], tuple[int, int]]


def check(
    batch: Batch, rules: Sequence[Rule], checks: Mapping[str, Check], engine: Engine, *, threshold: float
) -> Checked:
    """Findings, scores and tallies of a batch; `checks` holds what rules without a pattern run."""
    rows = Rows(batch)
    active = {rule.id for rule in rules}
    found = artefacts(rows, rules, checks)
    tallies: Tallies = preflight(rows)
    found += [item for item in recheck(rows, len(batch), tallies) if item.rule in active]
    scores, ungrounded = ground(rows, engine, threshold, tallies)
    found += [item for item in ungrounded if item.rule in active]
    verbosity, filler = _style(rows)
    all_scores = {"unsupported": scores, "verbosity": verbosity, "filler": filler}
    all_scores["selfcheck"] = _selfcheck(batch, engine, tallies)
    return Checked(found_table(found), all_scores, _looked(batch), tallies)


def _style(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Verbosity and filler of each document with a response, NaN elsewhere."""
    verbosity, filler = np.full((2, len(rows.batch)), np.nan)
    for doc, texts in groupby(rows.batch.iter_texts("response"), key=lambda text: text.doc):
        place = np.searchsorted(rows.batch.docs, doc)
        verbosity[place], filler[place] = style([text.text for text in texts], rows.prompts.get(doc, ""))
    return verbosity, filler


def _selfcheck(batch: Batch, engine: Engine, tallies: Tallies) -> NDArray[np.float64]:
    """How inconsistent the samples of each document with a list of them are, NaN elsewhere."""
    scores = np.full(len(batch), np.nan)
    listed = batch.texts.column("field").unique().dictionary.to_pylist()
    if any(field.endswith("]") for field in listed):
        for doc, texts in groupby(batch.iter_texts(), key=lambda text: text.doc):
            samples = samples_of(list(texts))
            if samples:
                scores[np.searchsorted(batch.docs, doc)] = selfcheck(samples, engine)
    n_checked = int(np.isfinite(scores).sum())
    tallies["not_checkable", "selfcheck"] = (len(batch) - n_checked, len(batch))
    return scores


def _looked(batch: Batch) -> NDArray[np.bool_]:
    """Documents with a text of their own, not only a prompt."""
    looked = np.zeros(len(batch), np.bool_)
    own = np.isin(batch.texts.column("role").cast("string").to_numpy(zero_copy_only=False), ["text", "response"])
    looked[batch.owners[own]] = True
    return looked


def recheck(rows: Rows, n_docs: int, tallies: Tallies) -> list[Found]:
    """A finding per wrong equation; tallies: documents with equations, and wrong ones among all equations."""
    found: list[Found] = []
    n_equations = n_wrong = 0
    docs = set()
    for text in candidates(rows.column(("response", "text")), _MAY_CALCULATE):
        checked = equations(text.text)
        wrong = [equation for equation in checked if not equation.right]
        n_equations, n_wrong = n_equations + len(checked), n_wrong + len(wrong)
        if checked:
            docs.add(text.doc)
        for number, equation in enumerate(wrong[:MAX_FOUND], 1):
            more = len(wrong) - number if number == MAX_FOUND else 0
            found.append(_spanned(text, ARITHMETIC, equation.start, equation.end, score=1.0, more=more))
    tallies["arithmetic_checked", ""] = (len(docs), n_docs)
    tallies["arithmetic_wrong", ""] = (n_wrong, n_equations)
    return found


def _spanned(text: Text, rule: str, start: int, end: int, *, score: float, more: int = 0) -> Found:
    said = detail(more=more) if more else "{}"
    evidence = mask_span(text.text, start, end)
    return Found(text.doc, rule, text.field, start, end, score=score, evidence=evidence, detail=said)


def ground(rows: Rows, engine: Engine, threshold: float, tallies: Tallies) -> tuple[NDArray[np.float64], list[Found]]:
    """Score of every document with context and response (the worst of its responses), and its unsupported sentences."""
    batch = rows.batch
    scores = np.full(len(batch), np.nan)
    found: list[Found] = []
    for doc, texts in _grounded(rows):
        score, sentences = _against(engine, rows.contexts[doc], rows.prompts.get(doc, ""), texts, threshold)
        scores[np.searchsorted(batch.docs, doc)] = score
        found += sentences
    n_checked = int(np.isfinite(scores).sum())
    n_unsupported = len({item.doc for item in found})
    tallies["grounding_checked", ""] = (n_checked, len(batch))
    tallies["unsupported_share", ""] = (n_unsupported, n_checked)
    tallies["not_checkable", "grounding"] = (len(batch) - n_checked, len(batch))
    return scores, found


def _grounded(rows: Rows) -> Iterator[tuple[int, list[Text]]]:
    """Documents with a context that says something, and their responses."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = [doc for doc, context in rows.contexts.items() if context.strip()]
    if not known:
        return
    column = rows.column(("response",))
    mine = column.filter(pc.is_in(column.column("doc"), value_set=pa.array(known, pa.int64())))
    texts = map(Text, *(mine.column(name).to_pylist() for name in Text._fields))
    for doc, group in groupby(texts, key=lambda text: text.doc):
        yield doc, list(group)


def _against(
    engine: Engine, context: str, prompt: str, texts: Sequence[Text], threshold: float
) -> tuple[float, list[Found]]:
    weighed = [engine.weigh(context, prompt, text.text) for text in texts]
    found = [
        _spanned(text, UNSUPPORTED, sentence.start, sentence.end, score=sentence.score)
        for text, (_, sentences) in zip(texts, weighed, strict=True)
        for sentence in sentences
        if sentence.score >= threshold
    ]
    known = [score for score, _ in weighed if np.isfinite(score)]
    return max(known, default=np.nan), found
