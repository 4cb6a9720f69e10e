"""What a new log takes over of the revocations of the old one: nobody enters them again on the worst day.

What it cannot take over is named, so that its readers call nothing clean that may be revoked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from weightmark.attestations.checks import counted
from weightmark.attestations.ledger.carried import voids_all_of
from weightmark.attestations.ledger.descent import claims_of_descent
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.admission import (
    CarriedRevocation,
    LeftRevocations,
    Predecessor,
)
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.predecessor import carried_fields, left_fields, pack_descent
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

__all__ = ["MAX_CARRIED", "Inheritance", "inheritance_of", "not_carried", "packed_descent"]

MAX_CARRIED = 1000
"""revocations that entry 0 of a new log holds"""
_MAX_CARRIED_SIZE = 448 * 1024
_MAX_LEFT_SIZE = 96 * 1024
_MAX_SIZE = 3584 * 1024
_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a log that is to be succeeded revoked, and told of descent."""

    carried: tuple[CarriedRevocation, ...]
    """those in force that entry 0 of the new log holds, those by the role first"""
    left: tuple[LeftRevocations, ...]
    """those that it has no room for: what they are about is unchecked there, and never clean"""
    descent: bytes | None
    """which claims told of descent (`pack_descent`); None when there are too many to say so"""


def inheritance_of(old: Ledger) -> Inheritance:
    """Return what is revoked in `old`, read from every entry, and which claims told of descent.

    A revocation is the word of its own signer, whoever had the log's key: those entered after the
    last believed checkpoint are carried as well. Nobody without the role takes the room of somebody
    with it, nor of a signer who revoked less. Raises `ReadError` when one cannot be read.
    """
    try:
        found = Revocations.read(old, complete=True)
        told = {*claims_of_descent(old)}
    except (LedgerInconsistentError, ReadError) as error:
        raise ReadError(
            f"what is revoked in `{old.origin}` cannot be read, so a successor would forget it: {error.what}",
            why=error.why,
            fix="bring `claims/` back from a backup, or name a backup with `--succeeds`",
        ) from error
    before = old.policies(complete=True).newest.succeeds
    by_role = [one for one in found.in_force if one.only_of is None]
    own = [one for one in found.in_force if one.only_of is not None]
    room = _Room(short=_are_long(found.in_force))
    left = [*found.left, *_nobody_said(before)]
    left += _by_the_role([one for one in by_role if not room.take([one])])
    left += _own(own, by_role, room)
    return Inheritance(tuple(room.taken), _bounded(left), packed_descent(told, before, room.left))


def not_carried(ledger: Ledger, *, complete: bool = True) -> str:
    """Say why nobody can tell from `ledger` what the log before it revoked; empty when that is known.

    Somebody with the role makes it known again by revoking that here, too. Without `complete` the
    ledger's own index is asked.
    """
    before = ledger.policies(complete=complete).newest.succeeds
    if before is None:
        return ""
    origin = NoteVerifier.parse(before.log_vkey).name
    if before.revoked is None:
        return f"it took over from `{origin}`, and does not say what was revoked there"
    if not any(not one.signer for one in before.left):
        return ""
    left = Revocations.read(ledger, complete=complete).left
    missing = [one for one in left if not one.signer]
    if not missing:
        return ""
    subjects = [subject for one in missing for subject in one.subjects]
    if any(not one.subjects for one in missing):
        return f"it took over from `{origin}`, and does not say all that was revoked in `{missing[0].origin}`"
    claims = counted(len(subjects), "revocation")
    return f"it took over from `{origin}`, and lacks {claims} of it: `{subjects[0]}`"


class _Room:
    """The room for revocations in entry 0."""

    def __init__(self, *, short: bool) -> None:
        self.taken: list[CarriedRevocation] = []
        self._short = short
        self._size = 0

    @property
    def left(self) -> int:
        """Bytes of entry 0 that are left for what was told of descent."""
        return _MAX_SIZE - self._size

    def take(self, found: Sequence[Revocation]) -> bool:
        """Take all of them, or none when there is no room for all."""
        carried = [_carried(one, "" if self._short else _cut(one.reason)) for one in found]
        size = sum(len(canonical_json(carried_fields(one))) + 1 for one in carried)
        if len(self.taken) + len(found) > MAX_CARRIED or self._size + size > _MAX_CARRIED_SIZE:
            return False
        self.taken += carried
        self._size += size
        return True


def _are_long(found: Iterable[Revocation]) -> bool:
    """Tell whether the reasons would take more room than what is revoked."""
    return sum(len(canonical_json(_cut(one.reason))) for one in found) > _MAX_CARRIED_SIZE // 4


def _cut(reason: str) -> str:
    return reason.encode()[:_MAX_REASON].decode(errors="ignore")


def _by_the_role(found: Iterable[Revocation]) -> Iterator[LeftRevocations]:
    ordered = sorted(found, key=lambda one: one.origin)
    for origin, these in groupby(ordered, key=lambda one: one.origin):
        yield LeftRevocations(origin, "", tuple(sorted({one.subject.text for one in these})))


def _own(
    found: Sequence[Revocation], by_role: Sequence[Revocation], room: _Room
) -> Iterator[LeftRevocations]:
    """Yield the signers whose word about their own claims has no room, or adds nothing to that of the role."""
    by_signer: dict[tuple[str, str], list[Revocation]] = {}
    for one in found:
        by_signer.setdefault((one.origin, one.signer), []).append(one)
    for (origin, signer), these in sorted(by_signer.items(), key=lambda one: (len(one[1]), one[0])):
        value = these[0].only_of or ""
        if any(voids_all_of(one, signer, value) for one in by_role) or not room.take(these):
            yield LeftRevocations(origin, signer)


def _nobody_said(before: Predecessor | None) -> Iterator[LeftRevocations]:
    """Yield what no successor of a log knows that does not say what was revoked before itself."""
    if before and before.revoked is None:
        yield LeftRevocations(NoteVerifier.parse(before.log_vkey).name, "")


def _bounded(left: Sequence[LeftRevocations]) -> tuple[LeftRevocations, ...]:
    """Return the same as long as there is room for it; else that there is more than anybody says."""
    found = tuple(sorted({*left}, key=lambda one: (one.origin, one.signer, one.subjects)))
    if len(canonical_json([left_fields(one) for one in found])) <= _MAX_LEFT_SIZE:
        return found
    return tuple(LeftRevocations(origin, "") for origin in sorted({one.origin for one in found}))


def packed_descent(
    told: set[tuple[str, str]], before: Predecessor | None, room: int
) -> bytes | None:
    """Write which claims told of descent, in the log and in the one `before` it; None for over `room` bytes in base64."""
    if before and before.descent is None:
        return None
    if before:
        told |= {(name, claim) for name, claims in before.told.items() for claim in claims}
    packed = pack_descent(told)
    return packed if len(packed) * 4 // 3 <= room else None


def _carried(one: Revocation, reason: str) -> CarriedRevocation:
    own = one.only_of is not None
    carried = CarriedRevocation(
        origin=one.origin,
        index=one.index if one.entered_at is None else one.entered_at,
        claim_id=one.claim_id,
        claim_sha256=one.claim_sha256,
        subject=one.subject.text,
        salt=one.subject.salt,
        reason=reason,
        since=format_time(one.since) if one.since else "",
        signer=one.signer,
        only_of="",
    )
    return replace(carried, only_of=one.signer) if own else carried
