"""From the first look to the rows that the gate is to judge: repairs, new samples, a second look, the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditkit.loop.folder import Place, Row, read_rows, write_rows
from auditkit.loop.judge import accepted, judged
from auditkit.loop.look import Looked, look, redacting
from auditkit.loop.protocols import Generator, Prompt
from auditkit.loop.recovery import Diagnosis, Recovered, asked_again, diagnosed, recovered, sound_mates
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
    """Diagnose, repair, look again; sample anew what still has no row, look again; then the judge.

    recovery.jsonl tells of every rejected row and every new sample.
    """
    diagnoses = diagnosed(first, means.loop.recovery.repairs)
    looks: dict[str, Looked] = {}
    found = recovered(first, diagnoses)
    _redact(means, diagnoses, found, looks)
    rows: Sequence[Row] = first.kept
    if len(found.rows) > len(rows):
        means.say(f"{len(found.rows) - len(rows):,} rows repaired: second look")
        looks["again"] = look(found.rows, means.policy, file=means.place / "repaired.jsonl", run=means.place / "again")
        rows = looks["again"].kept
    asked = asked_again(diagnoses, {row["group"] for row in rows}, {prompt.id: prompt for prompt in prompts})
    new = _sampled_again(means, asked, prompts)
    if new:
        everything = [*rows, *sound_mates(first, asked), *new]
        looks["anew"] = look(everything, means.policy, file=means.place / "sampled.jsonl", run=means.place / "anew")
        rows = looks["anew"].kept
    write_rows(means.place / "recovery.jsonl", _outcomes(found, asked if new else (), new, rows, looks))
    chosen = _better(means, prompts, rows)
    return Mended(chosen, first.kept, looks, len(rows) - len(chosen))


def _redact(means: Means, diagnoses: Sequence[Diagnosis], found: Recovered, looks: dict[str, Looked]) -> None:
    """Rows that only private data stands against, masked and looked at as the policy would if it redacted."""
    rows = [{**one.row, "repair": "redact"} for one in diagnoses if one.way == "redact"]
    if rows:
        file, run = means.place / "redact.jsonl", means.place / "redact"
        looks["redact"] = look(rows, redacting(means.policy), file=file, run=run)
        found.rows.extend(looks["redact"].kept)


def _sampled_again(means: Means, asked: Sequence[Prompt], prompts: Sequence[Prompt]) -> list[Row]:
    """New samples of the prompts that have no row left, under their own prompt without the reason."""
    loop = means.loop
    if not asked or "resample" not in loop.recovery.repairs or not loop.recovery.tries:
        return []
    means.say(f"{len(asked):,} prompts asked again with the reason")
    asks = asks_of(
        asked, n=loop.sampling.n * loop.recovery.tries, temperature=loop.sampling.temperature,
        instruction=loop.sampling.instruction, seed=f"{loop.seed} {means.place.number} again",
    )  # fmt: skip
    answers = sampled(
        means.place / "resamples.jsonl", asks, means.generator, model=means.model,
        max_unanswered=loop.sampling.max_unanswered, say=means.say,
    )  # fmt: skip
    rows = rows_of(prompts, answers.samples, number=means.place.number, origin="again-")
    return [{**row, "repair": "resample"} for row in rows]


def _outcomes(
    found: Recovered, asked: Sequence[Prompt], new: Sequence[Row], rows: Sequence[Row], looks: Mapping[str, Looked]
) -> list[Row]:
    """A line per rejected row and per new sample: {id, group, rules, repair, outcome, rules_again}.

    outcome: kept | rejected | answered (its prompt has the answer of the majority).
    """
    kept, groups = {row["id"] for row in rows}, {prompt.id for prompt in asked}
    lines = list(found.log.values())
    for line in lines:
        if line["group"] in groups and line["id"] not in kept:
            line["repair"] = "resample"
    lines += [{"id": row["id"], "group": row["group"], "rules": [], "repair": "new sample"} for row in new]
    made = []
    for line in lines:
        rules = [rule for look_ in looks.values() for rule in look_.reasons.get(line["id"], ())]
        word = "kept" if line["id"] in kept else "answered" if line["repair"] == "majority" else "rejected"
        made.append({**line, "outcome": word, "rules_again": sorted(set(rules))})
    return made


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
