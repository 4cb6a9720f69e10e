"""`weightmark key generate`: make a key pair."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.key.facts import key_facts
from weightmark.cli.options.common import option
from weightmark.cli.places import require_folder_of
from weightmark.cli.private_keys import passphrase_option, read_passphrase
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.keys import PrivateKey

__all__ = ["generate"]

_TYPES = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "ml-dsa-65")


@command("key generate", own_output=True)
@option(
    "--type",
    "kind",
    type=click.Choice(_TYPES),
    default="ecdsa-p256",
    show_default=True,
    help="Kind of key; the reference verifier knows the ECDSA ones, ml-dsa-65 is for `--pq-key`",
)
@option(
    "--encrypt",
    is_flag=True,
    help="Protect the key with a passphrase, asked for if it is not given",
)
@passphrase_option()
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="release.key",
    show_default=True,
    help="Private key to write; the public one goes beside it as `.pub`",
)
@pass_console
def generate(
    console: Console, kind: str, output: str, *, encrypt: bool, passphrase_file: str | None
) -> None:
    """Make a key pair: the private key signs, the public key is for everybody.

    Writes `release.key` (mode 0600) and `release.pub` unless `--output` says otherwise, and never
    overwrites. The key is encrypted when a passphrase is given.
    """
    from weightmark.attestations.keys import PrivateKey

    path = Path(output)
    public_path = (
        path.with_suffix(".pub") if path.suffix == ".key" else path.with_name(path.name + ".pub")
    )
    require_folder_of(path)
    _refuse_existing(path, public_path)
    passphrase = _passphrase_for(path, passphrase_file, encrypt=encrypt)
    key = PrivateKey.generate(kind)
    _write_pair(path, public_path, key, passphrase)
    console.finish(
        Document(
            schema="weightmark/key-generate/v1",
            exit=Exit.GOOD,
            facts={
                "private_key": str(path),
                "public_key": str(public_path),
                **key_facts(key.public),
                "encrypted": bool(passphrase),
            },
            notices=(
                f"private key  {path}   keep it; whoever has it signs in your name",
                f"public key   {public_path}   give it to whoever verifies",
                f"fingerprint  {key.public.identity}",
                f"key id       {key.public.hint}   the same key, as signatures name it",
            ),
        )
    )


def _passphrase_for(path: Path, passphrase_file: str | None, *, encrypt: bool) -> bytes | None:
    import os

    if not encrypt and not passphrase_file and not os.environ.get("WEIGHTMARK_PASSPHRASE"):
        return None
    passphrase = read_passphrase(str(path), passphrase_file, confirm=True)
    if not passphrase:
        raise CallError(
            "the passphrase is empty or was not given",
            fix="set `WEIGHTMARK_PASSPHRASE`, use `--passphrase-file`, or run in a terminal to be asked",
        )
    return passphrase


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists() or path.is_symlink():
            raise _occupied(path)


def _occupied(path: Path) -> CallError:
    return CallError(
        f"`{path}` exists and is not overwritten",
        why="a lost private key can't be made again",
        fix="name another file with `--output FILE`, or move the old one away",
    )


def _write_pair(path: Path, public_path: Path, key: "PrivateKey", passphrase: bytes | None) -> None:
    from weightmark.provenance.atomic import create_file

    try:
        create_file(path, key.to_pem(passphrase))
    except FileExistsError as error:
        raise _occupied(path) from error
    try:
        create_file(public_path, key.public.pem, mode=0o644)
    except FileExistsError as error:
        path.unlink()
        raise _occupied(public_path) from error
    except BaseException:
        path.unlink()
        raise
