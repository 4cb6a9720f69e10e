"""What the roles of a policy state: claims beside the artifact and in the ledger, and the chain that they make."""

import shlex
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
from weightmark.values import dataclass

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
    beside = examination.evidence.bundles if examination.evidence else ()
    rule, belief = policy.require.release, examination.belief
    weighed = Weighed.of(rule.role, belief, beside) if rule and belief else None
    asked = _Asked((*beside, *(ancestors.bundles if ancestors else ())))
    if evidence.identity and (policy.needs_more_claims or ancestors):
        with_chain = policy.needs_chain or ancestors is not None
        asked = _asked(
            policy,
            evidence,
            asked.bundles,
            ledger=ledger,
            trusts=trusts,
            consultation=consultation,
            with_chain=with_chain,
        )
    told = claims_by_roles(asked.bundles, trusts, belief, evidence.at, weighed=weighed)
    verified = evidence.verified.signers if evidence.verified else ()
    released = releases_of(belief, evidence.identity, verified, rule.role) if rule else ()
    signed = (*released, *told.claims)
    ids = (
        *evidence.claims,
        *(one.claim_id for one in signed),
        *(asked.chain.claim_ids if asked.chain else ()),
        *told.claim_ids,
    )
    return replace(
        evidence,
        signed=signed,
        signers=told.signers,
        chain=asked.chain,
        claims=tuple(dict.fromkeys(ids)),
        checks=(*evidence.checks, *told.checks, *asked.checks),
        unasked=asked.unasked,
    )


@dataclass(frozen=True)
class _Asked:
    """What claims there are, once the ledger was asked."""

    bundles: tuple[Bundle, ...]
    """those at hand, and those of the ledger"""
    chain: "Chain | None" = None
    """what the artifact was made from, where that is asked for"""
    checks: tuple[Check, ...] = ()
    """why not everything could be asked"""
    unasked: bool = False
    """whether the ledger may hold more claims than it gave"""


def _asked(
    policy: Policy,
    evidence: Evidence,
    given: tuple[Bundle, ...],
    *,
    ledger: str,
    trusts: Mapping[str, Trust],
    consultation: "Consultation | None",
    with_chain: bool,
) -> _Asked:
    """Ask the ledger about the artifact, and about everything that it was made from.

    One that could not be consulted is asked nothing: its own check says why.
    """
    from weightmark.attestations.gate.lineage import lineage_of
    from weightmark.attestations.ledger.ledger_claims import LedgerClaims

    answers = consultation is not None and consultation.problem is None
    unasked = bool(ledger) and not answers
    bundles = given
    try:
        with LedgerClaims(ledger if answers else "") as claims_about:
            bundles = (*given, *claims_about(evidence.identity))
            if not with_chain:
                return _Asked(bundles, unasked=unasked)
            grown = lineage_of(
                policy,
                evidence.identity,
                bundles,
                trusts=trusts,
                consultation=consultation,
                claims_about=claims_about,
                now=evidence.at,
                places={evidence.identity: shlex.quote(evidence.path)} if evidence.path else None,
            )
    except WeightmarkError as error:
        return _Asked(bundles, checks=(Check.from_error("chain", error),), unasked=bool(ledger))
    if grown is None:
        return _Asked(bundles, unasked=unasked)
    return _Asked(grown.bundles, grown.chain, unasked=unasked)
