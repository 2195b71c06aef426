"""The commands on a costly judge of toxicity: calibrate, share."""

from __future__ import annotations

from pathlib import Path

import click

from auditkit.cli.group import cli
from auditkit.cli.options import INPUTS, policy_options
from auditkit.errors import EXIT_PASS

CONFIDENCE = click.option("--confidence", default=0.95, show_default=True, help="Of the bound or interval.")
SEED = click.option("--seed", default=0, show_default=True, help="Of the sample.")


@cli.group(short_help="What a costly toxicity judge would say, from a sample of its answers.")
def judge() -> None:
    """Ask the judge of a policy (engine = "cascade", "detoxify" or "http") about a sample instead of everything."""


@judge.command("calibrate")
@INPUTS
@policy_options("default")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The calibration.")
@click.option("--sample", default=4000, show_default=True, help="Texts that the judge is asked about.")
@click.option("--recall", default=0.95, show_default=True, help="Share of the judge's positives to keep.")
@CONFIDENCE
@SEED
def judge_calibrate(
    inputs: tuple[str, ...], policy: str, fields: dict[str, str], out: Path, sample: int, recall: float,
    confidence: float, seed: int,
) -> int:  # fmt: skip
    r"""Fit the embedded scorer to the judge, and prove from which score on it must be asked.

    \b
    Example:
      auditkit judge calibrate corpus.jsonl --policy cascade.toml --out judge.npz
    Then, in the policy: [checkers.toxicity] engine = "cascade", calibration = "judge.npz"
    """
    from auditkit.judging import Texts, calibrate

    corpus = Texts(inputs, policy, fields)
    found = calibrate(corpus, out, sample=sample, recall=recall, confidence=confidence, seed=seed)
    click.echo(found.sentence())
    return EXIT_PASS


@judge.command("share")
@INPUTS
@policy_options("default")
@click.option("--calls", default=800, show_default=True, help="Texts that the judge is asked about.")
@CONFIDENCE
@SEED
def judge_share(
    inputs: tuple[str, ...], policy: str, fields: dict[str, str], calls: int, confidence: float, seed: int
) -> int:
    r"""Print the share of texts that the judge would call toxic, with its interval, from a stratified sample.

    \b
    Example:
      auditkit judge share corpus.jsonl --policy cascade.toml --calls 500
    """
    from auditkit.judging import Texts, toxic_share

    found = toxic_share(Texts(inputs, policy, fields), calls=calls, confidence=confidence, seed=seed)
    click.echo(
        f"{found.share:.2%} of texts ({found.low:.2%} to {found.high:.2%}, {found.confidence:.0%} confidence), "
        f"from {found.judged} answers of the judge"
    )
    return EXIT_PASS
