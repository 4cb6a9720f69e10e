"""Policies: what an artifact must prove before it is let through; format in docs/formats/policy.md.

policy = load_policy("baseline", artifact=Path("model")).with_keys([PublicKey.load("release.pub")])
"""
