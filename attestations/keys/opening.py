"""Opening private keys: by the name of a file, or by the URI of a token or a key service."""

import os
from pathlib import Path

from weightmark.attestations.keys.interface import SigningKey
from weightmark.attestations.keys.private import Passphrase, PrivateKey
from weightmark.attestations.keys.schemes import FILE, PKCS11, scheme_of
from weightmark.errors import NetworkError

__all__ = ["open_private_key", "secret_file_of"]


def open_private_key(
    word: str,
    passphrase: Passphrase | None = None,
    *,
    pkcs11_module: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> SigningKey:
    """Return the private key that a file name or a URI means.

    `passphrase` is asked for the passphrase of a file or the PIN of a token; `pkcs11_module` is the
    token's library when the URI names none. Raises `NetworkError` when `offline` forbids the key,
    and what `PrivateKey.load`, `Pkcs11Key.open` and `KmsKey.open` raise.
    """
    scheme = scheme_of(word)
    if scheme == FILE:
        return PrivateKey.load(word, passphrase)
    if scheme == PKCS11:
        from weightmark.attestations.keys.pkcs11 import Pkcs11Key
        from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri

        return Pkcs11Key.open(
            Pkcs11Uri.parse(word),
            passphrase or (lambda _token: None),
            module=Path(pkcs11_module) if pkcs11_module else None,
        )
    from weightmark.attestations.keys.kms import KmsKey

    if offline:
        raise NetworkError(
            f"the key `{word}` is in a service, and `--offline` forbids the network",
            fix="leave `--offline` out, or sign with a key in a file or a token",
        )
    return KmsKey.open(word)


def secret_file_of(word: str) -> Path | None:
    """Return the file that holds the secret: the key itself, or the PIN of a token; None for a service."""
    scheme = scheme_of(word)
    if scheme == FILE:
        return Path(word)
    if scheme == PKCS11:
        from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri

        return Pkcs11Uri.parse(word).pin_file
    return None
