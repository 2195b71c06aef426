"""Options of `[checkers.toxicity]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from auditkit.endpoint import mistakes


@dataclass(frozen=True)
class ToxicityOptions:
    """What a policy may say.

    threshold: documents at or above it get findings. engine: "embedded" (default, no download), "detoxify", "http", or
    "cascade": the embedded scorer decides, and `judge` is asked about texts that score at least `escalate_from`, and
    about those in a language that the embedded scorer does not know. calibration: a file of `auditkit judge calibrate`,
    which says of cascade in place of `escalate_from` what the judge is asked about, and with which proof.
    checkpoint, precision: of detoxify. url, model, api, hosts, key_variable, cache (a file), per_second, concurrency,
    budget_tokens: of http, see endpoint.Endpoint.
    """

    threshold: float = 0.5
    engine: Literal["embedded", "detoxify", "http", "cascade"] = "embedded"
    judge: Literal["detoxify", "http"] = "detoxify"
    escalate_from: float = 0.1
    calibration: str = ""
    checkpoint: str = ""
    precision: Literal["fp32", "int8"] = "fp32"
    url: str = ""
    model: str = ""
    api: Literal["moderation", "chat"] = "moderation"
    hosts: tuple[str, ...] = ()
    key_variable: str = ""
    cache: str = ""
    per_second: float = 0.0
    concurrency: int = 4
    budget_tokens: int = 0

    @property
    def asks(self) -> str:
        """The judge that is asked: "detoxify", "http" or ""."""
        return self.judge if self.engine == "cascade" else self.engine.replace("embedded", "")

    def check(self) -> Iterable[tuple[str, str]]:
        """Numbers out of range, an engine without what it needs, settings that no engine here reads."""
        for name in ("threshold", "escalate_from"):
            if not 0 <= getattr(self, name) <= 1:
                yield name, f"expected a number from 0 to 1, got {getattr(self, name)}"
        if self.engine == "cascade" and self.escalate_from > self.threshold:
            yield "escalate_from", "above the threshold, so that the embedded scorer alone would flag what lies between"
        if self.calibration and self.engine != "cascade":
            yield "calibration", 'is for engine = "cascade" alone'
        if self.asks == "detoxify" and not self.checkpoint:
            yield (
                "checkpoint",
                f'engine = "{self.engine}" needs checkpoint = a Detoxify .ckpt, or a fetched model',
            )
        if self.asks != "detoxify" and self.checkpoint:
            yield "checkpoint", 'is for engine = "detoxify" or judge = "detoxify" alone'
        yield from self._endpoint()

    def _endpoint(self) -> Iterator[tuple[str, str]]:
        """Mistakes in the settings of the HTTP judge."""
        if self.asks != "http":
            if self.url:
                yield "url", 'is for engine = "http" or judge = "http" alone'
            return
        for wrong in mistakes(self.url, self.hosts):
            yield "url", f'of engine "{self.engine}": {wrong}'
        if self.budget_tokens and not self.cache:
            yield "budget_tokens", "needs cache, the file in which all workers count"
        if self.concurrency < 1:
            yield "concurrency", f"expected at least 1, got {self.concurrency}"
