"""The provenance chain as the gate needs it: by the roles of the policy, tainted by what a ledger revokes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.gathering import GrownChain, grow_chain
from weightmark.attestations.chain.model import Chain, ClaimsAbout, StepRoles
from weightmark.attestations.ledger.consulting import Consultation
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import Trust
from weightmark.provenance.lineage.graph import Bounds

__all__ = ["lineage_of", "revoked_in", "step_roles", "vouchers_of"]

_USUAL_DEPTH = 64


def lineage_of(
    policy: Policy,
    identity: str,
    bundles: Iterable[Bundle],
    *,
    trusts: Mapping[str, Trust],
    consultation: Consultation | None,
    claims_about: ClaimsAbout,
    now: datetime,
    places: Mapping[str, str] | None = None,
) -> GrownChain | None:
    """Return the chain of the artifact with the claims that it was built from; None when nobody may state or vouch for anything.

    `places` maps an identity to where the caller has that artifact, as a shell reads it.
    """
    roles = step_roles(policy, trusts)
    if roles is None:
        return None
    depth = policy.lineage.rule.max_depth if policy.lineage else _USUAL_DEPTH
    build = partial(
        build_chain,
        identity,
        roles=roles,
        vouchers=vouchers_of(policy, trusts),
        # one step more than is allowed, so that too deep a chain is told from one that has no end
        bounds=Bounds(depth=depth + 1),
        now=now,
        places=places,
    )
    return grow_chain(
        build, bundles, claims_about, revoked_in=lambda chain: revoked_in(chain, consultation)
    )


def vouchers_of(policy: Policy, trusts: Mapping[str, Trust]) -> Trust | None:
    """Return who may vouch for what a chain ends at; None when that is whoever may state steps."""
    return trusts.get(policy.lineage.vouchers) if policy.lineage else None


def step_roles(policy: Policy, trusts: Mapping[str, Trust]) -> StepRoles | None:
    """Return who may state which step; None when nobody may."""
    lineage = policy.lineage
    if lineage is None:
        said = policy.require.provenance or policy.require.release
        usual = trusts.get(said.role) if said else None
        return StepRoles(usual) if usual else None
    usual = trusts.get(lineage.role)
    if usual is None:
        return None
    by_step = {kind: trusts[role] for kind, role in lineage.steps.items() if role in trusts}
    return StepRoles(usual, by_step)


def revoked_in(chain: Chain, consultation: Consultation | None) -> dict[str, str]:
    """Return each artifact of a chain that a ledger revokes, with the words that say so."""
    if consultation is None or consultation.revocations is None:
        return {}
    found = {one: consultation.revocations.of_content([one]) for one in chain.lineage.depths}
    return {one: revocation.words for one, revocation in found.items() if revocation}
