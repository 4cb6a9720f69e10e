"""Policies: what an artifact must prove before it is let through; format in docs/formats/policy.md.

from pathlib import Path

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.load import load_policy

policy = load_policy("baseline", artifact=Path("model"))
policy = policy.with_keys([PublicKey.load("release.pub")])
"""
