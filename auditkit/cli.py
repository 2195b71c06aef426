"""The command line: arguments in, exit code out. What a command does is done elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from auditkit.errors import EXIT_FAIL, EXIT_INCOMPLETE, EXIT_PASS, EXIT_USAGE, AuditkitError

EXAMPLES = """\b
Examples:
  auditkit demo                                  audit a corpus with planted faults
  auditkit gate corpus.jsonl --out run           audit, split into kept/ and dropped/, report
  auditkit gate data/ --out run --policy synthetic-sft --runner processes
  auditkit scan changed.jsonl                    findings only, as file:line: rule: message
  auditkit explain pii/email                     what a rule finds, and why it matters
\b
Exit codes: 0 pass, 1 the gate failed (or findings, for scan), 2 wrong usage or policy, 3 incomplete.
"""
INPUTS = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")


def main() -> None:
    """The entry point of the `auditkit` command. No traceback reaches the user."""
    sys.excepthook = _unexpected
    try:
        code = cli.main(standalone_mode=False, prog_name="auditkit")
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except AuditkitError as error:
        _complain(str(error))
        code = error.exit_code
    except BrokenPipeError:  # `auditkit ... | head`: the reader went away, the work was done
        code = _quiet_stdout()
    except (OSError, MemoryError) as error:
        _complain(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'out of memory'}")
        code = EXIT_INCOMPLETE
    sys.exit(code if isinstance(code, int) else EXIT_PASS)


def _unexpected(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """A defect: say where it is, never what a document held, and do not pass."""
    from auditkit.guard import described

    _complain(
        f"internal error: {described(error)}; this is a defect of auditkit or of a plug-in, nothing was published"
    )
    sys.stdout.flush()
    os._exit(EXIT_INCOMPLETE)


def _quiet_stdout() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_INCOMPLETE


def _complain(message: str) -> None:
    """An error on stderr: one paragraph, harmless characters only."""
    from auditkit.text.safe import printable

    for line in message.split("\n"):
        click.echo(f"auditkit: {printable(line, limit=2000)}", err=True)


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(None, "-V", "--version", package_name="auditkit", message="%(prog)s %(version)s")
def cli() -> None:
    """The gate between generate and train.

    auditkit reads a corpus, says what is wrong with each document and with the whole, writes a filtered corpus and a
    report, and exits non-zero when the corpus may not be trained on.
    """


def _policy_options(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--policy and --field, shared by the commands that read a corpus."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--policy", default=default, show_default=True, metavar="NAME|FILE", help="Packaged policy or TOML file."
        )
        @click.option(
            "--field",
            "fields",
            multiple=True,
            metavar="ROLE=PATH",
            help="Where a text is: response=output, text=body.de, group=qid ...",
        )
        @wraps(command)
        def wrapped(*args: Any, fields: tuple[str, ...], **options: Any) -> Any:
            return command(*args, fields=_fields(fields), **options)

        return wrapped

    return decorate


def _fields(given: tuple[str, ...]) -> dict[str, str]:
    """`role=path` arguments as a dictionary."""
    fields = {}
    for item in given:
        role, equals, path = item.partition("=")
        if not equals or not role or not path:
            raise click.UsageError(f"--field {item}: expected ROLE=PATH, for example --field response=output")
        fields[role] = path
    return fields


def _runner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--runner and --workers."""
    command = click.option("--workers", type=int, metavar="N", help="Worker processes; default: one per processor.")(
        command
    )
    runners = click.Choice(["inline", "processes", "ray"])
    return click.option(
        "--runner", type=runners, default="inline", show_default=True, help="How shards are worked on."
    )(command)


@cli.command(short_help="Audit a corpus, split it into kept and dropped, report, give a verdict.")
@INPUTS
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="Folder for the run; new or empty."
)
@_policy_options("default")
@_runner_options
@click.option("--resume", is_flag=True, help="Go on with an unfinished run of the same inputs and policy.")
def gate(
    inputs: tuple[str, ...],
    out: Path,
    policy: str,
    fields: dict[str, str],
    runner: str,
    workers: int | None,
    resume: bool,
) -> int:
    r"""Audit a corpus and gate it: exit 0 when it may be trained on, 1 when not, 3 when something was not looked at.

    INPUT: files, folders, globs, fsspec URLs or - for JSONL on stdin; .jsonl .ndjson .parquet .csv .tsv .txt .md, the
    text formats also .gz and .zst, and saved Hugging Face dataset folders.

    \b
    Examples:
      auditkit gate corpus.jsonl --out run
      auditkit gate a.parquet b.jsonl.zst --out run --policy synthetic-sft
      auditkit gate chat.csv --out run --field prompt=ask --field response=reply
    """
    from auditkit.audit import gate as run_gate
    from auditkit.outputs.terminal import console_for, summary
    from auditkit.progress import progress
    from auditkit.report_data import read_report

    with progress(list(inputs)) as advance:
        code = run_gate(
            list(inputs), policy, out=out, fields=fields, runner=runner, workers=workers, resume=resume, advance=advance
        )
    summary(read_report(out), console_for(sys.stdout), folder=str(out))
    return code


@cli.command(short_help="Findings only: what a commit hook or an editor wants.")
@INPUTS
@_policy_options("pre-commit")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    show_default=True,
)
def scan(inputs: tuple[str, ...], policy: str, fields: dict[str, str], format_: str) -> int:
    r"""Print findings as PATH:LINE: rule: message. Exit 1 with findings, 0 without, 3 when something was not looked at.

    \b
    Examples:
      auditkit scan data/new.jsonl
      git show :data.jsonl | auditkit scan - --format github
    """
    from auditkit.scan import scan_inputs

    text, code = scan_inputs(list(inputs), policy, fields=fields, format=format_)
    click.echo(text, nl=False)
    return code


@cli.command(short_help="The cleaned corpus by the policy's actions: same accounting, no gate.")
@click.argument("input")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The cleaned file, in the input's format.",
)
@_policy_options("default")
@_runner_options
def clean(input: str, out: Path, policy: str, fields: dict[str, str], runner: str, workers: int | None) -> int:
    r"""Write the kept rows of one file to another, PII redacted and copies dropped as the policy says.

    \b
    Example:
      auditkit clean corpus.jsonl --out clean.jsonl --policy synthetic-sft
    """
    from auditkit.scan import clean_file

    message, code = clean_file(input, out, policy, fields=fields, runner=runner, workers=workers)
    click.echo(message)
    return code


@cli.command(short_help="Render a finished run in another format.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    default="html",
    show_default=True,
    metavar="FORMAT",
    help="html, markdown, json, sarif, github, junit, csv or text.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: standard output.")
def report(run: Path, format_: str, out: Path | None) -> int:
    r"""Write the report of a run; exits 0 whatever the verdict is.

    \b
    Examples:
      auditkit report run --format sarif --out run.sarif
      auditkit report run --format markdown
    """
    from auditkit.outputs import render
    from auditkit.report_data import read_report

    data = render(read_report(run), format_)
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        out.write_bytes(data)
    return EXIT_PASS


@cli.command(short_help="Check every hash and sum of a run folder.")
@click.argument("run", type=click.Path(path_type=Path))
def verify(run: Path) -> int:
    """Exit 0 when the folder is what the run wrote and every row is accounted for, 1 when not, 3 when it is no run."""
    from auditkit.run_folder import verify as problems_of

    problems = problems_of(run)
    for problem in problems:
        _complain(problem)
    click.echo(f"{run}: {'not ' if problems else ''}as the run wrote it")
    return EXIT_FAIL if problems else EXIT_PASS


@cli.command(short_help="What a rule finds, why it matters, examples.")
@click.argument("rule")
def explain(rule: str) -> int:
    """Print the documentation of a rule, for example pii/email, or of a checker, for example pii."""
    from auditkit.explain import explain as text_of

    click.echo(text_of(rule))
    return EXIT_PASS


@cli.group(short_help="List or prove the rules.")
def rules() -> None:
    """The rules of every installed checker."""


@rules.command("list")
@click.option("--checker", metavar="NAME", help="Only this checker's rules.")
def rules_list(checker: str | None) -> int:
    """One line per rule: id, severity, summary."""
    from auditkit.explain import rule_lines

    click.echo("\n".join(rule_lines(checker)))
    return EXIT_PASS


@rules.command("test")
@click.argument("names", nargs=-1, metavar="[RULE|CHECKER]...")
def rules_test(names: tuple[str, ...]) -> int:
    """Run every example of every rule through a whole audit: `match` must fire, `clean` must not."""
    from auditkit.explain import failed_examples

    n_examples, failures = failed_examples(names)
    for failure in failures:
        _complain(failure)
    click.echo(f"{n_examples} examples, {len(failures)} failed")
    return EXIT_FAIL if failures or not n_examples else EXIT_PASS


@cli.command(short_help="A corpus with planted faults, audited before your eyes.")
@click.argument("folder", default="auditkit-demo", type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--rows", default=5000, show_default=True, help="Rows of the corpus.")
def demo(folder: Path, rows: int) -> int:
    """Write a seeded synthetic corpus with labelled faults of every kind, gate it, and say what was found of them.

    Exits 0 when the demonstration itself worked (the gate's verdict in it is `fail`, as it should be).
    """
    from auditkit.demo import run_demo

    return run_demo(folder, n_rows=rows)


@cli.command(short_help="Print the shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a completion script; for bash: eval "$(auditkit completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "auditkit", "_AUDITKIT_COMPLETE").source())
    return EXIT_PASS


if __name__ == "__main__":
    main()
