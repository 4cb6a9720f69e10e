"""One revocation that a ledger holds: what it means, and whom."""

from datetime import datetime

from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.values import dataclass

__all__ = ["Revocation"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation in force."""

    index: int
    """of its entry; 0 for one that was carried over from the log before"""
    origin: str
    """the log that it was entered into"""
    claim_id: str
    """of its claim, hex; what a reinstatement names"""
    subject: RevocationSubject
    """what is revoked"""
    reason: str
    """why, for people"""
    since: datetime | None
    """of a signer: claims that are proven to be older stay good; None when nothing does"""
    signer: str
    """who revoked it, `key:<hex>` or `salted:<hex>`"""
    only_of: str | None
    """without the role: the signer whose claims alone it binds (`value_of`), empty when nobody can
    tell here who that is; None when it binds everybody"""
    spared: frozenset[str] = frozenset()
    """SHA-256, hex, of claims by the signer that witnesses saw in the log before `since`"""
    own: bool = False
    """of a claim by an identity that nobody can name here: whether the log holds it as one of its own"""
    entered_at: int | None = None
    """for one that was carried over: of its entry in the log before, which `origin` names"""
    claim_sha256: str = ""
    """SHA-256 of its claim's bytes, hex"""
    voices: int = 0
    """signers with the role who reinstated it, fewer than it takes"""

    @property
    def words(self) -> str:
        """Where it stands: `revoked at #7 of <origin>`."""
        at = self.index if self.entered_at is None else self.entered_at
        return f"revoked at #{at} of `{self.origin}`"

    def is_about(self, digest: str) -> bool:
        """Tell whether it revokes content: `wm1:<hex>` or `sha256:<hex>`, whichever of both it is written as."""
        if self.only_of is not None or self.subject.is_party:
            return False
        return self.subject.digest == digest.partition(":")[2]

    def withdraws(self, claim_id: str, party: str, value: str) -> bool:
        """Tell whether it revokes the claim `claim_id` by the signer whom the log calls `party`."""
        if self.subject.text != f"sha256:{claim_id}":
            return False
        return self.only_of in (None, value) or self.signer == party

    def silences(self, party: str, value: str) -> bool:
        """Tell whether it revokes the signer that the log calls `party`, and that `value_of` is `value`."""
        if self.only_of not in (None, value):
            return False
        return self.subject.is_party and (self.subject.text == party or self.subject.means(value))
