"""The options of `[checkers.pii]` and the entities that can be asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from auditkit.checkers.pii import registry
from auditkit.checkers.pii.locales import LANGUAGES, added
from auditkit.checkers.pii.own_rules import OwnRule, national_languages, national_rules
from auditkit.errors import suggestion

NAMES = ("PERSON", "LOCATION")
"""Entities that need a name model."""

PRECISE = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "US_SSN",
    "US_ITIN",
    "US_PASSPORT",
    "US_DRIVER_LICENSE",
    "US_BANK_NUMBER",
    "UK_NHS",
    "MEDICAL_LICENSE",
    "MAC_ADDRESS",
    "CRYPTO",
    "URL",
    "API_KEY",
)
"""What profile `precise` looks for by default, names aside."""

PRESIDIO = (
    "CREDIT_CARD",
    "CRYPTO",
    "DATE_TIME",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "MEDICAL_LICENSE",
    "PHONE_NUMBER",
    "UK_NHS",
    "URL",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "US_SSN",
    "UUID",
)
"""What the default registry of presidio-analyzer 2.2.366 finds in English without a name model."""

OWN_NAMES = ("auto", "minilm", "small")
"""Name models of this project."""

PIPELINE = re.compile(r"[a-z]{2,3}_[a-z0-9_]+")
"""How spaCy names its pipelines."""


@dataclass(frozen=True)
class Options:
    """Options of the pii checker.

    profile: `precise` = validated values, little noise; `presidio` = the findings of Presidio's own recognisers,
    exactly.
    entities: names of what to look for; empty = the default set of the profile, which has no PERSON and LOCATION.
    names: what looks for PERSON and LOCATION: `small` (packaged), `minilm` (extra `[names]`), `auto` = the better of
    the two that is installed, or a spaCy pipeline, fetched or installed, such as `en_core_web_lg`.
    threshold: findings with a lower score are left out.
    languages: whose recognisers take part besides the English ones, and whose phone numbers: de, es, fr, it, pl, in,
    uk, au, sg; profile `precise` has national identifiers of further countries: nl, br, ca, fi, se ...
    rules: the user's own patterns, in profile `precise`. registry: a YAML file of Presidio recognisers to add.
    known_test_values: whether documentation values (example.com, 555-01xx, 203.0.113.0/24, test cards) are findings.
    allow: values that are no findings; one that starts with `@` or `.` or has no `@` but a dot is a domain, for
    e-mail and URLs.
    """

    profile: Literal["precise", "presidio"] = "precise"
    entities: tuple[str, ...] = ()
    names: str = "auto"
    threshold: float = 0.0
    languages: tuple[str, ...] = ("en",)
    known_test_values: Literal["report", "ignore"] = "report"
    allow: tuple[str, ...] = ()
    rules: tuple[OwnRule, ...] = ()
    registry: str = ""

    def check(self) -> Iterable[tuple[str, str]]:
        """What is wrong with values that have the right type."""
        yield from self._wrong_rules()
        known = (*self.defaults, *NAMES)
        for entity in self.entities:
            if entity not in known:
                yield (
                    "entities",
                    f"profile {self.profile!r} does not know the entity {entity!r}{suggestion(entity, known)}",
                )
        if self.names not in OWN_NAMES and not PIPELINE.fullmatch(self.names):
            yield (
                "names",
                f"expected {', '.join(OWN_NAMES)} or the name of a spaCy pipeline{suggestion(self.names, OWN_NAMES)}",
            )
        spoken = LANGUAGES if self.profile == "presidio" else tuple(dict.fromkeys((*LANGUAGES, *national_languages())))
        for language in self.languages:
            if language not in spoken:
                yield "languages", f"no recognisers for language {language!r}{suggestion(language, spoken)}"
        if not self.languages:
            yield "languages", "expected at least one language"
        if not 0.0 <= self.threshold <= 1.0:
            yield "threshold", f"expected a score from 0 to 1, got {self.threshold}"

    @property
    def wanted(self) -> frozenset[str]:
        """The entities to look for; without names where the profile's default set is meant."""
        return frozenset(self.entities or self.defaults)

    @property
    def defaults(self) -> tuple[str, ...]:
        """What is looked for where `entities` names nothing."""
        own = self.added_entities
        if self.profile == "presidio":
            return (*PRESIDIO, *own, *added(self.languages).values())
        located = (str(rule.options["entity"]) for rule in national_rules(self.languages))
        return (*PRECISE, *own, *located, *(rule.entity for rule in self.rules))

    @property
    def added_entities(self) -> tuple[str, ...]:
        """The entities of the user's registry."""
        entries = registry.read(self.registry).entries if self.registry else ()
        return tuple(dict.fromkeys(entry.entity for entry in entries))

    def _wrong_rules(self) -> Iterable[tuple[str, str]]:
        if self.registry:
            for mistake in registry.read(self.registry).mistakes:
                yield "registry", f"{self.registry}: {mistake}"
        if self.rules and self.profile == "presidio":
            yield "rules", "profile 'presidio' gives Presidio's findings alone; name recognisers by `registry`"
        for number, rule in enumerate(self.rules):
            for key, text in rule.mistakes():
                yield f"rules.{number}.{key}", text
