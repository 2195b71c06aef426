"""Fields whose names say what they hold."""

import json

import pyarrow as pa
import pytest

from auditkit.audit import audit, gate
from auditkit.checker import build
from auditkit.documents import Text, batch_of


def found(field, text, **options):
    batch = batch_of([Text(0, field, "text", text)], [{"doc": 0}])
    rows = build("pii", options).check(batch).findings.to_pylist()
    return [(row["rule"].removeprefix("pii/"), text[row["start"] : row["end"]]) for row in rows]


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        pytest.param("user.phone", " 555 0142", [("phone", "555 0142")], id="a short number"),
        pytest.param("phone_number", "5550142", [("phone", "5550142")], id="bare digits"),
        pytest.param("users[3].PhoneNumber", "5550142", [("phone", "5550142")], id="in a list, in capitals"),
        pytest.param("text", "5550142", [], id="the same in prose"),
        pytest.param("contact.email", "joe@intranet", [("email", "joe@intranet")], id="address without a domain"),
        pytest.param("email", "joe@corp.com", [("email", "joe@corp.com")], id="found anyway, once"),
        pytest.param("email", "write to joe@corp.com today", [("email", "joe@corp.com")], id="prose in a field"),
        pytest.param("ssn", "666-12-3456", [("ssn", "666-12-3456")], id="never issued, but called so"),
        pytest.param("card_number", "4111111111111112", [("credit-card", "4111111111111112")], id="wrong check digit"),
        pytest.param("client_ip", "10.1.2.3", [("ip", "10.1.2.3")], id="private address"),
        pytest.param("phone", "none", [], id="no number"),
        pytest.param("email", "", [], id="empty"),
    ],
)
def test_a_field_tells_what_it_holds(field, text, expected):
    assert found(field, text) == expected


def test_names_only_where_they_are_asked_for():
    assert found("full_name", "jane roe") == []
    assert found("full_name", "jane roe", entities=["PERSON"]) == [("person", "jane roe")]


def test_the_same_text_in_two_fields_is_two_things():
    batch = batch_of([Text(0, "phone", "text", "5550142"), Text(0, "text", "text", "5550142")], [{"doc": 0}])
    rows = build("pii", {}).check(batch).findings.to_pylist()
    assert [(row["field"], row["rule"]) for row in rows] == [("phone", "pii/phone")]


def test_profile_presidio_knows_no_fields():
    assert "phone" not in [rule for rule, _ in found("phone", "12", profile="presidio")]


def test_a_named_field_is_found_and_redacted(tmp_path):
    path = tmp_path / "people.jsonl"
    path.write_text(json.dumps({"text": "Hello.", "user": {"phone": "5550142", "plan": "b"}}) + "\n")
    policy = {
        "version": 1,
        "fields": {"text": "text", "context": "user.phone"},
        "checkers": {"pii": {"action": "redact", "redact": "mask"}},
    }
    gate([str(path)], policy, out=str(tmp_path / "run"))
    kept = json.loads((tmp_path / "run/kept/people.jsonl").read_text())
    assert kept == {"text": "Hello.", "user": {"phone": "*****", "plan": "b"}}


def test_a_table_with_such_a_column():
    table = pa.table({"text": ["Hello."], "phone": ["5550142"]})
    fields = {"text": "text", "context": "phone"}
    assert audit(table, {"version": 1, "checkers": {"pii": {}}}, fields=fields).findings.num_rows == 1
