"""Signing with a key that lives for one call, under a certificate that says who logged in where.

sigstore-python signs. Its calls to the network are bounded, what its services answer is verified
by the very code that `verify` uses, and one certificate serves all statements of a call.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.signers.keyless.certificates import (
    CertificateClient,
    identity_in,
    require_same_person,
)
from weightmark.attestations.signers.keyless.instance import SigstoreInstance
from weightmark.attestations.signers.keyless.services import BoundedSession, Patience, shown_url
from weightmark.attestations.signers.keyless.timestamps import InstanceTimestampClient, is_timestamp
from weightmark.attestations.signers.keyless.tokens import IdentityToken
from weightmark.errors import CallError, NetworkError, WeightmarkError, WrongSignerError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import Signer

    from weightmark.attestations.trust import Trust

__all__ = ["KeylessSigner"]

_SPARE = timedelta(seconds=60)
"""a certificate that ends sooner is renewed before it signs"""
_LOCAL = frozenset(["127.0.0.1", "localhost", "::1"])


@dataclass(frozen=True, slots=True)
class _Session:
    """One certificate and whoever signs with its key."""

    signer: "Signer"
    identity: SignerIdentity
    ends: datetime


@dataclass
class KeylessSigner:
    """Signs as whoever the identity token is about; the network is first used when it is needed."""

    instance: SigstoreInstance
    """where the certificate comes from and the signature is logged"""
    token: Callable[[], IdentityToken]
    """how to get an identity token; asked again when a certificate ran out before all was signed"""
    rekor_version: int | None = None
    """the major version of the log; None takes the newest that the instance has"""
    require_timestamp: bool = False
    """whether a signature without a timestamp of an authority (RFC 3161) is an error"""
    patience: Patience = field(default_factory=Patience)
    """how long services are waited for"""
    _session: _Session | None = field(default=None, init=False, repr=False)
    _said: list[str] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def with_token(cls, instance: SigstoreInstance, token: IdentityToken, **options: Any) -> Self:
        """Return a signer for a token that is there already; it can't be renewed."""
        return cls(instance, lambda: token.require_time(datetime.now(UTC)), **options)

    @property
    def identity(self) -> SignerIdentity:
        """Who signs: as the certificate authority wrote it down; asks for a certificate."""
        return (self._session or self._open()).identity

    @property
    def notices(self) -> tuple[str, ...]:
        """What the caller should know."""
        return tuple(dict.fromkeys(self._said))

    def own_trust(self) -> "Trust":
        """Return the trust in this very identity, by the trusted root of the instance."""
        from weightmark.attestations.signers.keyless.own import trust_in

        return trust_in(self.identity, self.instance.trusted_root, name=self.instance.name)

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement, have it logged, and verify the result.

        Raises `NetworkError` when a service can't be used or its answer does not verify, and
        `ExpiredError` when the token's time is over.
        """
        from sigstore.dsse import Statement

        with _translated("sign"):
            made = self._open().signer.sign_dsse(Statement(payload))
            document = made.to_json().encode()
        try:
            bundle = Bundle.parse(document)
            verified = self.own_trust().verify(bundle)
        except WeightmarkError as error:
            raise NetworkError(
                "what the services answered does not verify, so nothing was written",
                why=error.what if not error.why else f"{error.what}: {error.why}",
                fix="check that the trusted root is that of the services that were asked",
            ) from error
        stamped = any(is_timestamp(time) for time in verified.times)
        if bundle.timestamps and not stamped:
            self._said.append(
                "the timestamp is by no authority of the trusted root, so it proves nothing"
            )
        if self.require_timestamp and not stamped:
            raise NetworkError(
                "no timestamp that verifies came, and one was asked for",
                why="none is by an authority of the trusted root",
                fix="check that the trusted root is that of the services that were asked",
            )
        return bundle

    def _open(self) -> _Session:
        session = self._session
        if session is not None and session.ends - datetime.now(UTC) >= _SPARE:
            return session
        renewed = self._log_in()
        if session is not None and not renewed.identity.is_same_as(session.identity):
            raise WrongSignerError(
                "the signer changed while signing",
                why=f"it was `{session.identity.name}` and is now `{renewed.identity.name}`",
            )
        self._session = renewed
        return renewed

    def _log_in(self) -> _Session:
        from sigstore.oidc import IdentityToken as SigstoreToken
        from sigstore.sign import Signer

        config = self.instance.client_config(self.rekor_version)
        self._require_authority(config)
        token = self.token()
        context, certificates = self._context(config, token)
        with _translated("certificate"):
            signer = Signer(SigstoreToken(token.raw, token.audience), context)
        certificate = certificates.issued
        require_same_person(certificate, token)
        return _Session(signer, identity_in(certificate), certificate.not_valid_after_utc)

    def _require_authority(self, config: "ClientTrustConfig") -> None:
        if self.require_timestamp and not config.signing_config.get_tsas():
            raise CallError(
                f"`{self.instance.name}` names no timestamp authority, and a timestamp was asked for",
                fix="leave `--require-timestamp` out, or use an instance that has one",
            )

    def _context(
        self, config: "ClientTrustConfig", token: IdentityToken
    ) -> tuple[Any, CertificateClient]:
        from sigstore.sign import SigningContext

        services = config.signing_config
        fulcio, log = services.get_fulcio(), services.get_tlogs()[0]
        self._warn_of_open_lines(fulcio.url)

        def bounded(inner: Any, name: str, *, binary: bool = False) -> BoundedSession:
            return BoundedSession(inner, name, self.patience, (token.raw,), binary)

        certificates = CertificateClient(fulcio, bounded(fulcio.session, "certificate authority"))
        keep = log._thread_local  # type: ignore[attr-defined]  # noqa: SLF001 - sigstore sets no limits
        keep.session = bounded(log._session, "transparency log")  # type: ignore[attr-defined]  # noqa: SLF001 - the same
        optional = not self.require_timestamp and "/api/v1" in str(getattr(log, "url", ""))
        stamps = [
            InstanceTimestampClient.bounded(
                client, bounded, certificates, self._said if optional else None
            )
            for client in services.get_tsas()
        ]
        context = SigningContext(
            fulcio=certificates,  # type: ignore[arg-type]  # it has what sigstore uses
            rekor=log,
            trusted_root=config.trusted_root,
            tsa_clients=stamps,  # type: ignore[arg-type]  # the same
        )
        return context, certificates

    def _warn_of_open_lines(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            self._said.append(f"the identity token went to `{shown_url(url)}` without encryption")


@contextmanager
def _translated(step: str) -> Iterator[None]:
    """Turn what sigstore-python raises about answers into `NetworkError`."""
    from sigstore._internal.fulcio.client import ExpiredCertificate, FulcioClientError
    from sigstore._internal.rekor import RekorClientError
    from sigstore.errors import Error
    from sigstore.oidc import ExpiredIdentity

    # What it warns of is raised or noticed here; without a handler it would write to stderr by itself.
    logging.getLogger("sigstore").addHandler(logging.NullHandler())
    known = (Error, ExpiredCertificate, ExpiredIdentity, FulcioClientError, RekorClientError)
    try:
        yield
    except (*known, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = {
            "certificate": "no usable certificate came from the certificate authority",
            "sign": "no usable log entry or timestamp came from the services",
        }
        raise NetworkError(
            what[step],
            why=" ".join(str(error).split())[:300] or type(error).__name__,
            fix="check that the trusted root is that of the services that were asked",
        ) from error
