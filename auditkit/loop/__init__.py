"""The self-training loop: ask, sample, agree, gate, recover, export, train, compare; round after round.

    loop.toml ── settings.py     what a loop is; unknown keys are errors with a suggestion and a line
    protocols.py                 Generator and Trainer, the two things that you bring
    rounds.py                    the story of one round, and of all (read this first)
    folder.py                    a round is a folder: published by one rename, chained to its parents by hash
    tail.py                      rarity estimated from the reference corpus alone, and weights that keep the tail

Nothing here judges a document: that is the work of the checkers and of the policy, which the loop only calls.
"""
