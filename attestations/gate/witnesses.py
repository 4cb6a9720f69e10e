"""Whether witnesses saw a consulted ledger: how many, and when the last of those that are needed did."""

from dataclasses import replace
from datetime import UTC, datetime

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import LedgerEvidence
from weightmark.attestations.ledger.consulting import open_place
from weightmark.attestations.policy.rules import LedgerRule
from weightmark.errors import ProofMissingError, WeightmarkError

__all__ = ["witnessed"]


def witnessed(
    ledger: LedgerEvidence, place: str, rule: LedgerRule, now: datetime
) -> LedgerEvidence:
    """Return what a ledger says, with the witnesses of the policy who saw it.

    A ledger that does not extend what they saw, or a cosignature that is not good, is its `problem`.
    """
    if rule.witness_policy is None or ledger.problem or not ledger.origin:
        return ledger
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint

    try:
        with open_place(place) as log:
            seen = witnessed_checkpoint(log.home, log.verifier, rule.witness_policy, now)
            with log.snapshot() as snapshot:
                snapshot.require_extends(seen.checkpoint, "the witnesses' checkpoint")
    except ProofMissingError:
        return ledger
    except WeightmarkError as error:
        return replace(ledger, problem=Check.from_error("witnesses", error))
    times = {one.witness: one.at for one in seen.cosignatures}
    newest = sorted(times.values(), reverse=True)
    needed = max(rule.witnesses, 1)
    last = newest[needed - 1] if len(newest) >= needed else None
    return replace(
        ledger,
        witnesses=len(times),
        witnessed_size=seen.checkpoint.size,
        seen_at=last.astimezone(UTC) if last else None,
    )
