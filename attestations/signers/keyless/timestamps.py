"""Timestamp authorities (RFC 3161) in keyless signing.

Here sigstore-python asks: it takes the authorities from the instance and puts their answers into its
bundle, and this is the client that it is given, which calls through the instance's bounded session.
`making.timestamping` asks by itself, for keys and certificates, without loading sigstore or `requests`.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.signers.keyless.certificates import CertificateClient
from weightmark.attestations.signers.keyless.services import shown_url
from weightmark.errors import NetworkError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["InstanceTimestampClient", "is_timestamp"]


def is_timestamp(time: VerifiedTime) -> bool:
    """Tell whether a verified time is by an authority, not by a log."""
    return time.clock.startswith("timestamp ")


class InstanceTimestampClient:
    """sigstore's client of an authority, with bounds, whose answers are looked at before they count."""

    def __init__(
        self, inner: Any, certificates: CertificateClient, missed: list[str] | None
    ) -> None:
        """Take sigstore's own client; `missed` gets a notice for a timestamp that may be missing, None forbids it."""
        self.url: str = inner.url
        self._inner = inner
        self._certificates = certificates
        self._missed = missed

    @classmethod
    def bounded(
        cls,
        inner: Any,
        bound: Callable[..., Any],
        certificates: CertificateClient,
        missed: list[str] | None,
    ) -> "InstanceTimestampClient":
        """Return a client whose calls have bounds."""
        session = bound(inner._session, "timestamp authority", binary=True)  # noqa: SLF001 - sigstore sets no other limits
        inner._thread_local.session = session  # noqa: SLF001 - the same
        return cls(inner, certificates, missed)

    def request_timestamp(self, signature: bytes) -> Any:
        """Return a timestamp over `signature`; raises `NetworkError` when there is none that fits."""
        from sigstore._internal.timestamp import TimestampError

        try:
            return self._fitting(signature)
        except NetworkError as error:
            if self._missed is None:
                raise
            self._missed.append(f"no timestamp: {error.what}: {error.why}")
            raise TimestampError(error.what) from error

    def _fitting(self, signature: bytes) -> Any:
        from sigstore._internal.timestamp import TimestampError

        try:
            answer = self._inner.request_timestamp(signature)
            info = answer.tst_info
            imprint, moment = info.message_imprint.message, info.gen_time
        except (TimestampError, ValueError, AttributeError) as error:
            raise self._refused("it answered with something that is no timestamp") from error
        if imprint != hashlib.sha256(signature).digest():
            raise self._refused("its timestamp is about something else")
        self._require_time(moment)
        return answer

    def _require_time(self, moment: "datetime") -> None:
        certificate = self._certificates.issued
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise self._refused(
                f"its clock says {moment:%Y-%m-%dT%H:%M:%SZ}, when the certificate was not good"
            )

    def _refused(self, why: str) -> NetworkError:
        return NetworkError(
            f"the timestamp authority at `{shown_url(self.url)}` could not be used", why=why
        )
