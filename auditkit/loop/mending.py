"""From the first look to the rows that the gate is to judge: repairs, new samples, a second look, the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from auditkit.loop.folder import Place, Row, read_rows, write_rows
from auditkit.loop.judge import accepted, judged
from auditkit.loop.look import Looked, look, redacting
from auditkit.loop.protocols import Generator, Prompt
from auditkit.loop.recovery import Diagnosis, Recovered, diagnosed, recovered, sound_mates
from auditkit.loop.sampling import Say, asks_of, rows_of, sampled
from auditkit.loop.settings import Loop
from auditkit.policy import Policy


@dataclass(frozen=True)
class Means:
    """What mending works with. last: the round before, whose answers a judge may compare with."""

    loop: Loop
    place: Place
    policy: Policy
    generator: Generator
    model: str
    last: Place
    say: Say


@dataclass(frozen=True)
class Mended:
    """What goes to the gate. before: rows that needed no repair; looks: the audits that were made, by name.

    n_beaten: rows that the judge found no better than the reference answer.
    """

    rows: Sequence[Row]
    before: Sequence[Row]
    looks: dict[str, Looked] = field(default_factory=dict)
    n_beaten: int = 0


def mended(means: Means, first: Looked, prompts: Sequence[Prompt]) -> Mended:
    """Diagnose, repair, sample anew, look again; then the judge. recovery.jsonl tells of every rejected row."""
    diagnoses = diagnosed(first, means.loop.recovery.repairs)
    found = recovered(first, diagnoses, {prompt.id: prompt for prompt in prompts})
    looks: dict[str, Looked] = {}
    _redact(means, diagnoses, found, looks)
    new = _sampled_again(means, found, prompts)
    rows = [*found.rows, *(sound_mates(first, found.ask) if new else ()), *new]
    if len(rows) > len(first.kept):
        means.say(f"{len(rows) - len(first.kept):,} rows repaired or sampled anew: second look")
        looks["again"] = look(rows, means.policy, file=means.place / "second.jsonl", run=means.place / "again")
        rows = list(looks["again"].kept)
    write_rows(means.place / "recovery.jsonl", _outcomes(found, new, rows, looks.get("again")))
    chosen = _better(means, prompts, rows)
    return Mended(chosen, first.kept, looks, len(rows) - len(chosen))


def _redact(means: Means, diagnoses: Sequence[Diagnosis], found: Recovered, looks: dict[str, Looked]) -> None:
    """Rows that only private data stands against, masked and looked at as the policy would if it redacted."""
    rows = [{**one.row, "repair": "redact"} for one in diagnoses if one.way == "redact"]
    if rows:
        file, run = means.place / "redact.jsonl", means.place / "redact"
        looks["redact"] = look(rows, redacting(means.policy), file=file, run=run)
        found.rows.extend(looks["redact"].kept)
        there = {row["group"] for row in found.rows}
        found.ask[:] = [prompt for prompt in found.ask if prompt.id not in there]


def _sampled_again(means: Means, found: Recovered, prompts: Sequence[Prompt]) -> list[Row]:
    """New samples of the prompts that lost all their rows, under their own prompt without the reason."""
    loop = means.loop
    if not found.ask or "resample" not in loop.recovery.repairs or not loop.recovery.tries:
        return []
    means.say(f"{len(found.ask):,} prompts asked again with the reason")
    asks = asks_of(
        found.ask, n=loop.sampling.n * loop.recovery.tries, temperature=loop.sampling.temperature,
        instruction=loop.sampling.instruction, seed=f"{loop.seed} {means.place.number} again",
    )  # fmt: skip
    answers = sampled(
        means.place / "resamples.jsonl", asks, means.generator, model=means.model,
        max_unanswered=loop.sampling.max_unanswered, say=means.say,
    )  # fmt: skip
    rows = rows_of(prompts, answers.samples, number=means.place.number, origin="again-")
    return [{**row, "repair": "resample"} for row in rows]


def _outcomes(found: Recovered, new: Sequence[Row], rows: Sequence[Row], again: Looked | None) -> list[Row]:
    """A line per rejected row and per new sample: {id, group, rules, repair, outcome: kept | rejected, rules_again}."""
    kept = {row["id"] for row in rows}
    asked = {prompt.id for prompt in found.ask} if new else set()
    lines = []
    for name, line in found.log.items():
        if line["group"] in asked and line["repair"] in ("", "vote"):
            line["repair"] = "resample"
        lines.append(_outcome(line, name in kept, again))
    for row in new:
        line = {"id": row["id"], "group": row["group"], "rules": [], "repair": "new sample"}
        lines.append(_outcome(line, row["id"] in kept, again))
    return lines


def _outcome(line: Row, kept: bool, again: Looked | None) -> Row:  # noqa: FBT001 - one of two words
    rules = again.reasons.get(line["id"], ()) if again else ()
    word = "answered" if line["repair"] == "majority" else "kept" if kept else "rejected"
    return {**line, "outcome": word, "rules_again": list(rules)}


def _better(means: Means, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[Row]:
    """The rows that beat the reference answer, where a judge is named; judged.jsonl has a line per comparison."""
    table = means.loop.judge
    if not table.url:
        return list(rows)
    if table.against == "reference":
        references = {prompt.id: prompt.answer for prompt in prompts if prompt.answer}
    else:
        references = {}
        if means.last.number:
            for row in read_rows(means.last / "kept.jsonl"):
                references.setdefault(str(row["group"]), str(row["response"]))
    path = means.place / "judged.jsonl"
    if not path.exists():
        write_rows(path, judged(means.loop, rows, references, cache=means.place.path.parent / "answers.jsonl"))
    return accepted(rows, read_rows(path))
