"""Log entries of every kind: good ones prove, and each lie in them is refused by its own name."""

import base64
import hashlib
import json
import struct
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attestations.sigstore.own_log import (
    HOST,
    ID_V2,
    KINDS,
    LOG_V2,
    NOW,
    SIGNER,
    SPECS,
    V1,
    V2,
    OwnLog,
    b64,
    envelope,
    root,
)
from weightmark.attestations.bundles.bundle import Bundle, CertificateChain, KeyHint
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.verifier import KeyProof, verify_key_bundle_times
from weightmark.errors import (
    CallError,
    ExpiredError,
    MalformedError,
    ProofMissingError,
    ProofRefusedError,
    TamperedError,
    UnknownAuthorityError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessVerifier

UNREAD = frozenset(["envelopeHash", "keyDetails"])
"""fields that bind nothing which others do not bind"""
SPARE = {
    (("intoto", "0.0.1"), ("content", "payloadHash")),
    *(
        (("intoto", "0.0.2"), ("content", "hash", *more))
        for more in ((), ("algorithm",), ("value",))
    ),
}
LOGGED = Thresholds(log_entries=1, certificate_promises=0, times=0)


def verify(bundle: Bundle, **how: Any) -> KeyProof:
    how = {"now": NOW, "thresholds": LOGGED, **how}
    return verify_key_bundle_times(bundle, SIGNER.public, root(), **how)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_each_kind_proves_the_signature(kind: tuple[str, str]) -> None:
    proof = verify(Bundle.parse(OwnLog(kind).bundle().to_bytes()))
    assert [(seen.log, seen.kind) for seen in proof.entries] == [(HOST, " ".join(kind))]
    assert [time.at for time in proof.times] == ([NOW] if kind in V1 else [])


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_about_another_signature_by_the_same_key_is_refused(
    kind: tuple[str, str],
) -> None:
    """ECDSA signs the same bytes in two ways: the log vouches for one of them only."""
    bundle = replace(OwnLog(kind).bundle(), content=envelope())
    error = UnsupportedError if kind == ("intoto", "0.0.1") else ProofRefusedError
    with pytest.raises(error):
        verify(bundle)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_about_another_payload_is_refused(kind: tuple[str, str]) -> None:
    bundle = replace(OwnLog(kind).bundle(), content=envelope(payload=b'{"a":1}'))
    with pytest.raises(ProofRefusedError):
        verify(bundle)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_by_another_signer_is_refused(kind: tuple[str, str]) -> None:
    other = PrivateKey.generate("ecdsa-p256")
    text = json.dumps(SPECS[kind](envelope()))
    theirs = text.replace(b64(SIGNER.public.pem), b64(other.public.pem))
    theirs = theirs.replace(_raw(SIGNER), _raw(other))
    assert theirs != text
    log = OwnLog(kind)
    log.spec = json.loads(theirs)
    with pytest.raises(ProofRefusedError):
        verify(log.bundle())


def _raw(key: PrivateKey) -> str:
    return "".join(key.public.pem.decode().splitlines()[1:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_of_another_kind_than_its_entry_says_is_refused(kind: tuple[str, str]) -> None:
    log = OwnLog(kind)
    log.said_kind = next(other for other in KINDS if other != kind)
    with pytest.raises(ProofRefusedError, match="of another kind"):
        verify(log.bundle())


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_without_any_one_field_is_refused(kind: tuple[str, str]) -> None:
    log = OwnLog(kind)
    whole = SPECS[kind](log.about)
    for way in _ways(whole):
        if UNREAD & set(way) or (kind, way) in SPARE:
            continue
        log.spec = json.loads(json.dumps(whole))
        holder: Any = log.spec
        for step in way[:-1]:
            holder = holder[step]
        del holder[way[-1]]
        with pytest.raises((MalformedError, ProofRefusedError, UnsupportedError)):
            verify(log.bundle())


def _ways(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = document.items() if isinstance(document, dict) else ()
    if isinstance(document, list):
        items = enumerate(document)
    found = []
    for name, value in items:
        found += [(*here, name), *_ways(value, (*here, name))]
    return found


def test_an_entry_of_an_unknown_kind_is_not_supported() -> None:
    bundle = OwnLog(V1[0]).bundle()
    odd = replace(bundle.log_entries[0], kind="rpm")
    with pytest.raises(UnsupportedError, match="`rpm`"):
        verify(replace(bundle, log_entries=(odd,)))


def test_an_entry_in_an_unknown_log_is_left_out_and_named() -> None:
    bundle = OwnLog(V1[0]).bundle()
    odd = replace(bundle.log_entries[0], log_id=b"\x00" * 32)
    stranger = replace(bundle, log_entries=(odd,))
    with pytest.raises(UnknownAuthorityError) as caught:
        verify(stranger)
    assert caught.value.code == "unknown-authority"
    proof = verify(stranger, thresholds=Thresholds.nothing())
    assert proof.times == ()
    assert proof.notices == ("a log entry is in a log that you do not know",)


@pytest.mark.parametrize("kind", [V1[0], V2[0]])
def test_a_log_whose_time_is_over_is_expired(kind: tuple[str, str]) -> None:
    log = OwnLog(kind)
    log.at = NOW - timedelta(days=365)
    with pytest.raises(ExpiredError):
        verify(log.bundle(), now=NOW if kind in V1 else log.at)


def test_a_promised_time_that_was_changed_is_refused() -> None:
    bundle = OwnLog(V1[0]).bundle()
    later = replace(
        bundle.log_entries[0], integrated_time=bundle.log_entries[0].integrated_time - 1
    )
    with pytest.raises(ProofRefusedError, match="did not promise"):
        verify(replace(bundle, log_entries=(later,)))


def test_a_time_without_a_promise_is_no_time() -> None:
    bundle = OwnLog(V1[0]).bundle()
    bare = replace(bundle.log_entries[0], promise=b"")
    assert verify(replace(bundle, log_entries=(bare,))).times == ()
    with pytest.raises(ProofMissingError):
        verify(replace(bundle, log_entries=(bare,)), thresholds=Thresholds(0, 0, 0, 1))


@pytest.mark.parametrize("kind", [V1[0], V2[0]])
def test_a_proof_or_checkpoint_that_is_missing_or_other_is_refused(kind: tuple[str, str]) -> None:
    bundle = OwnLog(kind).bundle()
    entry = bundle.log_entries[0]
    proof = entry.proof
    assert proof
    other = OwnLog(kind, about=envelope(payload=b"[]")).entry().proof
    assert other
    for changed in (
        replace(entry, proof=None),
        replace(entry, proof=replace(proof, checkpoint="")),
        replace(entry, proof=replace(proof, checkpoint=other.checkpoint)),
        replace(entry, proof=other),
        replace(entry, proof=replace(proof, root_hash=bytes(32))),
        replace(entry, proof=replace(proof, tree_size=2)),
        replace(entry, proof=replace(proof, log_index=1)),
        replace(entry, proof=replace(proof, hashes=(bytes(32),))),
    ):
        with pytest.raises((MalformedError, ProofRefusedError)):
            verify(replace(bundle, log_entries=(changed,)))


def test_an_entry_of_the_second_version_has_the_place_of_its_proof() -> None:
    bundle = OwnLog(V2[0]).bundle()
    moved = replace(bundle.log_entries[0], log_index=7)
    with pytest.raises(MalformedError, match="another place"):
        verify(replace(bundle, log_entries=(moved,)))


def test_a_checkpoint_by_a_log_of_another_name_is_refused() -> None:
    """The key is the right one, and the name under which it signs is not the log's."""
    bundle = OwnLog(V2[0]).bundle()
    entry = bundle.log_entries[0]
    assert entry.proof
    text = entry.proof.checkpoint.split("\n\n")[0].replace(HOST, "other.example") + "\n"
    signature = NoteSigner("other.example", LOG_V2.seed).line(text.encode()).split()[-1]
    raw = base64.b64decode(signature)[4:]
    note = f"{text}\n\u2014 other.example {b64(ID_V2[:4] + raw)}\n"
    forged = replace(entry, proof=replace(entry.proof, checkpoint=note))
    with pytest.raises(ProofRefusedError, match="not signed by the log"):
        verify(replace(bundle, log_entries=(forged,)))


class Witness:
    def __init__(self, name: str) -> None:
        self.name = name
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes_raw()
        self.key = WitnessVerifier(name, CosignatureType.ED25519, raw)

    def line(self, text: bytes, *, signed: bytes | None = None, seconds: int = 1780000000) -> bytes:
        message = b"cosignature/v1\ntime %d\n%s" % (seconds, text if signed is None else signed)
        data = self.key.key_id + struct.pack(">Q", seconds) + self.private.sign(message)
        return f"\u2014 {self.name} {b64(data)}\n".encode()


def test_known_witnesses_are_counted_and_forged_ones_are_not() -> None:
    first, second, stranger = Witness("w.example/1"), Witness("w.example/2"), Witness("x.example")
    known = (first.key, second.key)
    log = OwnLog(V2[0])
    log.cosign = lambda text: first.line(text) + stranger.line(text) + second.line(text, signed=b"")
    bundle = log.bundle()
    one = Thresholds(1, 0, 0, 0, cosignatures=1, witnesses=known)
    proof = verify(bundle, thresholds=one)
    assert [name for name, _ in proof.entries[0].witnesses] == ["w.example/1"]
    with pytest.raises(ProofMissingError, match="too few witnesses"):
        verify(bundle, thresholds=replace(one, cosignatures=2))
    log.cosign = lambda text: first.line(text) * 2
    with pytest.raises(ProofMissingError):
        verify(log.bundle(), thresholds=replace(one, cosignatures=2))


def test_a_witness_key_is_read_strictly() -> None:
    key = Witness("w.example").key
    encoded = b64(b"\x04" + key.public_key)
    assert WitnessVerifier.parse(f"w.example+{key.key_id.hex()}+{encoded}") == key
    for bad in (
        "",
        "w.example",
        f"w.example+00000000+{encoded}",
        f"w.example+{key.key_id.hex()}+{b64(bytes([1]) + key.public_key)}",
        f"+{key.key_id.hex()}+{encoded}",
    ):
        with pytest.raises((MalformedError, UnsupportedError)):
            WitnessVerifier.parse(bad)


def test_more_cosignatures_than_witnesses_is_a_wrong_call() -> None:
    with pytest.raises(CallError):
        Thresholds(cosignatures=1)
    with pytest.raises(CallError):
        Thresholds(log_entries=-1)


def test_a_signature_by_another_key_is_somebody_elses_and_a_forged_hint_is_tampering() -> None:
    other = PrivateKey.generate("ecdsa-p256")
    forged = replace(OwnLog(V1[0]).bundle(), content=envelope(by=other))
    with pytest.raises(TamperedError):
        verify(forged)
    with pytest.raises(WrongSignerError):
        verify(replace(forged, material=KeyHint("")))


def test_a_bare_r_and_s_is_no_signature() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    good = envelope()
    r, s = decode_dss_signature(good.signature)
    raw = replace(good, signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    with pytest.raises(TamperedError):
        verify(replace(OwnLog(V1[0]).bundle(), content=raw))


def test_the_claim_of_an_entry_is_the_hash_of_its_bytes() -> None:
    entry = OwnLog(V2[0]).entry()
    assert entry.proof
    assert hashlib.sha256(b"\x00" + entry.body).digest() == entry.proof.root_hash


@pytest.mark.parametrize("kind", [V1[0], V2[0]])
def test_an_entry_of_a_private_certificate_names_the_certificate(kind: tuple[str, str]) -> None:
    """An entry that names the bare key does not prove a signature under a certificate."""
    bundle = OwnLog(kind).bundle()
    with pytest.raises(ProofRefusedError, match="another signer"):
        verify(replace(bundle, material=CertificateChain((b"certificate",))))
