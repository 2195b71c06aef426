"""The texts of one chat message: what its speaker says, and what stands beside it.

Said is the content: a string, or the `text` of its parts. Beside it stand the arguments of tool calls, what a tool gave
back, reasoning, refusals. They are texts of the role `context`, each with its own path
(`messages[1].tool_calls[0].function.arguments`). Not read: names and ids of calls, numbers, names of arguments,
pictures, sounds and files with their addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditkit.documents import Batch
from auditkit.text.safe import printable
from auditkit.text.strict_json import Number, Refused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

TOO_LONG = "above the limit"
"""How every reason begins that is about length alone: such rows do not make a file unreadable."""
MOST_BESIDE = 100_000  # texts beside one content; each takes some 300 bytes, and a line of 64 MB may hold 16 million

SPEAKERS = {
    "user": "prompt", "human": "prompt", "system": "prompt", "developer": "prompt", "prompter": "prompt",
    "assistant": "response", "gpt": "response", "model": "response", "chatgpt": "response", "bot": "response",
    "tool": "context", "function": "context", "observation": "context", "ipython": "context", "context": "context",
}  # fmt: skip
"""OpenAI, ShareGPT, OpenAssistant and Llama names; what others say is plain text, which all checkers read."""

CALLS = ("tool_calls", "function_call")
BESIDE = (*CALLS, "reasoning_content", "reasoning", "thinking", "refusal")
"""What a message may hold beside its content: names of OpenAI, DeepSeek, vLLM, OpenRouter and Anthropic."""

_BESIDE = frozenset(BESIDE)
_GIVEN = frozenset(["arguments", "input", "parameters", "args", "output", "result"])  # every string in them is data
_FILES = {"image_url", "image", "input_audio", "audio", "video", "video_url", "file", "url"}
MACHINERY = frozenset(["id", "type", "name", "tool_use_id", "tool_call_id", "call_id", "signature"])
"""Names under which a message holds no text but what ties its parts together."""
_PASSED = MACHINERY | frozenset(["media_type", "format", "status", "cache_control"]) | _FILES
_PASSED_IN_PART = _PASSED | {"text"}  # which is what is said
_ENCODED = frozenset(["base64", "redacted_thinking"])  # types of objects whose `data` is no text
_NOTHING: frozenset[str] = frozenset()
_SEPARATORS = frozenset(".[]")  # of a path
_DATA_URL = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,80}(?:;[\w=.+-]{1,80}){0,3};base64,[A-Za-z0-9+/=_\s-]*+")


def speaker_of(key: str) -> str:
    """The field of a message that says who speaks, beside the one that holds the text."""
    return "from" if key == "value" else "role"


def voice(speaker: str) -> str:
    """The role of what a speaker says, and the speaker: `prompt:user`."""
    return f"{SPEAKERS.get(speaker.lower(), 'text')}:{speaker}"


def own_context(texts: pa.RecordBatch) -> NDArray[np.bool_]:
    """bool[m]: context by the writer of the answers, reasoning and arguments of calls: it grounds nothing."""
    import numpy as np
    import pyarrow.compute as pc

    speakers = texts.column("speaker")
    writes = [SPEAKERS.get(name.lower()) == "response" for name in speakers.dictionary.to_pylist()]
    codes = pc.fill_null(speakers.indices, len(writes)).to_numpy(zero_copy_only=False)
    context = pc.equal(texts.column("role").cast("string"), "context").to_numpy(zero_copy_only=False)
    own: NDArray[np.bool_] = np.array([*writes, False])[codes] & context
    return own


def heard(batch: Batch) -> Batch:
    """The batch without context by the writer of the answers, such as reasoning: for whoever asks what they rest on."""
    import pyarrow as pa

    own = own_context(batch.texts)
    return Batch(batch.texts.filter(pa.array(~own)), batch.records) if own.any() else batch


def is_said(role: str, speaker: str) -> bool:
    """Whether a text of a chat is what its speaker says, and does not stand beside it."""
    return not speaker or role != "context" or SPEAKERS.get(speaker.lower()) == "context"


def message_texts(message: Mapping[str, object], name: str, key: str) -> list[tuple[str, str, str]]:
    """(field, "role:speaker", text) of each text of the message that stands at `name` and speaks by its field `key`.

    Refused where it does not say who speaks, says nothing, or holds a text that no path can name.
    """
    speaker = message.get(speaker_of(key))
    if type(speaker) is not str:
        raise Refused(f"the message '{printable(name)}' does not say who speaks")
    content = message.get(key)
    if type(content) is str:
        found = [(f"{name}.{key}", voice(speaker), content)]
    elif isinstance(content, list):
        found = [text for index, part in enumerate(content) for text in _part(part, f"{name}.{key}[{index}]", speaker)]
    elif content is None and any(message.get(other) for other in BESIDE):
        found = []  # an assistant that calls a tool, or refuses, says nothing
    else:
        raise Refused(f"field '{printable(name)}.{key}' is not a text but {kind_of(content)}")
    if not _BESIDE.isdisjoint(message):
        for other in BESIDE:
            if message.get(other) is not None:
                found += _beside(message[other], f"{name}.{other}", speaker, _PASSED)
    return found


def _part(part: object, name: str, speaker: str) -> list[tuple[str, str, str]]:
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(part, dict) or (type(text) is not str and (text is not None or part.get("type") == "text")):
        raise Refused(f"field '{printable(name)}' is not a part with a text")
    said = [(f"{name}.text", voice(speaker), text)] if type(text) is str else []
    return said + _beside(part, name, speaker, _PASSED_IN_PART)


def _beside(value: object, name: str, speaker: str, passed: frozenset[str]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str]] = []
    _gather(value, name, passed, found)
    return [(field, f"context:{speaker}", text) for field, text in found]


def _gather(value: object, name: str, passed: frozenset[str], found: list[tuple[str, str]]) -> None:
    """Add (path, text) of every string inside a value that is not empty, but what stands under a passed name."""
    if type(value) is str:
        if value and not (value[:5] == "data:" and _DATA_URL.fullmatch(value)):
            if len(found) == MOST_BESIDE:
                raise Refused(f"{TOO_LONG} of {MOST_BESIDE} texts beside a content: '{printable(name)}'")
            found.append((name, value))
    elif isinstance(value, dict):
        _gather_members(value, name, passed, found)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _gather(inner, f"{name}[{index}]", passed, found)
    elif isinstance(value, tuple):
        raise Refused(f"field '{printable(name)}' is not a text but a map, in which no text can be named")


def _gather_members(
    value: Mapping[str, object], name: str, passed: frozenset[str], found: list[tuple[str, str]]
) -> None:
    encoded = bool(passed) and (value.get("type") in _ENCODED or "format" in value)
    for key, inner in value.items():
        if inner is None or key in passed or (encoded and key == "data"):
            continue
        n_before = len(found)
        _gather(inner, f"{name}.{key}", _NOTHING if key in _GIVEN or not passed else _PASSED, found)
        if len(found) > n_before and not (key and _SEPARATORS.isdisjoint(key)):
            raise Refused(
                f"field '{printable(name)}' has a text under a name that holds '.', '[' or ']', or under none"
            )


def kind_of(value: object) -> str:
    """The JSON word for what a value is, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number | int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "a value"
