"""A signed lock: one claim an address, so that a commit or a registry's digest links to an identity."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.claims import parse_claims, render_claims
from weightmark.attestations.predicates.lock import LOCK_PREDICATE, LockClaim
from weightmark.attestations.pulling.locking import LockedArtifact, LockFile
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import WeightmarkError
from weightmark.provenance.atomic import replace_files
from weightmark.provenance.sidecars import read_named

__all__ = ["claims_path", "sign_lock", "vouched_checks"]

_EMPTY = "look who emptied it, or add to it with `weightmark lock update URI`"


def claims_path(lock: Path) -> Path:
    """Return where the claims of a lock file stand: beside it."""
    return lock.with_name(f"{lock.name}.claims")


def sign_lock(lock: LockFile, signers: Sequence[Signer], path: Path) -> int:
    """Write the claims of every entry by every signer, in the place of older ones; return how many.

    Raises what signing raises, and `ReadError`.
    """
    bundles: list[bytes] = []
    for signer in signers:
        for artifact in lock.artifacts:
            bundle = signer.sign_statement(_payload(artifact)).to_bytes()
            signer.own_trust().verify(Bundle.parse(bundle))
            bundles.append(bundle)
    replace_files({path: render_claims(bundles)})
    return len(bundles)


def vouched_checks(lock: LockFile, claims: Path, trust: Trust, now: datetime) -> list[Check]:
    """Check that a trusted signer vouches for every entry; raises `CallError` without a file of claims.

    Of a lock without entries nothing is checked. `files` is not signed: the identity is, which
    what arrives has to have. Nobody says how many entries there were.
    """
    if not lock.artifacts:
        return [Check("signature", Outcome.NOTHING, "the lock names no address", fix=_EMPTY)]
    said = set(_said(read_named(claims, "file of lock claims"), trust, now))
    missing = [
        artifact for artifact in lock.artifacts if (artifact.identity, _words(artifact)) not in said
    ]
    if not missing:
        what = (
            f"a trusted signer vouches for {counted(len(lock.artifacts), 'address', 'addresses')}"
            " and their identities; `files` is not signed"
        )
        return [Check("signature", Outcome.PASS, what)]
    return [
        Check(
            "signature",
            Outcome.FAIL,
            f"no trusted signer vouches for {counted(len(missing), 'address', 'addresses')} as locked",
            "whoever can write the file could have changed it",
            "review the lock, then sign it with `weightmark lock sign --key KEY`",
            tuple(f"`{artifact.uri}` as {artifact.identity}" for artifact in missing),
            code="wrong-signer",
        )
    ]


def _said(data: bytes, trust: Trust, now: datetime) -> Iterable[tuple[str, str]]:
    """Yield identity and content of each claim by a trusted signer; others say nothing."""
    for line in parse_claims(data):
        if line.bundle is None:
            continue
        try:
            statement = trust.verify(line.bundle, now=now).statement
            if statement.predicate_type == LOCK_PREDICATE:
                yield statement.subject.identity, repr(LockClaim.from_statement(statement))
        except WeightmarkError:
            continue


def _payload(artifact: LockedArtifact) -> bytes:
    predicate = _claim(artifact).to_predicate()
    return Statement.about_manifest(
        artifact.pinned, artifact.identity, LOCK_PREDICATE, predicate, {}
    )


def _claim(artifact: LockedArtifact) -> LockClaim:
    return LockClaim(artifact.uri, artifact.pinned, artifact.kind, dict(artifact.digest))


def _words(artifact: LockedArtifact) -> str:
    return repr(_claim(artifact))
