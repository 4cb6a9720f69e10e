"""Revocations that a ledger holds: which are in force, and whom and what they mean.

A revocation that cannot be attributed to anybody any more still binds; a reinstatement must be proven.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.identities import SignerKind, VerifiedTime
from weightmark.attestations.ledger.carried import DoubtedSigner, carried_over, still_left
from weightmark.attestations.ledger.parties import (
    admitted_trust,
    is_anonymous,
    party_of,
    value_of,
    value_of_party,
)
from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.predicates.revocation import (
    ReinstatementClaim,
    RevocationClaim,
    RevocationSubject,
)
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.interface import Anchor, Proof
from weightmark.attestations.trust.validity import Validity
from weightmark.attestations.trust.veto import Veto
from weightmark.errors import (
    LedgerInconsistentError,
    ReadError,
    RefusedError,
    RevokedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import LeftRevocations, RegistrationPolicy
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.history import PolicyHistory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.ledger.store.interface import Query
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["TO_LIFT", "Revocation", "Revocations"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)
TO_LIFT = 2
"""signers with the role who have to reinstate a revocation before it is lifted"""
_PARTIES = ("key:", "salted:")


@dataclass(frozen=True, slots=True)
class Revocations:
    """What a ledger says no longer counts."""

    origin: str
    """its name"""
    size: int
    """entries under the checkpoint that was asked"""
    in_force: tuple[Revocation, ...]
    """by index; what was reinstated is not among them"""
    complete: bool
    """whether no entry could be hidden; otherwise the ledger's own index named those that matter"""
    lifted: frozenset[str] = frozenset()
    """claim ids of revocations that were reinstated"""
    left: tuple[LeftRevocations, ...] = ()
    """those in force in the log before that nobody knows here"""

    @classmethod
    def read(
        cls,
        ledger: Ledger,
        *,
        complete: bool,
        witnesses: "TlogPolicy | None" = None,
        only_parties: bool = False,
    ) -> Self:
        """Read and verify every revocation and reinstatement of a ledger; with `only_parties` those of signers.

        What the quorum of `witnesses` saw in the log before the `since` of a revocation is spared by
        it, as what other clocks prove. Raises `ReadError` when a claim is missing (4), `LedgerInconsistentError` for an entry that
        says something else than its claim, and what verifying signatures raises.
        """
        with ledger.snapshot() as snapshot:
            size = snapshot.head.size
        history = ledger.policies(complete=complete)
        voices = ledger.find(kind=Kind.REINSTATE, complete=complete)
        taken_back = {f"sha256:{one.event.claim_id}" for one in voices}

        def wanted(subject: str) -> bool:
            return not only_parties or subject.startswith(_PARTIES) or subject in taken_back

        revoked = ledger.find(kind=Kind.REVOKE, complete=complete)
        before = carried_over(history.newest, {one.event.claim_sha256 for one in revoked})
        found = [one for one in before if wanted(one.subject.text)]
        found += [_revocation(ledger, history, one) for one in revoked if wanted(one.event.subject)]
        if witnesses is not None:
            found = [replace(one, spared=_spared(ledger, history, one, witnesses)) for one in found]
        heard = _heard(found, _voices(ledger, history, found, voices)) if found else {}
        lifted = _lifted(heard)
        in_force = tuple(
            replace(one, voices=len(heard.get(one.claim_id, ())))
            for one in found
            if one.claim_id not in lifted
        )
        left = still_left(history.newest, in_force)
        return cls(ledger.origin, size, in_force, complete, lifted, left)

    def of_content(self, digests: Iterable[str]) -> Revocation | None:
        """Return the first revocation of any of these digests; absolute, whatever its time."""
        wanted = {one.partition(":")[2]: one for one in digests}
        found = (
            one
            for one in self.in_force
            if one.subject.digest in wanted and one.is_about(wanted[one.subject.digest])
        )
        return next(found, None)

    @property
    def void_claims(self) -> frozenset[str]:
        """Ids of claims that count for nobody, by somebody with the role; one's own word hides no descent."""
        names = (one.subject for one in self.in_force if one.only_of is None)
        return frozenset(one.digest for one in names if one.text.startswith("sha256:"))

    def bind(self, trust: Trust) -> Trust:
        """Return the same trust, for which nothing counts that a revoked signer made, nor a revoked claim."""
        known = sorted(self.in_force, key=lambda one: one.only_of == "")
        vetoes: list[Anchor] = [Veto(_RevokedSigner(one)) for one in known]
        vetoes += [Veto(DoubtedSigner(one)) for one in self.left if one.signer]
        return Trust((*trust.anchors, *vetoes)) if vetoes else trust


@dataclass(frozen=True, slots=True)
class _Recorded(Validity):
    """The end of a validity that an entry of a ledger says."""

    where: str = ""
    """`revoked at #7 of <origin>`"""

    def require_not_revoked(self, who: str, times: Sequence[VerifiedTime], now: datetime) -> None:  # noqa: ARG002 - as in `Validity`
        """Raise `RevokedError` unless a signature by `who` was proven to be older than the revocation."""
        revoked = self.revoked or _ALWAYS
        if times and min(time.at for time in times) < revoked:
            return
        told = "it was signed after that" if times else "nothing proves that it was signed before"
        if revoked == _ALWAYS:
            told = "no claim is spared, whenever it was signed"
        raise RevokedError(
            f"`{who}` is {self.where}: {self.reason}",
            why=told,
            fix="ask the publisher for a release by a signer, or with a claim, that is not revoked",
        )


@dataclass(frozen=True, slots=True)
class _RevokedSigner:
    """A revoked signer or claim as an anchor: it proves nothing, and its revocation binds."""

    revocation: Revocation
    """what is revoked"""

    @property
    def name(self) -> str:
        """The subject."""
        return self.revocation.subject.text

    @property
    def label(self) -> str:
        """Nothing: it stands in no trust file."""
        return ""

    @property
    def validity(self) -> Validity:
        """Since when it is revoked."""
        one = self.revocation
        return _Recorded(None, None, one.since or _ALWAYS, one.reason, one.words)

    @property
    def expires(self) -> datetime | None:
        """Never."""
        return None

    def allowing_legacy(self) -> "_RevokedSigner":
        """Return itself."""
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:
        """Tell whether the signer of `proof`, or its very claim, is revoked."""
        one = self.revocation
        if one.only_of == "":
            return self._is_unnamed_signers(bundle, proof)
        if one.only_of is not None and one.only_of != value_of(proof.signer):
            return False
        if one.spared and hashlib.sha256(bundle.to_bytes()).hexdigest() in one.spared:
            return False
        subject = one.subject
        if subject.text.startswith("sha256:"):
            return _is_claim(bundle, subject.text)
        if subject.salt:
            return subject.means(value_of(proof.signer))
        return subject.text == f"key:{proof.signer.fingerprint}"

    def _is_unnamed_signers(self, bundle: Bundle, proof: Proof) -> bool:
        """Tell whether it is a claim that an identity revoked without the role, where nobody can name that one.

        Raises `ReadError` when the log does not hold the claim as its own: it can't be told then.
        """
        if proof.signer.kind is not SignerKind.SIGSTORE or not _is_claim(bundle, self.name):
            return False
        if self.revocation.own:
            return True
        raise ReadError(
            f"the claim is {self.revocation.words}, by somebody who may revoke their own only",
            why="who that is cannot be told here: a published view names nobody",
            fix="consult the ledger where `private/` lies, or use a claim that nobody revoked",
        )

    def prove(self, bundle: Bundle, now: datetime) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Prove nothing."""
        raise WrongSignerError("signed by somebody else than you trust")


def _is_claim(bundle: Bundle, name: str) -> bool:
    envelope = bundle.content
    return isinstance(envelope, Envelope) and f"sha256:{envelope.claim_id}" == name


def _revocation(ledger: Ledger, history: PolicyHistory, logged: LoggedEvent) -> Revocation:
    event, policy = logged.event, history.at(logged.index)
    bundle, statement = _claim_of(ledger, logged)
    claim = RevocationClaim.from_statement(statement)
    _require_match(logged, bundle, claim.subject)
    if not is_anonymous(policy, event.signer):
        _require_signer(policy, logged, bundle)
    only_of = _bound_by(policy, event)
    return Revocation(
        logged.index,
        event.origin,
        event.claim_id,
        claim.subject,
        claim.reason,
        claim.since,
        event.signer,
        only_of,
        own=only_of == "" and _holds_own(ledger, event),
        claim_sha256=event.claim_sha256,
    )


def _bound_by(policy: RegistrationPolicy, event: Event) -> str | None:
    """Return whose claims alone a revocation binds; of an identity that revokes itself the salt beside it tells."""
    if policy.allows(event.signer, Kind.REVOKE):
        return None
    if event.subject == event.signer and event.signer.startswith("salted:"):
        return None
    return value_of_party(policy, event.signer)


def _holds_own(ledger: Ledger, event: Event) -> bool:
    """Tell whether the log holds the revoked claim as one by whoever revoked it."""
    made = ledger.search(Query(signer=event.signer))
    return any(f"sha256:{one.event.claim_id}" == event.subject for one in made)


def _spared(
    ledger: Ledger, history: PolicyHistory, revocation: Revocation, witnesses: "TlogPolicy"
) -> frozenset[str]:
    """Return which claims by a revoked signer a quorum saw in the log before the revocation's date.

    A claim is spared as the very bytes that were entered: its statement alone proves no signature.
    """
    from weightmark.provenance.ledger.witnessing.collection import witnessed_before

    since, subject = revocation.since, revocation.subject
    if since is None or not subject.is_party:
        return frozenset()
    keys = [NoteVerifier.parse(one) for one in history.log_keys]
    seen = witnessed_before(ledger.home, keys, witnesses, since, ledger.now())
    if seen is None:
        return frozenset()
    with ledger.snapshot() as snapshot:
        snapshot.require_extends(seen.checkpoint, "the witnesses' checkpoint")
    names = {subject.text}
    for _, policy in history.policies:
        names |= {party for party, value in _opened(policy) if subject.means(value)}
    return frozenset(
        logged.event.claim_sha256
        for name in sorted(names)
        for logged in ledger.search(Query(signer=name))
        if logged.index < seen.checkpoint.size
    )


@dataclass(frozen=True, slots=True)
class _Voice:
    """One reinstatement by somebody of the role."""

    index: int
    """of its entry"""
    claim_id: str
    """of its claim, hex"""
    revocation: str
    """claim id of the revocation that is meant, hex"""
    party: str
    """who speaks, as the log calls it"""
    value: str
    """the same by `value_of`: one who was admitted twice has one voice"""


def _voices(
    ledger: Ledger,
    history: PolicyHistory,
    found: Sequence[Revocation],
    entered: Sequence[LoggedEvent],
) -> tuple[_Voice, ...]:
    """Read and verify the reinstatements of what was revoked before, by signers with the role.

    What was carried over and is entered again by its signer is one revocation, as old as the first.
    """
    by_id = {one.claim_id: one for one in reversed(found)}
    voices: list[_Voice] = []
    for logged in entered:
        policy, signer = history.at(logged.index), logged.event.signer
        bundle, statement = _claim_of(ledger, logged)
        claim = ReinstatementClaim.from_statement(statement)
        _require_match(logged, bundle, claim.subject)
        meant = by_id.get(claim.revocation)
        if meant is None or meant.index > logged.index or meant.subject != claim.subject:
            continue
        if is_anonymous(policy, signer) or not policy.allows(signer, Kind.REINSTATE):
            continue
        _require_signer(policy, logged, bundle)
        value = value_of_party(policy, signer)
        said = _Voice(logged.index, logged.event.claim_id, claim.revocation, signer, value)
        voices.append(said)
    return tuple(voices)


def _lifted(heard: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the claim ids of revocations that two of the role reinstated."""
    return frozenset(one for one, who in heard.items() if len(who) >= TO_LIFT)


def _heard(found: Sequence[Revocation], voices: Sequence[_Voice]) -> Mapping[str, frozenset[str]]:
    """Return who of the role reinstated each revocation, by its claim id.

    A voice that was taken back does not count, unless taking it back was lifted itself: what that
    lifts is counted again until nothing more is lifted.
    """
    lifted: frozenset[str] = frozenset()
    while (more := _lifted(heard := _heard_with(found, voices, lifted))) != lifted:
        lifted = more
    return heard


def _heard_with(
    found: Sequence[Revocation], voices: Sequence[_Voice], forgiven: frozenset[str]
) -> Mapping[str, frozenset[str]]:
    """Count the voices in order; a signer who is revoked at that moment has none."""
    lifted: set[str] = set()
    heard: dict[str, set[str]] = {}
    for voice in voices:
        silenced = (
            one.claim_id not in lifted
            and one.index < voice.index
            and one.silences(voice.party, voice.value)
            for one in found
        )
        taken_back = (
            one.claim_id not in forgiven and one.withdraws(voice.claim_id, voice.party, voice.value)
            for one in found
        )
        if any(silenced) or any(taken_back):
            continue
        heard.setdefault(voice.revocation, set()).add(voice.value)
        if len(heard[voice.revocation]) >= TO_LIFT:
            lifted.add(voice.revocation)
    return {one: frozenset(who) for one, who in heard.items()}


def _claim_of(ledger: Ledger, logged: LoggedEvent) -> tuple[Bundle, Statement]:
    data = ledger.home.blobs.get(logged.event.claim_sha256)
    bundle = Bundle.parse(data, what=f"the claim of entry {logged.index}")
    envelope = bundle.envelope
    return bundle, Statement.parse(envelope.payload_type, envelope.payload)


def _require_match(logged: LoggedEvent, bundle: Bundle, subject: RevocationSubject) -> None:
    event = logged.event
    if (event.claim_id, event.subject) != (bundle.envelope.claim_id, subject.text):
        raise _lie(logged, "it is about something else")


def _require_signer(policy: RegistrationPolicy, logged: LoggedEvent, bundle: Bundle) -> None:
    try:
        signer = party_of(policy, admitted_trust(policy).verify(bundle).signer)
    except RefusedError as error:
        raise _lie(logged, error.what) from error
    if signer != logged.event.signer:
        raise _lie(logged, f"`{signer}` signed it")


def _lie(logged: LoggedEvent, why: str) -> LedgerInconsistentError:
    return LedgerInconsistentError(
        f"entry {logged.index} of `{logged.event.origin}` says something else than its claim",
        why=why,
        fix="ask the operator of the ledger; nothing that it says of revocations can be believed",
    )


def _opened(policy: RegistrationPolicy) -> Iterator[tuple[str, str]]:
    for one in policy.identities:
        if one.opened:
            yield one.fingerprint, one.opened.value
