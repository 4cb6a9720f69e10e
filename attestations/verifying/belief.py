"""Belief: which of the evidence was signed by whom the caller trusts, and what it says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.compact_manifest import CompactManifest, read_manifest_claim
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.claimed import claimed_signer
from weightmark.attestations.verifying.evidence import Claim, Evidence, SignatureFile
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    RevokedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.values import dataclass

__all__ = [
    "Belief",
    "BelievedManifest",
    "BelievedSignature",
    "ListedClaim",
    "Stranger",
    "UnlistedManifest",
    "weigh_evidence",
]

_VOUCHING = (MANIFEST_PREDICATE, OMS_PREDICATE, APPROVAL_PREDICATE)
_FEW = 50
"""bundles for which nothing is loaded that only many need"""


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
class UnlistedManifest:
    """A manifest claim by a trusted signer whose list of files is not at hand."""

    verified: VerifiedBundle
    """the verified bundle"""
    claim: CompactManifest
    """what it says"""


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
    verified: VerifiedBundle | None = None
    """the verified bundle, when its signer is trusted: who, when, by which clock"""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A signature by nobody whom the caller trusts."""

    source: str
    """file and line"""
    claimed: str
    """whom it names as its signer, unverified"""
    refusal: WrongSignerError
    """why it is by nobody whom the caller trusts"""
    vouches: bool = True
    """whether it says of itself that it lists files or approves them; unverified, for words only"""


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
    strangers: tuple[Stranger, ...] = ()
    """signatures by others, the model signature first"""
    trusted: tuple[str, ...] = ()
    """whom the caller trusts, by name"""
    unlisted: tuple[UnlistedManifest, ...] = ()
    """manifest claims whose list of files is not at hand; see `unlisted.complete`"""

    @property
    def names_content(self) -> bool:
        """Whether any trusted signer lists the artifact's files."""
        return bool(self.signature or self.manifests or self.unlisted)

    @property
    def own_list(self) -> OmsClaim | None:
        """The list of the model signature, if it has to be checked by its own digests: no manifest claim stands in."""
        oms = self.signature.oms if self.signature else None
        if oms is None or any(self.stands_in(manifest) for manifest in self.manifests):
            return None
        return oms

    def stands_in(self, manifest: BelievedManifest) -> bool:
        """Tell whether the model signature's signer also signed this claim, with the very same SHA-256 digests."""
        oms = self.signature.oms if self.signature else None
        if self.signature is None or oms is None or not oms.whole_sha256:
            return False
        if not manifest.verified.signer.is_same_as(self.signature.verified.signer):
            return False
        sha256 = manifest.claim.sha256
        covered = {path: digest for path, digest in sha256.items() if in_oms_set(path)}
        return covered == oms.files


def weigh_evidence(
    evidence: Evidence,
    trust: Trust,
    *,
    now: datetime | None = None,
    allow_legacy: bool = False,
    workers: int = 1,
) -> Belief:
    """Verify every signature of `evidence` at `now`, the present unless given; `allow_legacy` reads model signatures in the form of 2024, too.

    With more than one of `workers`, many keyless bundles are verified in as many processes; the caller's
    main module then needs its guard (`if __name__ == "__main__":`).
    """
    now = now or datetime.now(UTC)
    believed = trust.allowing_legacy() if allow_legacy else trust
    if workers > 1 and len(evidence.bundles) > _FEW:
        from weightmark.attestations.trust.beforehand import prove_beforehand

        believed = prove_beforehand(believed, evidence.bundles, now=now, workers=workers)
    scales = _Scales(believed, now, allow_legacy=allow_legacy)
    signature = scales.weigh_signature(evidence.signature) if evidence.signature else None
    manifests: list[BelievedManifest] = []
    unlisted: list[UnlistedManifest] = []
    others: list[VerifiedBundle] = []
    for claim in evidence.claims:
        verified = scales.weigh_claim(claim)
        if verified is None:
            continue
        if verified.statement.predicate_type != MANIFEST_PREDICATE:
            others.append(verified)
            continue
        try:
            listed = read_manifest_claim(verified.statement, evidence.lists)
        except WeightmarkError as error:
            scales.fail("claims", claim.source, error, reserved=claim.reserved)
            continue
        if isinstance(listed, CompactManifest):
            unlisted.append(UnlistedManifest(verified, listed))
        else:
            manifests.append(BelievedManifest(verified, listed))
    if scales.open_signature:
        outcome = Outcome.INFO if manifests or unlisted else Outcome.UNCHECKED
        scales.checks.append(replace(scales.open_signature, outcome=outcome))
    vouched = bool(signature or manifests or unlisted)
    scales.checks += [_beside_others(one) if vouched else one for one in scales.ended]
    return Belief(
        signature,
        tuple(manifests),
        tuple(others),
        tuple(scales.listed),
        tuple(scales.checks),
        tuple(scales.strangers),
        trust.names,
        tuple(unlisted),
    )


class _Scales:
    """Verifies bundles one after the other and keeps what is to be said about them."""

    def __init__(self, trust: Trust, now: datetime, *, allow_legacy: bool) -> None:
        self.trust = trust
        self.now = now
        self.allow_legacy = allow_legacy
        self.listed: list[ListedClaim] = []
        self.checks: list[Check] = []
        self.strangers: list[Stranger] = []
        self.open_signature: Check | None = None
        self.ended: list[Check] = []
        self._verdicts: dict[Bundle, VerifiedBundle | WeightmarkError] = {}

    def _verify(self, bundle: Bundle) -> VerifiedBundle:
        """Verify a bundle once, however often it stands in the evidence."""
        verdict = self._verdicts.get(bundle)
        if verdict is None:
            try:
                verdict = self.trust.verify(bundle, now=self.now)
            except WeightmarkError as error:
                verdict = error
            self._verdicts[bundle] = verdict
        if isinstance(verdict, WeightmarkError):
            raise verdict
        return verdict

    def weigh_signature(self, file: SignatureFile) -> BelievedSignature | None:
        """Judge the bundle under the name of the model signature, which must be one."""
        name = file.path.name
        try:
            verified = self._verify(file.bundle) if file.bundle else None
        except WrongSignerError as error:
            verified = None
            self._meet_stranger(f"`{name}`", file.bundle, error, vouches=True)
        except UnsupportedError as error:
            verified = None
            self._leave_open(name, file, error)
        except RevokedError as error:
            verified = None
            self.ended.append(_check("signature", f"`{name}`", error))
        except WeightmarkError as error:
            verified = None
            self.fail("signature", f"`{name}`", error)
        if verified is None:
            self._list_stranger(name, _hint(file.bundle) if file.bundle else "")
            return None
        self._list_friend(name, verified)
        try:
            oms = OmsClaim.from_statement(verified.statement, allow_legacy=self.allow_legacy)
            return BelievedSignature(verified, oms, None)
        except UnsupportedError as error:
            return BelievedSignature(verified, None, error)
        except WeightmarkError as error:
            self.fail("signature", f"`{name}`", error)
            return None

    def _leave_open(self, name: str, file: SignatureFile, error: UnsupportedError) -> None:
        """Say that it can't be told whether the signature is good; but a model signature is a statement."""
        envelope = file.bundle.content if file.bundle else None
        if isinstance(envelope, Envelope) and envelope.payload_type != IN_TOTO_PAYLOAD_TYPE:
            self.fail("signature", f"`{name}`", MalformedError(error.what))
            return
        check = Check.from_error("signature", error)
        self.open_signature = replace(check, summary=f"`{name}`: {error.what}")

    def weigh_claim(self, claim: Claim) -> VerifiedBundle | None:
        """Judge one claim; what is signed by nobody whom the caller trusts is listed and no more."""
        try:
            verified = self._verify(claim.bundle)
        except WrongSignerError as error:
            self._list_stranger(claim.source, _hint(claim.bundle))
            vouches = _says_so(claim.bundle)
            self._meet_stranger(claim.source, claim.bundle, error, vouches=vouches)
            return None
        except UnsupportedError as error:
            self._list_stranger(claim.source, _hint(claim.bundle))
            self.checks.append(Check("claims", Outcome.INFO, f"{claim.source}: {error.what}"))
            return None
        except (RevokedError, ExpiredError) as error:
            self._list_stranger(claim.source, _hint(claim.bundle))
            check = _check("claims", claim.source, error)
            self.ended.append(check if claim.reserved else _beside_others(check))
            return None
        except WeightmarkError as error:
            self._list_stranger(claim.source, _hint(claim.bundle))
            self.fail("claims", claim.source, error, reserved=claim.reserved)
            return None
        self._list_friend(claim.source, verified)
        return verified

    def fail(self, name: str, label: str, error: WeightmarkError, *, reserved: bool = True) -> None:
        """Say what is wrong; in a store that holds claims about many things it is only reported."""
        check = _check(name, label, error)
        self.checks.append(check if reserved else _beside_others(check))

    def _meet_stranger(
        self, source: str, bundle: Bundle | None, error: WrongSignerError, *, vouches: bool
    ) -> None:
        claimed = claimed_signer(bundle)[0] if bundle else ""
        self.strangers.append(Stranger(source, claimed, error, vouches))

    def _list_stranger(self, source: str, hint: str) -> None:
        self.listed.append(ListedClaim(source, "", hint, trusted=False, identity=""))

    def _list_friend(self, source: str, verified: VerifiedBundle) -> None:
        statement = verified.statement
        identity = _only([subject.identity for subject in statement.subjects])
        signer = verified.signer.name
        self.listed.append(
            ListedClaim(
                source,
                statement.predicate_type,
                signer,
                trusted=True,
                identity=identity,
                verified=verified,
            )
        )


def _check(name: str, label: str, error: WeightmarkError) -> Check:
    return replace(Check.from_error(name, error), summary=f"{label}: {error.what}")


def _beside_others(check: Check) -> Check:
    """Only report what counts for nothing, where the verdict rests on something else."""
    return replace(check, outcome=Outcome.INFO, fix="")


def _says_so(bundle: Bundle) -> bool:
    """Tell whether a bundle looks as if it lists files or approves them; nothing is parsed."""
    envelope = bundle.content
    if not isinstance(envelope, Envelope):
        return True
    return any(one.encode() in envelope.payload for one in _VOUCHING)


def _hint(bundle: Bundle) -> str:
    return f"hint:{bundle.key_hint}" if bundle.key_hint else ""


def _only(identities: Sequence[str]) -> str:
    return identities[0] if len(identities) == 1 else ""
