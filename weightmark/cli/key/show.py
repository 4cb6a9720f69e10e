"""`weightmark key show`: type and fingerprint of a key, wherever it is held."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.key.facts import certificate_facts, key_facts, load_public
from weightmark.cli.options import option
from weightmark.cli.render.interface import Document
from weightmark.cli.signer_options import passphrase_option
from weightmark.errors import Exit

__all__ = ["show"]


@command("key show")
@click.argument("path", metavar="KEY")
@option("--public", is_flag=True, help="Print the public key as PEM.")
@passphrase_option()
@option(
    "--pkcs11-module",
    metavar="FILE",
    type=click.Path(),
    help="Library of the token, when the `pkcs11:` URI names none",
)
@pass_console
def show(
    console: Console,
    path: str,
    *,
    public: bool,
    passphrase_file: str | None,
    pkcs11_module: str | None,
) -> None:
    """Show the type and fingerprint of a key: a file, a certificate, or a URI as for `--key`."""
    key, certificate = load_public(path, passphrase_file, pkcs11_module, offline=console.offline)
    pem = key.pem.decode("ascii")
    said = certificate_facts(certificate) if certificate else {}
    lines = (
        f"type         {key.kind}",
        f"fingerprint  {key.identity}",
        f"OMS hint     {key.hint}",
        *(f"{name.replace('_', ' '):12} {value}" for name, value in said.items()),
    )
    console.finish(
        Document(
            schema="weightmark/key-show/v1",
            exit=Exit.GOOD,
            facts={**key_facts(key), "pem": pem, "certificate": said or None},
            lines=tuple(pem.splitlines()) if public else lines,
        )
    )
