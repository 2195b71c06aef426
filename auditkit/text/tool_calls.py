"""The tool calls of a chat, in the forms of OpenAI and Anthropic: who is called, and whether it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from auditkit.text.strict_json import MAX_DIGITS, Refused, strict_object


def told_calls(messages: object, tools: object, max_nesting: int) -> str | None:
    """JSON {"calls": [[turn, name, whole]], "tools": [name] or null}; None without a call.

    whole: the arguments are an object, or JSON of one. name: "" where the call has none. tools: the names that the
    record offers; null where it lists none. No argument is kept.
    """
    calls = [(turn, _name(call), _whole(call, max_nesting)) for turn, call in _calls(messages)]
    if not calls:
        return None
    return orjson.dumps({"calls": calls, "tools": _offered(tools, max_nesting)}).decode()


def _calls(messages: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    """(number of the message, its call); what is no object is a call without name."""
    for turn, message in enumerate(_list(messages)):
        if isinstance(message, dict) and _may_call(message):
            single = message.get("function_call")
            calls = [*_list(message.get("tool_calls")), *([single] if _is_told(single) else ())]
            for call in (*calls, *filter(_is_use, _list(message.get("content")))):
                inner = call.get("function") or call.get("custom") or call if isinstance(call, dict) else None
                yield turn, inner if isinstance(inner, dict) else {}


def _may_call(message: Mapping[str, object]) -> bool:
    return "tool_calls" in message or "function_call" in message or isinstance(message.get("content"), list)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_told(call: object) -> bool:
    return bool(call) and (isinstance(call, Mapping | list) or type(call) is str)


def _is_use(part: object) -> bool:
    """Whether a part of a content calls a tool, as Anthropic writes it: its `input` is an object."""
    return isinstance(part, Mapping) and part.get("type") == "tool_use"


def _name(call: Mapping[str, object]) -> str:
    name = call.get("name")
    return name if type(name) is str else ""


def _whole(call: Mapping[str, object], max_nesting: int) -> bool:
    """Whether the arguments can be read; a tool without parameters is called with none or an empty string."""
    given = call.get("arguments")
    if given is None or given == "" or isinstance(given, dict):
        return True
    if type(given) is not str:
        return False
    if _is_plain_object(given):
        return True
    try:
        strict_object(given.encode("utf-8", "surrogatepass"), max_nesting)
    except Refused:
        return False
    return True


def _is_plain_object(given: str) -> bool:
    """Whether a text is surely an object of strings and integers whose names differ: a tenth of the strict way's time.

    The colons outside strings are as many as the members that are written; of equal names one is left.
    """
    if len(given) > MAX_DIGITS:
        return False
    try:
        found = orjson.loads(given)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(found, dict) or not {dict, list, float}.isdisjoint(map(type, found.values())):
        return False
    return _STRING.sub("", given).count(":") == len(found)


_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"')


def _offered(tools: object, max_nesting: int) -> list[str] | None:
    """The names of the tools: of objects, of objects under "function", or of JSON text of a list of them."""
    if type(tools) is str:
        try:
            tools = strict_object(b'{"tools":' + tools.encode("utf-8", "surrogatepass") + b"}", max_nesting)["tools"]
        except Refused:
            return None
    if not isinstance(tools, list):
        return None
    named = [tool.get("function", tool) if isinstance(tool, Mapping) else tool for tool in tools]
    return sorted({name for tool in named if (name := _name(tool) if isinstance(tool, Mapping) else str(tool))}) or None
