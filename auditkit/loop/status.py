"""Where a loop stands, in words: a line per round, and what an unfinished one still waits for."""

from __future__ import annotations

from pathlib import Path

from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS, RunFolderError
from auditkit.loop.folder import Place, check_chain, place_of, published
from auditkit.text.safe import printable

STEPS = (
    ("prompts.jsonl", "choosing prompts"),
    ("samples.jsonl", "sampling"),
    ("run/manifest.json", "the first look"),
    ("recovery.jsonl", "recovery"),
    ("kept.jsonl", "the gate"),
    ("metrics.json", "measuring"),
    ("trained.json", "training"),
)


def status(out: Path) -> tuple[str, int]:
    """(a line per round, exit code): 0 all published rounds pass, 1 the last failed, 3 one is unfinished.

    RunFolderError when there is no round, or when a round was changed or lost after it was published.
    """
    rounds = published(out)
    begun = place_of(out, rounds[-1].number + 1 if rounds else 0)
    if not rounds and not begun.path.is_dir():
        raise RunFolderError(f"{out}: holds no loop; `auditkit loop run` begins one")
    rounds = check_chain(out, rounds[-1].number) if rounds else []
    lines = [line_of(place) for place in rounds]
    if begun.path.is_dir():
        lines.append(f"round {begun.number}: unfinished, {_waiting(begun)}; run the same command again to go on")
        return "\n".join(lines), EXIT_INCOMPLETE
    failed = rounds[-1].number and rounds[-1].manifest["verdict"] == "fail"
    return "\n".join(lines), EXIT_FAIL if failed else EXIT_PASS


def line_of(place: Place) -> str:
    """One published round: its verdict, what it kept, why it failed."""
    told = place.manifest
    counts = told["counts"]
    if not place.number:
        return f"round 0: reference, {counts['kept']:,} of {counts['rows']:,} rows kept"
    line = f"round {place.number}: {told['verdict']}, {counts['kept']:,} rows kept of {counts['rows']:,} sampled"
    line += f" for {counts['prompts']:,} prompts ({counts['kept_without_recovery']:,} without recovery)"
    line += f", model {printable(told['model'])}" if told["model"] else ""
    return "\n".join([line, *(f"  {printable(reason, limit=400)}" for reason in told["reasons"])])


def _waiting(place: Place) -> str:
    """The first step of the round that is not done."""
    for name, doing in STEPS if place.number else ():
        if not (place.path / name).exists():
            return f"at {doing}"
    return "at its reference" if not place.number else "at publishing"
