"""Phone numbers without the parser of phonenumbers: what the rules say is what phonenumbers says."""

import random

import phonenumbers
import pytest

from auditkit.checkers.pii.phones import Phones

REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR", "ES", "IT", "PL", "AU", "SG")
KINDS = ("fixed_line", "mobile", "toll_free", "voip", "uan", "personal_number", "premium_rate", "shared_cost")


def made_up(draw, region):
    """Digits near a number of the region, or any digits."""
    if draw.random() < 0.5:
        return draw.choice(("", "0")) + "".join(draw.choice("0123456789") for _ in range(draw.randrange(4, 14)))
    description = getattr(phonenumbers.PhoneMetadata.metadata_for_region(region), draw.choice(KINDS))
    signs = list(description.example_number or "123456789") if description else list("123456789")
    for _ in range(draw.choice((0, 0, 1, 2, 4))):
        signs[draw.randrange(len(signs))] = draw.choice("0123456789")
    return draw.choice(("", "", "0", "1", "00")) + "".join(signs) + draw.choice(("", "", "", "1"))


@pytest.mark.parametrize("region", REGIONS)
def test_rules_and_plans_agree_with_phonenumbers(region):
    phones, draw = Phones((region,), 1), random.Random(region)
    decided = 0
    for _ in range(700):
        digits = made_up(draw, region)
        said, truth = phones.rules[0].valid(digits), phones.accepted(digits)
        decided += said is not None
        assert said in (None, bool(truth)), digits
        assert not truth or phones.plans[0].may_be_valid(digits), digits
    assert decided > 500
