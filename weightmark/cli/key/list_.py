"""`weightmark key list`: the keys and certificates in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.keys.files import is_private, is_ssh_public, read_key_file
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.key.facts import certificate_facts, certificate_in
from weightmark.cli.places import require_folder
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit, KeyLockedError, NoInputError, WeightmarkError

__all__ = ["list_"]

_LARGEST = 64 * 1024


@command("key list")
@click.argument("folder", metavar="DIR", default=".")
@pass_console
def list_(console: Console, folder: str) -> None:
    """List the keys and certificates in a folder, with their fingerprints; no passphrase is asked for."""
    require_folder(Path(folder))
    found = [_look(path) for path in _candidates(Path(folder))]
    if not found:
        raise NoInputError(
            f"there is no key in `{folder}`", fix="make one with `weightmark key generate`"
        )
    console.finish(
        Document(
            schema="weightmark/key-list/v1",
            exit=Exit.GOOD,
            facts={"folder": folder, "keys": found},
            lines=tuple(_line(one) for one in found),
        )
    )


def _candidates(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        try:
            small = path.is_file() and path.stat().st_size <= _LARGEST
            if small and _is_key(read_key_file(path)):
                yield path
        except (OSError, WeightmarkError):
            continue


def _is_key(data: bytes) -> bool:
    marks = (b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN CERTIFICATE-----")
    return is_private(data) or is_ssh_public(data) or any(mark in data for mark in marks)


def _look(path: Path) -> dict[str, Any]:
    """Say what a file holds; what can't be opened is listed with the reason."""
    facts: dict[str, Any] = {
        "path": str(path),
        "holds": "private key",
        "type": None,
        "fingerprint": None,
        "oms_hint": None,
        "not_after": None,
        "problem": None,
    }
    try:
        key, facts["holds"], facts["not_after"] = _open(path)
    except KeyLockedError:
        return {**facts, "problem": "encrypted"}
    except WeightmarkError as error:
        return {**facts, "holds": "key", "problem": error.what}
    return {
        **facts,
        "type": key.kind,
        "fingerprint": key.identity,
        "oms_hint": f"sha256:{key.hint}",
    }


def _open(path: Path) -> tuple[PublicKey, str, str | None]:
    data = read_key_file(path)
    if is_private(data):
        return PrivateKey.load(path).public, "private key", None
    certificate = certificate_in(data, f"`{path}`")
    if certificate is None:
        return PublicKey.from_pem(data, what=f"`{path}`"), "public key", None
    key = PublicKey.of(certificate.public_key(), f"`{path}`", in_certificate=True)
    return key, "certificate", str(certificate_facts(certificate)["not_after"])


def _line(facts: dict[str, Any]) -> str:
    until = f"  until {facts['not_after']}" if facts["not_after"] else ""
    said = (
        f"{facts['type']}  {facts['fingerprint']}  key id {_hint(facts)}{until}"
        if facts["type"]
        else facts["problem"]
    )
    return f"{facts['path']}  {facts['holds']}  {said}"


def _hint(facts: dict[str, Any]) -> str:
    return str(facts["oms_hint"]).removeprefix("sha256:")
