"""A signed lock: one claim an address, so that a commit or a registry's digest links to an identity.

Each claim also holds the digest of the whole lock, so that nothing can be dropped from it, added or
edited, and the time of the signing, by which an older lock that was put back is told from a newer one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.claims import parse_claims, render_claims
from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
from weightmark.attestations.predicates.lock import LOCK_PREDICATE, LockClaim
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import WeightmarkError
from weightmark.provenance.atomic import replace_files
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.sidecars import read_named
from weightmark.values import dataclass

__all__ = ["Vouched", "claims_path", "sign_lock", "vouched_for"]

_TOLERANCE = timedelta(minutes=5)
"""how far a signer's clock may be ahead of ours"""
_EMPTY = "look who emptied it, or add to it with `weightmark lock update URI`"
_SIGN = "review the lock, then sign it with `weightmark lock sign --key KEY`"


def claims_path(lock: Path) -> Path:
    """Return where the claims of a lock file stand: beside it."""
    return lock.with_name(f"{lock.name}.claims")


@dataclass(frozen=True, slots=True)
class Vouched:
    """A lock for which a trusted signer vouches as it is, or the check that says why nobody does."""

    check: Check
    """what was found"""
    digest: str = ""
    """SHA-256 of the lock, lowercase hex; empty where nobody vouches for it"""
    signed: datetime | None = None
    """when it was last vouched for, by the clock of the signer; None where no claim says it"""


def sign_lock(lock: LockFile, signers: Sequence[Signer], path: Path, now: datetime) -> int:
    """Write the claims of every entry by every signer, in the place of older ones; return how many.

    Raises what signing raises, and `ReadError`.
    """
    bundles: list[bytes] = []
    whole = lock.sha256
    for signer in signers:
        for artifact in lock.artifacts:
            bundle = signer.sign_statement(_payload(artifact, whole, now)).to_bytes()
            signer.own_trust().verify(Bundle.parse(bundle))
            bundles.append(bundle)
    replace_files({path: render_claims(bundles)})
    return len(bundles)


def vouched_for(lock: LockFile, claims: Path, trust: Trust, now: datetime) -> Vouched:
    """Check that a trusted signer vouches for the lock as it is; raises `CallError` without a file of claims.

    Each claim holds the digest of the whole lock, so that entries that were dropped, added or edited,
    `files` among it, are found. Whether an older lock was put back with its older claims, `SeenLocks` tells.
    """
    said = list(_said(read_named(claims, "file of lock claims"), trust, now))
    if not lock.artifacts and not said:
        nothing = Check("signature", Outcome.NOTHING, "the lock names no address", fix=_EMPTY)
        return Vouched(nothing)
    whole = lock.sha256
    fitting = [one for one in said if one.claim.lock == whole]
    vouched = {(one.identity, one.claim.uri) for one in fitting}
    missing = [one for one in lock.artifacts if (one.identity, one.uri) not in vouched]
    if not lock.artifacts or missing:
        return Vouched(_vouched_by_nobody(lock, said))
    times = [one.claim.signed for one in fitting if one.claim.signed]
    if any(one > now + _TOLERANCE for one in times):
        return Vouched(_from_the_future(max(times)))
    what = (
        f"a trusted signer vouches for {counted(len(lock.artifacts), 'address', 'addresses')},"
        " their identities and files, and for no others"
    )
    return Vouched(Check("signature", Outcome.PASS, what), whole, max(times, default=None))


def _vouched_by_nobody(lock: LockFile, said: Sequence["_Said"]) -> Check:
    return Check(
        "signature",
        Outcome.FAIL,
        "no trusted signer vouches for the lock as it is",
        "whoever can write the file could have changed it",
        _SIGN,
        tuple(_differences(lock, said)),
        code="wrong-signer",
    )


def _from_the_future(signed: datetime) -> Check:
    return Check(
        "signature",
        Outcome.UNCHECKED,
        f"the lock was signed at {format_time(signed)}, which has not come yet",
        "the clock of the signer or of this machine is wrong, so nobody can tell an older lock from a newer one",
        "set the clock that is wrong, and sign the lock again if it was the signer's",
        code="unchecked",
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What a trusted signer said."""

    identity: str
    claim: LockClaim


def _differences(lock: LockFile, said: Sequence[_Said]) -> Iterable[str]:
    """Yield what is not as it was signed, as far as the claims tell."""
    signed = {(one.identity, repr(replace(one.claim, lock="", signed=None))) for one in said}
    entries = {artifact.uri for artifact in lock.artifacts}
    for artifact in lock.artifacts:
        if (artifact.identity, repr(_claim(artifact, "", None))) not in signed:
            yield f"`{artifact.uri}` as {artifact.identity} was signed by nobody"
    for uri in dict.fromkeys(one.claim.uri for one in said if one.claim.uri not in entries):
        yield f"`{uri}` was signed, and is gone"


def _said(data: bytes, trust: Trust, now: datetime) -> Iterable[_Said]:
    """Yield each claim by a trusted signer; others say nothing."""
    for line in parse_claims(data):
        if line.bundle is None:
            continue
        try:
            statement = trust.verify(line.bundle, now=now).statement
            if statement.predicate_type == LOCK_PREDICATE:
                yield _Said(statement.subject.identity, LockClaim.from_statement(statement))
        except WeightmarkError:
            continue


def _payload(artifact: LockedArtifact, whole: str, now: datetime) -> bytes:
    predicate = _claim(artifact, whole, now).to_predicate()
    return Statement.about_manifest(
        artifact.pinned, artifact.identity, LOCK_PREDICATE, predicate, {}
    )


def _claim(artifact: LockedArtifact, whole: str, signed: datetime | None) -> LockClaim:
    digest = dict(artifact.digest)
    return LockClaim(artifact.uri, artifact.pinned, artifact.kind, digest, whole, signed)
