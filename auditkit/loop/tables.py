"""The tables of loop.toml, as dataclasses; their docstrings are the manual of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from auditkit.errors import suggestion

FORMATS = ("question", "step_by_step", "few_shot_cot", "few_shot_direct")
LOOP_METRICS = {
    "samples": ("tail_share", "tail_covered", "new_words_share", "word_entropy", "distinct_words", "distinct_pairs"),
    "kept": (
        "tail_share", "tail_covered", "new_words_share", "word_entropy", "distinct_words", "distinct_pairs",
        "rows_before_recovery", "prompts_before_recovery", "rows_after_recovery", "prompts_after_recovery",
    ),
    "probe": ("accuracy", "sample_accuracy", "agreement_precision", "agreement_recall"),
}  # fmt: skip
"""What a round measures besides its audits, by stage: the numbers of the checker `loop`."""
REPAIRS = ("redact", "trim", "vote", "resample")


@dataclass(frozen=True)
class Reference:
    """`[reference]`: the real data. files: what round 0 is made of. fields: where its texts are, as in a policy.

    evaluation: benchmark files whose items no row may contain.
    probe: JSON lines {prompt, answer}, asked in every round and never trained on: agreement is right how often?
    """

    files: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    evaluation: tuple[str, ...] = ()
    probe: str = ""

    def check(self) -> Iterable[tuple[str, str]]:
        """A loop without real data has nothing to be held against."""
        if not self.files:
            yield "files", "name at least one file of real data"


@dataclass(frozen=True)
class Prompts:
    """`[prompts]`: what is asked in a round.

    files: JSON lines with a prompt, perhaps an id and an answer. per_round: of these, chosen anew each round; 0 = all.
    attributed: prompts made from `template` and attribute files: folder `attributes` with NAME.txt, one value a line,
    and CLASS/NAME.txt for values of one class; `classes`. quota_share: of the attributed prompts, those that fill the
    quotas which the skew of the round before asks for. invented: prompts that the generator writes itself.
    novelty: an invented prompt with ROUGE-L at or above this to an earlier one is left out.
    """

    files: tuple[str, ...] = ()
    per_round: int = 0
    attributed: int = 0
    attributes: str = ""
    classes: tuple[str, ...] = ()
    template: str = ""
    quota_share: float = 0.0
    invented: int = 0
    novelty: float = 0.7  # Self-Instruct (Wang et al. 2022, arXiv 2212.10560), section 2.2

    def check(self) -> Iterable[tuple[str, str]]:
        """Prompts that come from nowhere, shares that are none."""
        if not self.files and not self.attributed and not self.invented:
            yield "files", "name files with prompts, or set attributed or invented"
        if self.attributed and not self.template:
            yield "template", 'attributed prompts need one, for example template = "Write a {length} {class} text."'
        for name in ("quota_share", "novelty"):
            if not 0 <= getattr(self, name) <= 1:
                yield name, f"expected a share from 0 to 1, got {getattr(self, name)}"
        for name in ("per_round", "attributed", "invented"):
            if getattr(self, name) < 0:
                yield name, "expected 0 or more"


@dataclass(frozen=True)
class Sampling:
    """`[sampling]`: n answers per prompt at this temperature.

    instruction: goes before each prompt ("Think step by step."). max_unanswered: share of prompts that may stay without
    all their answers. formats: the shapes in which the agreeing paths are written for training, in turn.
    """

    n: int = 8
    temperature: float = 0.7  # LMSI section 4: T = 0.7, 32 paths
    instruction: str = ""
    max_unanswered: float = 0.0
    formats: tuple[str, ...] = ("question",)

    def check(self) -> Iterable[tuple[str, str]]:
        """Numbers and names that make no sense."""
        if self.n < 1:
            yield "n", "expected 1 or more"
        if self.temperature < 0:
            yield "temperature", "expected 0 or more"
        if not 0 <= self.max_unanswered <= 1:
            yield "max_unanswered", f"expected a share from 0 to 1, got {self.max_unanswered}"
        if not self.formats:
            yield "formats", f"expected at least one of {', '.join(FORMATS)}"
        yield from _unknown("formats", self.formats, FORMATS)


@dataclass(frozen=True)
class GeneratorTable:
    """`[generator]`: who answers. kind: endpoint (url, model ...), transformers (model: a folder), callable (call).

    model: may hold {round}, the number of the round that is sampled. call: "module:function". The rest as for any
    endpoint; prices per million tokens.
    """

    kind: Literal["endpoint", "transformers", "callable"] = "endpoint"
    model: str = ""
    call: str = ""
    url: str = ""
    api: Literal["chat", "completions"] = "chat"
    hosts: tuple[str, ...] = ()
    key_variable: str = ""
    max_tokens: int = 512
    logprobs: bool = False
    timeout_s: float = 60.0
    tries: int = 4
    backoff_s: float = 0.5
    concurrency: int = 4
    per_second: float = 0.0
    budget_tokens: int = 0
    price_in: float = 0.0
    price_out: float = 0.0

    def check(self) -> Iterable[tuple[str, str]]:
        """What the kind needs."""
        needs = {"endpoint": ("url", "model"), "transformers": ("model",), "callable": ("call",)}[self.kind]
        for name in needs:
            if not getattr(self, name):
                yield name, f'kind = "{self.kind}" needs {name}'
        if self.call and ":" not in self.call:
            yield "call", f'expected "module:function", got {self.call!r}'


@dataclass(frozen=True)
class JudgeTable:
    """`[judge]`: a model that says which of two answers is better; only what beats the reference answer is kept.

    Each pair is shown in both orders and must win both: judges prefer a place (Zheng et al. 2023, arXiv 2306.05685).
    against: reference (the prompt's own answer, else none) | last (what the round before kept for the same prompt).
    """

    url: str = ""
    model: str = ""
    against: Literal["reference", "last"] = "last"
    hosts: tuple[str, ...] = ()
    key_variable: str = ""
    timeout_s: float = 60.0
    tries: int = 4
    backoff_s: float = 0.5
    concurrency: int = 4
    per_second: float = 0.0
    budget_tokens: int = 0


@dataclass(frozen=True)
class TrainerTable:
    """`[trainer]`: who learns. kind: export (files and configs are written, you train), callable, transformers.

    call: "module:function". model: what transformers fine-tunes first; later rounds go on from the last one.
    """

    kind: Literal["export", "callable", "transformers"] = "export"
    call: str = ""
    model: str = ""
    epochs: int = 1
    batch_size: int = 8
    learning_rate: float = 5e-5
    max_length: int = 512
    fresh: bool = True  # each round from the first model: ReST-EM (Singh et al. 2023, arXiv 2312.06585) drifts less so

    def check(self) -> Iterable[tuple[str, str]]:
        """What the kind needs."""
        needs = {"export": "", "callable": "call", "transformers": "model"}[self.kind]
        if needs and not getattr(self, needs):
            yield needs, f'kind = "{self.kind}" needs {needs}'
        if self.call and ":" not in self.call:
            yield "call", f'expected "module:function", got {self.call!r}'
        if self.epochs < 1 or self.batch_size < 1:
            yield "epochs", "expected 1 or more epochs and rows per batch"


@dataclass(frozen=True)
class RecoveryTable:
    """`[recovery]`: what is tried on rejected rows, in this order. tries: new samples per prompt that lost all rows."""

    repairs: tuple[str, ...] = ("redact", "trim", "vote", "resample")
    tries: int = 1

    def check(self) -> Iterable[tuple[str, str]]:
        """Unknown repairs."""
        yield from _unknown("repairs", self.repairs, REPAIRS)
        if self.tries < 0:
            yield "tries", "expected 0 or more"


@dataclass(frozen=True)
class TailTable:
    """`[tail]`: weights: how rows are weighed in the training files so that the rare stays. share: what counts as tail.

    bands: each band of rarity gets its share of the reference; ratio: by each row's own words; none.
    """

    weights: Literal["bands", "ratio", "none"] = "bands"
    share: float = 0.2

    def check(self) -> Iterable[tuple[str, str]]:
        """A share that is none."""
        if not 0 < self.share < 1:
            yield "share", f"expected a share between 0 and 1, got {self.share}"


@dataclass(frozen=True)
class Drift:
    """`[[drift]]`: how far a metric may move from the round before, and from round 0: the same bound for both.

    So many small steps pass no more than one big step would. worse: the direction that counts; away = both.
    slice: "*" = each slice. It fails when the interval of the difference lies beyond the tolerance.
    """

    metric: str
    tolerance: float
    worse: Literal["up", "down", "away"] = "up"
    slice: str = ""
    on_undecided: Literal["warn", "fail", "pass"] = "warn"

    def check(self) -> Iterable[tuple[str, str]]:
        """A tolerance below nothing."""
        if self.tolerance < 0:
            yield "tolerance", f"expected 0 or more, got {self.tolerance}"


def _unknown(option: str, names: Iterable[str], known: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        if name not in known:
            yield option, f"there is no '{name}'{suggestion(name, known)}"
