"""Whether everything still holds that stood when an earlier decision was made; what does not takes the answer."""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.gate.decisions.answering import Earlier
from weightmark.attestations.gate.decisions.case import Case, is_summary, summaries_in
from weightmark.attestations.gate.decisions.record import DecisionRecord, this_tool
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.trust import Trust
from weightmark.errors import UnsupportedError, WeightmarkError, WrongSignerError

if TYPE_CHECKING:
    from weightmark.attestations.ledger.revocations import Revocations

__all__ = ["changed", "known_claims"]


def changed(case: Case, earlier: Earlier) -> str:
    """Say what is otherwise than it was when it was decided; empty when nothing is."""
    if case.place and (case.consultation is None or case.consultation.problem):
        return "the ledger can't be consulted"
    if case.policy.ledger.required and not case.place:
        return "no ledger was named, and the policy demands one"
    if case.artifact and case.artifact.has_links:
        return "the artifact holds links, of which a decision says nothing"
    if earlier.record and earlier.record.tool != this_tool():
        return f"it was made by {earlier.record.tool[:60]}, which scanned by other rules"
    ended = _ended_member(case)
    if ended:
        return ended
    revocations = case.consultation.revocations if case.consultation else None
    revoked = _revoked(earlier, revocations) if revocations else ""
    untraced = _untraced(case, earlier, revocations) if revocations else ""
    return revoked or untraced or _ended_approval(case, earlier) or _added(case, earlier)


def _untraced(case: Case, earlier: Earlier, revocations: "Revocations") -> str:
    """Say that nobody can tell whether what went in is revoked: the decision holds no chain, and a claim is not at hand."""
    if earlier.record is None:
        return _unsupported(case, earlier.summary.inputs) if revocations.in_force else ""
    if earlier.record.evidence.chain:
        return ""
    if all(one.subject.is_party for one in revocations.in_force):
        return ""
    at_hand = {one.content.claim_id for one in case.bundles if isinstance(one.content, Envelope)}
    if known_claims(earlier) <= at_hand:
        return ""
    return "the ledger revokes content, and not all claims that tell what went in are at hand"


def _unsupported(case: Case, inputs: Collection[str]) -> str:
    """Say that a decision of which nobody sees what it rests on may rest on what is revoked.

    Its own word names the claims that went in; only where each is at hand, and still counts by those whom the
    ledger leaves, nothing that was revoked carries it.
    """
    if not inputs:
        return "the ledger revokes, and the decision names no claim that it rests on"
    left = set(inputs)
    for bundle in case.bundles:
        claim_id = bundle.content.claim_id if isinstance(bundle.content, Envelope) else ""
        if claim_id in left and any(_counts(case, one, bundle) for one in case.trusts.values()):
            left.discard(claim_id)
    if left:
        return "the ledger revokes, and a claim that the decision rests on is not at hand or counts no more"
    return ""


def _counts(case: Case, trust: Trust, bundle: Bundle) -> bool:
    try:
        trust.verify(bundle, now=case.at)
    except WeightmarkError:
        return False
    return True


def _ended_approval(case: Case, earlier: Earlier) -> str:
    """Say that somebody vouched for an artifact of the chain until a moment that has passed since."""
    for one in earlier.record.evidence.signed if earlier.record else ():
        end = one.predicate.expires if isinstance(one.predicate, ApprovalClaim) else None
        if end is not None and earlier.decided_at < end <= case.at:
            return f"the approval of `{one.identity[:16]}…` by {one.signer.name} has ended since"
    return ""


def known_claims(earlier: Earlier) -> set[str]:
    """Return the ids of the claims that a decision knew, lowercase hex."""
    known = {*earlier.summary.inputs}
    if earlier.record:
        known |= {one.claim_id for one in earlier.record.evidence.signed}
        known |= set(earlier.record.evidence.claims)
    return known


def _ended_member(case: Case) -> str:
    """Say that a member of a role was revoked or is past its time: what it signed is weighed by when that was."""
    for role in case.policy.roles.values():
        for one in role.all_anchors:
            past = one.expires is not None and one.expires <= case.at
            if past or one.validity.revoked is not None:
                return (
                    f"{one.label or one.name} of the role `{role.name}` is revoked or past its time"
                )
    return ""


def _revoked(earlier: Earlier, revocations: "Revocations") -> str:
    """Say what of that on which the decision rests was revoked, whenever it was signed."""
    record = earlier.record
    claims = {*earlier.summary.inputs, earlier.verified.claim_id}
    signers = [earlier.verified.signer]
    artifacts = {earlier.identity}
    names: set[str] = set()
    if record:
        signers += [one.signer for one in record.evidence.signed]
        signers += record.evidence.signers
        names |= {*record.evidence.content_signers, *_step_signers(record)}
        claims |= {one.claim_id for one in record.evidence.signed}
        claims |= set(record.evidence.claims)
        artifacts |= set(record.evidence.chain.lineage.depths if record.evidence.chain else ())
    for one in revocations.in_force:
        text = one.subject.text
        if text in artifacts or text in names or text.removeprefix("sha256:") in claims:
            return f"what the decision rests on is {one.words}: `{text}`"
        if any(_means(one.subject, signer) for signer in signers):
            return f"a signer on whom the decision rests is {one.words}"
    return ""


def _means(subject: Any, signer: SignerIdentity) -> bool:
    from weightmark.attestations.ledger.parties import value_of

    if subject.salt:
        return bool(subject.means(value_of(signer)))
    return bool(subject.text == f"key:{signer.fingerprint}")


def _step_signers(record: DecisionRecord) -> Iterator[str]:
    chain = record.evidence.chain
    for steps in chain.lineage.steps.values() if chain else ():
        yield from (step.signer for step in steps)


def _added(case: Case, earlier: Earlier) -> str:
    """Say that a member of a role states something that the decision did not know, or that a claim was spoilt."""
    known = known_claims(earlier)
    signers = _signers_by_claim(earlier)
    summaries = {id(one) for one in summaries_in(case) if is_summary(one)}
    for bundle in case.bundles:
        if id(bundle) in summaries:
            continue
        claim_id = bundle.content.claim_id if isinstance(bundle.content, Envelope) else ""
        if claim_id in known and earlier.record is None:
            continue
        for trust in case.trusts.values():
            try:
                signer = trust.verify(bundle, now=case.at).signer
            except (WrongSignerError, UnsupportedError):
                continue
            except WeightmarkError as error:
                if claim_id in known:
                    continue
                return f"a claim is at hand that the decision did not know: {error.what}"
            if claim_id not in known or signer.name not in signers(claim_id):
                return "claims were added since the decision"
    return ""


def _signers_by_claim(earlier: Earlier) -> Callable[[str], set[str]]:
    """Return who signed a claim when it was decided: several can sign one statement, and have one claim id."""
    evidence = earlier.record.evidence if earlier.record else None
    signed: dict[str, set[str]] = {}
    for one in evidence.signed if evidence else ():
        signed.setdefault(one.claim_id, set()).add(one.signer.name)
    everybody = {one.name for one in evidence.signers} if evidence else set()
    everybody |= {*evidence.content_signers, *evidence.trusted} if evidence else set()
    return lambda claim_id: signed.get(claim_id, everybody)
