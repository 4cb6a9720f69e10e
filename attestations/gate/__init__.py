"""The gate: one read, every check of a policy, one decision that can be explained.

    decision = gate("model", load_policy("baseline", artifact=Path("model")).with_keys([key]))
    decision.exit, [check.summary for check in decision.checks]

`collect` gathers evidence (the only input and output), `judges` and `decision` are pure.
"""
