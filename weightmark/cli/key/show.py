"""`weightmark key show`: type and fingerprint of a key, wherever it is held."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.key.facts import certificate_facts, key_facts, load_public
from weightmark.cli.options.common import option
from weightmark.cli.private_keys import passphrase_option, pkcs11_module_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["show"]


@command("key show")
@click.argument("path", metavar="KEY")
@option("--public", is_flag=True, help="Print the public key as PEM")
@passphrase_option()
@pkcs11_module_option()
@pass_console
def show(
    console: Console,
    path: str,
    *,
    public: bool,
    passphrase_file: str | None,
    pkcs11_module: str | None,
) -> None:
    """Show the type and fingerprint of a key: a file, a certificate, or a URI as for `--key`.

    `key show --public URI -o release.pub` writes the public key of a token or a key service.
    """
    if console.output != "-" and console.format == "text" and not public:
        raise CallError(
            "`--output` would write a table for people, which is no key file",
            fix="add `--public` for the public key in PEM form, or `--format json`",
        )
    key, certificate = load_public(path, passphrase_file, pkcs11_module, offline=console.offline)
    pem = key.pem.decode("ascii")
    said = certificate_facts(certificate) if certificate else {}
    lines = (
        f"type         {key.kind}",
        f"fingerprint  {key.identity}",
        f"key id       {key.hint}   the same key, as signatures name it",
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
