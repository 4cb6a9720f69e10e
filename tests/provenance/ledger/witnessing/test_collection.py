"""Cosignatures of our own log: collected, kept, and in nobody's way."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from tests.provenance.ledger.witnessing.log_sim import LogSim
from tests.provenance.ledger.witnessing.witness_sim import SERVICE, WitnessSim
from tests.sim.faults import Fault
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    NetworkError,
    PolicyError,
    ProofMissingError,
    ReadError,
    RefusedError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.cosigned import CosignedNote
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import split_note
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.witnessing.client import LogHead
from weightmark.provenance.ledger.witnessing.collection import (
    Collection,
    collect_cosignatures,
    keep_cosigned,
    witnessed_checkpoint,
)
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, parse_policy
from weightmark.provenance.ledger.witnessing.receipts import prove_under, verify_witnessed_receipt
from weightmark.provenance.ledger.witnessing.visit import visit
from weightmark.provenance.ledger.witnessing.witness import Witness

KINDS = (CosignatureType.ED25519, CosignatureType.ML_DSA_44, CosignatureType.ED25519)


def moment() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def sims() -> Iterator[list[WitnessSim]]:
    """Three witnesses, one of them with a post-quantum key."""
    with ExitStack() as stack:
        made = [
            WitnessSim(WitnessSigner(f"w.example/{n}", kind, bytes([0x30 + n]) * 32))
            for n, kind in enumerate(KINDS)
        ]
        for one in made:
            one.at = int(moment().timestamp())
        yield [stack.enter_context(one.running()) for one in made]


def policy(ledger: Ledger, sims: list[WitnessSim], needed: int = 2) -> TlogPolicy:
    lines = [f"log {ledger.vkey}"]
    lines += [f"witness w{n} {one.signer.verifier.vkey} {one.url}" for n, one in enumerate(sims)]
    lines += [f"group all {needed} {' '.join(f'w{n}' for n in range(len(sims)))}", "quorum all"]
    return parse_policy("".join(f"{line}\n" for line in lines).encode())


def collect(ledger: Ledger, rules: TlogPolicy, timeout: float = 5.0) -> Collection:
    with ledger.snapshot() as snapshot:
        head = LogHead(snapshot.head, ledger.verifier, snapshot.nodes)
        return collect_cosignatures(head, rules, timeout=timeout, attempts=1)


def grow(ledger: Ledger, alice: SubmitterSim, *names: str) -> None:
    ledger.append([alice.submit(name) for name in names], ClaimVerifierSim(), now=NOW)


def published(ledger: Ledger) -> bytes:
    return (ledger.path / "tiles" / "checkpoint").read_bytes()


def test_witnesses_that_know_different_sizes_are_asked_at_once(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim]
) -> None:
    grow(ledger, alice, *(f"m{n}" for n in range(9)))
    sims[1].known, sims[2].known = 3, 10
    found = collect(ledger, policy(ledger, sims, 3))
    assert found.quorum
    assert [one.error for one in found.outcomes] == [None] * 3
    assert [one.witness.kind for one in found.cosigned.cosignatures] == list(KINDS)


def test_a_quorum_holds_without_those_who_are_down_or_lie(
    ledger: Ledger, sims: list[WitnessSim]
) -> None:
    sims[0].faults[SERVICE] = Fault.down()
    found = collect(ledger, policy(ledger, sims, 2))
    assert found.quorum
    assert isinstance(found.outcomes[0].error, NetworkError)
    sims[1].at = 1
    short = collect(ledger, policy(ledger, sims, 2))
    assert not short.quorum
    assert [one.witness.name for one in short.cosigned.cosignatures] == ["w.example/2"]


@pytest.mark.parametrize("error", [ReadError("the disk is gone"), ValueError("a bug")])
def test_a_tree_that_cannot_be_read_leaves_nobody_waiting(
    ledger: Ledger, sims: list[WitnessSim], error: Exception
) -> None:
    def nodes(_height: int, _index: int) -> bytes:
        raise error

    for one in sims:
        one.known = 1
    grown = LogSim(5)
    head = LogHead(grown.head().checkpoint, grown.signer.verifier, nodes)
    rules = parse_policy(
        f"witness w {sims[0].signer.verifier.vkey} {sims[0].url}\nquorum w\n".encode()
    )
    if isinstance(error, ReadError):
        assert collect_cosignatures(head, rules).outcomes[0].error is error
    else:
        with pytest.raises(ValueError, match="a bug"):
            collect_cosignatures(head, rules)


def test_a_witness_with_another_key_than_the_policy_says_counts_for_nobody(
    ledger: Ledger, sims: list[WitnessSim]
) -> None:
    rules = policy(ledger, sims, 3)
    sims[0].signer = WitnessSigner("w.example/0", CosignatureType.ED25519, b"\x77" * 32)
    found = collect(ledger, rules)
    assert not found.quorum
    assert isinstance(found.outcomes[0].error, NetworkError)


def test_one_server_behind_two_names_must_hold_both_keys(
    ledger: Ledger, sims: list[WitnessSim]
) -> None:
    sims[1].url = sims[0].url
    found = collect(ledger, policy(ledger, sims[:2], 2))
    assert not found.quorum
    assert len(sims[0].asked) == 1
    assert found.outcomes[0].error is None
    assert isinstance(found.outcomes[1].error, NetworkError)


def test_cosignatures_are_published_and_still_the_same_ledger_everywhere(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim], memory: CheckpointMemory
) -> None:
    grow(ledger, alice, "m1")
    rules = policy(ledger, sims)
    assert keep_cosigned(ledger.home, collect(ledger, rules).cosigned, ledger.verifier)
    names = [line.name for line in split_note(published(ledger))[1]]
    assert names == [ledger.origin, "w.example/0", "w.example/1", "w.example/2"]
    assert ledger.refresh().size == 2
    assert ledger.verify(ClaimVerifierSim()).problems == ()
    with Ledger.open(ledger.path, memory=memory) as again:
        found = witnessed_checkpoint(again.home, again.verifier, rules, moment())
        with memory.updating(again.verifier) as remember:
            remember(found.checkpoint)
        recalled = memory.recall(again.verifier)
        assert recalled is not None
        assert recalled.note == published(ledger)
        assert again.refresh().size == 2
        grow(again, alice, "m2")
        assert again.verify(ClaimVerifierSim()).problems == ()


def test_a_second_collection_adds_to_the_first(ledger: Ledger, sims: list[WitnessSim]) -> None:
    for part in (sims[:1], sims[1:]):
        collection = collect(ledger, policy(ledger, part, 1))
        keep_cosigned(ledger.home, collection.cosigned, ledger.verifier)
    rules = policy(ledger, sims, 3)
    assert (
        len(witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment()).cosignatures) == 3
    )


def test_a_log_that_grew_meanwhile_keeps_its_witnessed_checkpoint_aside(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim]
) -> None:
    rules = policy(ledger, sims)
    cosigned = collect(ledger, rules).cosigned
    grow(ledger, alice, "m1")
    assert keep_cosigned(ledger.home, cosigned, ledger.verifier)
    assert len(split_note(published(ledger))[1]) == 1
    found = witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment())
    assert found.checkpoint.size == 1
    with ledger.snapshot() as snapshot:
        snapshot.require_extends(found.checkpoint, "the witnesses")


def test_an_older_collection_does_not_replace_a_newer_one(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim]
) -> None:
    rules = policy(ledger, sims)
    older = collect(ledger, rules).cosigned
    grow(ledger, alice, "m1")
    for one in sims:
        one.known = 1
    keep_cosigned(ledger.home, collect(ledger, rules).cosigned, ledger.verifier)
    keep_cosigned(ledger.home, older, ledger.verifier)
    assert witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment()).checkpoint.size == 2


def test_without_a_quorum_nothing_is_witnessed(ledger: Ledger, sims: list[WitnessSim]) -> None:
    rules = policy(ledger, sims, 3)
    with pytest.raises(ProofMissingError):
        witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment())
    keep_cosigned(ledger.home, collect(ledger, policy(ledger, sims[:2])).cosigned, ledger.verifier)
    with pytest.raises(ProofMissingError):
        witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment())


def test_cosignatures_of_another_log_are_not_taken_for_ours(
    ledger: Ledger, sims: list[WitnessSim]
) -> None:
    other = LogSim(8)
    note = other.checkpoint()
    ledger.home.cosigned.put(8, CosignedNote(note, note))
    rules = policy(ledger, sims)
    with pytest.raises(WrongSignerError):
        witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment())


def test_a_rolled_back_ledger_is_told_by_a_witness_and_gets_nothing(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim]
) -> None:
    with ledger.snapshot() as snapshot:
        nodes = {place: snapshot.nodes(*place) for place in [(0, 0)]}
        older = LogHead(snapshot.head, ledger.verifier, lambda h, i: nodes[h, i])
    grow(ledger, alice, "m1")
    sims[0].known, sims[0].shows = 2, published(ledger)
    found = collect_cosignatures(older, policy(ledger, sims, 2), attempts=1)
    assert found.contradicted
    assert isinstance(found.outcomes[0].error, LedgerInconsistentError)


def test_policies_that_ask_nobody_or_about_others_are_wrong(
    ledger: Ledger, sims: list[WitnessSim]
) -> None:
    key = sims[0].signer.verifier.vkey
    for text, error in (
        ("quorum none\n", PolicyError),
        (f"witness a {key}\nquorum a\n", PolicyError),
        (
            f"log {LogSim().signer.verifier.vkey}\nwitness a {key} {sims[0].url}\nquorum a\n",
            PolicyError,
        ),
        (f"witness a {key} ftp://x\nquorum a\n", CallError),
    ):
        with pytest.raises(error):
            collect(ledger, parse_policy(text.encode()))


# --- receipts -------------------------------------------------------------------------------------


def test_a_receipt_under_a_witnessed_checkpoint_proves_itself_offline(
    ledger: Ledger, alice: SubmitterSim, sims: list[WitnessSim]
) -> None:
    grow(ledger, alice, "m1", "m2")
    rules = policy(ledger, sims)
    keep_cosigned(ledger.home, collect(ledger, rules).cosigned, ledger.verifier)
    grow(ledger, alice, "m3")
    found = witnessed_checkpoint(ledger.home, ledger.verifier, rules, moment())
    with ledger.snapshot() as snapshot:
        receipt = prove_under(snapshot, 1, found.checkpoint)
        with pytest.raises(CallError, match="younger"):
            prove_under(snapshot, 3, found.checkpoint)
        plain = snapshot.receipt(1)
    verified, witnessed = verify_witnessed_receipt(receipt.text, rules, moment())
    assert (verified.index, verified.event, witnessed.checkpoint.size) == (1, receipt.event, 3)
    assert verify_receipt(receipt.text, ledger.verifier).event == receipt.event
    with pytest.raises(ProofMissingError):
        verify_witnessed_receipt(plain.text, rules, moment())


# --- cosigning a log where it is published -----------------------------------------------------------


@pytest.fixture
def witness(tmp_path: Path, ledger: Ledger) -> Witness:
    Witness.create(tmp_path / "witness", "w.example/own")
    return Witness.open(tmp_path / "witness", [ledger.verifier])


def test_a_folder_is_cosigned_as_it_grows(
    ledger: Ledger, alice: SubmitterSim, witness: Witness
) -> None:
    assert visit(witness, str(ledger.path)).checkpoint.size == 1
    grow(ledger, alice, *(f"m{n}" for n in range(300)))
    assert visit(witness, str(ledger.path / "tiles")).checkpoint.size == 301
    grow(ledger, alice, "last")
    assert visit(witness, str(ledger.path)).checkpoint.size == 302


def test_a_ledger_that_was_made_anew_under_its_old_key_is_not_cosigned(
    ledger: Ledger, alice: SubmitterSim, witness: Witness, tmp_path: Path
) -> None:
    import shutil

    grow(ledger, alice, "m1")
    shutil.copytree(ledger.path, tmp_path / "fork")
    grow(ledger, alice, "m2")
    visit(witness, str(ledger.path))
    with Ledger.open(tmp_path / "fork", memory=CheckpointMemory(tmp_path / "other")) as fork:
        with pytest.raises(LedgerInconsistentError, match="rolled back"):
            visit(witness, str(fork.path))
        grow(fork, alice, "x2")
        with pytest.raises(LedgerInconsistentError, match="two different ledgers of size 3"):
            visit(witness, str(fork.path))
        grow(fork, alice, "x3")
        with pytest.raises(LedgerInconsistentError, match="does not extend"):
            visit(witness, str(fork.path))
    assert len(witness.evidence(ledger.origin)) == 1
    assert visit(witness, str(ledger.path)).checkpoint.size == 3


def test_a_swapped_or_missing_tile_does_not_get_past_a_witness(
    ledger: Ledger, alice: SubmitterSim, witness: Witness
) -> None:
    visit(witness, str(ledger.path))
    grow(ledger, alice, "m1", "m2")
    (tile,) = (ledger.path / "tiles" / "tile" / "0").rglob("3")
    good = tile.read_bytes()
    for bad in (good[32:64] * 3, good[:40], b""):
        tile.write_bytes(bad)
        with pytest.raises(RefusedError):
            visit(witness, str(ledger.path))
    tile.unlink()
    with pytest.raises(LedgerInconsistentError, match="missing"):
        visit(witness, str(ledger.path))
    tile.write_bytes(good)
    assert visit(witness, str(ledger.path)).checkpoint.size == 3


def test_what_is_no_log_is_a_wrong_call(witness: Witness, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="no log"):
        visit(witness, str(tmp_path))
    with pytest.raises(UnsupportedError):
        visit(witness, "ftp://log.example/")
    with pytest.raises(NetworkError):
        visit(witness, "http://127.0.0.1:1/")
