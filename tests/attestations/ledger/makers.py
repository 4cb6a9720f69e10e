"""A ledger with admitted keys and people, and short ways to enter claims."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.sim.client import sign_statement
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.predicates.deployment import DEPLOYMENT_PREDICATE, DeploymentClaim
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.provenance.ledger.admission import SUBMITTED_KINDS, Submitter
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.manifest import Manifest, Row

ORIGIN = "example.com/models"
ALICE, BOB, CAROL, MALLORY = (KeySigner(PrivateKey.generate()) for _ in range(4))


def admitted(signer: KeySigner, *kinds: Kind) -> Submitter:
    pem = signer.public.pem
    return Submitter.from_pem(pem, frozenset(kinds)) if kinds else Submitter.from_pem(pem)


def make_ledger(place: Path, submitters: Iterable[Submitter], **more: Any) -> Ledger:
    memory = CheckpointMemory(place.parent / "state")
    return Ledger.create(place, origin=ORIGIN, submitters=list(submitters), memory=memory, **more)


def manifest_of(name: str, *paths: str, size: int = 4) -> ManifestClaim:
    """Files that nobody has: a digest of one letter each."""
    digest = f"{sum(name.encode()) % 251:02x}" * 32
    files = paths or ("model.safetensors",)
    rows = [Row(path, size, digest) for path in files]
    return ManifestClaim(Manifest.from_rows(rows), dict.fromkeys(files, digest), links=False)


def identity_of(name: str) -> str:
    return manifest_of(name).manifest.identity


def release(signer: Signer, name: str, *paths: str, title: str = "", size: int = 4) -> Bundle:
    claim = manifest_of(name, *paths, size=size)
    return state(
        signer, claim.manifest.identity, MANIFEST_PREDICATE, claim.to_predicate(), title or name
    )


def derived(signer: Signer, child: str, *parents: str) -> Bundle:
    """A provenance claim: `child` was made from `parents`, each `wm1:` or `sha256:`."""
    predicate = SlsaProvenance(
        "https://weightmark/buildtypes/finetune/v1",
        {},
        tuple(described(one) for one in parents),
        "https://example.com/builder",
    )
    return state(signer, child, SLSA_PROVENANCE_PREDICATE, predicate.to_predicate(), "child")


def described(subject: str) -> Descriptor:
    if subject.startswith("wm1:"):
        return Descriptor.of_identity("", subject)
    return Descriptor(digest={"sha256": subject.removeprefix("sha256:")})


def deployed(signer: Signer, identity: str, target: str = "cluster") -> Bundle:
    return state(signer, identity, DEPLOYMENT_PREDICATE, DeploymentClaim(target).to_predicate())


def state(
    signer: Signer, identity: str, kind: str, predicate: dict[str, Any], name: str = "model"
) -> Bundle:
    return signer.sign_statement(Statement.about_manifest(name, identity, kind, predicate, {}))


def enter(ledger: Ledger, signer: Signer, *claims: Bundle, kind: str | None = None) -> list[int]:
    return [one.index for one in submit(ledger, claims, signer, kind=kind)]


class PersonSim:
    """Somebody who logs in at the simulated Sigstore, and signs at its time."""

    def __init__(self, sim: LoopbackSigstore, person: str = "release@example.com") -> None:
        self.sim = sim
        self.person = person

    @property
    def identity(self) -> SignerIdentity:
        return SignerIdentity(SignerKind.SIGSTORE, "0" * 64, self.person, self.sim.oidc.url)

    @property
    def notices(self) -> tuple[str, ...]:
        return ()

    def own_trust(self) -> Trust:
        raise NotImplementedError

    def sign_statement(self, payload: bytes) -> Bundle:
        self.sim.oidc.person = self.person
        return Bundle.parse(sign_statement(self.sim, payload))

    def admitted(self, *kinds: Kind) -> Submitter:
        root = f"sha256:{hashlib.sha256(root_of(self.sim).encode()).hexdigest()}"
        chosen = frozenset(kinds) or SUBMITTED_KINDS
        return Submitter.of_identity(self.person, self.sim.oidc.url, kinds=chosen, root=root)


def roots_of(sim: LoopbackSigstore) -> dict[str, str]:
    text = root_of(sim)
    return {f"sha256:{hashlib.sha256(text.encode()).hexdigest()}": text}


def root_of(sim: LoopbackSigstore) -> str:
    return json.dumps(sim.trusted_root())
