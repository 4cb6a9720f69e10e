"""What is judged at the moment of writing."""

from datetime import timedelta

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from weightmark.errors import MalformedError, SubmissionRefusedError
from weightmark.provenance.ledger.admission import Admitted, Owners, admit
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.ruling import MAX_VALIDITY, Ruling, Silence


def asked(ledger: Ledger, alice: SubmitterSim, not_after: timedelta) -> Admitted:
    late = alice.but(overrides={"not_after": format_time(NOW + not_after)})
    return admit(ledger.policy(), late.submit("m"), ClaimVerifierSim())


def ruling(ledger: Ledger, **more: object) -> Ruling:
    return Ruling(ledger.policy().claim_id, **more)  # type: ignore[arg-type] # fields by name


@pytest.mark.parametrize("ahead", [timedelta(0), -timedelta(days=1)])
def test_an_expired_request_is_refused(
    ledger: Ledger, alice: SubmitterSim, ahead: timedelta
) -> None:
    with pytest.raises(SubmissionRefusedError, match="expired"):
        ruling(ledger).refuse(asked(ledger, alice, ahead), NOW)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=40_000)])
def test_a_request_that_hardly_ever_expires_is_refused(
    ledger: Ledger, alice: SubmitterSim, ahead: timedelta
) -> None:
    """Whoever gets hold of it could hand it in years later."""
    with pytest.raises(SubmissionRefusedError, match="over 24 hours from now"):
        ruling(ledger).refuse(asked(ledger, alice, MAX_VALIDITY + ahead), NOW)
    ruling(ledger).refuse(asked(ledger, alice, MAX_VALIDITY), NOW)


def test_another_policy_than_that_in_force_admits_nobody(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    with pytest.raises(SubmissionRefusedError, match="policy changed"):
        Ruling("0" * 64).refuse(asked(ledger, alice, timedelta(hours=1)), NOW)


def test_who_is_silenced_later_may_write_until_then(ledger: Ledger, alice: SubmitterSim) -> None:
    one = asked(ledger, alice, timedelta(hours=1))
    party = one.request.submitter
    ruling(ledger, silenced={party: Silence(NOW + timedelta(seconds=1), "revoked")}).refuse(
        one, NOW
    )
    for since in (NOW, None):
        with pytest.raises(SubmissionRefusedError, match="is revoked"):
            ruling(ledger, silenced={party: Silence(since, "revoked")}).refuse(one, NOW)


def test_the_same_statement_is_the_same_claim_when_it_was_erased(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    one = asked(ledger, alice, timedelta(hours=1))
    for erased in (
        {"redacted": frozenset({f"sha256:{one.request.claim_sha256}"})},
        {"redacted": frozenset({f"sha256:{one.request_sha256}"})},
        {"erased_claims": frozenset({one.claim.claim_id})},
    ):
        with pytest.raises(SubmissionRefusedError, match="was redacted"):
            ruling(ledger, **erased).refuse(one, NOW)


def test_one_key_under_two_names_is_not_two_owners() -> None:
    """Whoever holds it would be the threshold alone."""
    one = NoteSigner.generate("example.com/one")
    other = NoteSigner("example.com/two", one.seed)
    vkeys = tuple(sorted(signer.verifier.vkey for signer in (one, other)))
    with pytest.raises(MalformedError, match="under two names"):
        Owners(vkeys, 2)
