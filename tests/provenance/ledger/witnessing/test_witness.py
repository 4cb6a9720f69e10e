"""A witness: what it cosigns, what it refuses, and what it never forgets."""

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provenance.ledger.witnessing.conftest import Clock, Reopen
from tests.provenance.ledger.witnessing.log_sim import AT, NOW, LogSim, tree_hash
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    MalformedError,
    NewerSchemaError,
    ReadError,
    TamperedError,
    TrustMissingError,
    UncheckedError,
    UnknownAuthorityError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint import verify_checkpoint
from weightmark.provenance.ledger.note import NoteSigner, split_note
from weightmark.provenance.ledger.witnessing.cosignature import (
    CosignatureType,
    WitnessSigner,
    WitnessVerifier,
)
from weightmark.provenance.ledger.witnessing.quorum import verify_cosigned
from weightmark.provenance.ledger.witnessing.request import AddCheckpoint, checkpoint_path
from weightmark.provenance.ledger.witnessing.witness import Conflict, Cosigned, Witness


def seen_size(witness: Witness, log: LogSim) -> int:
    seen = witness.seen(log.signer.name)
    return seen.size if seen else 0


def keys(witness: Witness) -> list[WitnessVerifier]:
    return [WitnessVerifier.parse(vkey) for vkey in witness.vkeys]


def test_what_it_cosigns_verifies_for_everybody(witness: Witness, log: LogSim) -> None:
    answer = witness.cosign(log.request(0))
    assert isinstance(answer, Cosigned)
    found = verify_cosigned(answer.note, log.signer.verifier, keys(witness), NOW)
    assert [one.at for one in found.cosignatures] == [NOW]


def test_a_witness_with_both_kinds_of_key_gives_two_lines(tmp_path: Path, log: LogSim) -> None:
    Witness.create(tmp_path / "w", "w.example/both", list(CosignatureType))
    witness = Witness.open(tmp_path / "w", [log.signer.verifier], clock=Clock())
    answer = witness.cosign(log.request(0))
    assert isinstance(answer, Cosigned)
    found = verify_cosigned(answer.note, log.signer.verifier, keys(witness), NOW)
    assert [one.witness.kind for one in found.cosignatures] == [4, 6]


def test_it_is_remembered_before_it_is_said(reopen: Reopen, log: LogSim) -> None:
    reopen().cosign(log.request(0, 6))
    assert seen_size(reopen(), log) == 6
    assert reopen().cosign(log.request(0)) == Conflict(6)
    assert isinstance(reopen().cosign(log.request(6)), Cosigned)


def test_the_same_head_again_gets_a_new_time(witness: Witness, log: LogSim, clock: Clock) -> None:
    witness.cosign(log.request(0))
    clock.now += timedelta(hours=1)
    answer = witness.cosign(log.request(8))
    assert isinstance(answer, Cosigned)
    (line,) = answer.lines
    assert keys(witness)[0].check(split_note(answer.note)[0], line.signature) == AT + 3600


def test_a_flood_of_the_same_request_is_answered_without_writing(
    witness: Witness, log: LogSim, witness_folder: Path
) -> None:
    first = witness.cosign(log.request(0))
    assert isinstance(first, Cosigned)
    before = (witness_folder / "witness.db").read_bytes()
    for _ in range(5):
        again = witness.cosign(log.request(8))
        assert isinstance(again, Cosigned)
        assert again.lines == first.lines
    assert (witness_folder / "witness.db").read_bytes() == before


def test_two_heads_of_one_size_are_never_both_cosigned_and_kept_as_evidence(
    witness: Witness, log: LogSim
) -> None:
    fork = replace(log, salt="other ", honest=3)
    witness.cosign(log.request(0))
    for old in (8, 0, 8):
        request = AddCheckpoint(old, (), fork.checkpoint())
        if old == 8:
            with pytest.raises(LedgerInconsistentError, match="two different ledgers of size 8"):
                witness.cosign(request)
        else:
            assert witness.cosign(request) == Conflict(8)
    ((seen, other),) = witness.evidence(log.signer.name)
    heads = [verify_checkpoint(note, log.signer.verifier) for note in (seen, other)]
    assert [head.size for head in heads] == [8, 8]
    assert heads[0].root != heads[1].root


def test_a_forked_log_is_not_cosigned_whatever_proof_it_sends(
    witness: Witness, log: LogSim
) -> None:
    witness.cosign(log.request(0, 5))
    fork = replace(log, salt="other ", honest=4)
    for proof in (fork.request(5).proof, log.request(5).proof, (), fork.request(4).proof):
        with pytest.raises(LedgerInconsistentError):
            witness.cosign(AddCheckpoint(5, proof, fork.checkpoint()))
    assert seen_size(witness, log) == 5
    assert isinstance(witness.cosign(log.request(5)), Cosigned)


def test_a_proof_where_none_is_due_is_refused(witness: Witness, log: LogSim) -> None:
    with pytest.raises(LedgerInconsistentError):
        witness.cosign(AddCheckpoint(0, (bytes(32),), log.checkpoint()))
    witness.cosign(log.request(0))
    with pytest.raises(LedgerInconsistentError):
        witness.cosign(AddCheckpoint(8, (bytes(32),), log.checkpoint()))


def test_a_log_that_shrinks_gets_the_size_that_the_witness_knows(
    witness: Witness, log: LogSim
) -> None:
    witness.cosign(log.request(0))
    assert witness.cosign(log.request(5, 6)) == Conflict(8)
    with pytest.raises(MalformedError, match="over the size"):
        witness.cosign(AddCheckpoint(8, (), log.checkpoint(6)))


def test_a_size_that_was_not_judged_is_answered_with_zero(witness: Witness, log: LogSim) -> None:
    assert witness.cosign(log.request(3)) == Conflict(0)


def test_an_empty_log_may_be_cosigned(witness: Witness, log: LogSim) -> None:
    assert isinstance(witness.cosign(log.request(0, 0)), Cosigned)
    assert isinstance(witness.cosign(log.request(0)), Cosigned)


def test_a_stranger_cannot_make_it_cosign(witness: Witness, log: LogSim) -> None:
    stranger = replace(log, signer=NoteSigner(log.signer.name, b"\x08" * 32))
    unknown = replace(log, signer=NoteSigner("log.example/unknown", b"\x07" * 32))
    with pytest.raises(WrongSignerError):
        witness.cosign(stranger.request(0))
    with pytest.raises(UnknownAuthorityError):
        witness.cosign(unknown.request(0))
    edited = log.checkpoint().replace(b"\n8\n", b"\n9\n", 1)
    with pytest.raises(TamperedError):
        witness.cosign(AddCheckpoint(0, (), edited))
    assert seen_size(witness, log) == 0


def test_a_log_with_two_keys_may_sign_with_either_and_with_no_bad_line(
    witness_folder: Path, log: LogSim, clock: Clock
) -> None:
    second = NoteSigner(log.signer.name, b"\x0b" * 32)
    served = [log.signer.verifier, second.verifier]
    witness = Witness.open(witness_folder, served, clock=clock)
    text, _ = split_note(log.checkpoint())
    assert isinstance(witness.cosign(replace(log, signer=second).request(0)), Cosigned)
    bad = log.checkpoint() + second.line(b"something else\n")
    with pytest.raises(TamperedError):
        witness.cosign(AddCheckpoint(8, (), bad))
    both = log.checkpoint() + second.line(text)
    assert isinstance(witness.cosign(AddCheckpoint(8, (), both)), Cosigned)


def test_lines_of_others_are_not_shown_as_if_they_had_been_checked(
    witness: Witness, log: LogSim
) -> None:
    junk = NoteSigner("junk.example", b"\x0c" * 32).line(b"junk\n")
    answer = witness.cosign(AddCheckpoint(0, (), log.checkpoint() + junk))
    assert isinstance(answer, Cosigned)
    shown = witness.latest(checkpoint_path(log.signer.name))
    assert shown is not None
    assert b"junk.example" not in shown
    assert len(verify_cosigned(shown, log.signer.verifier, keys(witness), NOW).cosignatures) == 1
    assert witness.latest(checkpoint_path("other")) is None


def test_a_clock_that_runs_back_stops_the_witness(
    witness: Witness, log: LogSim, clock: Clock
) -> None:
    witness.cosign(log.request(0, 5))
    clock.now -= timedelta(seconds=30)
    with pytest.raises(UncheckedError, match="30 s behind"):
        witness.cosign(log.request(5))
    clock.now += timedelta(seconds=30)
    assert isinstance(witness.cosign(log.request(5)), Cosigned)


def test_a_witness_whose_memory_is_lost_does_not_begin_anew(
    reopen: Reopen, witness_folder: Path, log: LogSim
) -> None:
    reopen().cosign(log.request(0))
    (witness_folder / "witness.db").rename(witness_folder / "away")
    with pytest.raises(LedgerInconsistentError, match="lost its memory"):
        reopen()


def test_the_memory_of_another_witness_is_refused(
    reopen: Reopen, witness_folder: Path, tmp_path: Path
) -> None:
    Witness.create(tmp_path / "other", "witness.example/one")
    (witness_folder / "witness.db").write_bytes((tmp_path / "other" / "witness.db").read_bytes())
    with pytest.raises(LedgerInconsistentError, match="of other keys"):
        reopen()


def test_what_is_no_witness_says_so(tmp_path: Path, reopen: Reopen, witness_folder: Path) -> None:
    with pytest.raises(CallError, match="no witness"):
        Witness.open(tmp_path, [])
    with pytest.raises(CallError, match="not an empty folder"):
        Witness.create(witness_folder, "witness.example/two")
    (witness_folder / "witness.db").write_bytes(b"words")
    with pytest.raises(ReadError):
        reopen()
    (witness_folder / "witness.key").unlink()
    with pytest.raises(TrustMissingError):
        reopen()


def test_a_memory_by_a_newer_version_is_not_touched(
    reopen: Reopen, witness_folder: Path, log: LogSim
) -> None:
    reopen().cosign(log.request(0))
    db = sqlite3.connect(witness_folder / "witness.db")
    db.execute("pragma user_version=2")
    db.close()
    with pytest.raises(NewerSchemaError):
        reopen()


def test_a_key_file_that_is_no_key_is_refused(reopen: Reopen, witness_folder: Path) -> None:
    good = (witness_folder / "witness.key").read_text()
    for content in (b"\xff\n", b"words\n", good.replace("+one", "+two").encode()[:-9]):
        (witness_folder / "witness.key").write_bytes(content)
        with pytest.raises((MalformedError, UnsupportedError)):
            reopen()
    (witness_folder / "witness.key").write_text("")
    with pytest.raises(LedgerInconsistentError, match="of other keys"):
        reopen()


def test_a_witness_that_cannot_be_made_whole_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReadError):
        Witness.create(tmp_path / "file" / "w", "w.example/one")
    with pytest.raises(MalformedError):
        Witness.create(tmp_path / "new", "two words")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_its_private_key_is_for_the_owner_only(witness_folder: Path) -> None:
    assert (witness_folder / "witness.key").stat().st_mode & 0o777 == 0o600
    assert witness_folder.stat().st_mode & 0o077 == 0


def test_a_log_with_the_witnesss_own_key_is_not_served(witness_folder: Path) -> None:
    own = WitnessSigner.parse((witness_folder / "witness.key").read_text().strip())
    with pytest.raises(CallError, match="key of this witness"):
        Witness.open(witness_folder, [NoteSigner("log.example/x", own.seed).verifier])


def test_the_database_itself_refuses_to_go_back(
    reopen: Reopen, witness_folder: Path, log: LogSim
) -> None:
    reopen().cosign(log.request(0))
    db = sqlite3.connect(witness_folder / "witness.db")
    for change in (
        "update log set size = 7",
        "update log set root = zeroblob(32)",
        "update log set at = at - 1",
        "delete from log",
        "delete from witness",
        "update witness set vkeys = ''",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(change)
    db.close()


def test_of_racing_requests_only_a_growing_chain_is_cosigned(reopen: Reopen, log: LogSim) -> None:
    """All start from what the witness knew; whoever comes late is told the new size."""
    reopen().cosign(log.request(0, 1))
    fork = replace(log, salt="other ", honest=1)
    requests = [one.request(1, size) for size in range(2, 9) for one in (log, fork)]
    answers: list[Cosigned | Conflict] = []
    start = threading.Barrier(len(requests))

    def run(request: AddCheckpoint) -> None:
        witness = reopen()
        start.wait()
        answers.append(witness.cosign(request))

    threads = [threading.Thread(target=run, args=(one,)) for one in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cosigned = [one for one in answers if isinstance(one, Cosigned)]
    assert len(answers) == len(requests)
    assert len(cosigned) == 1
    assert seen_size(reopen(), log) == cosigned[0].checkpoint.size


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_that_is_ever_cosigned_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """An operator with three histories, any sizes and any proofs: the witness sees one."""
    folder = tmp_path_factory.mktemp("w") / "w"
    Witness.create(folder, "w.example/one")
    base = LogSim(12)
    histories = [base, replace(base, salt="b", honest=3), replace(base, salt="c", honest=7)]
    witness = Witness.open(folder, [base.signer.verifier], clock=Clock())
    heads: list[tuple[int, bytes]] = []
    for _ in range(12):
        size = data.draw(st.integers(0, 12))
        old = data.draw(
            st.sampled_from([seen_size(witness, base), data.draw(st.integers(0, size))])
        )
        shown, proven = (data.draw(st.sampled_from(histories)) for _ in range(2))
        proof = proven.request(old, size).proof if old <= size else ()
        try:
            answer = witness.cosign(AddCheckpoint(old, proof, shown.checkpoint(size)))
        except (LedgerInconsistentError, MalformedError):
            continue
        if isinstance(answer, Cosigned):
            heads.append((answer.checkpoint.size, answer.checkpoint.root))
    assert [size for size, _ in heads] == sorted(size for size, _ in heads)
    assert any(
        all(tree_hash(one.leaves[:size]) == root for size, root in heads) for one in histories
    )


CHILD = """
import sys
from pathlib import Path
from tests.provenance.ledger.witnessing.log_sim import NOW, LogSim
from weightmark.provenance.ledger.witnessing.witness import Cosigned, Witness
log = LogSim(64)
witness = Witness.open(Path(sys.argv[1]), [log.signer.verifier], clock=lambda: NOW)
seen = witness.seen(log.signer.name)
old = seen.size if seen else 0
for size in range(old + 1, 65):
    assert isinstance(witness.cosign(log.request(old, size)), Cosigned)
    print(size, flush=True)
    old = size
"""


def test_a_killed_witness_never_forgets_what_it_cosigned(
    witness_folder: Path, log: LogSim, reopen: Reopen
) -> None:
    """Killed after any number of answers: what was said is remembered, and it goes on from there."""
    root = Path(__file__).parents[4]
    said = 0
    for answers in (1, 2, 3, 5, 8, 13):
        command = [sys.executable, "-c", CHILD, str(witness_folder)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(answers)]
        child.kill()
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        whole = [int(line) for line in lines if line.endswith("\n")]
        assert whole == list(range(whole[0], whole[0] + len(whole)))
        assert whole[0] == said + 1
        said = seen_size(reopen(), log)
        assert said in {whole[-1], whole[-1] + 1}
    assert isinstance(reopen().cosign(LogSim(64).request(said)), Cosigned)
