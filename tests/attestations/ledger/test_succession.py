"""After a leak: a new log under a new name, which commits to where the old one is still believed."""

from collections.abc import Iterator
from datetime import UTC, datetime
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
    identity_of,
    make_ledger,
    release,
    roots_of,
)
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.consulting import consult
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.attestations.ledger.succession import inheritance_of, not_carried
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.signers.key import KeySigner
from weightmark.errors import (
    Exit,
    LedgerInconsistentError,
    MalformedError,
    ReadError,
    SubmissionRefusedError,
    TamperedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    freeze,
    propose_policy,
    sign_proposal,
    succession_of,
)
from weightmark.provenance.ledger.checkpoint import Checkpoint, verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, split_note

NEW = "example.com/models-2"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "old", [admitted(ALICE)]) as made:
        enter(made, ALICE, release(ALICE, "m"))
        yield made


def key_of(ledger: Ledger, name: str) -> NoteSigner:
    return NoteSigner.parse((ledger.path / name).read_text().strip())


def succeed(old: Ledger, place: Path, *, origin: str = NEW, recovery: NoteSigner | None = None,
            checkpoint: bytes | None = None) -> Ledger:  # fmt: skip
    signer = recovery or key_of(old, "recovery.key")
    succession = succession_of(old, signer, checkpoint)
    memory = CheckpointMemory(place.parent / "state")
    return Ledger.create(
        place, origin=origin, submitters=[admitted(ALICE)], memory=memory, succession=succession
    )


def test_the_new_log_names_where_the_old_one_is_believed(old: Ledger, tmp_path: Path) -> None:
    believed = old.refresh()
    enter(old, ALICE, release(ALICE, "after the leak"))
    with succeed(old, tmp_path / "new", checkpoint=believed.note) as new:
        before = new.policy().succeeds
        assert before is not None
        seen = verify_checkpoint(before.checkpoint.encode(), NoteVerifier.parse(before.log_vkey))
        assert (seen.origin, seen.size, seen.root) == (ORIGIN, 2, believed.root)
        enter(new, ALICE, release(ALICE, "m"))
        assert new.verify(BundleVerifier()).exit is Exit.GOOD


def test_the_succession_stays_when_the_policy_changes(old: Ledger, tmp_path: Path) -> None:
    with succeed(old, tmp_path / "new") as new:
        before = new.policy().succeeds
        text = propose_policy(new, remove=[admitted(ALICE).fingerprint])
        apply_proposal(new, sign_proposal(text, key_of(new, "recovery.key")))
        assert new.policy().succeeds == before
        removed = propose_policy(new, admit=[admitted(ALICE)])
        forged = removed.replace(b'"succeeds":{', b'"succeeds":null,"x":{')
        with pytest.raises(WeightmarkError):
            apply_proposal(new, sign_proposal(forged, key_of(new, "recovery.key")))


@pytest.mark.parametrize("thief", ["log.key", "another"])
def test_whoever_has_the_leaked_key_cannot_say_who_goes_on(
    old: Ledger, tmp_path: Path, thief: str
) -> None:
    signer = key_of(old, thief) if thief == "log.key" else NoteSigner.generate(f"{ORIGIN}/recovery")
    with pytest.raises(WrongSignerError, match="not the recovery key"):
        succeed(old, tmp_path / "new", recovery=signer)
    assert not (tmp_path / "new").exists()


def test_the_old_name_is_not_used_again(old: Ledger, tmp_path: Path) -> None:
    with pytest.raises(LedgerInconsistentError, match="cannot succeed itself"):
        succeed(old, tmp_path / "new", origin=ORIGIN)


def test_a_checkpoint_of_somebody_else_is_refused(old: Ledger, tmp_path: Path) -> None:
    stranger = Checkpoint(ORIGIN, 2, b"\0" * 32).sign(NoteSigner.generate(ORIGIN))
    with pytest.raises((WrongSignerError, TamperedError)):
        succeed(old, tmp_path / "new", checkpoint=stranger)
    with pytest.raises(MalformedError):
        succeed(old, tmp_path / "new", checkpoint=b"words")


def test_entry_0_without_the_old_recovery_key_is_refused(old: Ledger, tmp_path: Path) -> None:
    """The operator of any log could claim to succeed another one."""
    with succeed(old, tmp_path / "new") as new:
        event = new.entry(0).event
        claim, request = new.claim(0), new.request(0)
        text, lines = split_note(claim)
        kept = [one for one in lines if one.name != f"{ORIGIN}/recovery"]
        assert len(kept) == 2
        from weightmark.provenance.ledger.registration import read_founding

        cut = text + b"\n" + b"".join(one.to_bytes() for one in kept)
        with pytest.raises(LedgerInconsistentError, match="not signed by"):
            read_founding(event, cut, request, new.verifier)


def test_a_frozen_ledger_signs_nothing_and_is_still_read(old: Ledger) -> None:
    freeze(old, NEW)
    with pytest.raises(
        (LedgerInconsistentError, SubmissionRefusedError), match="succeeded by another"
    ):
        enter(old, ALICE, release(ALICE, "n"))
    assert old.entry(1).index == 1


def carried_on(old: Ledger, place: Path, *more: KeySigner) -> Ledger:
    """Succeed `old` with all that is revoked in it."""
    succession = succession_of(
        old, key_of(old, "recovery.key"), revoked=inheritance_of(old).carried
    )
    return Ledger.create(
        place,
        origin=NEW,
        submitters=[admitted(one) for one in (ALICE, *more)],
        memory=CheckpointMemory(place.parent / "state"),
        succession=succession,
    )


def revoked_in(ledger: Ledger) -> list[tuple[str, str]]:
    found = Revocations.read(ledger, complete=True).in_force
    return [(one.subject.text, one.words) for one in found]


def test_what_the_old_log_revoked_stays_revoked_in_its_successor(
    old: Ledger, tmp_path: Path
) -> None:
    """The thief of a log key must not be able to have everything forgiven by being found out."""
    revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    revoke(old, ALICE, RevocationSubject(CAROL.public.identity), "stolen", since=SINCE)
    before = revoked_in(old)
    assert len(before) == 2
    with carried_on(old, tmp_path / "new") as new:
        assert revoked_in(new) == before
        second = Revocations.read(new, complete=False).in_force[1]
        assert (second.since, second.reason) == (SINCE, "stolen")
        assert new.verify(BundleVerifier()).exit is Exit.GOOD
        place = str(new.path)
    checked = consult(place)
    assert checked.revocations is not None
    assert checked.revocations.of_content([identity_of("m")]) is not None


def test_a_key_that_was_revoked_in_the_old_log_writes_nothing_in_its_successor(
    old: Ledger, tmp_path: Path
) -> None:
    revoke(old, ALICE, RevocationSubject(CAROL.public.identity), "stolen")
    with carried_on(old, tmp_path / "new", CAROL) as new:
        for kind in (None, "observed"):
            with pytest.raises(SubmissionRefusedError, match="revoked at #2"):
                enter(new, CAROL, release(CAROL, "n"), kind=kind)
        assert enter(new, ALICE, release(ALICE, "n")) == [1]


def test_two_of_the_role_lift_in_the_successor_what_was_carried_over(
    old: Ledger, tmp_path: Path
) -> None:
    subject = RevocationSubject(identity_of("m"))
    revoke(old, ALICE, subject, "poisoned")
    with carried_on(old, tmp_path / "new", BOB) as new:
        for signer, left in ((ALICE, 1), (ALICE, 1), (BOB, 0)):
            reinstate(new, signer, revocations_of(new, subject.text), "a mistake")
            assert len(revocations_of(new, subject.text)) == left
        enter(new, ALICE, Bundle.parse(old.claim(2), what="the claim"))
        assert not revocations_of(new, subject.text), "its claim entered once, for ever"


def test_what_was_lifted_in_the_old_log_is_not_carried_over(tmp_path: Path) -> None:
    subject = RevocationSubject(identity_of("m"))
    with make_ledger(tmp_path / "old", [admitted(ALICE), admitted(BOB)]) as old:
        revoke(old, ALICE, subject, "poisoned")
        for signer in (ALICE, BOB):
            reinstate(old, signer, revocations_of(old, subject.text), "a mistake")
        with carried_on(old, tmp_path / "new") as new:
            assert revoked_in(new) == []


def test_a_successor_of_a_successor_forgets_nothing(old: Ledger, tmp_path: Path) -> None:
    revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    with carried_on(old, tmp_path / "new") as new:
        succession = succession_of(
            new, key_of(new, "recovery.key"), revoked=inheritance_of(new).carried
        )
        with Ledger.create(
            tmp_path / "third",
            origin="example.com/models-3",
            submitters=[admitted(ALICE)],
            memory=CheckpointMemory(tmp_path / "state"),
            succession=succession,
        ) as third:
            assert revoked_in(third) == revoked_in(old)


def test_a_revocation_without_the_role_binds_its_own_signer_only_in_the_successor(
    tmp_path: Path,
) -> None:
    with make_ledger(tmp_path / "old", [admitted(ALICE), admitted(CAROL, Kind.RELEASE)]) as old:
        revoke(old, CAROL, RevocationSubject(CAROL.public.identity), "my key was stolen")
        with carried_on(old, tmp_path / "new") as new:
            (one,) = Revocations.read(new, complete=True).in_force
            assert one.only_of == CAROL.public.identity


def test_a_succession_stops_when_a_revocation_cannot_be_read(old: Ledger, tmp_path: Path) -> None:
    """Whoever removes a claim must not have it forgotten by the successor."""
    receipt = revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    (old.path / "claims" / receipt.event.claim_sha256).unlink()
    with pytest.raises(ReadError, match="would forget it"):
        carried_on(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_revocation_is_not_taken_out_of_entry_0(old: Ledger, tmp_path: Path) -> None:
    """A later policy, which the owners alone sign, forgives nothing."""
    revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    with carried_on(old, tmp_path / "new") as new:
        assert not_carried(new) == ""
        text = propose_policy(new, admit=[admitted(BOB)])
        start = text.index(b',"revoked":[')
        forged = text[:start] + text[text.index(b"]", start) + 1 :]
        with pytest.raises(WeightmarkError):
            apply_proposal(new, sign_proposal(forged, key_of(new, "recovery.key")))
        apply_proposal(new, sign_proposal(text, key_of(new, "recovery.key")))
        assert len(revoked_in(new)) == 1


def test_a_successor_that_does_not_say_what_was_revoked_is_told_apart(
    old: Ledger, tmp_path: Path
) -> None:
    with succeed(old, tmp_path / "new") as new:
        assert "does not say what was revoked" in not_carried(new)
    assert not_carried(old) == ""


def test_a_revocation_by_a_person_without_the_role_is_named_until_it_is_entered_again(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    """Whom it binds cannot stand in entry 0: it would name a person for ever."""
    person = PersonSim(sim)
    parties = [person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "old", parties, roots=roots_of(sim)) as old:
        claim = enter(old, person, release(person, "m"))[0]
        revoked = RevocationSubject(f"sha256:{old.entry(claim).event.claim_id}")
        receipt = revoke(old, person, revoked, "not mine")
        found = inheritance_of(old)
        assert (found.carried, found.left_ids) == ((), (receipt.event.claim_id,))
        succession = succession_of(
            old, key_of(old, "recovery.key"), revoked=found.carried, left=found.left_ids
        )
        with Ledger.create(
            tmp_path / "new",
            origin=NEW,
            submitters=parties,
            roots=roots_of(sim),
            memory=CheckpointMemory(tmp_path / "state"),
            succession=succession,
        ) as new:
            assert person.person.encode() not in new.claim(0)
            assert receipt.event.claim_id in not_carried(new)
            enter(new, person, Bundle.parse(old.claim(receipt.index), what="the claim"))
            assert not_carried(new) == ""
