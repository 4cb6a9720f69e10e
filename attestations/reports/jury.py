"""Whose word counts: members of the roles of a policy, whom the caller names, or whom a ledger admits."""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Self

from weightmark.attestations.ledger.parties import admitted_trust, party_of
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.submission import KIND_OF_PREDICATE
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.model import RELEASE, Policy
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.reports.claims import CountedClaim, FoundClaim, kind_of_type
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.signed_times import made_since
from weightmark.attestations.trust.validity import ALWAYS
from weightmark.errors import (
    MalformedError,
    OutOfTimeError,
    ReadError,
    UncheckedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import RegistrationPolicy
from weightmark.provenance.ledger.history import PolicyHistory
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["ENDED", "Jury"]

ENDED = "the approval has ended"
"""why an approval does not count whose end is over"""

_BY_LEDGER_ONLY = frozenset({"decision", "deployment"})
"""kinds of which nobody who releases has a say"""


@dataclass(frozen=True)
class Jury:
    """Weighs claims; whatever it does not count fills nothing."""

    policy: Policy | None = None
    """whose roles say who may state what; None without one"""
    trust: Trust | None = None
    """whom the caller names; everything that they state about an artifact counts, but for decisions and deployments"""
    history: PolicyHistory | None = None
    """whom the ledger admitted for what, and when; None without a ledger"""
    revocations: Revocations | None = None
    """what the ledger revokes; None without one"""
    at: datetime | None = None
    """the moment for which ages and ends are judged; None when no clock says one"""
    _trusts: dict[str, Trust] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names_somebody(self) -> bool:
        """Whether anybody's word counts."""
        return bool(self.policy or self.trust or self.history)

    @property
    def asks_the_clock(self) -> bool:
        """Whether an undated signature by somebody whose word counts may count today and not tomorrow."""
        return any(
            one.expires is not None or one.validity != ALWAYS
            for trust in self._trusted
            for one in trust.anchors
        )

    def now_for(self, trust: Trust) -> datetime | None:
        """Return when undated signatures are judged; None for the present, where no moment is known.

        Never before anybody was revoked: a report of the past does not forget that.
        """
        if self.at is None:
            return None
        return max(
            [self.at, *(one.validity.revoked for one in trust.anchors if one.validity.revoked)]
        )

    @property
    def _trusted(self) -> list[Trust]:
        if self.policy is None:
            return [self.trust] if self.trust else []
        return [one.trust for one in self.policy.roles.values() if one.trust]

    def dated(self, at: datetime | None) -> Self:
        """Return the same jury for another moment."""
        return replace(self, at=at)

    def weigh(self, found: FoundClaim) -> CountedClaim:
        """Verify a claim for everybody who may state what it says.

        Raises `WrongSignerError` when nobody of them signed it, `RevokedError`, `OutOfTimeError` for an
        approval that has ended and for what is older than the policy allows, `UncheckedError` when it can't
        be told, and `MalformedError`.
        """
        kind = kind_of_type(found.statement.predicate_type)
        if not kind:
            raise WrongSignerError("claims of this type fill no item")
        roles = self._roles(kind, found)
        if roles is None:
            counted = self._weigh_as_admitted(kind, found)
        else:
            counted = self._weigh_by_roles(kind, found, roles)
        self._require_in_time(counted)
        return counted

    def threshold(self, role: str) -> int:
        """Return how many signers of a role have to agree; 1 for anybody else."""
        return self.policy.role(role).threshold if self.policy and role else 1

    def _weigh_by_roles(
        self, kind: str, found: FoundClaim, roles: Mapping[str, Trust]
    ) -> CountedClaim:
        refusals: list[WeightmarkError] = []
        for role, trust in roles.items():
            try:
                verified = self._verify(f"role {role}", trust, found)
            except (WrongSignerError, UncheckedError) as error:
                refusals.append(error)
                continue
            right = f"role {role}" if self.policy else "named by the caller"
            return CountedClaim.count(kind, verified, found, right, role if self.policy else "")
        unchecked = [one for one in refusals if isinstance(one, UncheckedError)]
        raise next(iter([*unchecked, *refusals]), WrongSignerError(_nobody(kind)))

    def _weigh_as_admitted(self, kind: str, found: FoundClaim) -> CountedClaim:
        """Count an entry of a kind for which the ledger had admitted its signer when it was written."""
        logged = found.logged
        if self.history is None or logged is None:
            raise WrongSignerError(_nobody(kind))
        event = logged.event
        if event.kind is not KIND_OF_PREDICATE.get(found.statement.predicate_type):
            raise WrongSignerError(
                f"it was entered as `{event.kind}`, which counts for nothing by itself",
                fix="name a policy that has a role for it",
            )
        policy = self.history.at(logged.index)
        if not policy.allows(event.signer, event.kind):
            raise WrongSignerError(f"the ledger admits its signer not for `{event.kind}`")
        _require_named(policy, event.signer)
        verified = self._verify(f"log {policy.claim_id}", admitted_trust(policy), found)
        if party_of(policy, verified.signer) != event.signer:
            raise MalformedError("somebody else signed it than its entry says")
        return CountedClaim.count(kind, verified, found, f"admitted for {event.kind}", "")

    def verify_history(self, found: FoundClaim) -> CountedClaim:
        """Verify what an entry says happened, whether or not it was revoked since.

        For what may still be running: a revocation ends a deployment, and does not undo it. Raises as `weigh`.
        """
        unbound = replace(self, revocations=None, _trusts={}, at=None)
        kind = kind_of_type(found.statement.predicate_type)
        return unbound._weigh_as_admitted(kind, found)  # noqa: SLF001 - of its own class

    def _verify(self, name: str, trust: Trust, found: FoundClaim) -> VerifiedBundle:
        bound = self._trusts.get(name)
        if bound is None:
            bound = self.revocations.bind(trust) if self.revocations else trust
            self._trusts[name] = bound
        verified = bound.verify(found.bundle, now=self.now_for(bound))
        if found.logged:
            _require_entry(found.logged, verified)
        return verified

    def _roles(self, kind: str, found: FoundClaim) -> dict[str, Trust] | None:
        """Return who may state it, by role; None where only the ledger's admission says so."""
        if self.policy is None:
            if self.trust is None or kind in _BY_LEDGER_ONLY:
                return None
            return {RELEASE: self.trust}
        names = _roles_of(self.policy, kind, found)
        trusts = {one: self.policy.role(one).trust for one in sorted(names)}
        if not names:
            return None
        return {name: trust for name, trust in trusts.items() if trust}

    def _require_in_time(self, counted: CountedClaim) -> None:
        predicate = counted.predicate
        if isinstance(predicate, ApprovalClaim) and predicate.expires is not None:
            if self.at is None:
                raise OutOfTimeError(
                    "the approval has an end, and no clock says whether it is over",
                    fix="say the moment with `--at TIME`",
                )
            if predicate.has_expired(self.at):
                raise OutOfTimeError(ENDED)
        rule = self.policy.require.stated.get(counted.kind) if self.policy else None
        if rule is None or rule.max_age is None or counted.is_bad:
            return
        since = made_since(counted.verified)
        if since is None or self.at is None:
            raise OutOfTimeError(
                "the policy limits its age, and no verified clock says when it was made"
            )
        if self.at - since > rule.max_age:
            raise OutOfTimeError(f"it is older than {format_age(rule.max_age)}")


def _roles_of(policy: Policy, kind: str, found: FoundClaim) -> set[str]:
    """Return the roles that the policy names for a kind; none where it is silent."""
    if policy.is_preset:
        return set() if kind in _BY_LEDGER_ONLY else {RELEASE}
    rule, line = policy.require.stated.get(kind), policy.lineage
    names = {rule.role} if rule else set()
    if kind == "provenance" and line:
        step = SlsaProvenance.from_statement(found.statement).step
        names = {line.steps[step]} if step in line.steps else names | {line.role}
    if kind == "approval":
        names |= {line.vouchers} if line else set()
        release = policy.require.release
        names |= {release.role} if release and release.approvals else set()
    if kind == "dataset" and policy.licenses:
        names |= {policy.licenses.role or policy.release.name}
    if kind == "decision" and policy.vsa:
        names |= {policy.vsa.role}
    return names


def _require_named(policy: RegistrationPolicy, party: str) -> None:
    """Raise `ReadError` for an identity of which nobody can tell here who that is."""
    opened = {one.fingerprint for one in policy.identities}
    if party.startswith("salted:") and party not in opened:
        raise ReadError(
            "whose identity signed it cannot be told here",
            fix="report on the ledger itself, where `private/` lies",
        )


def _require_entry(logged: LoggedEvent, verified: VerifiedBundle) -> None:
    """Raise `MalformedError` for a claim that is another, or about something else, than its entry says."""
    event = logged.event
    digests = {one.sha256 for one in verified.statement.subjects}
    if verified.claim_id != event.claim_id or event.subject.partition(":")[2] not in digests:
        raise MalformedError(
            "it is about something else than its ledger entry says",
            fix="ask the operator of the ledger",
        )


def _nobody(kind: str) -> str:
    return f"nobody was named whose word counts for `{kind}`"
