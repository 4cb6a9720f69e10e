"""Roles: who counts for which demand, and how many of them have to agree."""

from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.clocks import NO_CLOCKS, Clocks
from weightmark.attestations.trust.interface import Anchor, Proof
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.validity import ALWAYS, Validity
from weightmark.errors import WrongSignerError
from weightmark.values import dataclass

__all__ = ["NamedOnly", "Role"]


@dataclass(frozen=True, slots=True)
class NamedOnly:
    """A member of whom only the name is known: it proves nothing."""

    name: str
    """as it was recorded"""

    @property
    def label(self) -> str:
        """Nothing: it stands in no trust file."""
        return ""

    @property
    def validity(self) -> Validity:
        """Without an end: whether it counted was judged when its signatures were verified."""
        return ALWAYS

    @property
    def expires(self) -> datetime | None:
        """Never."""
        return None

    def allowing_legacy(self) -> "NamedOnly":
        """Return itself."""
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:  # noqa: ARG002 - the protocol's signature
        """Mean nobody."""
        return False

    def prove(self, bundle: Bundle, now: datetime) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Prove nothing."""
        raise WrongSignerError("of this signer only the name was recorded")


@dataclass(frozen=True, slots=True)
class Role:
    """Signers who count alike."""

    name: str
    """as the policy calls it"""
    threshold: int = 1
    """how many distinct signers have to agree"""
    keys: tuple[PublicKey, ...] = ()
    """public keys of members"""
    anchors: tuple[Anchor, ...] = ()
    """further members: identities, certificates, and whom the trust file or the caller names"""
    clocks: Clocks = NO_CLOCKS
    """who may prove when one of the keys signed: whom the trust file of the role names"""

    @property
    def all_anchors(self) -> tuple[Anchor, ...]:
        """Every member; of a key that the trust file holds as well, the window and revocation there count."""
        listed = {one.name for one in self.anchors if isinstance(one, KeyAnchor)}
        keys = {key.identity: KeyAnchor(key, clocks=self.clocks) for key in self.keys}
        return (*(one for name, one in keys.items() if name not in listed), *self.anchors)

    @property
    def trust(self) -> Trust | None:
        """Whose signatures count; None while the role has no member."""
        anchors = self.all_anchors
        return Trust(anchors) if anchors else None

    @property
    def trusted(self) -> tuple[str, ...]:
        """The names of all members who were not revoked, each once."""
        revoked = set(self.revoked)
        names = dict.fromkeys(one.name for one in self.all_anchors)
        return tuple(name for name in names if name not in revoked)

    @property
    def revoked(self) -> tuple[str, ...]:
        """The names of those who count only where they provably signed before they were revoked, each once."""
        return tuple(
            dict.fromkeys(one.name for one in self.all_anchors if one.validity.revoked is not None)
        )

    @property
    def largest_agreement(self) -> int | None:
        """How many distinct signers can agree at most; None where rules admit any number."""
        anchors = self.all_anchors
        if all(isinstance(one, KeyAnchor) for one in anchors):
            return len({one.name for one in anchors})
        return None
