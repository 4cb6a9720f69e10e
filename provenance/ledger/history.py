"""The registration policies of a log, one after the other, and entries judged by the one in force when they were written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Self

from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.admission import (
    LOG_KINDS,
    Admitted,
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
    admit,
    admit_operation,
)
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.operations import peek_operation, verify_operation
from weightmark.provenance.ledger.private import PrivateStore
from weightmark.provenance.ledger.registration import (
    admit_policy,
    policy_after,
    read_founding,
    require_event,
)
from weightmark.provenance.ledger.rotation import admit_rotation
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["BlobReader", "PolicyHistory"]

BlobReader = Callable[[str], bytes]
"""SHA-256 hex to the bytes of a claim or request; raises `ReadError` or `LedgerInconsistentError`"""


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """Every registration policy of a log, each verified against the one before it."""

    policies: tuple[tuple[int, RegistrationPolicy], ...]
    """index of the entry and the policy, oldest first; the first is that of entry 0"""
    erased: frozenset[str] = frozenset()
    """identities, as `salted:<hex>`, that a `redact` entry says were erased"""

    @classmethod
    def read(
        cls,
        entries: Sequence[LoggedEvent],
        read_blob: BlobReader,
        log: NoteVerifier,
        private: PrivateStore,
        erased: Iterable[str] = (),
    ) -> Self:
        """Verify the entries of the kinds `policy` and `key`, oldest first; entry 0 must be among them.

        `log` is the key that signs the log now. Raises `LedgerInconsistentError` when one does not follow from the one before, `ReadError` when
        a claim is missing, and what verifying signatures raises.
        """
        if not entries or entries[0].index or entries[0].event.kind is not Kind.POLICY:
            raise LedgerInconsistentError("the ledger does not begin with a registration policy")
        policies: list[tuple[int, RegistrationPolicy]] = []
        for one in entries:
            claim = read_blob(one.event.claim_sha256)
            submission = Submission(claim, read_blob(one.event.request_sha256))
            policies.append((one.index, _follow(policies, one.event, submission)))
        opened = tuple((index, policy.with_opened(private)) for index, policy in policies)
        history = cls(opened, frozenset(erased))
        if log.vkey not in history.log_keys:
            raise LedgerInconsistentError(
                f"the ledger `{log.name}` was not handed over to the key that signs it now",
                why="its entries of kind `key` lead to another one",
            )
        return history

    @property
    def log_keys(self) -> tuple[str, ...]:
        """The verifier keys of the log, oldest first; each handed over to the next."""
        return tuple(dict.fromkeys(policy.log_vkey for _, policy in self.policies))

    @property
    def newest(self) -> RegistrationPolicy:
        """The policy in force."""
        return self.policies[-1][1]

    def at(self, index: int) -> RegistrationPolicy:
        """Return the policy that ruled when entry `index` was written; entry 0 is ruled by itself."""
        before = [policy for at, policy in self.policies if at < index]
        return before[-1] if before else self.policies[0][1]

    def readmit(
        self, index: int, event: Event, submission: Submission, verifier: ClaimVerifier
    ) -> Admitted | None:
        """Judge an entry other than entry 0 again by the policy that ruled when it was written.

        None for one by somebody whose identity was erased: whose signature it is can't be told, and
        need not be. Raises what `admit`, `admit_policy` and `verify_operation` raise, and `ReadError`
        when an identity is gone and no entry says that it was erased.
        """
        policy = self.at(index)
        absent = {
            one.fingerprint for one in policy.submitters if one.is_identity and one.opened is None
        } & {event.signer, event.submitter}
        if absent - self.erased:
            raise ReadError(
                f"whose identity `{min(absent)}` is cannot be told here, so its signature is not checked",
                fix="verify the ledger itself, where `private/` lies",
            )
        if absent:
            return None
        if event.kind not in LOG_KINDS:
            return admit(policy, submission, verifier)
        if event.kind is Kind.POLICY:
            return admit_policy(policy, submission)
        if event.kind is Kind.KEY:
            return admit_rotation(policy, submission, self._keys_until(index))[0]
        log = NoteVerifier.parse(policy.log_vkey)
        return admit_operation(verify_operation(submission, event.kind, event.subject, log, ()))

    def _keys_until(self, index: int) -> set[str]:
        """Return the keys that the log had had when entry `index` was written."""
        return {policy.log_vkey for at, policy in self.policies if at < index}


def _follow(
    policies: Sequence[tuple[int, RegistrationPolicy]], event: Event, submission: Submission
) -> RegistrationPolicy:
    """Return the policy after an entry that changes it, or the key of the log."""
    claim, request = submission.claim, submission.request
    if not policies:
        said = peek_operation(claim, Kind.POLICY).get("log")
        return read_founding(event, claim, request, NoteVerifier.parse(str(said)))
    before = policies[-1][1]
    if event.kind is Kind.POLICY:
        return policy_after(before, event, claim, request)
    earlier = {policy.log_vkey for _, policy in policies}
    admitted, vkey = admit_rotation(before, submission, earlier)
    require_event(event, admitted, "the key entry")
    return replace(before, log_vkey=vkey)
