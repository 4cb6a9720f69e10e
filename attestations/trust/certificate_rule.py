"""Whose certificate counts, among all that an authority issues."""

import re
from collections.abc import Sequence
from typing import Self

from weightmark.attestations.trust.interface import CertificateFacts
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["CertificateRule"]

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CertificateRule:
    """Which of the certificates under a chain is the signer's; every condition that is set must hold."""

    subject: str = ""
    """the whole distinguished name (RFC 4514), or its only common name"""
    name: str = ""
    """one subject alternative name, exactly: an e-mail address, URI or DNS name"""
    fingerprint: str = ""
    """SHA-256 of the DER certificate or of its key's SubjectPublicKeyInfo, lowercase hex"""
    anybody: bool = False
    """whether every certificate under the chain is meant"""

    @classmethod
    def parse(
        cls, *, subject: str = "", name: str = "", fingerprint: str = "", anybody: bool = False
    ) -> Self:
        """Read what a caller says; raises `CallError` for no condition, or for `anybody` beside one."""
        bare = fingerprint.strip().lower().removeprefix("sha256:").removeprefix("certificate:")
        wanted = bare.replace(":", "")
        if fingerprint and not _FINGERPRINT.fullmatch(wanted):
            raise CallError(
                f"`{fingerprint[:100]}` is no fingerprint of a certificate",
                why="it is the SHA-256 of the DER form, 64 hex digits, or the name of the signer, `certificate:<hex>`",
                fix="`openssl x509 -in LEAF.pem -noout -fingerprint -sha256` prints the first",
            )
        said = bool(subject or name or wanted)
        if not said and not anybody:
            raise CallError(
                "a certificate chain is trusted, but not for whom",
                why="everybody else whom this authority knows could sign as well",
                fix="name the signer with `--cert-subject`, `--cert-san` or `--cert-fingerprint`; or say `--cert-any`",
            )
        if said and anybody:
            raise CallError(
                "`--cert-any` stands beside a certain certificate", fix="leave one of them out"
            )
        return cls(subject, name, wanted, anybody)

    @property
    def text(self) -> str:
        """The rule in words."""
        if self.anybody:
            return "any certificate"
        parts = (
            ("subject", self.subject),
            ("name", self.name),
            ("fingerprint", f"sha256:{self.fingerprint}" if self.fingerprint else ""),
        )
        return "certificate with " + " and ".join(
            f"{word} `{text}`" for word, text in parts if text
        )

    def mismatch(
        self, facts: CertificateFacts, common_names: Sequence[str], key_fingerprint: str
    ) -> str:
        """Say what of the rule does not hold; empty when all does."""
        subjects = {facts.subject, *(common_names if len(common_names) == 1 else ())}
        if self.subject and self.subject not in subjects:
            return f"its subject is `{facts.subject}`, not `{self.subject}`"
        if self.name and self.name not in facts.names:
            found = ", ".join(f"`{one}`" for one in facts.names) or "nothing"
            return f"its alternative names are {found}, and not `{self.name}`"
        if self.fingerprint and self.fingerprint not in (facts.fingerprint, key_fingerprint):
            return f"its fingerprint is `sha256:{facts.fingerprint}`, that of its key `{key_fingerprint}`, and neither is `{self.fingerprint}`"
        return ""
