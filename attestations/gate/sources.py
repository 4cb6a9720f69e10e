"""Where the gate looks, and whom it believes: what is known before anything is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import Trust
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.ledger.consulting import Consultation

__all__ = ["Sources", "consulted_by", "trusts_of"]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence may come from, beside the artifact itself."""

    signature: Path | None = None
    """a model signature elsewhere"""
    claims: tuple[Path, ...] = ()
    """further claims: files or folders"""
    ledger: str = ""
    """a ledger to consult; empty for none"""
    ancestors: tuple[Path, ...] = ()
    """what the artifact was made from, on disk: claims beside it count, and weights are compared"""


def consulted_by(policy: Policy, sources: Sources) -> "Consultation | None":
    """Consult the ledger that is named; None for none. Raises `CallError` when it is not there."""
    if not sources.ledger:
        return None
    from weightmark.attestations.ledger.consulting import consult

    return consult(sources.ledger, policy.ledger.witness_policy)


def trusts_of(policy: Policy, consultation: "Consultation | None") -> Mapping[str, Trust]:
    """Return whom each role of the policy means, without whom a ledger revokes."""
    found: dict[str, Trust] = {}
    for name, role in policy.roles.items():
        trust = role.trust
        bound = consultation.bind(trust) if consultation else trust
        if bound is not None:
            found[name] = bound
    return found
