"""Which findings stay: the wanted entities, the threshold, allowed values, documentation values; one finding per
place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from auditkit.checkers.pii.options import NAMES, PRECISE, Options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditkit.checkers.pii.spans import Span

TEST_VALUES = {
    "EMAIL_ADDRESS": r"@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|[\w-]+\.(?:example|invalid|test))$",  # RFC 2606
    "URL": r"(?:^|[/.@])(?:example\.(?:com|org|net)|[\w-]+\.(?:example|invalid|test))(?:[:/?#].*)?$",
    "PHONE_NUMBER": r"\b555\D{0,2}01\d\d\b|\b0?7700\D{0,2}900",  # 47 CFR 52.15; Ofcom numbers for drama
    "IP_ADDRESS": r"^(?:192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:0?db8:)",  # RFC 5737, RFC 3849
}
TEST_CARDS = frozenset(
    (
        *("4111111111111111", "4242424242424242", "4012888888881881", "5555555555554444", "5105105105105100"),
        *("378282246310005", "371449635398431", "6011111111111117", "6011000990139424", "30569309025904"),
    )
)
"""Card numbers that payment providers print in their test guides."""

_TEST = {entity: re.compile(pattern, re.IGNORECASE | re.DOTALL) for entity, pattern in TEST_VALUES.items()}

# Whose finding stays where two overlap: the more exactly a value is defined, the earlier it stands.
PRECEDENCE = (
    "API_KEY", "EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "CRYPTO", "US_SSN", "IP_ADDRESS", "MAC_ADDRESS", "URL",
    "UK_NHS", "US_ITIN", "PHONE_NUMBER",
)  # fmt: skip
_RANK = {entity: rank for rank, entity in enumerate(PRECEDENCE)}


def is_test_value(entity: str, value: str) -> bool:
    """Whether the value is one that standards and test guides reserve for documentation."""
    if entity == "CREDIT_CARD":
        return re.sub(r"\D", "", value) in TEST_CARDS
    pattern = _TEST.get(entity)
    return bool(pattern and pattern.search(value))


class Filter:
    """spans -> the spans that these options leave; `works` is False when they leave all."""

    def __init__(self, options: Options) -> None:
        self._wanted = options.wanted | (frozenset() if options.entities else frozenset(NAMES))
        self._threshold = options.threshold
        self._ignore_test = options.known_test_values == "ignore"
        self._allowed = frozenset(value.casefold() for value in options.allow)
        self._domains = tuple("." + v.casefold().lstrip("@.") for v in options.allow if _is_domain(v))

        self.works = bool(options.entities or options.threshold or self._ignore_test or self._allowed)

    def __call__(self, text: str, spans: Iterable[Span]) -> list[Span]:
        """Those of the text's spans that stay."""
        return [
            span
            for span in spans
            if span.entity in self._wanted
            and span.score >= self._threshold
            and not self._excused(span.entity, text[span.start : span.end])
        ]

    def _excused(self, entity: str, value: str) -> bool:
        if self._ignore_test and is_test_value(entity, value):
            return True
        if not self._allowed:
            return False
        shown = value.casefold()
        return shown in self._allowed or (entity in ("EMAIL_ADDRESS", "URL") and _host(shown).endswith(self._domains))


def _is_domain(value: str) -> bool:
    """Whether an allowed value speaks of a whole domain."""
    return value.startswith(("@", ".")) or ("@" not in value and "." in value and not value[-1].isdigit())


def _host(value: str) -> str:
    """The host of an e-mail or web address, with a dot in front."""
    host = value.split("://", 1)[-1]
    host = host.split("/", 1)[0].split("?", 1)[0].rsplit("@", 1)[-1]
    return "." + host.split(":", 1)[0]


def _rank(entity: str) -> int:
    """What a country or the user asked for goes first, names and identifiers without check digits last."""
    return _RANK.get(entity, len(_RANK) if entity in PRECISE or entity in NAMES else -1)


def one_per_place(spans: Iterable[Span]) -> list[Span]:
    """Spans of which no two overlap: by precedence of the entity, then score, then length, then place."""
    ordered = sorted(spans, key=lambda s: (_rank(s.entity), -s.score, s.start - s.end, s.start, s.rule))
    starts: list[int] = []
    kept: list[Span] = []
    for span in ordered:
        at = bisect_left(starts, span.start)
        free_before = at == 0 or kept[at - 1].end <= span.start
        free_after = at == len(starts) or span.end <= starts[at]
        if free_before and free_after:
            starts.insert(at, span.start)
            kept.insert(at, span)
    return kept
