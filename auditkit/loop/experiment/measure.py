"""What a model can do after a round: exact answers, the stereotype, the spread and the tail of its stories."""

from __future__ import annotations

import numpy as np

from auditkit.loop.experiment import model as models
from auditkit.loop.experiment.tasks import (
    ANSWER_TOKENS,
    EXACT,
    HERS,
    HIS,
    N_WORDS,
    PROMPT_TOKENS,
    TAIL,
    TOKEN,
    WORDS,
    Rows,
    encoded,
    is_right,
    prompts,
)


def measured(model: models.Model, *, n_problems: int, n_stories: int, seed: int) -> dict[str, float]:
    """accuracy, stereotype, entropy, tail_mass, and the accuracy of each exact task; one seed, the same problems."""
    rng = np.random.default_rng(seed)
    right = {task: exact_share(model, prompts(task, n_problems, rng)) for task in EXACT}
    stories = models.continued(
        model, prompts("story", n_stories, rng), ANSWER_TOKENS["story"], temperature=1.0, seed=seed
    )
    entropy, tail_mass = spread(stories)
    return {
        "accuracy": float(np.mean(list(right.values()))),
        "stereotype": stereotype(model),
        "entropy": entropy,
        "tail_mass": tail_mass,
        **right,
    }


def exact_share(model: models.Model, problems: Rows) -> float:
    """Share of problems whose likeliest answer is right in full."""
    task = {length: name for name, length in PROMPT_TOKENS.items()}[len(problems[0])]
    answers = models.continued(model, problems, ANSWER_TOKENS[task], temperature=0, seed=0)
    return float(np.mean([is_right(row) for row in answers]))


def stereotype(model: models.Model) -> float:
    """Mean over jobs of the probability of the expected pronoun, of he and she together."""
    after = models.next_shares(model, [encoded(["job", job]) for job in HIS + HERS])
    he, she = after[:, TOKEN["he"]], after[:, TOKEN["she"]]
    expected = np.where(np.arange(len(after)) < len(HIS), he, she)
    return float((expected / (he + she)).mean())


def spread(stories: Rows) -> tuple[float, float]:
    """(entropy of the words in bits, share of all tokens that are words of the tail)."""
    ranks = np.array(stories)[:, 1:].ravel() - TOKEN[WORDS[0]]
    counts = np.bincount(ranks[ranks >= 0], minlength=N_WORDS)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()), float(counts[TAIL:].sum() / len(ranks))
