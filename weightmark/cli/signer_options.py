"""Options of every command that signs, and the signer that they name."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from weightmark.attestations.signers.interface import Signer
from weightmark.cli.options import option
from weightmark.errors import CallError

__all__ = ["load_signer", "passphrase_option", "read_passphrase"]

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


def load_signer(key: str | None, passphrase_file: str | None, *, command: str) -> Signer:
    """Return the signer that the options name; raises `CallError` when they name none."""
    from weightmark.attestations.keys import PrivateKey
    from weightmark.attestations.signers.local_key import LocalKeySigner

    if not key:
        raise CallError(
            "no signer was named",
            why="a signature needs a key, and no key is taken by itself",
            fix=(
                f"with a key file: `weightmark {command} --key release.key` (make one with `weightmark key generate`); "
                "keyless and hardware signing come with a later version"
            ),
        )
    return LocalKeySigner(PrivateKey.load(key, lambda path: read_passphrase(path, passphrase_file)))


def read_passphrase(
    path: str, passphrase_file: str | None, *, confirm: bool = False
) -> bytes | None:
    """Return the passphrase for the key at `path`: from a file, the environment, or a prompt on a terminal."""
    if passphrase_file:
        from weightmark.provenance.sidecars import read_bounded

        return read_bounded(Path(passphrase_file), limit=_MAX_PASSPHRASE).rstrip(b"\r\n")
    given = os.environ.get("WEIGHTMARK_PASSPHRASE")
    if given:
        return given.encode()
    if not sys.stdin.isatty():
        return None
    asked: str = click.prompt(
        f"Passphrase for {path}", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return asked.encode()
