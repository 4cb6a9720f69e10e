"""Belief: which of the evidence was signed by whom the caller trusts, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.evidence import Evidence
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.errors import UnsupportedError, WeightmarkError, WrongSignerError

__all__ = ["Belief", "BelievedManifest", "BelievedSignature", "ListedClaim", "weigh_evidence"]


@dataclass(frozen=True, slots=True)
class BelievedSignature:
    """A model signature by a trusted signer."""

    verified: VerifiedBundle
    """the verified bundle"""
    oms: OmsClaim | None
    """the files that it lists; None when its form is not supported"""
    unsupported: UnsupportedError | None
    """why its form is not supported"""


@dataclass(frozen=True, slots=True)
class BelievedManifest:
    """A manifest claim by a trusted signer."""

    verified: VerifiedBundle
    """the verified bundle"""
    claim: ManifestClaim
    """the files that it lists"""


@dataclass(frozen=True, slots=True)
class ListedClaim:
    """A claim as it is shown to a person."""

    source: str
    """file and line"""
    predicate_type: str
    """what kind of claim it is; empty when the signer is not trusted"""
    signer: str
    """`key:<fingerprint>` of a trusted signer, or the hint of another one"""
    trusted: bool
    """whether the signature was verified with a key that the caller trusts"""
    identity: str
    """which artifact it is about, when its signer is trusted and it says so"""


@dataclass(frozen=True)
class Belief:
    """What remains of the evidence after every signature was checked."""

    signature: BelievedSignature | None
    """`model.sig`, when a trusted signer made it"""
    manifests: tuple[BelievedManifest, ...]
    """manifest claims by trusted signers, oldest first"""
    others: tuple[VerifiedBundle, ...]
    """other claims by trusted signers"""
    listed: tuple[ListedClaim, ...]
    """everything, for display"""
    checks: tuple[Check, ...]
    """signatures that do not hold"""

    @property
    def names_content(self) -> bool:
        """Whether any trusted signer lists the artifact's files."""
        return bool(self.signature or self.manifests)

    @property
    def needs_sha256(self) -> bool:
        """Whether content has to be checked by SHA-256: no manifest claim of the same signer stands in."""
        if self.signature and self.signature.oms:
            signer = self.signature.verified.signer.fingerprint
            return all(
                manifest.verified.signer.fingerprint != signer for manifest in self.manifests
            )
        return False


def weigh_evidence(evidence: Evidence, trust: Trust) -> Belief:
    """Verify every signature of `evidence`."""
    checks: list[Check] = []
    listed: list[ListedClaim] = []
    signature = _weigh_signature(evidence, trust, checks, listed)
    manifests: list[BelievedManifest] = []
    others: list[VerifiedBundle] = []
    for claim in evidence.claims:
        verified = _verify(claim.bundle, claim.source, trust, checks, listed)
        if verified is None:
            continue
        if verified.statement.predicate_type != MANIFEST_PREDICATE:
            others.append(verified)
            continue
        try:
            manifests.append(
                BelievedManifest(verified, ManifestClaim.from_statement(verified.statement))
            )
        except WeightmarkError as error:
            checks.append(
                Check("claims", Outcome.FAIL, f"{claim.source}: {error.what}", error.why, error.fix)
            )
    return Belief(signature, tuple(manifests), tuple(others), tuple(listed), tuple(checks))


def _weigh_signature(
    evidence: Evidence, trust: Trust, checks: list[Check], listed: list[ListedClaim]
) -> BelievedSignature | None:
    file = evidence.signature
    if file is None:
        return None
    if file.bundle is None:
        listed.append(ListedClaim(file.path.name, "", "", trusted=False, identity=""))
        return None
    verified = _verify(file.bundle, file.path.name, trust, checks, listed)
    if verified is None:
        return None
    try:
        return BelievedSignature(verified, OmsClaim.from_statement(verified.statement), None)
    except UnsupportedError as error:
        return BelievedSignature(verified, None, error)
    except WeightmarkError as error:
        checks.append(
            Check(
                "signature", Outcome.FAIL, f"`{file.path.name}`: {error.what}", error.why, error.fix
            )
        )
        return None


def _verify(
    bundle: Bundle, source: str, trust: Trust, checks: list[Check], listed: list[ListedClaim]
) -> VerifiedBundle | None:
    try:
        verified = trust.verify(bundle)
    except WrongSignerError:
        listed.append(ListedClaim(source, "", _hint(bundle), trusted=False, identity=""))
        return None
    except UnsupportedError as error:
        listed.append(ListedClaim(source, "", _hint(bundle), trusted=False, identity=""))
        checks.append(Check("claims", Outcome.INFO, f"{source}: {error.what}"))
        return None
    except WeightmarkError as error:
        checks.append(
            Check("signature", Outcome.FAIL, f"{source}: {error.what}", error.why, error.fix)
        )
        return None
    identities = [subject.identity for subject in verified.statement.subjects]
    listed.append(
        ListedClaim(
            source,
            verified.statement.predicate_type,
            verified.signer.identity,
            trusted=True,
            identity=_only(identities),
        )
    )
    return verified


def _hint(bundle: Bundle) -> str:
    return f"hint:{bundle.material.text}" if bundle.material.text else ""


def _only(identities: Sequence[str]) -> str:
    return identities[0] if len(identities) == 1 else ""
