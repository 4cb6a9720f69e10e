"""A receipt checked offline, and said in words."""

from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.cli.console import Console
from weightmark.cli.documents import event_facts
from weightmark.cli.options.ledger import open_ledger, read_log_key
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit, TrustNotSaidError, WrongSignerError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.proof import VerifiedReceipt

__all__ = ["check_receipt"]


def check_receipt(
    console: Console, receipt: Path, path: str | None, ledger: str | None, log_key: str | None
) -> Document:
    """Check a receipt offline; with `path`, that it is about this artifact too.

    Raises `TrustNotSaidError` when neither a log key nor a ledger says whose receipt it must be.
    """
    from weightmark.provenance.identification import identify
    from weightmark.provenance.sidecars import read_named

    data = read_named(receipt, "receipt")
    try:
        verified = _verified(data, ledger, log_key)
    except WrongSignerError as error:
        raise WrongSignerError(
            error.what,
            why=error.why or "it is of another log, or from before the log got a new key",
            fix="after a rotation, check it with the ledger itself (`--ledger`), or under the key of its time: `--log-key log.vkey.1`",
        ) from error
    checks = [_receipt_check(verified)]
    if path:
        with console.progress(None) as progress:
            identity = identify(path, progress=progress, jobs=console.jobs).identity
        checks.append(_subject_check(identity, verified))
    bad = any(check.outcome is Outcome.FAIL for check in checks)
    return Document(
        schema="weightmark/ledger-verify/v1",
        exit=Exit.BAD if bad else Exit.GOOD,
        verdict="refused" if bad else "verified",
        headline="the receipt is not about this artifact" if bad else "the receipt is good",
        checks=tuple(checks),
        facts={
            "checked": "receipt",
            "origin": verified.event.origin,
            "index": verified.index,
            "event": event_facts(verified.event),
        },
    )


def _verified(data: bytes, ledger: str | None, log_key: str | None) -> "VerifiedReceipt":
    """Check the receipt under the key that is named, or any that the ledger has and had."""
    from weightmark.provenance.ledger.note import NoteVerifier
    from weightmark.provenance.ledger.proof import verify_receipt

    if log_key:
        return verify_receipt(data, NoteVerifier.parse(read_log_key(log_key)))
    if ledger:
        with open_ledger(ledger) as log:
            return log.verify_receipt(data)
    raise TrustNotSaidError(
        "whose log the receipt must be from was not said",
        why="anybody can make a log of their own",
        fix="name the log's verifier key with `--log-key log.vkey`",
    )


def _receipt_check(verified: "VerifiedReceipt") -> CheckLine:
    event = verified.event
    summary = f"entry {verified.index} of `{event.origin}`: {event.kind} of {event.subject or 'the log itself'}, {event.at}"
    return CheckLine(Outcome.PASS, "receipt", summary)


def _subject_check(identity: str, verified: "VerifiedReceipt") -> CheckLine:
    if identity == verified.event.subject:
        return CheckLine(Outcome.PASS, "artifact", f"is what the entry is about: {identity}")
    return CheckLine(
        Outcome.FAIL,
        "artifact",
        f"is {identity}, the entry is about {verified.event.subject or 'something else'}",
        "the receipt belongs to another artifact, or this one was changed",
        "get artifact and receipt again from the publisher",
    )
