"""`weightmark inspect`: what a signature, a claims file, a bundle or a receipt says; no verdict."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import error_facts, event_facts
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, MalformedError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.statements import Statement

__all__ = ["inspect"]

_HEAD = 64


@command("inspect")
@click.argument("path", metavar="FILE", type=click.Path())
@pass_console
def inspect(console: Console, path: str) -> None:
    """Show what a signature, a claims file or a receipt says, without judging it.

    Nothing is verified: anybody can write such a file. Use `verify` for an answer.
    """
    from weightmark.provenance.sidecars import read_bounded

    if not Path(path).exists() and not Path(path).is_symlink():
        raise CallError(f"`{path}` does not exist", fix="check the path")
    if Path(path).is_dir():
        claims = Path(path) / "model.claims"
        raise CallError(
            f"`{path}` is a folder", fix=f"name a file that speaks of it, for example `{claims}`"
        )
    data = read_bounded(Path(path))
    _refuse_other_files(path, data)
    entries = _receipt(data) if data.startswith(b"c2sp.org/tlog-proof@") else _bundles(data)
    console.note("nothing was verified: this is what the file says of itself")
    lines = json.dumps(entries, indent=2, ensure_ascii=True).splitlines()
    console.finish(
        Document(
            schema="weightmark/inspect/v1",
            exit=Exit.GOOD,
            facts={"path": path, "entries": entries},
            lines=tuple(lines),
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


def _bundles(data: bytes) -> list[dict[str, Any]]:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.claims import parse_claims

    try:
        return [_entry(1, Bundle.parse(data, what="the file"), None)]
    except MalformedError:
        lines = parse_claims(data)
        if not any(line.bundle for line in lines):
            raise
    return [_entry(line.number, line.bundle, line.error) for line in lines]


def _entry(line: int, bundle: "Bundle | None", error: WeightmarkError | None) -> dict[str, Any]:
    """Return what one line says; what it does not say is null."""
    from weightmark.attestations.statements import Statement

    envelope, statement = bundle.envelope if bundle else None, None
    try:
        if envelope:
            statement = Statement.parse(envelope.payload_type, envelope.payload)
    except WeightmarkError as failure:
        error = failure
    return {
        "kind": "bundle",
        "line": line,
        "key_hint": bundle.key_hint if bundle else None,
        "claim_id": f"sha256:{envelope.claim_id}" if envelope else None,
        "payload_type": envelope.payload_type if envelope else None,
        "subjects": _subjects(statement) if statement else None,
        "predicate_type": statement.predicate_type if statement else None,
        "predicate": statement.predicate if statement else None,
        "error": error_facts(error) if error else None,
    }


def _subjects(statement: "Statement") -> list[dict[str, Any]]:
    return [
        {
            "name": subject.name,
            "digest": subject.identity or (f"sha256:{subject.sha256}" if subject.sha256 else None),
        }
        for subject in statement.subjects
    ]


def _receipt(data: bytes) -> list[dict[str, Any]]:
    from weightmark.provenance.ledger.event import parse_event
    from weightmark.provenance.ledger.proof import parse_proof

    proof = parse_proof(data)
    event, error = None, None
    try:
        event = parse_event(proof.extra) if proof.extra is not None else None
    except WeightmarkError as failure:
        error = failure
    return [
        {
            "kind": "receipt",
            "index": proof.index,
            "hashes": len(proof.hashes),
            "event": event_facts(event) if event else None,
            "error": error_facts(error) if error else None,
        }
    ]
