"""Predicate `key-rotation/v1`: the holder of one key says that another key is theirs as well.

A rotation is a file of two bundles over the same statement: one by the old key, which hands over,
and one by the new key, which accepts. So nobody can pass off somebody else's key as their own.
"""

from datetime import UTC, datetime
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.claims import parse_claims, render_claims
from weightmark.attestations.keys import PublicKey, SigningKey
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    CallError,
    ExpiredError,
    MalformedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.values import dataclass

__all__ = ["KEY_ROTATION_PREDICATE", "KeyRotation"]

KEY_ROTATION_PREDICATE = "https://weightmark/predicates/key-rotation/v1"
_FIELDS = {"old", "new", "follow_until"}
_BUNDLES = 2


@dataclass(frozen=True)
class KeyRotation:
    """A new key that takes over from an old one."""

    old: str
    """fingerprint of the key that hands over: SHA-256 of its DER SubjectPublicKeyInfo, lowercase hex"""
    new: PublicKey
    """the key that takes over"""
    follow_until: datetime | None = None
    """until when the rotation may be followed; None for ever. After that the new key is to be named itself"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        if statement.predicate_type != KEY_ROTATION_PREDICATE:
            raise MalformedError("the statement is no key rotation")
        fields = require_fields(statement.predicate, "the key rotation", _FIELDS)
        old, pem, until = fields["old"], fields["new"], fields["follow_until"]
        if not isinstance(old, str) or not isinstance(pem, str):
            raise MalformedError("a field of the key rotation is not a string")
        if until is not None and not isinstance(until, str):
            raise MalformedError("`follow_until` of the key rotation is neither a time nor null")
        new = PublicKey.from_pem(pem.encode("utf-8"), what="the new key of the rotation")
        if statement.subject.sha256 != new.fingerprint:
            raise MalformedError(
                "the subject of the key rotation is another key than its predicate"
            )
        return cls(old, new, parse_time(until) if until is not None else None)

    def to_statement(self) -> bytes:
        """Return the bytes that both keys sign."""
        predicate = {
            "old": self.old,
            "new": self.new.pem.decode("ascii"),
            "follow_until": format_time(self.follow_until) if self.follow_until else None,
        }
        return Statement.about_digest(
            "key", self.new.fingerprint, KEY_ROTATION_PREDICATE, predicate
        )

    @classmethod
    def sign(cls, old: SigningKey, new: SigningKey, follow_until: datetime | None = None) -> bytes:
        """Let both keys sign the rotation; returns the content of its file. Raises `CallError`."""
        if old.public.fingerprint == new.public.fingerprint:
            raise CallError(
                "the old and the new key are the same",
                fix="make a new one with `weightmark key generate -o NEW.key`",
            )
        if follow_until and follow_until <= datetime.now(UTC):
            raise CallError(
                f"{format_time(follow_until)} is past, so nobody could follow the rotation",
                fix="name a later moment, or none",
            )
        payload = cls(old.public.fingerprint, new.public, follow_until).to_statement()
        bundles = [KeySigner(key).sign_statement(payload) for key in (old, new)]
        data = render_claims([bundle.to_bytes() for bundle in bundles])
        cls.follow(Trust.in_keys([old.public]), data)
        return data

    @classmethod
    def follow(cls, trusted: Trust, data: bytes, *, now: datetime | None = None) -> Self:
        """Verify a rotation file against keys that are trusted, and return it; its new key is then trusted as well.

        `now` is the present unless given. Raises `MalformedError`, `WrongSignerError` when no
        trusted key hands over or the new one does not accept, `RevokedError`, and `ExpiredError`.
        """
        now = now or datetime.now(UTC)
        handing, accepting = _bundles(data)
        verified = trusted.verify(handing, now=now)
        rotation = cls.from_statement(verified.statement)
        if verified.signer.name != f"key:{rotation.old}":
            raise WrongSignerError(
                "the rotation is signed by another key than the one that it says hands over"
            )
        if handing.envelope.pae != accepting.envelope.pae:
            raise MalformedError("the two lines of the rotation are over different statements")
        try:
            Trust.in_keys([rotation.new]).verify(accepting)
        except WrongSignerError as error:
            raise WrongSignerError(
                "the new key did not accept the rotation",
                why="a key may only be handed over to whoever holds the new one",
            ) from error
        if rotation.follow_until and now > rotation.follow_until:
            raise ExpiredError(
                "the rotation is past its time",
                why=f"it may be followed until {format_time(rotation.follow_until)}",
                fix=f"name the new key itself, key:{rotation.new.fingerprint}",
            )
        return rotation

    @classmethod
    def accepted_by(cls, trusted: Trust, data: bytes) -> str:
        """Return the fingerprint of the new key when it is one of those trusted; empty when it is none.

        Who handed over to it plays no part: nothing but that key, which is trusted anyway, is told.
        """
        try:
            _, accepting = _bundles(data)
            verified = trusted.verify(accepting)
            new = cls.from_statement(verified.statement).new
        except WeightmarkError:
            return ""
        return new.fingerprint if verified.signer.fingerprint == new.fingerprint else ""


def _bundles(data: bytes) -> tuple[Bundle, Bundle]:
    lines = parse_claims(data)
    if len(lines) != _BUNDLES:
        raise MalformedError(f"the rotation holds {len(lines)} lines, not {_BUNDLES}")
    first, second = (line.bundle for line in lines)
    for line in lines:
        if line.error:
            raise line.error
    if first is None or second is None:
        raise MalformedError("a line of the rotation is no bundle")
    return first, second
