"""Keys as `ssh-keygen` makes them: they sign, they verify, and they are told apart."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import rsa

from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.errors import (
    CallError,
    ExtraMissingError,
    KeyLockedError,
    TrustMissingError,
    UnsupportedError,
)

KINDS = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"]


def ssh_pair(folder: Path, kind: str, passphrase: bytes | None = None) -> tuple[Path, Path]:
    key = PrivateKey.generate(kind)
    protection: forms.KeySerializationEncryption = (
        forms.BestAvailableEncryption(passphrase) if passphrase else forms.NoEncryption()
    )
    private, public = folder / "id", folder / "id.pub"
    private.write_bytes(
        key.key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, protection)
    )
    line = key.public.key.public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    public.write_bytes(line + b" me@example.com\n")
    return private, public


@pytest.mark.parametrize("kind", KINDS)
def test_an_ssh_key_signs_and_its_public_line_verifies(tmp_path: Path, kind: str) -> None:
    private, public = ssh_pair(tmp_path, kind)
    key, verifier = PrivateKey.load(private), PublicKey.load(public)
    assert key.kind == verifier.kind == kind
    assert key.public.fingerprint == verifier.fingerprint
    assert verifier.verifies(key.sign(b"message"), b"message")
    assert not verifier.verifies(key.sign(b"message"), b"another")


@pytest.mark.needs("bcrypt")
@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519"])
def test_an_encrypted_ssh_key_opens_with_its_passphrase_only(tmp_path: Path, kind: str) -> None:
    private, public = ssh_pair(tmp_path, kind, b"right")
    loaded = PrivateKey.load(private, lambda _path: b"right")
    assert loaded.public.fingerprint == PublicKey.load(public).fingerprint
    with pytest.raises(KeyLockedError, match="does not open"):
        PrivateKey.load(private, lambda _path: b"wrong")
    with pytest.raises(KeyLockedError, match="no passphrase was given"):
        PrivateKey.load(private)


LOCKED = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
    b"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDPZ8EV\n"
    b"-----END OPENSSH PRIVATE KEY-----\n"
)
"""the beginning of an encrypted key: magic, cipher, key derivation"""


def test_an_encrypted_ssh_key_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "id").write_bytes(LOCKED)
    with pytest.raises(KeyLockedError, match="no passphrase was given"):
        PrivateKey.load(tmp_path / "id")
    with pytest.raises((ExtraMissingError, KeyLockedError)):
        PrivateKey.load(tmp_path / "id", lambda _path: b"x")


def test_the_halves_of_an_ssh_pair_are_never_mixed_up(tmp_path: Path) -> None:
    private, public = ssh_pair(tmp_path, "ed25519")
    with pytest.raises(CallError, match="is a public key"):
        PrivateKey.load(public)
    with pytest.raises(CallError, match="is a private key"):
        PublicKey.load(private)


def test_ssh_keys_of_other_types_are_unsupported(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    line = rsa_key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    (tmp_path / "rsa.pub").write_bytes(line)
    with pytest.raises(UnsupportedError):
        PublicKey.load(tmp_path / "rsa.pub")
    (tmp_path / "rsa").write_bytes(
        rsa_key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
    )
    with pytest.raises(UnsupportedError):
        PrivateKey.load(tmp_path / "rsa")
    (tmp_path / "sk.pub").write_bytes(
        b"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIA== x\n"
    )
    with pytest.raises((UnsupportedError, TrustMissingError)):
        PublicKey.load(tmp_path / "sk.pub")


def test_a_file_of_several_ssh_keys_means_no_key(tmp_path: Path) -> None:
    _, public = ssh_pair(tmp_path, "ed25519")
    public.write_bytes(public.read_bytes() * 2)
    with pytest.raises(TrustMissingError, match="2 SSH keys"):
        PublicKey.load(public)


@pytest.mark.parametrize("line", [b"ssh-ed25519", b"ssh-ed25519 AAAA", b"ssh-ed25519 !!!! x"])
def test_a_broken_ssh_line_is_no_key(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "k.pub").write_bytes(line + b"\n")
    with pytest.raises(TrustMissingError):
        PublicKey.load(tmp_path / "k.pub")
