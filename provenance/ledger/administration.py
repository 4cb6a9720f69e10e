"""What the operator of a ledger does to it: change who may write, and erase what must not stay."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    SubmissionRefusedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    Admitted,
    CarriedRevocation,
    LeftRevocations,
    Owners,
    Predecessor,
    RegistrationPolicy,
    Submitter,
    admit_operation,
)
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.creation import stands_at, vkey_at
from weightmark.provenance.ledger.event import Event, Kind, format_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, open_note, split_note
from weightmark.provenance.ledger.operations import (
    MAX_OPERATION_SIZE,
    operation_text,
    sign_operation,
    verify_operation,
)
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.publish import BINDING_KINDS
from weightmark.provenance.ledger.registration import (
    Succession,
    admit_policy,
    policy_text,
    sign_policy,
)
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.ledger.standing import Role, Standing
from weightmark.provenance.ledger.store.interface import Query

__all__ = [
    "apply_proposal",
    "copies_of",
    "freeze",
    "frozen",
    "owners_of_proposal",
    "propose_policy",
    "redact",
    "sign_proposal",
    "succession_of",
]

_MAX_REASON = 4096


def propose_policy(
    ledger: Ledger,
    *,
    admit: Sequence[Submitter] = (),
    remove: Sequence[str] = (),
    owners: Owners | None = None,
    roots: Mapping[str, str] | None = None,
) -> bytes:
    """Return the text of a policy that follows the one in force, for its owners to sign.

    Who is admitted already gets the kinds named now. `remove` names parties, `key:<hex>` or
    `salted:<hex>`. Raises `CallError` for a party that is not admitted, or when nothing changes.
    """
    before = ledger.policy()
    by_party = {one.fingerprint: one for one in before.submitters}
    for party in remove:
        if party not in by_party:
            raise CallError(f"`{party}` is not admitted to `{ledger.origin}`")
        del by_party[party]
    for one in admit:
        same = _same_party(by_party.values(), one)
        by_party[same.fingerprint if same else one.fingerprint] = (
            Submitter(same.fingerprint, same.public_key, one.kinds, one.root, same.opened)
            if same
            else one
        )
    after = sign_policy(
        before,
        submitters=tuple(by_party.values()),
        owners=owners,
        roots={**dict(before.roots), **(roots or {})},
    )
    if (after.submitters, after.owners) == (before.submitters, before.owners):
        raise CallError("the policy would stay as it is", fix="say what is to change")
    for hidden in after.private_values:
        ledger.home.private.put(hidden)
    return policy_text(after)


def sign_proposal(proposal: bytes, owner: NoteSigner) -> bytes:
    """Add an owner's signature to a proposal: its text, or a note that others signed already."""
    if b"\n\n" not in proposal:
        return owner.sign(proposal)
    text, _ = split_note(proposal, max_size=MAX_OPERATION_SIZE)
    return proposal + owner.line(text)


def owners_of_proposal(policy: RegistrationPolicy, proposal: bytes) -> tuple[NoteVerifier, ...]:
    """Return which owners of the policy in force signed a proposal; raises `TamperedError`."""
    owners = [NoteVerifier.parse(one) for one in policy.owners.vkeys]
    try:
        return open_note(proposal, owners, max_size=MAX_OPERATION_SIZE).signers
    except WrongSignerError:
        return ()


def apply_proposal(ledger: Ledger, proposal: bytes) -> Receipt:
    """Enter a proposal that owners enough signed; from the next entry on it rules.

    Raises `SubmissionRefusedError` with the reason, and what the ledger raises.
    """
    log = ledger.home.read_signer(ledger.verifier)
    text, _ = split_note(proposal, max_size=MAX_OPERATION_SIZE)
    submission = sign_operation(Kind.POLICY, proposal + log.line(text), log, ledger.now())
    return _enter(ledger, admit_policy(ledger.policy(), submission))


def redact(ledger: Ledger, subject: str, reason: str) -> Receipt:
    """Erase a claim or request, `sha256:<hex>`, or whom a commitment means, `salted:<hex>`.

    The entry comes first: what is gone without one would be called missing. Once more changes
    nothing. Raises `CallError` when the ledger holds no such thing, `SubmissionRefusedError` for what
    may not be erased.
    """
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise CallError(f"the reason is not 1 to {_MAX_REASON} characters")
    users = _require_erasable(ledger, subject)
    known = ledger.find(subject=subject, kind=Kind.REDACT)
    receipt = (
        ledger.prove(known[0].index)
        if known
        else _enter_redaction(ledger, subject, reason, _claim_ids(users, subject))
    )
    if subject.startswith("salted:"):
        ledger.home.private.erase(subject)
    else:
        ledger.home.blobs.erase(subject.removeprefix("sha256:"))
    return receipt


def copies_of(ledger: Ledger, subject: str) -> tuple[LoggedEvent, ...]:
    """Return the entries that hold the claim `sha256:<hex>` in other bytes, and were not redacted: each is erased apart."""
    users = _matching(ledger, lambda event: f"sha256:{event.claim_sha256}" == subject)
    ids = _claim_ids(users, subject)
    others = _matching(
        ledger,
        lambda event: event.claim_id in ids and f"sha256:{event.claim_sha256}" != subject,
    )
    erased = {one.event.subject for one in ledger.find(kind=Kind.REDACT)}
    return tuple(one for one in others if f"sha256:{one.event.claim_sha256}" not in erased)


def _claim_ids(users: Iterable[LoggedEvent], subject: str) -> list[str]:
    """Return the ids of the claims among `users` that are erased with `subject`, sorted."""
    claims = (one.event for one in users if f"sha256:{one.event.claim_sha256}" == subject)
    return sorted({event.claim_id for event in claims})


def _require_erasable(ledger: Ledger, subject: str) -> tuple[LoggedEvent, ...]:
    """Return the entries that name `subject`; see `redact`."""
    if subject.startswith("salted:"):
        if ledger.policy().knows(subject):
            raise SubmissionRefusedError(
                f"`{subject}` is admitted to the ledger, so whom it means is still needed",
                fix="have the owners remove it first: `weightmark ledger admit --remove`",
            )
        users = _matching(ledger, lambda event: subject in (event.signer, event.submitter))
        if not users and subject not in ledger.home.private.names():
            raise CallError(f"`{subject}` stands for nobody in this ledger")
        return users
    digest = subject.removeprefix("sha256:")
    users = _matching(ledger, lambda event: digest in (event.claim_sha256, event.request_sha256))
    if not users:
        meant = _matching(ledger, lambda event: event.claim_id == digest)
        if meant:
            raise CallError(
                f"`{subject}` is the id of a claim, and stored bytes are what is erased",
                fix=f"name `sha256:{meant[0].event.claim_sha256}`, the claim of entry {meant[0].index}",
            )
        raise CallError(
            f"no entry of the ledger records `{subject}`",
            fix="name `claim_sha256` or `request_sha256`, as `weightmark ledger show INDEX` prints them",
        )
    kept = [one for one in users if one.event.kind in BINDING_KINDS]
    if kept:
        raise SubmissionRefusedError(
            f"the claim of entry {kept[0].index} is never erased: it is of the kind `{kept[0].event.kind}`",
            why="without it nobody could tell what is revoked, or who may write",
        )
    return users


def succession_of(
    old: Ledger,
    recovery: NoteSigner,
    checkpoint: bytes | None = None,
    *,
    revoked: Sequence[CarriedRevocation] | None = None,
    left: Sequence[LeftRevocations] = (),
    descent: bytes | None = None,
) -> Succession:
    """Return how a new log takes over from `old`, whose key was lost or leaked.

    `checkpoint` is the last one that is believed, best the last that witnesses cosigned; without it
    the newest of `old`. Whoever has a leaked key can still sign, so nothing after it counts. What is
    `revoked` stays so in the new log; `left` is what it cannot take over, and `descent` which claims
    told of descent. Without `revoked` its readers cannot tell what was revoked before.

    Raises `WrongSignerError` or `TamperedError` when the checkpoint is not the old log's, and
    `LedgerInconsistentError` when `old` does not extend it, moved, or may be older than the log.
    """
    standing = old.home.standing()
    if standing.role is Role.MOVED:
        standing.require_live(old.home.name)
    if checkpoint is None and standing.role in {Role.BACKUP, Role.RESTORED}:
        raise LedgerInconsistentError(
            f"`{old.home.name}` is a copy, and nothing tells whether it is the newest",
            why="what was revoked after it was made would be forgotten",
            fix="name the last checkpoint of the log that is believed with `--checkpoint`, or the live ledger",
        )
    believed, vkey = _believed(old, checkpoint or old.refresh().note)
    with old.snapshot() as snapshot:
        snapshot.require_extends(believed, "the believed checkpoint")
    recovery_vkey = old.policy().recovery_vkey
    carried = None if revoked is None else tuple(revoked)
    note = believed.note.decode()
    before = Predecessor(note, vkey, recovery_vkey, carried, tuple(left), descent)
    return Succession(before, recovery)


def freeze(old: Ledger, successor: str) -> None:
    """Let a ledger sign nothing any more; `successor` is the origin of the log that takes over.

    Whoever writes finishes before. The same again changes nothing until that log stands. Raises
    `LedgerInconsistentError` when another log took over already, or the ledger moved, and
    `UnsupportedError` for a published view.
    """
    wanted = Standing(Role.SUCCEEDED, successor)
    with old.home.store.write():
        standing = old.home.standing()
        if standing == wanted:
            return
        if standing.role is Role.SUCCEEDED:
            raise LedgerInconsistentError(
                f"the ledger at `{old.home.name}` was succeeded already, by the log `{standing.detail}`",
                why="two logs that take over would be two histories",
                fix="use that one, with its log key"
                if standing.log_vkey
                else f"use that one; if it was never made, make it with `--origin {standing.detail}`",
            )
        if standing.role is Role.MOVED:
            standing.require_live(old.home.name)
        old.home.set_standing(wanted)


@contextmanager
def frozen(old: Ledger, successor: str, place: Path | str) -> Iterator[None]:
    """Freeze a ledger while its successor is made at `place`; when that fails, it is what it was before.

    Unless the successor stands there, or nobody can tell: two logs that go on would be two histories.
    What breaks off in between leaves it frozen, too, and is asked for again with the same `successor`.
    """
    before = old.home.standing()
    freeze(old, successor)
    try:
        yield
    except BaseException as error:
        if not stands_at(place, successor):
            old.home.set_standing(before)
            raise
        _name_successor(old, successor, place)
        if isinstance(error, WeightmarkError):
            raise _taken_over(old, successor, error) from error
        raise
    _name_successor(old, successor, place)


def _name_successor(old: Ledger, successor: str, place: Path | str) -> None:
    """Note the key of the log that took over, so that no second one of the same origin does."""
    log_vkey = vkey_at(place, successor)
    if log_vkey:
        old.home.set_standing(Standing(Role.SUCCEEDED, successor, log_vkey))


def _taken_over(old: Ledger, successor: str, error: WeightmarkError) -> WeightmarkError:
    """Say how to go on where the successor may stand already."""
    return type(error)(
        f"`{successor}` may have taken over already, so `{old.home.name}` stays frozen: {error.what}",
        why=error.why,
        fix="look with `weightmark ledger verify` at its place: if it is whole, use it; if nothing is there, "
        f"ask again with the same `--origin {successor}`",
    )


def _believed(old: Ledger, note: bytes) -> tuple[VerifiedCheckpoint, str]:
    """Return a checkpoint of `old` with the key that signed it, which may have handed over since."""
    for vkey in reversed(old.policies().log_keys):
        with suppress(WrongSignerError):
            return verify_checkpoint(note, NoteVerifier.parse(vkey)), vkey
    return verify_checkpoint(note, old.verifier), old.vkey


def _enter_redaction(
    ledger: Ledger, subject: str, reason: str, claim_ids: Sequence[str]
) -> Receipt:
    log = ledger.home.read_signer(ledger.verifier)
    now = ledger.now()
    text = operation_text(
        Kind.REDACT,
        {
            "at": format_time(now),
            "claim_ids": list(claim_ids),
            "origin": ledger.origin,
            "reason": reason,
            "subject": subject,
            "v": 1,
        },
    )
    submission = sign_operation(Kind.REDACT, log.sign(text), log, now)
    operation = verify_operation(submission, Kind.REDACT, subject, log.verifier, ())
    return _enter(ledger, admit_operation(operation))


def _matching(ledger: Ledger, matches: Callable[[Event], bool]) -> tuple[LoggedEvent, ...]:
    """Return the entries that match; the whole log is read, because no index knows blobs."""
    with ledger.snapshot() as snapshot:
        return tuple(one for one in snapshot.walk(Query()) if matches(one.event))


def _enter(ledger: Ledger, admitted: Admitted) -> Receipt:
    (index,) = ledger.record([admitted])
    ledger.publish()
    ledger.refresh()
    return ledger.prove(index)


def _same_party(known: Iterable[Submitter], one: Submitter) -> Submitter | None:
    """Return who of `known` is this very key or identity; salts differ from one naming to the next."""
    for other in known:
        hidden = (other.opened, one.opened)
        if other.fingerprint == one.fingerprint:
            return other
        if hidden[0] and hidden[1] and hidden[0].value == hidden[1].value:
            return other
    return None
