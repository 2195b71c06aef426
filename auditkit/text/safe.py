"""Text from a document made harmless for where it is shown."""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]|[\t\n]"
)

_DATA = re.compile(r"@|\d(?:[ .-]?\d){5}")


def field_name(name: str) -> str:
    """The name of a field for a message: `***` where it is data (an address, a number) rather than a name."""
    return "***" if _DATA.search(name) else printable(name, limit=40)


def printable(text: str, *, limit: int = 200) -> str:
    r"""One line without control, bidi or invisible characters: each is shown as `\xNN` or `\uNNNN`; cut at `limit`."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return _HIDDEN.sub(_escaped, cut)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
