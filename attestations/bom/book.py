"""The claims that count: every bundle by a trusted signer, once."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.statements import Subject
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.errors import WeightmarkError
from weightmark.values import dataclass

__all__ = ["Book"]


@dataclass(frozen=True)
class Book:
    """Every bundle that a trusted signer made, and how many others there are."""

    verified: tuple[VerifiedBundle, ...]
    """sorted by claim and signer, so that the order of files and lines never matters"""
    strangers: int
    """bundles that nobody whom the call trusts made"""

    @classmethod
    def of(cls, bundles: Sequence[Bundle], trust: Trust) -> Self:
        """Verify each bundle; two that say the same by one signer are one claim."""
        found: dict[tuple[str, str], VerifiedBundle] = {}
        strangers = 0
        for bundle in bundles:
            try:
                verified = trust.verify(bundle)
            except WeightmarkError:
                strangers += 1
            else:
                found.setdefault((verified.claim_id, verified.signer.name), verified)
        return cls(tuple(found[key] for key in sorted(found)), strangers)

    def about(self, is_meant: Callable[[Subject], bool]) -> tuple[VerifiedBundle, ...]:
        """Return the claims of which a subject is meant."""
        return tuple(
            one
            for one in self.verified
            if any(is_meant(subject) for subject in one.statement.subjects)
        )

    def naming(self, identity: str) -> tuple[VerifiedBundle, ...]:
        """Return the claims about the artifact with this identity."""
        return self._by_identity.get(identity, ())

    @cached_property
    def _by_identity(self) -> Mapping[str, tuple[VerifiedBundle, ...]]:
        found: dict[str, list[VerifiedBundle]] = {}
        for one in self.verified:
            for identity in {subject.identity for subject in one.statement.subjects}:
                found.setdefault(identity, []).append(one)
        return {identity: tuple(claims) for identity, claims in found.items()}
