"""Cosignatures: bound to one witness, one checkpoint and one time."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provenance.ledger.witnessing.log_sim import AT, LogSim
from weightmark.errors import MalformedError, TamperedError, UnsupportedError, WeightmarkError
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, parse_lines, split_note
from weightmark.provenance.ledger.witnessing.cosignature import (
    CosignatureType,
    WitnessSigner,
    WitnessVerifier,
    signed_message,
)

KINDS = list(CosignatureType)
LOG = LogSim(5)
TEXT = split_note(LOG.checkpoint())[0]
SIGNERS = {kind: WitnessSigner("w.example/one", kind, b"\x05" * 32) for kind in KINDS}


@pytest.fixture(scope="module")
def known(vectors: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((vectors / "tlog" / "vectors.json").read_text())
    return loaded


@pytest.mark.needs("vectors")
def test_the_published_ed25519_cosignature_is_made_byte_for_byte(known: dict[str, Any]) -> None:
    key = known["keys"]["witness"]
    signer = WitnessSigner(key["name"], CosignatureType.ED25519, bytes.fromhex(key["seed_hex"]))
    assert signer.verifier == WitnessVerifier.parse(key["vkey"])
    assert signer.verifier.vkey == key["vkey"]
    text, _ = split_note(known["checkpoint_8"].encode())
    message = signed_message(CosignatureType.ED25519, key["name"], 1700000000, text)
    assert message.decode() == known["cosignature_message_8_time_1700000000"]
    line = signer.cosign(text, 1700000000)
    assert line.to_bytes().decode() == known["add_checkpoint_response"]
    assert signer.verifier.check(text, line.signature) == 1700000000


@pytest.mark.needs("vectors")
def test_the_published_ml_dsa_cosignature_verifies(known: dict[str, Any]) -> None:
    vector = known["mldsa44"]
    kind = CosignatureType.ML_DSA_44
    signer = WitnessSigner("witness.example/w1", kind, bytes.fromhex(vector["seed_hex"]))
    assert signer.verifier.key_id.hex() == vector["key_id_hex"]
    text, _ = split_note(known["checkpoint_8"].encode())
    message = signed_message(kind, signer.name, 1700000000, text)
    assert message.hex() == vector["message_hex"]
    (line,) = parse_lines(vector["line"].encode().rstrip(b"\n") + b"\n")
    assert signer.verifier.wrote(line)
    assert signer.verifier.check(text, line.signature) == 1700000000


@pytest.mark.parametrize("kind", KINDS)
def test_keys_round_trip_and_the_seed_does_not_show(kind: CosignatureType) -> None:
    signer = WitnessSigner.generate("w.example/new", kind)
    assert WitnessSigner.parse(signer.skey) == signer
    assert WitnessVerifier.parse(signer.verifier.vkey) == signer.verifier
    assert "seed" not in repr(signer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosignature_moved_to_another_checkpoint_is_refused(kind: CosignatureType) -> None:
    payload = SIGNERS[kind].cosign(TEXT, AT).signature
    other = split_note(LogSim(6).checkpoint())[0]
    assert SIGNERS[kind].verifier.check(TEXT, payload) == AT
    with pytest.raises(TamperedError):
        SIGNERS[kind].verifier.check(other, payload)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosignature_with_another_time_is_refused(kind: CosignatureType) -> None:
    payload = SIGNERS[kind].cosign(TEXT, AT).signature
    with pytest.raises(TamperedError):
        SIGNERS[kind].verifier.check(TEXT, (AT - 1).to_bytes(8, "big") + payload[8:])


def test_a_post_quantum_cosignature_under_another_name_is_refused() -> None:
    signer = SIGNERS[CosignatureType.ML_DSA_44]
    stolen = WitnessVerifier("w.example/two", signer.kind, signer.verifier.public_key)
    with pytest.raises(TamperedError):
        stolen.check(TEXT, signer.cosign(TEXT, AT).signature)


def test_a_log_signature_is_no_cosignature_even_by_the_same_key() -> None:
    witness = WitnessSigner(LOG.signer.name, CosignatureType.ED25519, LOG.signer.seed).verifier
    (line,) = split_note(LOG.checkpoint())[1]
    assert not witness.wrote(line)
    with pytest.raises(TamperedError):
        witness.check(TEXT, bytes(8) + line.signature)


@pytest.mark.parametrize("at", [0, -1, 2**63])
def test_nothing_is_cosigned_at_an_impossible_time(at: int) -> None:
    with pytest.raises(MalformedError):
        SIGNERS[CosignatureType.ED25519].cosign(TEXT, at)


def test_a_time_beyond_63_bits_is_refused_though_its_signature_is_good() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = SIGNERS[CosignatureType.ED25519]
    message = b"cosignature/v1\ntime %d\n" % 2**63 + TEXT
    signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(message)
    with pytest.raises(TamperedError):
        signer.verifier.check(TEXT, (2**63).to_bytes(8, "big") + signature)


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.integers(0, 2427), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused(kind: CosignatureType, at: int, change: int) -> None:
    payload = bytearray(SIGNERS[kind].cosign(TEXT, AT).signature)
    payload[at % len(payload)] ^= change
    with pytest.raises(TamperedError):
        SIGNERS[kind].verifier.check(TEXT, bytes(payload))


@given(st.sampled_from(KINDS), st.binary(max_size=100))
def test_arbitrary_payloads_are_refused(kind: CosignatureType, payload: bytes) -> None:
    with pytest.raises(TamperedError):
        SIGNERS[kind].verifier.check(TEXT, payload)


@given(st.text(max_size=60), st.text("0123456789abcdef", max_size=9), st.binary(max_size=40))
def test_arbitrary_keys_raise_only_our_errors(name: str, key_id: str, key: bytes) -> None:
    encoded = base64.b64encode(key).decode()
    for text in (f"{name}+{key_id}+{encoded}", f"PRIVATE+KEY+{name}+{key_id}+{encoded}", name):
        for parse in (WitnessVerifier.parse, WitnessSigner.parse):
            with pytest.raises(WeightmarkError):
                parse(text)


def test_a_log_key_is_no_witness_key_and_the_other_way_round() -> None:
    with pytest.raises(UnsupportedError):
        WitnessVerifier.parse(LOG.signer.verifier.vkey)
    with pytest.raises(UnsupportedError):
        NoteVerifier.parse(SIGNERS[CosignatureType.ED25519].verifier.vkey)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u2003b", "n" * 256])
def test_a_name_that_would_break_a_note_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        WitnessSigner.generate(name, CosignatureType.ED25519)


@pytest.mark.parametrize(("kind", "size"), [(4, 31), (4, 33), (6, 1311), (6, 32)])
def test_a_key_of_the_wrong_length_is_refused(kind: int, size: int) -> None:
    with pytest.raises(MalformedError, match="wrong length"):
        WitnessVerifier.parse(_vkey("w.example/short", kind, b"\x42" * size))


def test_an_origin_too_long_for_a_post_quantum_line_is_refused_and_not_cut() -> None:
    long = LogSim(1, signer=NoteSigner("l" * 256, b"\x07" * 32))
    text, _ = split_note(long.checkpoint())
    assert SIGNERS[CosignatureType.ED25519].cosign(text, AT).signature
    with pytest.raises(MalformedError, match="too long"):
        SIGNERS[CosignatureType.ML_DSA_44].cosign(text, AT)


# --- weak keys ------------------------------------------------------------------------------------

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def _points_of_small_order() -> set[bytes]:
    """All encodings of the eight points whose order divides 8, found by doubling random points."""
    found: set[tuple[int, int]] = set()
    order = 2**252 + 27742317777372353535851937790883648493
    y = 2
    while len(found) < 8:
        point = _decode(y)
        if point is not None:
            small = _multiply(point, order)
            found |= {_multiply(small, n) for n in range(8)}
        y += 1
    return {(py | ((px & 1) << 255)).to_bytes(32, "little") for px, py in found}


def _decode(y: int) -> tuple[int, int] | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    return (x, y) if x * x % _P == square else None


def _multiply(point: tuple[int, int], factor: int) -> tuple[int, int]:
    result = (0, 1)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def _add(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, two
    both = _D * x1 * x2 * y1 * y2 % _P
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, _P) % _P
    return x, (y1 * y2 + x1 * x2) * pow(1 - both, -1, _P) % _P


def test_a_key_of_small_order_is_refused_because_anybody_can_sign_with_it() -> None:
    weak = _points_of_small_order()
    assert len(weak) == 8
    for key in [*weak, (_P + 3).to_bytes(32, "little")]:
        for kind, parse in ((1, NoteVerifier.parse), (4, WitnessVerifier.parse)):
            with pytest.raises(MalformedError, match="weak"):
                parse(_vkey("w.example/weak", kind, key))


def _vkey(name: str, kind: int, key: bytes) -> str:
    from weightmark.provenance.ledger.note import compute_key_id

    encoded = base64.b64encode(bytes([kind]) + key).decode()
    return f"{name}+{compute_key_id(name, kind, key).hex()}+{encoded}"
