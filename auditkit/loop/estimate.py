"""What the next round will ask and cost, before anything is asked."""

from __future__ import annotations

from pathlib import Path

from auditkit.loop.folder import published
from auditkit.loop.generators import Asked, generator_of
from auditkit.loop.prompts import from_files
from auditkit.loop.sampling import asks_of
from auditkit.loop.settings import Loop


def estimate(loop: Loop, out: Path) -> str:
    """Questions, tokens and price of the next round at most, in words; probe and prompts from files by their texts.

    Attributed and invented prompts do not exist yet: they are counted as long as the template, or 50 words.
    """
    table = loop.sampling
    given = from_files([loop.path(name) for name in loop.prompts.files])
    given = given[: loop.prompts.per_round] if loop.prompts.per_round else given
    probe = from_files([loop.path(loop.reference.probe)]) if loop.reference.probe else []
    number = published(out)[-1].number + 1 if published(out) else 1
    asks = [
        ask
        for prompts in (given, probe)
        for ask in asks_of(
            prompts, n=table.n, temperature=table.temperature, instruction=table.instruction,
            seed=f"{loop.seed} {number}",
        )
    ]  # fmt: skip
    n_made = loop.prompts.attributed + loop.prompts.invented
    said = f"round {number}: {len(given):,} prompts from files, {n_made:,} made, {len(probe):,} of the probe, "
    said += f"{table.n} samples each"
    generator = generator_of(loop, out)
    if not isinstance(generator, Asked):
        return f"{said}; nothing is paid for"
    return f"{said}\n{generator.estimate(asks, model='')}"
