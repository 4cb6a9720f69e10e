"""tlog-proof files: the same bytes both ways, and nothing else passes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    TamperedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.merkle import leaf_hash, node_hash
from weightmark.provenance.ledger.note import NoteSigner, SignatureLine
from weightmark.provenance.ledger.proof import Proof, format_proof, parse_proof, verify_proof

LOG = NoteSigner("log.example/proofs", b"\x05" * 32)
ENTRIES = [b"first", b"second", b"third"]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOT = node_hash(node_hash(LEAVES[0], LEAVES[1]), LEAVES[2])
NOTE = Checkpoint(LOG.name, 3, ROOT).sign(LOG)
GOOD = format_proof(Proof(0, (LEAVES[1], LEAVES[2]), NOTE))
HASH = base64.b64encode(LEAVES[1]).decode()


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=64),
    st.none() | st.binary(max_size=100),
    st.binary(max_size=100),
)
def test_a_proof_round_trips(
    index: int, hashes: list[bytes], extra: bytes | None, checkpoint: bytes
) -> None:
    proof = Proof(index, tuple(hashes), checkpoint, extra)
    assert parse_proof(format_proof(proof)) == proof


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for text in (data, b"c2sp.org/tlog-proof@v1\n" + data, GOOD[:60] + data):
        with pytest.raises(WeightmarkError):
            verify_proof(text, ENTRIES[0], LOG.verifier)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused(at: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    with pytest.raises(WeightmarkError) as caught:
        verify_proof(bytes(damaged), ENTRIES[0], LOG.verifier)
    assert caught.value.exit == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n\nnote",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        "\ufeffc2sp.org/tlog-proof@v1\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nnote",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex +1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex  1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex \u0661\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra AAB=\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        f"c2sp.org/tlog-proof@v1\nindex 0\n {HASH}\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{HASH}\n" * 65 + "\nnote",
    ],
)
def test_a_malformed_proof_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_proof(text.encode())


def test_an_oversized_proof_is_not_judged() -> None:
    with pytest.raises(LimitError):
        parse_proof(GOOD + b"x" * (1024 * 1024))


def test_a_proof_of_another_entry_index_or_length_is_refused() -> None:
    assert verify_proof(GOOD, ENTRIES[0], LOG.verifier).size == 3
    for index, hashes, entry in (
        (0, (LEAVES[1], LEAVES[2]), b"other"),
        (1, (LEAVES[1], LEAVES[2]), ENTRIES[0]),
        (0, (LEAVES[2], LEAVES[1]), ENTRIES[0]),
        (0, (LEAVES[1],), ENTRIES[0]),
        (0, (LEAVES[1], LEAVES[2], LEAVES[2]), ENTRIES[0]),
        (3, (), ENTRIES[0]),
        (2**63 - 1, (), ENTRIES[0]),
    ):
        with pytest.raises(LedgerInconsistentError):
            verify_proof(format_proof(Proof(index, hashes, NOTE)), entry, LOG.verifier)


def test_an_inner_node_is_no_entry() -> None:
    """A leaf and a node are hashed apart, so the pair below a node cannot pass for an entry."""
    inner = LEAVES[0] + LEAVES[1]
    for index in (0, 1):
        forged = format_proof(Proof(index, (LEAVES[2],), NOTE))
        with pytest.raises(LedgerInconsistentError):
            verify_proof(forged, inner, LOG.verifier)


def test_the_checkpoint_of_another_key_is_refused_and_lines_of_others_do_no_harm() -> None:
    thief = NoteSigner(LOG.name, b"\x06" * 32)
    stolen = Checkpoint(LOG.name, 3, ROOT).sign(thief)
    with pytest.raises(WrongSignerError):
        verify_proof(
            format_proof(Proof(0, (LEAVES[1], LEAVES[2]), stolen)), ENTRIES[0], LOG.verifier
        )
    junk = SignatureLine("w.example/unknown", b"abcd", b"x" * 2428).to_bytes() * 16
    cosigned = format_proof(Proof(0, (LEAVES[1], LEAVES[2]), NOTE + junk))
    assert verify_proof(cosigned, ENTRIES[0], LOG.verifier).size == 3
    edited = NOTE.replace(b"\n3\n", b"\n4\n", 1)
    with pytest.raises(TamperedError):
        verify_proof(
            format_proof(Proof(0, (LEAVES[1], LEAVES[2]), edited)), ENTRIES[0], LOG.verifier
        )
