"""in-toto Statement v1: which subject a predicate is about."""

import json
import re
from typing import Any, Self

from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.manifest import IDENTITY_PREFIX, MANIFEST_MEDIA_TYPE
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["SIGNED_AT", "STATEMENT_TYPE", "Statement", "Subject"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
SIGNED_AT = "signedAt"
"""annotation of a subject: when the statement was signed, by the signer's own word (RFC 3339)"""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Subject:
    """One artifact that a statement is about (in-toto ResourceDescriptor)."""

    name: str
    """informational; a name never links anything"""
    sha256: str
    """lowercase hex, or empty when the descriptor has no SHA-256"""
    media_type: str
    """what the digest is of; empty when the descriptor does not say"""
    signed_at: str = ""
    """when the statement was signed, as its signer writes it; empty when that is not said"""

    @property
    def identity(self) -> str:
        """The identity `wm1:…` when the subject is a manifest document, else empty."""
        return (
            IDENTITY_PREFIX + self.sha256
            if self.media_type == MANIFEST_MEDIA_TYPE and self.sha256
            else ""
        )


@dataclass(frozen=True)
class Statement:
    """A parsed statement; unknown fields of subject and predicate are kept."""

    subjects: tuple[Subject, ...]
    """at least one"""
    predicate_type: str
    """URI that says how to read the predicate"""
    predicate: dict[str, Any]
    """what is said about the subjects"""

    @classmethod
    def parse(cls, payload_type: str, payload: bytes) -> Self:
        """Parse verified payload bytes; raises `MalformedError`, or `UnsupportedError` for another payload type."""
        if payload_type != IN_TOTO_PAYLOAD_TYPE:
            raise UnsupportedError(
                f"the payload is `{payload_type[:100]}`, not an in-toto statement"
            )
        fields = parse_object(payload, what="the statement")
        if fields.get("_type") != STATEMENT_TYPE:
            raise MalformedError("the statement is not an in-toto Statement v1")
        subjects = fields.get("subject")
        predicate_type, predicate = fields.get("predicateType"), fields.get("predicate", {})
        if not isinstance(subjects, list) or not subjects:
            raise MalformedError("the statement has no subject")
        if not isinstance(predicate_type, str) or not predicate_type:
            raise MalformedError("the statement has no predicate type")
        if not isinstance(predicate, dict):
            raise MalformedError("the predicate is not a JSON object")
        return cls(
            tuple(_parse_subject(subject) for subject in subjects), predicate_type, predicate
        )

    @property
    def subject(self) -> Subject:
        """The only subject; raises `MalformedError` when there are several."""
        if len(self.subjects) != 1:
            raise MalformedError(f"the statement has {len(self.subjects)} subjects instead of one")
        return self.subjects[0]

    @staticmethod
    def about_manifest(
        name: str,
        identity: str,
        predicate_type: str,
        predicate: dict[str, Any],
        annotations: dict[str, str],
    ) -> bytes:
        """Return the canonical bytes of a statement about the artifact with this identity (docs/formats/claims.md)."""
        subject: dict[str, Any] = {
            "name": name,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "digest": {"sha256": identity.removeprefix(IDENTITY_PREFIX)},
        }
        if annotations:
            subject["annotations"] = annotations
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "subject": [subject],
                "predicateType": predicate_type,
                "predicate": predicate,
            }
        )

    @staticmethod
    def dated(payload: bytes, at: str) -> bytes:
        """Return the canonical bytes of a statement that says when it is signed, before it is signed; `at` is RFC 3339.

        Only a statement about manifest documents is changed: other forms belong to other tools.
        """
        fields = parse_object(payload, what="the statement")
        subjects = fields.get("subject")
        if not isinstance(subjects, list) or not subjects:
            return payload
        if any(one.get("mediaType") != MANIFEST_MEDIA_TYPE for one in subjects):
            return payload
        for one in subjects:
            one["annotations"] = {**one.get("annotations", {}), SIGNED_AT: at}
        return canonical_json(fields)

    @staticmethod
    def about_digest(
        name: str, sha256: str, predicate_type: str, predicate: dict[str, Any]
    ) -> bytes:
        """Return the bytes of a statement about whatever has this plain SHA-256; keys keep their order."""
        subject = {"name": name, "digest": {"sha256": sha256}}
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
        return json.dumps(document, ensure_ascii=False).encode()


def _parse_subject(value: object) -> Subject:
    if not isinstance(value, dict):
        raise MalformedError("a subject of the statement is not a JSON object")
    name, media_type, digest = (
        value.get("name", ""),
        value.get("mediaType", ""),
        value.get("digest", {}),
    )
    if not isinstance(name, str) or not isinstance(media_type, str) or not isinstance(digest, dict):
        raise MalformedError("a subject of the statement has fields of the wrong type")
    sha256 = digest.get("sha256", "")
    if not isinstance(sha256, str) or (sha256 and not _SHA256.fullmatch(sha256)):
        raise MalformedError("the SHA-256 of a subject is not 64 lowercase hex digits")
    return Subject(name, sha256, media_type, _signed_at(value.get("annotations")))


def _signed_at(annotations: object) -> str:
    said = annotations.get(SIGNED_AT) if isinstance(annotations, dict) else None
    return said if isinstance(said, str) else ""
