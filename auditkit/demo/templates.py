"""The texts that the corpus is made of, and the slots in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

TEXTS = Path(__file__).parent / "texts"


@cache
def texts(name: str) -> dict[str, Any]:
    """The templates of texts/NAME.toml."""
    return tomllib.loads((TEXTS / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def topics() -> dict[str, dict[str, list[str]]]:
    """Topic -> its words, tasks and sentences."""
    return {topic: table for part in ("home", "world", "mind") for topic, table in texts(f"topics_{part}").items()}


class Slots(Mapping[str, str]):
    """What stands in the slots of one row: `{item}`, with a capital `{Item}`; `{n}` and `{m}` are drawn at each use."""

    def __init__(self, values: Mapping[str, str], rng: Random) -> None:
        self._values, self._rng = dict(values), rng

    def __getitem__(self, slot: str) -> str:
        """The value of a slot."""
        if slot in ("n", "m"):
            return str(self._rng.choice(texts("attributes")["number"]))
        if slot[0].isupper():
            value = self[slot.lower()]
            return value[0].upper() + value[1:]
        return self._values[slot]

    def __iter__(self) -> Iterator[str]:
        """The names of the fixed slots."""
        return iter(self._values)

    def __len__(self) -> int:
        """Number of fixed slots."""
        return len(self._values)

    def fill(self, template: str, **more: str) -> str:
        """The template with every slot filled."""
        return template.format_map(Slots({**self._values, **more}, self._rng) if more else self)


def needs_place(template: str) -> bool:
    """Whether a template names the place of its row."""
    return any(slot in template for slot in ("{place}", "{city}", "{City}"))


def usable(templates: Sequence[str], *, has_place: bool) -> list[str]:
    """The templates that a row can use: without a place none that names one."""
    return [template for template in templates if has_place or not needs_place(template)]
