"""How old a claim is at least known to be young: the moment before which it can't have been made.

A timestamp and a log entry prove "not later than", and whoever holds a claim can have it stamped once
more. What is signed with the claim nobody else can renew, and a certificate is older than no signature by its key.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from weightmark.attestations.identities import SignerKind
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE, SPDX_PREDICATE
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.svr import SVR_PREDICATE
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE
from weightmark.attestations.statements import SIGNED_AT, Statement
from weightmark.attestations.trust.verified import VerifiedBundle
from weightmark.errors import MalformedError

__all__ = ["made_since"]

_SKEW = timedelta(minutes=5)
"""by how much two honest clocks may differ"""
_PLACES = {
    CYCLONEDX_PREDICATE: ("metadata", "timestamp"),
    SLSA_PROVENANCE_PREDICATE: ("runDetails", "metadata", "finishedOn"),
    SPDX_PREDICATE: ("creationInfo", "created"),
    SVR_PREDICATE: ("timeCreated",),
    VULNS_PREDICATE: ("metadata", "scanFinishedOn"),
}
"""where each kind of claim says when it was made"""


def made_since(verified: VerifiedBundle) -> datetime | None:
    """Return the moment before which a claim was not made; None when nothing says so, or no clock bears it out.

    It is the signer's own signed time, which no verified clock may contradict, or the beginning of a
    short-lived certificate, whichever is later.
    """
    proven = verified.time
    if proven is None:
        return None
    bounds = [one for one in _said(verified.statement) if one <= proven.at + _SKEW]
    if verified.certificate and verified.signer.kind is SignerKind.SIGSTORE:
        bounds.append(verified.certificate.not_before)
    return min(max(bounds), proven.at) if bounds else None


def _said(statement: Statement) -> Iterator[datetime]:
    for subject in statement.subjects:
        yield from _moment({SIGNED_AT: subject.signed_at}, (SIGNED_AT,))
    yield from _moment(statement.predicate, _PLACES.get(statement.predicate_type, ()))


def _moment(document: dict[str, object], place: tuple[str, ...]) -> Iterator[datetime]:
    """Yield the time that stands there; what can't be read says nothing."""
    if not place:
        return
    fields = Fields(document, "the claim")
    try:
        for name in place[:-1]:
            fields = fields.optional_part(name)
        found = fields.optional_moment(place[-1])
    except MalformedError:
        return
    if found:
        yield found
