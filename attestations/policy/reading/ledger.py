"""`[ledger]` and `[vsa]`: what was recorded, and whose earlier decision answers."""

from weightmark.attestations.policy.ages import read_age
from weightmark.attestations.policy.choices import DecisionClock
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.policy.rules import GATE_VERIFIER, LedgerRule, VsaRule
from weightmark.attestations.strict_toml import Table

__all__ = ["read_ledger", "read_vsa"]

_MAX_WITNESSES = 1000


def read_ledger(fields: Table, files: PolicyFiles) -> LedgerRule:
    """Read `[ledger]`; raises `PolicyError`."""
    path = fields.text("witness_policy", "")
    rules = None
    if path:
        from weightmark.provenance.ledger.witnessing.policy import parse_policy

        rules = parse_policy(files.content(path))
    rule = LedgerRule(
        required=fields.flag("required", default=False),
        max_age=read_age(fields, "max_age"),
        witnesses=fields.count("witnesses", 0, limit=_MAX_WITNESSES),
        witness_policy=rules,
    )
    fields.finish()
    return rule


def read_vsa(fields: Table) -> VsaRule:
    """Read `[vsa]`; raises `PolicyError`."""
    age = read_age(fields, "max_age")
    rule = fields.text("role", "")
    verifiers = fields.texts("verifiers") or (GATE_VERIFIER,)
    clock = fields.choice("clock", DecisionClock.VERIFIED)
    fields.finish()
    if not rule:
        raise fields.wrong("role", "the role of those whose decisions answer")
    if age is None:
        raise fields.wrong("max_age", "given: a decision does not answer for ever")
    return VsaRule(rule, age, verifiers, clock)
