"""Rows of free text: a topic, a task, a style, a length, perhaps a place, perhaps notes to work from."""

from __future__ import annotations

from random import Random

from auditkit.demo.rows import Attributes, Row
from auditkit.demo.templates import Slots, texts, topics, usable

PLACE_SHARE = 0.55
NOTES_SHARE = 0.15
LENGTHS = {"short": 2, "medium": 4, "long": 7}  # sentences between the first and the last


def prose_row(rng: Random, attributes: Attributes) -> Row:
    """A row with an instruction of some topic and an answer in some style."""
    topic = rng.choice(list(topics()))
    words = topics()[topic]
    region, place = attributes.place() if rng.random() < PLACE_SHARE else (None, {})
    item, item2 = rng.sample(words["item"], 2)
    chosen = {"item": item, "item2": item2, "tool": rng.choice(words["tool"]), "detail": rng.choice(words["detail"])}
    slots = Slots({**attributes.people(), **attributes.time(), **chosen, **place}, rng)
    style = rng.choice(list(texts("attributes")["styles"]))
    sentences = _sentences(words, slots, rng, has_place=region is not None)
    task, notes = _task(words, slots, rng, has_place=region is not None)
    asked = f"{task} {rng.choice(texts('attributes')['styles'][style])}".strip()
    return Row(topic, region, style, asked, notes, shaped(style, sentences, slots), slots)


def _sentences(words: dict[str, list[str]], slots: Slots, rng: Random, *, has_place: bool) -> list[str]:
    """An opening, some of the body in any order, a close; one of them names the place where the row has one."""
    n_body = LENGTHS[rng.choice(list(LENGTHS))]
    while True:
        chosen = [
            rng.choice(usable(words["open"], has_place=has_place)),
            *rng.sample(usable(words["body"], has_place=has_place), n_body),
            rng.choice(usable(words["close"], has_place=has_place)),
        ]
        filled = [slots.fill(template) for template in chosen]
        if not has_place or any(slots["place"] in sentence or slots["city"] in sentence for sentence in filled):
            return filled


def _task(words: dict[str, list[str]], slots: Slots, rng: Random, *, has_place: bool) -> tuple[str, str]:
    """(instruction, input): a task of the topic, or notes to be written out."""
    notes = texts("attributes")["notes"]
    if rng.random() < NOTES_SHARE:
        asked = slots.fill(rng.choice(notes["tasks"]))
        return asked[0].upper() + asked[1:], slots.fill(rng.choice(notes["inputs"]))
    return slots.fill(rng.choice(usable(words["tasks"], has_place=has_place))), ""


def shaped(style: str, sentences: list[str], slots: Slots) -> str:
    """The sentences as a list, a letter, a dialogue, two paragraphs, or one after the other."""
    first, *middle, last = sentences
    if style == "list":
        return "\n".join([first, *(f"- {sentence}" for sentence in middle), last])
    if style == "letter":
        return f"Dear {slots['third']},\n\n{' '.join(sentences)}\n\nWarm regards from {slots['fourth']}."
    if style == "dialogue":
        speakers = (slots["third"], slots["fourth"])
        return "\n".join(f"{speakers[turn % 2]}: {sentence}" for turn, sentence in enumerate(sentences))
    if style == "essay":
        half = len(sentences) // 2
        return f"{' '.join(sentences[:half])}\n\n{' '.join(sentences[half:])}"
    return " ".join(sentences)
