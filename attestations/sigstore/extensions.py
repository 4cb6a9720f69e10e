"""What Fulcio writes into certificates about who logged in (OIDs under 1.3.6.1.4.1.57264.1, fulcio `oid-info.md`)."""

from dataclasses import fields
from typing import TYPE_CHECKING

from weightmark.errors import MalformedError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["EXTENSION_NAMES", "FulcioExtensions"]

_ARC = "1.3.6.1.4.1.57264.1."
_MAX_TEXT = 4096
_UTF8_STRING = 0x0C
_LONG_FORM = 0x80


@dataclass(frozen=True, slots=True)
class FulcioExtensions:
    """Each field is what the identity provider said; None when it said nothing."""

    issuer: str | None = None
    """URL of the identity provider"""
    workflow_trigger: str | None = None
    """event that started a GitHub workflow (older certificates)"""
    workflow_sha: str | None = None
    """commit of a GitHub workflow (older certificates)"""
    workflow_name: str | None = None
    """name of a GitHub workflow (older certificates)"""
    workflow_repository: str | None = None
    """`owner/name` of a GitHub workflow (older certificates)"""
    workflow_ref: str | None = None
    """git ref of a GitHub workflow (older certificates)"""
    build_signer_uri: str | None = None
    """the workflow or instructions that signed, with their ref"""
    build_signer_digest: str | None = None
    """commit of what signed"""
    runner_environment: str | None = None
    """`github-hosted`, `self-hosted` and the like"""
    source_repository: str | None = None
    """URL of the repository that was built"""
    source_repository_digest: str | None = None
    """commit that was built"""
    source_repository_ref: str | None = None
    """git ref that was built"""
    source_repository_id: str | None = None
    """number of the repository, which a rename does not change"""
    source_repository_owner: str | None = None
    """URL of the repository's owner"""
    source_repository_owner_id: str | None = None
    """number of the owner, which a rename does not change"""
    build_config_uri: str | None = None
    """the top-level build instructions, with their ref"""
    build_config_digest: str | None = None
    """commit of the build instructions"""
    build_trigger: str | None = None
    """event that started the build"""
    run_uri: str | None = None
    """URL of the run"""
    source_repository_visibility: str | None = None
    """`public`, `private` or `internal` when it was signed"""
    deployment_environment: str | None = None
    """environment that the run deploys to"""

    @classmethod
    def of(cls, certificate: "Certificate") -> "FulcioExtensions":
        """Read the extensions of a certificate; raises `MalformedError`."""
        found: dict[str, str] = {}
        for extension in certificate.extensions:
            number = extension.oid.dotted_string.removeprefix(_ARC)
            name = _NAMES.get(number)
            if number == extension.oid.dotted_string or name is None:
                continue
            raw = extension.value.public_bytes()
            value = _plain(raw, name) if int(number) <= _LAST_PLAIN else _utf8_string(raw, name)
            if found.setdefault(name, value) != value:
                raise MalformedError(f"the certificate names two values of `{name}`")
        return cls(**found)

    def named(self) -> tuple[tuple[str, str], ...]:
        """Return what is said, by name: `source-repository`, `build-signer-uri`, …"""
        values = (
            (field.name.replace("_", "-"), getattr(self, field.name)) for field in fields(self)
        )
        return tuple((name, value) for name, value in values if value is not None)


_LAST_PLAIN = 6
"""up to here values are bare text, and DER strings after"""
_NAMES = {
    "1": "issuer",
    "2": "workflow_trigger",
    "3": "workflow_sha",
    "4": "workflow_name",
    "5": "workflow_repository",
    "6": "workflow_ref",
    "8": "issuer",
    "9": "build_signer_uri",
    "10": "build_signer_digest",
    "11": "runner_environment",
    "12": "source_repository",
    "13": "source_repository_digest",
    "14": "source_repository_ref",
    "15": "source_repository_id",
    "16": "source_repository_owner",
    "17": "source_repository_owner_id",
    "18": "build_config_uri",
    "19": "build_config_digest",
    "20": "build_trigger",
    "21": "run_uri",
    "22": "source_repository_visibility",
    "23": "deployment_environment",
}
EXTENSION_NAMES = tuple(field.name.replace("_", "-") for field in fields(FulcioExtensions))
"""the names by which rules speak of extensions"""


def _plain(raw: bytes, name: str) -> str:
    if len(raw) > _MAX_TEXT:
        raise MalformedError(f"`{name}` of the certificate is too long")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"`{name}` of the certificate is not text") from error


def _utf8_string(raw: bytes, name: str) -> str:
    """Read a DER UTF8String that fills `raw`."""
    if len(raw) < 2 or raw[0] != _UTF8_STRING:  # noqa: PLR2004 - tag and length
        raise MalformedError(f"`{name}` of the certificate is not a DER string")
    length, start = raw[1], 2
    if length & _LONG_FORM:
        count = length & ~_LONG_FORM
        start += count
        length = int.from_bytes(raw[2:start], "big")
        shortest = length >= _LONG_FORM and raw[2:3] != b"\x00"
        if not 1 <= count <= 2 or not shortest:  # noqa: PLR2004 - _MAX_TEXT fits in two bytes
            raise MalformedError(f"`{name}` of the certificate is not a DER string")
    if len(raw) != start + length:
        raise MalformedError(f"`{name}` of the certificate is not a DER string")
    return _plain(raw[start:], name)
