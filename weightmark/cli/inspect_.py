"""`weightmark inspect`: what a signature, a claims file, a bundle or a receipt says; no verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import error_facts, event_facts
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, MalformedError, UnsupportedError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.statements import Statement

__all__ = ["inspect"]

Words = tuple[tuple[str, str], ...]
"""label and sentence"""
Entry = tuple[dict[str, Any], Words, str]
"""one claim or receipt: as facts, as words, and where in the file it stands"""

_HEAD = 64


@command("inspect")
@click.argument("path", metavar="FILE", type=click.Path())
@pass_console
def inspect(console: Console, path: str) -> None:
    """Show what a signature, a claims file or a receipt says, without judging it.

    Nothing is verified: anybody can write such a file. Use `verify` for an answer.
    """
    from weightmark.provenance.artifact import nothing_at
    from weightmark.provenance.sidecars import read_bounded

    if not Path(path).exists() and not Path(path).is_symlink():
        raise nothing_at(path)
    if Path(path).is_dir():
        claims = Path(path) / "model.claims"
        raise CallError(
            f"`{path}` is a folder", fix=f"name a file that speaks of it, for example `{claims}`"
        )
    data = read_bounded(Path(path))
    _refuse_other_files(path, data)
    entries = _receipt(data) if data.startswith(b"c2sp.org/tlog-proof@") else _bundles(data)
    console.note("nothing was verified: this is what the file says of itself")
    lines = tuple(line for entry in entries for line in _lines(*entry))
    console.finish(
        Document(
            schema="weightmark/inspect/v1",
            exit=Exit.GOOD,
            facts={"path": path, "entries": [facts for facts, _, _ in entries]},
            lines=lines,
        )
    )


def _refuse_other_files(path: str, data: bytes) -> None:
    """Refuse what is no damaged document but simply another kind of file."""
    fix = "name a signature, a claims file, a bundle or a receipt"
    if b"-----BEGIN" in data[:_HEAD]:
        kind = "private" if b"PRIVATE KEY-----" in data[:_HEAD] else "public"
        raise CallError(
            f"`{path}` is a {kind} key, which says nothing of a model",
            fix=f"{fix}, or see the key with `weightmark key show`",
        )
    if not data.lstrip().startswith((b"{", b"c2sp.org/tlog-proof@")):
        raise CallError(f"`{path}` is no bundle, no claims and no receipt", fix=fix)


def _lines(facts: dict[str, Any], words: "Words", place: str) -> Iterator[str]:
    """Yield one entry as text: a title, then a word and what it says."""
    where = f"{place}: " if place else ""
    version = f" v{facts['version']}" if facts.get("version") else ""
    yield f"{where}{facts['kind']}{version}"
    width = max((len(label) for label, _ in words), default=0)
    yield from (f"  {label:<{width}}  {text}" for label, text in words)
    if facts["error"] and not words:
        yield f"  {facts['error']['what']}"


def _bundles(data: bytes) -> "list[Entry]":
    """Read what `verify --claims` reads: bundles, and the shapes of other tools."""
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.claims import parse_store

    try:
        return [_entry(1, "", Bundle.parse(data, what="the file"), None)]
    except MalformedError as error:
        lines = parse_store(data)
        if not any(line.bundle for line in lines):
            unsupported = [one.error for one in lines if isinstance(one.error, UnsupportedError)]
            raise next(iter(unsupported), error) from error
    return [
        _entry(line.number, "" if line.where == "line 1" else line.where, line.bundle, line.error)
        for line in lines
    ]


def _entry(
    line: int, place: str, bundle: "Bundle | None", error: WeightmarkError | None
) -> "Entry":
    """Return what one line says, as facts and as words; what it does not say is null."""
    from weightmark.attestations.bundles.dsse import Envelope
    from weightmark.attestations.verifying.description import describe

    said = describe(bundle) if bundle else None
    error = error or (said.error if said else None)
    envelope = bundle.content if bundle and isinstance(bundle.content, Envelope) else None
    statement = said.statement if said else None
    facts = {
        "kind": "bundle",
        "line": line,
        "version": said.version if said else None,
        "signer": said.signer if said else None,
        "certificate": said.certificate if said else None,
        "log_entries": list(said.log_entries) if said else None,
        "timestamps": list(said.timestamps) if said else None,
        "key_hint": bundle.key_hint if bundle else None,
        "claim_id": f"sha256:{envelope.claim_id}" if envelope else None,
        "payload_type": envelope.payload_type if envelope else None,
        "subjects": _subjects(statement) if statement else None,
        "predicate_type": statement.predicate_type if statement else None,
        "predicate": statement.predicate if statement else None,
        "error": error_facts(error) if error else None,
    }
    return facts, said.words if said else (), place


def _subjects(statement: "Statement") -> list[dict[str, Any]]:
    return [
        {
            "name": subject.name,
            "digest": subject.identity or (f"sha256:{subject.sha256}" if subject.sha256 else None),
        }
        for subject in statement.subjects
    ]


def _receipt(data: bytes) -> "list[Entry]":
    from weightmark.provenance.ledger.event import parse_event
    from weightmark.provenance.ledger.proof import parse_proof

    proof = parse_proof(data)
    event, error = None, None
    try:
        event = parse_event(proof.extra) if proof.extra is not None else None
    except WeightmarkError as failure:
        error = failure
    words = [("entry", f"{proof.index} of a ledger")]
    if event:
        words = [("entry", f"{proof.index} of the ledger `{event.origin}`, a {event.kind}")]
        words += [("about", event.subject or "the ledger itself"), ("claim by", event.signer)]
        words += [("entered by", event.submitter), ("at", f"{event.at} by the ledger's own clock")]
    words.append(("to check it", "weightmark ledger verify --receipt FILE --log-key log.vkey PATH"))
    facts = {
        "kind": "receipt",
        "index": proof.index,
        "hashes": len(proof.hashes),
        "event": event_facts(event) if event else None,
        "error": error_facts(error) if error else None,
    }
    return [(facts, tuple(words), "")]
