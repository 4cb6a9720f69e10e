"""What the roles of a policy state: claims beside the artifact and in the ledger, and the chain that they make."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check
from weightmark.attestations.gate.claims import Weighed, claims_by_roles, releases_of
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import Examination
from weightmark.errors import WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.chain.model import Chain
    from weightmark.attestations.gate.at_hand import Ancestors
    from weightmark.attestations.ledger.consulting import Consultation

__all__ = ["add_claims"]


def add_claims(
    evidence: Evidence,
    policy: Policy,
    examination: Examination,
    *,
    ledger: str,
    trusts: Mapping[str, Trust],
    consultation: "Consultation | None",
    ancestors: "Ancestors | None" = None,
) -> Evidence:
    """Add what the roles of the policy say of the artifact and of everything that it was made from.

    With `ancestors` the chain is looked at whatever the policy demands of it.
    """
    found = examination.evidence
    bundles = list(found.bundles) if found else []
    rule, belief = policy.require.release, examination.belief
    weighed = Weighed.of(rule.role, belief, bundles) if rule and belief else None
    bundles += ancestors.bundles if ancestors else ()
    place = ledger if consultation and consultation.problem is None else ""
    checks: list[Check] = []
    chain = None
    try:
        if evidence.identity and (policy.needs_more_claims or ancestors):
            chain = _line(
                policy,
                evidence,
                bundles,
                place=place,
                trusts=trusts,
                consultation=consultation,
                wanted=policy.needs_chain or ancestors is not None,
            )
    except WeightmarkError as error:
        checks.append(Check.from_error("chain", error))
    told = claims_by_roles(bundles, trusts, belief, evidence.at, weighed=weighed)
    verified = evidence.verified.signers if evidence.verified else ()
    released = releases_of(belief, evidence.identity, verified, rule.role) if rule else ()
    signed = (*released, *told.claims)
    ids = (
        *evidence.claims,
        *(one.claim_id for one in signed),
        *(chain.claim_ids if chain else ()),
        *told.claim_ids,
    )
    return replace(
        evidence,
        signed=signed,
        signers=told.signers,
        chain=chain,
        claims=tuple(dict.fromkeys(ids)),
        checks=(*evidence.checks, *told.checks, *checks),
    )


def _line(
    policy: Policy,
    evidence: Evidence,
    bundles: list[Bundle],
    *,
    place: str,
    trusts: Mapping[str, Trust],
    consultation: "Consultation | None",
    wanted: bool,
) -> "Chain | None":
    """Add the ledger's claims to `bundles`, and return what the artifact was made from where that is asked for."""
    from weightmark.attestations.gate.lineage import claims_in_ledger, lineage_of

    with claims_in_ledger(place) as about:
        bundles += about(evidence.identity)
        if not wanted:
            return None
        return lineage_of(
            policy,
            evidence.identity,
            bundles,
            trusts=trusts,
            consultation=consultation,
            claims_about=about,
            now=evidence.at,
        )
