"""After a leak: a new log under a new name, which commits to where the old one is still believed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, ORIGIN, admitted, enter, make_ledger, release
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.errors import (
    Exit,
    LedgerInconsistentError,
    MalformedError,
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
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, split_note

NEW = "example.com/models-2"


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
    with pytest.raises((LedgerInconsistentError, SubmissionRefusedError), match="moved"):
        enter(old, ALICE, release(ALICE, "n"))
    assert old.entry(1).index == 1
