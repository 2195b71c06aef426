"""What a gate asks of a metric: a bound of its own, or that of an earlier run that must not be worse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from auditkit.errors import ConfigError
from auditkit.findings import Metric

Key = tuple[str, str]
"""(checker.metric, slice)."""


LOWER_IS_WORSE = frozenset({
    "corpus.rows", "corpus.kept_share", "planted.recall", "toxicity.bias_bpsn", "hallucination.agreement_mean",
    "hallucination.agreement_kept_share", "hallucination.agreement_precision", "diversity.vocabulary",
    "diversity.distinct_n", "diversity.ingf", "diversity.hapax_share", "diversity.word_entropy",
    "diversity.distinct_openings", "diversity.vendi_score", "diversity.change",
})  # fmt: skip
"""Metrics that count what is wanted; all others count what is not. Of every checker `looked_share` too."""


@dataclass(frozen=True)
class Gate:
    """`[[gate]]`: a bound on one metric, `max`, `min`, or `not_worse_than` an earlier run by more than `tolerance`.

    With `confidence` the interval decides (that of the difference, where an earlier run is the bound), else the value.
    not_worse_than: a run folder or a metrics.json. worse: the direction that is worse; by default higher, and lower for
    the metrics in LOWER_IS_WORSE.
    """

    metric: str
    slice: str = ""
    max: float | None = None
    min: float | None = None
    not_worse_than: str | None = None
    tolerance: float = 0.0
    worse: Literal["higher", "lower"] | None = None
    confidence: float | None = None
    on_undecided: Literal["warn", "fail", "pass"] = "warn"

    def check(self) -> list[tuple[str, str]]:
        """Bounds that make no sense."""
        mistakes = []
        if sum(bound is not None for bound in (self.max, self.min, self.not_worse_than)) != 1:
            mistakes.append(("metric", f"gate on '{self.metric}' needs exactly one of max, min and not_worse_than"))
        if self.not_worse_than is None and (self.tolerance or self.worse):
            mistakes.append(("tolerance" if self.tolerance else "worse", "goes with not_worse_than"))
        for name in ("max", "min", "tolerance"):
            bound = getattr(self, name)
            if bound is not None and bound < 0:
                mistakes.append((name, f"expected 0 or more, got {bound}"))
        if self.confidence is not None and not 0.5 <= self.confidence < 1:
            mistakes.append(("confidence", f"expected 0.5 <= confidence < 1, got {self.confidence}"))
        return mistakes

    @property
    def op(self) -> str:
        """Which side the bound is on: `max` or `min`."""
        if self.not_worse_than is None:
            return "max" if self.max is not None else "min"
        lower = (
            self.worse == "lower"
            if self.worse
            else self.metric in LOWER_IS_WORSE or self.metric.endswith(".looked_share")
        )
        return "min" if lower else "max"

    @property
    def key(self) -> tuple[str, str, bool]:
        """Of two gates with the same key the later one holds; a bound and an earlier run may stand side by side."""
        return self.metric, self.slice, self.not_worse_than is not None


@dataclass(frozen=True)
class Earlier:
    """The metrics of an earlier run. sha256: of its metrics.json, so that a policy names what it compares with."""

    sha256: str
    metrics: Mapping[Key, Metric] = field(default_factory=dict)


def earlier_runs(gate: Any, known: Mapping[str, Earlier]) -> dict[str, Earlier]:
    """The run that this table of a policy compares with, unless it is known; ConfigError as `read_earlier`."""
    path = gate.get("not_worse_than") if isinstance(gate, Mapping) else None
    return {path: read_earlier(path)} if isinstance(path, str) and path not in known else {}


def read_earlier(path: str) -> Earlier:
    """The metrics of a run folder or of a metrics.json.

    ConfigError when there are none, when they are not what the run wrote, or when that run was incomplete: what it did
    not look at it may have called good.
    """
    place = Path(path)
    content = _bytes(place / "metrics.json" if place.is_dir() else place)
    sha256 = hashlib.sha256(content).hexdigest()
    if place.is_dir():
        _check_run(place, sha256)
    try:
        rows = json.loads(content)
        names = {item.name for item in fields(Metric)}
        metrics = [
            Metric(**{name: row.get(name) for name in names} | {"slice": row.get("slice") or ""}) for row in rows
        ]
        by_key = {(f"{metric.checker}.{metric.metric}", metric.slice): metric for metric in metrics}
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(f"{path}: holds no metrics of a run of auditkit") from None
    return Earlier(sha256, by_key)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def _check_run(run: Path, sha256: str) -> None:
    """ConfigError unless the manifest vouches for these metrics and the run looked at everything."""
    try:
        manifest: dict[str, Any] = json.loads(_bytes(run / "manifest.json"))
        known = {item["path"]: item["sha256"] for item in manifest["outputs"]}
        verdict = manifest["verdict"]
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{run}: its manifest.json is damaged") from None
    if known.get("metrics.json") != sha256:
        raise ConfigError(f"{run}: its metrics.json is not as the run wrote it")
    if verdict == "incomplete":
        raise ConfigError(f"{run}: is an incomplete run, which says too little to compare with")
