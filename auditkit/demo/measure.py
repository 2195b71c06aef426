"""What an audit found of the planted faults: recall and false alarms per kind, and the faults of the whole corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditkit.findings import Metric, wilson
from auditkit.report_data import Report

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Kind:
    """A kind of planted fault. rules: beginnings of the rules that find it; floor: the recall that must be reached.

    most: share of the clean rows that may have such a finding; with more of them nobody reads the findings.
    """

    name: str
    rules: tuple[str, ...]
    floor: float
    most: float = 0.01


# A value with check digits or one exact form must be found nearly always. What is judged by words has a lower floor:
# what this version reaches, with a margin of about ten points. The rules for broken answers were improved after reading
# what they had missed on such rows, so other text will show a lower recall.
KINDS = (
    Kind("pii/email", ("pii/email",), 0.95),
    Kind("pii/phone", ("pii/phone",), 0.90),
    Kind("pii/card", ("pii/credit-card",), 0.95),
    Kind("pii/iban", ("pii/iban",), 0.95),
    Kind("pii/ssn", ("pii/ssn",), 0.90),
    Kind("pii/ip", ("pii/ip",), 0.95),
    Kind("pii/credential", ("pii/secret",), 0.95),
    Kind("toxicity/insult", ("toxicity/",), 0.80),
    Kind("toxicity/threat", ("toxicity/",), 0.35),
    Kind("copies/exact", ("near_duplicates/exact-copy",), 1.0),
    Kind("copies/near", ("near_duplicates/near-copy",), 0.95),
    Kind("hallucination/wrong-sum", ("hallucination/arithmetic",), 0.95),
    Kind("hallucination/contradiction", ("hallucination/unsupported",), 0.80),
    Kind("hallucination/disagreement", ("hallucination/no-agreement",), 0.95),
    Kind("hallucination/refusal", ("hallucination/refusal",), 0.90),
    Kind("hallucination/placeholder", ("hallucination/placeholder",), 0.90),
    Kind("hallucination/truncation", ("hallucination/truncated",), 0.55),
    Kind("hallucination/loop", ("hallucination/repetition",), 0.80),
    Kind("hallucination/echo", ("hallucination/echo",), 0.90),
    Kind("hallucination/empty", ("hallucination/empty",), 0.95),
    Kind("unreadable", (UNREADABLE,), 1.0),
)
ANY = Kind("any of them", tuple(rule for kind in KINDS for rule in kind.rules), 0.90)


@dataclass(frozen=True)
class Score:
    """How one kind came out: rows planted, rows of them found, clean rows that look like it, clean rows in all."""

    kind: Kind
    planted: int
    found: int
    false_alarms: int
    n_clean: int

    @property
    def recall(self) -> float:
        """Found of planted."""
        return self.found / self.planted if self.planted else 0.0

    def problem(self) -> str:
        """What is wrong with it, or ""."""
        if wilson(self.found, self.planted)[1] < self.kind.floor:  # a few planted may lose one by chance
            return f"{self.kind.name}: {self.found} of {self.planted} found, expected at least {self.kind.floor:.0%}"
        if self.false_alarms > self.kind.most * self.n_clean:
            return f"{self.kind.name}: {self.false_alarms} of {self.n_clean} clean rows have such a finding"
        return ""


def scores(report: Report, run: Path, planted: Path) -> list[Score]:
    """One score per kind, in the order of KINDS; the last is of any finding on any row with a fault of these kinds."""
    labels = [json.loads(line) for line in planted.read_text(encoding="utf-8").splitlines()]
    faulty = {label["row"] for label in labels if label["row"] is not None}
    n_clean = report.counts["rows_in"] - len(faulty)
    found = _found(report, run)
    all_scores = []
    for kind in (*KINDS, ANY):
        hits = {row for rule, rows in found.items() if rule.startswith(kind.rules) for row in rows}
        names = {one.name for one in KINDS} if kind is ANY else {kind.name}
        wanted = {label["row"] for label in labels if label["kind"] in names}
        all_scores.append(Score(kind, len(wanted), len(wanted & hits), len(hits - faulty), n_clean))
    return all_scores


def _found(report: Report, run: Path) -> dict[str, set[int]]:
    """Rule -> rows with a finding of it; rows that could not be read are under UNREADABLE."""
    found: dict[str, set[int]] = {}
    columns = (report.findings[name].to_pylist() for name in ("rule", "row"))
    for rule, row in zip(*columns, strict=True):
        if row is not None:
            found.setdefault(rule, set()).add(row)
    quarantined = (run / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return found | {UNREADABLE: {json.loads(line)["row"] for line in quarantined}}


@dataclass(frozen=True)
class Contrast:
    """A figure of the whole corpus with its interval, here and in the clean, balanced corpus of the same size."""

    fault: str
    figure: str
    here: Metric
    there: Metric

    def problem(self) -> str:
        """What is wrong with it, or ""."""
        here, there = self.here.low, self.there.value
        if here is not None and there is not None and here > there:
            return ""
        return f"{self.fault}: {self.figure} does not tell the planted corpus from the balanced one"


FIGURES = (("skew/region", "skew.region.tv_distance"), ("diversity/same-opening", "diversity.top_opening_share"))


def contrasts(report: Report, balanced: Iterable[Metric]) -> list[Contrast]:
    """The faults that no single row shows, each by the figure that does."""
    here = _by_name(Metric(**row) for row in report.metrics)
    there = _by_name(balanced)
    return [Contrast(fault, figure, here[figure], there[figure]) for fault, figure in FIGURES]


def _by_name(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """Metrics of the whole corpus under `checker.metric`."""
    return {f"{one.checker}.{one.metric}": one for one in metrics if not one.slice}
