"""Private keys on the command line: opened by file or URI, with a passphrase from a file, the environment or a prompt."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option

if TYPE_CHECKING:
    from weightmark.attestations.keys import SigningKey

__all__ = ["load_key", "passphrase_option", "pkcs11_module_option", "read_passphrase"]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_PASSPHRASE = 4096


def passphrase_option() -> Callable[[F], F]:
    """Add `--passphrase-file`; the environment variable and the prompt need no option."""
    return option(
        "--passphrase-file",
        metavar="FILE",
        type=click.Path(),
        help="File with the passphrase of the key (else WEIGHTMARK_PASSPHRASE, else a prompt)",
    )


def pkcs11_module_option() -> Callable[[F], F]:
    """Add `--pkcs11-module`."""
    return option(
        "--pkcs11-module",
        metavar="FILE",
        type=click.Path(),
        help="Library of the token, when the `pkcs11:` URI names none",
    )


def load_key(
    key: str,
    passphrase_file: str | None = None,
    *,
    pkcs11_module: str | None = None,
    offline: bool = False,
) -> "SigningKey":
    """Return the private key that a file name or a URI means; raises what `open_private_key` raises."""
    from weightmark.attestations.keys.opening import open_private_key

    return open_private_key(
        key,
        lambda name: read_passphrase(name, passphrase_file),
        pkcs11_module=pkcs11_module,
        offline=offline,
    )


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
