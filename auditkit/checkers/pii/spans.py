"""A found value inside one text, and what becomes of a list of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from auditkit.checker import Rule

RULES = {
    "EMAIL_ADDRESS": "pii/email",
    "PHONE_NUMBER": "pii/phone",
    "CREDIT_CARD": "pii/credit-card",
    "IBAN_CODE": "pii/iban",
    "IP_ADDRESS": "pii/ip",
    "US_SSN": "pii/ssn",
    "US_ITIN": "pii/itin",
    "US_PASSPORT": "pii/us-passport",
    "US_DRIVER_LICENSE": "pii/us-driver-license",
    "US_BANK_NUMBER": "pii/us-bank-number",
    "UK_NHS": "pii/nhs",
    "MEDICAL_LICENSE": "pii/medical-license",
    "MAC_ADDRESS": "pii/mac",
    "CRYPTO": "pii/crypto",
    "DATE_TIME": "pii/date-time",
    "UUID": "pii/uuid",
    "URL": "pii/url",
    "PERSON": "pii/person",
    "LOCATION": "pii/location",
}
"""Entity, by Presidio's name, to rule id. Secrets are entity API_KEY under `pii/secret-<kind>`."""


class Span(NamedTuple):
    """text[start:end] holds a value of this entity; `rule` is the id of the rule that says so.

    form: of a value in JSON, one of `json_texts`; "" elsewhere.
    """

    start: int
    end: int
    entity: str
    score: float
    rule: str
    form: str = ""


def rule_of(entity: str) -> str:
    """The rule id of an entity; entities without a common name are lower-cased with dashes."""
    return RULES.get(entity) or "pii/" + entity.lower().replace("_", "-")


def presidios(entities: Iterable[str]) -> tuple[Rule, ...]:
    """Rules for what recognisers of Presidio find that are switched on by a language or come from the user."""
    return tuple(
        Rule(
            rule_of(entity),
            "high",
            f"{entity}, as a recogniser of Presidio finds it",
            "The policy asks for it: by its language, or by its registry of recognisers.",
            source="presidio-analyzer",
        )
        for entity in entities
    )
