"""Recognisers by language, the user's own rules and registry, and what is told when they are wrong."""

import json

import pyarrow as pa
import pytest

from auditkit.audit import audit
from auditkit.checker import build
from auditkit.checkers.pii import presidio, reference
from auditkit.checkers.pii.locales import LOCALES
from auditkit.checkers.pii.own_rules import national_languages, national_rules
from auditkit.documents import batch_of_texts
from auditkit.errors import ConfigError
from auditkit.policy import Policy

TEXTS = (
    "My badge B-123456 said Dr. Who, card 4111 1111 1111 1111", "Steuer-ID 65929970489 und PLZ 10115 Berlin, call 030 12345678",
    "NINO AB123456C in SW1A 1AA", "TFN 876 543 210, ABN 51 824 753 556", "NRIC S1234567D", "PESEL 44051401359", "DNI 12345678Z",
    "PAN ABCDE1234F Aadhaar 2341 2341 2346", "tel +34 912 345 678 or 912345678", "codice fiscale RSSMRA85T10A562S +39 06 6982 0614",
    "phone 0412 345 678, 6123 4567", "nothing here", "",
)  # fmt: skip
REGISTRY = r"""
recognizers:
  - name: Badge
    supported_entity: BADGE
    patterns:
      - {name: badge, regex: '\bB-\d{6}\b', score: 0.3}
    context: [badge, employee]
  - name: Titles
    supported_entity: TITLE
    deny_list: [Mr., Mrs., Dr.]
"""


@pytest.fixture
def registry(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(REGISTRY)
    return str(path)


def found(text, **options):
    rows = build("pii", options).check(batch_of_texts([text])).findings.to_pylist()
    return [(json.loads(row["detail"])["entity"], text[row["start"] : row["end"]]) for row in rows]


@pytest.mark.parametrize("language", [*LOCALES, "all"])
def test_profile_presidio_with_a_language_is_presidio_with_its_recognisers(language, registry):
    languages = tuple(LOCALES) if language == "all" else (language,)
    ours = presidio.find(pa.array(TEXTS, pa.large_utf8()), languages, registry)
    assert ours == [sorted(reference.analyze(text, languages, registry)) for text in TEXTS]


def test_a_language_brings_its_identifiers_and_phone_numbers():
    assert ("ES_NIF", "12345678Z") in found("DNI 12345678Z", profile="presidio", languages=["es"])
    assert ("ES_NIF", "12345678Z") not in found("DNI 12345678Z", profile="presidio")
    assert ("PHONE_NUMBER", "912345678") in found("tel 912345678 x", profile="presidio", languages=["es"])
    assert ("PHONE_NUMBER", "912345678") not in found("tel 912345678 x", profile="presidio")


@pytest.mark.parametrize("rule", national_rules(national_languages()), ids=lambda rule: rule.id)
def test_every_national_rule_proves_itself_through_an_audit(rule):
    policy = {"version": 1, "checkers": {"pii": {"languages": [rule.options["language"]]}}}
    result = audit(pa.table({"text": [*rule.match, *rule.clean]}), policy)
    firing = {row["row"] for row in result.findings.to_pylist() if row["rule"] == rule.id}
    assert firing == set(range(len(rule.match)))
    assert min(len(rule.match), len(rule.clean)) >= 2
    without = audit(pa.table({"text": list(rule.match)}), {"version": 1, "checkers": {"pii": {}}})
    assert rule.id not in without.findings.column("rule").to_pylist()


RULE = {"entity": "EMPLOYEE_NUMBER", "pattern": r"\bE(\d{6})\b", "context": ["badge"], "match": ["badge E123456"]}


def test_a_rule_of_the_user_finds_its_group_beside_its_context():
    assert found("my badge is E123456 today", rules=[RULE]) == [("EMPLOYEE_NUMBER", "123456")]
    assert found("the part E123456 today", rules=[RULE]) == []
    assert "pii/employee-number" in {rule.id for rule in build("pii", {"rules": [RULE]}).rules()}


def test_a_registry_serves_both_profiles(registry):
    text = "his badge B-123456"
    assert found(text, registry=registry) == [("BADGE", "B-123456")]
    assert ("BADGE", "B-123456") in found(text, registry=registry, profile="presidio", entities=["BADGE"])
    assert list(build("pii", {"registry": registry}).reads()) == [registry]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pattern": "("}, "not a valid regular expression"),
        ({"pattern": r"(\w+\s?)*x"}, "backtrack without bound"),
        ({"pattern": "(a|ab)*c"}, "backtrack without bound"),
        ({"pattern": ""}, "empty"),
        ({"pattern": "x*"}, "empty text"),
        ({"entity": "EMAIL_ADDRESS"}, "name of its own"),
        ({"severity": "hihg"}, "did you mean 'high'"),
        ({"score": 2.0}, "at most 1"),
        ({"match": ["E12"]}, "does not fire"),
        ({"clean": ["badge E123456"]}, "fires on"),
    ],
)
def test_a_wrong_rule_is_told_with_its_place(tmp_path, change, words):
    table = RULE | change
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    path = tmp_path / "policy.toml"
    path.write_text(f"version = 1\n[checkers.pii]\n\n[[checkers.pii.rules]]\n{lines}")
    with pytest.raises(ConfigError, match=words) as error:
        Policy.load(path)
    place = 5 + list(table).index(next(iter(change)))
    assert f"policy.toml:{place}:" in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recognizers:\n  - name: a\n    name: b\n    supported_entity: A\n    deny_list: [x]\n", "line 3: the key 'name' is there twice"),
        ("recognizers:\n  - name: a\n    supported_entity: A\n    patern: 1\n", "did you mean 'patterns'"),
        ("recognizers:\n  - {name: a, supported_entity: A, patterns: [{name: p, regex: '(a+)+b', score: 0.1}]}\n", "backtrack"),
        ("recognizers:\n  - {name: a, supported_entity: A, patterns: [{name: p, regex: 'b', score: 7}]}\n", "from 0 to 1"),
        ("recognizers: !!python/object/apply:os.system ['true']\n", "expected"),
        ("recognizers: [\n", "not valid YAML"),
        ("- 1\n", "expected `recognizers:`"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_registry_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        build("pii", {"registry": str(path)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"languages": ["dee"]}, "did you mean 'de'"),
        ({"languages": ["nl"], "profile": "presidio"}, "no recognisers"),
        ({"entities": ["DE_TAX_ID"]}, "does not know the entity"),
        ({"rules": [RULE], "profile": "presidio"}, "registry"),
    ],
)
def test_unknown_languages_and_entities(options, words):
    with pytest.raises(ConfigError, match=words):
        build("pii", options)


def test_a_pattern_out_of_time_is_a_gap_and_no_shorter_result(monkeypatch):
    from auditkit.checkers.pii import own_rules

    monkeypatch.setattr(own_rules, "SECONDS", 0.05)
    slow = {"entity": "SLOW", "pattern": r"x\w*\w*\w*\w*\w*!"}
    policy = {"version": 1, "checkers": {"pii": {"rules": [slow]}}}
    result = audit(pa.table({"text": ["x" * 5000]}), policy)
    assert result.verdict.word == "incomplete"
    assert "TimeoutError" in result.gaps[0]
