"""Chats whose turns no template takes: order, speakers, empty and repeated turns, tool calls. Nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from auditkit.checkers.hallucination.artefacts import ANSWERS, Rows, candidates
from auditkit.checkers.hallucination.structure import Wrong, parsed_json
from auditkit.documents import Text
from auditkit.messages import is_said

_TURN = re.compile(r"(?P<list>[^\[\]]+)\[(?P<number>\d+)\]\..+")
SYSTEM = frozenset(["system", "developer"])
REPEATED = 20  # characters of an answer that may not stand twice in a chat; "Yes." may


class Turn(NamedTuple):
    """One text of a chat: the number of its message, who speaks ("" = not told)."""

    text: Text
    number: int
    speaker: str


def chats(rows: Rows) -> list[list[Turn]]:
    """The turns of each row that is a chat: one list that holds what several speakers say. Gathered once per batch."""
    if "chats" not in rows.memo:
        rows.memo["chats"] = list(_chats(rows))
    found: list[list[Turn]] = rows.memo["chats"]
    return found


def _chats(rows: Rows) -> Iterator[list[Turn]]:
    column = rows.batch.texts
    if not any("]." in field for field in column.column("field").dictionary.to_pylist()):
        return
    texts, speakers = rows.batch.iter_texts(), column.column("speaker").to_pylist()
    turns = (
        (match["list"], Turn(text, int(match["number"]), speaker or ""))
        for text, speaker in zip(texts, speakers, strict=True)
        if (match := _TURN.fullmatch(text.field))
        and (speaker or text.role != "text")
        and is_said(text.role, speaker or "")
    )
    for _, group in groupby(turns, key=lambda pair: (pair[1].text.doc, pair[0])):
        chat = [turn for _, turn in group]
        if any(turn.speaker for turn in chat) or len({turn.text.role for turn in chat}) > 1 or len(chat) > 1:
            yield chat


def _whole(turn: Turn) -> tuple[Text, int, int]:
    return turn.text, 0, len(turn.text.text)


def _spoken(chat: Sequence[Turn]) -> list[Turn]:
    """The turns that user, assistant and tools take, without the system's."""
    return [turn for turn in chat if turn.speaker.lower() not in SYSTEM and turn.text.role != "text"]


def order(rows: Rows) -> Wrong:
    """A chat that begins with the assistant, has two answers in a row, or a question after a question.

    Turns apart by a message without text (a call of a tool) are not neighbours. Where speakers are not told, the first
    of two questions may be the system's.
    """
    for chat in chats(rows):
        turns, told = _spoken(chat), any(turn.speaker for turn in chat)
        if turns and turns[0].text.role == "response" and (turns[0].number == 0 or told):
            yield _whole(turns[0])
        for place, (one, other) in enumerate(pairwise(turns)):
            roles = (one.text.role, other.text.role)
            doubled = roles == ("response", "response") or (roles == ("prompt", "prompt") and (told or place > 0))
            if doubled and other.number == one.number + 1:
                yield _whole(other)


def system(rows: Rows) -> Wrong:
    """What the system says anywhere but at the beginning, or twice."""
    for chat in chats(rows):
        for turn in chat:
            if turn.speaker.lower() in SYSTEM and turn.number > 0:
                yield _whole(turn)


def speaker(rows: Rows) -> Wrong:
    """A speaker whom no common template knows: its turn is lost or fails in training."""
    for chat in chats(rows):
        for turn in chat:
            if turn.speaker and turn.text.role == "text":
                yield _whole(turn)


def unanswered(rows: Rows) -> Wrong:
    """A chat whose last turn is a prompt: there is nothing to train on in it."""
    for chat in chats(rows):
        if chat[-1].text.role == "prompt" and not _called(rows, chat[-1]):
            yield _whole(chat[-1])


def _called(rows: Rows, last: Turn) -> bool:
    """Whether the answer to this turn is a call of a tool, which has no text."""
    told = rows.calls.get(last.text.doc)
    return told is not None and any(turn > last.number for turn, _, _ in told.calls)


def empty_turn(rows: Rows) -> Wrong:
    """A prompt of a chat without content; empty responses are hallucination/empty."""
    for chat in chats(rows):
        for turn in chat:
            if turn.text.role == "prompt" and not turn.text.text.strip():
                yield _whole(turn)


def repeated_turn(rows: Rows) -> Wrong:
    """A response that a response before it in the chat has already given, word for word."""
    for chat in chats(rows):
        seen: set[str] = set()
        for turn in chat:
            shown = turn.text.text.strip()
            if turn.text.role == "response" and len(shown) >= REPEATED:
                if shown in seen:
                    yield _whole(turn)
                seen.add(shown)


_TAG = re.compile(r"<(/?)(?:tool|function)_call>")
_NAME = re.compile(r'"name"\s*:\s*"([\w.-]{1,80})"')


def tool_call(rows: Rows) -> Wrong:
    """A call that is no JSON object with a name, or names a tool that is not offered, in tags or beside the text."""
    for text in candidates(rows.column(ANSWERS), r"<(?:tool_call|function_call)>"):
        yield from ((text, start, end) for start, end in _tagged(text.text, rows.given(text.doc)))
    texts = {turn.text.doc: chat for chat in chats(rows) for turn in chat[:1]} if rows.calls else {}
    for doc, told in rows.calls.items():
        wrong = {
            turn for turn, name, whole in told.calls if not whole or not name or name not in (told.tools or [name])
        }
        for number in sorted(wrong) if doc in texts else ():
            yield _whole(next((turn for turn in texts[doc][::-1] if turn.number <= number), texts[doc][0]))


def _tagged(response: str, given: str) -> Iterator[tuple[int, int]]:
    listed = set(_NAME.findall(given)) if "<tools>" in given or '"parameters"' in given else set()
    tags = [(match.start(), match.end(), bool(match[1])) for match in _TAG.finditer(response)]
    for (start, inner, closing), (end, after, closed) in pairwise(tags):
        if closing or not closed:
            continue
        call = parsed_json(response[inner:end])
        name = call.get("name") if isinstance(call, dict) else None
        if not isinstance(name, str) or (listed and name not in listed):
            yield start, after


CHATS: Mapping[str, Callable[[Rows], Wrong]] = {
    "hallucination/chat-order": order,
    "hallucination/chat-system": system,
    "hallucination/chat-speaker": speaker,
    "hallucination/chat-unanswered": unanswered,
    "hallucination/chat-empty-turn": empty_turn,
    "hallucination/chat-repeated-turn": repeated_turn,
    "hallucination/tool-call": tool_call,
}
