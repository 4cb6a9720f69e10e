"""Whoever is revoked writes nothing any more, on every way in, until two of the role lift it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    ORIGIN,
    PersonSim,
    admitted,
    enter,
    make_ledger,
    release,
    roots_of,
)
from tests.attestations.ledger.served import body_of, serving
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.ledger.parties import admitted_trust
from weightmark.attestations.ledger.revoking import (
    reinstate,
    revocations_of,
    revoke,
    subject_of_identity,
)
from weightmark.attestations.ledger.silencing import is_anybody_left
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.signers.key import KeySigner
from weightmark.errors import Exit, ReadError, SubmissionRefusedError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.admission import Submission, admit
from weightmark.provenance.ledger.audit import Problem
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

BOBS_KEY = RevocationSubject(BOB.identity.name)


@pytest.mark.parametrize("kind", [None, Kind.OBSERVED])
def test_a_revoked_key_writes_nothing(ledger: Ledger, kind: str | None) -> None:
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    before = ledger.refresh()
    with pytest.raises(SubmissionRefusedError, match="is revoked at #1"):
        enter(ledger, BOB, release(BOB, "m"), kind=kind)
    with pytest.raises(SubmissionRefusedError, match="is revoked at #1"):
        enter(ledger, BOB, release(ALICE, "m"), kind=kind)
    assert ledger.refresh() == before


def test_a_release_by_a_revoked_key_is_not_let_in_by_another_submitter(ledger: Ledger) -> None:
    """Whoever stole the key needs only somebody with the kind who enters what lies beside a model."""
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    before = ledger.refresh()
    with pytest.raises(
        SubmissionRefusedError, match=r"signer of the claim, .* is revoked at #1"
    ) as no:
        enter(ledger, ALICE, release(BOB, "m"))
    assert "--kind observed" in no.value.fix
    assert ledger.refresh() == before
    enter(ledger, ALICE, release(BOB, "m"), kind=Kind.OBSERVED)
    assert ledger.entry(2).event.kind is Kind.OBSERVED
    assert ledger.verify(BundleVerifier()).problems == ()


def test_a_release_by_a_revoked_person_is_spared_when_a_clock_proves_that_it_is_older(
    tmp_path: Path, sim: LoopbackSigstore
) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted()]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        subject = subject_of_identity(ledger, person.person, sim.oidc.url)
        old = release(person, "old")
        (at,) = [one.at for one in timed(ledger, old)]
        revoke(ledger, ALICE, subject, "left", since=at + timedelta(seconds=1))
        enter(ledger, ALICE, old)
        assert ledger.verify(BundleVerifier()).problems == ()
        revoke(ledger, ALICE, subject, "left before that", since=at)
        with pytest.raises(SubmissionRefusedError, match="signer of the claim"):
            enter(ledger, ALICE, release(person, "new"))


def test_a_spared_claim_that_is_erased_does_not_make_the_ledger_unsound(
    tmp_path: Path, sim: LoopbackSigstore
) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted()]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        subject = subject_of_identity(ledger, person.person, sim.oidc.url)
        old = release(person, "old")
        (at,) = [one.at for one in timed(ledger, old)]
        revoke(ledger, ALICE, subject, "left", since=at + timedelta(seconds=1))
        (index,) = enter(ledger, ALICE, old)
        digest = ledger.entry(index).event.claim_sha256
        path = ledger.path / "claims" / digest
        data = path.read_bytes()
        path.unlink()
        assert [one.exit for one in audit(ledger)] == [Exit.UNCHECKED], "nobody says where it went"
        path.write_bytes(data)
        redact(ledger, f"sha256:{digest}", "asked for")
        assert audit(ledger) == ()


def test_of_two_revocations_the_audit_takes_the_one_that_admission_takes(
    tmp_path: Path, sim: LoopbackSigstore
) -> None:
    """The second reaches back further: what lies between the two dates is not spared."""
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted()]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        subject = subject_of_identity(ledger, person.person, sim.oidc.url)
        between = release(person, "between")
        (at,) = [one.at for one in timed(ledger, between)]
        revoke(ledger, ALICE, subject, "left", since=at + timedelta(seconds=1))
        revoke(ledger, ALICE, subject, "left before that", since=at)
        with pytest.raises(SubmissionRefusedError, match="revoked at #2"):
            enter(ledger, ALICE, between)
        item = make_submission(between.to_bytes(), ORIGIN, ALICE)
        ledger.record([admit(ledger.policy(), item, BundleVerifier())])
        ledger.publish()
        (problem,) = audit(ledger)
        assert (problem.where, "revoked at #2" in problem.what) == ("entry 3", True)


def audit(ledger: Ledger) -> tuple[Problem, ...]:
    return ledger.verify(BundleVerifier()).problems


def timed(ledger: Ledger, claim: Bundle) -> tuple[VerifiedTime, ...]:
    return admitted_trust(ledger.policy()).verify(claim).times[:1]


def test_a_revoked_key_revokes_nobody(ledger: Ledger) -> None:
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    with pytest.raises(SubmissionRefusedError, match="is revoked"):
        revoke(ledger, BOB, RevocationSubject(ALICE.identity.name), "in return")


def test_what_stood_there_before_is_still_answered(ledger: Ledger) -> None:
    claim = release(BOB, "m")
    known = enter(ledger, BOB, claim)
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    assert enter(ledger, BOB, claim) == known


def test_a_key_that_revoked_itself_writes_nothing(ledger: Ledger) -> None:
    revoke(ledger, CAROL, RevocationSubject(CAROL.identity.name), "laptop stolen")
    with pytest.raises(SubmissionRefusedError, match="is revoked"):
        enter(ledger, CAROL, release(CAROL, "m"))


def test_without_the_role_nobody_silences_others(ledger: Ledger, tmp_path: Path) -> None:
    """Carol may write releases only; her word about Bob is not even taken."""
    with pytest.raises(SubmissionRefusedError):
        revoke(ledger, CAROL, BOBS_KEY, "rival")
    enter(ledger, BOB, release(BOB, "m"))


def test_whose_revocation_was_lifted_writes_again(tmp_path: Path) -> None:
    parties = [admitted(one) for one in (ALICE, BOB, CAROL)]
    with make_ledger(tmp_path / "three", parties) as ledger:
        revoke(ledger, ALICE, BOBS_KEY, "looked bad")
        for voice in (ALICE, CAROL):
            reinstate(ledger, voice, revocations_of(ledger, BOBS_KEY.text), "was fine")
        enter(ledger, BOB, release(BOB, "m"))


def test_a_revocation_from_a_later_day_on_silences_from_then_on(ledger: Ledger) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    revoke(ledger, ALICE, BOBS_KEY, "leaves the team", since=tomorrow)
    enter(ledger, BOB, release(BOB, "m"))
    yesterday = tomorrow - timedelta(days=2)
    revoke(ledger, ALICE, BOBS_KEY, "laptop stolen", since=yesterday)
    with pytest.raises(SubmissionRefusedError, match="is revoked"):
        enter(ledger, BOB, release(BOB, "n"))


def test_a_revoked_identity_writes_nothing(tmp_path: Path, sim: LoopbackSigstore) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted()]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        enter(ledger, person, release(person, "m"))
        subject = subject_of_identity(ledger, person.person, sim.oidc.url)
        revoke(ledger, ALICE, subject, "left")
        with pytest.raises(SubmissionRefusedError, match="is revoked"):
            enter(ledger, person, release(person, "n"))


def test_while_nobody_can_tell_who_is_revoked_nothing_is_taken(ledger: Ledger) -> None:
    receipt = revoke(ledger, ALICE, BOBS_KEY, "leaked")
    (ledger.path / "claims" / receipt.event.claim_sha256).unlink()
    for signer in (ALICE, BOB):
        with pytest.raises(ReadError, match="missing"):
            enter(ledger, signer, release(signer, "m"))


def test_a_service_takes_nothing_of_a_key_that_was_revoked_while_it_runs(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    with make_ledger(place, [admitted(ALICE), admitted(BOB)]) as ledger, serving(place) as served:
        assert served.add(body_of(release(BOB, "a"), ORIGIN, BOB)).status == 200
        revoke(ledger, ALICE, BOBS_KEY, "leaked")
        late = served.add(body_of(release(BOB, "b"), ORIGIN, BOB))
        assert (late.status, b"is revoked at #2" in late.body) == (403, True)
        handed_in = served.add(body_of(release(BOB, "b"), ORIGIN, ALICE))
        assert (handed_in.status, b"signer of the claim" in handed_in.body) == (403, True)
        assert served.add(body_of(release(ALICE, "c"), ORIGIN, ALICE)).status == 200


def let_in(
    ledger: Ledger, signer: KeySigner, name: str, *, submitter: KeySigner | None = None
) -> None:
    """Enter a release as an operator would who looks at no revocations."""
    item = make_submission(release(signer, name).to_bytes(), ORIGIN, submitter or signer)
    admission = admit(ledger.policy(), Submission(item.claim, item.request), BundleVerifier())
    ledger.record([admission])


def test_an_audit_names_what_the_operator_took_from_a_revoked_key(ledger: Ledger) -> None:
    let_in(ledger, BOB, "before")
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    let_in(ledger, BOB, "after")
    let_in(ledger, ALICE, "by another")
    problems = ledger.verify(BundleVerifier()).problems
    assert [(one.where, one.exit) for one in problems] == [("entry 3", Exit.BAD)]
    assert "was revoked at #2" in problems[0].what
    assert ledger.verify(None).problems == ()


def test_an_audit_names_a_release_by_a_revoked_key_that_another_handed_in(ledger: Ledger) -> None:
    let_in(ledger, BOB, "before", submitter=ALICE)
    revoke(ledger, ALICE, BOBS_KEY, "leaked")
    let_in(ledger, BOB, "after", submitter=ALICE)
    (problem,) = ledger.verify(BundleVerifier()).problems
    assert (problem.where, problem.exit) == ("entry 3", Exit.BAD)
    assert problem.what.startswith("the signer of its claim was revoked at #2")


def test_an_audit_holds_nothing_against_who_was_lifted_or_is_not_silent_yet(tmp_path: Path) -> None:
    parties = [admitted(one) for one in (ALICE, BOB, CAROL)]
    with make_ledger(tmp_path / "three", parties) as ledger:
        revoke(ledger, ALICE, BOBS_KEY, "looked bad")
        for voice in (ALICE, CAROL):
            reinstate(ledger, voice, revocations_of(ledger, BOBS_KEY.text), "was fine")
        tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        revoke(ledger, ALICE, BOBS_KEY, "leaves the team", since=tomorrow)
        enter(ledger, BOB, release(BOB, "m"))
        assert ledger.verify(BundleVerifier()).problems == ()


def test_when_the_last_writer_is_revoked_it_can_be_told(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "one", [admitted(ALICE), admitted(BOB, Kind.RELEASE)]) as ledger:
        revoke(ledger, ALICE, BOBS_KEY, "leaked")
        assert is_anybody_left(ledger)
        tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        alice = RevocationSubject(ALICE.identity.name)
        revoke(ledger, ALICE, alice, "leaves the team", since=tomorrow)
        assert is_anybody_left(ledger)
        revoke(ledger, ALICE, alice, "leaked")
        assert not is_anybody_left(ledger)


def test_how_many_reinstated_a_revocation_is_counted(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l", [admitted(one) for one in (ALICE, BOB, CAROL)]) as ledger:
        revoke(ledger, ALICE, BOBS_KEY, "looked bad")
        (one,) = revocations_of(ledger, BOBS_KEY.text)
        assert one.voices == 0
        reinstate(ledger, ALICE, [one], "was fine")
        assert [one.voices for one in revocations_of(ledger, BOBS_KEY.text)] == [1]
        reinstate(ledger, ALICE, [one], "was fine, really")
        assert [one.voices for one in revocations_of(ledger, BOBS_KEY.text)] == [1], "one voice"
        reinstate(ledger, CAROL, [one], "was fine")
        assert revocations_of(ledger, BOBS_KEY.text) == ()
