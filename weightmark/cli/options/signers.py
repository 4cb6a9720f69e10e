"""Options of every command that signs, and the signers that they name."""

import inspect
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import wraps
from typing import Any, Self, TypeVar

import click

from weightmark.attestations.signers.choice import SignerChoice
from weightmark.attestations.signers.interface import Signer
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.keyless import (
    KEYLESS_PARAMETERS,
    keyless_options,
    load_keyless_signer,
    names_keyless,
)
from weightmark.cli.private_keys import passphrase_option, pkcs11_module_option, read_passphrase
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["SignerRequest", "load_signer", "passphrase_option", "signer_options"]

F = TypeVar("F", bound=Callable[..., Any])


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
        pkcs11_module_option(),
        option(
            "--tsa-url",
            metavar="URL",
            multiple=True,
            help="Ask this authority for a timestamp (RFC 3161); may be given several times",
        ),
        option(
            "--tsa-chain",
            metavar="FILE",
            type=click.Path(),
            multiple=True,
            help="Certificates (PEM) of one such authority; timestamps by others are refused; may be given several times",
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
    "tsa_chain",
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

    choice: SignerChoice
    """the signers that are named"""
    keyless: Mapping[str, Any] = field(default_factory=dict)
    """the options of keyless signing"""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Take what click parsed."""
        keys = given["key"] or ()
        passphrase_file = given["passphrase_file"]
        choice = SignerChoice(
            keys=(keys,) if isinstance(keys, str) else tuple(keys),
            passphrase=lambda name: read_passphrase(name, passphrase_file),
            passphrase_file=passphrase_file,
            pq_key=given["pq_key"],
            signing_cert=given["signing_cert"],
            cert_chain=tuple(given["cert_chain"]),
            pkcs11_module=given["pkcs11_module"],
            tsa_urls=tuple(given["tsa_url"]),
            tsa_chains=tuple(given["tsa_chain"]),
            require_timestamp=bool(given["require_timestamp"]),
        )
        return cls(choice, {name: given[name] for name in KEYLESS_PARAMETERS})

    def load(self, *, command: str, offline: bool = False) -> tuple[Signer, ...]:
        """Return the signers, at least one.

        `command` stands in hints. Raises `CallError` for none, and what `SignerChoice.load` raises.
        """
        given = dict(self.keyless)
        if self.choice.is_empty and not names_keyless(given):
            _require_ambient(command)
            given["keyless"] = True
        choice = self.choice
        if names_keyless(given):
            choice = replace(choice, keyless=lambda: self._keyless(given, offline=offline))
        return choice.load(offline=offline)

    def _keyless(self, given: Mapping[str, Any], *, offline: bool) -> Signer:
        needed = self.choice.require_timestamp
        return load_keyless_signer(given, require_timestamp=needed, offline=offline)


def load_signer(key: str | None, passphrase_file: str | None, *, command: str) -> Signer:
    """Return the signer of commands that take one key; raises `CallError` when it is not named."""
    choice = SignerChoice(
        keys=(key,) if key else (), passphrase=lambda name: read_passphrase(name, passphrase_file)
    )
    return SignerRequest(choice).load(command=command)[0]


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
