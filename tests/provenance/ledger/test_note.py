"""Signed notes, keys and checkpoints: strict, and bound to one key and one log."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    LimitError,
    MalformedError,
    TamperedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint import (
    Checkpoint,
    VerifiedCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from weightmark.provenance.ledger.merkle import EMPTY_ROOT, leaf_hash
from weightmark.provenance.ledger.note import (
    NoteSigner,
    NoteVerifier,
    VerifiedNote,
    open_note,
    split_note,
)

LOG = NoteSigner("example.com/log", bytes(32))
OTHER = NoteSigner("example.com/log", bytes(31) + b"\x01")
ROOT = leaf_hash(b"x")


def test_a_note_signed_by_another_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(WrongSignerError):
        open_note(OTHER.sign(b"text\n"), [LOG.verifier])


def test_an_edited_note_is_refused() -> None:
    note = LOG.sign(b"text\n").replace(b"text", b"tent", 1)
    with pytest.raises(TamperedError):
        open_note(note, [LOG.verifier])


def test_a_bad_signature_by_a_known_key_spoils_good_ones() -> None:
    note = LOG.sign(b"text\n") + LOG.line(b"other\n")
    with pytest.raises(TamperedError):
        open_note(note, [LOG.verifier])


def test_text_may_hold_blank_lines_and_is_split_at_the_last() -> None:
    note = LOG.sign(b"a\n\nb\n")
    assert open_note(note, [LOG.verifier]).text == b"a\n\nb\n"


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        LOG.sign(b"text\n")[:-1],
        LOG.sign(b"text\n").replace(b"text", b"t\x00xt"),
        LOG.sign(b"text\n").replace(b"\n", b"\r\n"),
        LOG.sign(b"text\n").replace(b"text", b"\xff"),
        b"text\n\n" + "\u2014 name AAAA\n".encode(),
        b"text\n\n" + "\u2014 na+me AAAAAAAA\n".encode(),
        b"text\n\n" + "\u2014  AAAAAAAA\n".encode(),
        b"text\n\n" + "\u2014 name AAAAAAB=\n".encode(),
        b"text\n\n" + "\u2014 name AAAA AAAA\n".encode(),
    ],
)
def test_a_malformed_note_is_refused(note: bytes) -> None:
    with pytest.raises(MalformedError):
        open_note(note, [LOG.verifier])


def test_too_many_signatures_and_too_many_bytes_are_not_judged() -> None:
    with pytest.raises(LimitError):
        split_note(LOG.sign(b"text\n") + LOG.line(b"text\n") * 100)
    with pytest.raises(LimitError):
        split_note(b"x" * (1024 * 1024 + 1))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for parse in (split_note, lambda d: verify_checkpoint(d, LOG.verifier)):
        with pytest.raises(WeightmarkError):
            parse(data + b"\x00")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        LOG.verifier.vkey.replace("log+", "lag+"),
        LOG.verifier.vkey[:-1],
        LOG.verifier.vkey + "=",
        LOG.verifier.vkey.replace("+", "+ ", 1),
        LOG.verifier.vkey.upper(),
    ],
)
def test_a_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises((MalformedError, UnsupportedError)):
        NoteVerifier.parse(vkey)


def test_a_witness_key_is_sound_but_not_a_log_key() -> None:
    key = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
    with pytest.raises(UnsupportedError):
        NoteVerifier.parse(key)


def test_a_private_key_does_not_show_in_its_repr() -> None:
    assert "seed" not in repr(LOG)


def test_the_fingerprint_is_that_of_the_subject_public_key_info() -> None:
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PublicKey.from_public_bytes(LOG.verifier.public_key)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert LOG.verifier.fingerprint == f"key:{hashlib.sha256(der).hexdigest()}"


# --- checkpoints ----------------------------------------------------------------------------------


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_round_trips(size: int, root: bytes) -> None:
    note = Checkpoint(LOG.name, size, root).sign(LOG)
    found = verify_checkpoint(note, LOG.verifier)
    assert (found.origin, found.size, found.root, found.note) == (LOG.name, size, root, note)


def test_a_checkpoint_of_another_log_signed_by_this_key_is_refused() -> None:
    with pytest.raises(MalformedError, match="is of the log"):
        verify_checkpoint(Checkpoint("example.com/other", 1, ROOT).sign(LOG), LOG.verifier)


def test_extension_lines_are_kept() -> None:
    text = Checkpoint(LOG.name, 1, ROOT, ("more",)).to_text()
    assert parse_checkpoint(text).extensions == ("more",)


@pytest.mark.parametrize("size", ["", "-1", "01", "+1", "1.0", "1e3", " 1", "٣", str(2**63), "0"])
def test_a_malformed_size_is_refused(size: str) -> None:
    root = base64.b64encode(ROOT).decode()
    with pytest.raises(MalformedError):
        parse_checkpoint(f"{LOG.name}\n{size}\n{root}\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        b"a\n1\n",
        b"a\n1\nAAAA\n",
        b"\n1\n" + base64.b64encode(ROOT) + b"\n",
        b"a\n1\n" + base64.b64encode(ROOT).rstrip(b"=") + b"\n",
        b"a\n1\n" + base64.b64encode(ROOT) + b"\n\n",
        b"a\n1\n" + base64.b64encode(ROOT),
    ],
)
def test_a_malformed_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


def test_the_empty_log_has_the_empty_root() -> None:
    assert verify_checkpoint(Checkpoint(LOG.name, 0, EMPTY_ROOT).sign(LOG), LOG.verifier).size == 0


def test_only_verifying_makes_a_verified_value() -> None:
    with pytest.raises(TypeError, match="only `verify_checkpoint`"):
        VerifiedCheckpoint(LOG.name, 1, ROOT, b"", object())
    with pytest.raises(TypeError, match="only `open_note`"):
        VerifiedNote(b"", (), (), None)
