"""Verification of bundles under a trusted root: who signed, and when, as logs and clocks prove it.

Offline always. Times first, since every key and authority counts only within its window.
"""

from collections.abc import Collection, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity, SignerKind, VerifiedTime
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.sigstore.chains import check_path, load_certificate, path_of
from weightmark.attestations.sigstore.entries import SeenEntry, VersionRules, verify_entry
from weightmark.attestations.sigstore.entry_bodies import Logged
from weightmark.attestations.sigstore.leaf import Leaf, LeafFacts
from weightmark.attestations.sigstore.scts import check_scts
from weightmark.attestations.sigstore.signed_content import Signed, SignedFile
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.time_ranges import moment
from weightmark.attestations.sigstore.timestamps import verify_timestamp
from weightmark.attestations.sigstore.trusted_root import Authority, TrustedRoot
from weightmark.errors import (
    MalformedError,
    ProofMissingError,
    TamperedError,
    UncheckedError,
    UnknownAuthorityError,
    WrongSignerError,
)
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "KeyProof",
    "SigstoreProof",
    "verify_certificate_bundle",
    "verify_key_bundle_times",
]

_SEAL = object()
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class SigstoreProof:
    """Who signed and when; only `verify_certificate_bundle` can make one."""

    identity: SignerIdentity
    """whose signature it is"""
    certificate: LeafFacts
    """what the certificate says of the signer"""
    times: tuple[VerifiedTime, ...]
    """when the signature existed already; the earliest first"""
    entries: tuple[SeenEntry, ...]
    """log entries that hold it"""
    notices: tuple[str, ...]
    """what was left out: proofs by logs and authorities that are not known"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a SigstoreProof is made by verify_certificate_bundle only")


@dataclass(frozen=True)
class KeyProof:
    """That a key signed, and when; only `verify_key_bundle_times` can make one."""

    times: tuple[VerifiedTime, ...]
    """when the signature existed already; the earliest first"""
    entries: tuple[SeenEntry, ...]
    """log entries that hold it"""
    notices: tuple[str, ...]
    """what was left out: proofs by logs and authorities that are not known"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a KeyProof is made by verify_key_bundle_times only")


def verify_certificate_bundle(
    bundle: Bundle,
    root: TrustedRoot,
    *,
    now: datetime,
    thresholds: Thresholds | None = None,
    file: SignedFile | None = None,
) -> SigstoreProof:
    """Verify a bundle that is signed with a short-lived certificate.

    `thresholds` are those of a log-keeping instance unless given. `file` is
    what a message signature is about. Whether the signer is whom the caller means is for
    an `IdentityRule` to say. The issuer is looked for before all else, so that what is by another
    instance or authority is a stranger's, whatever its form. Raises `TamperedError` for a bad
    signature, `WrongSignerError` for a certificate that does not count, `ProofRefusedError` for log entries and timestamps that are not
    good, `UncheckedError` (`ProofMissingError`, `ExpiredError`, `UnknownAuthorityError`,
    `UnsupportedError`) when it can't be told, `MalformedError`.
    """
    chain = _chain_of(bundle)
    leaf = Leaf.parse(chain[0])
    issuers = _issuers_of(leaf, root)
    for above in chain[1:]:
        _refuse_root(above)
    signed = Signed.of(bundle, file)
    if not signed.is_by(leaf.key):
        raise _bad_signature("the key in its certificate did not make it")
    asked = thresholds or Thresholds.transparent()
    proven = _Proofs(bundle, root, asked, Logged(signed, leaf.der), now)
    proven.collect()
    proven.check_thresholds()
    times = proven.times or (VerifiedTime(now, "your clock"),)
    for time in times:
        leaf.check_time(time.at, time.clock)
    moments = [time.at for time in times]
    issuer = _counting_issuer(issuers, moments)
    _check_promises(leaf, issuer, root, asked)
    facts = leaf.facts
    identity = SignerIdentity(
        SignerKind.SIGSTORE, leaf.key.fingerprint, facts.subject, facts.extensions.issuer or ""
    )
    return SigstoreProof(
        identity,
        facts,
        proven.times,
        tuple(proven.entries),
        tuple(proven.notices),
        _SEAL,
    )


def verify_key_bundle_times(
    bundle: Bundle,
    key: PublicKey,
    root: TrustedRoot,
    *,
    now: datetime | None = None,
    thresholds: Thresholds | None = None,
    file: SignedFile | None = None,
) -> KeyProof:
    """Verify that `key` signed, and what logs and clocks prove of the time; `now` is the present unless given.

    Raises `WrongSignerError` when the key did not make the signature, else as `verify_certificate_bundle`.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    signed = Signed.of(bundle, file)
    if not signed.is_by(key):
        if bundle.key_hint in (key.hint, key.fingerprint):
            raise _bad_signature("it names a key that you trust, but this key did not make it")
        raise WrongSignerError(
            "signed by somebody else than you trust", fix="check which key the publisher announces"
        )
    spki = key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    at, asked = now or datetime.now(UTC), thresholds or Thresholds.nothing()
    # Logs keep the certificate where there is one, else the key.
    chain = bundle.certificate_chain
    logged = Logged(signed, chain.leaf if chain else spki)
    proven = _Proofs(bundle, root, asked, logged, at)
    proven.collect()
    proven.check_thresholds()
    return KeyProof(proven.times, tuple(proven.entries), tuple(proven.notices), _SEAL)


class _Proofs:
    """Collects the clocks and log entries of one bundle; whatever is known and not good ends it."""

    def __init__(
        self,
        bundle: Bundle,
        root: TrustedRoot,
        thresholds: Thresholds,
        logged: Logged,
        now: datetime,
    ) -> None:
        self.bundle = bundle
        self.root = root
        self.thresholds = thresholds
        self.logged = logged
        self.now = now
        self.stamps: list[VerifiedTime] = []
        self.entries: list[SeenEntry] = []
        self.notices: list[str] = []
        self.unknown: list[UnknownAuthorityError] = []

    @property
    def times(self) -> tuple[VerifiedTime, ...]:
        """All verified times, the earliest first."""
        promised = [entry.time for entry in self.entries if entry.time]
        return tuple(sorted([*self.stamps, *promised], key=lambda time: (time.at, time.clock)))

    def collect(self) -> None:
        """Verify timestamps, then entries."""
        for token in self.bundle.timestamps:
            try:
                stamp = verify_timestamp(
                    token, self.logged.signed.signature, self.root.timestamp_authorities
                )
            except UnknownAuthorityError as error:
                self._leave_out(error)
                continue
            self.stamps.append(stamp)
        rules = VersionRules.of(self.bundle.version)
        moments = [stamp.at for stamp in self.stamps] or [self.now]
        for entry in self.bundle.log_entries:
            try:
                seen = verify_entry(
                    entry,
                    self.logged,
                    self.root.logs,
                    self.thresholds.witnesses,
                    rules=rules,
                    times=moments,
                )
            except UnknownAuthorityError as error:
                self._leave_out(error)
                continue
            self.entries.append(seen)
        self._check_future()

    def check_thresholds(self) -> None:
        """Raise `ProofMissingError`, or why what is there did not count."""
        asked = self.thresholds
        seeing = [e for e in self.entries if len(e.witnesses) >= asked.cosignatures]
        self._ask(asked.timestamps, {stamp.clock for stamp in self.stamps}, "timestamp")
        self._ask(asked.log_entries, {entry.log_id for entry in self.entries}, "log entry")
        self._ask(asked.times, {time.clock for time in self.times}, "verified time")
        if asked.cosignatures and len({entry.log_id for entry in seeing}) < asked.log_entries:
            raise ProofMissingError(
                f"too few witnesses saw the log: {asked.cosignatures} are asked for",
                why="without witnesses the log's operator could show everybody another log",
            )

    def _ask(self, wanted: int, have: Collection[object], noun: str) -> None:
        if len(have) >= wanted:
            return
        if self.unknown:
            raise self.unknown[0]
        raise ProofMissingError(
            f"a {noun} is missing: {wanted} asked for, {len(have)} found",
            why="nothing shows that the signature was made while its key counted",
            fix="ask the publisher to sign again, with a transparency log or a timestamp authority",
        )

    def _check_future(self) -> None:
        for time in self.times:
            if time.at > self.now + _CLOCK_SKEW:
                raise UncheckedError(
                    f"{time.clock} says {moment(time.at)}, which lies in the future",
                    fix="check the clock of this machine",
                )

    def _leave_out(self, error: UnknownAuthorityError) -> None:
        self.unknown.append(error)
        self.notices.append(error.what)


def _chain_of(bundle: Bundle) -> tuple[bytes, ...]:
    """Return the signer's certificate and those that the bundle brings beside it."""
    chain = bundle.certificate_chain
    if chain is None:
        raise WrongSignerError(
            "signed with a bare key, and you trust an identity",
            fix="name the signer's public key with `--key`",
        )
    return tuple(chain.certificates)


def _refuse_root(der: bytes) -> None:
    """Refuse a bundle that brings an authority as its own root."""
    certificate = load_certificate(der, "a certificate of the bundle")
    if certificate.issuer == certificate.subject:
        raise MalformedError("the bundle brings a root certificate, which only you can name")


def _issuers_of(leaf: Leaf, root: TrustedRoot) -> list[tuple[Authority, tuple["Certificate", ...]]]:
    """Return whichever authorities of the root issued the certificate, whenever they count, with the way up."""
    ways = [
        (one, path_of(leaf.certificate, one.certificates)) for one in root.certificate_authorities
    ]
    found = [(one, path) for one, path in ways if path]
    if not found:
        issuer = leaf.certificate.issuer.rfc4514_string()[:200]
        raise WrongSignerError(
            "signed with a certificate by another authority than you trust",
            why=f"its issuer `{issuer}` is no authority of the trust root",
            fix="check that the trust root is that of the instance with which it was signed",
        )
    return found


def _counting_issuer(
    issuers: Sequence[tuple[Authority, tuple["Certificate", ...]]], moments: Sequence[datetime]
) -> "Certificate":
    """Return the issuer of the certificate after checking that its authority counted at all these times."""
    counting = [one for one in issuers if one[0].counts_at(moments)]
    authority, path = (counting or issuers)[0]
    for at in moments:
        check_path(path, at)
        if authority.validity:
            authority.validity.check(at, f"the certificate authority `{authority.name}`")
    return path[0]


def _check_promises(
    leaf: Leaf, issuer: "Certificate", root: TrustedRoot, asked: Thresholds
) -> None:
    count = check_scts(leaf.certificate, issuer, root.certificate_logs)
    if count < asked.certificate_promises:
        raise ProofMissingError(
            "no certificate log that you know saw the signer's certificate",
            why="a certificate that nobody can see might be issued in secret",
            fix="check that the trust root is that of the instance with which it was signed",
        )


def _bad_signature(why: str) -> TamperedError:
    return TamperedError("the signature does not fit what it signs", why=why)
