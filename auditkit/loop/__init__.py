"""The self-training loop: ask, sample, agree, gate, recover, compare, train; round after round.

    rounds.py                              the story of a loop and of one round (read this first)
    settings.py tables.py                  loop.toml: its tables and keys; unknown ones are errors with a line
    protocols.py                           Generator and Trainer, the two things that you bring
    generators.py trainers.py local_model.py   an endpoint, a function, a small local model
    reference.py prompts.py rouge.py sampling.py   the real data; what is asked; novelty; samples and their votes
    look.py recovery.py mending.py judge.py    the gate's looks at the rows; repairs; new against old
    measure.py drift.py tail.py            numbers of a round; bounds on how they move; rare words and what keeps them
    exports.py                             training files for TRL, axolotl and LLaMA-Factory
    folder.py                              a round is a folder: published by one rename, chained to its parents by hash
    status.py estimate.py report.py trend.py pictures.py   where a loop stands, its cost, a page over all rounds
    experiment/                            does it help? a tiny model, trained here, with and without the gate

Nothing here judges a document: that is the work of the checkers and of the policy, which the loop only calls.
"""
