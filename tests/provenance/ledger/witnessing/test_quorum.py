"""Who counts as a witness of a checkpoint, and who never does."""

from datetime import timedelta

import pytest

from tests.provenance.ledger.witnessing.log_sim import AT, NOW, LogSim
from weightmark.errors import (
    LimitError,
    MalformedError,
    PolicyError,
    ProofMissingError,
    TamperedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint import verify_checkpoint
from weightmark.provenance.ledger.note import NoteSigner, SignatureLine, open_note, split_note
from weightmark.provenance.ledger.witnessing.cosignature import (
    CosignatureType,
    WitnessSigner,
    WitnessVerifier,
)
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, parse_policy
from weightmark.provenance.ledger.witnessing.quorum import (
    CosignedCheckpoint,
    WitnessedCheckpoint,
    merge_cosignatures,
    verify_cosigned,
    verify_witnessed,
)

LOG = LogSim(5)
KEY = LOG.signer.verifier
NOTE = LOG.checkpoint()
TEXT, _ = split_note(NOTE)
ED, PQ = CosignatureType.ED25519, CosignatureType.ML_DSA_44
ONE, TWO, STRANGER = (
    WitnessSigner("w.example/one", ED, b"\x01" * 32),
    WitnessSigner("w.example/two", PQ, b"\x02" * 32),
    WitnessSigner("w.example/stranger", ED, b"\x03" * 32),
)
KEYS = [ONE.verifier, TWO.verifier]


def policy(quorum: str = "both", log: str = f"log {KEY.vkey}\n") -> TlogPolicy:
    text = (
        f"{log}witness one {ONE.verifier.vkey}\nwitness two {TWO.verifier.vkey}\n"
        f"group both all one two\nquorum {quorum}\n"
    )
    return parse_policy(text.encode())


def cosigned(*signers: WitnessSigner, note: bytes = NOTE, at: int = AT) -> bytes:
    return merge_cosignatures(note, [one.cosign(split_note(note)[0], at) for one in signers])


def undated(signer: WitnessSigner) -> SignatureLine:
    """A good signature that states no time, which `cosign` refuses to make."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    message = b"cosignature/v1\ntime 0\n" + TEXT
    signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(message)
    return SignatureLine(signer.name, signer.verifier.key_id, bytes(8) + signature)


def counted(note: bytes, keys: list[WitnessVerifier] = KEYS) -> list[str]:
    return [one.witness.name for one in verify_cosigned(note, KEY, keys, NOW).cosignatures]


def test_a_quorum_of_both_algorithms_holds() -> None:
    found = verify_witnessed(cosigned(ONE, TWO), policy(), NOW)
    assert found.checkpoint.size == 5
    assert [(one.witness, one.at) for one in found.cosignatures] == [(k, NOW) for k in KEYS]


def test_without_the_quorum_it_is_unwitnessed_and_that_is_no_verdict_on_the_log() -> None:
    with pytest.raises(ProofMissingError, match="quorum") as caught:
        verify_witnessed(cosigned(ONE), policy(), NOW)
    assert caught.value.exit == 4
    assert verify_witnessed(cosigned(ONE), policy("one"), NOW).checkpoint.size == 5


def test_a_cosignature_by_an_unknown_key_is_never_counted() -> None:
    assert counted(cosigned(STRANGER)) == []
    with pytest.raises(ProofMissingError):
        verify_witnessed(cosigned(STRANGER), policy("one"), NOW)


def test_an_unknown_key_under_a_known_name_is_never_counted() -> None:
    double = WitnessSigner(ONE.name, ED, b"\x09" * 32)
    assert counted(cosigned(double)) == []


def test_a_known_key_id_under_another_name_is_never_counted() -> None:
    (line,) = (ONE.cosign(TEXT, AT),)
    moved = SignatureLine("w.example/other", line.key_id, line.signature)
    assert counted(merge_cosignatures(NOTE, [moved])) == []


def test_a_doubled_witness_is_counted_once_and_with_its_earlier_time() -> None:
    lines = [ONE.cosign(TEXT, at).to_bytes() for at in (AT, AT - 60, AT)]
    (seen,) = verify_cosigned(NOTE + b"".join(lines), KEY, KEYS * 2, NOW).cosignatures
    assert seen.at == NOW - timedelta(seconds=60)
    with pytest.raises(ProofMissingError):
        verify_witnessed(NOTE + b"".join(lines), policy(), NOW)


def test_a_doubled_log_line_is_one_signer() -> None:
    assert open_note(NOTE + LOG.signer.line(TEXT), [KEY]).signers == (KEY,)


def test_a_witness_that_states_no_time_does_not_count() -> None:
    note = merge_cosignatures(NOTE, [undated(ONE)])
    found = verify_cosigned(note, KEY, KEYS, NOW)
    assert found.cosignatures == ()
    assert found.uncounted == ((ONE.verifier, "it states no time"),)
    with pytest.raises(ProofMissingError) as caught:
        verify_witnessed(note, policy("one"), NOW)
    assert "states no time" in caught.value.why


def test_a_cosignature_of_tomorrow_does_not_count_and_one_of_last_year_does() -> None:
    assert counted(cosigned(ONE, at=AT + 86400)) == []
    assert counted(cosigned(ONE, at=AT + 299)) == [ONE.name]
    assert counted(cosigned(ONE, at=AT - 365 * 86400)) == [ONE.name]
    assert counted(cosigned(ONE, at=2**63 - 1)) == []


def test_an_old_checkpoint_cannot_be_shown_for_ever() -> None:
    note = cosigned(ONE, at=AT - 86400)
    yesterday, today = NOW - timedelta(days=1), NOW - timedelta(hours=1)
    assert verify_witnessed(note, policy("one"), NOW, since=yesterday).checkpoint.size == 5
    with pytest.raises(ProofMissingError) as caught:
        verify_witnessed(note, policy("one"), NOW, since=today)
    assert "older than you ask for" in caught.value.why
    both = note + ONE.cosign(TEXT, AT).to_bytes()
    (seen,) = verify_witnessed(both, policy("one"), NOW, since=today).cosignatures
    assert seen.at == NOW


def test_a_log_that_vouches_for_itself_is_no_witness() -> None:
    itself = WitnessSigner("w.example/self", ED, LOG.signer.seed)
    note = cosigned(itself)
    assert counted(note, [itself.verifier]) == []
    with pytest.raises(PolicyError, match="key of a log"):
        parse_policy(f"log {KEY.vkey}\nwitness w {itself.verifier.vkey}\nquorum w\n".encode())
    alone = parse_policy(f"witness w {itself.verifier.vkey}\nquorum w\n".encode())
    with pytest.raises(ProofMissingError):
        verify_witnessed(note, alone, NOW, log=KEY)


def test_a_bad_line_by_a_known_witness_spoils_the_checkpoint() -> None:
    other = split_note(LogSim(6).checkpoint())[0]
    note = merge_cosignatures(cosigned(TWO), [ONE.cosign(other, AT)])
    with pytest.raises(TamperedError):
        verify_cosigned(note, KEY, KEYS, NOW)


def test_cosignatures_do_not_stand_in_for_the_log() -> None:
    lines = b"".join(one.cosign(TEXT, AT).to_bytes() for one in (ONE, TWO))
    with pytest.raises(WrongSignerError):
        verify_witnessed(TEXT + b"\n" + lines, policy(), NOW)
    thief = NoteSigner(LOG.signer.name, b"\x08" * 32)
    with pytest.raises(WrongSignerError):
        verify_witnessed(thief.sign(TEXT) + lines, policy(), NOW)


def test_the_log_is_one_of_the_policy() -> None:
    other = NoteSigner("log.example/two", b"\x0a" * 32)
    with pytest.raises(PolicyError, match="other logs"):
        verify_witnessed(cosigned(ONE, TWO), policy(), NOW, log=other.verifier)
    with pytest.raises(PolicyError, match="names no log"):
        verify_witnessed(cosigned(ONE, TWO), policy(log=""), NOW)
    assert verify_witnessed(cosigned(ONE, TWO), policy(log=""), NOW, log=KEY).log == KEY


def test_a_policy_that_asks_for_nobody_witnesses_nothing() -> None:
    with pytest.raises(PolicyError, match="no witness"):
        verify_witnessed(cosigned(ONE, TWO), policy("none"), NOW)


def test_sixteen_post_quantum_witnesses_fit_and_verify() -> None:
    many = [WitnessSigner(f"w.example/{n}", PQ, bytes([n]) * 32) for n in range(1, 17)]
    note = cosigned(*many)
    assert len(counted(note, [one.verifier for one in many])) == 16
    assert verify_checkpoint(note, KEY).size == 5


def test_an_oversized_note_is_not_judged() -> None:
    line = SignatureLine("w.example/big", b"abcd", b"x" * 8000)
    with pytest.raises(LimitError):
        verify_cosigned(NOTE + line.to_bytes() * 99, KEY, KEYS, NOW)
    with pytest.raises(LimitError):
        verify_cosigned(NOTE + ONE.cosign(TEXT, AT).to_bytes() * 100, KEY, KEYS, NOW)


def test_merging_replaces_the_line_of_the_same_key_and_keeps_the_others() -> None:
    note = merge_cosignatures(cosigned(ONE, STRANGER), [ONE.cosign(TEXT, AT + 1)])
    names = [line.name for line in split_note(note)[1]]
    assert names == [LOG.signer.name, ONE.name, STRANGER.name]
    (seen,) = verify_cosigned(note, KEY, KEYS, NOW).cosignatures
    assert seen.at == NOW + timedelta(seconds=1)
    with pytest.raises(MalformedError):
        merge_cosignatures(b"no note", [])


def test_extension_lines_are_covered_by_the_old_algorithm_and_not_by_the_new() -> None:
    from weightmark.provenance.ledger.checkpoint import parse_checkpoint

    plain = parse_checkpoint(TEXT)
    extended = type(plain)(plain.origin, plain.size, plain.root, ("more",)).sign(LOG.signer)
    text, _ = split_note(extended)
    modern = TWO.cosign(TEXT, AT)
    assert counted(merge_cosignatures(extended, [modern])) == [TWO.name]
    assert counted(merge_cosignatures(extended, [ONE.cosign(text, AT)])) == [ONE.name]
    with pytest.raises(TamperedError):
        counted(merge_cosignatures(extended, [ONE.cosign(TEXT, AT)]))


def test_only_verifying_makes_a_verified_value() -> None:
    checkpoint = verify_checkpoint(NOTE, KEY)
    with pytest.raises(TypeError, match="only `verify_cosigned`"):
        CosignedCheckpoint(checkpoint, (), (), None)
    with pytest.raises(TypeError, match="only `verify_witnessed`"):
        WitnessedCheckpoint(checkpoint, (), KEY, object())
