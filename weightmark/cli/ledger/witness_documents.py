"""What witnesses did, as answers."""

from typing import TYPE_CHECKING, Any

from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit, ProofMissingError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.collection import Collection
    from weightmark.provenance.ledger.witnessing.quorum import Cosignature, WitnessedCheckpoint

__all__ = ["collection_document", "unwitnessed_document", "witnessed_document"]


def collection_document(collection: "Collection", *, kept: bool) -> Document:
    """Say what each witness did, and whether the quorum saw the checkpoint."""
    checks = []
    for outcome in collection.outcomes:
        name = f"witness {outcome.witness.name.decode('utf-8', 'backslashreplace')}"
        error = outcome.error
        if error is None:
            checks.append(CheckLine(Outcome.PASS, name, f"cosigned by {outcome.witness.url}"))
        else:
            came = Outcome.FAIL if error.exit is Exit.BAD else Outcome.UNCHECKED
            checks.append(CheckLine(came, name, error.what, error.why, error.fix, code=error.code))
    good = collection.quorum and not collection.contradicted
    bad = Exit.BAD if collection.contradicted else Exit.UNCHECKED
    head = collection.cosigned.checkpoint
    return Document(
        schema="weightmark/ledger-witness-collect/v1",
        exit=Exit.GOOD if good else bad,
        verdict="witnessed" if good else "unwitnessed",
        headline=f"witnessed at size {head.size}" if good else _unwitnessed(),
        checks=tuple(checks),
        facts={
            "origin": head.origin,
            "size": head.size,
            "root": f"sha256:{head.root.hex()}",
            "witnesses": [_cosignature_facts(one) for one in collection.cosigned.cosignatures],
            "checkpoint": head.note.decode("utf-8"),
            "kept": kept,
        },
    )


def witnessed_document(witnessed: "WitnessedCheckpoint", size: int) -> Document:
    """Say who saw the checkpoint; `size` is that of the whole log."""
    head = witnessed.checkpoint
    checks = [
        CheckLine(
            Outcome.PASS,
            f"witness {one.witness.name} {one.witness.key_id.hex()}",
            f"saw it at {_time(one)}",
        )
        for one in witnessed.cosignatures
    ]
    if size > head.size:
        younger = f"{size - head.size} entries are younger and {_unwitnessed()}"
        checks.append(CheckLine(Outcome.INFO, "younger", younger))
    return Document(
        schema="weightmark/ledger-witness-check/v1",
        exit=Exit.GOOD,
        verdict="witnessed",
        headline=f"witnessed at size {head.size}",
        checks=tuple(checks),
        facts={
            "origin": head.origin,
            "size": head.size,
            "root": f"sha256:{head.root.hex()}",
            "witnesses": [_cosignature_facts(one) for one in witnessed.cosignatures],
        },
    )


def unwitnessed_document(error: ProofMissingError) -> Document:
    """Say that the quorum is missing, which is no verdict about the log."""
    line = CheckLine(Outcome.UNCHECKED, "quorum", error.what, error.why, error.fix, code=error.code)
    return Document(
        schema="weightmark/ledger-witness-check/v1",
        exit=error.exit,
        verdict="unwitnessed",
        headline=_unwitnessed(),
        checks=(line,),
        facts={"origin": None, "size": None, "root": None, "witnesses": []},
    )


def _unwitnessed() -> str:
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    return UNWITNESSED


def _cosignature_facts(cosignature: "Cosignature") -> dict[str, Any]:
    return {"key": cosignature.witness.vkey, "at": _time(cosignature)}


def _time(cosignature: "Cosignature") -> str:
    return f"{cosignature.at:%Y-%m-%dT%H:%M:%SZ}"
