"""`weightmark key rotate`: hand over from one key to the next."""

from pathlib import Path

import click

from weightmark.attestations.keys.schemes import FILE, scheme_of
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.key.facts import key_facts
from weightmark.cli.moments import parse_moment
from weightmark.cli.options.common import option
from weightmark.cli.places import require_folder_of
from weightmark.cli.private_keys import load_key, passphrase_option, pkcs11_module_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["rotate"]


@command("key rotate", own_output=True)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@option(
    "--until",
    metavar="DATE",
    help="Last moment at which the rotation may be followed, as 2027-01-31 or 2027-01-31T12:00:00Z",
)
@passphrase_option()
@pkcs11_module_option()
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Rotation to write (default: beside NEW, ending in `.rotation`)",
)
@pass_console
def rotate(
    console: Console,
    old: str,
    new: str,
    *,
    until: str | None,
    passphrase_file: str | None,
    pkcs11_module: str | None,
    output: str | None,
) -> None:
    """Let the old private key say that the new one takes over, and the new one accept.

    Whoever trusts the old key can follow the file that is written. It is never overwritten. When
    the old key has leaked, do not rotate: revoke it, and announce the new one by another way.
    """
    from weightmark.attestations.predicates.key_rotation import KeyRotation
    from weightmark.provenance.atomic import create_file

    moment = parse_moment(until)
    path = _place(new, output)
    require_folder_of(path)
    before, after = (
        load_key(name, passphrase_file, pkcs11_module=pkcs11_module, offline=console.offline)
        for name in (old, new)
    )
    data = KeyRotation.sign(before, after, moment)
    try:
        create_file(path, data, mode=0o644)
    except FileExistsError as error:
        raise CallError(
            f"`{path}` exists and is not overwritten", fix="name another file with `--output FILE`"
        ) from error
    console.finish(
        Document(
            schema="weightmark/key-rotate/v1",
            exit=Exit.GOOD,
            facts={
                "rotation": str(path),
                "old": key_facts(before.public),
                "new": key_facts(after.public),
                "follow_until": f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None,
            },
            notices=(
                f"rotation  {path}   publish it beside the new public key",
                f"old key   {before.public.identity}",
                f"new key   {after.public.identity}",
            ),
        )
    )


def _place(new: str, output: str | None) -> Path:
    if output:
        return Path(output)
    if scheme_of(new) != FILE:
        raise CallError(
            "where to write the rotation was not said",
            why="the new key is in no file beside which it could stand",
            fix="name a file with `--output FILE`",
        )
    path = Path(new)
    return (
        path.with_suffix(".rotation")
        if path.suffix == ".key"
        else path.with_name(f"{path.name}.rotation")
    )
