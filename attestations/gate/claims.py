"""Claims by the roles of a policy: every bundle is verified for each role that is asked for anything."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.aliases import Aliases
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import SignedClaim
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.registry import PREDICATE_TYPES, read_predicate
from weightmark.attestations.statements import Subject
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.signed_times import made_since
from weightmark.attestations.verifying.belief import Belief
from weightmark.errors import WeightmarkError, WrongSignerError
from weightmark.values import dataclass

__all__ = ["KIND_OF_TYPE", "RoleClaims", "Weighed", "claims_by_roles", "releases_of"]

_KINDS = {
    "approval": "approval",
    "classification": "classification",
    "cyclonedx": "sbom",
    "dataset": "dataset",
    "provenance": "provenance",
    "scan": "scan",
    "spdx": "sbom",
    "test-result": "test",
    "vsa": "vsa",
    "vulns": "vulns",
}
KIND_OF_TYPE: Mapping[str, str] = MappingProxyType(
    {uri: _KINDS[one.name] for uri, one in PREDICATE_TYPES.items() if one.name in _KINDS}
)
"""what each predicate type says, as `[require.KIND]` calls it"""
_MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RoleClaims:
    """What members of roles signed, and what is wrong with some of it."""

    claims: tuple[SignedClaim, ...]
    """sorted, so that the order of files and lines never matters"""
    checks: tuple[Check, ...]
    """claims by members that can't be read"""
    claim_ids: tuple[str, ...] = ()
    """of everything that members signed, of whatever kind and about whatever; sorted"""
    signers: tuple[SignerIdentity, ...] = ()
    """who signed any of it, each once; sorted by name"""


@dataclass(frozen=True)
class Weighed:
    """What verification believed for one role already, so that no signature is verified twice."""

    role: str
    """the role by whose trust it was weighed"""
    verified: Mapping[int, VerifiedBundle]
    """what it believed, by `id()` of the bundle"""
    bundles: tuple[Bundle, ...]
    """everything that it looked at; held, so that no other object takes their `id()`"""

    @classmethod
    def of(cls, role: str, belief: Belief, bundles: Iterable[Bundle]) -> "Weighed":
        """Take what a belief in these bundles holds."""
        found = [*belief.others, *(one.verified for one in belief.manifests)]
        found += [one.verified for one in belief.unlisted]
        if belief.signature:
            found.append(belief.signature.verified)
        return cls(role, {id(one.bundle): one for one in found}, tuple(bundles))

    @cached_property
    def looked_at(self) -> frozenset[int]:
        """Which bundles need not be verified for this role."""
        return frozenset(id(one) for one in self.bundles)


def claims_by_roles(
    bundles: Iterable[Bundle],
    trusts: Mapping[str, Trust],
    belief: Belief | None,
    now: datetime,
    *,
    weighed: Weighed | None = None,
) -> RoleClaims:
    """Verify every bundle for every role of `trusts`, and read what counts.

    `belief` is what verification believed: its lists of files tell which single file a digest means.
    """
    aliases = Aliases()
    for one in belief.manifests if belief else ():
        aliases.add_manifest(one.claim)
    found: dict[tuple[str, ...], SignedClaim] = {}
    checks: list[Check] = []
    ids: set[str] = set()
    signers: set[SignerIdentity] = set()
    for bundle in bundles:
        verified, roles = _verified(bundle, trusts, now, checks, weighed)
        if verified is None:
            continue
        ids.add(verified.claim_id)
        signers.add(verified.signer)
        try:
            claims = list(_read(verified, roles, aliases))
        except WeightmarkError as error:
            checks.append(Check.from_error("claims", error))
            continue
        for claim in claims:
            # one statement with two proofs of its time stands twice: neither hides the other
            times = (str(claim.at), str(claim.since))
            found[claim.claim_id, claim.signer.name, claim.identity, *times] = claim
    ordered = sorted(found.items(), key=lambda item: item[0])
    return RoleClaims(
        tuple(claim for _, claim in ordered),
        tuple(checks),
        tuple(sorted(ids)),
        tuple(sorted(signers, key=lambda one: (one.name, one.fingerprint))),
    )


def releases_of(
    belief: Belief | None, identity: str, signers: Sequence[str], role: str
) -> Iterator[SignedClaim]:
    """Yield who listed the files of the artifact: manifest claims, and a model signature that was compared.

    `signers` are those whose lists were compared with the content.
    """
    if belief is None or not identity:
        return
    bundles = [one.verified for one in belief.manifests if one.claim.manifest.identity == identity]
    signature = belief.signature
    if signature and signature.verified.signer.name in signers:
        bundles.append(signature.verified)
    for one in bundles:
        yield _claim("release", identity, one, frozenset([role]))


def _verified(
    bundle: Bundle,
    trusts: Mapping[str, Trust],
    now: datetime,
    checks: list[Check],
    weighed: Weighed | None,
) -> tuple[VerifiedBundle | None, frozenset[str]]:
    verified, roles = None, []
    for role, trust in trusts.items():
        if weighed and weighed.role == role and id(bundle) in weighed.looked_at:
            known = weighed.verified.get(id(bundle))
            verified = known or verified
            roles += [role] if known else []
            continue
        try:
            verified = trust.verify(bundle, now=now)
            roles.append(role)
        except WrongSignerError:
            continue
        except WeightmarkError as error:
            if len(checks) < _MAX_SHOWN:
                summary = f"a claim does not count for the role `{role}`: {error.what}"
                checks.append(Check("roles", Outcome.INFO, summary, error.why))
    return verified, frozenset(roles)


def _read(
    verified: VerifiedBundle, roles: frozenset[str], aliases: Aliases
) -> Iterator[SignedClaim]:
    kind = KIND_OF_TYPE.get(verified.statement.predicate_type)
    if kind is None:
        return
    identities = [_identity(one, aliases) for one in verified.statement.subjects]
    if not any(identities):
        return
    predicate = read_predicate(verified.statement)
    for identity in dict.fromkeys(one for one in identities if one):
        yield _claim(kind, identity, verified, roles, predicate)


def _identity(subject: Subject, aliases: Aliases) -> str:
    """Return which artifact is meant: the one whose manifest it is, or that consists of this very file."""
    if subject.identity or not subject.sha256:
        return subject.identity
    described = Descriptor(digest={"sha256": subject.sha256}, media_type=subject.media_type)
    try:
        return aliases.identity_of(described)
    except WeightmarkError:
        return ""


def _claim(
    kind: str,
    identity: str,
    verified: VerifiedBundle,
    roles: frozenset[str],
    predicate: object = None,
) -> SignedClaim:
    time = verified.time.at if verified.time else None
    return SignedClaim(
        kind,
        identity,
        verified.signer,
        roles,
        verified.claim_id,
        time,
        predicate,  # type: ignore[arg-type] # what the registry read
        made_since(verified),
    )
