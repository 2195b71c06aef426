"""The pii checker through its public door: what it finds, where, and what it says of it."""

import json

import pytest

from auditkit.checker import build
from auditkit.documents import batch_of_texts
from auditkit.errors import ConfigError, MissingDependency


def found(text, **options):
    table = build("pii", options).check(batch_of_texts([text])).findings
    return [(row["rule"], text[row["start"] : row["end"]]) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "write to joe@corp.com now", [("pii/email", "joe@corp.com")], id="e-mail, and its domain is no URL"
        ),
        pytest.param("SSN: 460-89-9847.", [("pii/ssn", "460-89-9847")], id="ssn, no phone"),
        pytest.param("SSN: 666-89-9847.", [], id="an area that was never issued"),
        pytest.param(
            "card 4111 1111 1111 1111", [("pii/credit-card", "4111 1111 1111 1111")], id="card, no phone inside"
        ),
        pytest.param("from 1640 to 1695", [], id="years"),
        pytest.param("on 127.0.0.1", [], id="loopback"),
        pytest.param("from 203.0.113.7 it came", [("pii/ip", "203.0.113.7")], id="documentation address"),
        pytest.param("", [], id="empty"),
    ],
)
def test_precise(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(("profile", "kind"), [("precise", "match"), ("precise", "clean"), ("presidio", "match")])
def test_every_rule_proves_itself(profile, kind):
    checker = build("pii", {"profile": profile})
    for rule in checker.rules():
        if rule.options.get("profile", "precise") != profile:
            continue
        examples = list(getattr(rule, kind))
        assert len(examples) >= 2
        asked = {"profile": profile} | dict(rule.options.get("example_options", {}))
        rows = build("pii", asked).check(batch_of_texts(examples)).findings.to_pylist()
        firing = {row["doc"] for row in rows if row["rule"] == rule.id}
        assert firing == (set(range(len(examples))) if kind == "match" else set()), rule.id


def test_equal_texts_get_equal_findings_and_scores_count_them():
    texts = ["a joe@corp.com", "nothing", "a joe@corp.com"]
    checked = build("pii", {}).check(batch_of_texts(texts))
    assert checked.findings.column("doc").to_pylist() == [0, 2]
    assert checked.scores["findings"].tolist() == [1.0, 0.0, 1.0]


def test_evidence_is_masked_and_detail_names_the_entity():
    row = build("pii", {}).check(batch_of_texts(["joe@corp.com"])).findings.to_pylist()[0]
    assert row["evidence"] == "j***@c***.com"
    assert json.loads(row["detail"]) == {"entity": "EMAIL_ADDRESS"}


def test_allowed_values_domains_and_documentation_values():
    text = "joe@corp.com, ann@other.org, jane@example.com"
    assert found(text, allow=["joe@corp.com", "other.org"], known_test_values="ignore") == []
    assert len(found(text)) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"entities": ["EMAIL_ADRESS"]}, "did you mean 'EMAIL_ADDRESS'"),
        ({"languages": ["xx"]}, "language"),
        ({"threshold": 2}, "0 to 1"),
        ({"profile": "presidios"}, "did you mean 'presidio'"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ConfigError, match=words):
        build("pii", options)


def test_names_are_asked_for_or_said_not_to_be_looked_for():
    assert set(build("pii", {}).not_looked_for()) == {"PERSON", "LOCATION"}
    assert build("pii", {"entities": ["PERSON"]}).not_looked_for() == {}
    with pytest.raises(MissingDependency, match="auditkit models fetch"):
        found("Jane Roe", entities=["PERSON"], names="xx_not_there")
