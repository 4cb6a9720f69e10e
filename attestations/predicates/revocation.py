"""Predicates `revocation/v1` and `reinstatement/v1`: what no longer counts, and what counts again.

The subject is an artifact, any digest, a claim by its id, a key, or a salted commitment to an identity:
these claims are never erased, so they name nobody in the open. The salt stands in the predicate, so that
whoever knows a signer's name can tell whether it is meant.
"""

import re
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import STATEMENT_TYPE, Statement
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.provenance.ledger.private import PrivateValue
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

__all__ = [
    "REINSTATEMENT_PREDICATE",
    "REVOCATION_PREDICATE",
    "ReinstatementClaim",
    "RevocationClaim",
    "RevocationSubject",
]

REVOCATION_PREDICATE = "https://weightmark/predicates/revocation/v1"
REINSTATEMENT_PREDICATE = "https://weightmark/predicates/reinstatement/v1"
_SUBJECT = re.compile(r"(wm1|sha256|key|salted):([0-9a-f]{64})")
_SALT = re.compile(r"[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_REASON = 4096


@dataclass(frozen=True, slots=True)
class RevocationSubject:
    """What is revoked."""

    text: str
    """`wm1:<hex>`, `sha256:<hex>` (a file, a dataset, or a claim by its id), `key:<hex>` or `salted:<hex>`"""
    salt: str = ""
    """for an identity the salt of the commitment, hex; empty for everything else"""

    def __post_init__(self) -> None:
        """Refuse what is no subject; raises `MalformedError`."""
        if not _SUBJECT.fullmatch(self.text):
            raise MalformedError(
                f"`{self.text[:100]}` cannot be revoked",
                why="a revocation is about `wm1:<hex>`, `sha256:<hex>`, `key:<hex>` or an identity",
            )
        if self.text.startswith("salted:") != bool(self.salt) or (
            self.salt and not _SALT.fullmatch(self.salt)
        ):
            raise MalformedError("a revoked identity, and nothing else, has a salt of 32 bytes")

    @classmethod
    def of_identity(cls, value: str) -> Self:
        """Mean an identity (`identity_value`) under a new salt."""
        hidden = PrivateValue.hide(value)
        return cls(hidden.name, hidden.salt.hex())

    @classmethod
    def of_statement(cls, statement: Statement) -> Self:
        """Read whom or what either kind of claim is about; raises `MalformedError`."""
        said, salt = statement.predicate.get("subject"), statement.predicate.get("salt", "")
        if not isinstance(said, str) or not isinstance(salt, str):
            raise MalformedError("the subject of the revocation is not a string")
        subject = cls(said, salt)
        named = statement.subject
        media_type = MANIFEST_MEDIA_TYPE if said.startswith("wm1:") else ""
        if (named.name, named.sha256, named.media_type) != (said, subject.digest, media_type):
            raise MalformedError("the revocation is about something else than its predicate names")
        return subject

    @property
    def digest(self) -> str:
        """The digest in it, hex."""
        return self.text.partition(":")[2]

    @property
    def is_party(self) -> bool:
        """Whether it is a signer rather than content."""
        return self.text.startswith(("key:", "salted:"))

    def means(self, value: str) -> bool:
        """Tell whether the commitment is one to `value`."""
        if not self.salt:
            return False
        return PrivateValue(bytes.fromhex(self.salt), value).name == self.text

    def to_statement(self, predicate_type: str, predicate: dict[str, Any]) -> bytes:
        """Return the bytes to sign for a claim about it."""
        named: dict[str, Any] = {"name": self.text, "digest": {"sha256": self.digest}}
        if self.text.startswith("wm1:"):
            named["mediaType"] = MANIFEST_MEDIA_TYPE
        fields = {"subject": self.text, **predicate}
        if self.salt:
            fields["salt"] = self.salt
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "predicateType": predicate_type,
                "predicate": fields,
                "subject": [named],
            }
        )


@dataclass(frozen=True, slots=True)
class RevocationClaim:
    """A statement "this no longer counts"."""

    subject: RevocationSubject
    """what"""
    reason: str
    """why, for people; not empty"""
    since: datetime | None = None
    """of a signer: claims that are proven to be older stay good; None when nothing does"""
    renews: str = ""
    """claim id, hex, of a revocation with the same words that was lifted; empty for the first of them"""

    def __post_init__(self) -> None:
        """Refuse a date for content, which is bad from the beginning; raises `MalformedError`."""
        if self.since is not None and not self.subject.is_party:
            raise MalformedError(
                "the revocation of a digest has no date",
                why="content does not turn bad: what is revoked counts at no time",
                fix="leave `--since` out",
            )

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        if statement.predicate_type != REVOCATION_PREDICATE:
            raise MalformedError("the claim is no revocation")
        fields = require_fields(
            statement.predicate,
            "the revocation",
            {"subject", "reason"},
            optional={"salt", "since", "renews"},
        )
        since, renews = fields.get("since"), fields.get("renews", "")
        if since is not None and not isinstance(since, str):
            raise MalformedError("the date of the revocation is not a string")
        if "renews" in fields and not (isinstance(renews, str) and _SHA256.fullmatch(renews)):
            raise MalformedError("the revocation does not name the one that it renews")
        subject = RevocationSubject.of_statement(statement)
        when = None if since is None else parse_time(since)
        return cls(subject, _reason(fields), when, renews)

    def to_statement(self) -> bytes:
        """Return the bytes to sign."""
        predicate = {"reason": self.reason}
        if self.since is not None:
            predicate["since"] = format_time(self.since)
        if self.renews:
            predicate["renews"] = self.renews
        return self.subject.to_statement(REVOCATION_PREDICATE, predicate)


@dataclass(frozen=True, slots=True)
class ReinstatementClaim:
    """A statement "that revocation was a mistake"; it takes two of them to lift one."""

    subject: RevocationSubject
    """what counts again, written as in the revocation"""
    revocation: str
    """claim id of the revocation that is meant, hex"""
    reason: str
    """why, for people; not empty"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        if statement.predicate_type != REINSTATEMENT_PREDICATE:
            raise MalformedError("the claim is no reinstatement")
        fields = require_fields(
            statement.predicate,
            "the reinstatement",
            {"subject", "reason", "revocation"},
            optional={"salt"},
        )
        meant = fields["revocation"]
        if not isinstance(meant, str) or not _SHA256.fullmatch(meant):
            raise MalformedError("the reinstatement does not name the revocation that it lifts")
        return cls(RevocationSubject.of_statement(statement), meant, _reason(fields))

    def to_statement(self) -> bytes:
        """Return the bytes to sign."""
        predicate = {"reason": self.reason, "revocation": self.revocation}
        return self.subject.to_statement(REINSTATEMENT_PREDICATE, predicate)


def _reason(fields: dict[str, Any]) -> str:
    reason = fields["reason"]
    if not isinstance(reason, str) or not reason.strip() or len(reason) > _MAX_REASON:
        raise MalformedError(f"the claim gives no reason of 1 to {_MAX_REASON} characters")
    return reason
