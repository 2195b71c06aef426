"""The story of an audit: read, check, merge, judge, write. Read this file first.

`audit` gives its result in memory; `gate` also writes a run folder with the split corpus and the report.
Between `audit` and a checker lie four calls: audit, a runner, engine.look.look, the checker.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from auditkit import run_folder
from auditkit.corpus import open_corpus
from auditkit.engine.finish import finish
from auditkit.engine.first_pass import Runner, Work, first_pass
from auditkit.engine.look import Plan, salted
from auditkit.engine.redact import own_key
from auditkit.engine.store import Store
from auditkit.errors import InputError
from auditkit.findings import Metric
from auditkit.policy import Policy
from auditkit.result import AuditResult, Examined, actions_and_rules, judgement_of, settle
from auditkit.runners import get_runner
from auditkit.shards import Shard
from auditkit.waivers import Accepted, accepted_today
from auditkit.writing import Clock, finish_run, split, write_tables

Advance = Callable[[Shard], None]


Witness = Callable[[Policy], Sequence[Metric]]


@dataclass(frozen=True)
class How:
    """How a run is done, which changes nothing in what comes out; and what people have accepted, which does."""

    runner: str | Runner = "inline"
    workers: int | None = None
    advance: Advance = lambda _shard: None
    accepted: Accepted = field(default_factory=Accepted)
    witness: Witness | None = None


def audit(
    source: Any,
    policy: str | Path | Policy | Mapping[str, Any] = "default",
    *,
    fields: Mapping[str, str] | None = None,
    runner: str | Runner = "inline",
    workers: int | None = None,
) -> AuditResult:
    """Findings, documents, metrics and verdict of a corpus, in memory; nothing is written.

    source: path or paths, an Arrow table or reader, a data frame with the Arrow PyCapsule interface, an HF dataset.
    policy: a packaged name, a TOML file, a dictionary. runner: inline | processes | ray, or one of your own.
    Raises ConfigError for a wrong policy or option, InputError for a file that cannot be read as a whole.
    """
    chosen = load_policy(policy, fields)
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        examined = examine(source, chosen, Path(scratch), How(runner, workers))
        findings: list[pa.Table] = []
        documents: list[pa.Table] = []
        settled = settle(examined, findings.append, documents.append)
        return AuditResult.of(examined, settled, findings, documents)


def gate(
    source: Any,
    policy: str | Path | Policy | Mapping[str, Any] = "default",
    *,
    out: str | Path,
    fields: Mapping[str, str] | None = None,
    runner: str | Runner = "inline",
    workers: int | None = None,
    resume: bool = False,
    waivers: str | Path | None = None,
    baseline: str | Path | None = None,
    witness: Witness | None = None,
    advance: Advance = lambda _shard: None,
) -> int:
    """Audit a corpus, write the run folder `out` (kept/, dropped/, tables, report, manifest); returns the exit code.

    0 pass, 1 fail, 3 incomplete. With `resume` an unfinished run goes on where it was killed, and a finished one
    only answers. Findings in the files `waivers` and `baseline` stay visible and count for nothing.
    witness: gives metrics of its own, such as the recall on planted faults; a checker that found none is a gap.
    Raises as `audit` does, and RunFolderError when `out` cannot be used.
    """
    chosen, folder, clock = load_policy(policy, fields), Path(out), Clock()
    known = accepted_today(waivers, baseline)
    run_folder.keep_apart(source, folder)
    arguments = {"policy_sha256": chosen.sha256, "source": repr(source) if isinstance(source, str | list) else ""}
    if resume and (code := run_folder.finished_exit_code(folder, arguments)) is not None:
        return code
    with run_folder.opened(folder, resume=resume, arguments=arguments) as opened:
        examined = examine(source, chosen, opened.work, How(runner, workers, advance, known, witness))
        settled, tables = write_tables(opened, examined, clock)
        outputs = split(opened, examined, settled, clock)
        finish_run(opened, examined, settled, [*tables, *outputs], clock)
    return settled.verdict.exit_code


def load_policy(policy: str | Path | Policy | Mapping[str, Any], fields: Mapping[str, str] | None) -> Policy:
    """The policy by name, path, dictionary or as it is, with these fields laid over its own."""
    if isinstance(policy, Mapping):
        policy = Policy.from_dict(policy)
    elif not isinstance(policy, Policy):
        policy = Policy.load(policy)
    return policy.with_fields(fields or {})


def examine(source: Any, policy: Policy, scratch: Path, how: How) -> Examined:
    """Read the corpus, look at every shard with every checker, merge, finish."""
    from auditkit.formats import parse

    corpus = open_corpus(source, policy, scratch)
    plan = salted(
        Plan(tuple(policy.checkers.values()), corpus.limits, policy.corpus.shard_deadline_s, parse, secret=own_key())
    )
    run = get_runner(how.runner, workers=how.workers) if isinstance(how.runner, str) else how.runner
    work = Work(corpus, plan, run, Store(scratch))
    first = first_pass(work, advance=how.advance)
    if corpus.refused:
        raise InputError.joined(corpus.refused)
    actions, _ = actions_and_rules(policy, work)
    finished = finish(work, actions)
    seen = tuple(how.witness(policy)) if how.witness else ()
    return Examined(policy, work, first, finished, judgement_of(policy, work, finished, how.accepted), seen)
