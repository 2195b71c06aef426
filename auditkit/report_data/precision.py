"""How right the findings are, as readers of a stratified sample found: per rule and decision, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.findings import wilson
from auditkit.report_data import Report


class Precision(NamedTuple):
    """The share of findings that are right. decision "" = all decisions, rule "" = all rules.

    findings: how many there are of which `judged` were read and `right` found right. low, high: 95% interval.
    """

    rule: str
    decision: str
    findings: int
    judged: int
    right: int
    value: float
    low: float
    high: float


def precisions(report: Report) -> list[Precision]:
    """Each stratum that was read, then each rule and the whole where there are several strata; empty without a review.

    A stratum has its Wilson interval. What is made of several strata weighs each by its findings; the distances of its
    bounds are those of the strata, weighed and added in quadrature (MOVER, Zou and Donner 2008). A rule or a whole of
    which a stratum was not read at all has no value: nobody knows about that part.
    """
    strata = [
        Precision(
            row["rule"],
            row["decision"],
            row["findings"],
            row["judged"],
            row["right"],
            row["right"] / row["judged"] if row["judged"] else 0.0,
            *wilson(row["right"], row["judged"]),
        )
        for row in report.review.get("strata", ())
    ]
    rows = [stratum for stratum in strata if stratum.judged]
    of_rules = {rule: [one for one in strata if one.rule == rule] for rule in dict.fromkeys(one.rule for one in strata)}
    rows += [_joined(rule, parts) for rule, parts in of_rules.items() if len(parts) > 1 and _read(parts)]
    return rows + ([_joined("", strata)] if len(of_rules) > 1 and _read(strata) else [])


def _read(strata: Sequence[Precision]) -> bool:
    return all(one.judged for one in strata)


def _joined(rule: str, parts: Sequence[Precision]) -> Precision:
    n = sum(one.findings for one in parts)
    weights = [one.findings / n for one in parts]
    value = math.fsum(weight * one.value for weight, one in zip(weights, parts, strict=True))
    down = math.fsum((weight * (one.value - one.low)) ** 2 for weight, one in zip(weights, parts, strict=True)) ** 0.5
    up = math.fsum((weight * (one.high - one.value)) ** 2 for weight, one in zip(weights, parts, strict=True)) ** 0.5
    judged, right = sum(one.judged for one in parts), sum(one.right for one in parts)
    return Precision(rule, "", n, judged, right, value, max(0.0, value - down), min(1.0, value + up))


def how_read(report: Report) -> str:
    """How the findings that were read had been chosen."""
    if report.review["sampled"]:
        return "A random sample of each rule and decision; rules and the whole are weighed by their findings."
    return "Readers chose them freely, so the numbers speak of what was read alone."
