"""The registration policy: who may write to a log, and who may change that. Values only."""

import hashlib
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from weightmark.errors import MalformedError, SubmissionRefusedError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.predecessor import Predecessor
from weightmark.provenance.ledger.private import PrivateValue, identity_value
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.private import PrivateStore

__all__ = [
    "LOG_KINDS",
    "SUBMITTED_KINDS",
    "Owners",
    "RegistrationPolicy",
    "Submitter",
]

LOG_KINDS = frozenset({Kind.POLICY, Kind.KEY, Kind.REDACT, Kind.WITNESS})
"""kinds that only the log's own operations write"""
SUBMITTED_KINDS = frozenset(Kind) - LOG_KINDS
"""kinds that a submitter may be admitted for; the default of `ledger init --admit KEY`"""
_SALTED = "salted:"


@dataclass(frozen=True, slots=True)
class Submitter:
    """One who is admitted: a key, or an identity at a provider."""

    fingerprint: str
    """`key:<SHA-256 hex of the DER SubjectPublicKeyInfo>`, or `salted:<commitment hex>` of an identity"""
    public_key: bytes
    """PEM; empty for an identity"""
    kinds: frozenset[Kind] = SUBMITTED_KINDS
    """what it may write beside `observed`"""
    root: str = ""
    """for an identity the name of the trusted root that proves it; empty for a key"""
    opened: PrivateValue | None = field(default=None, repr=False, compare=False)
    """what the commitment of an identity stands for; None when it was erased, and then nobody is admitted"""

    @classmethod
    def from_pem(cls, pem: bytes, kinds: frozenset[Kind] = SUBMITTED_KINDS) -> "Submitter":
        """Admit the public key in `pem`; raises `MalformedError` if it is none."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization as codec

        try:
            key = codec.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise MalformedError("the submitter's key is no public key in PEM") from error
        spki = codec.PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.sha256(key.public_bytes(codec.Encoding.DER, spki)).hexdigest()
        return cls(f"key:{digest}", key.public_bytes(codec.Encoding.PEM, spki), frozenset(kinds))

    @classmethod
    def of_identity(
        cls,
        subject: str,
        issuer: str,
        *,
        kinds: frozenset[Kind] = SUBMITTED_KINDS,
        root: str = "public-good",
    ) -> "Submitter":
        """Admit whoever logs in as exactly `subject` at `issuer`; the policy will hold a commitment to it."""
        hidden = PrivateValue.hide(identity_value(subject, issuer))
        return cls(hidden.name, b"", frozenset(kinds), root, hidden)

    @property
    def is_identity(self) -> bool:
        """Whether it is an identity at a provider rather than a key."""
        return self.fingerprint.startswith(_SALTED)


@dataclass(frozen=True, slots=True)
class Owners:
    """Who may change the registration policy, and how many of them it takes."""

    vkeys: tuple[str, ...]
    """C2SP verifier keys, sorted; at least one"""
    threshold: int = 1
    """distinct owners that must sign a change"""

    def __post_init__(self) -> None:
        """Refuse a threshold that nobody, or nobody any more, could meet."""
        if not self.vkeys or self.vkeys != tuple(sorted(set(self.vkeys))):
            raise MalformedError("the owners of a ledger are at least one key, sorted, each once")
        keys = {one.split("+", 2)[-1] for one in self.vkeys}
        if len(keys) != len(self.vkeys):
            raise MalformedError(
                "a key owns a ledger under two names, and would count as two owners"
            )
        if not 1 <= self.threshold <= len(self.vkeys):
            raise MalformedError(
                f"{self.threshold} of {len(self.vkeys)} owners cannot be asked to sign a change"
            )


@dataclass(frozen=True)
class RegistrationPolicy:
    """Who may write to a log; entry 0 holds the first, entries of kind `policy` what replaced it."""

    origin: str
    """the log that it rules"""
    log_vkey: str
    """the C2SP verifier key that signs checkpoints"""
    recovery_vkey: str
    """the C2SP verifier key of the offline recovery key"""
    submitters: tuple[Submitter, ...]
    """who is admitted, sorted by fingerprint"""
    owners: Owners
    """who may change it"""
    roots: tuple[tuple[str, str], ...] = ()
    """trusted roots of identities that do not come with weightmark: `sha256:<hex>` and the JSON text"""
    previous: str = ""
    """claim id of the policy before; empty in entry 0"""
    succeeds: Predecessor | None = None
    """the log that this one takes over from; None for one that began by itself"""
    repeats: bool = False
    """whether a later policy says again all that entry 0 says of that log, as every one did once; else it names it"""

    @cached_property
    def claim_id(self) -> str:
        """SHA-256 hex of its text, which names it in the log."""
        from weightmark.provenance.ledger.registration import policy_text

        return hashlib.sha256(policy_text(self)).hexdigest()

    @cached_property
    def keys(self) -> dict[str, bytes]:
        """PEM of every admitted key by fingerprint."""
        return {one.fingerprint: one.public_key for one in self.submitters if not one.is_identity}

    @property
    def identities(self) -> tuple[Submitter, ...]:
        """The admitted identities that can be opened."""
        return tuple(one for one in self.submitters if one.is_identity and one.opened)

    @property
    def private_values(self) -> tuple[PrivateValue, ...]:
        """What the side table has to keep, so that the identities can submit."""
        return tuple(one.opened for one in self.submitters if one.opened)

    def knows(self, party: str) -> bool:
        """Tell whether `party` is admitted."""
        return any(one.fingerprint == party for one in self.submitters)

    def allows(self, party: str, kind: Kind) -> bool:
        """Tell whether `party` is admitted and may write entries of `kind`."""
        return any(one.fingerprint == party and kind in one.kinds for one in self.submitters)

    def submitter(self, fingerprint: str) -> Submitter:
        """Return the admitted one; raises `SubmissionRefusedError` for an unknown one."""
        for submitter in self.submitters:
            if submitter.fingerprint == fingerprint:
                return submitter
        raise SubmissionRefusedError(
            f"the submitter `{fingerprint}` is not admitted to `{self.origin}`",
            fix="sign with an admitted key (`weightmark ledger list --kind policy` names the newest policy, and `ledger show INDEX` whom it admits)",
        )

    def with_opened(self, values: "PrivateStore") -> Self:
        """Return the same policy, whose identities are opened as far as the side table can."""
        return replace(
            self,
            submitters=tuple(
                replace(one, opened=values.get(one.fingerprint)) if one.is_identity else one
                for one in self.submitters
            ),
        )
