"""Keys: what loads, what is refused, and in which words."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa

from weightmark.attestations.keys import KEY_TYPES, PrivateKey, PublicKey
from weightmark.errors import (
    CallError,
    KeyLockedError,
    TrustMissingError,
    UnsupportedError,
)

Foreign = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | dsa.DSAPrivateKey


def foreign_keys() -> dict[str, Foreign]:
    return {
        "RSA": rsa.generate_private_key(65537, 2048),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "P-224": ec.generate_private_key(ec.SECP224R1()),
        "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
        "Ed448": ed448.Ed448PrivateKey.generate(),
    }


def private_pem(key: Foreign) -> bytes:
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())


def public_pem(key: Foreign) -> bytes:
    return key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("kind", KEY_TYPES)
@pytest.mark.parametrize("passphrase", [None, b"correct horse", "pässwörd".encode()])
def test_a_key_survives_being_written_and_read(
    tmp_path: Path, kind: str, passphrase: bytes | None
) -> None:
    key = PrivateKey.generate(kind)
    (tmp_path / "k").write_bytes(key.to_pem(passphrase))
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    again = PrivateKey.load(tmp_path / "k", lambda _path: passphrase)
    public = PublicKey.load(tmp_path / "k.pub")
    assert again.kind == public.kind == kind
    assert again.public.fingerprint == public.fingerprint == key.public.fingerprint
    assert public.verifies(again.sign(b"message"), b"message")
    assert not public.verifies(again.sign(b"message"), b"another message")


def test_unsupported_key_types_are_unsupported_and_nothing_worse(tmp_path: Path) -> None:
    for name, key in foreign_keys().items():
        (tmp_path / "k").write_bytes(private_pem(key))
        (tmp_path / "k.pub").write_bytes(public_pem(key))
        with pytest.raises(UnsupportedError, match="not supported"):
            PrivateKey.load(tmp_path / "k")
        with pytest.raises(UnsupportedError):
            PublicKey.load(tmp_path / "k.pub")
        assert name


def test_a_wrong_passphrase_is_told_apart_from_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(PrivateKey.generate().to_pem(b"right"))
    with pytest.raises(KeyLockedError, match="does not open"):
        PrivateKey.load(tmp_path / "k", lambda _path: b"wrong")
    for asked in (None, lambda _path: None, lambda _path: b""):
        with pytest.raises(KeyLockedError, match="no passphrase was given"):
            PrivateKey.load(tmp_path / "k", asked)


def test_a_passphrase_is_not_asked_for_an_open_key(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(PrivateKey.generate().to_pem(None))

    def ask(_path: str) -> bytes:
        raise AssertionError("asked")

    PrivateKey.load(tmp_path / "k", ask)


def test_the_two_halves_of_a_pair_are_never_mixed_up(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    for name, passphrase in (("open", None), ("locked", b"x")):
        (tmp_path / name).write_bytes(key.to_pem(passphrase))
        with pytest.raises(CallError, match="is a private key"):
            PublicKey.load(tmp_path / name)
    (tmp_path / "pub").write_bytes(key.public.pem)
    with pytest.raises(CallError, match="is a public key"):
        PrivateKey.load(tmp_path / "pub")


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\0" * 99],
)
def test_what_is_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(TrustMissingError):
        PublicKey.load(tmp_path / "k")
    (tmp_path / "k").write_bytes(content.replace(b"PUBLIC", b"PRIVATE"))
    with pytest.raises(TrustMissingError):
        PrivateKey.load(tmp_path / "k")


def test_a_key_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 100_000)
    for path in (tmp_path, tmp_path / "huge"):
        with pytest.raises(TrustMissingError):
            PublicKey.load(path)
        with pytest.raises(TrustMissingError):
            PrivateKey.load(path)


def test_a_key_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    for load in (PublicKey.load, PrivateKey.load):
        with pytest.raises(CallError, match="there is no key"):
            load(tmp_path / "none")


def test_an_openssl_key_with_its_curve_in_front_loads(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    traditional = key.key.private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, pem.NoEncryption()
    )
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    (tmp_path / "k").write_bytes(parameters + traditional)
    assert PrivateKey.load(tmp_path / "k").public.fingerprint == key.public.fingerprint


def test_an_unknown_kind_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="no key type"):
        PrivateKey.generate("rsa-512")


@pytest.mark.parametrize("kind", KEY_TYPES)
@pytest.mark.parametrize("signature", [b"", b"\0", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"x" * 64])
def test_a_garbled_signature_is_just_wrong(kind: str, signature: bytes) -> None:
    assert not PrivateKey.generate(kind).public.verifies(signature, b"message")


def test_the_hint_is_the_digest_of_the_pem_text_as_the_reference_writes_it() -> None:
    import hashlib

    public = PrivateKey.generate().public
    assert public.pem.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert public.pem.endswith(b"-----END PUBLIC KEY-----\n")
    assert public.hint == hashlib.sha256(public.pem).hexdigest()
    assert public.identity == f"key:{public.fingerprint}"
