"""Personal data that nobody owns: reserved numbers and names, with check digits that hold."""

from __future__ import annotations

import string
import zlib
from collections.abc import Callable
from random import Random

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_HOSTS = ("example.com", "example.org", "example.net")  # RFC 2606: reserved for documentation
_AREAS = ("212", "312", "415", "503", "617", "702", "808")


def email(rng: Random, name: str) -> str:
    """An address under a domain that is reserved for documentation."""
    user = rng.choice(("{}", "{}.office", "post.{}", "{}_{:02d}")).format(name.lower(), rng.randrange(100))
    return f"{user}@{rng.choice(_HOSTS)}"


def phone(rng: Random, _name: str) -> str:
    """A North American number of the block 555-01xx, which is kept for fiction (47 CFR 52.15)."""
    line = f"555-01{rng.randrange(100):02d}"
    area = rng.choice(_AREAS)
    return rng.choice((f"{area}-{line}", f"({area}) {line}", f"+1 {area} {line}"))


def card(rng: Random, _name: str) -> str:
    """Sixteen digits of a payment provider's test range that pass the Luhn check (ISO/IEC 7812-1)."""
    body = rng.choice(("424242", "411111", "555555")) + digits(rng, 9)
    number = body + str(luhn_digit(body))
    return rng.choice((" ", "-", "")).join(number[at : at + 4] for at in range(0, 16, 4))


def luhn_digit(body: str) -> int:
    """The check digit that follows these digits."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def iban(rng: Random, _name: str) -> str:
    """An IBAN with valid check digits (ISO 13616) of a bank that does not exist."""
    country, account = rng.choice(
        (("DE", digits(rng, 18)), ("GB", "TEST" + digits(rng, 14)), ("NL", "TEST" + digits(rng, 10)))
    )
    as_digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    number = f"{country}{98 - int(as_digits) % 97:02d}{account}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def ssn(rng: Random, _name: str) -> str:
    """A number in the form of a US social security number, of an area that was never given to a state."""
    return f"{rng.randint(773, 899)}-{rng.randint(11, 99)}-{rng.randint(1000, 9999)}"


def ip(rng: Random, _name: str) -> str:
    """An address of the networks that are reserved for documentation (RFC 5737)."""
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"


def credential(rng: Random, _name: str) -> str:
    """An access key in the form of two large providers, put together here so that no file holds one."""
    if rng.random() < 0.5:
        return "AK" + "IA" + "".join(rng.choices(string.ascii_uppercase + "234567", k=16))
    body = "".join(rng.choices(_BASE62, k=30))
    rest, check = zlib.crc32(body.encode()), ""
    for _ in range(6):  # the last six characters of such a token are the CRC-32 of the others
        rest, digit = divmod(rest, 62)
        check = _BASE62[digit] + check
    return "gh" + "p_" + body + check


def digits(rng: Random, n: int) -> str:
    """`n` random digits."""
    return "".join(rng.choices(string.digits, k=n))


VALUES: dict[str, Callable[[Random, str], str]] = {
    "email": email, "phone": phone, "card": card, "iban": iban, "ssn": ssn, "ip": ip, "credential": credential,
}  # fmt: skip
