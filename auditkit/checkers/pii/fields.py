"""What the name of a field says of its value: a field called `user.phone` or `email` holds one, whatever it looks like.

In prose a bare `5550142` is any number; as the whole value of a field called phone it is a phone number. So a short
value that fits its field's name loosely is a finding as a whole, without the checks that values in prose need.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from auditkit.checkers.pii.spans import Span, rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 200  # characters of a value that is one thing
SCORE = 0.9
_NAMES = {
    "PHONE_NUMBER": (
        "phone phonenumber phoneno telephone telephonenumber tel mobile mobilenumber mobilephone cell cellphone fax"
    ),
    "EMAIL_ADDRESS": "email emailaddress mail emails",
    "US_SSN": "ssn socialsecurity socialsecuritynumber",
    "CREDIT_CARD": "creditcard creditcardnumber cardnumber ccnumber cardno",
    "IBAN_CODE": "iban ibannumber",
    "IP_ADDRESS": "ip ipaddress ipaddr clientip remoteip remoteaddr",
    "MAC_ADDRESS": "mac macaddress",
    "US_PASSPORT": "passport passportnumber passportno",
    "US_DRIVER_LICENSE": "driverlicense driverslicense driverlicensenumber drivinglicence",
    "US_BANK_NUMBER": "accountnumber bankaccount bankaccountnumber",
    "PERSON": "fullname firstname lastname surname givenname familyname username personname",
    "LOCATION": "streetaddress homeaddress postaladdress address",
}
ENTITIES = {name: entity for entity, names in _NAMES.items() for name in names.split()}
"""Name of a field, in small letters and without separators -> entity."""

SHAPES = {
    "PHONE_NUMBER": r"(?=(?:\D*\d){5,20}\D*$)[\d\s+().\-/x#ext]{5,40}",
    "EMAIL_ADDRESS": r"[^\s@]+@[^\s@]+",
    "US_SSN": r"(?:\d[\s.-]?){8}\d",
    "CREDIT_CARD": r"(?:\d[\s.-]?){11,18}\d",
    "IBAN_CODE": r"[A-Za-z]{2}\d{2}[A-Za-z0-9 -]{8,40}",
    "IP_ADDRESS": r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*",
    "MAC_ADDRESS": r"(?:[0-9A-Fa-f]{2}[:.-]?){5}[0-9A-Fa-f]{2}",
    "US_PASSPORT": r"[A-Za-z0-9]{6,12}",
    "US_DRIVER_LICENSE": r"[A-Za-z0-9][A-Za-z0-9 -]{4,18}",
    "US_BANK_NUMBER": r"(?:\d[\s-]?){5,16}\d",
    "PERSON": r"(?=.*[^\W\d_])[^\n]{2,80}",
    "LOCATION": r"(?=.*[^\W\d_])[\s\S]{3,200}",
}
"""What a value of such a field must look like at least."""


@cache
def entity_of(path: str) -> str:
    """The entity that the last name of a path tells, or nothing."""
    last = re.sub(r"(?:\[\d+\])+$", "", path).rpartition(".")[2]
    return ENTITIES.get(re.sub(r"[\W_]", "", last).lower(), "")


@cache
def _shape(entity: str) -> re.Pattern[str]:
    return re.compile(SHAPES[entity], re.IGNORECASE)


def told(text: str, entity: str, spans: Sequence[Span]) -> list[Span]:
    """The findings of a value of a field that is named after this entity: the whole value where it fits."""
    value = text.strip()
    if len(value) > LONGEST or not _shape(entity).fullmatch(value):
        return list(spans)
    start = len(text) - len(text.lstrip())
    return [Span(start, start + len(value), entity, SCORE, rule_of(entity))]
