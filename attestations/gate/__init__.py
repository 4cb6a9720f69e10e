"""The gate: one read, every check of a policy, one decision that can be explained.

    from pathlib import Path

    from weightmark.attestations.gate.gate import gate
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.load import load_policy

    policy = load_policy("baseline", artifact=Path("model"))
    decision = gate("model", policy.with_keys([PublicKey.load("release.pub")]))
    decision.exit, [check.summary for check in decision.checks]

`collect` gathers evidence: it reads the artifact, and `consult` the ledger. `judges` and `decision`
are pure.
"""
