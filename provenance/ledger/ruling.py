"""What is judged at the moment of writing: time, the policy in force, redactions, revocations. Pure."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta

from weightmark.errors import SubmissionRefusedError
from weightmark.provenance.ledger.admission import Admitted
from weightmark.provenance.ledger.event import Kind, format_time
from weightmark.values import dataclass

__all__ = ["MAX_VALIDITY", "Ruling", "Silence", "lifted_claim"]

MAX_VALIDITY = timedelta(hours=24)
"""how far ahead a request may expire; whoever steals one can hand it in no later"""


@dataclass(frozen=True, slots=True)
class Silence:
    """The revocation in force of somebody who was admitted."""

    since: datetime | None
    """from then on nothing is taken; None for always"""
    words: str
    """where it stands: `revoked at #7 of <origin>`"""

    def holds(self, at: datetime) -> bool:
        """Tell whether nothing is taken at `at`, by the log's own clock."""
        return self.since is None or at >= self.since

    def spares(self, proven: datetime | None) -> bool:
        """Tell whether a claim stays good whose signature is `proven` to have existed then."""
        return self.since is not None and proven is not None and proven < self.since


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds in a log while it is written to."""

    in_force: str
    """claim id of the registration policy"""
    redacted: frozenset[str] = frozenset()
    """what `redact` entries name, `sha256:<hex>` or `salted:<hex>`"""
    erased_claims: frozenset[str] = frozenset()
    """claim ids of the claims that were redacted, hex: the same statement in other bytes is the same claim"""
    silenced: Mapping[str, Silence] = field(default_factory=dict)
    """parties that were revoked, `key:<hex>` or `salted:<hex>`, and lifted revocations (`lifted_claim`)"""

    def refuse(self, admitted: Admitted, now: datetime) -> None:
        """Raise `SubmissionRefusedError` when nothing new may be made of a submission at `now`."""
        if admitted.refusal:
            raise admitted.refusal
        _refuse_expired(admitted, now)
        self._refuse_silenced(admitted, now)
        self._refuse_lifted(admitted)
        self._refuse_outruled(admitted)
        self._refuse_redacted(admitted)

    def _refuse_outruled(self, admitted: Admitted) -> None:
        """Refuse what another policy than that in force admitted: who was removed a moment ago writes nothing."""
        if admitted.ruled_by and admitted.ruled_by != self.in_force:
            raise SubmissionRefusedError(
                "the registration policy changed while the submission was judged",
                fix="submit it again",
            )

    def _refuse_silenced(self, admitted: Admitted, now: datetime) -> None:
        party = admitted.request.submitter
        silence = self.silenced.get(party)
        if silence and silence.holds(now):
            raise SubmissionRefusedError(
                f"the submitter `{party}` is {silence.words}",
                why="whoever is revoked writes nothing: its key may be in other hands",
                fix="submit with another admitted key or identity",
            )
        self._refuse_silenced_signer(admitted, now)

    def _refuse_silenced_signer(self, admitted: Admitted, now: datetime) -> None:
        """Refuse the word of a revoked signer, whoever hands it in; anybody admitted may observe it."""
        party = admitted.claim.signer
        silence = self.silenced.get(party)
        if silence is None or admitted.request.kind == Kind.OBSERVED:
            return
        if silence.holds(now) and not silence.spares(admitted.claim.proven):
            raise SubmissionRefusedError(
                f"the signer of the claim, `{party}`, is {silence.words}",
                why="a claim counts by its signer, whoever submits it, and nothing proves here that it is older than that",
                fix="have it made again by another signer, or enter it with `--kind observed`, which no policy counts",
            )

    def _refuse_lifted(self, admitted: Admitted) -> None:
        """Refuse a revocation in the very words of a lifted one: it would be lifted as well."""
        if admitted.request.kind != Kind.REVOKE:
            return
        if lifted_claim(admitted.claim.claim_id) in self.silenced:
            raise SubmissionRefusedError(
                "a revocation in the same words was lifted, so this one would bind nobody",
                why=f"its claim `{admitted.claim.claim_id}` counts as one, whoever signs it",
                fix="revoke it anew with `weightmark revoke`, which names the lifted one in `renews`",
            )

    def _refuse_redacted(self, admitted: Admitted) -> None:
        """Refuse what was erased: whoever still has a copy does not bring it back, nor in other bytes."""
        for digest in (admitted.request.claim_sha256, admitted.request_sha256):
            if f"sha256:{digest}" in self.redacted:
                raise _was_redacted(f"`sha256:{digest}`")
        if admitted.claim.claim_id in self.erased_claims:
            raise _was_redacted(f"the claim `{admitted.claim.claim_id}`")


def lifted_claim(claim_id: str) -> str:
    """Return how `Ruling.silenced` names a lifted revocation, by the id of its claim."""
    return f"lifted:{claim_id}"


def _refuse_expired(admitted: Admitted, now: datetime) -> None:
    not_after = admitted.request.not_after
    if now >= not_after:
        raise SubmissionRefusedError(
            f"the request expired at {format_time(not_after)}", fix="sign a new request"
        )
    if not_after - now > MAX_VALIDITY:
        hours = MAX_VALIDITY // timedelta(hours=1)
        raise SubmissionRefusedError(
            f"the request expires at {format_time(not_after)}, over {hours} hours from now",
            why="whoever gets hold of it could hand it in until then",
            fix="sign a new request that expires sooner; check the clock of the machine that signs",
        )


def _was_redacted(what: str) -> SubmissionRefusedError:
    return SubmissionRefusedError(
        f"{what} was redacted, so it is not stored again",
        why="an entry of the kind `redact` names it",
    )
