"""A log asks a witness: what the witness says is never believed without a signature."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.provenance.ledger.witnessing.log_sim import AT, NOW, LogSim
from tests.provenance.ledger.witnessing.witness_sim import SERVICE, WitnessSim
from tests.sim.faults import Fault, FaultKind
from tests.sim.web import Answer
from weightmark.errors import CallError, LedgerInconsistentError, NetworkError
from weightmark.provenance.ledger.merkle import check_consistency
from weightmark.provenance.ledger.note import NoteSigner, SignatureLine, split_note
from weightmark.provenance.ledger.witnessing.client import WitnessClient
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.request import parse_add_checkpoint

LOG = LogSim(8)
FORK = replace(LOG, salt="other ", honest=3)
_TEXT = "text/plain"
_SIZE = "text/x.tlog.size"


@pytest.fixture
def sim() -> Iterator[WitnessSim]:
    with WitnessSim().running() as running:
        yield running


def client(sim: WitnessSim, timeout: float = 5.0) -> WitnessClient:
    return WitnessClient(sim.url, (sim.signer.verifier,), timeout=timeout, pause=lambda _: None)


def cosign(sim: WitnessSim, log: LogSim = LOG) -> tuple[SignatureLine, ...]:
    return client(sim).cosign(log.head(), now=NOW)


def test_the_size_that_the_witness_names_is_proven_from(sim: WitnessSim) -> None:
    sim.known = 5
    (line,) = cosign(sim)
    assert line == sim.line(LOG.checkpoint())
    first, second = (parse_add_checkpoint(one.body) for one in sim.asked)
    assert (first.old_size, first.proof, second.old_size) == (0, (), 5)
    roots = [one.head().checkpoint.root for one in (LogSim(5), LOG)]
    check_consistency(5, 8, roots[0], roots[1], second.proof)


def test_a_witness_that_knows_this_very_head_is_asked_for_a_new_time(sim: WitnessSim) -> None:
    sim.known = 8
    assert cosign(sim) == (sim.line(LOG.checkpoint()),)
    assert parse_add_checkpoint(sim.asked[-1].body).proof == ()


def test_a_witness_that_names_sizes_for_ever_is_left(sim: WitnessSim) -> None:
    sim.sizes = [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(NetworkError) as caught:
        cosign(sim)
    assert "another size 4 times" in caught.value.why
    assert len(sim.asked) == 4


def test_a_witness_that_names_the_same_size_again_is_left(sim: WitnessSim) -> None:
    sim.sizes = [1, 1]
    with pytest.raises(NetworkError):
        cosign(sim)
    assert len(sim.asked) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"1", b"01\n", b"-1\n", b"words\n", b"1\n1\n", b"99999999999999999999\n", b"\xff\n"],
)
def test_a_conflict_without_a_size_is_no_answer(sim: WitnessSim, body: bytes) -> None:
    sim.says = Answer(body, 409, _SIZE)
    with pytest.raises(NetworkError, match="no cosignature"):
        cosign(sim)


def test_a_cosignature_by_an_unknown_key_is_no_answer(sim: WitnessSim) -> None:
    keys = (WitnessSigner(sim.signer.name, sim.signer.kind, b"\x22" * 32).verifier,)
    stranger = WitnessClient(sim.url, keys, pause=lambda _: None)
    with pytest.raises(NetworkError) as caught:
        stranger.cosign(LOG.head(), now=NOW)
    assert "by a key that is known" in caught.value.why


def test_lines_by_strangers_are_dropped_and_so_is_one_in_the_name_of_the_log(
    sim: WitnessSim,
) -> None:
    text = b"something else\n"
    sim.more = (
        SignatureLine("w.example/other", b"abcd", b"x" * 72),
        SignatureLine(LOG.signer.name, LOG.signer.verifier.key_id, LOG.signer.line(text)[-64:]),
    )
    assert cosign(sim) == (sim.line(LOG.checkpoint()),)


def test_a_witness_that_cosigns_another_checkpoint_lies(sim: WitnessSim) -> None:
    sim.says = Answer(sim.line(FORK.checkpoint()).to_bytes(), kind=_TEXT)
    with pytest.raises(NetworkError) as caught:
        cosign(sim)
    assert "not good" in caught.value.why


@pytest.mark.parametrize("at", [1, AT - 3600, AT + 3600])
def test_a_cosignature_of_another_time_is_no_answer(sim: WitnessSim, at: int) -> None:
    sim.at = at
    with pytest.raises(NetworkError) as caught:
        cosign(sim)
    assert "of now" in caught.value.why


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", kind=_TEXT),
        Answer(b"\n", kind=_TEXT),
        Answer(b"<html>captive portal</html>\n", kind="text/html"),
        Answer(b"\xff\xfe\n", kind=_TEXT),
        Answer("— w.example/sim AAAA\n".encode(), kind=_TEXT),
        Answer("— w.example/sim AAAAAAAA\n".encode() * 101, kind=_TEXT),
        Answer(b"x" * (64 * 1024 + 1), kind=_TEXT),
        Answer(b"", 301, headers={"Location": "http://127.0.0.1:1/"}),
        Answer(b"no\x1b[31mthing", 403),
        Answer(b"", 404),
        Answer(b"", 422),
        Answer(b"", 500),
        Answer(b"", 204),
    ],
    ids=lambda answer: f"{answer.status}-{answer.body[:12]!r}",
)
def test_nonsense_is_no_answer_and_never_a_verdict(sim: WitnessSim, answer: Answer) -> None:
    sim.says = answer
    with pytest.raises(NetworkError, match="no cosignature") as caught:
        cosign(sim)
    assert "\x1b" not in caught.value.why


# --- what the witness saw -------------------------------------------------------------------------


def test_a_rolled_back_ledger_is_told_by_its_own_signature(sim: WitnessSim) -> None:
    sim.known, sim.shows = 8, LOG.checkpoint()
    with pytest.raises(LedgerInconsistentError, match=r"rolled back: it has 5 .* knows 8"):
        cosign(sim, LogSim(5))


def test_two_heads_of_one_size_are_told_by_the_signature_on_both(sim: WitnessSim) -> None:
    for answer in (Answer(b"two roots\n", 422, _TEXT), Answer(b"8\n", 409, _SIZE)):
        sim.says, sim.shows = answer, FORK.checkpoint()
        sim.known = 8
        with pytest.raises(LedgerInconsistentError, match="was forked: its first 8"):
            client(sim).cosign(LOG.head(), old_size=8, now=NOW)


def test_a_fork_at_a_smaller_size_is_told(sim: WitnessSim) -> None:
    sim.says, sim.shows = Answer(b"bad proof\n", 422, _TEXT), FORK.checkpoint(6)
    with pytest.raises(LedgerInconsistentError, match="was forked: its first 6"):
        cosign(sim)


def test_a_witness_that_says_rollback_and_cannot_prove_it_is_not_believed(
    sim: WitnessSim,
) -> None:
    thief = replace(LogSim(9), signer=NoteSigner(LOG.signer.name, b"\x08" * 32))
    other = replace(LogSim(9), signer=NoteSigner("log.example/other", b"\x07" * 32))
    edited = LOG.checkpoint().replace(b"\n8\n", b"\n9\n", 1)
    for shows in (b"", b"words", thief.checkpoint(), other.checkpoint(), edited, LOG.checkpoint(5)):
        sim.says, sim.shows = Answer(b"9\n", 409, _SIZE), shows
        with pytest.raises(NetworkError):
            cosign(sim)


# --- the network ----------------------------------------------------------------------------------


def test_a_witness_that_is_busy_is_asked_again(sim: WitnessSim) -> None:
    sim.faults[SERVICE] = Fault.error(503, "later", times=2)
    assert len(cosign(sim)) == 1
    sim.faults[SERVICE] = Fault.error(503, "later")
    with pytest.raises(NetworkError) as caught:
        cosign(sim)
    assert "after 3 attempts: HTTP 503: later" in caught.value.why


@pytest.mark.parametrize(
    "fault",
    [
        Fault.down(),
        Fault.slow(30),
        Fault(FaultKind.DRIP),
        Fault(FaultKind.HUGE),
        Fault(FaultKind.TRUNCATED),
        Fault(FaultKind.HTML),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_witness_that_does_not_answer_well_is_left_in_time(sim: WitnessSim, fault: Fault) -> None:
    sim.faults[SERVICE] = fault
    began = time.monotonic()
    with pytest.raises(NetworkError):
        client(sim, timeout=0.4).cosign(LOG.head(), now=NOW)
    assert time.monotonic() - began < 10


def test_nobody_at_the_address(sim: WitnessSim) -> None:
    gone = WitnessClient("http://127.0.0.1:1", (sim.signer.verifier,), pause=lambda _: None)
    with pytest.raises(NetworkError):
        gone.cosign(LOG.head(), now=NOW)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "witness.example",
        "ftp://w.example",
        "file:///etc/passwd",
        "http://",
        "http://user:pass@w.example/",
        "https://w.example/?x=1",
        "https://w.example/#x",
        "https://w.example:0x/",
        "https://w.example/a b",
        "https://w.example/\r\nX: y",
        "https://w\u00e9.example/",
    ],
)
def test_what_is_no_address_is_a_wrong_call(sim: WitnessSim, url: str) -> None:
    with pytest.raises(CallError):
        WitnessClient(url, (sim.signer.verifier,))


def test_both_keys_of_one_witness_are_taken_from_one_answer(sim: WitnessSim) -> None:
    second = WitnessSigner("w.example/sim", CosignatureType.ML_DSA_44, b"\x23" * 32)
    line = second.cosign(split_note(LOG.checkpoint())[0], AT)
    sim.more = (line,)
    both = WitnessClient(sim.url, (sim.signer.verifier, second.verifier))
    assert both.cosign(LOG.head(), now=NOW) == (sim.line(LOG.checkpoint()), line)
