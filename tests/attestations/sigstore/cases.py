"""The published bundles, and what to change in them before they are verified."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.sigstore.identity import IdentityRule
from weightmark.attestations.sigstore.signed_content import SignedFile
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import (
    KeyProof,
    SigstoreProof,
    verify_certificate_bundle,
    verify_key_bundle_times,
)

Json = dict[str, Any]

BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
GITHUB = "https://token.actions.githubusercontent.com"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Case:
    """One folder of the Sigstore conformance suite."""

    def __init__(self, vectors: Path, name: str) -> None:
        self.folder = vectors / "sigstore-conformance" / "bundle-verify" / name
        self.bundle_bytes = (self.folder / "bundle.sigstore.json").read_bytes()
        artifact = self.folder / "artifact"
        self.file_path = artifact if artifact.exists() else self.folder.parent / "a.txt"
        self.key_path = self.folder / "key.pub"
        self.root_path = self.folder / "trusted_root.json"
        self.identity = self._text("identity", BEACON)
        self.issuer = self._text("issuer", GITHUB)

    def _text(self, name: str, default: str) -> str:
        path = self.folder / name
        return path.read_text().strip() if path.exists() else default

    @property
    def document(self) -> Json:
        found: Json = json.loads(self.bundle_bytes)
        return found

    @property
    def root_document(self) -> Json:
        source = self.root_path
        if not source.exists():
            source = self.folder.parents[2] / "trusted_root.public-good.json"
        found: Json = json.loads(source.read_bytes())
        return found

    @property
    def root(self) -> TrustedRoot:
        return root_of(self.root_document)

    @property
    def key(self) -> PublicKey | None:
        return PublicKey.load(self.key_path) if self.key_path.exists() else None

    def verify(
        self,
        bundle: bytes | Json | None = None,
        root: TrustedRoot | None = None,
        thresholds: Thresholds | None = None,
        now: datetime = NOW,
    ) -> SigstoreProof | KeyProof:
        """Verify the case, or another bundle or root in its place."""
        data = json.dumps(bundle).encode() if isinstance(bundle, dict) else bundle
        parsed = Bundle.parse(self.bundle_bytes if data is None else data)
        file = SignedFile.of(self.file_path.read_bytes())
        trusted = root or self.root
        if self.key:
            return verify_key_bundle_times(
                parsed, self.key, trusted, now=now, thresholds=thresholds, file=file
            )
        proof = verify_certificate_bundle(
            parsed, trusted, now=now, thresholds=thresholds, file=file
        )
        IdentityRule.exact(self.identity, issuer=self.issuer).check(proof.certificate)
        return proof


def root_of(document: Json) -> TrustedRoot:
    return TrustedRoot.parse(json.dumps(document).encode())


def changed(document: Json, change: Callable[[Json], object]) -> Json:
    """Return a copy of `document` in which `change` has been at work."""
    copy: Json = json.loads(json.dumps(document))
    change(copy)
    return copy


def entry(document: Json) -> Json:
    """Return the first log entry of a bundle's document."""
    found: Json = document["verificationMaterial"]["tlogEntries"][0]
    return found
