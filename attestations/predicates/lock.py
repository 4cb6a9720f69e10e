"""Predicate `lock/v1`: which bytes an address stood for, so that a commit or a digest of a registry may link."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.sources.interface import PINS, ArtifactKind, is_pin
from weightmark.values import dataclass

__all__ = ["LOCK_PREDICATE", "LockClaim"]

LOCK_PREDICATE = "https://weightmark/predicates/lock/v1"


@dataclass(frozen=True)
class LockClaim:
    """What its signer saw an address to stand for; the subject is the artifact."""

    uri: str
    """as the project names it"""
    pinned: str
    """the address that can't move"""
    kind: ArtifactKind
    """what the source says it is"""
    digest: Mapping[str, str]
    """what pins it: `gitCommit` or `sha256`"""
    lock: str = ""
    """SHA-256 of the whole lock in its canonical form, lowercase hex; empty where nobody said"""
    signed: datetime | None = None
    """when its signer vouched for it, by their own clock; None where nobody said"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        checked = require_fields(
            statement.predicate,
            "the lock predicate",
            {"uri", "pinned", "kind", "digest"},
            optional={"lock", "signed"},
        )
        fields = Fields(checked, "the lock predicate")
        kind, digest = fields.text("kind"), fields.mapping("digest")
        if kind not in set(ArtifactKind):
            raise MalformedError("`kind` of the lock predicate is none that is known")
        if not all(
            isinstance(value, str) and is_pin(name, value) for name, value in digest.items()
        ):
            raise MalformedError(f"`digest` of the lock predicate is not {' or '.join(PINS)}")
        lock = fields.optional_text("lock")
        if lock and not is_pin("sha256", lock):
            raise MalformedError("`lock` of the lock predicate is no SHA-256")
        return cls(
            fields.text("uri"),
            fields.text("pinned"),
            ArtifactKind(kind),
            digest,
            lock,
            fields.optional_moment("signed"),
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        members: dict[str, Any] = {
            "uri": self.uri,
            "pinned": self.pinned,
            "kind": self.kind.value,
            "digest": dict(self.digest),
        }
        members |= {"lock": self.lock} if self.lock else {}
        return members | ({"signed": _written(self.signed)} if self.signed else {})


def _written(moment: datetime) -> str:
    """Write a time in microseconds, so that two signings of one second can be told apart."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
