"""Trusted roots of Sigstore instances: those that come with weightmark, and files that the caller names."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.errors import CallError, LimitError, MalformedError, TrustMissingError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = [
    "BUILT_IN_ROOTS",
    "Lifetime",
    "Profile",
    "Root",
    "built_in_root",
    "parse_root",
    "root_of_trust_config",
]

BUILT_IN_ROOTS = ("public-good", "staging")
"""trusted roots that come with weightmark"""
_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


class Profile(StrEnum):
    """What an instance of Sigstore proves, and so what is asked of its bundles."""

    SIGSTORE = "sigstore"
    """a log entry, a promise of a certificate log, a verified time"""
    GITHUB = "github"
    """a timestamp alone: GitHub's instance for private repositories keeps no logs"""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One entry of a trusted root and when it counts."""

    kind: str
    """`log`, `certificate authority`, `certificate log` or `timestamp authority`"""
    name: str
    """its host, else its key id or subject"""
    start: datetime | None
    """first moment; None when its root does not say"""
    end: datetime | None
    """last moment; None when it is in use without an end"""


@dataclass(frozen=True)
class Root:
    """A trusted root and how it is used."""

    name: str
    """how the caller calls it"""
    trusted: TrustedRoot
    """logs, authorities and clocks"""
    sha256: str
    """of the file, lowercase hex; empty for roots that come with weightmark"""
    profile: Profile
    """what the instance proves"""

    @property
    def thresholds(self) -> Thresholds:
        """What its profile asks of a bundle."""
        if self.profile is Profile.GITHUB:
            return Thresholds.timestamps_only()
        return Thresholds.transparent()

    @property
    def entries(self) -> tuple[Lifetime, ...]:
        """Every log and authority with its time, in the order of the root."""
        return tuple(_entries(self.trusted))

    @property
    def expires(self) -> datetime | None:
        """When the last entry of some kind ends: from then on new signatures can't be proven."""
        ends = []
        for kind in {entry.kind for entry in self.entries}:
            last = [entry.end for entry in self.entries if entry.kind == kind]
            if None not in last:
                ends.append(max(end for end in last if end))
        return min(ends, default=None)


def built_in_root(name: str) -> Root:
    """Return a root that comes with weightmark; raises `CallError` for another name."""
    if name not in BUILT_IN_ROOTS:
        raise CallError(
            f"no root is called `{name[:100]}`", fix=f"use one of {', '.join(BUILT_IN_ROOTS)}"
        )
    trusted = TrustedRoot.public_good() if name == "public-good" else TrustedRoot.staging()
    return Root(name, trusted, "", Profile.SIGSTORE)


def parse_root(data: bytes, *, name: str, profile: str = "sigstore", pinned: str = "") -> Root:
    """Read a `trusted_root.json`, or a client trust configuration that holds one.

    Raises `TrustMissingError` when it is unusable or is not the one that was `pinned` (SHA-256,
    lowercase hex), `CallError` for an unknown profile.
    """
    if profile not in (known := [one.value for one in Profile]):
        raise CallError(
            f"`{profile[:100]}` is no profile of a trusted root",
            fix=f"use one of {', '.join(known)}",
        )
    digest = hashlib.sha256(data).hexdigest()
    if pinned and pinned != digest:
        raise TrustMissingError(
            f"the trusted root `{name}` is not the one that was pinned",
            why=f"it has the SHA-256 {digest}, and {pinned[:80]} was pinned",
            fix="look at it with `weightmark trust show`, and pin it with `weightmark trust pin` if the change was meant",
        )
    trusted = TrustedRoot.parse(_root_in(data, name), what=f"the trusted root `{name}`")
    return Root(name, trusted, digest, Profile(profile))


def root_of_trust_config(data: bytes, *, name: str) -> Root:
    """Read the trusted root in a client trust configuration (`ClientTrustConfig`); raises `TrustMissingError`."""
    fields = _parse(data, name)
    if fields.get("mediaType") != _TRUST_CONFIG:
        raise TrustMissingError(
            f"`{name}` is no client trust configuration",
            why=f"its media type is `{str(fields.get('mediaType'))[:100]}`",
            fix="name a bare `trusted_root.json` with `--trusted-root`",
        )
    return parse_root(data, name=name)


def _root_in(data: bytes, name: str) -> bytes:
    fields = _parse(data, name)
    if fields.get("mediaType") != _TRUST_CONFIG:
        return data
    inner = fields.get("trustedRoot")
    if not isinstance(inner, dict):
        raise TrustMissingError(f"the trust configuration `{name}` holds no trusted root")
    return json.dumps(inner).encode()


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        return parse_object(data, what=f"`{name}`")
    except (MalformedError, LimitError) as error:
        raise TrustMissingError(
            f"the trusted root `{name}` is unusable",
            why=error.what,
            fix="get it again from whoever runs the instance",
        ) from error


def _entries(root: TrustedRoot) -> Iterator[Lifetime]:
    for log in root.logs:
        yield Lifetime("log", log.name, log.validity.start, log.validity.end)
    for log in root.certificate_logs:
        yield Lifetime("certificate log", log.name, log.validity.start, log.validity.end)
    kinds = (
        ("certificate authority", root.certificate_authorities),
        ("timestamp authority", root.timestamp_authorities),
    )
    for kind, authorities in kinds:
        for authority in authorities:
            window = authority.validity
            ends = [one.not_valid_after_utc for one in authority.certificates]
            end = min([*ends, window.end] if window and window.end else ends)
            yield Lifetime(kind, authority.name, window.start if window else None, end)
