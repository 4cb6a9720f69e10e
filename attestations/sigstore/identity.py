"""Rules for identities: whom the caller means, among all who can log in somewhere."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Self

from weightmark.attestations.sigstore.extensions import EXTENSION_NAMES
from weightmark.attestations.sigstore.leaf import LeafFacts
from weightmark.attestations.sigstore.subject_patterns import (
    ExactSubject,
    GlobPattern,
    RegexPattern,
    SubjectPattern,
)
from weightmark.errors import CallError, LimitError, WrongSignerError
from weightmark.values import dataclass

__all__ = ["IdentityRule"]

_MAX_SUBJECT = 4096
_MAX_PATTERN = 1024


@dataclass(frozen=True)
class IdentityRule:
    """Who must have signed: a subject, as one identity provider knows it, and what else must hold."""

    pattern: SubjectPattern
    """what the whole subject must match"""
    issuer: str
    """URL of the identity provider, exactly"""
    text: str
    """the subject as the caller wrote it"""
    extensions: tuple[tuple[str, str], ...] = field(default=())
    """what the identity provider must have said, by the names of `FulcioExtensions`, exactly"""

    @classmethod
    def exact(
        cls, subject: str, *, issuer: str, extensions: Mapping[str, str] | None = None
    ) -> Self:
        """Mean exactly this subject; raises `CallError`."""
        return cls._of(subject, ExactSubject, issuer, extensions)

    @classmethod
    def glob(
        cls, pattern: str, *, issuer: str, extensions: Mapping[str, str] | None = None
    ) -> Self:
        """Mean subjects like `https://github.com/acme/*/…`; raises `CallError`.

        `*` stands for any characters but `/`, `**` for any characters, `?` for one that is not `/`.
        """
        return cls._of(pattern, GlobPattern, issuer, extensions)

    @classmethod
    def regex(
        cls, pattern: str, *, issuer: str, extensions: Mapping[str, str] | None = None
    ) -> Self:
        """Mean subjects that match a regular expression as a whole; raises `CallError`."""
        return cls._of(pattern, RegexPattern.parse, issuer, extensions)

    @classmethod
    def _of(
        cls,
        text: str,
        make: Callable[[str], SubjectPattern],
        issuer: str,
        extensions: Mapping[str, str] | None,
    ) -> Self:
        if not text or not issuer:
            raise CallError(
                "an identity needs a subject and an issuer",
                why="the same name at another provider is somebody else",
                fix="name both, for example with `--identity me@example.com --issuer https://accounts.google.com`",
            )
        if len(text) > _MAX_PATTERN:
            raise CallError(f"the identity is longer than {_MAX_PATTERN} characters")
        unknown = sorted((extensions or {}).keys() - set(EXTENSION_NAMES))
        if unknown:
            raise CallError(
                f"`{unknown[0]}` is nothing that a certificate says",
                fix=f"use one of {', '.join(EXTENSION_NAMES)}",
            )
        return cls(make(text), issuer, text, tuple(sorted((extensions or {}).items())))

    def mismatches(self, certificate: LeafFacts) -> tuple[str, ...]:
        """Say what does not fit, one line each; empty when all fits. Raises `LimitError`."""
        if len(certificate.subject) > _MAX_SUBJECT:
            raise LimitError(f"the signer's name is longer than {_MAX_SUBJECT} characters")
        said = dict(certificate.extensions.named())
        found = []
        for name, wanted in (("issuer", self.issuer), *self.extensions):
            if said.get(name) != wanted:
                has = f"`{said[name]}`" if name in said else "missing"
                found.append(f"`{name}` is {has}, not `{wanted}`")
        # The pattern comes last: only somebody at the right provider may make it work.
        if found and isinstance(self.pattern, RegexPattern):
            return tuple(found)
        if not self.pattern.fits(certificate.subject):
            found.insert(0, f"the subject is `{certificate.subject}`, not `{self.text}`")
        return tuple(found)

    def check(self, certificate: LeafFacts) -> None:
        """Raise `WrongSignerError` unless the certificate is of whom the caller means."""
        found = self.mismatches(certificate)
        if found:
            raise WrongSignerError(
                "signed by somebody else than you trust",
                why="; ".join(found),
                fix="check which identity the publisher announces",
            )
