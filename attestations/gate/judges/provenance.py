"""How the artifact was made: by which builder, of which source, by which parameters."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.demands import Asked, judge_claims
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import ProvenanceRequirement
from weightmark.attestations.policy.rules import Builder
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.sigstore.subject_patterns import GlobPattern

__all__ = ["judge_provenance"]

_ASKED = Asked(
    "provenance",
    "provenance",
    "a statement of how it was made",
    "record the step: `weightmark record --step STEP --input NAME=PATH --output PATH --key BUILDER.key -- COMMAND`",
)


def judge_provenance(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge what the role of builders states about this very artifact."""
    rule = policy.require.provenance
    if rule is not None:
        problem = _Expectations(policy, rule).problem
        yield judge_claims(policy, evidence, _ASKED, rule, problem)


class _Expectations:
    """What a statement is compared with."""

    def __init__(self, policy: Policy, required: ProvenanceRequirement) -> None:
        self._rule = policy.provenance
        self._role = required.role

    def problem(self, signed: SignedClaim) -> str:
        """Say what does not fit; empty when all fits."""
        made = cast(SlsaProvenance, signed.predicate)
        rule = self._rule
        if rule.builders:
            problem = self._builder(signed, made)
            if problem:
                return problem
        if rule.build_types and not _fits(made.build_type, rule.build_types):
            return f"the kind of step `{made.build_type[:200]}` is not expected"
        if rule.sources and not any(_fits(one, rule.sources) for one in _sources(made)):
            found = ", ".join(f"`{one[:200]}`" for one in _sources(made)) or "none"
            return f"none of its sources is expected: {found}"
        return self._parameters(made)

    def _builder(self, signed: SignedClaim, made: SlsaProvenance) -> str:
        known = [one for one in self._rule.builders if _fits(made.builder, (one.id,))]
        if not known:
            return f"the builder `{made.builder[:200]}` is not expected"
        heard = [one for one in known if self._speaks_for(one, signed)]
        if not heard:
            return f"{signed.signer.name} may not speak for the builder `{made.builder[:200]}`"
        level = max(one.level for one in heard)
        if level < self._rule.min_level:
            return f"the builder is trusted with SLSA level {level}, and {self._rule.min_level} is demanded"
        return ""

    def _speaks_for(self, builder: Builder, signed: SignedClaim) -> bool:
        return (builder.role or self._role) in signed.roles

    def _parameters(self, made: SlsaProvenance) -> str:
        expected = self._rule.parameters
        if expected is None:
            return ""
        unknown = sorted(made.external_parameters.keys() - expected.keys())
        if unknown:
            return f"the parameter `{unknown[0][:100]}` is not expected"
        for name, patterns in expected.items():
            value = _text(made.external_parameters.get(name))
            if not _fits(value, patterns):
                return f"the parameter `{name[:100]}` is `{value[:200]}`"
        return ""


def _fits(text: str, patterns: Sequence[str]) -> bool:
    return any(GlobPattern(pattern).fits(text) for pattern in patterns)


def _text(value: Any) -> str:
    """Return a parameter as a policy compares it: texts as they are, everything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _sources(made: SlsaProvenance) -> list[str]:
    """Return the URIs of source code that went in, with its commit where one is said."""
    return [one.uri for one in made.dependencies if one.uri.startswith("git+")]
