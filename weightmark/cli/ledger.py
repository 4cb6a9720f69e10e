"""`weightmark ledger`: keep and check an append-only register."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, event_facts
from weightmark.cli.ledger_options import (
    ledger_option,
    ledger_path,
    log_key_option,
    open_ledger,
    read_log_key,
)
from weightmark.cli.options import option, trust_options
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.cli.signer_options import load_signer, passphrase_option
from weightmark.errors import CallError, Exit, NoInputError, TrustNotSaidError

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.provenance.ledger.admission import Submitter
    from weightmark.provenance.ledger.audit import LedgerAudit
    from weightmark.provenance.ledger.proof import Receipt, VerifiedReceipt
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["append", "init", "list_", "prove", "show", "verify"]

_SUBJECT = re.compile(r"(wm1|sha256|key):[0-9a-f]{64}")
_SHORT_DIGEST = 12


@command("ledger init")
@click.argument("path", metavar="[PATH]", required=False)
@option(
    "--admit",
    metavar="KEY[:KIND]",
    multiple=True,
    help="Public key that may write, all kinds or the one named; may be given several times",
)
@option(
    "--origin",
    metavar="NAME",
    help="Name of the log, for example `ledger.example.com/models` (default: a random one)",
)
@pass_console
def init(console: Console, path: str | None, *, admit: tuple[str, ...], origin: str | None) -> None:
    """Make a ledger: its log key, its recovery key, and entry 0, which says who may write.

    Move `recovery.key` to a place that is offline. Without PATH the ledger is made in your data folder.
    """
    from weightmark.provenance.ledger.log import Ledger

    if not admit:
        raise CallError(
            "nobody would be allowed to write to this ledger",
            why="who may write stands in entry 0, which never changes",
            fix=f"name at least one public key: `{_init_command(path)} --admit release.pub`",
        )
    folder = ledger_path(path)
    if origin:
        _check_origin(origin)
    with Ledger.create(folder, origin=origin or "", submitters=_submitters(admit)) as ledger:
        facts = {"path": str(folder), "origin": ledger.origin, "log_key": ledger.vkey}
    console.hint(f"move `{folder / 'recovery.key'}` to a place that is offline")
    lines = (f"ledger   {folder}", f"origin   {facts['origin']}", f"log key  {facts['log_key']}")
    console.finish(
        Document(schema="weightmark/ledger-init/v1", exit=Exit.GOOD, facts=facts, notices=lines)
    )


@command("ledger append", own_output=True)
@click.argument("path", metavar="FILE", type=click.Path())
@ledger_option()
@trust_options(signing=True)
@passphrase_option()
@option(
    "--kind",
    type=click.Choice(["observed"]),
    help="Enter the claims as merely observed, which no policy counts",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Where to write the receipt (default: `model.receipt` beside `model.claims`)",
)
@pass_console
def append(
    console: Console,
    path: str,
    *,
    ledger: str | None,
    key: str | None,
    passphrase_file: str | None,
    kind: str | None,
    output: str | None,
) -> None:
    """Enter the claims of FILE, one bundle a line, all or none; `--key` is the submitter's.

    The same claims again change nothing. The receipt of the newest release entry goes beside
    `model.claims` as `model.receipt`; with `--output` that of the newest entry goes there.
    """
    from weightmark.attestations.submission import submit
    from weightmark.provenance.atomic import replace_files

    claims = _read_claims(Path(path))
    signer = load_signer(key, passphrase_file, command=f"ledger append {path}")
    with open_ledger(ledger) as log:
        receipts = submit(log, claims, signer, kind=kind)
        facts = {"origin": log.origin, "size": log.refresh().size}
    newest, target = _receipt_to_write(Path(path), output, receipts)
    if newest and target:
        replace_files({target: newest.text})
        console.note(f"receipt written to `{target}`")
    console.finish(
        Document(
            schema="weightmark/ledger-append/v1",
            exit=Exit.GOOD,
            facts={
                **facts,
                "entries": [_receipt_facts(one) for one in receipts],
                "receipt": str(target) if newest and target else None,
            },
            notices=tuple(_line(one.index, one.event) for one in receipts),
        )
    )


@command("ledger list")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option("--subject", metavar="wm1:HEX", help="Only entries about this identity")
@option("--kind", metavar="KIND", help="Only entries of this kind")
@option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="First index")
@option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="At most so many entries",
)
@pass_console
def list_(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    subject: str | None,
    kind: str | None,
    start: int,
    limit: int,
) -> None:
    """List the entries of a ledger, each proven against its signed checkpoint."""
    if subject and not _SUBJECT.fullmatch(subject):
        raise CallError(
            f"`{subject}` is no identity", fix="name it as `weightmark digest` does: `wm1:<hex>`"
        )
    with open_ledger(ledger, log_key) as log:
        size = log.refresh().size
        if subject or kind:
            matching = log.find(subject=subject, kind=_kind(kind), start=start)
            found, more = matching[:limit], len(matching) - limit
        else:
            found = log.entries(start, limit)
            more = size - start - len(found)
        facts = {
            "origin": log.origin,
            "size": size,
            "entries": [_event_facts(one) for one in found],
        }
    if not found:
        console.note("no entries match")
    elif more > 0:
        console.note(f"{more} more; use `--start {found[-1].index + 1}` or `--limit`")
    lines = tuple(_line(one.index, one.event) for one in found)
    console.finish(
        Document(schema="weightmark/ledger-list/v1", exit=Exit.GOOD, facts=facts, lines=lines)
    )


@command("ledger show")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def show(console: Console, index: int, *, ledger: str | None, log_key: str | None) -> None:
    """Show one entry in full."""
    with open_ledger(ledger, log_key) as log:
        facts = _event_facts(log.entry(index))
        admitted = [
            {"key": one.fingerprint, "kinds": sorted(one.kinds)}
            for one in (log.policy().submitters if index == 0 else ())
        ]
    lines = [f"{name:<15} {'-' if value is None else value}" for name, value in facts.items()]
    lines += [f"{'admitted':<15} {one['key']} {' '.join(one['kinds'])}" for one in admitted]
    facts["admitted"] = admitted if index == 0 else None
    console.finish(
        Document(
            schema="weightmark/ledger-show/v1", exit=Exit.GOOD, facts=facts, lines=tuple(lines)
        )
    )


@command("ledger prove")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def prove(console: Console, index: int, *, ledger: str | None, log_key: str | None) -> None:
    """Print the receipt of an entry: a C2SP tlog-proof that anybody can check offline."""
    with open_ledger(ledger, log_key) as log:
        receipt = log.prove(index)
    text = receipt.text.decode("utf-8")
    facts = {**_receipt_facts(receipt), "receipt": text}
    console.finish(
        Document(
            schema="weightmark/ledger-prove/v1",
            exit=Exit.GOOD,
            facts=facts,
            lines=tuple(text.splitlines()),
        )
    )


@command("ledger verify")
@click.argument("path", metavar="[PATH]", required=False)
@ledger_option()
@option(
    "--receipt",
    metavar="FILE",
    type=click.Path(),
    help="Check this receipt offline instead of a whole ledger",
)
@log_key_option("Verifier key that you trust; with `--ledger` it may be left out")
@pass_console
def verify(
    console: Console,
    path: str | None,
    *,
    ledger: str | None,
    receipt: str | None,
    log_key: str | None,
) -> None:
    """Check the whole ledger, or a receipt; with PATH, that the receipt is about this artifact.

    A whole ledger is recomputed from its entries: root, tiles, checkpoint, published view, stored
    claims, and the signature of every request.
    """
    if receipt:
        console.finish(_check_receipt(console, Path(receipt), path, ledger, log_key))
    if path:
        raise CallError("PATH goes with `--receipt`", fix="name the ledger with `--ledger`")
    from weightmark.attestations.submission import BundleVerifier

    with open_ledger(ledger, log_key) as log:
        audit = log.verify(BundleVerifier())
    console.note("unwitnessed: the operator could rewrite what nobody else has seen")
    console.finish(_audit_document(audit))


def _init_command(path: str | None) -> str:
    return "weightmark ledger init" + (f" {shlex.quote(path)}" if path else "")


def _check_origin(origin: str) -> None:
    from weightmark.errors import MalformedError
    from weightmark.provenance.ledger.event import check_origin

    try:
        check_origin(origin)
    except MalformedError as error:
        raise CallError(error.what, why=error.why, fix=error.fix) from error


def _submitters(admit: Sequence[str]) -> "list[Submitter]":
    from weightmark.attestations.keys import PublicKey
    from weightmark.provenance.ledger.admission import SUBMITTED_KINDS, Submitter

    kinds: dict[str, set[Any]] = {}
    pems: dict[str, bytes] = {}
    for text in admit:
        name, _, kind = text.rpartition(":")
        if not name or Path(text).exists():
            name, kind = text, ""
        pem = PublicKey.load(name).pem
        pems[name] = pem
        kinds.setdefault(name, set()).update({_kind(kind)} if kind else SUBMITTED_KINDS)
    return [Submitter.from_pem(pem, frozenset(kinds[name])) for name, pem in pems.items()]


def _kind(text: str | None) -> Any:
    from weightmark.provenance.ledger.event import Kind

    if text is None:
        return None
    if text not in set(Kind):
        raise CallError(
            f"`{text}` is no kind of entry", fix=f"use one of {', '.join(sorted(Kind))}"
        )
    return Kind(text)


def _read_claims(path: Path) -> "list[Bundle]":
    from weightmark.attestations.claims import parse_claims
    from weightmark.provenance.sidecars import read_bounded

    if not path.exists():
        raise CallError(
            f"`{path}` does not exist",
            fix="name a file of claims, for example `my-model/model.claims`",
        )
    if path.is_dir():
        raise CallError(
            f"`{path}` is a folder, not a file of claims", fix=f"name `{path / 'model.claims'}`"
        )
    lines = parse_claims(read_bounded(path))
    if not lines:
        raise NoInputError(f"`{path}` holds no claims", fix="sign the artifact first")
    for line in lines:
        if line.error:
            raise line.error
    return [line.bundle for line in lines if line.bundle]


def _receipt_to_write(
    claims: Path, output: str | None, receipts: "Sequence[Receipt]"
) -> "tuple[Receipt | None, Path | None]":
    """Choose a receipt and its place: the reserved name holds releases only."""
    releases = [one for one in receipts if one.event.kind == "release"]
    if output:
        return (releases or list(receipts))[-1], Path(output)
    if releases and claims.suffix == ".claims":
        return releases[-1], claims.with_suffix(".receipt")
    return None, None


def _check_receipt(
    console: Console, receipt: Path, path: str | None, ledger: str | None, log_key: str | None
) -> Document:
    from weightmark.provenance.identification import identify
    from weightmark.provenance.ledger.note import NoteVerifier
    from weightmark.provenance.ledger.proof import verify_receipt
    from weightmark.provenance.sidecars import read_named

    if log_key:
        verifier = NoteVerifier.parse(read_log_key(log_key))
    elif ledger:
        with open_ledger(ledger) as log:
            verifier = log.verifier
    else:
        raise TrustNotSaidError(
            "whose log the receipt must be from was not said",
            why="anybody can make a log of their own",
            fix="name the log's verifier key with `--log-key log.vkey`",
        )
    verified = verify_receipt(read_named(receipt, "receipt"), verifier)
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


def _audit_document(audit: "LedgerAudit") -> Document:
    from weightmark.attestations.checks import Check, merge_checks
    from weightmark.attestations.checks import Outcome as Came

    sound = f"{audit.head.size} entries, root and checkpoint recomputed"
    checks = [
        Check(
            problem.where, Came.FAIL if problem.exit is Exit.BAD else Came.UNCHECKED, problem.what
        )
        for problem in audit.problems
    ] or [Check("log", Came.PASS, sound)]
    code = audit.exit
    return Document(
        schema="weightmark/ledger-verify/v1",
        exit=code,
        verdict={Exit.GOOD: "verified", Exit.BAD: "refused"}.get(code, "unchecked"),
        headline="the ledger is sound"
        if code is Exit.GOOD
        else f"the ledger is not sound: {len(audit.problems)} problems",
        checks=check_lines(merge_checks(checks)),
        facts={
            "checked": "ledger",
            "origin": audit.head.origin,
            "size": audit.head.size,
            "root": f"sha256:{audit.head.root.hex()}",
            "published": audit.published,
            "blobs": {str(state): count for state, count in audit.blobs.items()},
            "signatures_checked": audit.signatures_checked,
        },
    )


def _line(index: int, event: Any) -> str:
    subject = event.subject or "-"
    return f"{index:>6}  {event.at}  {event.kind:<10} {subject:<68}  {_short(event.signer)}"


def _short(signer: str) -> str:
    kind, _, digest = signer.partition(":")
    return f"{kind}:{digest[:_SHORT_DIGEST]}…"


def _event_facts(logged: "LoggedEvent") -> dict[str, Any]:
    return {"index": logged.index, **event_facts(logged.event)}


def _receipt_facts(receipt: "Receipt") -> dict[str, Any]:
    return {"index": receipt.index, **event_facts(receipt.event)}
