"""After a leak: a new log under a new name, which commits to where the old one is still believed."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    ORIGIN,
    PersonSim,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
)
from tests.attestations.ledger.test_outside_readers import bound, seen_outside
from tests.attestations.ledger.test_revocation import trust_in
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.consulting import consult, revoked_content
from weightmark.attestations.ledger.impact import find_impact
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import (
    reinstate,
    revocations_of,
    revoke,
    subject_of_identity,
)
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.attestations.ledger.succession import (
    MAX_CARRIED,
    inheritance_of,
    not_carried,
    packed_descent,
)
from weightmark.attestations.predicates.revocation import RevocationClaim, RevocationSubject
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    LedgerNotLiveError,
    MalformedError,
    ReadError,
    RevokedError,
    SubmissionRefusedError,
    TamperedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    freeze,
    frozen,
    propose_policy,
    sign_proposal,
    succession_of,
)
from weightmark.provenance.ledger.admission import Owners, Submitter
from weightmark.provenance.ledger.backup import back_up as write_backup
from weightmark.provenance.ledger.checkpoint import Checkpoint, verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, split_note
from weightmark.provenance.ledger.predecessor import (
    LeftRevocations,
    Predecessor,
    pack_descent,
    predecessor_fields,
    predecessor_from,
)
from weightmark.provenance.ledger.registration import policy_text, sign_policy
from weightmark.provenance.ledger.rotation import finish_rotation, rotate
from weightmark.provenance.ledger.standing import Role, Standing

NEW = "example.com/models-2"
THIRD = "example.com/models-3"
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
        for said in (b'"succeeds":null', b'"succeeds":null,"x":""', b'"succeeds":7'):
            forged = re.sub(rb'"succeeds":"[^"]*"', said, removed)
            assert said in forged
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
    with pytest.raises((LedgerNotLiveError, SubmissionRefusedError), match="succeeded by another"):
        enter(old, ALICE, release(ALICE, "n"))
    assert old.entry(1).index == 1


def carried_on(old: Ledger, place: Path, *more: KeySigner) -> Ledger:
    """Succeed `old` with all that is revoked in it."""
    return take_over(old, place, [admitted(one) for one in (ALICE, *more)])


def take_over(
    old: Ledger, place: Path, parties: list[Submitter], origin: str = NEW, **more: Any
) -> Ledger:
    """Succeed `old` as `ledger init --succeeds` does."""
    found = inheritance_of(old)
    succession = succession_of(
        old,
        key_of(old, "recovery.key"),
        revoked=found.carried,
        left=found.left,
        descent=found.descent,
    )
    return Ledger.create(
        place,
        origin=origin,
        submitters=parties,
        memory=CheckpointMemory(place.parent / "state"),
        succession=succession,
        **more,
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
        with pytest.raises(SubmissionRefusedError, match="in the same words was lifted"):
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
    with (
        carried_on(old, tmp_path / "new") as new,
        take_over(new, tmp_path / "third", [admitted(ALICE)], THIRD) as third,
    ):
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
        after = sign_policy(new.policy(), submitters=[admitted(ALICE), admitted(BOB)])
        repeating = policy_text(replace(after, repeats=True))
        start = repeating.index(b',"revoked":[')
        forged = repeating[:start] + repeating[repeating.index(b"]", start) + 1 :]
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


def trusting(signer: KeySigner) -> Trust:
    return signer.own_trust()


PERSONS = [Kind.RELEASE]


def persons_word(old: Ledger, person: PersonSim) -> tuple[Bundle, bytes]:
    """Return a release by a person without the role, and the claim that takes it back."""
    claim = release(person, "m")
    entered = enter(old, person, claim)[0]
    subject = RevocationSubject(f"sha256:{old.entry(entered).event.claim_id}")
    return claim, old.claim(revoke(old, person, subject, "not mine").index)


def test_a_persons_own_claim_that_was_taken_back_is_unchecked_until_that_is_entered_again(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    """Whom it binds cannot stand in entry 0: it would name a person for ever."""
    person, other = PersonSim(sim), PersonSim(sim, "other@example.com")
    parties, roots = [person.admitted(*PERSONS)], roots_of(sim)
    with make_ledger(tmp_path / "old", parties, roots=roots) as old:
        claim, taken_back = persons_word(old, person)
        with take_over(old, tmp_path / "new", [person.admitted(*PERSONS)], roots=roots) as new:
            assert person.person.encode() not in new.claim(0)
            assert not_carried(new) == ""
            for one in (person, other):
                with pytest.raises(ReadError, match="revoked at #"):
                    bound(new, trust_in(one)).verify(release(one, "m"))
            bound(new, trust_in(person)).verify(release(person, "n"))
            enter(new, person, Bundle.parse(taken_back, what="the claim"))
            with pytest.raises(RevokedError):
                bound(new, trust_in(person)).verify(claim)
            same = release(other, "m")
            assert same.envelope.claim_id == claim.envelope.claim_id
            bound(new, trust_in(other)).verify(same)


def test_nobody_elses_signature_makes_a_persons_word_known_again(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    """A claim id is the statement, and anybody admitted may sign that."""
    person, roots = PersonSim(sim), roots_of(sim)
    parties = [person.admitted(*PERSONS), admitted(MALLORY, Kind.SCAN)]
    with make_ledger(tmp_path / "old", parties, roots=roots) as old:
        claim, taken_back = persons_word(old, person)
        statement = Bundle.parse(taken_back, what="the claim").envelope.payload
        fresh = [person.admitted(*PERSONS), admitted(MALLORY, Kind.SCAN)]
        with take_over(old, tmp_path / "new", fresh, roots=roots) as new:
            enter(new, person, claim)
            enter(new, MALLORY, MALLORY.sign_statement(statement))
            with pytest.raises(ReadError, match="revoked at #"):
                bound(new, trust_in(person)).verify(claim)


def test_a_second_succession_forgets_no_persons_word(sim: LoopbackSigstore, tmp_path: Path) -> None:
    person, roots = PersonSim(sim), roots_of(sim)
    parties = [person.admitted(*PERSONS)]
    with make_ledger(tmp_path / "old", parties, roots=roots) as old:
        claim, _ = persons_word(old, person)
        with (
            take_over(old, tmp_path / "new", [person.admitted()], roots=roots) as new,
            take_over(new, tmp_path / "third", [person.admitted()], THIRD, roots=roots) as third,
            pytest.raises(ReadError, match="revoked at #"),
        ):
            bound(third, trust_in(person)).verify(claim)


def test_a_successor_of_a_log_that_does_not_say_what_was_revoked_does_not_say_it_either(
    old: Ledger, tmp_path: Path
) -> None:
    with succeed(old, tmp_path / "new") as new:
        revoke(new, ALICE, RevocationSubject(identity_of("m")), "poisoned")
        with take_over(new, tmp_path / "third", [admitted(ALICE)], THIRD) as third:
            assert len(revoked_in(third)) == 1
            assert "does not say all that was revoked" in not_carried(third)
            assert consult(str(third.path)).problem is not None


def own_revocations(signer: KeySigner, count: int, reason: str) -> list[Bundle]:
    subjects = (RevocationSubject(f"sha256:{number:064x}") for number in range(count))
    return [signer.sign_statement(RevocationClaim(one, reason).to_statement()) for one in subjects]


def enter_all(ledger: Ledger, signer: KeySigner, claims: list[Bundle]) -> None:
    for at in range(0, len(claims), 250):
        enter(ledger, signer, *claims[at : at + 250])


def test_nobody_without_the_role_takes_the_room_of_what_the_role_revoked(tmp_path: Path) -> None:
    """Anybody admitted may revoke as many claims of its own as it likes, under words as long as it likes."""
    parties = [admitted(ALICE), admitted(CAROL, Kind.RELEASE), admitted(MALLORY, Kind.SCAN)]
    with make_ledger(tmp_path / "old", parties) as old:
        enter_all(old, MALLORY, own_revocations(MALLORY, 750, "\u4e01\x01" * 100))
        enter_all(old, CAROL, own_revocations(CAROL, 300, "mine"))
        poisoned = RevocationSubject("sha256:" + "ab" * 32)
        revoke(old, ALICE, poisoned, "backdoor")
        with take_over(old, tmp_path / "new", parties) as new:
            assert not_carried(new) == ""
            found = Revocations.read(new, complete=True)
            carried = [one.signer for one in found.in_force]
            assert carried == [ALICE.public.identity, *[CAROL.public.identity] * 300]
            assert found.of_content([poisoned.text]) is not None
            with pytest.raises(ReadError, match="was taken back by its signer in"):
                bound(new, trusting(MALLORY)).verify(release(MALLORY, "m"))
            bound(new, trusting(CAROL)).verify(release(CAROL, "m"))


def test_what_the_role_revoked_and_has_no_room_is_unchecked_until_the_role_revokes_it_here(
    tmp_path: Path,
) -> None:
    parties = [admitted(ALICE), admitted(MALLORY, Kind.SCAN)]
    with make_ledger(tmp_path / "old", parties) as old:
        enter_all(old, ALICE, own_revocations(ALICE, MAX_CARRIED + 1, "r"))
        with take_over(old, tmp_path / "new", parties) as new:
            assert "lacks 1 revocation" in not_carried(new)
            last = RevocationSubject(f"sha256:{MAX_CARRIED:064x}")
            revoke(new, MALLORY, last, "r")
            assert "lacks 1 revocation" in not_carried(new)
            with take_over(new, tmp_path / "third", parties, THIRD) as third:
                assert not_carried(third), "what was left stays left"
            revoke(new, ALICE, last, "in other words")
            assert not_carried(new) == ""


def test_a_flood_by_a_signer_whom_the_role_revoked_takes_no_room(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    """Else one person could make the claims of every other person unchecked."""
    thief, other, roots = PersonSim(sim, "thief@example.com"), PersonSim(sim), roots_of(sim)
    parties = [admitted(ALICE), thief.admitted(*PERSONS), other.admitted(*PERSONS)]
    with make_ledger(tmp_path / "old", parties, roots=roots) as old:
        persons_word(old, thief)
        named = subject_of_identity(old, thief.person, sim.oidc.url)
        revoke(old, ALICE, named, "a thief")
        found = inheritance_of(old)
        assert [one.subject for one in found.carried] == [named.text]
        assert [one.signer for one in found.left] == [named.text]
        with take_over(old, tmp_path / "new", [admitted(ALICE)], roots=roots) as new:
            bound(new, trust_in(other)).verify(release(other, "m"))
            with pytest.raises(RevokedError):
                bound(new, trust_in(thief)).verify(release(thief, "m"))


def test_a_copy_that_is_older_than_the_believed_checkpoint_succeeds_nothing(
    old: Ledger, tmp_path: Path
) -> None:
    """What was revoked after the backup would be forgiven."""
    write_backup(old, tmp_path / "saved")
    revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    believed = old.refresh().note
    with Ledger.open(tmp_path / "saved", memory=CheckpointMemory(tmp_path / "fresh")) as saved:
        with pytest.raises(LedgerInconsistentError, match="rolled back"):
            succession_of(saved, key_of(old, "recovery.key"), believed)
        with pytest.raises(LedgerInconsistentError, match="is a copy"):
            succession_of(saved, key_of(old, "recovery.key"))


def test_a_fork_of_the_believed_checkpoint_succeeds_nothing(old: Ledger, tmp_path: Path) -> None:
    """Whoever has the log key can make a history without the revocation."""
    shutil.copytree(old.path, tmp_path / "fork")
    revoke(old, ALICE, RevocationSubject(identity_of("m")), "poisoned")
    with Ledger.open(tmp_path / "fork", memory=CheckpointMemory(tmp_path / "fresh")) as fork:
        for name in "xyz":
            enter(fork, ALICE, release(ALICE, name))
        with pytest.raises(LedgerInconsistentError, match="forked"):
            succession_of(fork, key_of(old, "recovery.key"), old.refresh().note)


def test_a_place_that_moved_succeeds_nothing(old: Ledger, tmp_path: Path) -> None:
    migrate(old, tmp_path / "moved")
    with pytest.raises(LedgerNotLiveError, match="has moved"):
        succession_of(old, key_of(old, "recovery.key"))
    with pytest.raises(LedgerNotLiveError, match="has moved"):
        freeze(old, NEW)
    assert old.home.standing().role is Role.MOVED


def test_a_view_succeeds_nothing(old: Ledger, tmp_path: Path) -> None:
    """It could not be frozen, and would go on signing beside its successor."""
    with (
        seen_outside(old, tmp_path / "view") as reader,
        pytest.raises(UnsupportedError, match="only read"),
        frozen(reader, NEW, tmp_path / "new"),
    ):
        raise AssertionError("a view was frozen")


def test_one_log_has_one_successor(old: Ledger) -> None:
    freeze(old, NEW)
    freeze(old, NEW)
    with pytest.raises(LedgerInconsistentError, match="succeeded already"):
        freeze(old, THIRD)


def test_no_second_log_of_the_same_name_takes_over_once_the_first_stands(
    old: Ledger, tmp_path: Path
) -> None:
    with frozen(old, NEW, tmp_path / "new"):
        succeed(old, tmp_path / "new").close()
    with (
        pytest.raises(LedgerInconsistentError, match="succeeded already") as told,
        frozen(old, NEW, tmp_path / "another"),
    ):
        raise AssertionError("two logs took over")
    assert "--origin" not in told.value.fix
    with Ledger.open(tmp_path / "new", memory=CheckpointMemory(tmp_path / "state")) as new:
        assert old.home.standing().log_vkey == new.vkey


def test_a_policy_after_entry_0_does_not_repeat_what_that_says_of_the_log_before(
    old: Ledger, tmp_path: Path
) -> None:
    told = pack_descent((f"{n:08x}" * 8, f"{n:064x}") for n in range(20_000))
    signer = key_of(old, "recovery.key")
    with Ledger.create(
        tmp_path / "new",
        origin=NEW,
        submitters=[admitted(ALICE)],
        memory=CheckpointMemory(tmp_path / "state"),
        succession=succession_of(old, signer, revoked=(), descent=told),
    ) as new:
        text = propose_policy(new, admit=[admitted(BOB)])
        assert len(text) < 4096 < len(told)
        apply_proposal(new, sign_proposal(text, key_of(new, "recovery.key")))
        policies = [policy for _, policy in new.policies(complete=True).policies]
        assert policies[0].succeeds is policies[1].succeeds
        before = policies[0].succeeds
        assert before is not None
        assert before.name.encode() in text
        other = text.replace(before.name.encode(), b"sha256:" + b"0" * 64)
        with pytest.raises(WeightmarkError):
            apply_proposal(new, sign_proposal(other, key_of(new, "recovery.key")))
        enter(new, BOB, release(BOB, "m"))
        assert new.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_policy_that_repeats_it_is_read_as_before(old: Ledger, tmp_path: Path) -> None:
    """Ledgers of an earlier version hold such."""
    with succeed(old, tmp_path / "new") as new:
        for party in (BOB, CAROL):
            before = new.policy()
            after = sign_policy(before, submitters=(*before.submitters, admitted(party)))
            text = policy_text(replace(after, repeats=True))
            assert b'"succeeds":{' in text
            apply_proposal(new, sign_proposal(text, key_of(new, "recovery.key")))
            assert new.policy().succeeds == before.succeeds
        text = propose_policy(new, remove=[admitted(BOB).fingerprint])
        assert b'"succeeds":"sha256:' in text
        apply_proposal(new, sign_proposal(text, key_of(new, "recovery.key")))
        assert new.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_ledger_whose_successor_could_not_be_made_is_what_it_was(
    old: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError), frozen(old, NEW, tmp_path / "new"):
        RevocationSubject("no room")
    enter(old, ALICE, release(ALICE, "n"))


def test_a_ledger_stays_frozen_when_something_fails_after_its_successor_was_made(
    old: Ledger, tmp_path: Path
) -> None:
    """Else two logs would go on, and what is revoked in the one would count in the other."""
    place, state = tmp_path / "new", tmp_path / "full"
    (state / f"{sha256(NEW.encode()).hexdigest()}.lock").mkdir(parents=True)
    succession = succession_of(old, key_of(old, "recovery.key"))
    with (
        pytest.raises(ReadError, match="stays frozen") as told,
        frozen(old, NEW, place),
    ):
        Ledger.create(
            place,
            origin=NEW,
            submitters=[admitted(ALICE)],
            succession=succession,
            memory=CheckpointMemory(state),
        )
    assert f"--origin {NEW}" in told.value.fix
    with Ledger.open(place, memory=CheckpointMemory(tmp_path / "state")) as new:
        assert old.home.standing() == Standing(Role.SUCCEEDED, NEW, new.vkey)
        assert new.verify(BundleVerifier()).exit is Exit.GOOD


def test_what_stands_at_the_place_already_is_not_taken_for_the_successor(
    old: Ledger, tmp_path: Path
) -> None:
    place, memory = tmp_path / "other", CheckpointMemory(tmp_path / "state")
    Ledger.create(place, origin=THIRD, submitters=[admitted(ALICE)], memory=memory).close()
    with pytest.raises(CallError, match="not an empty folder"), frozen(old, NEW, place):
        Ledger.create(place, origin=NEW, submitters=[admitted(ALICE)], memory=memory)
    enter(old, ALICE, release(ALICE, "n"))


@pytest.mark.parametrize("place", ["mysql://host/db", "http://127.0.0.1:9/x"])
def test_where_no_ledger_can_be_made_no_successor_stands(old: Ledger, place: str) -> None:
    with pytest.raises(WeightmarkError), frozen(old, NEW, place):
        Ledger.create(place, origin=NEW, submitters=[admitted(ALICE)])
    enter(old, ALICE, release(ALICE, "n"))


def test_the_keys_of_the_owners_are_there_as_soon_as_the_ledger_is(tmp_path: Path) -> None:
    keys = [NoteSigner.generate(f"{NEW}/owner-{number}") for number in (1, 2)]
    owners = Owners(tuple(sorted(one.verifier.vkey for one in keys)), 2)
    place, state = tmp_path / "l", tmp_path / "full"
    (state / f"{sha256(NEW.encode()).hexdigest()}.lock").mkdir(parents=True)
    with pytest.raises(ReadError):
        Ledger.create(
            place,
            origin=NEW,
            submitters=[admitted(ALICE)],
            owners=owners,
            owner_keys=keys,
            memory=CheckpointMemory(state),
        )
    for number, one in enumerate(keys, start=1):
        path = place / f"owner-{number}.key"
        assert path.read_text().strip() == one.skey
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_checkpoint_from_before_a_rotation_is_believed(old: Ledger, tmp_path: Path) -> None:
    believed = old.refresh()
    rotate(old, key_of(old, "recovery.key"))
    memory = CheckpointMemory(tmp_path / "state")
    with Ledger.open(old.path, memory=memory) as both:
        finish_rotation(both)
    with (
        Ledger.open(old.path, memory=memory) as rotated,
        succeed(rotated, tmp_path / "new", checkpoint=believed.note) as new,
    ):
        assert new.verify(BundleVerifier()).exit is Exit.GOOD


def test_what_descends_from_something_revoked_in_the_old_log_is_never_called_clean(
    tmp_path: Path,
) -> None:
    """The links between them stand in the old log alone, until they are entered again."""
    parties = [admitted(ALICE)]
    base, middle, end = (identity_of(one) for one in "abc")
    with make_ledger(tmp_path / "old", parties) as old:
        links = derived(ALICE, middle, base), derived(ALICE, end, middle)
        enter(old, ALICE, *links)
        revoke(old, ALICE, RevocationSubject(base), "poisoned")
        with take_over(old, tmp_path / "new", parties) as new:
            place, found = str(new.path), Revocations.read(new, complete=True)

            def said(identity: str) -> Outcome:
                return revoked_content(place, found, identity, None).outcome

            assert said(base) is Outcome.FAIL
            assert said(end) is Outcome.UNCHECKED
            assert said(identity_of("stranger")) is Outcome.PASS
            with ClaimIndex.of(new, tmp_path / "index") as index:
                assert not find_impact(index, new, base).whole
            with take_over(new, tmp_path / "third", parties, THIRD) as third:
                again = Revocations.read(third, complete=True)
                checked = revoked_content(str(third.path), again, end, None)
                assert checked.outcome is Outcome.UNCHECKED
            enter(new, ALICE, derived(ALICE, end, identity_of("another")))
            assert said(end) is Outcome.UNCHECKED, "another claim about it is not that claim"
            enter(new, ALICE, *links)
            assert said(end) is Outcome.FAIL
            with ClaimIndex.of(new, tmp_path / "index") as index:
                impact = find_impact(index, new, base)
                assert (impact.whole, len(impact.descendants)) == (True, 2)


def test_what_was_told_of_descent_fits_beside_all_that_was_revoked() -> None:
    """Entry 0 is a signed note of 4 MiB, and the longest of all is still read back."""
    names = [f"{number:064x}" for number in range(MAX_CARRIED)]
    assert len(pack_descent((name, name) for name in names)) == 12 * 1
    spread = [
        (sha256(name.encode()).hexdigest(), sha256(name.encode()).hexdigest()) for name in names
    ]
    packed = pack_descent(spread)
    assert len(packed) == 12 * MAX_CARRIED
    before = Predecessor("c", "l", "r", (), (LeftRevocations("o", "key:x"),), packed)
    assert predecessor_from(predecessor_fields(before)) == before
    assert all(claim[:16] in before.told_of(name) for name, claim in spread)


def test_entry_0_has_room_for_what_229_000_claims_told(old: Ledger, tmp_path: Path) -> None:
    packed = pack_descent(
        (sha256(b"n%d" % number).hexdigest(), sha256(b"c%d" % number).hexdigest())
        for number in range(229_000)
    )
    recovery = key_of(old, "recovery.key")
    succession = succession_of(old, recovery, revoked=(), descent=packed)
    memory, parties = CheckpointMemory(tmp_path / "state"), [admitted(ALICE)]
    place = tmp_path / "new"
    with Ledger.create(
        place, origin=NEW, submitters=parties, succession=succession, memory=memory
    ) as new:
        before = new.policy().succeeds
        assert before is not None
        assert before.descent == packed
        assert sha256(b"c7").hexdigest()[:16] in before.told_of(sha256(b"n7").hexdigest())
        owner = NoteSigner.parse((place / "recovery.key").read_text().strip())
        proposal = propose_policy(new, admit=[admitted(BOB)])
        apply_proposal(new, sign_proposal(proposal, owner))
        enter(new, BOB, release(BOB, "m"))


def test_what_is_told_of_descent_beyond_that_is_said_to_be_left_out(old: Ledger) -> None:
    assert inheritance_of(old).descent is not None
    told = {
        (sha256(b"n%d" % one).hexdigest(), sha256(b"c%d" % one).hexdigest()) for one in range(9)
    }
    assert packed_descent(told, None, 12 * 12) is not None
    assert packed_descent(told, None, 12 * 11) is None


@pytest.mark.parametrize("text", ["?", "QUJD", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_what_was_told_of_descent_is_read_strictly(text: str) -> None:
    fields = predecessor_fields(Predecessor("c", "l", "r", (), (), b""))
    assert fields is not None
    with pytest.raises(MalformedError):
        predecessor_from({**fields, "descent": text})
