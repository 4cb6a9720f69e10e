"""`[provenance]`, `[chain]`, `[licenses]`: how the artifact was made, and from what."""

import re
from collections.abc import Mapping

from weightmark.attestations.chain.rule import ChainRule
from weightmark.attestations.policy.ages import read_age
from weightmark.attestations.policy.rules import Builder, LicenseRule, LineageRule, ProvenanceRule
from weightmark.attestations.strict_toml import Table
from weightmark.errors import PolicyError

__all__ = ["read_license_rule", "read_lineage", "read_provenance"]

_IDENTITY = re.compile(r"wm1:[0-9a-f]{64}\Z")
_MAX_LEVEL = 4
_MAX_DEPTH = 1000
_MAX_ENTRIES = 1000


def read_provenance(fields: Table) -> ProvenanceRule:
    """Read the table; raises `PolicyError`."""
    parameters = fields.table("parameters")
    rule = ProvenanceRule(
        builders=tuple(_builder(one) for one in fields.tables("builders", limit=_MAX_ENTRIES)),
        min_level=fields.count("min_level", 0, limit=_MAX_LEVEL),
        build_types=fields.texts("build_types"),
        sources=fields.texts("sources"),
        parameters=_parameters(parameters) if fields.has("parameters") else None,
    )
    fields.finish()
    if rule.min_level and not any(one.level >= rule.min_level for one in rule.builders):
        raise fields.wrong(
            "min_level",
            "the level of any builder in `[[provenance.builders]]`, so none could meet it",
        )
    return rule


def read_lineage(fields: Table, *, usual: str, vouchers: str) -> LineageRule:
    """Read `[chain]`; steps are stated by the role `usual` and ends vouched for by `vouchers` unless it says otherwise."""
    steps = fields.table("steps")
    rule = LineageRule(
        rule=ChainRule(
            complete=fields.flag("complete", default=True),
            max_depth=fields.count("max_depth", 64, limit=_MAX_DEPTH),
            allowed_bases=_identities(fields, "allowed_bases"),
            allowed_datasets=_identities(fields, "allowed_datasets"),
            signed_ends=fields.flag("signed_ends", default=False),
        ),
        role=fields.text("role", usual),
        vouchers=fields.text("vouchers", vouchers),
        steps={kind: steps.text(kind, "") for kind in steps.names()},
        max_age=read_age(fields, "max_age"),
    )
    fields.finish()
    return rule


def read_license_rule(fields: Table) -> LicenseRule:
    """Read `[licenses]`; raises `PolicyError`."""
    rule = LicenseRule(fields.texts("allow"), fields.texts("deny"), fields.text("role", ""))
    fields.finish()
    if not rule.allow and not rule.deny:
        raise fields.wrong(
            "allow", "a list that names a licence, nor is `deny`: nothing is demanded"
        )
    both = sorted(_folded(rule.allow) & _folded(rule.deny))
    if both:
        raise PolicyError(f"`licenses` of the policy allows and denies `{both[0]}`")
    return rule


def _builder(entry: Table) -> Builder:
    made = Builder(
        entry.text("id", ""), entry.text("role", ""), entry.count("level", 0, limit=_MAX_LEVEL)
    )
    entry.finish()
    if not made.id:
        raise entry.wrong("id", "the URI of a builder")
    return made


def _parameters(entry: Table) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in entry.names():
        value = entry.value(name)
        found[name] = (value,) if isinstance(value, str) and value else entry.texts(name)
        if not found[name]:
            raise entry.wrong(name, "a text, or a list of texts, that says what it may be")
    return found


def _identities(fields: Table, key: str) -> tuple[str, ...]:
    said = fields.texts(key)
    if not all(_IDENTITY.match(one) for one in said):
        raise fields.wrong(
            key, "a list of identities `wm1:<64 hex digits>`; names and URIs prove nothing"
        )
    return said


def _folded(words: tuple[str, ...]) -> set[str]:
    return {word.casefold() for word in words}
