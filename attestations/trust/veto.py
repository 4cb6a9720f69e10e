"""Revocations that bind everybody: what one part of a trust knows to be revoked counts for none of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.trust.interface import Anchor, Proof
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import WrongSignerError
from weightmark.values import dataclass

__all__ = ["Veto", "require_no_veto", "vetoes_of"]


@dataclass(frozen=True)
class Veto:
    """An anchor that proves nothing for the caller, and whose revocation binds all the same."""

    anchor: Anchor
    """what was revoked"""

    @property
    def name(self) -> str:
        """The name of what was revoked."""
        return self.anchor.name

    @property
    def label(self) -> str:
        """Its name in a trust file."""
        return self.anchor.label

    @property
    def validity(self) -> Validity:
        """When it was revoked."""
        return self.anchor.validity

    @property
    def expires(self) -> datetime | None:
        """When it ends in any case."""
        return self.anchor.expires

    def allowing_legacy(self) -> "Veto":
        """Return itself: it believes nothing."""
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:
        """Tell whether the revoked one is the signer."""
        return self.anchor.concerns(bundle, proof)

    def prove(self, bundle: Bundle, now: datetime) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Prove nothing."""
        raise WrongSignerError("signed by somebody else than you trust")


def vetoes_of(anchors: Iterable[Anchor], *, but: Sequence[Anchor] = ()) -> list[Anchor]:
    """Return the revocations among `anchors`, without those that stand in `but` themselves."""
    return [Veto(one) for one in anchors if one.validity.revoked and one not in but]


def require_no_veto(anchors: Iterable[Anchor], bundle: Bundle, proof: Proof, now: datetime) -> None:
    """Raise `RevokedError` when any anchor knows the signer of `proof` to be revoked, whatever else it demands."""
    for anchor in anchors:
        if anchor.validity.revoked and anchor.concerns(bundle, proof):
            anchor.validity.require_not_revoked(anchor.label or anchor.name, proof.times, now)
