"""What to write instead of dropping: how many rows about which region, and as prompts with attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checkers.skew import statistics as stats
from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.lexicon import countries
from auditkit.findings import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from auditkit.checker import State
    from auditkit.checkers.skew.regions import Reference

NAME = "skew"
FEW = 30  # places named under a label: a smaller label gets no quota of its own
TEMPLATE = "Write one new example{label} that takes place in {country} ({region}) and could only take place there."


def quota_metrics(state: State, reference: Reference, *, tolerance: float) -> Iterable[Metric]:
    """region.quota, and label.quota per `label/region`: the fewest rows to add so that the target is met."""
    regions = scheme("region")
    masks = regions.masks(state["places"])
    whole = stats.cells(masks, len(regions.names)).totals
    for name, more, total in zip(regions.names, quotas(whole, reference.shares, tolerance), whole, strict=True):
        yield Metric(NAME, "region.quota", float(more), name, None, None, int(more), int(total), reference.name)
    for hashed, label in zip(state["label_hash"], state["label_name"], strict=True):
        totals = stats.cells(masks[state["label"] == hashed], len(regions.names)).totals
        if not hashed or totals.sum() < FEW:
            continue
        for name, more, total in zip(regions.names, quotas(totals, reference.shares, tolerance), totals, strict=True):
            slice_ = f"{bytes(label).decode('utf-8', 'replace')}/{name}"
            yield Metric(NAME, "label.quota", float(more), slice_, None, None, int(more), int(total), reference.name)


def quotas(totals: NDArray[np.int64], target: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """int64[k] rows to add, each naming one part, so that every share comes within `tolerance` of its target.

    The whole grows to the smallest size at which no part is over its upper bound; then each part is filled up.
    Zeros when nothing is named or a named part must not be named at all.
    """
    named, most = totals > 0, target + tolerance
    if not named.any() or (most[named] <= 0).any():
        return np.zeros(len(totals), np.int64)
    whole = max(float((totals[named] / most[named]).max()), float(totals.sum()))
    filled = totals
    for _ in range(100):  # rounding up moves the whole by a few rows; it settles in two or three steps
        least = np.ceil(np.maximum(target - tolerance, 0.0) * whole - 1e-9)
        filled = np.maximum(totals, least.astype(np.int64))
        if filled.sum() <= whole + len(totals):
            break
        whole = float(filled.sum())
    missing = max(0, int(whole) - int(filled.sum()))
    room = np.maximum(np.floor(most * whole).astype(np.int64) - filled, 0)
    given = np.minimum(room, np.diff(np.minimum(np.cumsum(room), missing), prepend=0))
    return np.asarray(filled + given - totals, np.int64)


def quota_prompts(metrics: Iterable[Mapping[str, object]], *, most: int = 100_000) -> Iterator[dict[str, str]]:
    """The quotas of a run as prompts with attributes {label, region, country, prompt} for the next round, in order.

    metrics: the rows of metrics.json. Label quotas are used where there are any, else those of the regions. Within a
    region countries take turns in proportion to their people (Sainte-Laguë): the same run gives the same prompts.
    """
    rows = [row for row in metrics if row["checker"] == NAME and str(row["metric"]).endswith(".quota")]
    wanted = [row for row in rows if row["metric"] == "label.quota"] or rows
    written = 0
    for row in wanted:
        label, _, region = str(row["slice"]).rpartition("/")
        for country in _turns(region, int(float(str(row["value"] or 0)))):
            if written == most:
                return
            written += 1
            said = f" of the kind '{label}'" if label else ""
            prompt = TEMPLATE.format(label=said, country=country, region=region)
            yield {"label": label, "region": region, "country": country, "prompt": prompt}


def _turns(region: str, n: int) -> Iterator[str]:
    """N countries of the region, the next one always that which is furthest behind its share."""
    own = [country for country in countries() if country.region == region and country.population]
    people, given = np.array([country.population for country in own], np.float64), np.zeros(len(own))
    for _ in range(n if own else 0):
        at = int(np.argmax(people / (2 * given + 1)))
        given[at] += 1
        yield own[at].name
