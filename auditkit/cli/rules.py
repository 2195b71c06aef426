"""The commands that explain: explain, rules, completion."""

from __future__ import annotations

import click

from auditkit.cli.group import cli, complain
from auditkit.errors import EXIT_FAIL, EXIT_PASS


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
        complain(failure)
    click.echo(f"{n_examples} examples, {len(failures)} failed")
    return EXIT_FAIL if failures or not n_examples else EXIT_PASS


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
