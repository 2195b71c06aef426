"""Options of `[checkers.hallucination]`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auditkit.checker import rule_pack
from auditkit.checkers.hallucination import facts
from auditkit.checkers.hallucination.judge import JudgeOptions
from auditkit.errors import suggestion

PREFIX = "hallucination/"


@dataclass(frozen=True)
class HallucinationOptions:
    """What a policy may say.

    min_agreement: rows whose answer has a smaller share of its group are findings. min_group: smallest group that can
    have findings. votes: "weighted" counts each row of a group with the exponential of its mean log-probability; groups
    where a row has none are then not judged. clusters: "meaning" also gives the entropy of the meanings in a group, by
    engine = "similarity"; same_meaning: the cosine from which two answers are one.
    unsupported_threshold: score of a sentence from which it is a finding. only: names of the only rules that speak
    (none named: all of them). disable: names of rules that stay silent. facts: lines `subject | relation | value`;
    facts_file: a CSV file with these three columns. judge: see judge.JudgeOptions. engine: what weighs a response
    against its source, see engines.py; all but "lexical" need model = a local folder.
    """

    min_agreement: float = 0.5
    min_group: int = 3
    votes: Literal["plain", "weighted"] = "plain"
    clusters: Literal["answers", "meaning"] = "answers"
    same_meaning: float = 0.85
    unsupported_threshold: float = 0.9
    only: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    facts_file: str = ""
    engine: Literal["lexical", "similarity", "nli", "tokens"] = "lexical"
    model: str = ""
    judge: JudgeOptions | None = None

    def check(self) -> Iterable[tuple[str, str]]:
        """What is wrong with the values."""
        for name in ("min_agreement", "unsupported_threshold", "same_meaning"):
            if not 0 <= getattr(self, name) <= 1:
                yield name, f"expected a share from 0 to 1, got {getattr(self, name)}"
        if self.min_group < 2:
            yield "min_group", "a group has at least 2 rows"
        if (self.engine == "lexical") == bool(self.model):
            yield "model", "names the local folder of engine similarity, nli or tokens; lexical has none"
        if self.clusters == "meaning" and self.engine != "similarity":
            yield "clusters", '"meaning" needs engine = "similarity" with the folder of a sentence encoder'
        yield from self._facts()
        yield from self._rules()

    def _facts(self) -> Iterator[tuple[str, str]]:
        try:
            facts.read_facts(self.facts, self.facts_file)
        except (OSError, ValueError) as error:
            reason = error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)
            yield ("facts_file" if self.facts_file else "facts"), reason

    def _rules(self) -> Iterator[tuple[str, str]]:
        known = {rule.id.removeprefix(PREFIX) for rule in rule_pack("hallucination")}
        for option, names in (("only", self.only), ("disable", self.disable)):
            for name in names:
                rule = name.removeprefix(PREFIX)
                if rule not in known:
                    yield option, f"there is no rule '{PREFIX}{rule}'{suggestion(rule, known)}"

    def files(self) -> dict[str, str]:
        """Every file that a result depends on -> its SHA-256: facts, a rubric of one's own, the files of a model."""
        named = [self.facts_file] if self.facts_file else []
        if self.judge is not None and Path(self.judge.rubric).is_file():
            named.append(self.judge.rubric)
        inside = sorted(Path(self.model).rglob("*")) if self.model else []
        paths = [*map(Path, named), *(path for path in inside if path.is_file())]
        return {str(path): _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
