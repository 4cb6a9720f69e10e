"""`weightmark inspect`: what a signature, a claims file, a bundle or a receipt says; no verdict."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit, MalformedError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle

__all__ = ["inspect"]


@command("inspect")
@click.argument("path", metavar="FILE", type=click.Path())
@pass_console
def inspect(console: Console, path: str) -> None:
    """Show what a signature, a claims file or a receipt says, without judging it.

    Nothing is verified: anybody can write such a file. Use `verify` for an answer.
    """
    from weightmark.provenance.sidecars import read_bounded

    data = read_bounded(Path(path))
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


def _bundles(data: bytes) -> list[dict[str, Any]]:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.claims import parse_claims

    try:
        return [{"line": 1, **_describe(Bundle.parse(data, what="the file"))}]
    except MalformedError:
        lines = parse_claims(data)
        if not any(line.bundle for line in lines):
            raise
    return [
        {
            "line": line.number,
            **(_describe(line.bundle) if line.bundle else {"error": str(line.error)}),
        }
        for line in lines
    ]


def _describe(bundle: "Bundle") -> dict[str, Any]:
    from weightmark.attestations.statements import Statement

    facts: dict[str, Any] = {
        "key_hint": bundle.material.text,
        "claim_id": f"sha256:{bundle.envelope.claim_id}",
        "payload_type": bundle.envelope.payload_type,
    }
    try:
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
    except WeightmarkError as error:
        return {**facts, "error": error.what}
    subjects = [
        {
            "name": subject.name,
            "digest": subject.identity or (f"sha256:{subject.sha256}" if subject.sha256 else ""),
        }
        for subject in statement.subjects
    ]
    return {
        **facts,
        "subjects": subjects,
        "predicate_type": statement.predicate_type,
        "predicate": statement.predicate,
    }


def _receipt(data: bytes) -> list[dict[str, Any]]:
    from weightmark.provenance.ledger.proof import parse_proof

    proof = parse_proof(data)
    return [
        {
            "index": proof.index,
            "hashes": len(proof.hashes),
            "event": json.loads(proof.extra) if proof.extra else None,
        }
    ]
