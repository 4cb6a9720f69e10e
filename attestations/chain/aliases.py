"""By which digests an artifact may be named: only what a verified claim, or reading, ties to its identity.

Names, URIs, SHA-1 and MD5 never link. A git commit, or a registry's digest, links only together with its
repository, and where a verified lock says for which bytes it stood; what `push` writes into registries
also without one, because its digest follows from the list of files. An OMS root does not bind file names, so it links
only where a verified OMS bundle and a verified manifest list the very same files.
"""

from collections.abc import Iterable

from weightmark.attestations.predicates.descriptor import STRONG_DIGESTS, Descriptor
from weightmark.attestations.predicates.lock import LockClaim
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.foreign_digests import dir_hash, in_oms_set
from weightmark.provenance.lineage.graph import Input
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.sources.choice import pinned_address
from weightmark.provenance.sources.interface import PINS

__all__ = ["Aliases"]

_SINGLE = "."
_OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Aliases:
    """Digests that name an artifact, collected from verified claims."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, str], set[str]] = {}
        self._manifests: dict[str, dict[str, str]] = {}
        self._lists: dict[str, Manifest] = {}
        self._packages: dict[str, str] = {}
        self._locked: dict[str, set[str]] = {}

    def add_manifest(self, claim: ManifestClaim) -> None:
        """Learn from a verified manifest claim: dirHash of a tree, SHA-256 of a single file."""
        identity, sha256 = claim.manifest.identity, claim.sha256
        self._manifests[identity] = sha256
        self._lists[identity] = claim.manifest
        if set(sha256) == {_SINGLE}:
            self._learn("sha256", sha256[_SINGLE], identity)
            return
        hashed = dir_hash(sha256.items())
        if hashed:
            self._learn("dirHash", hashed, identity)
            self._learn("dirHash1", hashed, identity)

    def add_oms(self, root: str, claim: OmsClaim) -> None:
        """Learn from a verified OMS signature; only one whose list equals a known manifest says anything."""
        if not claim.whole_sha256:
            return
        for identity, sha256 in self._manifests.items():
            if {path: one for path, one in sha256.items() if in_oms_set(path)} == claim.files:
                self._learn("oms", root, identity)

    def add_lock(self, identity: str, claim: LockClaim) -> None:
        """Learn from a verified lock for which artifact a pinned address stood; two answers for one link nothing."""
        if identity and claim.digest:
            self._locked.setdefault(claim.pinned, set()).add(identity)

    def identity_of(self, descriptor: Descriptor) -> str:
        """Return the artifact that a descriptor means, or nothing; raises `MalformedError` when it means two."""
        if descriptor.identity:
            return descriptor.identity
        found = {
            identity
            for algorithm, value in descriptor.digest.items()
            for key in self._keys(algorithm, value, descriptor)
            for identity in self._digests.get(key, ())
        }
        found |= self._pinned(descriptor)
        if not found:
            found = self._pushed(descriptor)
        if len(found) > 1:
            raise MalformedError(
                f"the digests of `{descriptor.name[:80]}` belong to different artifacts"
            )
        return found.pop() if found else ""

    def input_of(self, descriptor: Descriptor) -> Input:
        """Describe an input of a step, with the artifact that it links to or the reason why it links to none."""
        identity, problem = "", ""
        try:
            identity = self.identity_of(descriptor)
        except MalformedError as error:
            problem = error.what
        role = descriptor.annotations.get("role", "")
        return Input(
            descriptor.name,
            descriptor.uri,
            role if isinstance(role, str) else "",
            identity,
            problem if problem or identity else _why_unlinked(descriptor),
        )

    def _keys(
        self, algorithm: str, value: str, descriptor: Descriptor
    ) -> Iterable[tuple[str, str]]:
        if algorithm in {"dirHash", "dirHash1"}:
            yield algorithm, value
        elif algorithm == "sha256" and not descriptor.media_type:
            yield algorithm, value
            # an OMS subject stands under `sha256`, without a media type
            yield "oms", value

    def _pinned(self, descriptor: Descriptor) -> set[str]:
        """Return what locks say of an address together with the digest that pins it."""
        found: set[str] = set()
        for name, value in descriptor.digest.items():
            address = pinned_address(descriptor.uri, name, value) if name in PINS else ""
            found |= self._locked.get(address, set())
        return found

    def _pushed(self, descriptor: Descriptor) -> set[str]:
        """Return what `push` gives this digest: the manifest of a registry that lists exactly the files of a claim."""
        value = descriptor.digest.get("sha256", "")
        if not value or descriptor.media_type not in {"", _OCI_MANIFEST}:
            return set()
        for identity in self._lists.keys() - self._packages.keys():
            self._packages[identity] = self._package_of(identity)
        return {identity for identity, digest in self._packages.items() if digest == value}

    def _package_of(self, identity: str) -> str:
        """Return the digest of the manifest that `push` makes, lowercase hex; nothing for what it does not push."""
        from weightmark.provenance.sources.oci.packing import PackedFile, pack

        sha256 = self._manifests[identity]
        if set(sha256) == {_SINGLE}:
            return ""
        rows = self._lists[identity].rows
        try:
            package = pack(PackedFile(row.path, row.size, sha256[row.path]) for row in rows)
        except LimitError:
            return ""
        return package.descriptor.digest.removeprefix("sha256:")

    def _learn(self, algorithm: str, value: str, identity: str) -> None:
        self._digests.setdefault((algorithm, value), set()).add(identity)


def _why_unlinked(descriptor: Descriptor) -> str:
    if descriptor.links or "dirHash" in descriptor.digest:
        return "no verified claim ties its digest to an artifact"
    if descriptor.digest:
        weak = ", ".join(sorted(descriptor.digest))[:80]
        return f"`{weak}` is no digest that may link; {' or '.join(STRONG_DIGESTS)} would be"
    return "it is named by URI only, and what stands there can change"
