"""Profile `precise`: what is found, what is left alone, disguises, hostile texts."""

import time

import pytest

from auditkit.checker import build, rule_pack
from auditkit.documents import batch_of_texts


def found(text, **options):
    table = build("pii", options).check(batch_of_texts([text])).findings
    return [(row["rule"].removeprefix("pii/"), text[row["start"] : row["end"]]) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("call me on 01.84.17.61.18 now", [("phone", "01.84.17.61.18")], id="grouped number after call"),
        pytest.param("416 60 039 office", [("phone", "416 60 039")], id="word behind"),
        pytest.param("Fax: 345-899-3560x4587", [("phone", "345-899-3560x4587")], id="extension"),
        pytest.param("reach +46 (0)8 928 571 38 fax", [("phone", "+46 (0)8 928 571 38")], id="international"),
        pytest.param("ISBN 9783161484100", [], id="isbn"),
        pytest.param("on 2014-12-06 at 10:20:30", [], id="date"),
        pytest.param("1998-2005 and 1640", [], id="years"),
        pytest.param("00 01 02 03 04 05 06 07 08 09 0A", [], id="dump of bytes"),
        pytest.param("Austin, TX 77030-2707 Office:", [], id="zip code"),
        pytest.param("iban gb82 west 1234 5698 7654 32.", [("iban", "gb82 west 1234 5698 7654 32")], id="small letters"),
        pytest.param("GB82WEST123456987654321", [], id="one sign too many"),
        pytest.param("0.4111111111111111", [], id="decimal"),
        pytest.param("my number is 949-43-6414 and", [], id="the shape of an SSN that was never issued is no phone"),
        pytest.param("My IBAN is DE89 3704 0044 0532 0130 01.", [], id="no phone inside an IBAN that is none"),
        pytest.param("pay GB82 WEST 1234 5698 7654 33 now", [], id="nor behind its bank code"),
        pytest.param("2a02:26f7:c9c8:4000::68 ::1 fe80::1", [("ip", "2a02:26f7:c9c8:4000::68")], id="IPv6"),
        pytest.param("std::vector<int> a::b", [], id="program"),
        pytest.param("version 10.0.19041.1 and v1.2.3.4", [], id="versions"),
        pytest.param("192.168.1.10 10.1.2.3 255.255.255.0", [], id="private"),
        pytest.param("readme.md, setup.py, asp.net, System.Net", [], id="files and programs"),
        pytest.param("https://docs.python.org/3/library/re.html", [], id="a link into a site"),
        pytest.param("https://github.com/users/janeroe", [("url", "https://github.com/users/janeroe")], id="a profile"),
        pytest.param("http://a.com/x?email=j%40b.com", [("email", "j%40b.com")], id="an address in a query"),
        pytest.param("pkg:pypi/requests@2.31.0 x = a@b", [], id="no mail domain"),
        pytest.param("passport 912803456", [("us-passport", "912803456")], id="passport"),
        pytest.param("912803456", [], id="nine digits alone"),
        pytest.param("wallet 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", [("crypto", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")], id="wallet"),
    ],
)  # fmt: skip
def test_found_and_left_alone(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("mail jane.roe@e\u200dxample.com now", "email", "jane.roe@e\u200dxample.com"),
        ("mail j\u200ba\u200bn\u200be\u200b@\u200be\u200bx.com now", "email", "j\u200ba\u200bn\u200be\u200b@\u200be\u200bx.com"),
        ("mail \uff4a\uff4f\uff45\uff20corp.com now", "email", "\uff4a\uff4f\uff45\uff20corp.com"),
        ("mail &#106;oe&#64;corp.com now", "email", "&#106;oe&#64;corp.com"),
        ("mail joe%40corp%2Ecom now", "email", "joe%40corp%2Ecom"),
        ("mail joe [at] corp [dot] com now", "email", "joe [at] corp [dot] com"),
        ("mail joe AT corp DOT com now", "email", "joe AT corp DOT com"),
        ("mail \u202emoc.proc@eoj\u202c now", "email", "\u202emoc.proc@eoj\u202c"),
        ("mail j\u043e\u0435@c\u043erp.com now", "email", "j\u043e\u0435@c\u043erp.com"),
        ("call +\u0967 \u0968\u0966\u0968 \u096b\u096b\u096b \u0966\u0967\u096a\u0969 now", "phone", "+\u0967 \u0968\u0966\u0968 \u096b\u096b\u096b \u0966\u0967\u096a\u0969"),
        ("call two zero two five five five zero one four three now", "phone", "two zero two five five five zero one four three"),
        ("card 4111\u00ad1111\u200b11111111 now", "credit-card", "4111\u00ad1111\u200b11111111"),
        ("from_203.0.113.77_", "ip", "203.0.113.77"),
    ],
)  # fmt: skip
def test_disguises_are_seen_through_and_spans_are_those_of_the_original(text, rule, value):
    assert found(text) == [(rule, value)]


def test_ordinary_text_is_no_disguise():
    for text in (
        "scores 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "caf\u00e9 \u2026 \u00bd \u4f60\u597d \u041f\u0440\u0438\u0432\u0435\u0442",
        "one two three four five",
        "we met at noon at the corner dot dot dot",
    ):
        assert found(text) == []


def test_sixty_kinds_of_secrets_and_more():
    assert len(rule_pack("secrets")) >= 60


def test_secrets_are_masked_and_named():
    token = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    table = build("pii", {}).check(batch_of_texts([f"token {token}"])).findings.to_pylist()
    assert [(row["rule"], row["detail"]) for row in table] == [("pii/secret-github-token", '{"entity":"API_KEY"}')]
    assert token[4:] not in str(table)


@pytest.mark.parametrize(
    "text",
    [
        *("1" * 200_000, "@" * 100_000, "a" * 1_000_000, " " * 300_000, "a-" * 100_000, "a." * 100_000, "1 " * 50_000),
        *(
            "x.com," + "a." * 100_000,
            "a@" * 50_000,
            "token=" * 20_000,
            "%40" * 50_000,
            "&#64;" * 30_000,
            "\u202e" * 20_000,
        ),
        *("-----BEGIN PRIVATE KEY-----" * 300, "one " * 40_000, "at dot " * 20_000, "+1-" * 30_000, ":" * 100_000),
        *("http://" * 20_000, "1.2." * 30_000, "GB82 " * 20_000, "\uff11" * 100_000, "a@b. " * 20_000, "(" * 100_000),
    ],
    ids=lambda text: ascii(text[:12]) + str(len(text)),
)
def test_hostile_texts_end(text):
    began = time.process_time()
    build("pii", {}).check(batch_of_texts([text]))
    assert time.process_time() - began < 30


def test_wanted_entities_only():
    text = "joe@corp.com 460-89-9847"
    assert found(text, entities=["US_SSN"]) == [("ssn", "460-89-9847")]
    assert found(text, threshold=0.9) == [("email", "joe@corp.com")]
