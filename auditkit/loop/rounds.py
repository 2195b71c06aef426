"""The story of a loop: round 0 is the reference; each further round asks, samples, gates, recovers, compares, trains.

    run_loop(loop, out)             every round that is still to do, each published before the next begins
    do_round(work, place, earlier)  one round, from its prompts to its round.json

Every step writes its file whole before the next step begins, and is passed over when the file is there: a killed round
goes on where it stopped, and what was paid for is never asked again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from auditkit import disk
from auditkit.errors import EXIT_FAIL, EXIT_PASS, ConfigError, InputError
from auditkit.index import build as build_index
from auditkit.loop import measure
from auditkit.loop.drift import Moved, by_name, drifted
from auditkit.loop.exports import export, preferences, shaped
from auditkit.loop.folder import (
    Place,
    Row,
    check_chain,
    locked,
    place_of,
    publish,
    published,
    read_rows,
    write_json,
    write_rows,
)
from auditkit.loop.generators import generator_of
from auditkit.loop.look import Looked, against, look, one_key
from auditkit.loop.mending import Means, Mended, mended
from auditkit.loop.prompts import from_files, prompts_of
from auditkit.loop.protocols import Generator, Prompt, Trainer, TrainingSet
from auditkit.loop.reference import reference_rows
from auditkit.loop.sampling import Sampled, Say, asks_of, rows_of, sampled, seed_of, votes
from auditkit.loop.settings import Loop
from auditkit.loop.tail import Rarity, rarity, ratio_weights, resampled, tail_weights
from auditkit.loop.trainers import trainer_of
from auditkit.policy import Policy

RISKS = {
    "replace": "regime replace: each model learns from the last round alone; errors and lost words add up "
    "(arXiv 2404.01413)",
    "probe": "no probe: whether agreement is right was not measured",
    "evaluation": "no evaluation files: contamination with benchmarks was not looked for",
    "tail": "no tail weights: rare words leave the training data first",
}


@dataclass(frozen=True)
class Work:
    """What all rounds of a loop share. say: told what is being done, a line at a time."""

    loop: Loop
    out: Path
    policy: Policy
    generator: Generator
    trainer: Trainer
    say: Say

    @cached_property
    def known(self) -> Rarity:
        """Rarity by the reference alone."""
        rows = read_rows(place_of(self.out, 0) / "kept.jsonl")
        return rarity([str(row["response"]) for row in rows], tail=self.loop.tail.share)

    def policy_of(self, earlier: Sequence[Place]) -> Policy:
        """The policy, held against what earlier rounds kept and against the benchmarks."""
        indexes = [place.path / "index" for place in earlier if (place.path / "index").exists()]
        return against(self.policy, [*indexes, *(self.loop.path(name) for name in self.loop.reference.evaluation)])


def run_loop(
    loop: Loop,
    out: Path,
    *,
    generator: Generator | None = None,
    trainer: Trainer | None = None,
    say: Say = lambda _line: None,
) -> int:
    """Do the rounds of the loop that are not done; 0 when all pass, 1 when the gate fails one, which ends the loop.

    RunFolderError when an earlier round is missing or was changed, ConfigError when it was made with other settings,
    AuditkitError when something stays without an answer: run again, and it goes on there.
    """
    generator, trainer = generator or generator_of(loop, out), trainer or trainer_of(loop)
    work = Work(loop, out, loop.load_policy(), generator, trainer, say)
    reference = [loop.path(name) for name in loop.reference.files]
    with locked(out), one_key(reference):
        done = published(out)
        earlier = check_chain(out, done[-1].number) if done else []
        _same_settings(loop, work.policy.sha256, earlier)
        for number in range(len(earlier), loop.rounds + 1):
            if earlier and earlier[-1].manifest["verdict"] == "fail" and earlier[-1].number:
                break
            place = place_of(out, number)
            disk.make_folder(place.path)
            say(f"round {number}")
            do_round(work, place, earlier) if number else do_reference(work, place)
            earlier = [*earlier, place]
    return EXIT_FAIL if earlier[-1].number and earlier[-1].manifest["verdict"] == "fail" else EXIT_PASS


def _same_settings(loop: Loop, policy_sha256: str, earlier: Sequence[Place]) -> None:
    now = json.loads(json.dumps(loop.decides()))
    for place in earlier:
        then = place.manifest["settings"]
        changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
        if place.manifest["policy_sha256"] != policy_sha256:
            changed.append("the policy's content")
        if changed:
            raise ConfigError(
                f"{place.path}: was made with other settings ({', '.join(changed)}); rounds of one loop share them. "
                "Set them back, or choose another folder with --out"
            )


def do_reference(work: Work, place: Place) -> None:
    """Round 0: audit and measure the real data; what the policy drops is left out, its gates stop nothing."""
    loop = work.loop
    rows = reference_rows([loop.path(name) for name in loop.reference.files], loop.reference.fields)
    looked = look(rows, work.policy_of(()), file=place / "rows.jsonl", run=place / "run")
    if not looked.kept:
        raise InputError(str(loop.reference.files[0]), "the policy keeps no row of the reference")
    write_rows(place / "kept.jsonl", ({**row, "times": 1} for row in looked.kept))
    write_rows(place / "training.jsonl", ({**row, "round": 0, "format": "question"} for row in looked.kept))
    _index(work, place)
    words = measure.word_metrics(work.known, [str(row["response"]) for row in looked.kept])
    metrics = [row for stage in ("samples", "kept") for row in measure.of_run(looked.run, stage)]
    write_json(place / "metrics.json", metrics + measure.with_stage("kept", words))
    counts = {"rows": len(rows), "kept": len(looked.kept)}
    told = {"verdict": looked.verdict, "reasons": looked.why, "warnings": [], "drift": []}
    done = {"model": "", "asked_model": "", "counts": counts, "removed": {"run": _removed(looked)}}
    _publish(work, place, [], {**told, **done})


def do_round(work: Work, place: Place, earlier: Sequence[Place]) -> None:
    """One round: ask, sample, gate, recover, gate again, compare with the round before and with round 0, train."""
    loop, number = work.loop, place.number
    model = _model(loop, number, str(earlier[-1].manifest["model"]))
    prompts = _prompts(work, place, earlier, model)
    answers = _answers(work, place / "samples.jsonl", prompts, model)
    rows = rows_of(prompts, answers.samples, number=number)
    policy = work.policy_of(earlier)
    work.say(f"{len(rows):,} samples: first look")
    first = look(rows, policy, file=place / "rows.jsonl", run=place / "run")
    means = Means(loop, place, policy, work.generator, model, earlier[-1], work.say)
    fixed = mended(means, first, prompts)
    work.say(f"{len(fixed.rows):,} rows to the gate")
    gated = look(fixed.rows, policy, file=place / "candidates.jsonl", run=place / "gate") if fixed.rows else None
    kept = _weighed(work, gated.kept if gated else [], number)
    write_rows(place / "kept.jsonl", kept)
    _index(work, place)
    passed = Passed(prompts, rows, first, fixed, gated, kept)
    metrics = [*_metrics_of(work, passed), *_probe(work, place, model)]
    write_json(place / "metrics.json", metrics)
    moved = drifted(loop.drift, by_name(metrics), [by_name(_metrics(one)) for one in earlier])
    verdict, reasons = _verdict(passed, moved)
    trained = _train(work, place, earlier, passed, model) if verdict == "pass" else ""
    open_ = [one.sentence() for one in moved if one.status == "undecided" and one.on_undecided == "warn"]
    told = {"verdict": verdict, "reasons": reasons, "warnings": open_, "drift": [one.as_dict() for one in moved]}
    counts = _counts(passed) | {"unanswered": sum(answers.unanswered.values())}
    looks = {"run": first, **fixed.looks, **({"gate": gated} if gated else {})}
    removed = {name: _removed(one) for name, one in looks.items()} | {"judge": {"not better": fixed.n_beaten}}
    _publish(work, place, earlier, {
        **told, "model": trained, "asked_model": model, "counts": counts, "removed": removed,
    })  # fmt: skip


@dataclass(frozen=True)
class Passed:
    """What became of the samples of a round on their way: first look, repairs, gate."""

    prompts: Sequence[Prompt]
    rows: Sequence[Row]
    first: Looked
    fixed: Mended
    gated: Looked | None
    kept: Sequence[Row]

    @property
    def repeated(self) -> list[Row]:
        """The kept rows as often as they count."""
        return [row for row in self.kept for _ in range(row["times"])]


def _model(loop: Loop, number: int, trained: str) -> str:
    """The model to ask: what the round before trained, else the one of loop.toml for this round, "" for its default."""
    named = loop.generator.model
    return trained or (named.replace("{round}", str(number)) if "{round}" in named else "")


def _prompts(work: Work, place: Place, earlier: Sequence[Place], model: str) -> list[Prompt]:
    path = place / "prompts.jsonl"
    if not path.exists():
        made = prompts_of(work.loop, earlier, work.generator, number=place.number, model=model)
        write_rows(path, (asdict(one) for one in made))
    return [Prompt(**row) for row in read_rows(path)]


def _answers(work: Work, path: Path, prompts: Sequence[Prompt], model: str) -> Sampled:
    table = work.loop.sampling
    number = path.parent.name
    asks = asks_of(
        prompts, n=table.n, temperature=table.temperature, instruction=table.instruction,
        seed=f"{work.loop.seed} {number}",
    )  # fmt: skip
    return sampled(path, asks, work.generator, model=model, max_unanswered=table.max_unanswered, say=work.say)


def _weighed(work: Work, rows: Sequence[Row], number: int) -> list[Row]:
    """The rows, each with how many `times` it stands in the training files."""
    way = {"bands": tail_weights, "ratio": ratio_weights}.get(work.loop.tail.weights)
    if way is None:
        return [{**row, "times": 1} for row in rows]
    weights = way(work.known, [str(row["response"]) for row in rows])
    drawn = Counter(resampled(weights, len(rows), seed=seed_of(work.loop.seed, number, "tail")).tolist())
    return [{**row, "times": drawn[place]} for place, row in enumerate(rows)]


def _index(work: Work, place: Place) -> None:
    """The near-copy index of what the round keeps, for the rounds after it."""
    table = work.policy.checkers.get("near_duplicates")
    path = place.path / "index"
    if path.exists():  # a killed round may have left half of one
        disk.remove(path)
    if table is not None and (place / "kept.jsonl").stat().st_size:
        build_index([str(place / "kept.jsonl")], path, threshold=table.options.threshold, fields={})


def _metrics(place: Place) -> list[Row]:
    rows: list[Row] = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    return rows


def _metrics_of(work: Work, passed: Passed) -> list[Row]:
    """The metrics of both audits, the words of what was said and of what is trained on, the yield."""
    said = measure.word_metrics(work.known, [str(row["response"]) for row in passed.rows])
    kept = measure.word_metrics(work.known, [str(row["response"]) for row in passed.repeated])
    final = measure.yield_metrics(len(passed.rows), len(passed.prompts), passed.fixed.before, passed.kept)
    return [
        *measure.of_run(passed.first.run, "samples"),
        *(measure.of_run(passed.gated.run, "kept") if passed.gated else ()),
        *measure.with_stage("samples", said),
        *measure.with_stage("kept", [*kept, *final]),
    ]


def _probe(work: Work, place: Place, model: str) -> list[Row]:
    """Accuracy and precision of agreement on the probe, asked like any prompt and never kept."""
    loop = work.loop
    if not loop.reference.probe:
        return []
    prompts = from_files([loop.path(loop.reference.probe)])
    lacking = [prompt.id for prompt in prompts if not prompt.answer]
    if lacking:
        raise InputError(loop.reference.probe, f"the prompt '{lacking[0]}' has no answer; a probe needs right answers")
    work.say(f"{len(prompts):,} probe questions")
    answers = _answers(work, place / "probe.jsonl", prompts, model)
    rows = rows_of(prompts, answers.samples, number=place.number, origin="probe-")
    return measure.with_stage("probe", measure.probe_metrics(rows, prompts, work.policy))


def _verdict(passed: Passed, moved: Sequence[Moved]) -> tuple[str, list[str]]:
    """(pass or fail, why): the policy's gates on the kept rows, and the drift from earlier rounds."""
    gated = passed.gated
    if gated is None or not passed.kept:
        return "fail", ["no row was kept"]
    reasons = [] if gated.verdict == "pass" else gated.why
    reasons += [one.sentence() for one in moved if one.fails]
    return ("fail" if reasons else "pass"), reasons


def _train(work: Work, place: Place, earlier: Sequence[Place], passed: Passed, model: str) -> str:
    """Write training.jsonl and export/, train; the model's id, which is kept so that a resumed round trains no more."""
    loop, done = work.loop, place / "trained.json"
    if done.exists():
        return str(json.loads(done.read_text(encoding="utf-8"))["model"])
    voted, seed = votes(passed.first.rows), seed_of(loop.seed, place.number, "train")
    own = shaped(passed.repeated, voted, loop.sampling.formats, seed=seed)
    write_rows(place / "training.jsonl", ({**row, "round": place.number} for row in own))
    sources = [*earlier, place] if loop.regime == "accumulate" else [place]
    rows = [row for source in sources for row in read_rows(source / "training.jsonl")]
    export(place.path / "export", rows, list(preferences(passed.first, passed.kept, voted)))
    work.say(f"train on {len(rows):,} rows")
    out = place.path / "model"
    disk.make_folder(out)
    training = TrainingSet(place.path / "export", rows, model, place.number, seed, loop.regime)
    trained = work.trainer.train(training, out)
    write_json(done, {"model": trained})
    return trained


def _counts(passed: Passed) -> dict[str, int]:
    return {
        "prompts": len(passed.prompts),
        "rows": len(passed.rows),
        "kept_without_recovery": len(passed.fixed.before),
        "kept": len(passed.kept),
        "training_rows": len(passed.repeated),
    }


def _removed(looked: Looked) -> dict[str, int]:
    """Rule -> rows that it rejected, most first; a row with two rules counts for both."""
    counts = Counter(rule for rules in looked.reasons.values() for rule in rules)
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _risks(loop: Loop) -> list[str]:
    there = {
        "replace": loop.regime == "replace",
        "probe": not loop.reference.probe,
        "evaluation": not loop.reference.evaluation,
        "tail": loop.tail.weights == "none",
    }
    return [RISKS[name] for name, is_so in there.items() if is_so]


def _publish(work: Work, place: Place, earlier: Sequence[Place], told: Mapping[str, object]) -> None:
    """Round.json: from here on the round is done. Its parents are the round before, and the reference."""
    lineage = {
        "auditkit": version("auditkit"),
        "schema": 1,
        **told,
        "settings": json.loads(json.dumps(work.loop.decides())),
        "policy_sha256": work.policy.sha256,
        "generator": dict(work.generator.describe()),
        "trainer": dict(work.trainer.describe()),
        "seed": work.loop.seed,
        "risks": _risks(work.loop),
    }
    publish(place, lineage, earlier)
    work.say(f"round {place.number}: {told['verdict']}")
