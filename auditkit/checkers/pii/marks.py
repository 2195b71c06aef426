"""What the makers of surrogates and those who recognise them share: keyed digests, identities, marks.

A mark is a part of a surrogate that the key and its other part determine; only who has the key can tell it.
"""

from __future__ import annotations

import hashlib
import re

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789q"  # 32 signs, none that is read as another
EXTENSION = re.compile(r"(?:x|ext|#|;).*$", re.IGNORECASE | re.DOTALL)
NUMBERS = frozenset({"CREDIT_CARD", "IBAN_CODE", "US_SSN", "US_ITIN", "UK_NHS", "US_BANK_NUMBER", "MAC_ADDRESS"})
CASELESS = frozenset({"EMAIL_ADDRESS", "URL", "IP_ADDRESS", "UUID", "PERSON", "LOCATION"})


def digest(entity: str, text: str, key: bytes) -> bytes:
    """64 bytes that depend on the entity, the text and the key; keys longer than BLAKE2b takes are hashed first."""
    short = key if len(key) <= 64 else hashlib.blake2b(key).digest()
    return hashlib.blake2b(f"{entity}\0{text}".encode("utf-8", "surrogatepass"), key=short).digest()


def identity(entity: str, value: str) -> str:
    """The value without what its writers vary: case of addresses, separators of numbers, prefixes of phone numbers."""
    if entity == "PHONE_NUMBER":
        return phone_digits(value)
    if entity in NUMBERS:
        return re.sub(r"[^0-9A-Za-z]", "", value).upper()
    return " ".join(value.split()).casefold() if entity in CASELESS else " ".join(value.split())


def extension(entity: str, value: str) -> str:
    """What a phone number has behind its identity: two lines behind one number are two numbers."""
    found = EXTENSION.search(value) if entity == "PHONE_NUMBER" else None
    return re.sub(r"\D", "", found.group()) if found else ""


def phone_digits(value: str) -> str:
    """The digits of a phone number, North American ones without their 1, British ones as dialled at home."""
    number = EXTENSION.sub("", value)
    digits = re.sub(r"\D", "", number)
    if number.lstrip(" (\uff0b").startswith("+") or digits.startswith("00"):
        digits = digits.removeprefix("00")
        digits = "0" + digits[2:].removeprefix("0") if digits.startswith("44") else digits
    return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits


def mark(entity: str, text: str, key: bytes, like: str) -> str:
    """As many signs as `like` has, each of its class (digit, else capital letter)."""
    drawn = digest(f"mark {entity}", text, key)
    return "".join(
        str(byte % 10) if ch.isdigit() else chr(65 + byte % 26) for byte, ch in zip(drawn, like, strict=False)
    )


def letters_mark(entity: str, text: str, key: bytes, n: int) -> str:
    """The mark as small letters and digits, five bits each."""
    return "".join(LETTERS[byte & 31] for byte in digest(f"mark {entity}", text, key)[:n])


def marked(entity: str, number: int, share: int, key: bytes) -> int:
    """The marked one of the `share` numbers from number * share on."""
    return number * share + digest(f"mark {entity}", str(number), key)[0] % share


def is_marked(entity: str, place: int, share: int, key: bytes) -> bool:
    """Whether the number is one that `marked` gives."""
    return marked(entity, place // share, share, key) == place


def marks_of(n: int) -> int:
    """How many of n signs are the mark of an identifier that has no reserved range: 4 of 9 and more, fewer of less."""
    return max(0, min(4, (n - 1) // 2))
