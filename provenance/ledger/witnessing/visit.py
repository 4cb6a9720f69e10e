"""Cosign a log where it is published: read its checkpoint, compute the proof from its tiles, judge.

Nothing that is read there is believed: the witness checks the proof against signed checkpoints.
"""

from pathlib import Path

from weightmark.errors import CallError, LedgerInconsistentError, NetworkError
from weightmark.provenance.ledger.merkle import consistency_proof
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.store.static import StaticReader
from weightmark.provenance.ledger.tiles import node_reader
from weightmark.provenance.ledger.view.interface import CHECKPOINT, ViewFiles
from weightmark.provenance.ledger.witnessing.request import AddCheckpoint
from weightmark.provenance.ledger.witnessing.witness import Cosigned, Witness

__all__ = ["visit"]

_ATTEMPTS = 3


def visit(witness: Witness, place: str) -> Cosigned:
    """Cosign the log at `place`, if it extends what the witness saw.

    `place` is an address, a folder, or the folder of a ledger. Raises `CallError` when no log is
    there, as `Witness.cosign`, and `LedgerInconsistentError` also when the log is smaller than what
    the witness saw, or a tile is missing.
    """
    reader = StaticReader(_view(place))
    note = reader.head().checkpoint
    head = witness.verify(note)
    for _ in range(_ATTEMPTS):
        seen = witness.seen(head.origin)
        old = seen.size if seen else 0
        if old > head.size:
            raise LedgerInconsistentError(
                f"the log `{head.origin}` was rolled back: it shows {head.size} entries, this"
                f" witness cosigned {old}",
                why="an append-only log never shrinks",
                fix="ask whoever runs the log; keep its checkpoint",
            )
        proof = consistency_proof(node_reader(reader.tile), old, head.size)
        answer = witness.cosign(AddCheckpoint(old, tuple(proof), note))
        if isinstance(answer, Cosigned):
            return answer
    raise NetworkError(
        f"the log `{head.origin}` was cosigned by others all the time", fix="try again"
    )


def _view(place: str) -> ViewFiles:
    places = [place] if "://" in place else [Path(place), Path(place) / "tiles"]
    for view in map(view_of, places):
        if view.get(CHECKPOINT) is not None:
            return view
    raise CallError(
        f"there is no log at `{place}`",
        why="it has no file `checkpoint`",
        fix="name the folder or the address under which a log publishes its tiles",
    )
