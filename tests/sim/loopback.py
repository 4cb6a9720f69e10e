"""A whole Sigstore on one loopback port: for clients that are real, against services that are not.

    with LoopbackSigstore.running() as sim:
        token = sim.oidc.token()
        sim.faults["rekor"] = Fault.error(503, "overloaded", times=2)

Services and their names in `faults`: `oidc`, `github`, `google`, `fulcio`, `rekor`, `tsa`, `tuf`.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.sim import documents
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.fulcio import Fulcio
from tests.sim.oidc import OidcProvider, gitlab_claims
from tests.sim.rekor_v1 import RekorV1
from tests.sim.rekor_v2 import RekorV2
from tests.sim.tsa import TimestampAuthority
from tests.sim.tuf_repository import TufRepository
from tests.sim.web import LoopbackServer

__all__ = ["LoopbackSigstore"]


class LoopbackSigstore:
    """All services, and the documents that tell clients about them."""

    def __init__(self) -> None:
        self.clock = SimClock()
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.start = self.clock.now() - timedelta(days=3600)  # as old as its authorities
        self.oidc = OidcProvider(self.clock, f"{self.url}/oidc")
        self.fulcio = Fulcio(self.clock, self.oidc, self.faults)
        self.rekor_v1 = RekorV1(self.clock, self.faults)
        self.rekor_v2 = RekorV2(self.faults)
        self.tsa = TimestampAuthority(self.clock, self.faults)
        self.tuf = TufRepository(self.clock, self.faults)
        self.tuf.publish(self.targets())
        self._route()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["LoopbackSigstore"]:
        """Start it, and close its port at the end."""
        sim = cls()
        try:
            yield sim
        finally:
            sim.server.stop()

    @property
    def url(self) -> str:
        """Return the address of all services, without a slash at its end."""
        return self.server.url

    @property
    def tuf_url(self) -> str:
        """Return the address of the TUF repository."""
        return f"{self.url}/tuf"

    @property
    def tsa_url(self) -> str:
        """Return the address of the timestamp authority."""
        return f"{self.url}/tsa/api/v1/timestamp"

    def trusted_root(self, start: datetime | None = None) -> dict[str, Any]:
        """Return whom to trust for signatures made here, from `start` on."""
        since = start or self.start
        ct_key = self.fulcio.ct_key.public_key()
        spki = ct_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        p256, ed25519 = "PKIX_ECDSA_P256_SHA_256", "PKIX_ED25519"
        v1, v2 = self.rekor_v1, self.rekor_v2
        return documents.trusted_root(
            tlogs=[
                documents.log(f"https://{v1.origin}", v1.spki, v1.log_id, p256, since),
                documents.log(f"https://{v2.origin}", v2.spki, v2.log_id, ed25519, since),
            ],
            ctlogs=[
                documents.log(f"{self.url}/ct", spki, hashlib.sha256(spki).digest(), p256, since)
            ],
            authorities=[documents.authority(self.url, self.fulcio.issuer.chain, since)],
            timestamp_authorities=[documents.authority(self.tsa_url, self.tsa.leaf.chain, since)],
        )

    def signing_config(self, versions: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
        """Return where to sign; clients take the highest version that they know."""
        return documents.signing_config(self.url, self.start, versions)

    def trust_config(self, versions: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
        """Return both documents in one."""
        return documents.client_trust_config(self.trusted_root(), self.signing_config(versions))

    def targets(self) -> dict[str, bytes]:
        """Return what the TUF repository hands out."""
        return {
            "trusted_root.json": json.dumps(self.trusted_root()).encode(),
            "signing_config.v0.2.json": json.dumps(self.signing_config()).encode(),
        }

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the documents as files: `trust_config`, `trusted_root`, `signing_config`, `tuf_root`."""
        contents = {
            "trust_config": json.dumps(self.trust_config()).encode(),
            "trusted_root": json.dumps(self.trusted_root()).encode(),
            "signing_config": json.dumps(self.signing_config()).encode(),
            "tuf_root": self.tuf.root,
        }
        paths = {name: folder / f"{name}.json" for name in contents}
        for name, data in contents.items():
            paths[name].write_bytes(data)
        return paths

    def github_environment(self) -> dict[str, str]:
        """Return the variables of a GitHub Actions run with `id-token: write`."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/github/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.oidc.ci_bearer,
        }

    def gitlab_environment(self) -> dict[str, str]:
        """Return the variables of a GitLab job with an id token for Sigstore."""
        return {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": self.oidc.token(gitlab_claims())}

    def _route(self) -> None:
        for service, prefix, handle in (
            ("oidc", "/oidc/", self.oidc.handle),
            ("github", "/github/token", self.oidc.handle_github),
            ("google", "/computeMetadata/v1/instance/", self.oidc.handle_google),
            ("fulcio", "/api/v2/signingCert", self.fulcio.handle),
            ("rekor", "/api/v1/log/entries", self.rekor_v1.handle),
            ("rekor", "/api/v2/log/entries", self.rekor_v2.handle),
            ("tsa", "/tsa/", self.tsa.handle),
            ("tuf", "/tuf/", self.tuf.handle),
        ):
            self.server.route(service, prefix, handle)
