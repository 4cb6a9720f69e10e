"""The JSON documents that tell clients about an instance (protobuf-specs `sigstore_trustroot.proto`)."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509

from tests.sim.authority import der

__all__ = ["authority", "client_trust_config", "log", "signing_config", "trusted_root"]

TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SIGNING_CONFIG = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CLIENT_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


def log(url: str, spki: bytes, log_id: bytes, details: str, start: datetime) -> dict[str, Any]:
    """Return a `TransparencyLogInstance`."""
    key = {"rawBytes": _b64(spki), "keyDetails": details, "validFor": {"start": _time(start)}}
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": key,
        "logId": {"keyId": _b64(log_id)},
    }


def authority(url: str, chain: Sequence[x509.Certificate], start: datetime) -> dict[str, Any]:
    """Return a `CertificateAuthority`."""
    return {
        "subject": {"organization": "loopback", "commonName": "loopback"},
        "uri": url,
        "certChain": {"certificates": [{"rawBytes": _b64(der(one))} for one in chain]},
        "validFor": {"start": _time(start)},
    }


def trusted_root(
    *,
    tlogs: Sequence[dict[str, Any]],
    ctlogs: Sequence[dict[str, Any]],
    authorities: Sequence[dict[str, Any]],
    timestamp_authorities: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return a `TrustedRoot`."""
    return {
        "mediaType": TRUSTED_ROOT,
        "tlogs": list(tlogs),
        "certificateAuthorities": list(authorities),
        "ctlogs": list(ctlogs),
        "timestampAuthorities": list(timestamp_authorities),
    }


def signing_config(url: str, start: datetime, versions: Sequence[int]) -> dict[str, Any]:
    """Return a `SigningConfig` v0.2 whose services all lie at `url`."""

    def service(path: str, version: int = 1) -> dict[str, Any]:
        return {
            "url": f"{url}{path}",
            "majorApiVersion": version,
            "validFor": {"start": _time(start)},
            "operator": "loopback",
        }

    return {
        "mediaType": SIGNING_CONFIG,
        "caUrls": [service("")],
        "oidcUrls": [service("/oidc")],
        "rekorTlogUrls": [service("", version) for version in versions],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [service("/tsa/api/v1/timestamp")],
        "tsaConfig": {"selector": "ANY"},
    }


def client_trust_config(root: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return a `ClientTrustConfig`: both in one."""
    return {"mediaType": CLIENT_TRUST_CONFIG, "trustedRoot": root, "signingConfig": config}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
