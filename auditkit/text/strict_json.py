"""One JSON line read as strictly as the standard is written: the truth that the fast scan is tested against.

What passes is one RFC 8259 object in UTF-8 whose names differ, whose strings hold no lone surrogates, whose numbers fit
a double and 4,300 digits. Numbers stay as they were written. Some 30 MB/s: only for lines that the fast scan doubts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
MAX_DIGITS = 4300  # CPython's own limit for int(), against quadratic time (CVE-2020-10735)
MOST_VALUES = 1 << 20  # in one record: each takes some 150 bytes, and a line of 64 MB may hold 30 million
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Number(str):
    """A JSON number as it was written: read as text for id and label, never as a text of a document."""

    __slots__ = ()


class Refused(ValueError):  # noqa: N818 - nothing went wrong here: the line is refused
    """Why a line is not read; the message holds none of its text."""


def strict_object(line: bytes, max_nesting: int) -> dict[str, object]:
    """The object on a line (a byte order mark before it is passed over); Refused says why there is none."""
    try:
        text = line.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise Refused(f"not UTF-8: byte 0x{line[error.start]:02x} at byte {error.start}") from None
    if _deeper_than(max_nesting, line):
        raise Refused(f"nested deeper than {max_nesting}")
    if has_too_many_values(line):
        raise Refused(f"above the limit of {MOST_VALUES} values in one record")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Refused(_words(error, text)) from None
    if not isinstance(value, dict):
        raise Refused(f"not an object but {_KINDS.get(type(value), 'a literal')}")
    if _HALF.search(text) and not all(map(_encodes, _strings(value))):
        raise Refused("half of a surrogate pair stands alone")
    return value


_COMMA_AT_THE_END = {("Expecting value", "]"), ("Expecting property name enclosed in double quotes", "}")}
"""What Python says of such a comma until 3.12; 3.13 says it in other words and at another place."""

_KINDS: dict[type, str] = {list: "a list", str: "a string", Number: "a number"}


def _words(error: json.JSONDecodeError, text: str) -> str:
    if error.msg == "Extra data":
        return f"something follows the value at character {error.pos}: two records on one line?"
    before = text[: error.pos].rstrip(" \t\n\r")
    if before.endswith(",") and (error.msg, text[error.pos : error.pos + 1]) in _COMMA_AT_THE_END:
        return f"not JSON: a comma before the end of a list or object at character {len(before) - 1}"
    if error.msg.startswith("Illegal trailing comma"):
        return f"not JSON: a comma before the end of a list or object at character {error.pos}"
    said = error.msg.removesuffix(" at")
    return f"not JSON: {said[:1].lower()}{said[1:]} at character {error.pos}"


def _deeper_than(limit: int, line: bytes) -> bool:
    """Whether brackets outside strings nest deeper; asked before the parser, whose stack is not ours."""
    if line.count(b"[") + line.count(b"{") <= limit:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(line):
        byte = line[match.start()]
        if byte in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def has_too_many_values(line: bytes) -> bool:
    """Whether a record is too large to be read as objects; told by the commas outside its strings."""
    if line.count(b",") <= MOST_VALUES:
        return False
    return _STRING.sub(b"", line).count(b",") > MOST_VALUES


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("a name stands twice in one object: readers differ in which they see")
    return found


def _whole(digits: str) -> Number:
    if len(digits) > MAX_DIGITS:
        raise Refused(f"a number of more than {MAX_DIGITS} digits")
    return Number(digits)


def _broken(digits: str) -> Number:
    if math.isinf(float(digits)):
        raise Refused("a number above the largest double")
    return _whole(digits)


def _constant(word: str) -> object:
    raise Refused(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole, parse_float=_broken, parse_constant=_constant, strict=True
)


def _strings(value: object) -> Iterator[str]:
    """Every string and name inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _encodes(text: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in text)
