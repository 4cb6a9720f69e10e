"""A new log key under the same origin: both sign while they overlap, and an entry hands over from one to the other."""

from collections.abc import Collection
from dataclasses import field
from typing import TYPE_CHECKING, Any

from weightmark.errors import (
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    Admitted,
    RegistrationPolicy,
    Submission,
    admit_operation,
)
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.operations import (
    operation_text,
    peek_operation,
    sign_operation,
    verify_operation,
)
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.proof import Receipt

__all__ = ["OverlapSigner", "admit_rotation", "finish_rotation", "parse_signers", "rotate"]

_FIELDS = {"new", "old", "origin", "v"}


@dataclass(frozen=True, slots=True)
class OverlapSigner(NoteSigner):
    """A log key that another one signs beside, so that readers of either can verify."""

    also: NoteSigner = field(repr=False)
    """the other key of the same log"""

    def sign(self, text: bytes) -> bytes:
        """Return the note with both signatures, this key's first."""
        return NoteSigner.sign(self, text) + self.also.line(text)


def parse_signers(text: str, verifier: NoteVerifier) -> NoteSigner:
    """Read a key file: one key, or two while they overlap; the one of `verifier` comes first in the result.

    Raises `MalformedError` for anything else. That a single key is the verifier's is for the caller.
    """
    keys = [NoteSigner.parse(line) for line in text.split("\n")]
    if len(keys) == 1:
        return keys[0]
    first, second = keys if len(keys) == 2 else (keys[0], None)  # noqa: PLR2004 - old and new
    if second is None or first.name != second.name:
        raise MalformedError("the key file of a log holds one key, or two of one log")
    if second.verifier == verifier:
        first, second = second, first
    return OverlapSigner(first.name, first.seed, second)


def rotate(ledger: "Ledger", recovery: NoteSigner) -> "Receipt":
    """Give a ledger a new log key: from now on both keys sign, and readers get the new one.

    The entry is signed by the old key, the recovery key and the new key. What was interrupted goes on
    where it stopped. Raises `WrongSignerError` when `recovery` is not the ledger's,
    `SubmissionRefusedError` while the keys of the last hand-over overlap, and `UnsupportedError` for
    a published view.
    """
    home, old = ledger.home, ledger.verifier
    policy = ledger.policy()
    if recovery.verifier.vkey != policy.recovery_vkey:
        raise WrongSignerError(
            f"`{recovery.name}` is not the recovery key of this ledger",
            fix="name the `recovery.key` that was made with it",
        )
    signer = home.read_signer(old)
    if isinstance(signer, OverlapSigner):
        fresh = signer.also
        _refuse_unfinished(ledger, fresh)
    else:
        fresh = NoteSigner.generate(old.name)
        home.write_signers(signer, fresh)
    if policy.log_vkey == fresh.verifier.vkey:
        index = ledger.find(kind=Kind.KEY)[-1].index
    else:
        index = _enter(ledger, NoteSigner(signer.name, signer.seed), recovery, fresh)
    ledger.publish()
    home.write_signers(fresh, NoteSigner(signer.name, signer.seed))
    home.write_verifier(fresh.verifier)
    return ledger.prove(index)


def finish_rotation(ledger: "Ledger") -> None:
    """End the overlap: from now on the new key alone signs, and readers of the old one are told so by failing."""
    home = ledger.home
    signer = home.read_signer(ledger.verifier)
    if not isinstance(signer, OverlapSigner) or ledger.policy().log_vkey != ledger.vkey:
        raise SubmissionRefusedError("no two keys of this ledger overlap")
    home.write_signers(NoteSigner(signer.name, signer.seed))


def admit_rotation(
    before: RegistrationPolicy, submission: Submission, earlier: Collection[str]
) -> tuple[Admitted, str]:
    """Decide whether a log's key hands over to the next; returns the entry and the new verifier key.

    Old key, recovery key and new key must have signed. `earlier` are the verifier keys that the log
    had until then: it never goes back to one. Raises `LedgerInconsistentError` when one did not
    sign, or when it is about another key, and what verifying notes raises.
    """
    said = _said(peek_operation(submission.claim, Kind.KEY))
    old, fresh = NoteVerifier.parse(before.log_vkey), NoteVerifier.parse(said["new"])
    if (said["old"], said["origin"], fresh.name) != (old.vkey, before.origin, before.origin):
        raise LedgerInconsistentError(
            "the key entry hands over from another key, or to another log"
        )
    if fresh == old:
        raise LedgerInconsistentError("the key entry hands over to the key itself")
    if fresh.vkey in earlier:
        raise LedgerInconsistentError(
            "the key entry hands back to a key that the log had before",
            why="a key that was replaced signs nothing any more: it may have been replaced because it leaked",
        )
    required = (NoteVerifier.parse(before.recovery_vkey), fresh)
    operation = verify_operation(submission, Kind.KEY, fresh.fingerprint, old, required)
    return admit_operation(operation, before.claim_id), fresh.vkey


def _refuse_unfinished(ledger: "Ledger", other: NoteSigner) -> None:
    """Raise `SubmissionRefusedError` when the key that overlaps is one that handed over already."""
    keys = ledger.policies().log_keys
    if other.verifier.vkey in keys[:-1]:
        raise SubmissionRefusedError(
            "the log key was given over already, and the old one still signs beside it",
            why=f"the log key is `{keys[-1]}`",
            fix="end the overlap with `weightmark ledger rotate --finish` before the next rotation",
        )


def _enter(ledger: "Ledger", old: NoteSigner, recovery: NoteSigner, fresh: NoteSigner) -> int:
    text = operation_text(
        Kind.KEY,
        {
            "new": fresh.verifier.vkey,
            "old": old.verifier.vkey,
            "origin": ledger.origin,
            "v": 1,
        },
    )
    claim = old.sign(text) + recovery.line(text) + fresh.line(text)
    submission = sign_operation(Kind.KEY, claim, old, ledger.now())
    policies = ledger.policies()
    admitted, _ = admit_rotation(policies.newest, submission, policies.log_keys)
    (index,) = ledger.record([admitted])
    return index


def _said(fields: dict[str, Any]) -> dict[str, str]:
    if fields.keys() != _FIELDS or not all(
        isinstance(fields[name], str) for name in ("new", "old", "origin")
    ):
        raise MalformedError("the key entry lacks a field or has a wrong type")
    return fields
