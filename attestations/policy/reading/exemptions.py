"""`[[exceptions]]`: failures that somebody accepts for one artifact, for a reason, until a day."""

from weightmark.attestations.policy.rules import Exemption
from weightmark.attestations.strict_toml import Table
from weightmark.patterns import lazy_pattern

__all__ = ["EXCEPTABLE", "read_exemptions"]

EXCEPTABLE = (
    "approval",
    "chain",
    "classification",
    "coverage",
    "dataset",
    "formats",
    "licenses",
    "outside",
    "provenance",
    "remote code",
    "sbom",
    "scan",
    "scan claim",
    "test",
    "vulns",
)
"""checks that can be excepted; who signed what, and what was revoked, is none of them"""
_RULE = lazy_pattern(r"[A-Z]{3}[0-9]{3}\Z|rule [A-Za-z0-9][A-Za-z0-9 ._-]{0,99}\Z")
_IDENTITY = lazy_pattern(r"wm1:[0-9a-f]{64}\Z")
_MAX_EXEMPTIONS = 1000
_MAX_TEXT = 1000


def read_exemptions(fields: Table) -> tuple[Exemption, ...]:
    """Read every exception of the policy `fields`; raises `PolicyError`."""
    return tuple(_read(one) for one in fields.tables("exceptions", limit=_MAX_EXEMPTIONS))


def _read(entry: Table) -> Exemption:
    rule, artifact = entry.text("rule", ""), entry.text("artifact", "")
    reason, approver = entry.text("reason", "").strip(), entry.text("approver", "").strip()
    expires = entry.moment("expires", end_of_day=True)
    entry.finish()
    if rule not in EXCEPTABLE and not _RULE.match(rule):
        known = ", ".join(f"`{word}`" for word in EXCEPTABLE)
        raise entry.wrong(
            "rule", f"one that can be excepted: the id of a scan rule, `rule NAME`, or {known}"
        )
    if not _IDENTITY.match(artifact):
        raise entry.wrong("artifact", "the identity of one artifact, `wm1:<64 hex digits>`")
    if not reason or len(reason) > _MAX_TEXT:
        raise entry.wrong("reason", f"a reason of 1 to {_MAX_TEXT} characters")
    if not approver or len(approver) > _MAX_TEXT:
        raise entry.wrong("approver", "the name of whoever accepts it")
    if expires is None:
        raise entry.wrong("expires", "given: an exception without an end is a rule")
    return Exemption(rule, artifact, reason, approver, expires)
