"""Replacements: consistent, format preserving, reserved, apart."""

import random
import re

import pytest

from auditkit.checkers.pii.surrogate import is_own_email, replace
from auditkit.checkers.pii.validators import is_card, is_iban, is_ssn

KEY = b"a key"


def surrogate(entity, value, key=KEY):
    return replace(entity, value, style="surrogate", key=key)


@pytest.mark.parametrize(
    ("entity", "value", "pattern"),
    [
        ("EMAIL_ADDRESS", "joe@corp.com", r"[a-z.0-9]+@example\.(com|org|net)"),
        ("PHONE_NUMBER", "+1 (212) 867-5309", r"\+1 \(\d{3}\) 555-01\d\d"),
        ("PHONE_NUMBER", "212.867.5309", r"\d{3}\.555\.01\d\d"),
        ("PHONE_NUMBER", "2128675309", r"\d{3}55501\d\d"),
        ("PHONE_NUMBER", "+44 7911 123456", r"\+447700 900\d{3}"),
        ("IP_ADDRESS", "86.121.97.248", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+"),
        ("IP_ADDRESS", "2a02:26f7::68", r"2001:db8:[0-9a-f:]+"),
        ("US_SSN", "460-89-9847", r"9\d\d-[0-4]\d-\d{4}"),
        ("MAC_ADDRESS", "00:1A:2B:3C:4D:5E", r"02(:[0-9a-f]{2}){5}"),
        ("URL", "https://joe.net/me", r"https://[a-z-]+[a-z0-9-]+\.example\.com"),
        ("API_KEY", "whatever", r"EXAMPLE-[a-z0-9]{16}"),
        ("PERSON", "Jane ROE", r"[A-Z][a-z]+ [A-Z]+"),
        ("US_PASSPORT", "A12345678", r"[A-Z]\d{8}"),
        (
            "UUID",
            "123e4567-e89b-42d3-a456-426614174000",
            r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        ),
    ],
)
def test_the_format_stays_and_the_range_is_reserved(entity, value, pattern):
    made = surrogate(entity, value)
    assert re.fullmatch(pattern, made), made
    assert made == surrogate(entity, value)
    assert made != surrogate(entity, value, b"another key")
    assert value not in made


def test_checksums_hold_where_a_reader_would_test_them():
    assert is_card(surrogate("CREDIT_CARD", "4454-7945-1139-0933"))
    assert len(surrogate("CREDIT_CARD", "347415977307943")) == 15
    assert is_iban(surrogate("IBAN_CODE", "GB56 HXDO 8816 7774 6561 19"))
    assert not is_ssn(surrogate("US_SSN", "460-89-9847"))


def test_separators_and_case_do_not_make_another_person():
    assert surrogate("EMAIL_ADDRESS", "Joe@Corp.com") == surrogate("EMAIL_ADDRESS", "joe@corp.com")
    bare = re.sub(r"\D", "", surrogate("PHONE_NUMBER", "(212) 867-5309"))
    assert bare == surrogate("PHONE_NUMBER", "2128675309")


def test_neighbouring_numbers_stay_apart():
    numbers = [f"212-867-{line:04d}" for line in range(0, 10_000, 7)]
    assert len({surrogate("PHONE_NUMBER", number) for number in numbers}) == len(numbers)
    addresses = [f"10.1.{i >> 8}.{i & 255}" for i in range(700)]
    assert len({surrogate("IP_ADDRESS", address) for address in addresses}) >= 500


def test_numbers_of_one_area_code_stay_apart():
    draw = random.Random(3)
    numbers = {f"415-{draw.randrange(200, 1000)}-{draw.randrange(10_000):04d}" for _ in range(60)}
    assert len({surrogate("PHONE_NUMBER", number) for number in numbers}) == len(numbers)


def test_a_key_knows_its_own_addresses():
    made = surrogate("EMAIL_ADDRESS", "joe@corp.com")
    assert is_own_email(made, KEY)
    assert not is_own_email(made, b"another key")
    assert not is_own_email("jane.roe@example.com", KEY)


@pytest.mark.parametrize("style", ["mask", "label", "hash"])
def test_other_styles_say_nothing_of_the_value(style):
    short, long = (
        replace("EMAIL_ADDRESS", value, style=style, key=KEY) for value in ("a@b.co", "x" * 40 + "@corp.com")
    )
    assert len(short) == len(long)
    assert "@" not in short
