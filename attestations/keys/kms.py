"""Keys in cloud services, reached through securesystemslib by the URIs that it defines."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any, Self

from weightmark.attestations.keys.public import PublicKey
from weightmark.attestations.keys.schemes import KMS_SCHEMES
from weightmark.errors import (
    CallError,
    ExtraMissingError,
    NetworkError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.bounded_time import within
from weightmark.values import dataclass

__all__ = ["KmsKey"]

PATIENCE = 30.0
"""seconds; a service that takes longer is given up"""
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
"""what the names of variables with secrets hold"""
_SHORTEST_SECRET = 6
_FORMS = {
    "awskms": (re.compile(r"[A-Za-z0-9:/_.-]{1,2048}"), "awskms:KEY-ID|ARN|alias/NAME"),
    "gcpkms": (
        re.compile(
            r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/\d+"
        ),
        "gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V",
    ),
    "azurekms": (
        re.compile(r"//([a-z0-9-]{3,24})\.vault\.azure\.net/keys/([A-Za-z0-9-]+)/([0-9a-f]+)"),
        "azurekms://VAULT.vault.azure.net/keys/NAME/VERSION",
    ),
    "hv": (re.compile(r"([A-Za-z0-9_.-]+)(?:/(\d{1,9}))?"), "hv:NAME or hv:NAME/VERSION"),
}
"""what follows each scheme, and how it is shown"""
_SIGNERS = {
    "awskms": "AWSSigner",
    "gcpkms": "GCPSigner",
    "azurekms": "AzureSigner",
    "hv": "VaultSigner",
}
"""classes of securesystemslib"""


@dataclass(frozen=True, eq=False)
class KmsKey:
    """A private key that never leaves the service; credentials come from the environment, as the service defines."""

    public: PublicKey
    """the public half, as the service gave it when the key was opened"""
    name: str
    """its URI"""
    signer: Any = field(repr=False)
    """the signer of securesystemslib"""
    patience: float = PATIENCE
    """seconds that the service may take for one answer"""

    @classmethod
    def open(cls, uri: str, *, patience: float = PATIENCE) -> Self:
        """Ask the service for the public key, and wait `patience` seconds at most; nothing is signed yet.

        Raises `CallError` for a wrong URI, `ExtraMissingError`, `UnsupportedError` for a key of
        another type, and `NetworkError` with what the service said.
        """
        scheme, parts = _parse(uri)
        with _translated(uri, scheme):
            own_uri, key = within(patience, lambda: _IMPORTS[scheme](parts))
            public = _public(key, uri)
            signer = _signer_class(scheme).from_priv_key_uri(own_uri, key)
        return cls(public, uri, signer, patience)

    def sign(self, message: bytes) -> bytes:
        """Let the service sign `message`, and check what it answers; raises `NetworkError` or `UncheckedError`."""
        with _translated(self.name, self.name.partition(":")[0]):
            answer = within(self.patience, lambda: self.signer.sign(message))
            signature = bytes.fromhex(answer.signature)
        if not self.public.verifies(signature, message):
            raise UncheckedError(
                f"what the service signed with `{self.name}` does not fit its public key",
                why="the key may have been rotated meanwhile",
                fix="name the version of the key in the URI, and try again",
            )
        return signature


def _parse(uri: str) -> tuple[str, re.Match[str]]:
    scheme, _, rest = uri.partition(":")
    if scheme not in _FORMS:
        raise CallError(
            f"`{scheme}` is no key service", fix=f"use one of {', '.join(f'{s}:' for s in _FORMS)}"
        )
    form, shown = _FORMS[scheme]
    match = form.fullmatch(rest)
    if match is None:
        raise CallError(f"`{uri}` names no key", fix=f"write it as `{shown}`")
    return scheme, match


def _import_aws(parts: re.Match[str]) -> tuple[str, Any]:
    # Without a scheme securesystemslib takes the first that fits, and for an EC key that is its own.
    return _imported("awskms", parts[0])


def _import_gcp(parts: re.Match[str]) -> tuple[str, Any]:
    return _imported("gcpkms", parts[0])


def _import_azure(parts: re.Match[str]) -> tuple[str, Any]:
    uri, key = _imported("azurekms", parts[1], parts[2])
    if not uri.endswith(f"/{parts[3]}"):
        raise UnsupportedError(
            f"`azurekms:{parts[0]}` is not the newest version of the key",
            why="the service's library gives the public key of the newest one only",
            fix=f"sign with `{uri}`",
        )
    return uri, key


def _import_vault(parts: re.Match[str]) -> tuple[str, Any]:
    uri, key = _imported("hv", parts[1])
    if parts[2] and not uri.endswith(f"/{parts[2]}"):
        raise UnsupportedError(
            f"`hv:{parts[0]}` is not the newest version of the key",
            why="the service's library gives the public key of the newest one only",
            fix=f"sign with `{uri}`",
        )
    return uri, key


_IMPORTS: dict[str, Callable[[re.Match[str]], tuple[str, Any]]] = {
    "awskms": _import_aws,
    "gcpkms": _import_gcp,
    "azurekms": _import_azure,
    "hv": _import_vault,
}


def _imported(scheme: str, *name: str) -> tuple[str, Any]:
    uri, key = _signer_class(scheme).import_(*name)
    return str(uri), key


def _signer_class(scheme: str) -> Any:
    from securesystemslib import signer

    return getattr(signer, _SIGNERS[scheme])


def _public(key: Any, uri: str) -> PublicKey:
    """Read the key as securesystemslib keeps it: hex for Ed25519, PEM for the others."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    text, what = str(key.keyval["public"]), f"the key `{uri}`"
    if key.keytype == "ed25519":
        return PublicKey.of(Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)), what)
    return PublicKey.from_pem(text.encode("ascii"), what=what)


@contextmanager
def _translated(uri: str, scheme: str) -> Iterator[None]:
    """Turn whatever the service's library raises into errors of our own that carry its text."""
    from securesystemslib.exceptions import UnsupportedAlgorithmError, UnsupportedLibraryError

    try:
        yield
    except WeightmarkError:
        raise
    except UnsupportedLibraryError as error:
        raise ExtraMissingError(
            f"keys with `{scheme}:` need a library that is not installed",
            why=str(error),
            fix=f"run `python -m pip install 'weightmark[{KMS_SCHEMES[scheme]}]'`",
        ) from error
    except UnsupportedAlgorithmError as error:
        raise UnsupportedError(
            f"the key `{uri}` has a type that is not supported", why=_words(error)
        ) from error
    except Exception as error:
        raise NetworkError(
            f"the key service did not do its work for `{uri}`",
            why=f"{type(error).__name__}: {_words(error)}",
            fix="check the credentials in the environment, the key's name and the network",
        ) from error


def _words(error: Exception) -> str:
    """Return what a service said on one line, without the secrets that it was given."""
    text = " ".join(str(error).split())
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "[secret]")
    return text[:300]
