"""Small logs: their nodes, proofs, checkpoints and tiles."""

from collections.abc import Sequence

from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.merkle import (
    NodeReader,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.proof import Proof

__all__ = ["LOG", "OTHER", "STRANGER", "checkpoint_of", "entries_of", "prove", "site_of", "tree"]

LOG = NoteSigner("log.example/models", b"\x05" * 32)
OTHER = NoteSigner("log.example/models", b"\x06" * 32)
STRANGER = NoteSigner("stranger.example", b"\x07" * 32)
_WIDTH = 256


def entries_of(count: int, word: str = "entry") -> list[bytes]:
    """Make entries that differ."""
    return [f"{word} {number}".encode() for number in range(count)]


def tree(entries: Sequence[bytes]) -> NodeReader:
    """Read the nodes of a small log."""
    rows = [[leaf_hash(entry) for entry in entries]]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)])
    return lambda height, index: rows[height][index]


def checkpoint_of(
    entries: Sequence[bytes], signer: NoteSigner = LOG, *, size: int | None = None
) -> bytes:
    """Sign the checkpoint of a log; `size` is what it says, if not the truth."""
    root = tree_root(tree(entries), len(entries))
    return Checkpoint(signer.name, len(entries) if size is None else size, root).sign(signer)


def prove(
    index: int,
    entries: Sequence[bytes],
    signer: NoteSigner = LOG,
    *,
    size: int | None = None,
    extra: bytes | None = None,
) -> Proof:
    """Prove an entry; `size` is what the checkpoint says, if not the truth."""
    path = inclusion_proof(tree(entries), index, len(entries))
    return Proof(index, tuple(path), checkpoint_of(entries, signer, size=size), extra)


def site_of(entries: Sequence[bytes], signer: NoteSigner = LOG) -> dict[str, bytes]:
    """Return the files of a log's site as tlog-tiles names them: `checkpoint` and hash tiles."""
    read, files = tree(entries), {"checkpoint": checkpoint_of(entries, signer)}
    level, count = 0, len(entries)
    while count:
        for number in range(-(-count // _WIDTH)):
            width = min(_WIDTH, count - number * _WIDTH)
            hashes = [read(8 * level, number * _WIDTH + at) for at in range(width)]
            part = "" if width == _WIDTH else f".p/{width}"
            files[f"tile/{level}/{number:03d}{part}"] = b"".join(hashes)
        level, count = level + 1, count // _WIDTH
    return files
