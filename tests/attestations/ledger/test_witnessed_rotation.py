"""Witnesses and their policies while a log changes its key: the overlap is quiet, and afterwards the new key is asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, CAROL, admitted, enter, make_ledger, release
from tests.attestations.ledger.test_witnessed_time import BOTH, HER_KEY, WITNESSES, cosign, spared
from weightmark.attestations.ledger.revoking import revoke
from weightmark.errors import PolicyError, ProofMissingError, WeightmarkError
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.rotation import finish_rotation, rotate
from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, parse_policy
from weightmark.provenance.ledger.witnessing.visit import visit
from weightmark.provenance.ledger.witnessing.witness import Witness

NOW = datetime.now(UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with make_ledger(tmp_path / "l", [admitted(ALICE), admitted(CAROL)]) as made:
        enter(made, CAROL, release(CAROL, "m"))
    return tmp_path / "l"


def opened(place: Path) -> Ledger:
    return Ledger.open(place, memory=CheckpointMemory(place.parent / "state"))


def rotated(place: Path, *, finish: bool) -> None:
    recovery = NoteSigner.parse((place / "recovery.key").read_text().strip())
    with opened(place) as ledger:
        rotate(ledger, recovery)
    if finish:
        with opened(place) as ledger:
            finish_rotation(ledger)
            enter(ledger, ALICE, release(ALICE, "after"))


def rules(vkey: str) -> TlogPolicy:
    (witness, *_) = WITNESSES
    text = f"log {vkey}\nwitness w {witness.verifier.vkey}\nquorum w\n"
    return parse_policy(text.encode())


def seen(ledger: Ledger, policy: TlogPolicy) -> int:
    return witnessed_checkpoint(ledger.home, ledger.verifier, policy, NOW).checkpoint.size


def test_a_witness_that_knows_the_old_key_cosigns_through_the_overlap(
    place: Path, tmp_path: Path
) -> None:
    with opened(place) as ledger:
        old = ledger.vkey
    Witness.create(tmp_path / "w", "w.example/1")
    witness = Witness.open(tmp_path / "w", [NoteVerifier.parse(old)])
    assert visit(witness, str(place)).checkpoint.size == 2
    rotated(place, finish=False)
    assert visit(witness, str(place)).checkpoint.size == 3


def test_after_the_overlap_a_witness_needs_the_new_key_and_remembers_what_it_saw(
    place: Path, tmp_path: Path
) -> None:
    with opened(place) as ledger:
        old = ledger.vkey
    Witness.create(tmp_path / "w", "w.example/1")
    visit(Witness.open(tmp_path / "w", [NoteVerifier.parse(old)]), str(place))
    rotated(place, finish=True)
    with pytest.raises(WeightmarkError):
        visit(Witness.open(tmp_path / "w", [NoteVerifier.parse(old)]), str(place))
    with opened(place) as ledger:
        fresh = ledger.verifier
    both = Witness.open(tmp_path / "w", [NoteVerifier.parse(old), fresh])
    assert visit(both, str(place)).checkpoint.size == 4


def test_a_policy_about_the_old_key_is_wrong_after_the_rotation(place: Path) -> None:
    with opened(place) as ledger:
        old = ledger.vkey
        cosign(ledger, NOW, *WITNESSES)
        assert seen(ledger, rules(old)) == 2
    rotated(place, finish=True)
    with opened(place) as ledger:
        with pytest.raises(PolicyError, match="about other logs"):
            seen(ledger, rules(old))
        with pytest.raises(ProofMissingError):
            seen(ledger, rules(ledger.vkey))
        cosign(ledger, NOW, *WITNESSES)
        assert seen(ledger, rules(ledger.vkey)) == 4


def test_what_witnesses_saw_under_the_old_key_still_spares(place: Path) -> None:
    leak = NOW - timedelta(days=3)
    with opened(place) as ledger:
        claim = release(CAROL, "old")
        enter(ledger, CAROL, claim)
        cosign(ledger, leak - timedelta(days=1), *WITNESSES)
    rotated(place, finish=True)
    with opened(place) as ledger:
        revoke(ledger, ALICE, HER_KEY, "leaked", since=leak)
        assert spared(ledger, claim, BOTH)
        assert not spared(ledger, release(CAROL, "young"), BOTH)
