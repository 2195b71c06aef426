"""A judge behind HTTP: a rubric as data, a strict answer, and the judge itself measured on planted cases.

Judges hallucinate too. So every run that uses one asks it about the cases of the rubric whose answers are known, once
as documents are asked and three times at a higher temperature, and prints how many it got right and how often it agreed
with itself beside its verdicts. An answer that does not have the asked form, or names sentences that do not exist, is
no verdict: the document counts as not looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from auditkit.checker import Rule
from auditkit.checkers.hallucination.grounding import sentence_spans
from auditkit.documents import Batch, Text
from auditkit.endpoint import Client, Endpoint, Estimate, Failure, Request, mistakes, total
from auditkit.errors import AuditkitError, suggestion
from auditkit.findings import Found, Metric, detail, mask_span, share
from auditkit.resources import resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULE = "hallucination/judge"
RUBRICS = ("groundedness", "factuality", "answer-quality")
KEPT_AS = "judge 1"
MAX_QUESTION = 100_000  # characters of a response; a longer one is not asked about, and not looked at
MAX_TOKENS = 200  # of {"score": ..., "sentences": [...]}
REPEATS = 3  # answers to one planted case that are compared with one another
WARM = (
    0.7  # their temperature, as in Manakul et al. 2023 and Wang et al. 2022; at 0 a judge nearly always repeats itself
)
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["score", "sentences"],
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "sentences": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
}


@dataclass(frozen=True)
class JudgeOptions:
    """`judge = {...}` of `[checkers.hallucination]`.

    rubric: one of RUBRICS, or the path of a file like those in rules/judges/. threshold: score from which a verdict is
    a finding, and a planted case counts as found. structured: ask the server to enforce the form of the answer. The
    others are those of endpoint.Endpoint (cache = a file; without it a run that is killed pays again).
    """

    url: str = ""
    model: str = ""
    rubric: str = "groundedness"
    threshold: float = 0.5
    structured: bool = True
    hosts: tuple[str, ...] = ()
    key_variable: str = ""
    cache: str = ""
    budget_tokens: int = 0
    per_second: float = 0.0
    concurrency: int = 4
    timeout_s: float = 60.0
    tries: int = 4

    def check(self) -> Iterable[tuple[str, str]]:
        """What cannot work."""
        for wrong in mistakes(self.url, self.hosts):
            yield "url", wrong
        if not self.model:
            yield "model", "the endpoint must know which model to ask"
        if not 0 < self.threshold <= 1:
            yield "threshold", f"expected more than 0 and at most 1, got {self.threshold}"
        if self.budget_tokens and not self.cache:
            yield "budget_tokens", "needs cache, the file in which all workers count"
        for name in ("concurrency", "tries", "timeout_s"):
            if getattr(self, name) <= 0:
                yield name, "expected more than 0"
        try:
            read_rubric(self.rubric)
        except (OSError, ValueError, KeyError) as error:
            yield "rubric", error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)


class Case(NamedTuple):
    """What is judged: a response, with what its writer was given."""

    prompt: str
    context: str
    response: str


class Verdict(NamedTuple):
    """score: 0..1, higher = worse. spans: the sentences of the response that are at fault, in code points."""

    score: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Rubric:
    """What a judge is asked. needs: roles a document must have. planted: (case, whether it is bad)."""

    name: str
    version: str
    summary: str
    why: str
    needs: tuple[str, ...]
    source: str
    instruction: str
    planted: tuple[tuple[Case, bool], ...]
    sha256: str

    def rule(self) -> Rule:
        """The rule under which verdicts are reported; its examples are the planted cases."""
        shown = [({k: v for k, v in zip(("prompt", "context", "response"), case, strict=True) if v}, bad)
                 for case, bad in self.planted]  # fmt: skip
        match, clean = (tuple((row,) for row, bad in shown if bad is wanted) for wanted in (True, False))
        return Rule(RULE, "medium", self.summary, self.why, match, clean, self.source)


@cache
def read_rubric(name: str) -> Rubric:
    """The rubric of this name or path; OSError or ValueError when there is none, or it lacks something."""
    import tomllib

    packaged = "/" not in name and not name.endswith(".toml")
    if packaged and name not in RUBRICS:
        raise ValueError(f"there is no rubric '{name}'{suggestion(name, RUBRICS)}")
    raw = (resource(f"rules/judges/{name}.toml") if packaged else Path(name)).read_bytes()
    table = tomllib.loads(raw.decode())
    cases = [
        (Case(*(str(row.get(key, "")) for key in Case._fields)), bool(row["bad"])) for row in table.pop("case", ())
    ]
    told = {key: str(table[key]) for key in ("name", "version", "summary", "why", "instruction")}
    if sum(bad for _, bad in cases) < 2 or sum(not bad for _, bad in cases) < 2:
        raise ValueError("a rubric has at least two bad and two good cases")
    needs = tuple(map(str, table.get("needs", ("response",))))
    return Rubric(
        **told, needs=needs, source=str(table.get("source", "")), planted=tuple(cases),
        sha256=hashlib.sha256(raw).hexdigest(),
    )  # fmt: skip


class Judged(NamedTuple):
    """Of a batch: findings; the worst score of each document, NaN = none; whom the judge failed to judge; tallies."""

    found: list[Found]
    scores: NDArray[np.float64]
    missing: NDArray[np.bool_]
    tallies: dict[tuple[str, str], tuple[int, int]]


class Judge:
    """Asks about cases under a rubric."""

    def __init__(self, options: JudgeOptions) -> None:
        self.options = options
        self.rubric = read_rubric(options.rubric)

    @cached_property
    def client(self) -> Client:
        """Made when it is first asked."""
        shared = set(Endpoint.__dataclass_fields__) & set(JudgeOptions.__dataclass_fields__)
        return Client(Endpoint(**{name: value for name, value in asdict(self.options).items() if name in shared}))

    def question(self, case: Case, *, seed: int | None = None, temperature: float = 0.0) -> Request:
        """The case as JSON, its sentences numbered."""
        spans = sentences(case.response)
        told = {"prompt": case.prompt, "source": case.context}
        shown: dict[str, object] = {name: text for name, text in told.items() if text}
        shown["response"] = {str(n): case.response[low:high] for n, (low, high) in enumerate(spans, 1)}
        return Request(
            orjson.dumps(shown).decode(),
            system=self.rubric.instruction.strip(),
            max_tokens=MAX_TOKENS,
            seed=seed,
            temperature=temperature,
            schema=SCHEMA if self.options.structured else None,
        )

    def verdicts(self, cases: Sequence[Case], **how: Any) -> list[Verdict | Failure]:
        """What the judge says of each case."""
        said = self.client.ask([self.question(case, **how) for case in cases], read=read_verdict, kept_as=KEPT_AS)
        return [
            answer if isinstance(answer, Failure) else _placed(case, *answer)
            for case, answer in zip(cases, said, strict=True)
        ]

    def cases(self, batch: Batch) -> Iterator[tuple[Text, Case]]:
        """The responses of the documents that have what the rubric needs; each with all prompts and contexts."""
        given: dict[tuple[int, str], list[str]] = {}
        for text in batch.iter_texts("prompt", "context"):
            given.setdefault((text.doc, text.role), []).append(text.text)
        for text in batch.iter_texts("response"):
            prompt, context = ("\n".join(given.get((text.doc, role), ())) for role in ("prompt", "context"))
            case = Case(prompt, context, text.text)
            has = {"prompt": prompt, "context": context, "response": text.text}
            if all(has[role].strip() for role in self.rubric.needs):
                yield text, case

    def metrics(self) -> list[Metric]:
        """How the judge does on the planted cases: recall, false alarms, agreement with itself, each with n/N."""
        cases = [case for case, _ in self.rubric.planted]
        bad = [wrong for _, wrong in self.rubric.planted]
        flagged = [self._flags(verdict) for verdict in self.verdicts(cases)]
        warm = [
            [self._flags(verdict) for verdict in self.verdicts(cases, seed=seed, temperature=WARM)]
            for seed in range(1, REPEATS + 1)
        ]
        pairs = [
            (left == right) for answers in zip(*warm, strict=True)
            for left, right in combinations([said for said in answers if said is not None], 2)
        ]  # fmt: skip
        known = [(said, wrong) for said, wrong in zip(flagged, bad, strict=True) if said is not None]
        found = [said for said, wrong in known if wrong]
        alarms = [said for said, wrong in known if not wrong]
        counts = {
            "planted_recall": (sum(found), len(found)),
            "planted_false_alarms": (sum(alarms), len(alarms)),
            "planted_answered": (len(known), len(bad)),
            "agreement_with_itself": (sum(pairs), len(pairs)),
        }
        asked = f"{self.options.model}, rubric {self.rubric.name} {self.rubric.version}"
        return [
            replace(share("hallucination", f"judge.{name}", *count), reference=asked) for name, count in counts.items()
        ]

    def estimate(self, batches: Iterable[Batch]) -> Estimate:
        """What these documents and the planted cases will take; nothing is asked."""
        planted = [case for case, _ in self.rubric.planted]
        warm = [self.question(case, seed=n, temperature=WARM) for n in range(1, REPEATS + 1) for case in planted]
        asked = [self.client.estimate([*map(self.question, planted), *warm], kept_as=KEPT_AS)]
        for batch in batches:
            cases = [case for _, case in self.cases(batch) if len(case.response) <= MAX_QUESTION]
            asked.append(self.client.estimate([self.question(case) for case in cases], kept_as=KEPT_AS))
        return total(asked)

    def judged(self, batch: Batch) -> Judged:
        """Verdicts on a batch; AuditkitError when the endpoint gave none at all, so that the gap has a reason."""
        asked = list(self.cases(batch))
        verdicts = self.verdicts([case for _, case in asked if len(case.response) <= MAX_QUESTION])
        answers = iter(verdicts)
        scores, missing = np.full(len(batch), np.nan), np.zeros(len(batch), np.bool_)
        found: list[Found] = []
        for text, case in asked:
            place = np.searchsorted(batch.docs, text.doc)
            said = next(answers) if len(case.response) <= MAX_QUESTION else Failure("too long")
            if isinstance(said, Failure):
                missing[place] = True
                continue
            scores[place] = np.fmax(scores[place], said.score)
            if said.score >= self.options.threshold:
                found += self._found(text, said)
        failures = [said.reason for said in verdicts if isinstance(said, Failure)]
        if failures and len(failures) == len(verdicts):
            raise AuditkitError(failures[0])
        scores[missing] = np.nan
        n_asked = len({text.doc for text, _ in asked})
        n_said = int(np.isfinite(scores).sum())
        tallies = {
            ("judge.answered", ""): (n_said, n_asked),
            ("judge.flagged", ""): (len({item.doc for item in found}), n_said),
            ("not_checkable", "judge"): (len(batch) - n_asked, len(batch)),
        }
        return Judged(found, scores, missing, tallies)

    def _found(self, text: Text, said: Verdict) -> Iterator[Found]:
        """A finding per sentence at fault; one for the whole response where the judge names none."""
        why = detail(judge=self.options.model, rubric=self.rubric.name)
        for start, end in said.spans or ((0, len(text.text)),):
            shown = mask_span(text.text, start, end)
            yield Found(text.doc, RULE, text.field, start, end, said.score, shown, why)

    def _flags(self, verdict: Verdict | Failure) -> bool | None:
        return None if isinstance(verdict, Failure) else verdict.score >= self.options.threshold


METRICS = tuple(
    f"judge.{name}"
    for name in (
        "answered",
        "flagged",
        "planted_recall",
        "planted_false_alarms",
        "planted_answered",
        "agreement_with_itself",
    )
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences stand that a judge is shown; the whole text where there is none."""
    return list(sentence_spans(text)) or [(0, len(text))]


def read_verdict(answer: Mapping[str, Any]) -> list[Any]:
    """[score, sentence numbers]; ValueError, KeyError or TypeError unless the answer is exactly of the asked form."""
    said = orjson.loads(answer["choices"][0]["message"]["content"])
    score, numbers = said["score"], said["sentences"]
    if set(said) != {"score", "sentences"} or isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError("another form")
    if not 0 <= score <= 1 or not all(type(number) is int and number >= 1 for number in numbers):
        raise ValueError("out of range")
    return [round(float(score), 4), sorted(set(numbers))]


def _placed(case: Case, score: float, numbers: Sequence[int]) -> Verdict | Failure:
    spans = sentences(case.response)
    if numbers and numbers[-1] > len(spans):
        return Failure("the judge names a sentence that the response does not have")
    return Verdict(score, tuple(spans[number - 1] for number in numbers))
