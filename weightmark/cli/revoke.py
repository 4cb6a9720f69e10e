"""`weightmark revoke`: say in a ledger that something no longer counts."""

import shlex
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_line, receipt_facts
from weightmark.cli.ledger.parties import parse_identity, subject_named
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.responding import responding_options
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightmark.attestations.ledger.revocations import Revocation

__all__ = ["revoke"]


@command("revoke")
@click.argument("word", metavar="DIGEST|PATH|IDENTITY@ISSUER|KEY")
@ledger_option()
@log_key_option("Verifier key that the ledger must have, or its private key for PostgreSQL")
@option("--reason", metavar="TEXT", help="Why, for people; shown with every refusal")
@option(
    "--since",
    metavar="DATE",
    help="Of a signer: spare claims that a verified clock proves to be older (default: none)",
)
@option("--reinstate", is_flag=True, help="Say that its revocations were a mistake")
@signer_options()
@events_options()
@responding_options("it is revoked")
@pass_console
def revoke(
    console: Console,
    word: str,
    *,
    ledger: str | None,
    log_key: str | None,
    reason: str | None,
    since: str | None,
    reinstate: bool,
    signer: SignerRequest,
) -> None:
    """Revoke an artifact, a file, a claim, a key or an identity in a ledger; PATH is an artifact's folder.

    From then on `verify` and `gate` with this ledger say `revoked at #n`, also of whatever descends
    from it. Whatever holds a revoked file, by its content and not by its name, is revoked with it, and so
    is what was made from that: `weightmark impact` lists them first. Without the role `revoke` a signer
    revokes its own key and claims only. With `--reinstate` its revocations are lifted as soon as two of
    the role say so.
    """
    from weightmark.attestations.ledger.revoking import reinstate as lift
    from weightmark.attestations.ledger.revoking import revocations_of
    from weightmark.attestations.ledger.revoking import revoke as enter
    from weightmark.attestations.ledger.silencing import is_anybody_left
    from weightmark.provenance.ledger.private import identity_value

    if not reason:
        raise CallError("no reason is given", fix="say why, for people: `--reason TEXT`")
    if reinstate and since:
        raise CallError("`--since` goes with a revocation, not with `--reinstate`")
    moment = parse_beginning(since)
    (who,) = signer.load(command=f"revoke {shlex.quote(word)}", offline=console.offline)
    identity = parse_identity(word)
    with open_ledger(ledger, log_key) as log:
        subject = subject_named(console, log, word)
        if moment and not subject.is_party:
            raise CallError("content has no date from which it is bad", fix="leave `--since` out")
        if reinstate:
            value = identity_value(*identity) if identity else ""
            revocations = revocations_of(log, "" if identity else subject.text, value=value)
            receipts = lift(log, who, revocations, reason)
            left = revocations_of(log, "" if identity else subject.text, value=value)
        else:
            receipts = (enter(log, who, subject, reason, since=moment),)
            left = revocations_of(log, subject.text)
        origin = log.origin
        alone = () if reinstate or is_anybody_left(log) else (_nobody_left(str(ledger)),)
    console.finish(
        Document(
            schema="weightmark/revoke/v1",
            exit=Exit.GOOD,
            facts={
                "origin": origin,
                "subject": subject.text,
                "revoked_at": [one.index for one in left],
                "entries": [receipt_facts(one) for one in receipts],
            },
            notices=(
                *(entry_line(one.index, one.event) for one in receipts),
                _standing(subject.text, left, origin),
                *(_lacking(one) for one in left if reinstate),
                *alone,
            ),
        )
    )


def _lacking(one: "Revocation") -> str:
    """Say how many have to lift a revocation still."""
    from weightmark.attestations.ledger.revocations import TO_LIFT

    more = TO_LIFT - one.voices
    has = "one more with the role has" if more == 1 else f"{more} more with the role have"
    return f"{one.voices} of {TO_LIFT} reinstated #{one.index}; {has} to: `weightmark revoke --reinstate`"


def _nobody_left(place: str) -> str:
    """Say that nobody can write to the ledger any more, and who can change that."""
    how = (
        f"`weightmark ledger admit NEW-KEY --ledger {shlex.quote(place)} --owner-key recovery.key`"
    )
    return (
        f"nobody who is admitted may write to the ledger any more; its owners admit somebody: {how}"
    )


def _standing(subject: str, left: "Sequence[Revocation]", origin: str) -> str:
    if not left:
        return f"nothing revokes `{subject}` any more"
    places = ", ".join(f"#{one.index}" for one in left)
    narrow = all(one.only_of is not None for one in left)
    rest = "; without the role it binds claims by its own signer only" if narrow else ""
    return f"`{subject}` is revoked at {places} of `{origin}`{rest}"
