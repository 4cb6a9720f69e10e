"""A new log key under the same name: nobody is fooled, nobody is locked out, and nothing gets lost on the way."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, admitted, enter, make_ledger, release
from weightmark.attestations.ledger.monitor.interface import Watch
from weightmark.attestations.ledger.monitor.watching import ROLLBACK, MonitorState, watch
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.errors import (
    Exit,
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    TamperedError,
    TrustMissingError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    propose_policy,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import admit_operation
from weightmark.provenance.ledger.backup import back_up, reconcile, restore
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.operations import operation_text, sign_operation, verify_operation
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.publish import publish_claims
from weightmark.provenance.ledger.rotation import finish_rotation, parse_signers, rotate
from weightmark.provenance.ledger.standing import Role


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with make_ledger(tmp_path / "l", [admitted(ALICE)]) as made:
        enter(made, ALICE, release(ALICE, "m"))
    return tmp_path / "l"


def opened(place: Path, vkey: str = "", memory: str = "state") -> Ledger:
    return Ledger.open(place, vkey=vkey, memory=CheckpointMemory(place.parent / memory))


def recovery_of(place: Path) -> NoteSigner:
    return NoteSigner.parse((place / "recovery.key").read_text().strip())


def rotated(place: Path) -> tuple[str, str]:
    """Rotate, and return the old and the new verifier key."""
    with opened(place) as ledger:
        rotate(ledger, recovery_of(place))
        old = ledger.vkey
    return old, (place / "log.vkey").read_text().strip()


def test_readers_of_the_new_key_go_on_and_remember(place: Path) -> None:
    old, new = rotated(place)
    assert old != new
    with opened(place) as ledger:
        assert ledger.vkey == new
        assert enter(ledger, ALICE, release(ALICE, "n")) == [3]
        assert ledger.policies().log_keys == (old, new)
        assert ledger.verify(BundleVerifier()).exit is Exit.GOOD
        assert ledger.entry(2).event.kind is Kind.KEY


def test_while_they_overlap_readers_of_the_old_key_verify_receipts(place: Path) -> None:
    old, new = rotated(place)
    with opened(place) as ledger:
        enter(ledger, ALICE, release(ALICE, "n"))
        receipt = ledger.prove(3).text
    for vkey in (old, new):
        assert verify_receipt(receipt, NoteVerifier.parse(vkey)).index == 3


def test_while_they_overlap_a_ledger_is_verified_under_either_key(place: Path) -> None:
    old, new = rotated(place)
    stranger = NoteSigner.generate(NoteVerifier.parse(old).name).verifier.vkey
    for vkey in (old, new):
        with opened(place, vkey) as ledger:
            assert ledger.verify(BundleVerifier()).exit is Exit.GOOD
    with pytest.raises(WrongSignerError, match="another key"):
        opened(place, stranger)
    with opened(place) as ledger:
        finish_rotation(ledger)
        enter(ledger, ALICE, release(ALICE, "n"))
    with pytest.raises(WrongSignerError, match="another key"):
        opened(place, old)


def test_after_the_overlap_the_old_key_signs_nothing(place: Path) -> None:
    old, new = rotated(place)
    with opened(place) as ledger:
        finish_rotation(ledger)
        enter(ledger, ALICE, release(ALICE, "n"))
        receipt = ledger.prove(3).text
        with pytest.raises(SubmissionRefusedError, match="overlap"):
            finish_rotation(ledger)
    verify_receipt(receipt, NoteVerifier.parse(new))
    with pytest.raises(WrongSignerError):
        verify_receipt(receipt, NoteVerifier.parse(old))
    with opened(place) as ledger:
        assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_key_is_rotated_again_and_again(place: Path) -> None:
    keys = [rotated(place)[0]]
    for _ in range(2):
        with opened(place) as ledger:
            finish_rotation(ledger)
        keys.append(rotated(place)[0])
    with opened(place) as ledger:
        assert ledger.policies().log_keys == (*keys, ledger.vkey)
        text = propose_policy(ledger, remove=[admitted(ALICE).fingerprint])
        apply_proposal(ledger, sign_proposal(text, recovery_of(place)))
        assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


@pytest.mark.parametrize("thief", ["log.key", "stranger"])
def test_whoever_lacks_the_recovery_key_rotates_nothing(place: Path, thief: str) -> None:
    with opened(place) as ledger:
        signer = NoteSigner.generate(f"{ledger.origin}/recovery")
        if thief == "log.key":
            signer = NoteSigner.parse((place / "log.key").read_text().strip())
        before = ledger.refresh()
        with pytest.raises(WrongSignerError, match="recovery key"):
            rotate(ledger, signer)
        assert ledger.refresh() == before


def test_a_key_swapped_without_an_entry_is_refused(place: Path) -> None:
    """Whoever owns the folder but not the recovery key cannot pass off a key of their own."""
    with opened(place) as ledger:
        origin = ledger.origin
    thief = NoteSigner.generate(origin)
    (place / "log.key").write_text(thief.skey + "\n")
    (place / "log.vkey").write_text(thief.verifier.vkey + "\n")
    for memory in ("state", "somebody else"):
        with pytest.raises((LedgerInconsistentError, WrongSignerError)):
            opened(place, memory=memory).policy()


def test_a_key_entry_without_the_recovery_key_leads_nowhere(place: Path) -> None:
    """The operator's own build records what `rotate` refuses; no reader follows it."""
    with opened(place) as ledger:
        old = NoteSigner.parse((place / "log.key").read_text().strip())
        fresh = NoteSigner.generate(ledger.origin)
        fields = {"new": fresh.verifier.vkey, "old": ledger.vkey, "origin": ledger.origin, "v": 1}
        text = operation_text(Kind.KEY, fields)
        submission = sign_operation(
            Kind.KEY, old.sign(text) + fresh.line(text), old, datetime.now(UTC)
        )
        subject = fresh.verifier.fingerprint
        operation = verify_operation(submission, Kind.KEY, subject, old.verifier, ())
        ledger.record([admit_operation(operation)])
        ledger.publish()
        with pytest.raises(LedgerInconsistentError, match="not signed by"):
            ledger.policy()
        assert ledger.verify(BundleVerifier()).exit is Exit.BAD


def test_whoever_saw_the_new_key_is_not_led_back_to_the_old_one(
    place: Path, tmp_path: Path
) -> None:
    """The old key leaks after the overlap: its thief shows the ledger as it was, and goes on from there."""
    shutil.copytree(place, tmp_path / "before")
    rotated(place)
    with opened(place) as ledger:
        finish_rotation(ledger)
        ledger.refresh()
    with pytest.raises(LedgerInconsistentError):
        opened(tmp_path / "before")


@pytest.mark.parametrize("stage", ["entry recorded", "keys swapped"])
def test_what_was_interrupted_goes_on_where_it_stopped(place: Path, stage: str) -> None:
    with opened(place) as ledger:
        old = NoteSigner.parse((place / "log.key").read_text().strip())
        verifier = (place / "log.vkey").read_bytes()
        rotate(ledger, recovery_of(place))
    new = parse_signers((place / "log.key").read_text().strip(), old.verifier)
    assert new.verifier == old.verifier, "the key that is asked for stands first"
    (place / "log.vkey").write_bytes(verifier)
    if stage == "entry recorded":
        both = (place / "log.key").read_text().splitlines()
        (place / "log.key").write_text("\n".join(reversed(both)) + "\n")
    with opened(place, memory="other") as ledger:
        receipt = rotate(ledger, recovery_of(place))
        assert receipt.index == 2, "no second entry"
        assert len(ledger.policies().log_keys) == 2
    with opened(place) as ledger:
        assert ledger.vkey != old.verifier.vkey
        assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


def test_key_files_are_read_strictly() -> None:
    one, two = NoteSigner.generate("example.com/a"), NoteSigner.generate("example.com/a")
    other = NoteSigner.generate("example.com/b")
    assert parse_signers(one.skey, one.verifier) == one
    for text in (
        f"{one.skey}\n{other.skey}",
        f"{one.skey}\n{two.skey}\n{one.skey}",
        "",
        f"{one.skey}\n",
    ):
        with pytest.raises(MalformedError):
            parse_signers(text, one.verifier)
    note = parse_signers(f"{one.skey}\n{two.skey}", two.verifier).sign(b"text\n")
    with pytest.raises(TamperedError):
        two.verifier.check(b"other\n", note[-64:])


def finished(place: Path) -> tuple[str, str]:
    """Rotate, end the overlap, and return the old and the new verifier key."""
    keys = rotated(place)
    with opened(place) as ledger:
        finish_rotation(ledger)
    return keys


@pytest.mark.parametrize("turn", [rotated, finished])
def test_a_view_from_before_is_published_on_under_the_new_key(
    place: Path, tmp_path: Path, turn: Callable[[Path], tuple[str, str]]
) -> None:
    view = view_of(tmp_path / "www")
    with opened(place) as ledger:
        ledger.publish(view)
    turn(place)
    with opened(place) as ledger:
        enter(ledger, ALICE, release(ALICE, "n"))
        ledger.publish(view)
        note = view.get("checkpoint")
        assert note is not None
        assert ledger.verify_own(note).size == 4
        ledger.publish(view)


def test_a_fork_signed_by_the_old_key_is_not_published_over(place: Path, tmp_path: Path) -> None:
    """Whoever got the old key after its end leads nobody to another history."""
    thief = NoteSigner.parse((place / "log.key").read_text().strip())
    finished(place)
    with opened(place) as ledger:
        for size in (2, 9):
            (tmp_path / "www").mkdir(exist_ok=True)
            forged = Checkpoint(thief.name, size, b"\1" * 32).sign(thief)
            (tmp_path / "www" / "checkpoint").write_bytes(forged)
            with pytest.raises(LedgerInconsistentError, match=r"forked|rolled back"):
                ledger.publish(view_of(tmp_path / "www"))
        stranger = NoteSigner.generate(thief.name)
        head = ledger.refresh()
        forged = Checkpoint(thief.name, head.size, head.root).sign(stranger)
        (tmp_path / "www" / "checkpoint").write_bytes(forged)
        with pytest.raises(WrongSignerError):
            ledger.publish(view_of(tmp_path / "www"))


def test_a_monitor_goes_on_after_a_rotation(place: Path) -> None:
    quiet = Watch(usual_kinds=frozenset(), burst=10_000)
    now = datetime.now(UTC)
    with opened(place) as ledger:
        state, _ = watch(ledger, quiet, MonitorState(), now)
    finished(place)
    with opened(place) as ledger:
        enter(ledger, ALICE, release(ALICE, "n"))
        after, alerts = watch(ledger, quiet, state, now)
        assert (after.size, alerts) == (4, ())


def test_a_monitor_still_tells_a_rollback_signed_by_the_old_key(
    place: Path, tmp_path: Path
) -> None:
    thief = NoteSigner.parse((place / "log.key").read_text().strip())
    finished(place)
    seen = Checkpoint(thief.name, 2, b"\1" * 32).sign(thief)
    state = MonitorState(thief.name, seen.decode(), 2)
    with opened(place) as ledger:
        after, alerts = watch(ledger, Watch(), state, datetime.now(UTC))
        assert after is state
        assert [one.rule for one in alerts] == [ROLLBACK]


def test_a_reader_of_a_view_with_the_old_key_is_told_of_a_rotation_and_of_no_corruption(
    place: Path, tmp_path: Path
) -> None:
    old, new = finished(place)
    with opened(place) as ledger:
        enter(ledger, ALICE, release(ALICE, "n"))
        ledger.publish(view_of(tmp_path / "www"))
        with ledger.snapshot() as snapshot:
            publish_claims(snapshot, ledger.home.blobs, view_of(tmp_path / "www"), every=False)
    with pytest.raises(WrongSignerError, match="another key than you named") as told:
        opened(tmp_path / "www", old)
    assert "backup" not in told.value.fix
    assert "keep it" in told.value.fix
    with opened(tmp_path / "www", new, memory="fresh") as ledger:
        assert ledger.refresh().size == 4


def test_a_reader_who_knows_the_new_key_is_not_told_to_forget_what_was_seen(
    place: Path, tmp_path: Path
) -> None:
    """The memory is what shows a rollback: nobody may be talked into removing it by the old key."""
    old, new = finished(place)
    with opened(place) as ledger:
        ledger.publish(view_of(tmp_path / "www"))
        with ledger.snapshot() as snapshot:
            publish_claims(snapshot, ledger.home.blobs, view_of(tmp_path / "www"), every=False)
    with opened(tmp_path / "www", new, memory="reader"):
        pass
    with pytest.raises((LedgerInconsistentError, WrongSignerError)) as told:
        opened(tmp_path / "www", old, memory="reader")
    assert "remove `" not in told.value.fix


def test_a_restored_ledger_takes_evidence_under_the_keys_that_it_had(
    place: Path, tmp_path: Path
) -> None:
    with opened(place) as ledger:
        before = ledger.refresh().note
        ledger.publish(view_of(tmp_path / "www"))
    finished(place)
    with opened(place) as ledger:
        back_up(ledger, tmp_path / "backup")
        for name in ("log.vkey", "log.vkey.1"):
            assert (tmp_path / "backup" / name).read_bytes() == (place / name).read_bytes()
    restore(tmp_path / "backup", tmp_path / "again", log_key=place / "log.key")
    home, memory = FolderHome(tmp_path / "again"), CheckpointMemory(tmp_path / "fresh")
    view = view_of(tmp_path / "www")
    with pytest.raises(TrustMissingError, match="has 2 of its 3 entries"):
        reconcile(home, [before], view=view, memory=memory)
    assert reconcile(home, [before], view=view, memory=memory, nothing_newer=True).head.size == 3


def test_a_thief_of_the_old_key_fills_nothing_into_a_restored_ledger(
    place: Path, tmp_path: Path
) -> None:
    """After the hand-over the old key signs nothing: not even what is newer than every backup."""
    shutil.copytree(place, tmp_path / "stolen")
    finished(place)
    with opened(place) as ledger:
        back_up(ledger, tmp_path / "backup")
    with opened(tmp_path / "stolen", memory="thief") as stolen:
        for name in ("x", "y", "z"):
            enter(stolen, ALICE, release(ALICE, name))
    restore(tmp_path / "backup", tmp_path / "again", log_key=place / "log.key")
    home = FolderHome(tmp_path / "again")
    with pytest.raises(LedgerInconsistentError):
        reconcile(
            home,
            [],
            view=view_of(tmp_path / "stolen" / "tiles"),
            memory=CheckpointMemory(tmp_path / "f"),
        )
    assert home.standing().role is Role.RESTORED
