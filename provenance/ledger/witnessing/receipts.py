"""Receipts that do not rest on the operator alone: under a checkpoint that witnesses cosigned."""

from datetime import datetime

from weightmark.errors import CallError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.merkle import inclusion_proof
from weightmark.provenance.ledger.proof import (
    Proof,
    Receipt,
    VerifiedReceipt,
    format_proof,
    parse_proof,
    verify_receipt,
)
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy
from weightmark.provenance.ledger.witnessing.quorum import WitnessedCheckpoint, verify_witnessed

__all__ = ["prove_under", "verify_witnessed_receipt"]


def prove_under(snapshot: LedgerSnapshot, index: int, checkpoint: VerifiedCheckpoint) -> Receipt:
    """Prove an entry under an older checkpoint of the same log, for example the newest cosigned one.

    Raises `CallError` when the entry is younger, `LedgerInconsistentError` when the log does not
    extend the checkpoint.
    """
    snapshot.require_extends(checkpoint, "the cosigned checkpoint")
    if index >= checkpoint.size:
        raise CallError(
            f"entry {index} is younger than the checkpoint of size {checkpoint.size}",
            fix="collect cosignatures first: `weightmark ledger witness collect POLICY`",
        )
    (logged,) = snapshot.events([index])
    path = inclusion_proof(snapshot.nodes, index, checkpoint.size)
    proof = Proof(index, tuple(path), checkpoint.note, logged.body)
    return Receipt(index, logged.event, format_proof(proof))


def verify_witnessed_receipt(
    data: bytes, policy: TlogPolicy, now: datetime, *, since: datetime | None = None
) -> tuple[VerifiedReceipt, WitnessedCheckpoint]:
    """Check a receipt offline, and that the policy's quorum saw its checkpoint, from `since` on.

    Raises as `verify_witnessed` and `verify_receipt`.
    """
    witnessed = verify_witnessed(parse_proof(data).checkpoint, policy, now, since=since)
    return verify_receipt(data, witnessed.log), witnessed
