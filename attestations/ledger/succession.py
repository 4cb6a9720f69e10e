"""What a new log takes over of the revocations of the old one: nobody enters them again on the worst day."""

from collections.abc import Iterator

from weightmark.attestations.checks import counted
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.admission import CarriedRevocation
from weightmark.provenance.ledger.event import Kind, format_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.values import dataclass

__all__ = ["MAX_CARRIED", "Inheritance", "inheritance_of", "not_carried"]

MAX_CARRIED = 1000
"""revocations that entry 0 of a new log holds"""
_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The revocations in force in a log that is to be succeeded."""

    carried: tuple[CarriedRevocation, ...]
    """those that entry 0 of the new log holds, by their index in the old one"""
    left: tuple[Revocation, ...]
    """those that only their own signers can enter into the new log: an identity without the role
    would have to be named in the open, or there are over `MAX_CARRIED`"""

    @property
    def left_ids(self) -> tuple[str, ...]:
        """Their claim ids, hex, sorted."""
        return tuple(sorted({one.claim_id for one in self.left}))


def inheritance_of(old: Ledger) -> Inheritance:
    """Return what is revoked in `old`, read from every entry.

    A revocation is the word of its own signer, whoever had the log's key: those entered after the
    last believed checkpoint are carried as well. Raises `ReadError` when one cannot be read.
    """
    try:
        found = Revocations.read(old, complete=True).in_force
    except (LedgerInconsistentError, ReadError) as error:
        raise ReadError(
            f"what is revoked in `{old.origin}` cannot be read, so a successor would forget it: {error.what}",
            why=error.why,
            fix="bring `claims/` back from a backup, or name a backup with `--succeeds`",
        ) from error
    fitting = [one for one in found if _names_nobody(one)][:MAX_CARRIED]
    carried = tuple(_carried(fitting))
    return Inheritance(carried, tuple(one for one in found if one not in fitting))


def not_carried(ledger: Ledger, *, complete: bool = True) -> str:
    """Say why nobody can tell from `ledger` what the log before it revoked; empty when that is known.

    A revocation that could not be carried over is known again once its claim is entered here. Without
    `complete` the ledger's own index is asked.
    """
    before = ledger.policies(complete=complete).newest.succeeds
    if before is None:
        return ""
    origin = NoteVerifier.parse(before.log_vkey).name
    if before.revoked is None:
        return f"it took over from `{origin}`, and does not say what was revoked there"
    entered = {one.event.claim_id for one in ledger.find(kind=Kind.REVOKE, complete=complete)}
    missing = [one for one in before.left if one not in entered]
    if not missing:
        return ""
    claims = counted(len(missing), "revocation")
    return f"it took over from `{origin}`, and lacks {claims} of it: `sha256:{missing[0]}`"


def _names_nobody(one: Revocation) -> bool:
    return one.only_of is None or one.only_of.startswith("key:")


def _carried(found: list[Revocation]) -> Iterator[CarriedRevocation]:
    for one in found:
        yield CarriedRevocation(
            origin=one.origin,
            index=one.index if one.entered_at is None else one.entered_at,
            claim_id=one.claim_id,
            subject=one.subject.text,
            salt=one.subject.salt,
            reason=one.reason[:_MAX_REASON],
            since=format_time(one.since) if one.since else "",
            signer=one.signer,
            only_of=one.only_of or "",
        )
