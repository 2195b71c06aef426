"""Whether rows load into a trainer as they stand: TRL's SFTTrainer, and axolotl's dataset types. Counts, no findings.

Read off the fields that a row has and the turns of its chat. TRL takes `text`, `prompt` with `completion`, or
`messages` of role and content; what it must be told by a formatting function does not load as it stands. axolotl takes
`text` (completion), `instruction` with `output` (alpaca), and `messages` or `conversations` (chat_template). In both a
chat needs speakers that templates know, the system first, question and answer in turns, and an answer at the end.
Sources: TRL, "Dataset formats and types"; axolotl, "Dataset formats".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from auditkit.checkers.hallucination import chats
from auditkit.checkers.hallucination.artefacts import Rows

TRAINERS = ("trl", "axolotl")
FLAT: Mapping[str, Sequence[frozenset[str]]] = {
    "trl": (frozenset(["text"]), frozenset(["prompt", "completion"])),
    "axolotl": (frozenset(["text"]), frozenset(["instruction", "output"])),
}
CHAT: Mapping[str, tuple[str, ...]] = {
    "trl": ("messages[*].content",),
    "axolotl": ("messages[*].content", "conversations[*].value", "conversations[*].content"),
}
TURNS = (chats.order, chats.system, chats.speaker, chats.unanswered, chats.empty_turn)
METRICS = tuple(f"preflight_{trainer}" for trainer in TRAINERS)

Tallies = dict[tuple[str, str], tuple[int, int]]


def preflight(rows: Rows) -> Tallies:
    """(`preflight_trl`, slice) -> (rows that load, rows): the whole, and of chats, whose turns fit."""
    broken = {text.doc for check in TURNS for text, _, _ in check(rows)}
    silent = {text.doc for text in rows.batch.iter_texts("response") if not text.text.strip()}
    shapes: dict[frozenset[str], set[int]] = {}
    for doc, fields in _fields(rows).items():
        shapes.setdefault(frozenset(fields), set()).add(doc)
    n_docs = len(rows.batch)
    tallies: Tallies = {}
    for trainer in TRAINERS:
        known = [(fields, docs) for fields, docs in shapes.items() if fits(trainer, fields)]
        shaped = {doc for _, docs in known for doc in docs}
        talks = {doc for fields, docs in known if not fields.isdisjoint(CHAT[trainer]) for doc in docs}
        tallies[f"preflight_{trainer}", ""] = (len(shaped - broken - silent), n_docs)
        tallies[f"preflight_{trainer}", "known fields"] = (len(shaped), n_docs)
        tallies[f"preflight_{trainer}", "turns in order"] = (len(talks - broken), len(talks))
        tallies[f"preflight_{trainer}", "answer not empty"] = (len(shaped - silent), len(shaped))
    return tallies


def _fields(rows: Rows) -> dict[int, set[str]]:
    """Doc -> the shapes of its fields. The names are few: each is shaped once."""
    column = rows.batch.texts.column("field")
    names = [_shape(field) for field in column.dictionary.to_pylist()]
    found: dict[int, set[str]] = {}
    for doc, code in zip(rows.batch.text_docs.tolist(), column.indices.to_pylist(), strict=True):
        found.setdefault(doc, set()).add(names[code])
    return found


def _shape(field: str) -> str:
    """`messages[3].content` and the parts inside it as `messages[*].content`."""
    name, bracket, rest = field.partition("[")
    inner = rest.partition("].")[2].partition("[")[0]
    return f"{name}[*].{inner}" if bracket and inner else name


def fits(trainer: str, fields: Collection[str]) -> bool:
    """Whether a row with these fields has one of the shapes that the trainer knows."""
    return any(shape in CHAT[trainer] for shape in fields) or any(shape.issubset(fields) for shape in FLAT[trainer])
