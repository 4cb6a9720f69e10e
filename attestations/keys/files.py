"""Key files: read with a bound, and told apart by their first line."""

from pathlib import Path

from weightmark.attestations.keys.schemes import FILE, scheme_of, without_pin
from weightmark.errors import CallError, TrustMissingError, WeightmarkError
from weightmark.provenance.sidecars import read_named

__all__ = ["is_private", "is_ssh_private", "is_ssh_public", "read_key_file"]

_MAX_KEY_FILE = 64 * 1024
_SSH_TYPES = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")


def read_key_file(path: Path) -> bytes:
    """Read a key file; raises `CallError` when there is none, `TrustMissingError` when it can't be read."""
    _refuse_uri(str(path))
    try:
        return read_named(path, "key", limit=_MAX_KEY_FILE)
    except CallError:
        raise
    except WeightmarkError as error:
        raise TrustMissingError(
            f"no key can be read from `{path}`", why=error.what, fix="check the path"
        ) from error


def _refuse_uri(word: str) -> None:
    if scheme_of(word) != FILE:
        raise CallError(
            f"`{without_pin(word)}` is a URI, and this call needs a file with a key",
            why="a URI names a private key that signs, and whoever verifies needs the public one",
            fix="write it into a file with `weightmark key show --public URI -o release.pub`",
        )


def is_private(data: bytes) -> bool:
    """Tell whether the bytes hold a private key in PEM or OpenSSH form."""
    return b"PRIVATE KEY-----" in data


def is_ssh_private(data: bytes) -> bool:
    """Tell whether the bytes are a private key as `ssh-keygen` writes it."""
    return b"-----BEGIN OPENSSH PRIVATE KEY-----" in data


def is_ssh_public(data: bytes) -> bool:
    """Tell whether the bytes are a public key as `ssh-keygen` writes it: one line."""
    return data.lstrip().startswith(_SSH_TYPES)
