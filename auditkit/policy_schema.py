"""The JSON Schema of the policy file, generated from the option types of every installed checker."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from auditkit.checker import catalogue, checker_class
from auditkit.gates import Gate
from auditkit.policy import ACTIONS, FIELD_ROLES, PACKAGED, Common, Corpus

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def policy_schema(names: Iterable[str] | None = None) -> dict[str, Any]:
    """The schema as a dictionary; editors take it for completion and checks while a policy is written.

    names: the checkers whose tables it knows; every installed one when None.
    """
    chosen = catalogue() if names is None else names
    checkers = {name: _table(checker_class(name).Options, Common) for name in chosen}
    checkers_table = {"type": "object", "additionalProperties": False, "properties": checkers}
    return {
        "$schema": DRAFT,
        "title": "auditkit policy",
        "type": "object",
        "required": ["version"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "extends": {"enum": list(PACKAGED)},
            "fields": {
                "type": "object",
                "additionalProperties": False,
                "properties": {role: {"type": "string", "minLength": 1} for role in FIELD_ROLES},
            },
            "corpus": _table(Corpus),
            "checkers": checkers_table,
            "gate": {"type": "array", "items": _table(Gate) | {"required": ["metric"]}},
        },
    }


def _table(*kinds: type) -> dict[str, Any]:
    """One TOML table that takes the options of these dataclasses."""
    properties: dict[str, Any] = {}
    for kind in kinds:
        hints = typing.get_type_hints(kind)
        for item in dataclasses.fields(kind):
            properties[item.name] = _type(hints[item.name]) | _default(item)
    if "action" in properties:
        properties["actions"] = {"type": "object", "additionalProperties": {"enum": list(ACTIONS)}}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _default(item: dataclasses.Field[Any]) -> dict[str, Any]:
    """The default, where TOML can hold it."""
    value = list(item.default) if isinstance(item.default, tuple) else item.default
    return {"default": value} if isinstance(value, bool | int | float | str | list) else {}


def _type(hint: Any) -> dict[str, Any]:
    """The schema of an annotated type, as checker.read_options reads it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin is typing.Union or origin is types.UnionType:
        return _type(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return {"type": "array", "items": _type(args[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(args[1])}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _table(hint)
    return {"type": SCALARS[hint]} if hint in SCALARS else {}
