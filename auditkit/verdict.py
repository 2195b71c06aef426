"""The verdict: each gate against its metric, and what follows for the corpus. What was not looked at never passes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from auditkit.findings import Metric, wilson
from auditkit.gates import Gate
from auditkit.policy import Policy

METRIC_CONFIDENCE = 0.95  # the confidence of `low` and `high` in metrics.json


@dataclass(frozen=True)
class GateResult:
    """How one gate came out. status: pass | fail | undecided | unknown (its metric has no value)."""

    gate: Gate
    status: str
    value: float | None
    low: float | None
    high: float | None
    reason: str
    threshold: float | None = None
    earlier: float | None = None

    def as_dict(self) -> dict[str, object]:
        """As in manifest.json; with `not_worse_than` where the bound is an earlier run."""
        compared = {"run": self.gate.not_worse_than, "value": self.earlier, "tolerance": self.gate.tolerance}
        return {
            "metric": self.gate.metric,
            "slice": self.gate.slice,
            "op": self.gate.op,
            "threshold": self.threshold,
            "confidence": self.gate.confidence,
            "on_undecided": self.gate.on_undecided,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "status": self.status,
            "reason": self.reason,
            **({"not_worse_than": compared} if self.gate.not_worse_than is not None else {}),
        }


@dataclass(frozen=True)
class Verdict:
    """pass, fail or incomplete, with the reasons in words and every gate's result."""

    word: str
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 incomplete."""
        return {"pass": 0, "fail": 1}.get(self.word, 3)


def judge(policy: Policy, metrics: Sequence[Metric], gaps: Sequence[str], counts: Mapping[str, int]) -> Verdict:
    """The verdict. Incomplete when anything was not looked at; fail when a gate or the quarantine limit says so.

    gaps: one sentence per thing that was not looked at. counts: rows_in, kept, redacted, dropped, quarantined.
    """
    by_name = {(f"{metric.checker}.{metric.metric}", metric.slice): metric for metric in metrics}
    results = tuple(_judge_gate(gate, by_name.get((gate.metric, gate.slice)), policy) for gate in policy.gates)
    unknown = [result.reason for result in results if result.status == "unknown"]
    failed = [result.reason for result in results if _fails(result)]
    rows, bad = counts["rows_in"], counts["quarantined"]
    if rows and bad / rows > policy.corpus.max_quarantined:
        limit = f"corpus.max_quarantined = {policy.corpus.max_quarantined}"
        failed.insert(0, f"{bad:,} of {rows:,} rows could not be read ({limit})")
    incomplete = [*gaps, *(unknown if bad < rows else ["no document could be read"])]
    if incomplete:
        return Verdict("incomplete", (*incomplete, *failed), results)
    return Verdict("fail" if failed else "pass", tuple(failed), results)


def _fails(result: GateResult) -> bool:
    return result.status == "fail" or (result.status == "undecided" and result.gate.on_undecided == "fail")


def _judge_gate(gate: Gate, metric: Metric | None, policy: Policy) -> GateResult:
    """One gate against its metric. No metric or NaN is `unknown`, never a pass.

    A metric that was looked for but had nothing to be measured on (no place mentioned, say) leaves a gate with a
    confidence undecided, and any other unknown.
    """
    name = f"{gate.metric}[{gate.slice}]" if gate.slice else gate.metric
    before = _before(gate, policy)
    if gate.not_worse_than is not None and (before is None or not _is_number(before.value)):
        said = f"{name} has no value in {gate.not_worse_than}, so nobody knows whether it is worse now"
        return GateResult(gate, "unknown", metric.value if metric else None, None, None, said)
    bound = _bound(gate, before)
    known = {"threshold": bound, "earlier": before.value if before else None}
    nothing = f"{name} has no value: nothing was there to measure it on"
    if metric is not None and metric.value is None and gate.confidence is not None:
        return GateResult(gate, "undecided", None, None, None, nothing, **known)
    if metric is None or metric.value is None or not math.isfinite(metric.value):
        return GateResult(gate, "unknown", None, None, None, nothing, **known)
    low, high = _interval_to(before, metric, gate.confidence) if before else _interval(metric, gate.confidence)
    worst, best, end = (low, high, bound) if gate.op == "max" else (-high, -low, -bound)
    status = "fail" if worst > end else "pass" if best <= end else "undecided"
    shown = f"{name} is {metric.value:.4g}"
    if gate.confidence is not None:
        shown += f" ({low:.4g} to {high:.4g} at {gate.confidence:.0%})"
    return GateResult(
        gate, status, metric.value, low, high, f"{shown}, {_asked(gate, before, bound)}: {status}", **known
    )


def _before(gate: Gate, policy: Policy) -> Metric | None:
    """The metric in the earlier run that the gate compares with."""
    if gate.not_worse_than is None:
        return None
    return policy.earlier[gate.not_worse_than].metrics.get((gate.metric, gate.slice))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _bound(gate: Gate, before: Metric | None) -> float:
    """What the value is held against."""
    if before is not None:
        return float(before.value or 0.0) + (gate.tolerance if gate.op == "max" else -gate.tolerance)
    return float((gate.max if gate.max is not None else gate.min) or 0.0)


def _asked(gate: Gate, before: Metric | None, bound: float) -> str:
    if before is None:
        return f"{gate.op} {bound:g}"
    return f"{gate.op} {bound:.4g} ({before.value:.4g} in {gate.not_worse_than}, tolerance {gate.tolerance:g})"


def _interval_to(before: Metric, now: Metric, confidence: float | None) -> tuple[float, float]:
    """(low, high) of the value now if that before were known for certain: the value before plus the difference.

    The interval of the difference of two independent numbers by their own intervals: Newcombe 1998, Statistics in
    Medicine 17:873, method 10; for other metrics than shares known as MOVER (Zou and Donner 2008).
    """
    value, old = float(now.value or 0.0), float(before.value or 0.0)
    (low, high), (old_low, old_high) = _interval(now, confidence), _interval(before, confidence)
    down = math.hypot(value - low, old_high - old)
    up = math.hypot(high - value, old - old_low)
    return value - down, value + up


def _interval(metric: Metric, confidence: float | None) -> tuple[float, float]:
    """(low, high) at this confidence; the value itself when no confidence is asked for or there is no interval.

    A share is computed anew from its counts; another interval is stretched as a normal one would be.
    """
    value = float(metric.value or 0.0)
    if confidence is None or metric.low is None or metric.high is None:
        return value, value
    n, of = metric.numerator, metric.denominator
    if n is not None and of and 0 <= n <= of and float(n).is_integer() and abs(n / of - value) < 1e-9:
        return wilson(int(n), int(of), confidence=confidence)
    stretch = NormalDist().inv_cdf(0.5 + confidence / 2) / NormalDist().inv_cdf(0.5 + METRIC_CONFIDENCE / 2)
    return value - (value - metric.low) * stretch, value + (metric.high - value) * stretch
