"""A new log key under the same name: nobody is fooled, nobody is locked out, and nothing gets lost on the way."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, admitted, enter, make_ledger, release
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.errors import (
    Exit,
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    TamperedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    propose_policy,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import admit_operation
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.operations import operation_text, sign_operation, verify_operation
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.rotation import finish_rotation, parse_signers, rotate


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
