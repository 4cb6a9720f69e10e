"""Entering revocations and reinstatements: what a person names becomes a signed claim in the ledger."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    pre_authentication_encoding,
)
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.predicates.revocation import (
    ReinstatementClaim,
    RevocationClaim,
    RevocationSubject,
)
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.private import PrivateValue, identity_value
from weightmark.provenance.ledger.proof import Receipt

__all__ = ["reinstate", "revocations_of", "revoke", "subject_of_identity"]


def subject_of_identity(ledger: Ledger, subject: str, issuer: str) -> RevocationSubject:
    """Return the commitment by which the log knows an identity, else a new one.

    The salt becomes public with the revocation: whoever knows a name must be able to tell that it
    is meant.
    """
    value = identity_value(subject, issuer)
    known = _known(ledger, value)
    return (
        RevocationSubject(known.name, known.salt.hex())
        if known
        else RevocationSubject.of_identity(value)
    )


def revoke(
    ledger: Ledger,
    signer: Signer,
    subject: RevocationSubject,
    reason: str,
    *,
    since: datetime | None = None,
    now: datetime | None = None,
) -> Receipt:
    """Enter that `subject` no longer counts; the same again changes nothing, unless it was lifted.

    A claim enters once for ever, so that saying once more what was lifted renews the lifted one by
    name. Raises `SubmissionRefusedError` and what the ledger raises.
    """
    claim = RevocationClaim(subject, reason, since)
    lifted = Revocations.read(ledger, complete=False).lifted
    while (known := _claim_id(claim)) in lifted:
        claim = replace(claim, renews=known)
    return _enter(ledger, signer, [claim.to_statement()], now)[0]


def revocations_of(
    ledger: Ledger, subject: str, *, value: str = "", complete: bool = True
) -> tuple[Revocation, ...]:
    """Return the revocations in force of a subject, or of an identity by its `identity_value`."""
    found = Revocations.read(ledger, complete=complete).in_force
    return tuple(
        one
        for one in found
        if (value and one.subject.means(value)) or (subject and one.subject.text == subject)
    )


def reinstate(
    ledger: Ledger,
    signer: Signer,
    revocations: Sequence[Revocation],
    reason: str,
    *,
    now: datetime | None = None,
) -> tuple[Receipt, ...]:
    """Enter that these revocations were a mistake; each is lifted when a second one of the role says so.

    Raises `CallError` for none, `SubmissionRefusedError` and what the ledger raises.
    """
    if not revocations:
        raise CallError("nothing of it is revoked in this ledger")
    claims = [ReinstatementClaim(one.subject, one.claim_id, reason) for one in revocations]
    return _enter(ledger, signer, [one.to_statement() for one in claims], now)


def _enter(
    ledger: Ledger, signer: Signer, statements: Sequence[bytes], now: datetime | None
) -> tuple[Receipt, ...]:
    bundles: list[Bundle] = [signer.sign_statement(one) for one in statements]
    return submit(ledger, bundles, signer, now=now)


def _claim_id(claim: RevocationClaim) -> str:
    return hashlib.sha256(
        pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, claim.to_statement())
    ).hexdigest()


def _known(ledger: Ledger, value: str) -> PrivateValue | None:
    private = ledger.home.private
    opened = (private.get(name) for name in private.names())
    return next((one for one in opened if one and one.value == value), None)
