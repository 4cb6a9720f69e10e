"""Who says so and whether we believe it: statements, bundles, signers, trust, policy, gate."""
