"""Options of every command that signs, and the signers that they name."""

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from weightmark.attestations.signers.interface import Signer
from weightmark.cli.keyless_options import (
    KEYLESS_PARAMETERS,
    keyless_options,
    load_keyless_signer,
    names_keyless,
)
from weightmark.cli.options import FILE_OR_URI, option
from weightmark.errors import CallError, NetworkError

if TYPE_CHECKING:
    from weightmark.attestations.keys import SigningKey

__all__ = [
    "SignerRequest",
    "key_scheme",
    "load_key",
    "load_signer",
    "passphrase_option",
    "read_passphrase",
    "signer_options",
]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_PASSPHRASE = 4096
_PKCS11 = "pkcs11:"


def passphrase_option() -> Callable[[F], F]:
    """Add `--passphrase-file`; the environment variable and the prompt need no option."""
    return option(
        "--passphrase-file",
        metavar="FILE",
        type=click.Path(),
        help="File with the passphrase of the key (else WEIGHTMARK_PASSPHRASE, else a prompt)",
    )


def _options(*, several: bool) -> tuple[Callable[[Any], Any], ...]:
    key_help = "Private key: a file, `pkcs11:…`, `awskms:…`, `gcpkms:…`, `azurekms:…` or `hv:…`"
    return (
        option(
            "--key",
            metavar="FILE|URI",
            type=FILE_OR_URI,
            aliases=("--private-key", "--private_key", "--pkcs11_uri"),
            multiple=several,
            once=not several,
            help=f"{key_help}; may be given several times, all sign" if several else key_help,
        ),
        passphrase_option(),
        option(
            "--pq-key",
            metavar="FILE",
            type=click.Path(),
            help="ML-DSA-65 key that signs as well, against quantum computers",
        ),
        option(
            "--signing-cert",
            metavar="FILE",
            type=click.Path(),
            aliases=("--signing_certificate",),
            help="Certificate of the key (PEM); it goes into the signature",
        ),
        option(
            "--cert-chain",
            metavar="FILE",
            type=click.Path(),
            multiple=True,
            aliases=("--certificate_chain", "--certificate-chain"),
            help="Authorities of that certificate, its issuer first; may be given several times",
        ),
        option(
            "--pkcs11-module",
            metavar="FILE",
            type=click.Path(),
            help="Library of the token, when the `pkcs11:` URI names none",
        ),
        option(
            "--tsa-url",
            metavar="URL",
            multiple=True,
            help="Ask this authority for a timestamp (RFC 3161); may be given several times",
        ),
        option(
            "--require-timestamp",
            is_flag=True,
            help="Refuse to sign without a timestamp",
        ),
    )


_NAMES = (
    "key",
    "passphrase_file",
    "pq_key",
    "signing_cert",
    "cert_chain",
    "pkcs11_module",
    "tsa_url",
    "require_timestamp",
)


def signer_options(*, several: bool = False) -> Callable[[F], F]:
    """Add every option that says who signs; they arrive together as `signer: SignerRequest`.

    With `several`, `--key` may be given more than once. It stands below the other options of the
    command, because it takes what it adds out of the call.
    """

    def decorate(function: F) -> F:
        names = (*_NAMES, *KEYLESS_PARAMETERS)

        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            request = SignerRequest.of({name: given.pop(name) for name in names})
            return function(*args, signer=request, **given)

        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.name != "signer"]
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        call.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined] # functions take it
        decorated: Any = keyless_options()(call)
        for add in reversed(_options(several=several)):
            decorated = add(decorated)
        return decorated  # type: ignore[no-any-return] # a function with more options

    return decorate


@dataclass(frozen=True, slots=True)
class SignerRequest:
    """What the options say about who signs."""

    keys: tuple[str, ...] = ()
    """files or URIs of private keys; the first makes `model.sig`"""
    passphrase_file: str | None = None
    """file with the passphrase or PIN"""
    pq_key: str | None = None
    """file of an ML-DSA-65 key"""
    certificate: str | None = None
    """PEM file with the certificate of the only key"""
    chain: tuple[str, ...] = ()
    """PEM files with the authorities of the certificate"""
    pkcs11_module: str | None = None
    """library of the token"""
    tsa_urls: tuple[str, ...] = ()
    """time-stamping authorities"""
    require_timestamp: bool = False
    """whether a signature without a timestamp is an error"""
    keyless: Mapping[str, Any] = field(default_factory=dict)
    """the options of keyless signing"""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Take what click parsed."""
        keys = given["key"] or ()
        return cls(
            keys=(keys,) if isinstance(keys, str) else tuple(keys),
            passphrase_file=given["passphrase_file"],
            pq_key=given["pq_key"],
            certificate=given["signing_cert"],
            chain=tuple(given["cert_chain"]),
            pkcs11_module=given["pkcs11_module"],
            tsa_urls=tuple(given["tsa_url"]),
            require_timestamp=bool(given["require_timestamp"]),
            keyless={name: given[name] for name in KEYLESS_PARAMETERS},
        )

    @property
    def key_file(self) -> Path | None:
        """The file of the first key, if it lies in one."""
        return Path(self.keys[0]) if self.keys and key_scheme(self.keys[0]) == "" else None

    def load(self, *, command: str, offline: bool = False) -> tuple[Signer, ...]:
        """Return the signers, at least one.

        `command` stands in hints. Raises `CallError` for none and for options that do not go
        together, `NetworkError` when `offline` forbids what they need, and whatever keys raise.
        """
        _refuse_contradictions(self)
        signers = (
            self._by_keys(offline=offline)
            if self.keys
            else (self._keyless(command, offline=offline),)
        )
        return (*signers, *self._post_quantum())

    def _keyless(self, command: str, *, offline: bool) -> Signer:
        given = dict(self.keyless)
        if not names_keyless(given):
            _require_ambient(command)
            given["keyless"] = True
        return load_keyless_signer(given, require_timestamp=self.require_timestamp, offline=offline)

    def _by_keys(self, *, offline: bool) -> tuple[Signer, ...]:
        from weightmark.attestations.signers.key import KeySigner

        if self.certificate:
            from weightmark.attestations.signers.certificate import CertificateSigner

            held = self._load(self.keys[0], offline=offline)
            found: tuple[Signer, ...] = (
                CertificateSigner.load(held, self.certificate, self.chain),
            )
        else:
            found = tuple(KeySigner(self._load(key, offline=offline)) for key in self.keys)
        return tuple(_timestamped(one, self.tsa_urls, offline=offline) for one in found)

    def _load(self, key: str, *, offline: bool) -> "SigningKey":
        return load_key(
            key, self.passphrase_file, pkcs11_module=self.pkcs11_module, offline=offline
        )

    def _post_quantum(self) -> tuple[Signer, ...]:
        from weightmark.attestations.keys.kinds import POST_QUANTUM
        from weightmark.attestations.signers.key import KeySigner

        if not self.pq_key:
            return ()
        key = load_key(self.pq_key, self.passphrase_file)
        if key.public.kind != POST_QUANTUM:
            raise CallError(
                f"`{self.pq_key}` is of the type {key.public.kind}, which a quantum computer breaks",
                fix="make one with `weightmark key generate --type ml-dsa-65`, or sign with this one by `--key`",
            )
        return (KeySigner(key),)


def load_signer(key: str | None, passphrase_file: str | None, *, command: str) -> Signer:
    """Return the signer of commands that take one key; raises `CallError` when it is not named."""
    request = SignerRequest(keys=(key,) if key else (), passphrase_file=passphrase_file)
    return request.load(command=command)[0]


def load_key(
    key: str,
    passphrase_file: str | None = None,
    *,
    pkcs11_module: str | None = None,
    offline: bool = False,
) -> "SigningKey":
    """Return the private key that a file name or a URI means; raises what the keys raise."""
    scheme = key_scheme(key)
    if scheme == _PKCS11:
        from weightmark.attestations.keys.pkcs11 import Pkcs11Key
        from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri

        return Pkcs11Key.open(
            Pkcs11Uri.parse(key),
            lambda token: read_passphrase(token, passphrase_file),
            module=Path(pkcs11_module) if pkcs11_module else None,
        )
    if scheme:
        from weightmark.attestations.keys.kms import KmsKey

        if offline:
            raise NetworkError(
                f"the key `{key}` is in a service, and `--offline` forbids the network",
                fix="leave `--offline` out, or sign with a key in a file or a token",
            )
        return KmsKey.open(key)
    from weightmark.attestations.keys import PrivateKey

    return PrivateKey.load(key, lambda path: read_passphrase(path, passphrase_file))


def read_passphrase(
    path: str, passphrase_file: str | None, *, confirm: bool = False
) -> bytes | None:
    """Return the passphrase for the key at `path`, or the PIN of a token: from a file, the environment, or a prompt."""
    if passphrase_file:
        from weightmark.provenance.sidecars import read_named

        found = read_named(Path(passphrase_file), "passphrase", limit=_MAX_PASSPHRASE)
        return found.rstrip(b"\r\n")
    given = os.environ.get("WEIGHTMARK_PASSPHRASE")
    if given:
        return given.encode()
    if not sys.stdin.isatty():
        return None
    asked: str = click.prompt(
        f"Passphrase for {path}", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return asked.encode()


def key_scheme(key: str) -> str:
    """Return `pkcs11:` or the scheme of a key service; empty for a file."""
    from weightmark.attestations.keys.kms import KMS_SCHEMES

    head, colon, _ = key.partition(":")
    return f"{head}:" if colon and (head in KMS_SCHEMES or f"{head}:" == _PKCS11) else ""


def _refuse_contradictions(asked: SignerRequest) -> None:
    keyless = names_keyless(asked.keyless)
    if asked.keys and keyless:
        raise CallError(
            "a key and a keyless signer are both named",
            why="which of them signs can't be guessed",
            fix="sign with one of them, and add the other with `sign --add`",
        )
    if asked.chain and not asked.certificate:
        raise CallError(
            "`--cert-chain` needs `--signing-cert`",
            fix="name the certificate of the key with `--signing-cert FILE`",
        )
    if asked.certificate and len(asked.keys) != 1:
        raise CallError(
            f"`--signing-cert` goes with one key, and {len(asked.keys)} are named",
            fix="name the key of the certificate with `--key`; add other signers with `sign --add`",
        )
    if asked.pkcs11_module and not any(key_scheme(key) == _PKCS11 for key in asked.keys):
        raise CallError(
            "`--pkcs11-module` needs a key in a token",
            fix="name it with `--key 'pkcs11:token=NAME;object=LABEL'`",
        )
    if asked.tsa_urls and not asked.keys:
        raise CallError(
            "`--tsa-url` goes with `--key`",
            why="keyless signatures are timestamped by the authority of their Sigstore instance",
            fix="leave it out, or sign with a key",
        )
    if asked.require_timestamp and asked.keys and not asked.tsa_urls:
        raise CallError(
            "a timestamp is required, and no authority is named",
            fix="name one with `--tsa-url URL`",
        )


def _timestamped(signer: Signer, urls: Sequence[str], *, offline: bool) -> Signer:
    if not urls:
        return signer
    from weightmark.attestations.signers.timestamped import TimestampedSigner
    from weightmark.attestations.timestamping import TimestampClient

    authorities = TimestampClient(tuple(dict.fromkeys(urls)))
    if offline:
        raise NetworkError(
            "a timestamp needs the network, and `--offline` forbids it",
            fix="leave `--offline` out, or sign without `--tsa-url`",
        )
    return TimestampedSigner(signer, authorities)


def _require_ambient(command: str) -> None:
    """Accept the identity of the CI job that this is; raises `CallError` when there is none."""
    from weightmark.attestations.signers.keyless.ambient import ambient_provider
    from weightmark.attestations.signers.keyless.sources import TOKEN_VARIABLES

    if any(os.environ.get(name) for name in TOKEN_VARIABLES) or ambient_provider(os.environ):
        return
    words = shlex.join(["weightmark", *shlex.split(command)])
    raise CallError(
        "no signer was named",
        why="a signature needs a signer, and no key is taken by itself",
        fix=(
            f"with a key file: `{words} --key release.key` (make one with `weightmark key generate`); "
            f"keyless, as who you are: `{words} --keyless`; "
            f"with a token or an HSM: `{words} --key 'pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/…so'`"
        ),
    )
