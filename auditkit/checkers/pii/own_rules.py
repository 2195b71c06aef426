"""Rules that are a pattern and what must hold around it: national identifiers, and the user's own.

`[[checkers.pii.rules]]` in a policy: entity, pattern, and if wanted context (words of which one must stand shortly
before or right behind), score, severity, summary, match and clean examples. The first group of the pattern is the
value where it has one. A pattern that can backtrack without bound is refused when the policy is read; one that takes
longer than 20 seconds on a text makes the batch a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from auditkit.checker import SEVERITIES, Rule, rule_pack
from auditkit.checkers.pii.national import CHECKS
from auditkit.checkers.pii.safe_patterns import problem
from auditkit.checkers.pii.spans import RULES, Span, rule_of
from auditkit.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 20.0  # for one pattern over one text
BEFORE, BEHIND = 60, 30  # characters in which a context word may stand
SHORT_WORD = 4  # letters; shorter context words must stand by themselves, longer ones may begin a word
ENTITY = re.compile(r"[A-Z][A-Z0-9_]{1,62}")
CERTAIN = 1.0


@dataclass(frozen=True)
class OwnRule:
    """One rule of the user: what `[[checkers.pii.rules]]` takes."""

    entity: str = ""
    pattern: str = ""
    context: tuple[str, ...] = ()
    score: float = 0.85
    severity: str = "high"
    summary: str = ""
    match: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()

    @property
    def rule(self) -> Rule:
        """The rule that the report shows."""
        return Rule(
            rule_of(self.entity),
            self.severity,
            self.summary or f"a value of the policy's own entity {self.entity}",
            "The policy says that it must not be in the corpus.",
            self.match,
            self.clean,
            source="the policy",
        )

    def mistakes(self) -> Iterable[tuple[str, str]]:
        """(key, what is wrong) of values that have the right type."""
        if not ENTITY.fullmatch(self.entity) or self.entity in RULES:
            yield "entity", f"expected a name of its own such as EMPLOYEE_NUMBER, got {self.entity!r}"
        if not 0 < self.score <= 1:
            yield "score", f"expected more than 0 and at most 1, got {self.score}"
        if self.severity not in SEVERITIES:
            yield "severity", f"unknown severity {self.severity!r}{suggestion(self.severity, SEVERITIES)}"
        wrong = problem(self.pattern)
        if wrong:
            yield "pattern", wrong
            return
        for key, examples, fires in (("match", self.match, True), ("clean", self.clean, False)):
            for example in examples:
                if bool(found([example], (prepared(self),))[0]) is not fires:
                    yield key, f"the rule {'does not fire' if fires else 'fires'} on {example!r}"


class Prepared(NamedTuple):
    """A rule that is ready to run."""

    entity: str
    rule: str
    score: float
    pattern: Any
    context: re.Pattern[str] | None
    check: Callable[[str], bool]


@cache
def prepared(own: OwnRule) -> Prepared:
    """The user's rule, compiled."""
    return Prepared(own.entity, rule_of(own.entity), own.score, _compiled(own.pattern), _words(own.context), _any)


@cache
def national(languages: tuple[str, ...]) -> tuple[Prepared, ...]:
    """The rules of these countries."""
    return tuple(_national(rule) for rule in national_rules(languages))


def national_rules(languages: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of rules/packs/national.toml that these languages switch on."""
    return tuple(rule for rule in rule_pack("national") if rule.options["language"] in languages)


def national_languages() -> tuple[str, ...]:
    """All countries of the pack."""
    return tuple(dict.fromkeys(str(rule.options["language"]) for rule in rule_pack("national")))


def _national(rule: Rule) -> Prepared:
    context = _words(rule.keywords) if rule.options["context"] else None
    check = CHECKS[str(rule.options["validator"])]
    return Prepared(str(rule.options["entity"]), rule.id, CERTAIN, _compiled(rule.pattern), context, check)


def _any(_: str) -> bool:
    return True


def _compiled(pattern: str) -> Any:
    import regex

    return regex.compile(pattern)


def _words(words: Sequence[str]) -> re.Pattern[str] | None:
    """A pattern for any of the words; None where there is none."""
    if not words:
        return None
    parts = [re.escape(word) + (r"\b" if len(word) <= SHORT_WORD and word.isalpha() else "") for word in words]
    return re.compile(rf"\b(?:{'|'.join(parts)})", re.IGNORECASE)


def found(texts: Sequence[str], rules: Sequence[Prepared]) -> list[list[Span]]:
    """The findings of each text; TimeoutError where a pattern runs out of time."""
    return [[span for rule in rules for span in _found(text, rule)] for text in texts]


def _found(text: str, rule: Prepared) -> Iterable[Span]:
    own_group = 1 if rule.check is _any and rule.pattern.groups else 0
    for match in rule.pattern.finditer(text, timeout=SECONDS):
        start, end = match.span(own_group)
        if start < end and rule.check(text[start:end]) and _is_said(rule.context, text, start, end):
            yield Span(start, end, rule.entity, rule.score, rule.rule)


def _is_said(context: re.Pattern[str] | None, text: str, start: int, end: int) -> bool:
    """Whether a context word stands near, where one must."""
    return context is None or bool(
        context.search(text[max(0, start - BEFORE) : start]) or context.search(text[end : end + BEHIND])
    )
