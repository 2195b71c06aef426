"""Surrogates for all values of a corpus at once: none given to two of them, none that is one of them.

A value's first surrogate depends on the value and the key alone, so it is the same in every corpus. Only where two
values of this corpus draw the same one, or one that stands in the corpus, the later of them (in the order of their
keyed digests) takes its next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditkit.checkers.pii.marks import digest, extension, identity
from auditkit.checkers.pii.surrogate import replace
from auditkit.errors import CheckerError

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIES = 256


def surrogates(values: Sequence[tuple[str, str]], *, key: bytes) -> list[str]:
    """The surrogate of each (entity, value), the same for values with the same identity.

    CheckerError when a value finds none in 256 attempts: its kind has more values than its range can tell apart.
    """
    by_identity: dict[tuple[str, str], str] = {}
    for entity, value in values:
        by_identity.setdefault((entity, identity(entity, value)), value)
    taken: set[tuple[str, str, str]] = set()
    attempts = {}
    for entity, who in sorted(by_identity, key=lambda item: digest(item[0], item[1], key)):
        attempt, made = _first_free((entity, who), by_identity, taken, key)
        attempts[entity, who] = attempt
        taken.add(made)
    return [
        replace(entity, value, style="surrogate", key=key, attempt=attempts[entity, identity(entity, value)])
        for entity, value in values
    ]


def _first_free(
    item: tuple[str, str], real: dict[tuple[str, str], str], taken: set[tuple[str, str, str]], key: bytes
) -> tuple[int, tuple[str, str, str]]:
    """(attempt, (entity, identity, extension)) of the item's first surrogate that is neither real nor taken."""
    entity = item[0]
    for attempt in range(TRIES):
        value = replace(entity, real[item], style="surrogate", key=key, attempt=attempt)
        made = entity, identity(entity, value), extension(entity, value)
        if made[:2] not in real and made not in taken:
            return attempt, made
    raise CheckerError(f"no surrogate is left for a value of {entity}; choose another style, such as redact = 'hash'")
