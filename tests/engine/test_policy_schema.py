"""The schema in docs/ is that of the code, takes the packaged policies and refuses mistakes."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import jsonschema
import pytest

from auditkit.checker import BUILTIN
from auditkit.policy import PACKAGED
from auditkit.policy_schema import policy_schema
from auditkit.resources import resource

SCHEMA = Path(__file__).parents[2] / "docs" / "policy.schema.json"


def test_the_committed_schema_is_that_of_the_code():
    """AUDITKIT_UPDATE=1 writes it anew."""
    text = json.dumps(policy_schema(BUILTIN), indent=1, sort_keys=True) + "\n"
    if os.environ.get("AUDITKIT_UPDATE"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_policies_fit(name):
    table = tomllib.loads(resource(f"rules/policies/{name}.toml").read_text(encoding="utf-8"))
    jsonschema.validate(table, policy_schema())


@pytest.mark.parametrize(
    "table",
    [
        pytest.param({"checkers": {"pii": {}}}, id="no version"),
        pytest.param({"version": 1, "checkers": {"pi": {}}}, id="unknown checker"),
        pytest.param({"version": 1, "checkers": {"pii": {"threshhold": 1}}}, id="unknown option"),
        pytest.param({"version": 1, "checkers": {"pii": {"action": "delete"}}}, id="unknown action"),
        pytest.param({"version": 1, "gate": [{"max": 1}]}, id="gate without metric"),
        pytest.param({"version": 1, "corpus": {"max_quarantined": "none"}}, id="text for a number"),
    ],
)
def test_mistakes_do_not_fit(table):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table, policy_schema())
