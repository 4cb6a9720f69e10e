"""`weightmark ledger admit`: change who may write, as its owners agree."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.parties import admissions, load_roots, party_named
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, MalformedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weightmark.provenance.ledger.admission import RegistrationPolicy, Submitter
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.note import NoteSigner

__all__ = ["admit"]

_MAX_KEY_FILE = 4096


@command("ledger admit")
@click.argument("who", metavar="[KEY|IDENTITY@ISSUER][:KIND]...", nargs=-1)
@ledger_option()
@log_key_option("Verifier key that the ledger must have, or its private key for PostgreSQL")
@option("--remove", metavar="KEY|IDENTITY@ISSUER", multiple=True, help="Admit this one no longer")
@option(
    "--owner-key",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Private key of an owner that signs the change (`recovery.key` unless others were named)",
)
@option(
    "--proposal",
    metavar="FILE",
    type=click.Path(),
    help="Where the change waits for further owners; one that is there is signed and completed",
)
@option(
    "--trusted-root",
    metavar="FILE",
    type=click.Path(),
    help="Trusted root that proves identities (default: Sigstore's public good instance)",
)
@option("--staging", is_flag=True, help="Identities are proven by Sigstore's staging instance")
@pass_console
def admit(
    console: Console,
    who: tuple[str, ...],
    *,
    ledger: str | None,
    log_key: str | None,
    remove: tuple[str, ...],
    owner_key: tuple[str, ...],
    proposal: str | None,
    trusted_root: str | None,
    staging: bool,
) -> None:
    """Change who may write to a ledger, and what: all kinds of entry, or those named.

    What is named replaces what a party was admitted for before: repeat the kinds that it keeps. The new policy becomes an entry once its owners signed it, as many as were agreed when the ledger
    was made. With `--proposal` they may sign one after the other, on machines of their own.
    """
    from weightmark.provenance.ledger.administration import (
        apply_proposal,
        owners_of_proposal,
        sign_proposal,
    )

    with open_ledger(ledger, log_key) as log:
        text = _text(log, who, remove, proposal, trusted_root, staging=staging)
        for name in owner_key:
            text = sign_proposal(text, _owner(name))
        policy = log.policy()
        signed = len(owners_of_proposal(policy, text)) if b"\n\n" in text else 0
        missing = policy.owners.threshold - signed
        index = None
        if missing <= 0:
            index = apply_proposal(log, text).index
        elif proposal is None:
            raise CallError(
                f"the change is signed by {signed} of its owners, and it takes {policy.owners.threshold}",
                fix="name their keys with `--owner-key`, or keep it for them with `--proposal FILE`",
            )
        before, now = policy, log.policy()
        facts = {
            "origin": log.origin,
            "index": index,
            "proposal": None if index is not None else proposal,
            "missing": max(0, missing),
            "admitted": [
                {"party": one.fingerprint, "kinds": sorted(one.kinds)} for one in now.submitters
            ],
        }
    if proposal and index is None:
        _keep(proposal, text)
    notice = f"entry {index}: from now on the new policy rules"
    if index is None:
        notice = f"`{proposal}` waits for {missing} more of its owners"
    console.finish(
        Document(
            schema="weightmark/ledger-admit/v1",
            exit=Exit.GOOD,
            facts=facts,
            notices=(notice, *_changes(before, now)),
        )
    )


def _changes(before: "RegistrationPolicy", now: "RegistrationPolicy") -> "Iterator[str]":
    """Say of each party whose kinds changed what they were and are."""
    was, are = (
        {one.fingerprint: _said(one) for one in policy.submitters} for policy in (before, now)
    )
    for party in sorted(was.keys() | are.keys()):
        if was.get(party) != are.get(party):
            yield f"{party}: {was.get(party, 'not admitted')} -> {are.get(party, 'not admitted')}"


def _said(one: "Submitter") -> str:
    return ", ".join(sorted(one.kinds)) or "observed only"


def _text(
    log: "Ledger",
    who: tuple[str, ...],
    remove: tuple[str, ...],
    proposal: str | None,
    trusted_root: str | None,
    *,
    staging: bool,
) -> bytes:
    """Return the proposal that waits, or a new one."""
    from weightmark.provenance.ledger.administration import propose_policy
    from weightmark.provenance.sidecars import read_named

    if proposal and Path(proposal).exists():
        if who or remove:
            raise CallError(
                f"`{proposal}` holds a change already",
                fix="leave the names out to sign it, or name another file",
            )
        return read_named(Path(proposal), "proposal")
    if not who and not remove:
        raise CallError("nobody is to be admitted or removed", fix="name a key or an identity")
    root, roots = load_roots(trusted_root, staging=staging)
    parties = [party_named(log, one) for one in remove]
    return propose_policy(log, admit=admissions(who, root), remove=parties, roots=roots)


def _owner(name: str) -> "NoteSigner":
    from weightmark.provenance.ledger.note import NoteSigner
    from weightmark.provenance.sidecars import read_named

    data = read_named(Path(name), "owner's key", limit=_MAX_KEY_FILE)
    try:
        return NoteSigner.parse(data.decode("utf-8", "replace").strip())
    except (MalformedError, UnsupportedError) as error:
        raise CallError(
            f"`{name}` is not the private key of an owner of a ledger",
            why=error.what,
            fix="name `recovery.key`, or the `owner-N.key` that was handed to you",
        ) from error


def _keep(path: str, text: bytes) -> None:
    from weightmark.provenance.atomic import replace_files

    replace_files({Path(path).resolve(): text})
